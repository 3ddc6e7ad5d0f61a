/** Drawings of lines with axes, in the page's colours: CSS gives these to the classes. */
import { ticksOf } from "../charts/scale.js";

const NAMESPACE = "http://www.w3.org/2000/svg";
export const MARGIN = { left: 46, top: 24, right: 12, bottom: 38 };

/** An element of a drawing: `s("path", { d, class: "line" })`. */
export function s(tag, attributes = {}, ...children) {
  const element = document.createElementNS(NAMESPACE, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

/**
 * Updates on an axis that begins at 0 and has more room for the first ones.
 * @param {number} last
 * @returns {import("../charts/scale.js").Scale}
 */
export function updatesScale(last) {
  const unit = last / 40;
  const end = Math.log1p(last / unit);
  return {
    kind: "updates", low: 0, high: last,
    at: (v) => Math.log1p(v / unit) / end,
    value: (p) => unit * Math.expm1(p * end),
  };
}

function updateTicks(scale, width) {
  const ticks = [{ value: 0, label: "0" }];
  let end = 0;
  for (let power = 10; power <= scale.high; power *= 10) {
    for (const value of [power, 2 * power, 5 * power]) {
      const at = scale.at(value) * width;
      if (value > scale.high || at - end < 66) continue;
      ticks.push({ value, label: value.toLocaleString("en") });
      end = at;
    }
  }
  return ticks;
}

/**
 * Axes with ticks.
 * @returns {{ element: SVGElement, x: (v: number) => number, y: (v: number) => number, width: number, height: number }}
 */
export function axes({ x, y, width, height, xLabel, yLabel, right = MARGIN.right }) {
  const { left, top, bottom } = MARGIN;
  const [w, h] = [width - left - right, height - top - bottom];
  const px = (v) => left + w * x.at(v);
  const py = (v) => top + h * (1 - y.at(v));
  const group = s("g", { class: "axes" });
  const { ticks, unit } = ticksOf(y, Math.max(2, Math.floor(h / 40)));
  for (const { value, label } of ticks) {
    group.append(
      s("line", { class: "grid", x1: left, x2: left + w, y1: py(value), y2: py(value) }),
      s("text", { x: left - 6, y: py(value), class: "tick-y" }, label),
    );
  }
  const horizontal = x.kind === "updates" ? updateTicks(x, w) : ticksOf(x, Math.max(2, Math.floor(w / 70))).ticks;
  for (const { value, label } of horizontal) {
    const inside = Math.min(px(value), width - 3.4 * label.length); // half of what a label is wide
    group.append(s("text", { x: inside, y: top + h + 15, class: "tick-x" }, label));
  }
  group.append(
    s("text", { x: left + w / 2, y: height - 5, class: "tick-x" }, xLabel),
    s("text", { x: 2, y: 9, class: "axis-y" }, [yLabel, unit].filter(Boolean).join("  ")),
  );
  return { element: group, x: px, y: py, width: w, height: h };
}

/** The path of a line; where there is no number it is broken. */
export function line(xs, ys, count = xs.length) {
  let path = "";
  let pen = "M";
  for (let i = 0; i < count; i++) {
    if (Number.isFinite(xs[i]) && Number.isFinite(ys[i])) {
      path += `${pen}${xs[i].toFixed(1)} ${ys[i].toFixed(1)}`;
      pen = "L";
    } else pen = "M";
  }
  return path;
}

/** The path of a shape of its own for each layer: circle, square, diamond, and triangles. */
export function marker(i, x, y, r = 4.5) {
  const [a, b] = [x.toFixed(1), y.toFixed(1)];
  return [
    `M${a} ${b}m${-r} 0a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0z`,
    `M${a} ${b}m${-r} ${-r}h${2 * r}v${2 * r}h${-2 * r}z`,
    `M${a} ${b}m0 ${-1.3 * r}l${1.3 * r} ${1.3 * r}l${-1.3 * r} ${1.3 * r}l${-1.3 * r} ${-1.3 * r}z`,
    `M${a} ${b}m0 ${1.2 * r}l${1.2 * r} ${-2 * r}h${-2.4 * r}z`,
    `M${a} ${b}m0 ${-1.2 * r}l${1.2 * r} ${2 * r}h${-2.4 * r}z`,
  ][i % 5];
}

export function star(x, y, r = 7) {
  const points = [];
  for (let k = 0; k < 10; k++) {
    const [angle, size] = [(Math.PI * k) / 5, k % 2 ? 0.42 * r : r];
    points.push(`${(x + size * Math.sin(angle)).toFixed(1)} ${(y - size * Math.cos(angle)).toFixed(1)}`);
  }
  return `M${points.join("L")}Z`;
}

/** How many of rising numbers are at most `value`. */
export function reached(values, value) {
  let n = 0;
  while (n < values.length && values[n] <= value) n++;
  return n;
}
