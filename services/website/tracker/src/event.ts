export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/** One event as the batch endpoint takes it; the names are those of the beacon's query parameters. */
export interface TrackedEvent {
  /** Party id. */ p: string;
  /** Session id. */ s: string;
  /** Page-view id. */ v: string;
  /** Event id. */ e: string;
  /** Client time, ms since the epoch. */ c: number;
  /** Is a new party. */ n: boolean;
  /** Is the first event of the session. */ f: boolean;
  /** Location. */ l: string;
  /** Title of the document, as late as when the event is sent. */ d?: string;
  /** Account: the user's id, if the page has said who is signed in. */ a?: string | undefined;
  /** Referrer. */ r?: string | undefined;
  /** Screen width, CSS pixels. */ i: number;
  /** Screen height, CSS pixels. */ j: number;
  /** Device pixel ratio. */ k: number;
  /** Viewport width, CSS pixels. */ w: number;
  /** Viewport height, CSS pixels. */ h: number;
  /** Event type. */ t: string;
  /** The event's own parameters. */ u?: Json | undefined;
}
