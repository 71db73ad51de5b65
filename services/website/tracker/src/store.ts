import { cookieless } from "./options";

/** Where values are kept: on the device, or only in this page if the device's storage is unwanted or forbidden. */
let storage: Record<string, any> = {};
try {
  storage = (!cookieless && localStorage) || storage;
} catch {}

/** Whether the next page can read what this one keeps. */
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
