import assert from "node:assert/strict";
import { test } from "node:test";
import { createState } from "../src/state.js";

/** A session on the other side: answers when it is told to. */
function session(experiment) {
  const asked = [];
  let version = 0;
  return {
    asked,
    send: (message) =>
      new Promise((resolve, reject) => {
        asked.push({
          message,
          reject,
          take() {
            Object.assign(experiment, message.experiment);
            resolve({ experiment: { ...experiment }, generation: 0, version: ++version });
          },
          refuse: (error) => resolve({ error }),
        });
      }),
  };
}

const settled = () => new Promise((resolve) => setTimeout(resolve));

test("a slider that is dragged: shown at once, and of all its values the newest is sent next", async () => {
  const other = session({ gain: 1, depth: 2 });
  const state = createState(other.send);
  state.change({ gain: 2 });
  state.change({ gain: 3 });
  const last = state.change({ gain: 4, depth: 5 });
  assert.equal(state.experiment.gain, 4);
  assert.equal(other.asked.length, 1);
  other.asked[0].take();
  await settled();
  assert.equal(state.experiment.gain, 4, "what was confirmed is older than what is shown");
  assert.deepEqual(other.asked[1].message, { do: "change", experiment: { gain: 4, depth: 5 } });
  other.asked[1].take();
  assert.equal(await last, true);
  assert.deepEqual(state.experiment, { gain: 4, depth: 5 });
  assert.equal(other.asked.length, 2);
});

test("a value that comes back before it was answered is that of the page, and of the session", async () => {
  const other = session({ gain: 1 });
  const state = createState(other.send);
  state.change({ gain: 2 });
  state.change({ gain: 3 });
  state.change({ gain: 2 });
  other.asked[0].take();
  await settled();
  assert.equal(state.experiment.gain, 2);
  assert.ok(other.asked.every(({ message }) => message.experiment.gain === 2));
});

test("what is refused goes back to what was, and the sentence says at which control", async () => {
  const other = session({ depth: 2 });
  const state = createState(other.send);
  state.heard({ experiment: { depth: 2 }, generation: 0, version: 0 });
  const told = [];
  state.on("error", (error) => told.push(error));
  const change = state.change({ depth: 99 });
  other.asked[0].refuse("depth must be at most 60, got 99");
  assert.equal(await change, false);
  assert.equal(state.experiment.depth, 2);
  assert.deepEqual(told, [{ text: "depth must be at most 60, got 99", fields: { depth: "depth must be at most 60, got 99" } }]);
});

test("what was said before the last answer is old: it changes nothing", () => {
  const state = createState(() => new Promise(() => {}));
  assert.ok(state.heard({ generation: 3, version: 7, playing: true, experiment: { gain: 2 } }));
  assert.ok(!state.heard({ generation: 2, version: 9, playing: false, experiment: { gain: 1 } }));
  assert.ok(!state.heard({ generation: 3, version: 6, playing: false, experiment: { gain: 1 } }));
  assert.equal(state.playing, true);
  assert.equal(state.experiment.gain, 2);
});

test("who presses play after a change plays what was changed", async () => {
  const other = session({ gain: 20 });
  const state = createState(other.send);
  state.change({ gain: 1 });
  state.play();
  assert.equal(other.asked.length, 1);
  other.asked[0].take();
  await settled();
  assert.deepEqual(other.asked[1].message, { do: "play" });
});

test("where there is no server a change is not taken, and nothing is thrown", async () => {
  const other = session({ gain: 1 });
  const state = createState(other.send);
  const change = state.change({ gain: 2 });
  other.asked[0].reject(new Error("no server"));
  assert.equal(await change, false);
});
