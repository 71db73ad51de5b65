import assert from "node:assert/strict";
import { test } from "node:test";
import type { Json } from "../src/event";
import { mincode } from "../src/mincode";

// Divolte's samples, then one for each rule they leave out.
const samples: [Json, string][] = [
  ["a string", "sa string!"],
  ["Hello~World!", "sHello~~World~!!"],
  [42, "d16!"],
  [10.3, "j10.3!"],
  [{}, "()"],
  [[], "a."],
  [{ foo: "bar", baz: "daz" }, "(sfoo!bar!sbaz!daz!)"],
  [{ name: "John Doe", age: 42, children: ["Mary", "Bill"] }, "(sname!John Doe!dage!16!achildren!sMary!sBill!.)"],
  [{ a: {} }, "((a!))"],
  [true, "t"],
  [false, "f"],
  [null, "n"],
  [0, "d0!"],
  [-42, "d-16!"],
  [1e100, "j1e+100!"],
  [0.00001, "j1e-5!"],
  ["", "s!"],
  [{ "a~!": null }, "(na~~~!!)"],
  [{ yes: true, no: false, list: [1, [2]] }, "(tyes!fno!alist!d1!ad2!..)"],
  ["日本 😀", "s日本 😀!"],
];

for (const [value, expected] of samples) {
  test(`${JSON.stringify(value)} is ${expected}`, () => assert.equal(mincode(value), expected));
}
