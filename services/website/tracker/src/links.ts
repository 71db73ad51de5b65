const DOWNLOAD = /\.(7z|csv|docx?|dmg|exe|gz|mp[34]|pdf|pptx?|txt|xlsx?|zip)$/i;

/** When a link to another page of this site was last followed, ms on the clock of events; NaN until then. */
export let followed = NaN;

/** Reports clicks that leave the site or fetch a file. */
export function watchLinks(signal: (type: string, parameters: { url: string }) => void): void {
  const onClick = (event: MouseEvent): void => {
    const link = (event.target as Element).closest?.("a");
    // Addresses of other kinds (mailto, tel) have no host; button 2 opens a menu.
    if (link?.host && event.button < 2) {
      if (DOWNLOAD.test(link.pathname) || link.hasAttribute("download")) signal("download", { url: link.href });
      else if (link.host != location.host) signal("outbound", { url: link.href });
      else followed = event.timeStamp;
    }
  };
  addEventListener("click", onClick, true);
  addEventListener("auxclick", onClick, true);
}
