// The network as it is drawn: units with their numbers of one sample, and the weights between them.

import { brief } from "./numbers.js";
import { kindOf, symbol } from "./stages.js";
import { svg } from "./svg.js";

const [WIDTH, HEIGHT, GAP] = [64, 30, 74]; // of a number; between layers

/**
 * @param {object} board
 * @param {Record<string, import("./stages.js").Matrix>} q
 * @param {(key: string, values?: object) => string} t
 */
export function createPicture(board, q, t) {
  const last = board.layers.length;
  // By layer: what stands in the upper and the lower boxes of a unit, from left to right.
  const columns = [{ upper: ["X"], lower: [] }];
  for (let l = 1; l <= last; l++) {
    columns.push(l < last ? { upper: [`Z${l}`, `Y${l}`], lower: [`dZ${l}`, `dY${l}`] } : { upper: [`Z${l}`, "P"], lower: [`dZ${l}`] });
  }
  const counts = columns.map(({ upper }) => q[upper[0]][0].length);
  const most = Math.max(...counts);
  const step = most > 4 ? 78 : 88; // from unit to unit
  let x = 4;
  columns.forEach((column, l) => {
    column.x = x;
    column.width = WIDTH * column.upper.length;
    column.count = counts[l];
    x += column.width + GAP;
  });
  const size = { width: x - GAP + 4, height: most * step + 48 };
  const yOf = (l, unit) => 30 + step * (unit + (most - counts[l]) / 2) + step / 2;

  /** @type {{ text: SVGTextElement, id: string, col: number }[]} */
  const numbers = [];
  const largest = (id) => Math.max(...q[id].flat().map((v) => Math.abs(v ?? 0))) || 1;

  const edges = svg("g");
  for (let l = 1; l <= last; l++) {
    const from = columns[l - 1];
    for (let i = 0; i < from.count; i++) {
      for (let j = 0; j < columns[l].count; j++) edges.append(edge(l, i, j));
    }
  }
  function edge(l, i, j) {
    const [x1, y1, x2, y2] = [columns[l - 1].x + columns[l - 1].width, yOf(l - 1, i), columns[l].x, yOf(l, j)];
    const weight = q[`W${l}`][i][j];
    const at = 0.42;
    return svg(
      "g",
      { class: "bb-edge", "data-q": `W${l} dW${l} Wnew${l}`, "data-row": i, "data-col": j },
      svg("line", { x1, y1, x2, y2, "stroke-width": 0.8 + (3.2 * Math.abs(weight ?? 0)) / largest(`W${l}`), "stroke-dasharray": weight < 0 ? "7 4" : undefined }),
      svg("line", { x1, y1, x2, y2, class: "bb-hit" }),
      label(`W${l}`, i, j, x1 + at * (x2 - x1), y1 + at * (y2 - y1) - 5),
      label(`dW${l}`, i, j, x1 + at * (x2 - x1), y1 + at * (y2 - y1) + 15),
    );
  }

  /** What is written beside a weight or bias while it is pointed at. */
  function label(id, row, col, x, y) {
    return svg("text", { class: `bb-label bb-${kindOf(id)}`, "data-q": id, "data-row": row, "data-col": col, x, y }, brief(q[id][row][col]));
  }

  const units = svg("g");
  columns.forEach((column, l) => {
    for (let unit = 0; unit < column.count; unit++) {
      const y = yOf(l, unit);
      const put = (ids, top, kind) =>
        ids.forEach((id, k) => {
          const text = svg("text", { x: column.x + WIDTH * (k + 0.5), y: top + HEIGHT / 2 + 5 });
          numbers.push({ text, id, col: unit });
          units.append(
            svg(
              "g",
              { class: `bb-box bb-${kind}`, "data-q": id, "data-col": unit },
              svg("rect", { x: column.x + WIDTH * k, y: top, width: WIDTH, height: HEIGHT, rx: 5 }),
              text,
            ),
          );
        });
      put(column.upper, y - (column.lower.length ? HEIGHT : HEIGHT / 2), "activation");
      put(column.lower, y, "gradient");
      if (l) units.append(bias(l, unit, column.x + WIDTH / 2, y - HEIGHT));
    }
    const title = (ids, y) => svg("text", { class: `bb-title bb-${kindOf(ids[0] ?? "")}`, x: column.x + column.width / 2, y }, ids.map(symbol).join(", "));
    const bottom = yOf(l, column.count - 1) + HEIGHT + 20;
    units.append(title(column.upper, yOf(l, 0) - (l ? HEIGHT + 24 : HEIGHT / 2 + 8)), title(column.lower, bottom));
  });
  function bias(l, unit, x0, y) {
    return svg(
      "g",
      { class: "bb-bias", "data-q": `b${l} db${l} bnew${l}`, "data-col": unit },
      svg("line", { x1: x0, y1: y - 14, x2: x0, y2: y - 1 }),
      svg("circle", { cx: x0, cy: y - 14, r: 4 }),
      label(`b${l}`, 0, unit, x0 + 9, y - 9),
      label(`db${l}`, 0, unit, x0 + 64, y - 9),
    );
  }

  const drawing = svg("svg", { viewBox: `0 0 ${size.width} ${size.height}`, role: "img" }, edges, units);
  drawing.style.minWidth = `${Math.round(0.66 * size.width)}px`; // smaller would not be readable: it scrolls
  drawing.style.maxWidth = `${Math.round(1.1 * size.width)}px`;

  return {
    element: drawing,
    /**
     * @param {number} sample  whose numbers are shown
     * @param {Set<string>} known  the quantities that were computed up to here
     */
    show(sample, known) {
      for (const { text, id, col } of numbers) {
        text.textContent = known.has(id) ? brief(q[id][sample][col]) : "";
        text.parentNode.dataset.row = String(sample);
        text.parentNode.classList.toggle("bb-known", known.has(id));
      }
      for (const text of drawing.querySelectorAll(".bb-label.bb-gradient")) text.classList.toggle("bb-known", known.has(text.dataset.q));
      drawing.setAttribute("aria-label", t("blackboard.picture.label", { sizes: counts.join(", "), sample: sample + 1 }));
    },
  };
}
