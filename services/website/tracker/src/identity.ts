import type { TrackedEvent } from "./event";
import { timedId } from "./ids";
import { cookieless, option } from "./options";

const TIMEOUT_S = +option.session! || 1800;

export let partyId: string | undefined;
export let sessionId: string | undefined;
export let newParty = false;
export let newSession = false;

let touched = 0;

const read = (name: string): string | undefined =>
  cookieless ? undefined : document.cookie.match(`\\b${name}=(0:\\w+:[^;:]+)`)?.[1];

function write(name: string, value: string | undefined, seconds: number): void {
  if (!cookieless) {
    document.cookie =
      `${name}=${value};path=/;max-age=${seconds};SameSite=Lax` +
      // The sixth character is there in "https:" only.
      (location.protocol[5] ? ";Secure" : "") +
      (option.domain ? ";domain=" + option.domain : "");
  }
}

/**
 * Brings the ids up to date: another tab may have made newer ones, and a session ends when nothing happened for
 * its timeout, even if the page stays open.
 */
export function refresh(): void {
  const now = Date.now();
  partyId = read("_dvp") || partyId;
  sessionId = read("_dvs") || (now - touched < TIMEOUT_S * 1e3 ? sessionId : "");
  touched = now;
  if (!partyId) {
    partyId = timedId();
    newParty = true;
  }
  if (!sessionId) {
    sessionId = timedId();
    newSession = true;
  }
}

/** Who an event belongs to. Only the first event of a party or session says that it is new. */
export function identify(): Pick<TrackedEvent, "p" | "s" | "n" | "f"> {
  refresh();
  const who = { p: partyId!, s: sessionId!, n: newParty, f: newSession };
  newParty = newSession = false;
  return who;
}

/** Keeps the ids for the next page. */
export function remember(): void {
  write("_dvp", partyId, 63072e3);
  write("_dvs", sessionId, TIMEOUT_S);
}

/** Takes the ids off the device and out of this page. */
export function forget(): void {
  partyId = sessionId = "";
  write("_dvp", "", 0);
  write("_dvs", "", 0);
}
