import assert from "node:assert/strict";
import { test } from "node:test";
import { murmur3 } from "../src/murmur3";

// Well-known values of MurmurHash3 x86 32-bit with seed 0; the lengths cover every size of the tail.
const samples: [string, number][] = [
  ["", 0],
  ["a", 0x3c2569b2],
  ["test", 0xba6bd213],
  ["Hello, world!", 0xc0363e43],
  ["The quick brown fox jumps over the lazy dog", 0x2e4ff723],
];

for (const [text, expected] of samples) {
  test(`the hash of "${text}"`, () => assert.equal(murmur3(text) >>> 0, expected));
}
