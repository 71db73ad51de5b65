import { cookieless } from "./options";

/** Where values are kept: on the device, or no longer than this page if that is not wanted or forbidden. */
let storage: Record<string, any> = {};
try {
  storage = (!cookieless && localStorage) || storage;
} catch {}

/** Whether the next page finds what this one keeps. */
export const isShared = (): boolean => "length" in storage;

/** A value kept as JSON; undefined when there is none, or none that can be read. */
export function get<T>(key: string): T | void {
  try {
    return JSON.parse(storage[key]);
  } catch {}
}

export function set(key: string, value: unknown): void {
  const text = JSON.stringify(value);
  try {
    storage[key] = text;
  } catch {
    // Full: from here on this page keeps its own copy, and the next one must not find an old one.
    delete storage[key];
    storage = { [key]: text };
  }
}
