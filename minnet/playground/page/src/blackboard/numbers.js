// How numbers are written: the minus sign of print, powers of ten instead of 1e-5, digits that can be read.

const RAISED = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };

/** "10⁻³" of -3. */
export const power = (exponent) => "10" + [...String(exponent)].map((c) => RAISED[c]).join("");

/** What stands for a number that is not finite. */
export const NOT_FINITE = "—";

/**
 * A number with three digits that count: "0.0123", "1.20·10⁻⁵".
 * @param {number | null} value
 * @returns {string}
 */
export function short(value) {
  if (value === null) return NOT_FINITE;
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e5 || size < 1e-3) {
    const [digits, exponent] = value.toExponential(2).split("e");
    return `${digits.replace("-", "−")}·${power(Number(exponent))}`;
  }
  const decimals = Math.max(0, 2 - Math.floor(Math.log10(size)));
  return value.toFixed(decimals).replace("-", "−");
}

/** The same for a narrow box: with three decimals at most. */
export function brief(value) {
  const size = Math.abs(value ?? 0);
  if (!size || (size >= 0.9995 && size < 1e4)) return short(value);
  return (size < 0.0005 || size >= 1e4 ? value.toExponential(0) : value.toFixed(3)).replaceAll("-", "−");
}

/** The same as part of a sum or product: a negative number in parentheses. */
export const factor = (value) => (value !== null && value < 0 ? `(${short(value)})` : short(value));

/**
 * How the numbers of one matrix are written: with as many decimals all, and a power of ten before the matrix
 * where they are very small or large.
 * @param {(number | null)[][]} rows
 * @returns {{ exponent: number, write: (value: number | null) => string }}
 */
export function writing(rows) {
  const largest = Math.max(0, ...rows.flat().map((v) => (v === null ? 0 : Math.abs(v))));
  const size = largest ? Math.floor(Math.log10(largest)) : 0;
  const exponent = size < -2 || size > 3 ? size : 0;
  const decimals = exponent ? 2 : Math.max(0, Math.min(3, 3 - Math.max(size, 0)) + (size < -1 ? 1 : 0));
  const write = (value) => {
    if (value === null) return NOT_FINITE;
    const text = (value / 10 ** exponent).toFixed(decimals);
    return Number(text) === 0 ? text.replace("-", "") : text.replace("-", "−");
  };
  return { exponent, write };
}
