// An extension, loaded before the tracker, for browsers whose fetch does not outlive its page (Firefox before 133):
// what waits when the page is left goes out as a beacon. Nobody learns what became of it, so it stays in the queue
// and the next page sends it again, which the collector marks as a duplicate.
const script = (document.currentScript || document.querySelector("[data-divolte]")) as HTMLScriptElement;
const url = new URL(script.dataset.batch || "csc-batch", script.src);

if (!("keepalive" in Request.prototype)) {
  window.divolteSend = (events, leaving) =>
    leaving && navigator.sendBeacon(url, JSON.stringify({ events })) ? Promise.resolve([]) : undefined;
}
