import type { Json } from "./event";

const text = (value: string): string => value.replace(/[~!]/g, "~$&") + "!";

/**
 * Divolte's compact encoding of JSON, used by the GET beacon's parameter `u`.
 *
 * A member is written type first, then name, then payload; `name` is the encoded property name.
 */
export function mincode(value: Json, name = ""): string {
  if (typeof value == "string") return "s" + name + text(value);
  if (typeof value == "number") {
    const base36 = value.toString(36);
    const exponential = value.toExponential();
    const plain = "" + value;
    const decimal = exponential.length < plain.length ? exponential : plain;
    return value % 1 || base36.length > decimal.length ? "j" + name + decimal + "!" : "d" + name + base36 + "!";
  }
  if (typeof value == "boolean") return (value ? "t" : "f") + name;
  if (!value) return "n" + name;
  return Array.isArray(value)
    ? "a" + name + value.map((item) => mincode(item)).join("") + "."
    : "(" + name + Object.keys(value).map((key) => mincode(value[key]!, text(key))).join("") + ")";
}
