// Where a slider stops: values that can be said, in equal steps or, where a control is logarithmic, in equal factors.

const PER_DECADE = 40;
const STEPS = 100;

/**
 * @param {{kind: string, low: number, high: number, log: boolean}} control
 * @param {number} [marked] a value that is a stop in any case
 * @returns {number[] | null} rising; null: too many values for a slider to mean anything, as for a seed
 */
export function stopsOf({ kind, low, high, log }, marked) {
  const whole = kind === "whole";
  if (whole && !log && high - low > 1000) return null;
  const values = new Set([low, high]);
  if (marked !== undefined) values.add(marked);
  if (log) {
    const n = Math.round(PER_DECADE * Math.log10(high / low));
    for (let i = 0; i <= n; i++) values.add(round(low * (high / low) ** (i / n), whole, low, high));
  } else {
    const n = whole ? high - low : STEPS;
    for (let i = 0; i <= n; i++) values.add(round(low + ((high - low) * i) / n, whole, low, high));
  }
  return [...values].sort((a, b) => a - b);
}

function round(value, whole, low, high) {
  const said = whole ? Math.round(value) : Number(value.toPrecision(value >= 1 ? 3 : 2));
  return Math.min(Math.max(said, low), high);
}

/** The index of the stop next to a value. */
export function nearest(stops, value) {
  let best = 0;
  for (let i = 1; i < stops.length; i++) if (Math.abs(stops[i] - value) < Math.abs(stops[best] - value)) best = i;
  return best;
}

/** A number as it is written into a field: all its digits, and no more. */
export function shown(value) {
  return typeof value === "number" ? String(Number(value.toPrecision(6))) : String(value);
}
