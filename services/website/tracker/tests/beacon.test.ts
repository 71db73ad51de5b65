import assert from "node:assert/strict";
import { test } from "node:test";
import { beaconQuery } from "../src/beacon";
import type { TrackedEvent } from "../src/event";

const number = (base36: string): number => parseInt(base36, 36);

const sentinel: TrackedEvent = {
  p: "0:i1t84hgy:party",
  s: "0:i1t84hgy:session",
  v: "0:pageView",
  e: "0:eventId",
  c: number("i1t8q2b6"),
  n: false,
  f: false,
  l: "http://localhost:8290/",
  i: number("1ak"),
  j: number("sj"),
  k: 2,
  w: number("uq"),
  h: number("qd"),
  t: "sentinelEvent",
};

const query = (event: Partial<TrackedEvent>): URLSearchParams =>
  new URLSearchParams(beaconQuery({ ...sentinel, ...event }).replace(/\+/g, "%2B"));

test("the checksums are those of Divolte's own test vectors", () => {
  assert.equal(query({}).get("x"), "-y99lem");
  assert.equal(query({ t: "ụñ⚕©ºḌℨ" }).get("x"), "-ql2p2c");
  assert.equal(
    query({
      p: "0:i1t84hgy:5AF359Zjq5kUy98u4wQjlIZzWGhN~GlG",
      s: "0:i1t84hgy:95CbiPCYln_1e0a6rFvuRkDkeNnc6KC8",
      v: "0:1fF6GFGjDOQiEx_OxnTm_tl4BH91eGLF",
      e: "0:1fF6GFGjDOQiEx_OxnTm_tl4BH91eGLF0",
      t: "pageView",
    }).get("x"),
    "si9804",
  );
});

test("numbers travel in base 36, flags as t and f, parameters as mincode", () => {
  const sent = query({ n: true, f: false, c: 1795475501000, k: 1.5, u: { a: 1 } });
  assert.equal(sent.get("n"), "t");
  assert.equal(sent.get("f"), "f");
  assert.equal(sent.get("c"), (1795475501000).toString(36));
  assert.equal(sent.get("k"), "1.i");
  assert.equal(sent.get("u"), "(da!1!)");
});

test("what an event does not have is left out", () => {
  const sent = query({ r: undefined, u: undefined });
  assert.equal(sent.has("r"), false);
  assert.equal(sent.has("u"), false);
});

test("a URL with every awkward character survives", () => {
  const url = "http://localhost/ä?a=1&b=+%20#x,;=😀";
  assert.equal(query({ l: url }).get("l"), url);
});

test("what an event does not have is not in its query", () => {
  assert.equal(query({ r: undefined }).has("r"), false);
  assert.equal(beaconQuery({ ...sentinel, r: undefined, u: undefined }), beaconQuery(sentinel));
});
