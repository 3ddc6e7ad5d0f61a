import assert from "node:assert/strict";
import { test } from "node:test";
import { readAddress, writeAddress } from "../src/address.js";

const choices = {
  data: { kind: "choice" },
  depth: { kind: "whole" },
  gain: { kind: "real" },
  batch_norm: { kind: "flag" },
};

test("what is written is read again", () => {
  const experiment = { data: "moons", depth: 3, gain: 1e-5, batch_norm: true };
  for (const speed of [30, null]) {
    const state = { experiment, speed, view: "lessons", lesson: "zeros & symmetry", figure: null, board: null };
    assert.deepEqual(readAddress(writeAddress(state), choices), state);
    const steps = { ...state, view: "steps", lesson: null, board: "3-3-1-0.5-0-dW2" };
    assert.deepEqual(readAddress(writeAddress(steps), choices), steps);
    const paper = { ...state, view: "paper", lesson: null, figure: "9" };
    assert.deepEqual(readAddress(writeAddress(paper), choices), paper);
  }
});

test("what is no number stays text, for the session to refuse in its own words", () => {
  assert.deepEqual(readAddress("#depth=deep&gain=&batch_norm=perhaps", choices).experiment, {
    depth: "deep",
    gain: "",
    batch_norm: "perhaps",
  });
});

test("an empty address and one with other words are those of the first view", () => {
  const first = { experiment: {}, speed: undefined, view: "play", lesson: null, figure: null, board: null };
  assert.deepEqual(readAddress("", choices), first);
  assert.deepEqual(readAddress("#view=nowhere&colour=red&speed=quick", choices), first);
});
