/**
 * A copy as plain JSON, with the text of a BigInt; undefined if there is none, because of a circle, a getter that throws or
 * a function. Never throws.
 */
export function plain(value: unknown): any {
  try {
    return JSON.parse(JSON.stringify(value, (_, inner) => (typeof inner == "bigint" ? "" + inner : inner)));
  } catch {}
}
