/**
 * Your events and their parameters. Fill it in by declaration merging and `signal` checks them:
 *
 *     declare module "@clickstream/tracker" {
 *       interface DivolteEvents { addToCart: { sku: string; price: number } }
 *     }
 */
export interface DivolteEvents {}

/** What the tracker puts on `window.divolte`; Divolte's API, and `consent`. */
export interface Divolte {
  /** The visitor, over visits. */
  readonly partyId: string;
  /** The visit; replaced when it ends, also on an open page. */
  readonly sessionId: string;
  /** The page view; replaced at each view of a single-page application. */
  readonly pageViewId: string;
  /** Whether this page load made the party id. */
  readonly isNewPartyId: boolean;
  /** Whether this page load made the session id. */
  readonly isFirstInSession: boolean;
  /** Whether the server chose the page-view id, in the fragment of the script's address. */
  readonly isServerPageView: boolean;
  /** Queues an event. Returns its id, or null if the type is empty or the visitor refused. */
  signal<Type extends string>(
    type: Type,
    ...parameters: Type extends keyof DivolteEvents ? [parameters: DivolteEvents[Type]] : [parameters?: unknown]
  ): string | null;
  /** Calls back when every event of this page so far is confirmed or given up, or after `timeout` ms (10,000). */
  whenCommitted(callback: () => void, timeout?: number): void;
  /** Records the visitor's answer; a refusal removes cookies and waiting events. */
  consent(given: boolean): void;
  /**
   * Says which user of the site is signed in, or nobody (null). Kept for later pages. Does nothing unless the stack
   * collects user ids, or if the visitor refused or nothing may be kept on the device.
   */
  identify(userId: string | number | null | undefined): void;
}

declare global {
  interface Window {
    divolte?: Divolte;
  }
}
