// Matrices as tables: a caption, names of rows and columns, and numbers.

import { h } from "../dom.js";
import { power, writing } from "./numbers.js";
import { kindOf, symbol } from "./stages.js";

/** What the rows and columns of a quantity are: the ends of keys of texts. */
export function axesOf(id) {
  if (id === "L") return [null, null];
  if (id === "losses") return ["sample", null];
  if (id === "X") return ["sample", "input"];
  if (id === "T" || id === "P") return ["sample", "class"];
  if (/^d?W/.test(id)) return ["from", "unit"];
  if (/^d?b/.test(id)) return [null, "unit"];
  return ["sample", "unit"];
}

const STEPS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

/** Arrows walk from cell to cell; a table is one stop of the tabulator. */
function walk(event) {
  const by = STEPS[event.key];
  const cell = event.target.closest("td");
  if (!by || !cell || event.altKey || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  event.stopPropagation();
  const rows = [...cell.closest("tbody").rows].map((row) => [...row.querySelectorAll("td")]);
  const at = rows.findIndex((cells) => cells.includes(cell));
  const next = rows[at + by[0]]?.[rows[at].indexOf(cell) + by[1]];
  if (!next) return;
  cell.tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
}

/** The name of a quantity; with a tabIndex the keyboard gets there. */
export function quantity(id, transposed = false, tabIndex = null) {
  return h("span", { class: `bb-q bb-${kindOf(id)}`, "data-q": id, tabIndex }, symbol(id) + (transposed ? "ᵀ" : ""));
}

/**
 * A quantity as a table.
 * @param {string} id
 * @param {import("./stages.js").Matrix} values
 * @param {(key: string, values?: object) => string} t
 * @param {boolean} [transposed]
 */
export function matrix(id, values, t, transposed = false) {
  const { exponent, write } = id === "T" ? { exponent: 0, write: String } : writing(values);
  const largest = Math.max(...values.flat().map((value) => Math.abs(value ?? 0)));
  const range = (count) => Array.from({ length: count }, (_, k) => k);
  const [down, across] = transposed ? axesOf(id).reverse() : axesOf(id);
  const [n, m] = transposed ? [values[0].length, values.length] : [values.length, values[0].length];

  const head = (axis, k, scope) =>
    axis ? h("th", { scope }, t(`blackboard.axis.${axis}`, { n: k + 1 })) : h("td", { class: "bb-corner" });
  const cell = (r, c) => {
    const [row, col] = transposed ? [c, r] : [r, c];
    const value = values[row][col];
    const td = h("td", { "data-q": id, "data-row": row, "data-col": col, tabIndex: r + c ? -1 : 0 }, write(value));
    td.style.setProperty("--strength", (largest ? Math.abs(value ?? 0) / largest : 0).toFixed(2));
    return td;
  };

  const renewed = id.includes("new") ? t("blackboard.new") : "";
  const name = symbol(id) + (transposed ? "ᵀ" : "") + renewed;
  const caption = t(`blackboard.caption${exponent ? ".scaled" : ""}`, { name, rows: n, columns: m, power: power(exponent) });
  const table = h(
    "table",
    { onkeydown: walk },
    h("caption", { class: "minnet-unseen" }, caption),
    h("thead", {}, h("tr", {}, h("td", { class: "bb-corner" }), ...range(m).map((c) => head(across, c, "col")))),
    h("tbody", {}, ...range(n).map((r) => h("tr", {}, head(down, r, "row"), ...range(m).map((c) => cell(r, c))))),
  );
  return h(
    "figure",
    { class: `bb-matrix bb-${kindOf(id)}${m > 4 ? " bb-wide" : ""}`, "data-q": id },
    h("figcaption", { "aria-hidden": "true" }, quantity(id, transposed), h("small", {}, `${renewed} ${n}×${m}`)),
    h("div", { class: "bb-numbers" }, exponent ? h("span", { class: "bb-power", "aria-hidden": "true" }, `${power(exponent)} ·`) : null, table),
  );
}
