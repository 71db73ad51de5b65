import type { Divolte } from "../types/divolte";
import type { Options } from "../types/loader";

let loading: Promise<Divolte> | undefined;

/** The package's entry for bundled sites: puts the script element into the page. */
export function load({ src, ...options }: Options): Promise<Divolte> {
  loading ??= new Promise((resolve, reject) => {
    if (window.divolte) return resolve(window.divolte);
    const script = document.createElement("script");
    script.dataset.divolte = "";
    for (const [name, value] of Object.entries(options)) {
      if (value != null && value !== false) script.dataset[name] = value === true ? "" : String(value);
    }
    script.onload = script.onerror = () => {
      // A server may answer with a page instead of the script, so loading alone proves nothing.
      if (window.divolte) return resolve(window.divolte);
      loading = undefined;
      script.remove();
      reject(new Error(`The tracker could not be loaded from ${src}`));
    };
    script.src = src;
    document.head.append(script);
  });
  return loading;
}
