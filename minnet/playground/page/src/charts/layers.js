/** What all charts of layers share: their axis, and the layers' names on it. */
import { places } from "./scale.js";

const LETTER = 0.6; // of its height, the width of a tick's letter
const GAP = 6; // px between two
const SPOKEN = 12; // layers

/** The name of a row: its number, or the word for the output. */
export const layerName = (frame, i, t) => (frame.layers[i].name === "output" ? t("charts.output") : frame.layers[i].name);

/** @returns {{ x: import("./scale.js").Scale, xTicks: { value: number, label: string }[] }} */
export function layerAxis(frame, width, tick, t) {
  const names = frame.layers.map((_, i) => layerName(frame, i, t));
  const n = names.length;
  const last = n - 1;
  const place = width / n; // of a layer
  const touch = (i, j) => Math.abs(i - j) * place < (LETTER * tick * (names[i].length + names[j].length)) / 2 + GAP;
  const numbers = (LETTER * tick * String(last).length + GAP) / place;
  const every = [1, 2, 5, 10, 20, 50].find((step) => step >= numbers) ?? n;
  const xTicks = [];
  names.forEach((label, i) => {
    // The first and the last are always told; between them 10, 20, … that do not touch them.
    const between = (i + 1) % every === 0 && !touch(i, last) && !touch(i, 0);
    if (i === 0 || i === last || between) xTicks.push({ value: i, label });
  });
  return { x: places(n), xTicks };
}

/**
 * The layers for a screen reader: of many some, from the first to the last, so that one can listen to the end.
 *
 * @param {(i: number) => string} say
 */
export function tellLayers(n, say) {
  const every = Math.ceil(n / SPOKEN);
  const told = [];
  for (let i = 0; i < n; i++) if (i % every === 0 || i === n - 1) told.push(say(i));
  return told.join("; ");
}

/** How large a layer's dot is. */
export const dotRadius = (plot, n) => Math.min(0.5 * plot.tick, Math.max(2, 0.13 * (plot.width / n)));

/** The pixels of the layers. */
export const layerPixels = (plot, n) => Float64Array.from({ length: n }, (_, i) => plot.x(i));
