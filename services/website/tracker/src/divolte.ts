import type { Divolte } from "../types/divolte";
import { measure, resetEngagement, takeEngagement } from "./engagement";
import type { TrackedEvent } from "./event";
import { randomId } from "./ids";
import { forget, identify, newParty, newSession, partyId, refresh, remember, sessionId } from "./identity";
import { followed, watchLinks } from "./links";
import { option, source } from "./options";
import { clear, enqueue, leave, resume, whenCommitted } from "./queue";
import { get, set, volatile } from "./store";

declare global {
  interface Navigator {
    globalPrivacyControl?: boolean;
  }
}

const CONSENT = "_dvc";
const answer = get<boolean>(CONSENT);
const serverPageView = source.split("#")[1];

/** The visitor's own answer goes before what the browser says in general. */
let refused =
  answer == null
    ? !("ignoreGpc" in option) && (navigator.globalPrivacyControl || navigator.doNotTrack == "1")
    : !answer;
/** Events that wait for the visitor's answer; they live in this page only. */
let held = "consent" in option && answer == null ? ([] as TrackedEvent[]) : undefined;
let pageViewId = serverPageView || "0:" + randomId();
let counter = 0;
/** Address of the present view; empty before the first one. */
let url = "";
let referrer = document.referrer;

function emit(type: string, parameters?: unknown, where = location.href): string | null {
  if (!type || refused) return null;
  const event: TrackedEvent = {
    ...identify(),
    v: pageViewId,
    e: pageViewId + (counter++).toString(16),
    c: Date.now(),
    l: where,
    r: referrer || undefined,
    i: screen.availWidth,
    j: screen.availHeight,
    k: devicePixelRatio,
    w: innerWidth,
    h: innerHeight,
    t: type,
    // A copy as plain JSON: later changes of the object are not part of the event.
    u: parameters && JSON.parse(JSON.stringify(parameters)),
  };
  if (held) held.push(event);
  else release(event);
  return event.e;
}

function release(event: TrackedEvent): void {
  remember();
  enqueue(event);
  dispatchEvent(new CustomEvent("divolte", { detail: event }));
}

function report(): void {
  const engagement = url && takeEngagement();
  if (engagement) emit("engagement", engagement, url);
}

function view(): void {
  if (url) {
    report();
    // A page that comes back from the browser's cache keeps its referrer.
    if (url != location.href) referrer = url;
    pageViewId = "0:" + randomId();
    counter = 0;
  }
  url = location.href;
  resetEngagement();
  if (!("manual" in option)) emit("pageView");
}

refresh();

const divolte: Divolte = {
  get partyId() {
    return partyId!;
  },
  get sessionId() {
    return sessionId!;
  },
  get pageViewId() {
    return pageViewId;
  },
  isNewPartyId: newParty,
  isFirstInSession: newSession,
  isServerPageView: !!serverPageView,
  signal(type: string, parameters?: unknown) {
    if (!url) view();
    return emit(type, parameters);
  },
  whenCommitted,
  consent(given) {
    set(CONSENT, given);
    refused = !given;
    if (given) held?.forEach(release);
    else {
      clear();
      forget();
    }
    held = undefined;
  },
};
window.divolte = divolte;

const pageOf = (address: string): string | undefined => ("hash" in option ? address : address.split("#")[0]);
const onMove = (): void => {
  if (url && pageOf(url) != pageOf(location.href)) view();
};
for (const name of ["pushState", "replaceState"] as const) {
  const original = history[name];
  history[name] = function (...args) {
    original.apply(history, args);
    onMove();
  };
}
addEventListener("popstate", onMove);

const onChange = (event: Event): void => {
  measure();
  if (document.hidden || event.type == "pagehide") {
    report();
    // The next page of this site sends what waits; sending it from both would make duplicates.
    leave(volatile || !(event.timeStamp - followed < 5e3));
  } else if (!url || (event as PageTransitionEvent).persisted) view();
};
for (const name of ["visibilitychange", "pagehide", "pageshow", "focus", "blur", "scroll"]) addEventListener(name, onChange);
addEventListener("online", resume);
watchLinks(divolte.signal);
onChange({} as Event);
resume();
