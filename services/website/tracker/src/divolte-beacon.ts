import { beaconQuery } from "./beacon";

// An extension, loaded before the tracker: sends each event as Divolte's GET beacon, for collectors that know nothing else.
const script = (document.currentScript || document.querySelector("[data-divolte]")) as HTMLScriptElement;
const url = new URL(script.dataset.event || "csc-event", script.src) + "?";

window.divolteSend = async (events) => {
  const done: string[] = [];
  for (const event of events) {
    // A collector of another origin needs no CORS headers for this; its answer can't be read then.
    const answer = await fetch(url + beaconQuery(event), { mode: "no-cors", keepalive: true });
    if (!answer.ok && answer.type != "opaque") break;
    done.push(event.e);
  }
  return done;
};
