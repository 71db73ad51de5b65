const DOWNLOAD = /\.(7z|avi|csv|docx?|dmg|exe|gz|iso|jar|mov|mp[34]|msi|pdf|pkg|pptx?|rar|rtf|tar|tgz|txt|wav|wmv|xlsx?|zip)$/i;

/** Reports clicks that leave the site or fetch a file. */
export function watchLinks(signal: (type: string, parameters: { url: string }) => void): void {
  const onClick = (event: MouseEvent): void => {
    const link = (event.target as Element).closest?.("a[href]") as HTMLAnchorElement | null;
    if (!link || event.button > 1 || !/^http/.test(link.protocol)) return;
    if (DOWNLOAD.test(link.pathname) || link.hasAttribute("download")) signal("download", { url: link.href });
    else if (link.host != location.host) signal("outbound", { url: link.href });
  };
  addEventListener("click", onClick, true);
  addEventListener("auxclick", onClick, true);
}
