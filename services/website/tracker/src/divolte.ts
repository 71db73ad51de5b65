import type { Divolte } from "../types/divolte";
import { own } from "./host";
import { newParty, newSession, partyId, refresh, sessionId } from "./identity";
import { followed, followLink } from "./links";
import { option } from "./options";
import { leave, resume, whenCommitted } from "./queue";
import { isShared } from "./store";
import { consent, pageViewId, readdress, report, serverPageView, signal, url, view } from "./view";

// The build puts a guard around all of this: a page may have the script twice, or run it again.

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
} as Divolte;

const pageOf = (address: string): string | undefined => ("hash" in option ? address : address.split("#")[0]);
const onMove = (event: any): void => {
  if (url) {
    // What replaces the address is the same page: routers do so at every keystroke.
    if (event.navigationType == "replace") readdress();
    else if (pageOf(url) != pageOf(location.href)) view();
  }
};
const { pushState } = history;
history.pushState = (...args) => {
  pushState.apply(history, args);
  onMove(args);
};
addEventListener("popstate", onMove);
// Routers of the Navigation API use neither. `<nav id="navigation">` is no API.
(window as any).navigation?.addEventListener?.("currententrychange", onMove);

const onEvent = (event: Event): void => {
  followLink(event as MouseEvent);
  if (own("hidden") || event.type == "pagehide") {
    report();
    // The next page of this site sends what waits; sending it from both would make duplicates.
    leave(!isShared() || !(event.timeStamp - followed < 5e3));
  } else if (!url || (event as PageTransitionEvent).persisted) view();
};
for (const name of ["visibilitychange", "pagehide", "pageshow", "click", "auxclick"])
  // On the way down: the page may stop a click.
  addEventListener(name, onEvent, true);
addEventListener("online", resume);
onEvent({} as Event);
resume();
