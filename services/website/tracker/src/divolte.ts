import type { Divolte } from "../types/divolte";
import { own } from "./host";
import { newParty, newSession, partyId, refresh, sessionId } from "./identity";
import { followed, followLink } from "./links";
import { option } from "./options";
import { leave, resume, whenCommitted } from "./queue";
import { isShared } from "./store";
import { consent, identify, pageViewId, readdress, report, serverPageView, signal, url, view } from "./view";

// The build adds a guard around this module: a page may load or run the script twice.

const pageOf = (address: string): string | undefined => ("hash" in option ? address : address.split("#")[0]);
const onMove = (event: any): void => {
  if (url) {
    // A replaced address is still the same page: routers replace it at every keystroke.
    if (event.navigationType == "replace") readdress();
    else if (pageOf(url) != pageOf(location.href)) view();
  }
};
const { pushState } = history;
const onEvent = (event: Event): void => {
  followLink(event as MouseEvent);
  if (own("hidden") || event.type == "pagehide") {
    report();
    // The next page of this site sends what waits; sending it from both would make duplicates.
    leave(!isShared() || !(event.timeStamp - followed < 5e3));
  } else if (!url || (event as PageTransitionEvent).persisted) view();
};
refresh();

window.divolte = {
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
  signal,
  whenCommitted,
  consent,
  identify,
} as Divolte;

history.pushState = (...args) => {
  pushState.apply(history, args);
  onMove(args);
};
addEventListener("popstate", onMove);
// Routers that use the Navigation API do neither. `<nav id="navigation">` is not that API.
(window as any).navigation?.addEventListener?.("currententrychange", onMove);

for (const name of ["visibilitychange", "pagehide", "pageshow", "click", "auxclick"])
  // In the capture phase: the page may stop a click's propagation.
  addEventListener(name, onEvent, true);
addEventListener("online", resume);
onEvent({} as Event);
resume();
