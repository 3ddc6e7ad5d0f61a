/** The pictures of a figure: what was measured in one network or one table's rows, up to some update. */
import { extremes, linear, log, roundLinear, roundLog, shown } from "../charts/scale.js";
import { h } from "../dom.js";
import { axes, line, marker, MARGIN, reached, s, star, updatesScale } from "./svg.js";

const HEIGHT = 280;
const NEAR = 2; // percentage points
const DASHES = { sigmoid: "dash-2", "sigmoid-pretrained": "dash-3", tanh: "dash-1", softsign: "dash-1" };

/**
 * A picture with a heading, a caption, and a legend that tells the numbers.
 * @returns what {@link createPanel} does, still empty
 */
function frame(title, run, caption) {
  const svg = s("svg", { role: "img", height: HEIGHT });
  const legend = h("ul", { class: "paper-legend" });
  const element = h(
    "figure",
    { class: "paper-panel" },
    h("h3", {}, title),
    run ? h("p", { class: "paper-run" }, run) : null,
    svg,
    legend,
    h("figcaption", {}, caption),
  );
  return { element, svg, legend };
}

/** An entry of a legend: a sign, what it stands for, and its number. */
function entry(legend, group, i, name, dashed = "") {
  const sign = s("svg", { width: 26, height: 14, "aria-hidden": "true", class: `${group} tone-${i}` });
  sign.append(s("path", { class: `line ${dashed}`, d: "M1 7H25" }), s("path", { class: "dot", d: marker(i, 13, 7, 4) }));
  const number = h("b", {});
  legend.append(h("li", {}, sign, name, number));
  return number;
}

const quantityOf = (name) => name.split("_")[0];
const toneOf = (quantity) => (quantity === "Y" ? "activations" : "gradients");
const count = (n) => n.toLocaleString("en");

/** Least and largest number of all panels of a figure, so that they share an axis. */
export function verticalScale(panels) {
  const lines = panels.filter((panel) => panel.kind === "layers");
  if (!lines.length) return null;
  const [middle, second] = Object.keys(lines[0].values);
  if (second) return linear(0, 1);
  const numbers = lines.flatMap((panel) => panel.values[middle]);
  if (quantityOf(middle) === "Y") return linear(0, roundLinear(0, extremes(numbers)[1])[1]);
  return log(...roundLog(...extremes(numbers, true)));
}

/** Layers through training. */
function layersPanel(panel, { t, y, last }) {
  const { run, updates, values } = panel;
  const [middle, second] = Object.keys(values);
  const quantity = quantityOf(middle);
  const title = t(`paper.long.${run.row}`);
  const made = t("paper.run.trained", { ...run, made: count(updates.at(-1)) });
  const { element, svg, legend } = frame(title, made, t(`paper.with.${middle}`));
  const n = values[middle][0].length;
  const numbers = Array.from({ length: n }, (_, i) => entry(legend, toneOf(quantity), i, t("paper.layer", { n: i + 1 })));
  let plot = null;
  let moving = null;

  function draw(width) {
    svg.setAttribute("width", width);
    plot = axes({ x: updatesScale(last), y, width, height: HEIGHT, xLabel: t("paper.axis.updates"), yLabel: t(`paper.value.${middle}`) });
    const whole = s("g", { class: `${toneOf(quantity)} faint` });
    for (let i = 0; i < n; i++) whole.append(s("path", { class: `line tone-${i}`, d: path(middle, i, updates.length) }));
    moving = s("g", { class: toneOf(quantity) });
    svg.replaceChildren(plot.element, whole, moving);
  }

  const xs = () => updates.map(plot.x);
  const path = (name, i, k) => line(xs(), values[name].map((row) => plot.y(row[i])), k);

  /** A band of the second value around the first. */
  function band(i, k) {
    const along = xs().slice(0, k);
    const side = (sign) => values[middle].slice(0, k).map((row, j) => plot.y(Math.min(1, Math.max(0, row[i] + sign * values[second][j][i]))));
    const back = line([...along].reverse(), side(-1).reverse()).replace("M", "L");
    return `${line(along, side(1))}${back}Z`;
  }

  function at(update) {
    const k = reached(updates, update);
    const now = values[middle][k - 1];
    moving.replaceChildren();
    for (let i = 0; i < n; i++) {
      const tone = `tone-${i}`;
      if (second && middle === "Y_mean") moving.append(s("path", { class: `band ${tone}`, d: band(i, k) }));
      else if (second) moving.append(s("path", { class: `line dash-1 thin ${tone}`, d: path(second, i, k) }));
    }
    const x = plot.x(updates[k - 1]);
    moving.append(s("line", { class: "cursor", x1: x, x2: x, y1: MARGIN.top, y2: MARGIN.top + plot.height }));
    for (let i = 0; i < n; i++) {
      moving.append(s("path", { class: `line tone-${i}`, d: path(middle, i, k) }));
      const place = plot.y(now[i]);
      if (Number.isFinite(place)) moving.append(s("path", { class: `dot tone-${i}`, d: marker(i, x, place) }));
      numbers[i].textContent = shown(now[i]);
    }
  }

  function describe(at, update) {
    const now = values[middle][reached(updates, update) - 1];
    const said = now.map((value, i) => `${t("paper.layer", { n: i + 1 })} ${shown(value)}`).join(", ");
    svg.setAttribute("aria-label", t("paper.describe", { title: `${title}, ${t(`paper.value.${middle}`)} ${t(`paper.of.${quantity}`)}`, at, values: said }));
  }

  return { element, draw, at, describe };
}

