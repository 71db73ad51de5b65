import { cookieless } from "./options";
import { get, isShared, set } from "./store";

/** Whether this script can identify users: the build makes one that can and one that can't. */
declare const IDENTIFY: boolean;
export const canIdentify = IDENTIFY;

const KEY = "_dvu";
const LONGEST = 200;

let user: string | undefined;
/** Whether the device's storage is up to date. */
let kept = true;

/** The user who is signed in. Another tab may have signed in or out. */
export function userId(): string | undefined {
  if (kept && isShared()) user = get<string>(KEY) || undefined;
  return user;
}

/**
 * Makes it the user of all events from now on. Anything but a text or a number of at most 200 characters stands for
 * nobody: better none than the user before.
 */
export function setUser(given: unknown): void {
  const text = typeof given == "string" || typeof given == "number" ? ("" + given).trim() : "";
  if (!text || text.length > LONGEST || cookieless) forgetUser();
  else {
    user = text;
    kept = false;
  }
}

/** Keeps the user for the other tabs and the next page. */
export function keepUser(): void {
  if (!kept) set(KEY, user);
  kept = true;
}

/** Takes the user off the device and out of this page. */
export function forgetUser(): void {
  user = undefined;
  kept = true;
  // Not the queue's storage: this page may have left the device's when that was full.
  try {
    localStorage.removeItem(KEY);
  } catch {}
}
