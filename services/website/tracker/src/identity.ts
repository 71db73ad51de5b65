import { now, own } from "./host";
import { id } from "./ids";
import { cookieless, option } from "./options";

const TIMEOUT_S = +option.session! || 1800;

export let partyId: string | undefined;
export let sessionId: string | undefined;
export let newParty = false;
export let newSession = false;

let touched = 0;

// In a sandboxed frame even reading cookies throws: the ids then live as long as the page.
function read(name: string): string | false | void {
  try {
    return !cookieless && own("cookie").match(`\\b${name}=(0:\\w+:[^;:]+)`)?.[1];
  } catch {}
}

function write(name: string, value: string | undefined, seconds: number): void {
  try {
    if (!cookieless) {
      Reflect.set(
        Document.prototype,
        "cookie",
        // The sixth character is there in "https:" only.
        `${name}=${value};path=/;max-age=${seconds};SameSite=Lax;domain=${option.domain || ""};${location.protocol[5] ? "Secure" : ""}`,
        document,
      );
    }
  } catch {}
}

/**
 * Brings the ids up to date: another tab may have made newer ones, and a session ends when nothing happened for
 * its timeout, even if the page stays open.
 */
export function refresh(): void {
  const time = now();
  partyId = read("_dvp") || partyId || ((newParty = true), id(time));
  sessionId =
    read("_dvs") ||
    (time - touched < TIMEOUT_S * 1e3 && sessionId) ||
    ((newSession = true), id(time));
  touched = time;
}

/** Marks party and session as known: only the first event of each says that it is new. */
export function introduced(): void {
  newParty = newSession = false;
}

/** Keeps the ids for the next page; with 0 it deletes them from the device. */
export function remember(times = 1): void {
  write("_dvp", partyId, 63072e3 * times);
  write("_dvs", sessionId, TIMEOUT_S * times);
}

/** Takes the ids off the device and out of this page. */
export function forget(): void {
  remember(0);
  partyId = sessionId = "";
}
