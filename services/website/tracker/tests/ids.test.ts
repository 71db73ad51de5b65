import assert from "node:assert/strict";
import { test } from "node:test";
import { id } from "../src/ids";

test("ids have Divolte's form, without characters that have a meaning in URLs", () => {
  assert.match(id(), /^0:[\w~]{32}$/);
  assert.match(id(parseInt("mwzecowu", 36)), /^0:mwzecowu:[\w~]{32}$/);
  assert.equal(new Set(Array.from({ length: 1000 }, () => id())).size, 1000);
});