/** Histograms by layer, of one moment. */
function histogramsPanel(panel, { t }) {
  const { run, quantity, density, range } = panel;
  const title = t(`paper.long.${run.row}`);
  const said = t(run.updates ? "paper.run.end" : "paper.run.before", { ...run, made: count(run.updates) });
  const { element, svg, legend } = frame(title, said, "");
  const deviations = density.map((row, i) => deviation(row, range[i]));
  const numbers = density.map((_, i) => entry(legend, toneOf(quantity), i, t("paper.layer", { n: i + 1 })));
  numbers.forEach((number, i) => (number.textContent = `sd ${shown(deviations[i])}`));
  const names = deviations.map((value, i) => `${t("paper.layer", { n: i + 1 })} ${shown(value)}`);
  svg.setAttribute("aria-label", t("paper.histogram.describe", { title: `${title}, ${said}`, values: names.join(", ") }));
  const limit = quantity === "Y" ? 1 : 3.5 * Math.max(...deviations);
  const highest = Math.max(...density.flat());

  function draw(width) {
    svg.setAttribute("width", width);
    const x = linear(-limit, limit);
    const y = linear(0, roundLinear(0, highest)[1]);
    const plot = axes({ x, y, width, height: HEIGHT, xLabel: t(`paper.axis.${quantity}`), yLabel: t("paper.axis.density") });
    const group = s("g", { class: toneOf(quantity) });
    density.forEach((row, i) => group.append(s("path", { class: `line tone-${i}`, d: stairs(row, range[i], plot, limit) })));
    svg.replaceChildren(plot.element, group);
  }

  return { element, draw, at() {}, describe() {} };
}

function stairs(row, [low, high], plot, limit) {
  const width = (high - low) / row.length;
  const [xs, ys] = [[], []];
  const inside = (v) => Math.min(limit, Math.max(-limit, v));
  row.forEach((value, j) => {
    const from = low + j * width;
    if (from + width < -limit || from > limit) return;
    for (const edge of [from, from + width]) {
      xs.push(plot.x(inside(edge)));
      ys.push(plot.y(value));
    }
  });
  return line(xs, ys);
}

/** The standard deviation that a histogram of equal bins has. */
function deviation(row, [low, high]) {
  const width = (high - low) / row.length;
  let [sum, mean, square] = [0, 0, 0];
  row.forEach((value, j) => {
    const middle = low + (j + 0.5) * width;
    sum += value;
    mean += value * middle;
    square += value * middle * middle;
  });
  return Math.sqrt(square / sum - (mean / sum) ** 2);
}

