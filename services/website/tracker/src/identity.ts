import { timedId } from "./ids";
import { option } from "./options";

const TIMEOUT = (+option.session! || 1800) * 1e3;
const cookieless = "cookieless" in option;

let touched = 0;

export const identity = { partyId: "", sessionId: "", isNewPartyId: false, isFirstInSession: false };

const read = (name: string): string | undefined =>
  cookieless ? undefined : document.cookie.match("(?:^|; )" + name + "=(0:\\w+:[^;:]+)")?.[1];

const write = (name: string, value: string, seconds: number): void => {
  document.cookie =
    `${name}=${value};path=/;max-age=${seconds};SameSite=Lax` +
    (location.protocol == "https:" ? ";Secure" : "") +
    (option.domain ? ";domain=" + option.domain : "");
};

/**
 * Brings the ids up to date: another tab may have made newer ones, and a session ends when nothing happened for
 * its timeout even if the page stays open. Returns whether the party and the session were made just now.
 */
export function refresh(): [boolean, boolean] {
  const now = Date.now();
  const party = read("_dvp") || identity.partyId;
  const session = read("_dvs") || (now - touched < TIMEOUT && identity.sessionId);
  touched = now;
  identity.partyId = party || timedId();
  identity.sessionId = session || timedId();
  return [!party, !session];
}

/** Keeps the ids for the next page. */
export function remember(): void {
  if (!cookieless) {
    write("_dvp", identity.partyId, 63072e3);
    write("_dvs", identity.sessionId, TIMEOUT / 1e3);
  }
}

/** Takes the ids off the device. */
export function forget(): void {
  write("_dvp", "", 0);
  write("_dvs", "", 0);
}
