import { cookieless } from "./options";

const memory: Record<string, string> = {};

/** Whether values live no longer than this page. */
export let volatile = cookieless;

/** A value kept as JSON; undefined when there is none, or none that can be read. */
export function get<T>(key: string): T | undefined {
  try {
    return JSON.parse((volatile ? memory : localStorage)[key]!);
  } catch {
    return undefined;
  }
}

export function set(key: string, value: unknown): void {
  const text = (memory[key] = JSON.stringify(value));
  try {
    if (!volatile) localStorage[key] = text;
  } catch {
    // Forbidden or full: from here on this page keeps its own copy, and the next one must not find an old one.
    volatile = true;
    try {
      delete localStorage[key];
    } catch {}
  }
}
