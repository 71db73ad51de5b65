// An extension, loaded before the tracker, for browsers whose fetch does not outlive its page (Firefox before 133):
// what waits when the page is left goes out as a beacon. A beacon has no answer, so the events stay in the queue and
// the next page sends them again, which the collector marks as duplicates.
const script = (document.currentScript || document.querySelector("[data-divolte]")) as HTMLScriptElement;
const url = new URL(script.dataset.batch || "csc-batch", script.src);
let leaving = false;

if (!("keepalive" in Request.prototype)) {
  // These listeners run before those of the tracker for the same events.
  for (const name of ["visibilitychange", "pagehide", "pageshow"])
    addEventListener(name, ({ type }) => (leaving = type == "pagehide" || document.visibilityState == "hidden"), true);
  window.divolteSend = (events) =>
    // A rejection means that there is no answer: the tracker counts the attempt, so this ends too.
    leaving && navigator.sendBeacon(url, JSON.stringify({ events })) ? Promise.reject() : undefined;
}
