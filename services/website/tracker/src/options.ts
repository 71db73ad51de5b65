/**
 * The script element. Its address: endpoints are resolved against it, its fragment is a page-view id made by the server.
 * Its data attributes are the options; see docs/tracker.md.
 */
export const { src: source, dataset: option } = (document.currentScript ||
  // Cloudflare's Rocket Loader takes currentScript away; the attribute then finds the element again.
  document.querySelector("[data-divolte]")) as HTMLScriptElement;

/** Nothing may be kept on the device. */
export const cookieless = "cookieless" in option;
