import type { TrackedEvent } from "./event";
import { now, own } from "./host";
import { option, source } from "./options";
import { get, set } from "./store";

declare global {
  interface Window {
    /**
     * Another way to send, from an extension: resolves to the ids of the events that need not be sent again.
     * With undefined the tracker sends as usual.
     * A rejection with a TypeError means that there was no connection or that the answer was blocked,
     * any other one that the events may have arrived.
     */
    divolteSend?: (events: TrackedEvent[]) => Promise<string[]> | undefined;
  }
}

/** An event in the store, with what all pages and tabs must know about it. */
interface Queued extends TrackedEvent {
  /** How often it was sent without an answer. */ _n?: number;
  /** When it may be sent, ms since the epoch; until then a request with it may be on its way. */ _d?: number;
}

const KEY = "_dvq";
const FIRST_DELAY_MS = 200;
const LONGEST_DELAY_MS = 3e5;
/** How long an answer may take, and how long a new event is left to the page that it was made on. */
const ANSWER_MS = 1e4;
const MOST_RESENDS = 3;
/** How long a page waits for another page to finish sending. */
const LOCK_MS = 3e3;
const BATCH_SIZE = 20;
// Browsers let 64 KiB of requests outlive a page; a character takes up to three bytes.
const BATCH_LENGTH = 2e4;
const QUEUE_SIZE = 300;
const QUEUE_LENGTH = 3e5;
// As long as Safari keeps what a script has stored.
const LONGEST_AGE_MS = 6e8;

const endpoint = new URL(option.batch || "csc-batch", source);

let timer: ReturnType<typeof setTimeout> | undefined;
/** Grows while the collector can't be reached or asks to wait. */
let delay = FIRST_DELAY_MS;
/** Nothing is sent before, ms since the epoch. */
let pause = 0;
let warnings = 0;
/** New events of this page. They are in the store too, unless another tab has just overwritten it. */
let fresh: Queued[] = [];
/** The ids of this page's events. */
const mine: Record<string, number> = {};
const waiting: (() => void)[] = [];

const has = (events: TrackedEvent[], event: TrackedEvent): boolean => events.some((one) => one.e == event.e);

/** When an event may be sent by this page, ms since the epoch. */
function due(event: Queued): number {
  const at = fresh.includes(event) ? event._d! - ANSWER_MS : event._d || 0;
  // No event waits longer than that, unless the device's clock was set back: send it now.
  return Math.max(pause, at > now() + LONGEST_DELAY_MS ? 0 : at);
}

// The store is the truth: other tabs and the next page share it.
function load(): Queued[] {
  fresh = fresh.filter((event) => {
    // Single-page applications change the address first and the title a moment later.
    if (event.l == location.href) event.d = own("title");
    return !event._n && event._d! > now();
  });
  return ([] as Queued[]).concat(get(KEY) || []).filter((event) => !has(fresh, event)).concat(fresh);
}

/** Warns the page's owner, once. */
function warn(): void {
  if (!warnings++) console.warn("divolte: no answer " + endpoint);
}

/** Stores the queue, and returns it, without what is too old, too much, or was never answered. */
function save(queue: Queued[]): Queued[] {
  const time = now();
  const kept = queue.filter(
    (event) => Math.abs(time - event.c) < LONGEST_AGE_MS && !(event._n! > MOST_RESENDS && event._d! < time),
  );
  while (kept[QUEUE_SIZE] || JSON.stringify(kept).length > QUEUE_LENGTH) if (kept.shift() == fresh[0]) fresh.shift();
  if (kept.length < queue.length) warn();
  set(KEY, kept);
  return kept;
}

// Browsers from before 2022 lack it: there a request ends when the browser gives up.
const timeout = (ms: number): AbortSignal => AbortSignal.timeout?.(ms);

function post(events: TrackedEvent[], mode?: RequestMode): Promise<Response> {
  const body = JSON.stringify({ events });
  return fetch(endpoint, {
    method: "POST",
    body,
    mode: mode!,
    keepalive: body.length < BATCH_LENGTH,
    signal: timeout(ANSWER_MS),
  });
}

