import type { TrackedEvent } from "../../tracker/src/event";

let sent = 0;

const show = (id: string, text: string): void => {
  document.getElementById(id)!.textContent = text;
};

/** Shows each event to the visitor as it is handed to the collector. */
export function showPayloads(): void {
  addEventListener("divolte", (event) => {
    const detail = (event as CustomEvent<TrackedEvent>).detail;
    sent++;
    show("sent", `${sent} ${sent == 1 ? "event" : "events"}, last: ${detail.t}`);
    show("party-id", detail.p);
    show("session-id", detail.s);
    show("page-view-id", detail.v);
    show("event-id", detail.e);
    const payload = {
      event_type: detail.t,
      client_timestamp: new Date(detail.c).toISOString(),
      location: detail.l,
      referer: detail.r ?? null,
      is_new_party: detail.n,
      is_first_in_session: detail.f,
      screen: `${detail.i} × ${detail.j}`,
      viewport: `${detail.w} × ${detail.h}`,
      device_pixel_ratio: detail.k,
      navigator_user_agent: navigator.userAgent,
      parameters: detail.u ?? null,
    };
    show("content", JSON.stringify(payload, null, 2));
  });
}
