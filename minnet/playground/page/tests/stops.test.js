import assert from "node:assert/strict";
import { test } from "node:test";
import { nearest, shown, stopsOf } from "../src/stops.js";

const gain = { kind: "real", low: 0.05, high: 20, log: true };

test("a logarithmic slider rises by equal factors from end to end, and stops where it is marked", () => {
  const stops = stopsOf(gain, 1);
  assert.equal(stops[0], 0.05);
  assert.equal(stops.at(-1), 20);
  assert.ok(stops.includes(1));
  // A step of 1/40 of a decade, give or take what rounding to two digits does.
  for (let i = 1; i < stops.length; i++) assert.ok(stops[i] / stops[i - 1] > 1 && stops[i] / stops[i - 1] < 1.21);
});

test("whole numbers: each once", () => {
  assert.deepEqual(stopsOf({ kind: "whole", low: 0, high: 4, log: false }), [0, 1, 2, 3, 4]);
  const widths = stopsOf({ kind: "whole", low: 1, high: 512, log: true });
  assert.deepEqual(widths.slice(0, 4), [1, 2, 3, 4]);
  assert.ok(widths.every(Number.isInteger));
});

test("a seed has too many values for a slider", () => {
  assert.equal(stopsOf({ kind: "whole", low: 0, high: 2 ** 32 - 1, log: false }), null);
});

test("a value between two stops is next to one of them, and is shown with its own digits", () => {
  assert.equal(nearest([1, 2, 4], 2.9), 1);
  assert.equal(nearest([1, 2, 4], 100), 2);
  assert.equal(shown(0.1 + 0.2), "0.3");
  assert.equal(shown(1e-5), "0.00001");
});
