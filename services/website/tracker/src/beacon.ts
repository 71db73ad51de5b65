import type { TrackedEvent } from "./event";
import { mincode } from "./mincode";
import { murmur3 } from "./murmur3";

/** The query of Divolte's GET beacon: numbers in base 36, flags as t/f, the checksum `x` at the end. */
export function beaconQuery(event: TrackedEvent): string {
  let query = "";
  const canonical: string[] = [];
  for (const [name, value] of Object.entries(event)) {
    if (value === undefined) continue;
    const text =
      name == "u"
        ? mincode(value)
        : typeof value == "number"
          ? value.toString(36)
          : typeof value == "boolean"
            ? value
              ? "t"
              : "f"
            : (value as string);
    query += name + "=" + encodeURIComponent(text) + "&";
    canonical.push(name + "=" + text + ",;");
  }
  return query + "x=" + murmur3(canonical.sort().join("")).toString(36);
}
