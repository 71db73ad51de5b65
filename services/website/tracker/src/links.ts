import { option } from "./options";
import { signal } from "./view";

const DOWNLOAD = /\.(7z|csv|docx?|dmg|exe|gz|mp[34]|pdf|pptx?|txt|xlsx?|zip)$/i;

/** When a link to another page of this site was last followed, ms on the clock of events; NaN until then. */
export let followed = NaN;

/** Reports clicks that leave the site or download a file; ignores other events. */
export function followLink(event: MouseEvent): void {
  try {
    // The path includes links in open shadow roots; the `href` of an SVG link is an object.
    const link = (event.composedPath() as any[]).find((node) => node.href && /^a(rea)?$/.test(node.localName));
    const url = new URL(link.href.baseVal ?? link.href);
    // Addresses of other kinds (mailto, tel) have no host; button 2 opens a menu.
    if (url.host && event.button < 2) {
      const isInside = url.host == location.host;
      if (isInside) followed = event.timeStamp;
      signal(
        DOWNLOAD.test(url.pathname) || link.hasAttribute("download")
          ? "download"
          : // Hosts that share the cookies are one site, but each has its own queue: nothing is left to the next page.
            isInside || ("." + url.hostname).endsWith(option.domain!)
            ? ""
            : "outbound",
        { url: url.href },
      );
    }
  } catch {
    // Not a link, or one without a valid address.
  }
}