/** Errors of the rows of the table, with the paper's. */
function errorsPanel(panel, { t, last, all, prior }) {
  const ours = panel.data === "shapeset";
  const { element, svg, legend } = frame(ours ? t("paper.data.shapeset") : panel.data, null, t(ours ? "paper.errors.test" : "paper.errors.other"));
  element.classList.add("paper-wide");
  const end = ours ? all : last;
  const signs = panel.lines.map(({ run, updates, paper }, i) => {
    const number = entry(legend, `rows row-${run.row}`, i, t(`paper.row.${run.row}`), DASHES[run.row] ?? "");
    const more = h("span", {}, [paper === null ? "" : t("paper.errors.paper", { error: paper }), `${count(updates.at(-1))} ${t("paper.axis.updates")}`].filter(Boolean).join(" · "));
    number.parentElement.append(more);
    return number;
  });
  let plot = null;
  let moving = null;

  function draw(width) {
    svg.setAttribute("width", width);
    const most = Math.max(...panel.lines.flatMap((one) => [...one.errors, ...one.validation]));
    const y = linear(0, Math.max(most, 20) > 20 ? 100 : 20);
    plot = axes({ x: updatesScale(end), y, width, height: 1.4 * HEIGHT, right: 22, xLabel: t("paper.axis.updates"), yLabel: t("paper.axis.error") });
    svg.setAttribute("height", 1.4 * HEIGHT);
    const still = s("g", { class: "rows" });
    if (ours) {
      const at = plot.y(prior);
      still.append(
        s("line", { class: "prior", x1: MARGIN.left, x2: MARGIN.left + plot.width, y1: at, y2: at }),
        s("text", { class: "tick-y", x: MARGIN.left + plot.width - 14, y: at - 10 }, `${t("paper.prior")}: ${prior} %`),
      );
    }
    const theirs = panel.lines.map((one) => one.paper).filter((error) => error !== null);
    for (const { run, paper, updates, errors } of panel.lines) {
      const group = s("g", { class: `row-${run.row}` });
      // Stars on one spot would hide each other.
      const aside = theirs.filter((other) => other < paper && paper - other < NEAR).length;
      group.append(s("path", { class: "line faint", d: line(updates.map(plot.x), errors.map(plot.y)) }));
      if (paper !== null) group.append(s("path", { class: "star", d: star(plot.x(all) - 14 * aside, plot.y(paper)) }));
      still.append(group);
    }
    moving = s("g", { class: "rows" });
    svg.replaceChildren(plot.element, still, moving);
  }

  function at(update) {
    moving.replaceChildren();
    panel.lines.forEach(({ run, updates, errors, validated, validation }, i) => {
      const k = reached(updates, update);
      const group = s("g", { class: `row-${run.row}` });
      const xs = updates.map(plot.x);
      group.append(
        s("path", { class: "line thin", d: line(validated.map(plot.x), validation.map(plot.y), reached(validated, update)) }),
        s("path", { class: `line ${DASHES[run.row] ?? ""}`, d: line(xs, errors.map(plot.y), k) }),
      );
      if (k) group.append(s("path", { class: "dot", d: marker(i, xs[k - 1], plot.y(errors[k - 1])) }));
      moving.append(group);
      signs[i].textContent = k ? `${errors[k - 1]} %` : t("paper.begins", { n: count(updates[0]) });
    });
    const x = plot.x(update);
    moving.append(s("line", { class: "cursor", x1: x, x2: x, y1: MARGIN.top, y2: MARGIN.top + plot.height }));
  }

  function describe(at, update) {
    const said = panel.lines.map(({ run, updates, errors }) => {
      const k = reached(updates, update);
      return k ? t("paper.errors.now", { row: t(`paper.row.${run.row}`), error: errors[k - 1] }) : "";
    });
    svg.setAttribute("aria-label", t("paper.describe", { title: t("paper.axis.error"), at, values: said.filter(Boolean).join(", ") }));
  }

  return { element, draw, at, describe };
}

/** Costs over two weights, side by side. */
function surfacesPanel(panel, { t }) {
  const { x, y, costs, flat } = panel;
  const element = h("div", { class: "paper-surfaces paper-wide" });
  const share = (name) => `${Math.round(100 * flat[name])} %`;
  for (const [name, values] of Object.entries(costs)) {
    const canvas = h("canvas", { width: x.length, height: y.length, role: "img" });
    const numbers = values.flat();
    const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
    canvas.setAttribute("aria-label", t("paper.surface.describe", { low: shown(low), high: shown(high), share: share(name) }));
    paint(canvas, values, low, high);
    const dots = s("svg", { viewBox: `0 0 ${x.length} ${y.length}`, "aria-hidden": "true" });
    dots.append(s("path", { class: "flat", d: flatCells(values, x, y) }));
    element.append(
      h(
        "figure",
        { class: "paper-panel" },
        h("h3", {}, t(`paper.cost.${name}`)),
        h("div", { class: "paper-surface" }, canvas, dots),
        h("p", { class: "paper-run" }, `${t("paper.surface.x")} →   ${t("paper.surface.y")} ↑`),
        h("figcaption", {}, t("paper.surface.caption", { share: share(name) })),
      ),
    );
  }
  return { element, draw() {}, at() {}, describe() {} };
}

function paint(canvas, values, low, high) {
  const brush = canvas.getContext("2d");
  const [rows, columns] = [values.length, values[0].length];
  const pixels = brush.createImageData(columns, rows);
  values.forEach((row, i) =>
    row.forEach((value, j) => {
      pixels.data[4 * ((rows - 1 - i) * columns + j) + 3] = 190 * ((value - low) / (high - low)) ** 0.7;
    }),
  );
  brush.putImageData(pixels, 0, 0);
}

/** A dot in each cell whose slope is below 5 % of the largest. */
function flatCells(values, x, y) {
  const between = (at, i, places) => {
    const [a, b] = [Math.max(0, i - 1), Math.min(places.length - 1, i + 1)];
    return (at(b) - at(a)) / (places[b] - places[a]);
  };
  const slopes = values.map((row, i) =>
    row.map((_, j) => Math.hypot(between((k) => values[k][j], i, y), between((k) => values[i][k], j, x))),
  );
  const largest = Math.max(...slopes.flat());
  let path = "";
  slopes.forEach((row, i) =>
    row.forEach((slope, j) => {
      if (slope < 0.05 * largest) path += `M${j + 0.5} ${values.length - i - 0.5}h0`;
    }),
  );
  return path;
}

const KINDS = { layers: layersPanel, histograms: histogramsPanel, errors: errorsPanel, surfaces: surfacesPanel };

/**
 * @returns {{ element: HTMLElement, draw: (width: number) => void, at: (update: number) => void,
 *   describe: (at: string, update: number) => void }} `draw` for a width first, then `at`
 */
export const createPanel = (panel, around) => KINDS[panel.kind](panel, around);
