/**
 * Axes: where a number stands, which numbers are written beside it, and how.
 *
 * @typedef {{ kind: string, low: number, high: number, at: (v: number) => number, value: (p: number) => number }}
 *   Scale  `at` takes a number to 0 … 1 along the axis, `value` takes it back
 */

/** @returns {Scale} */
export function linear(low, high) {
  const span = high - low;
  return { kind: "linear", low, high, at: (v) => (v - low) / span, value: (p) => low + p * span };
}

/** @returns {Scale} numbers of 0 and below stand below the axis, at minus infinity */
export function log(low, high) {
  const start = Math.log10(low);
  const span = Math.log10(high) - start;
  return {
    kind: "log", low, high,
    at: (v) => (v > 0 ? (Math.log10(v) - start) / span : v <= 0 ? -Infinity : NaN),
    value: (p) => 10 ** (start + p * span),
  };
}

/** @returns {Scale} n places side by side; the whole number i stands in the middle of its own */
export function places(n) {
  return { kind: "places", low: 0, high: n, at: (i) => (i + 0.5) / n, value: (p) => p * n - 0.5 };
}

function niceStep(span, n) {
  const rough = span / Math.max(1, n);
  const power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].find((m) => m * power >= rough * 0.999) * power;
}

/** Whole steps around the numbers, that the axis may rest while they move a little. */
export function roundLinear(low, high) {
  if (!(high > low)) {
    const reach = Math.abs(low) || 1;
    return [low - reach, high + reach];
  }
  const step = niceStep(high - low, 6);
  return [Math.floor(low / step + 1e-6) * step, Math.ceil(high / step - 1e-6) * step];
}

/** Whole decades around the numbers. */
export function roundLog(low, high) {
  const start = Math.floor(Math.log10(low) + 1e-9);
  return [10 ** start, 10 ** Math.max(start + 1, Math.ceil(Math.log10(high) - 1e-9))];
}

/**
 * An axis that does not tremble: it grows at once, and shrinks only when half of it would be empty.
 *
 * @param {(low: number, high: number) => [number, number]} round
 * @param {(low: number, high: number) => Scale} make
 */
export function steady(round, make) {
  let scale = null;
  let of = null;
  return (low, high, generation) => {
    const [from, to] = round(low, high);
    const wide = (a, b) => (make === log ? Math.log10(b / a) : b - a);
    const keep = scale && of === generation && from >= scale.low && to <= scale.high
      && wide(scale.low, scale.high) < 2.01 * wide(from, to);
    if (!keep) scale = make(from, to);
    of = generation;
    return scale;
  };
}

/** Least and largest of those numbers of some arrays that an axis can show, or null. */
export function extremes(arrays, positive = false) {
  let low = Infinity;
  let high = -Infinity;
  for (const values of arrays) {
    for (const v of values) {
      if (Number.isFinite(v) && !(positive && v <= 0)) {
        if (v < low) low = v;
        if (v > high) high = v;
      }
    }
  }
  return low <= high ? [low, high] : null;
}

const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";

export function powerOfTen(exponent) {
  const digits = [...String(Math.abs(exponent))].map((d) => SUPERSCRIPTS[Number(d)]).join("");
  return `10${exponent < 0 ? "⁻" : ""}${digits}`;
}

/** A number for the eye: three digits, powers of ten written as such. */
export function shown(value, digits = 3) {
  if (!Number.isFinite(value)) return value === Infinity ? "∞" : value === -Infinity ? "−∞" : "?";
  if (value === 0) return "0";
  const size = Math.abs(value);
  let text;
  if (size >= 1e5 || size < 1e-3) {
    const [mantissa, exponent] = size.toExponential(Math.min(1, digits - 1)).split("e");
    text = `${mantissa}·${powerOfTen(Number(exponent))}`;
  } else {
    text = String(Number(size.toPrecision(digits)));
  }
  return value < 0 ? `−${text}` : text;
}

/** A number to be read aloud, where superscripts would not be. */
export function spoken(value) {
  return Number.isFinite(value) ? String(Number(value.toPrecision(3))) : "unknown";
}

/**
 * The ticks of an axis: rising, each label once.
 *
 * @param {Scale} scale
 * @param {number} most  how many there is room for
 * @returns {{ ticks: { value: number, label: string }[], unit: string }} `unit` is a power of ten that all
 *   labels are multiples of, or ""
 */
export function ticksOf(scale, most) {
  return scale.kind === "log" ? logTicks(scale, most) : linearTicks(scale, most);
}

function logTicks({ low, high }, most) {
  const first = Math.ceil(Math.log10(low) - 1e-9);
  const last = Math.floor(Math.log10(high) + 1e-9);
  const values = [];
  if (last - first < 3 && most >= 3 * (last - first + 1)) {
    for (let e = first - 1; e <= last; e++) {
      for (const m of [1, 2, 5]) {
        const value = Number(`${m}e${e}`);
        if (value >= low * 0.999 && value <= high * 1.001) values.push(value);
      }
    }
    return { ticks: values.map((value) => ({ value, label: shown(value, 1) })), unit: "" };
  }
  const every = Math.max(1, Math.ceil((last - first + 1) / Math.max(2, most)));
  const exponents = [];
  for (let e = Math.ceil(first / every) * every; e <= last; e += every) exponents.push(e);
  const plain = exponents.every((e) => e >= -3 && e <= 4);
  return {
    ticks: exponents.map((e) => ({ value: 10 ** e, label: plain ? String(Number(`1e${e}`)) : powerOfTen(e) })),
    unit: "",
  };
}

function linearTicks({ low, high }, most) {
  const inside = (step) => Math.floor(high / step + 1e-6) - Math.ceil(low / step - 1e-6) + 1;
  let step = niceStep(high - low, most);
  // One tick alone is no axis: then rather one more than there is room for.
  for (let n = most + 1; inside(step) < 2 && n < most + 4; n++) step = niceStep(high - low, n);
  const largest = Math.max(Math.abs(low), Math.abs(high));
  const power = Math.floor(Math.log10(largest));
  const exponent = power > 4 || power < -2 ? power : 0;
  const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9) + exponent);
  const ticks = [];
  for (let i = Math.ceil(low / step - 1e-6); i * step <= high + 1e-6 * step; i++) {
    const label = ((i * step) / 10 ** exponent).toFixed(decimals).replace(/^-0(\.0*)?$/, "0$1").replace("-", "−");
    ticks.push({ value: i * step, label });
  }
  return { ticks, unit: exponent ? `× ${powerOfTen(exponent)}` : "" };
}
