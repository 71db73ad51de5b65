import type { TrackedEvent } from "./event";
import { option, source } from "./options";
import { get, set } from "./store";

declare global {
  interface Window {
    /**
     * Another way to send, from an extension: resolves to the ids of the events that are safe.
     * With undefined the tracker sends as ever. `leaving`: the page may be gone at any moment.
     */
    divolteSend?: (events: TrackedEvent[], leaving?: boolean) => Promise<string[]> | undefined;
  }
}

const KEY = "_dvq";
const FIRST_DELAY_MS = 200;
const LONGEST_DELAY_MS = 3e5;
const BATCH_SIZE = 20;
// Browsers let 64 KiB of requests outlive a page; a character takes up to three bytes.
const KEEPALIVE_LENGTH = 2e4;

let batchSize = BATCH_SIZE;
let delay = FIRST_DELAY_MS;
let timer: ReturnType<typeof setTimeout> | undefined;
let waiting: (() => void)[] = [];

/** Events of this page that nobody tried to send. */
let fresh: TrackedEvent[] = [];

// The store is the truth: other tabs and the next page share it.
const load = (): TrackedEvent[] => get(KEY) || [];

/** Sends events; resolves to the ids of those that need not be sent again. */
async function send(events: TrackedEvent[], leaving?: boolean): Promise<string[]> {
  const extended = window.divolteSend?.(events, leaving);
  if (extended) return extended;
  const body = JSON.stringify({ events });
  const answer = await fetch(new URL(option.batch || "csc-batch", source), {
    method: "POST",
    body,
    keepalive: body.length < KEEPALIVE_LENGTH,
  });
  if (answer.ok) {
    const { accepted, rejected } = await answer.json();
    return accepted.concat(rejected.map((refusal: { index: number }) => events[refusal.index]!.e));
  }
  // One event that can't be taken must not hold up the rest: find it by sending one at a time.
  if (answer.status == 400 || answer.status == 413) {
    if (!events[1]) return [events[0]!.e];
    batchSize = 1;
  }
  return [];
}

/** Sends what waits, or, when the page may be gone at any moment, what nobody tried to send. */
export async function flush(leaving?: boolean): Promise<void> {
  const events = leaving ? fresh : load().slice(0, batchSize);
  fresh = [];
  if (events[0]) {
    batchSize = BATCH_SIZE;
    // Without a connection the events stay in the queue.
    const done = await send(events, leaving).catch(() => [] as string[]);
    delay = done[0] || batchSize < 2 ? FIRST_DELAY_MS : Math.min(delay * 2, LONGEST_DELAY_MS);
    set(KEY, load().filter((event) => !done.includes(event.e)));
  }
  // Until here the timer counts as running, so that nothing is sent twice at the same time.
  timer = 0 as never;
  if (load()[0]) schedule();
  else {
    waiting.forEach((callback) => callback());
    waiting = [];
  }
}

function schedule(): void {
  timer ||= setTimeout(() => {
    // One tab at a time sends what the tabs share.
    navigator.locks?.request(KEY, () => flush()) ?? flush();
  }, delay);
}

export function enqueue(event: TrackedEvent): void {
  fresh.push(event);
  set(KEY, load().concat(event));
  schedule();
}

/** Tries again at once. */
export function resume(): void {
  clearTimeout(timer);
  timer = 0 as never;
  delay = FIRST_DELAY_MS;
  schedule();
}

export function clear(): void {
  fresh = [];
  set(KEY, fresh);
}

/** Calls back once everything so far is safe, or after `timeout` ms. */
export function whenCommitted(callback?: () => void, timeout?: number): void {
  const once = (): void => {
    callback?.();
    callback = undefined;
  };
  waiting.push(once);
  schedule();
  if (timeout) setTimeout(once, timeout);
}
