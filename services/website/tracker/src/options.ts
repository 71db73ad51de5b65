// Cloudflare's Rocket Loader takes currentScript away; the attribute then finds the element again.
const script = (document.currentScript || document.querySelector("[data-divolte]")) as HTMLScriptElement;

/** The script's address: endpoints are resolved against it, its fragment is a page-view id made by the server. */
export const source = script.src;

/** Every option is a data attribute of the script element; see docs/tracker.md. */
export const option = script.dataset;

/** Nothing may be kept on the device. */
export const cookieless = "cookieless" in option;
