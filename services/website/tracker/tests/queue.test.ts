import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import type { TrackedEvent } from "../src/event";

const DAY_MS = 864e5;
const DROPPED_AFTER_MS = 4e5;

type Handler = (ids: string[]) => Response | Promise<Response>;

// A page, a clock and a collector; the queue sees nothing else.
let now: number;
let timers: { at: number; run: () => void; id: number }[];
let answer: Handler;
let reachable: boolean;
let requests: { at: number; ids: string[] }[];
let warnings: string[];
/** The title of each event that was sent, by its id. */
let titles: Record<string, string | undefined>;

const storage: Record<string, string> = {};
const globals = globalThis as Record<string, unknown>;
globals.document = { currentScript: { src: "https://clicks.example/divolte.js", dataset: {} } };
globals.window = globalThis;
globals.location = { href: "https://shop.example/" };
let title: string;
globals.Document = {
  prototype: {
    get title() {
      return title;
    },
  },
};
globals.localStorage = storage;
// As on a page without encryption, which has no locks; tests/browser has pages with them.
Object.defineProperty(globalThis, "navigator", { value: {} });
globals.Date = class extends Date {
  constructor() {
    super(now);
  }
} as DateConstructor;
globals.setTimeout = (run: () => void, wait = 0) => {
  // As browsers do, which then call at once.
  const at = now + (wait > 0 && wait < 2 ** 31 ? wait : 0);
  timers.push({ at, run, id: timers.length + 1 });
  return timers.length;
};
globals.clearTimeout = (id: number) => (timers = timers.map((timer) => (timer.id == id ? { ...timer, at: NaN } : timer)));
console.warn = (text: string) => warnings.push(text);
globals.fetch = async (url: URL, { body, mode }: { body: string; mode?: string }) => {
  assert.equal(url.href, "https://clicks.example/csc-batch");
  if (mode == "no-cors") {
    if (!reachable) throw new TypeError("Failed to fetch");
    return Response.json({});
  }
  const { events } = JSON.parse(body) as { events: TrackedEvent[] };
  for (const { l, d, ...event } of events) {
    assert.deepEqual(Object.keys(event), ["e", "c", "t"], "nothing but the event is sent");
    titles[event.e] = d;
  }
  const ids = events.map((event) => event.e);
  requests.push({ at: now, ids });
  return answer(ids);
};

const accept: Handler = (accepted) => Response.json({ accepted, rejected: [] });
const status =
  (code: number, headers: Record<string, string> = {}): Handler =>
  () =>
    new Response("", { status: code, headers });
const fail: Handler = () => {
  throw new TypeError("Failed to fetch");
};
const blocked: Handler = (ids) => {
  reachable = true;
  return fail(ids);
};
const unreachable: Handler = (ids) => {
  reachable = false;
  return fail(ids);
};

/** Lets promises settle. */
const settle = async (): Promise<void> => {
  for (let i = 0; i < 50; i++) await Promise.resolve();
  await new Promise((done) => setImmediate(done));
};

async function pass(ms: number): Promise<void> {
  const end = now + ms;
  for (;;) {
    await settle();
    const next = timers.filter((timer) => timer.at <= end).sort((one, other) => one.at - other.at)[0];
    if (!next) break;
    timers = timers.map((timer) => (timer == next ? { ...timer, at: NaN } : timer));
    now = Math.max(now, next.at);
    next.run();
  }
  now = end;
}

let pages = 0;
/** A page of the site: a queue of its own, over the storage that all share. */
const open = async (): Promise<typeof import("../src/queue")> => {
  // Another query makes another instance. The address is put together here so that the bundler leaves it alone.
  const address = new URL("../modules/queue.mjs?" + pages++, import.meta.url).href;
  const page = await import(address);
  page.resume();
  return page;
};

let count = 0;
const event = (e = "e" + count++, more: object = {}): TrackedEvent => ({ e, c: now, t: "test", ...more }) as TrackedEvent;
const stored = (): TrackedEvent[] => JSON.parse(storage._dvq || "[]");
const sends = (id: string): number => requests.filter(({ ids }) => ids.includes(id)).length;

beforeEach(() => {
  now = 1.8e12;
  timers = [];
  answer = accept;
  reachable = true;
  requests = [];
  warnings = [];
  titles = {};
  title = "";
  delete storage._dvq;
});

test("events go out together, once, and leave the queue when they are named", async () => {
  const page = await open();
  page.enqueue(event("one"));
  page.enqueue(event("two"));
  await pass(DAY_MS);
  assert.deepEqual(requests.map(({ ids }) => ids), [["one", "two"]]);
  assert.deepEqual(stored(), []);
  assert.deepEqual(warnings, []);
});

