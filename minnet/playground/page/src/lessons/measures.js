// What a lesson reads from a frame: the very numbers that the charts draw.
import { shown } from "../charts/scale.js";

/** A number for the sentence; of one that is not there, a dash. */
const number = (value, digits = 2) => (Number.isFinite(value) ? shown(value, digits) : "–");

/** Of which rows of the charts by layer a network's own comparison is: all but the output. */
const hidden = ({ layers }) => layers.length - 1;

/** The factor a layer between the first and the last of the hidden ones. */
function factor(values, n) {
  return (values[n - 1] / values[0]) ** (1 / (n - 1));
}

/** The mean of each row of histograms with equal bins. */
function means({ arrays, shapes }, name) {
  const [rows, bins] = shapes[`${name}_density`];
  const density = arrays[`${name}_density`];
  const range = arrays[`${name}_range`];
  return Array.from({ length: rows }, (_, row) => {
    const [low, high] = range.subarray(2 * row, 2 * row + 2);
    let sum = 0;
    let weighted = 0;
    for (let bin = 0; bin < bins; bin++) {
      sum += density[row * bins + bin];
      weighted += density[row * bins + bin] * (bin + 0.5);
    }
    return low + ((high - low) * weighted) / (sum * bins);
  });
}

/** @type {Record<string, (frame: import("../frames.js").Frame) => Record<string, string | number>>} */
export const MEASURES = {
  loss(frame) {
    return { step: frame.step, loss: number(frame.loss), best: number(frame.best_constant_loss) };
  },
  factor(frame) {
    const n = hidden(frame);
    const { forward_measured: measured, forward_predicted: predicted } = frame.arrays;
    return {
      step: frame.step,
      layers: n,
      factor: number(factor(measured, n)),
      theory: number(factor(predicted, n)),
      all: number(measured[n - 1] / measured[0]),
    };
  },
  trap(frame) {
    const n = hidden(frame);
    const { backward_measured: backward, update_ratio: ratio } = frame.arrays;
    // The first layer's weights are not square: no part of the comparison.
    const square = ratio.subarray(1, n);
    return {
      step: frame.step,
      last: n,
      fall: number(Math.sqrt(backward[n - 1] / backward[0])),
      spread: number(Math.max(...square) / Math.min(...square)),
      loss: number(frame.loss),
      best: number(frame.best_constant_loss),
    };
  },
  means(frame) {
    const found = means(frame, "activation").slice(0, hidden(frame)).map((mean) => number(mean));
    return { step: frame.step, means: found.join(" · "), loss: number(frame.loss), best: number(frame.best_constant_loss) };
  },
};
