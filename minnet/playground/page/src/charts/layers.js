/** What all charts of layers share: their axis, and the layers' names on it. */
import { places } from "./scale.js";

const LETTER = 6.6; // px, the width of a tick's letter

/** The name of a row: its number, or the word for the output. */
export const layerName = (frame, i, t) => (frame.layers[i].name === "output" ? t("charts.output") : frame.layers[i].name);

/** @returns {{ x: import("./scale.js").Scale, xTicks: { value: number, label: string }[] }} */
export function layerAxis(frame, width, t) {
  const names = frame.layers.map((_, i) => layerName(frame, i, t));
  const n = names.length;
  const longest = Math.max(...names.map((name) => name.length));
  const room = LETTER * longest + 6;
  const fit = (n * room) / Math.max(1, width);
  const every = [1, 2, 5, 10, 20, 50].find((step) => step >= fit) ?? n;
  const last = n - 1;
  const xTicks = [];
  names.forEach((label, i) => {
    // The first and the last are always told; between them 10, 20, … that do not touch them.
    const between = (i + 1) % every === 0 && last - i >= fit && (every === 1 || i >= fit);
    if (i === 0 || i === last || between) xTicks.push({ value: i, label });
  });
  return { x: places(n), xTicks };
}

/** The pixels of the layers. */
export const layerPixels = (plot, n) => Float64Array.from({ length: n }, (_, i) => plot.x(i));
