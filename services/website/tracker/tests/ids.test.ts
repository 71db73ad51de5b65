import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { randomId, timedId } from "../src/ids";

test("random parts are of Divolte's alphabet, in which no sign has a meaning in an address", () => {
  // All ones is "/" 32 times in base 64; 0xfb 0xef 0xbe is "+" four times.
  const fill = (bytes: number[]) =>
    mock.method(crypto, "getRandomValues", (target: Uint8Array) => target.map((_, index) => bytes[index % bytes.length]!));
  fill([0xff]);
  assert.equal(randomId(), "_".repeat(32));
  fill([0xfb, 0xef, 0xbe]);
  assert.equal(randomId(), "~".repeat(32));
  mock.restoreAll();
});

test("an id tells when it was made", () => {
  const [version, time, random] = timedId().split(":");
  assert.equal(version, "0");
  assert.ok(Math.abs(parseInt(time!, 36) - Date.now()) < 10_000);
  assert.match(random!, /^[\w~]{32}$/);
});
