import type { Divolte } from "./divolte.js";

export type { Divolte, DivolteEvents } from "./divolte.js";

/** Where the tracker is, and its options; docs/tracker.md has each. */
export interface Options {
  /** Address of the tracker script: the collector's origin, or a copy of `dist/divolte.js` on your own. */
  src: string;
  /** Address of the batch endpoint, relative to `src`; default `csc-batch`. */
  batch?: string;
  /** Domain of the cookies; default the page's host. */
  domain?: string;
  /** Seconds until a visit ends; default 1800. */
  session?: number;
  /** Changes of the fragment are page views. */
  hash?: boolean;
  /** No page views by itself. */
  manual?: boolean;
  /** Nothing is kept on the device. */
  cookieless?: boolean;
  /** Nothing is kept or sent before `consent(true)`. */
  consent?: boolean;
  /** Track although the browser says Global Privacy Control or Do Not Track. */
  ignoreGpc?: boolean;
}

/** Loads the tracker once, whoever asks. Rejects when its script can't be loaded; may be called again then. */
export function load(options: Options): Promise<Divolte>;