test("a blocked answer does not hold up later events, and ends after four sends", async () => {
  answer = blocked;
  const page = await open();
  for (let i = 0; i < 25; i++) page.enqueue(event("early" + i));
  await pass(2_000);
  assert.deepEqual(requests.map(({ ids }) => ids.length), [20, 5]);
  page.enqueue(event("late"));
  await pass(1_000);
  assert.equal(sends("late"), 1);
  await pass(DROPPED_AFTER_MS);
  assert.deepEqual(stored(), []);
  assert.deepEqual([sends("early0"), sends("early24"), sends("late")], [4, 4, 4]);
  assert.deepEqual(warnings, ["divolte: no answer https://clicks.example/csc-batch"]);
  await pass(DAY_MS);
  assert.equal(sends("early0"), 4);
});

test("pages count the sends of an event together", async () => {
  answer = blocked;
  (await open()).enqueue(event("one"));
  await pass(1_000);
  for (let i = 0; i < 20; i++) {
    // What ends with a page: its timers.
    timers = [];
    const page = await open();
    page.enqueue(event());
    await pass(20_000);
  }
  await pass(DROPPED_AFTER_MS);
  assert.equal(sends("one"), 4);
});

test("without a connection nothing counts, and the waiting grows", async () => {
  answer = unreachable;
  const page = await open();
  page.enqueue(event("one"));
  await pass(DAY_MS);
  const gaps = requests.slice(1).map(({ at }, index) => at - requests[index]!.at);
  assert.ok(gaps[0]! < 1_000);
  assert.ok(gaps.every((gap, index) => !index || gap >= gaps[index - 1]!));
  assert.ok(gaps.at(-1)! >= 300_000);
  assert.ok(requests.length < 320);
  answer = accept;
  page.resume();
  await pass(1_000);
  assert.deepEqual(stored(), []);
  assert.deepEqual(warnings, ["divolte: no answer https://clicks.example/csc-batch"], "once");
});

for (const code of [503, 429]) {
  test(`Retry-After of a ${code} is respected, also by later events`, async () => {
    answer = status(code, { "Retry-After": "30" });
    const page = await open();
    page.enqueue(event("one"));
    await pass(1_000);
    page.enqueue(event("two"));
    await pass(28_000);
    assert.equal(requests.length, 1);
    answer = accept;
    await pass(3_000);
    assert.deepEqual(requests[1]!.ids, ["one", "two"]);
    assert.ok(requests[1]!.at - requests[0]!.at >= 30_000);
    assert.deepEqual(stored(), []);
  });
}

test("a Retry-After of years is no reason to send at once", async () => {
  answer = status(503, { "Retry-After": "99999999" });
  (await open()).enqueue(event());
  await pass(DAY_MS);
  assert.equal(requests.length, 1);
});

test("a 503 without end is asked again every five minutes at most, until the events are a week old", async () => {
  answer = status(503);
  (await open()).enqueue(event("one"));
  await pass(8 * DAY_MS);
  assert.deepEqual(stored(), []);
  assert.ok(sends("one") < 7 * 288 + 20);
});

test("what is rejected is not sent again, and takes no other event with it", async () => {
  answer = (ids) => (ids.includes("bad") ? status(413)(ids) : accept(ids));
  const page = await open();
  for (let i = 0; i < 20; i++) page.enqueue(event(i == 13 ? "bad" : "good" + i));
  await pass(DAY_MS);
  assert.deepEqual(stored(), []);
  assert.ok(requests.length < 12);
  const taken = requests.filter(({ ids }) => !ids.includes("bad")).flatMap(({ ids }) => ids);
  assert.equal(taken.length, 19);
  assert.equal(new Set(taken).size, 19);
});

test("a request that hangs does not hold up what comes later", async () => {
  // As AbortSignal.timeout ends it; node's own would need real time.
  answer = (ids) =>
    ids.includes("hanging")
      ? new Promise((_, reject) => setTimeout(() => reject(new DOMException("", "TimeoutError")), 1e4))
      : accept(ids);
  const page = await open();
  page.enqueue(event("hanging"));
  await pass(1_000);
  page.enqueue(event("later"));
  await pass(11_000);
  assert.equal(sends("later"), 1);
  assert.deepEqual(stored().map(({ e }) => e), ["hanging"]);
  await pass(DROPPED_AFTER_MS + 1e5);
  assert.equal(sends("hanging"), 4);
  assert.deepEqual(stored(), []);
});

test("an answer that does not come from a collector counts as none", async () => {
  for (const body of ["<html>", "{}", "null", '{"accepted": 1}']) {
    answer = () => new Response(body);
    (await open()).enqueue(event(body));
    await pass(DROPPED_AFTER_MS);
    assert.equal(sends(body), 4, body);
    assert.deepEqual(stored(), []);
  }
});

test("the queue is bounded by events, by length and by age", async () => {
  answer = unreachable;
  const page = await open();
  for (let i = 0; i < 500; i++) page.enqueue(event("n" + i));
  await pass(1e5);
  assert.equal(stored().length, 300);
  assert.equal(stored().at(-1)!.e, "n499");
  for (let i = 0; i < 30; i++) page.enqueue(event("l" + i, { t: "x".repeat(5e4) }));
  await pass(1e5);
  assert.ok(storage._dvq!.length <= 3e5);
  assert.equal(stored().at(-1)!.e, "l29");
  page.clear();
  page.enqueue(event("old", { c: now - 8 * DAY_MS }));
  page.enqueue(event("of a wrong clock", { c: now + 8 * DAY_MS }));
  page.enqueue(event("new"));
  assert.deepEqual(stored().map(({ e }) => e), ["new"]);
});

