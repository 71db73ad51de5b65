/**
 * A copy as plain JSON, with a BigInt as text. Undefined if that is impossible: for a function, a circular reference or
 * a getter that throws. Never throws.
 */
export function plain(value: unknown): any {
  try {
    return JSON.parse(JSON.stringify(value, (_, inner) => (typeof inner == "bigint" ? "" + inner : inner)));
  } catch {}
}
