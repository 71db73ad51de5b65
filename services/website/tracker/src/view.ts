import { deepest, engaged, measure, resetEngagement, settleEngagement } from "./engagement";
import type { TrackedEvent } from "./event";
import { now, own } from "./host";
import { forget, introduced, newParty, newSession, partyId, refresh, remember, sessionId } from "./identity";
import { id } from "./ids";
import { plain } from "./json";
import { option, source } from "./options";
import { clear, enqueue } from "./queue";
import { get, set } from "./store";
import { canIdentify, forgetUser, keepUser, setUser, userId } from "./user";

declare global {
  interface Navigator {
    globalPrivacyControl?: boolean;
  }
}

const CONSENT = "_dvc";
const answer = get<boolean>(CONSENT);
export const serverPageView = source.split("#")[1];

/** The visitor's own answer goes before what the browser says in general. */
let refused = !(
  answer ??
  ("ignoreGpc" in option || !(navigator.globalPrivacyControl || (navigator.doNotTrack as any) > 0))
);
/** Events that wait for the visitor's answer; they live in this page only. */
let held = "consent" in option && answer == null ? ([] as TrackedEvent[]) : null;
export let pageViewId = serverPageView || id();
let counter = 0;
/** Address of the current view; empty before the first one. */
export let url = "";
let referrer = own("referrer") || undefined;

function emit(type: string, parameters?: unknown, where = location.href): string | null {
  // Whatever the page did to the browser's objects, the tracker must not break it.
  try {
    if (type && !refused) {
      refresh();
      const event: TrackedEvent = {
        p: partyId!,
        s: sessionId!,
        n: newParty,
        f: newSession,
        v: pageViewId,
        e: pageViewId + (counter++).toString(16),
        c: now(),
        l: where,
        d: own("title"),
        r: referrer,
        i: screen.availWidth,
        j: screen.availHeight,
        k: devicePixelRatio,
        w: innerWidth,
        h: innerHeight,
        t: "" + type,
        // A copy: later changes of the object are not part of the event.
        u: plain(parameters),
      };
      if (canIdentify) event.a = userId();
      introduced();
      if (held) held.push(event);
      else release(event);
      return event.e;
    }
  } catch {}
  return null;
}

function release(event: TrackedEvent): void {
  remember();
  if (canIdentify) keepUser();
  enqueue(event);
  dispatchEvent(new CustomEvent("divolte", { detail: event }));
}

/** Reports engagement time and scroll depth of the current view. */
export function report(): void {
  if (url && engaged) {
    measure(0);
    emit("engagement", { engagement_ms: engaged, scroll_percent: deepest }, url);
    settleEngagement();
  }
}

export function view(): void {
  if (url) {
    report();
    // A page that comes back from the browser's cache keeps its referrer.
    if (url != location.href) referrer = url;
    pageViewId = id();
    counter = 0;
  }
  url = location.href;
  resetEngagement();
  if (!("manual" in option)) emit("pageView");
}

/** Gives the current view a new address. */
export function readdress(): void {
  url = location.href;
}

/** Queues an event of the site. The page view goes first, even if nobody has seen the page yet. */
export function signal(type: string, parameters?: unknown): string | null {
  if (!url) view();
  return emit(type, parameters);
}

export function consent(given: boolean): void {
  set(CONSENT, given);
  refused = !given;
  if (given) held?.forEach(release);
  else {
    clear();
    forget();
    if (canIdentify) forgetUser();
  }
  held = null;
}

/** Says who is signed in, or nobody. Does nothing in the script without it, so that a page may always call it. */
export function identify(user?: unknown): void {
  if (canIdentify) {
    setUser(refused ? null : user);
    // Before the visitor has agreed it lives in this page only.
    if (!held) keepUser();
  }
}
