import { takeEngagement, measureScroll, measureTime, resetEngagement } from "./engagement";
import type { TrackedEvent } from "./event";
import { randomId } from "./ids";
import { forget, identity, refresh, remember } from "./identity";
import { watchLinks } from "./links";
import { option, source } from "./options";
import { clear, enqueue, flushNow, resume, whenCommitted } from "./queue";

const CONSENT = "_dvc";
const serverPageView = source.split("#")[1];

let pageViewId = serverPageView || "0:" + randomId();
let counter = 0;
let viewed = false;
let here = location.href;
let referrer = document.referrer;
let held: TrackedEvent[] | undefined;
let refused: boolean | undefined =
  !("ignoreGpc" in option) && (!!navigator.globalPrivacyControl || navigator.doNotTrack == "1");

const stored = (): string | undefined => {
  try {
    return localStorage[CONSENT];
  } catch {
    return undefined;
  }
};
if (stored() == "0") refused = true;
else if ("consent" in option && !stored()) held = [];

let [newParty, newSession] = refresh();

function emit(type: string, parameters?: unknown, url = location.href): string | null {
  if (!type || refused) return null;
  const [party, session] = refresh();
  const event: TrackedEvent = {
    p: identity.partyId,
    s: (divolte.sessionId = identity.sessionId),
    v: pageViewId,
    e: pageViewId + (counter++).toString(16),
    c: Date.now(),
    n: newParty || party,
    f: newSession || session,
    l: url,
    r: referrer || undefined,
    i: screen.availWidth,
    j: screen.availHeight,
    k: devicePixelRatio,
    w: innerWidth,
    h: innerHeight,
    t: type,
    // A copy as plain JSON: later changes of the object are not part of the event.
    u: parameters === undefined ? undefined : JSON.parse(JSON.stringify(parameters)),
  };
  newParty = newSession = false;
  if (held) held.push(event);
  else release(event);
  return event.e;
}

function release(event: TrackedEvent): void {
  remember();
  enqueue(event);
  dispatchEvent(new CustomEvent("divolte", { detail: event }));
}

function view(): void {
  if (viewed) {
    report();
    referrer = here;
    divolte.pageViewId = pageViewId = "0:" + randomId();
    counter = 0;
  }
  viewed = true;
  here = location.href;
  resetEngagement();
  emit("pageView");
}

function report(): void {
  const engagement = takeEngagement();
  if (engagement) emit("engagement", engagement, here);
}

const divolte = {
  partyId: identity.partyId,
  sessionId: identity.sessionId,
  pageViewId,
  isNewPartyId: newParty,
  isFirstInSession: newSession,
  isServerPageView: !!serverPageView,
  signal(type: string, parameters?: unknown): string | null {
    if (!viewed && !("manual" in option)) view();
    return emit(type, parameters);
  },
  whenCommitted,
  consent(given: boolean): void {
    try {
      if (!("cookieless" in option)) localStorage[CONSENT] = +given;
    } catch {
      // Storage is forbidden: the answer holds for this page.
    }
    refused = !given;
    if (given) held?.forEach(release);
    else {
      clear();
      forget();
    }
    held = undefined;
  },
};

declare global {
  interface Window {
    divolte: typeof divolte;
  }
  interface Navigator {
    globalPrivacyControl?: boolean;
  }
}
window.divolte = divolte;

const page = (): string => location.href.split("hash" in option ? "" : "#")[0]!;
const moved = (): void => {
  if (viewed && here.split("#")[0] != location.href.split("#")[0]) view();
};
for (const name of ["pushState", "replaceState"] as const) {
  const original = history[name];
  history[name] = function (...args) {
    original.apply(this, args);
    moved();
  };
}
addEventListener("popstate", moved);

const start = (): void => {
  measureTime();
  if (document.hidden) {
    report();
    flushNow();
  } else if (!viewed && !("manual" in option)) view();
};
addEventListener("visibilitychange", start);
addEventListener("pagehide", start);
addEventListener("pageshow", (event) => event.persisted && view());
addEventListener("focus", measureTime);
addEventListener("blur", measureTime);
addEventListener("scroll", measureScroll, { passive: true });
addEventListener("online", resume);
watchLinks(divolte.signal);
start();
resume();
void page;