test("long events travel in requests that outlive the page, as long as they can", async () => {
  const page = await open();
  for (let i = 0; i < 5; i++) page.enqueue(event("long" + i, { t: "x".repeat(9e3) }));
  page.enqueue(event("huge", { t: "x".repeat(5e4) }));
  await pass(10_000);
  assert.deepEqual(requests.map(({ ids }) => ids.length), [2, 2, 1, 1]);
});

test("what another tab's write has removed from the store is sent all the same", async () => {
  const page = await open();
  page.enqueue(event("mine"));
  storage._dvq = "[]";
  await pass(1_000);
  assert.equal(sends("mine"), 1);
  assert.deepEqual(stored(), []);
});

test("a clock that is set back delays no event", async () => {
  answer = status(503);
  const page = await open();
  page.enqueue(event("one"));
  await pass(1_000);
  now -= DAY_MS;
  answer = accept;
  (await open()).enqueue(event("two"));
  await pass(1_000);
  assert.deepEqual(stored(), []);
});

test("what is on its way is not sent by another tab or the next page, unless no answer comes", async () => {
  let respond: (response: Response) => void;
  answer = () => new Promise((done) => (respond = done));
  const page = await open();
  page.enqueue(event("one"));
  const other = await open();
  await pass(5_000);
  assert.equal(sends("one"), 1);
  respond!(await accept(["one"]));
  await pass(1_000);
  other.enqueue(event("two"));
  page.leave(true);
  await pass(5_000);
  assert.deepEqual([sends("one"), sends("two")], [1, 1]);
  // The page is gone, its answer with it.
  timers = [];
  await open();
  answer = accept;
  await pass(20_000);
  assert.deepEqual([sends("one"), sends("two")], [1, 2]);
});

test("a page without events writes nothing", async () => {
  const page = await open();
  page.leave(true);
  page.leave(false);
  page.whenCommitted();
  await pass(DAY_MS);
  assert.deepEqual(storage, {});
});

test("events of an earlier version of the tracker are sent", async () => {
  storage._dvq = JSON.stringify([event("earlier")]);
  await open();
  await pass(1_000);
  assert.equal(sends("earlier"), 1);
  assert.deepEqual(stored(), []);
});

test("an event has the title that the document has when it is sent, unless the page has moved on", async () => {
  const page = await open();
  const titled = (l: string): TrackedEvent => ({ ...event(), l, d: "Loading" });
  const [here, left] = [titled("https://shop.example/"), titled("https://shop.example/left")];
  page.enqueue(here);
  page.enqueue(left);
  title = "Lamps";
  await pass(1_000);
  assert.deepEqual(titles, { [here.e]: "Lamps", [left.e]: "Loading" });
});

test("a damaged queue is replaced", async () => {
  for (const damage of ["[{", "{}", "5", '["a"]', '"text"']) {
    storage._dvq = damage;
    const page = await open();
    page.enqueue(event(damage));
    await pass(1_000);
    assert.equal(sends(damage), 1, damage);
    assert.equal(storage._dvq, "[]");
  }
});

test("whenCommitted settles: when all is confirmed, when it is given up, after its time, and with nothing to wait for", async () => {
  const page = await open();
  const calls: string[] = [];
  const expect = async (name: string, afterMs: number, timeout?: number): Promise<void> => {
    page.whenCommitted(() => calls.push(name), timeout);
    await pass(afterMs - 100);
    assert.ok(!calls.includes(name), `${name} too early`);
    await pass(300);
    assert.ok(calls.includes(name), `${name} too late`);
  };
  page.enqueue(event());
  await expect("confirmed", 200);
  answer = unreachable;
  page.enqueue(event());
  await expect("own timeout", 3_000, 3_000);
  await expect("default", 10_000);
  page.clear();
  answer = status(400);
  page.enqueue(event());
  page.resume();
  await expect("rejected", 200);
  page.whenCommitted(() => calls.push("nothing"));
  await settle();
  assert.deepEqual(calls, ["confirmed", "own timeout", "default", "rejected", "nothing"]);
  await pass(DAY_MS);
  assert.equal(calls.length, 5, "each once");
});

test("an extension decides what need not be sent again", async () => {
  const given: string[][] = [];
  globals.divolteSend = async (events: TrackedEvent[]) => {
    given.push(events.map(({ e }) => e));
    return events.slice(0, 2).map(({ e }) => e);
  };
  const page = await open();
  for (const name of ["a", "b", "c"]) page.enqueue(event(name));
  await pass(2_000);
  assert.deepEqual(given, [["a", "b", "c"], ["c"]]);
  globals.divolteSend = () => Promise.reject();
  page.enqueue(event("unknown"));
  await pass(DROPPED_AFTER_MS);
  assert.deepEqual(stored(), []);
  delete globals.divolteSend;
});
