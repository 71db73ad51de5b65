import { beaconQuery } from "./beacon";

// An extension, loaded before the tracker: sends each event as Divolte's GET beacon, for collectors that know nothing else.
const script = (document.currentScript || document.querySelector("[data-divolte]")) as HTMLScriptElement;
const url = new URL(script.dataset.event || "csc-event", script.src) + "?";

window.divolteSend = async (events) => {
  const done: string[] = [];
  for (const event of events) {
    try {
      // A collector of another origin needs no CORS headers for this. Its answer can't be read then: a 503 looks the
      // same as a 200, and the event counts as sent.
      const { status } = await fetch(url + beaconQuery(event), {
        mode: "no-cors",
        keepalive: true,
        signal: AbortSignal.timeout?.(1e4),
      });
      // Any other refusal is for good.
      if (status > 499 || status == 429) break;
      done.push(event.e);
    } catch (error) {
      // What was sent before counts all the same.
      if (!done[0]) throw error;
      break;
    }
  }
  return done;
};