/** Sends events; resolves to the ids of those that need not be sent again, rejects when no answer can be read. */
async function send(events: TrackedEvent[]): Promise<string[]> {
  const extended = window.divolteSend?.(events);
  if (extended) return extended;
  const answer = await post(events);
  if (answer.ok) {
    const { accepted, rejected } = await answer.json();
    return accepted.concat(rejected.map((refusal: { index: number }) => events[refusal.index]!.e));
  }
  pause = now() + (answer.headers.get("Retry-After") as any) * 1e3 || 0;
  if (answer.status > 499 || answer.status == 429) return [];
  // Rejected for good. One event that can't be taken must not take others with it: halves find it.
  return events[1]
    ? [...(await send(events.splice(events.length >> 1))), ...(await send(events))]
    : [events[0]!.e];
}

/** Sends one batch of what is due. */
async function sendBatch(): Promise<void> {
  const time = now();
  const queue = save(load());
  const batch = queue.filter((event) => due(event) <= time).slice(0, BATCH_SIZE);
  while (batch[1] && JSON.stringify(batch).length > BATCH_LENGTH) batch.pop();
  if (batch[0]) {
    const events = batch.map(({ _n, _d, ...event }) => event);
    // Written before sending: no other tab takes them, and the next page knows that they may have arrived.
    for (const event of batch) event._d = time + ([, 6e4, LONGEST_DELAY_MS][event._n!++] || ANSWER_MS);
    save(queue);
    let done: string[] = [];
    let unanswered: unknown;
    try {
      done = await send(events);
    } catch (error) {
      // The same error tells of no connection and of an answer that the browser blocks. An answer to no events,
      // even one that can't be read, shows that the collector was reached.
      unanswered = !(error instanceof TypeError) || (await post([], "no-cors").catch(warn));
    }
    if (done[0] || unanswered) resume();
    else {
      delay = Math.min(delay * 2, LONGEST_DELAY_MS);
      pause = Math.max(pause, now() + delay);
    }
    save(
      load().filter((event) => {
        if (!unanswered && has(batch, event)) {
          // The collector does not have it, so the attempt does not count.
          event._n!--;
          event._d = 0;
        }
        return !done.includes(event.e);
      }),
    );
  }
  schedule();
}

function schedule(): void {
  const queue = load();
  if (!queue.some((event) => mine[event.e])) {
    waiting.forEach((done) => done());
  }
  clearTimeout(timer);
  if (queue[0]) {
    timer = setTimeout(
      async () => {
        // The tabs of a site share the queue, and one tab sends at a time. If a frozen tab or another script never
        // releases the lock, or the frame has no locks, this tab sends without one.
        try {
          await navigator.locks.request(KEY, { signal: timeout(LOCK_MS) }, sendBatch);
        } catch {
          sendBatch();
        }
      },
      Math.min(LONGEST_DELAY_MS, ...queue.map((event) => due(event) + FIRST_DELAY_MS - now())),
    );
  }
}

export function enqueue(event: TrackedEvent): void {
  mine[event.e] = 1;
  fresh.push({ ...event, _n: 0, _d: now() + ANSWER_MS });
  save(load());
  schedule();
}

/** The page may be gone at any moment. Either it sends what waits, or it leaves that to the next page. */
export function leave(sending: boolean): void {
  // Without events nothing is written: the visitor may not have agreed yet.
  const queue = load();
  if (queue[0]) {
    fresh.forEach((event) => (event._d = 0));
    save(queue);
    if (sending) sendBatch();
  }
}

/** Tries again at once. */
export function resume(): void {
  delay = FIRST_DELAY_MS;
  pause = 0;
  schedule();
}

export function clear(): void {
  save((fresh = []));
}

/** Calls back when every event of this page so far is confirmed or given up, or after `timeout` ms. */
export function whenCommitted(callback?: () => void, timeout?: number): void {
  new Promise<void>((done) => {
    waiting.push(done);
    setTimeout(done, timeout || ANSWER_MS);
    schedule();
  }).then(callback);
}
