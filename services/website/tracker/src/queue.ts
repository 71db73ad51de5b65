import { beaconQuery } from "./beacon";
import type { TrackedEvent } from "./event";
import { option, source } from "./options";

const KEY = "_dvq";
const FIRST_DELAY = 200;
const MAX_BATCH = 20;

const endpoint = (path: string | undefined, fallback: string): string => new URL(path || fallback, source).href;
const beaconUrl = endpoint(option.event, "csc-event") + "?";
const batchUrl = endpoint(option.batch, "csc-batch");

let memory: TrackedEvent[] = [];
let memoryOnly = "cookieless" in option;
let useBeacon = option.batch == "";
let batchSize = MAX_BATCH;
let delay = FIRST_DELAY;
let timer: ReturnType<typeof setTimeout> | undefined;
let waiting: (() => void)[] = [];

/** Events of this page that were never sent. */
const fresh = new Set<string>();

// localStorage is the truth where it can be used: other tabs and the next page share it.
function load(): TrackedEvent[] {
  try {
    if (!memoryOnly) return JSON.parse(localStorage[KEY]);
  } catch {
    // Empty, damaged or forbidden: what this page holds is the best there is.
  }
  return memory;
}

function save(events: TrackedEvent[]): void {
  memory = events;
  try {
    if (!memoryOnly) localStorage[KEY] = JSON.stringify(events);
  } catch {
    memoryOnly = true;
  }
}

/** Sends events; resolves to the ids of those that need not be sent again. */
async function send(events: TrackedEvent[]): Promise<string[]> {
  for (const event of events) fresh.delete(event.e);
  if (!useBeacon) {
    const body = JSON.stringify({ events });
    const answer = await fetch(batchUrl, { method: "POST", body, keepalive: body.length < 6e4 });
    const status = answer.status;
    if (answer.ok) {
      const { accepted, rejected } = await answer.json();
      return accepted.concat(rejected.map((refusal: { index: number }) => events[refusal.index]!.e));
    }
    // One event that can't be taken must not hold up the rest: find it by sending one at a time.
    if (status == 400 || status == 413) {
      if (!events[1]) return [events[0]!.e];
      batchSize = 1;
      return [];
    }
    if (status != 404 && status != 405) return [];
    useBeacon = true;
  }
  const done: string[] = [];
  for (const event of events) {
    const answer = await fetch(beaconUrl + beaconQuery(event), { mode: "no-cors", keepalive: true });
    if (answer.ok || answer.type == "opaque") done.push(event.e);
  }
  return done;
}

async function flush(): Promise<void> {
  const events = load().slice(0, batchSize);
  let done: string[] = [];
  if (events[0]) {
    batchSize = MAX_BATCH;
    try {
      done = await send(events);
    } catch {
      // No connection: the events stay in the queue.
    }
    delay = done[0] || batchSize < 2 ? FIRST_DELAY : Math.min(delay * 2, 3e5);
    remove(done);
  }
  if (load()[0]) schedule();
  else {
    for (const callback of waiting) callback();
    waiting = [];
  }
}

const remove = (ids: string[]): void => save(load().filter((event) => !ids.includes(event.e)));

function schedule(): void {
  clearTimeout(timer);
  timer = setTimeout(() => {
    // One tab at a time sends what the tabs share.
    if (navigator.locks) navigator.locks.request(KEY, flush);
    else flush();
  }, delay);
}

export function enqueue(event: TrackedEvent): void {
  const events = load();
  events.push(event);
  fresh.add(event.e);
  save(events);
  schedule();
}

/** The page may be gone at any moment: send what was not sent, without waiting for other tabs. */
export function flushNow(): void {
  const events = load().filter((event) => fresh.has(event.e));
  if (events[0]) send(events).then(remove, () => {});
}

/** Starts sending what an earlier page left. */
export function resume(): void {
  delay = FIRST_DELAY;
  if (load()[0]) schedule();
}

export function clear(): void {
  save([]);
}

/** Calls back once everything so far is safe, or after `timeout` ms. */
export function whenCommitted(callback: () => void, timeout?: number): void {
  let once: (() => void) | undefined = callback;
  const call = (): void => {
    once?.();
    once = undefined;
  };
  waiting.push(call);
  schedule();
  if (timeout) setTimeout(call, timeout);
}
