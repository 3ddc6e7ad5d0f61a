/** The Play view's pictures: everything that one frame shows, on one screen. */
import "./charts.css";
import { h } from "../dom.js";
import { createBoundary } from "./boundary.js";
import { createDigits } from "./digits.js";
import { createHistograms } from "./histograms.js";
import { createLoss } from "./loss.js";
import { createPhase } from "./phase.js";
import { createLink } from "./plot.js";
import { createRatio } from "./ratio.js";
import { createTheme } from "./theme.js";
import { createVariance } from "./variance.js";

/**
 * @param {HTMLElement} host
 * @param {{ t: Function, state: any, send: Function }} ctx
 * @returns {{ update: (frame: import("../frames.js").Frame) => void, destroy: () => void }}
 */
export function createCharts(host, { t, state, send }) {
  const room = h("div", { class: "charts" });
  const grid = h("div", { class: "charts-grid" });
  room.append(grid);
  host.append(room);
  const theme = createTheme(grid, state);
  const link = createLink();
  const around = { t, theme, send, link, enlarge };
  // In the order of the grid: above each other stand the charts that tell of the same thing.
  const boundary = createBoundary(grid, around);
  const digits = createDigits(grid, around);
  const charts = [
    createHistograms(grid, around, "activation"),
    createHistograms(grid, around, "gradient"),
    createLoss(grid, around),
    createPhase(grid, around),
    createVariance(grid, around, "forward"),
    createVariance(grid, around, "backward"),
    createRatio(grid, around),
  ];
  const all = [boundary, digits, ...charts];
  digits.figure.hidden = true;
  let large = null; // the chart that is alone
  enlarge(null);

  /** One chart on all of the room, for a lecture hall; the same again, or Escape: all of them. */
  function enlarge(name) {
    large = name === large ? null : name;
    grid.classList.toggle("charts-one", large !== null);
    for (const chart of all) chart.setLarge(chart.name === large);
  }

  function escape(event) {
    if (event.key === "Escape" && !event.defaultPrevented && large) enlarge(null);
  }
  room.addEventListener("keydown", escape);

  // A lesson says where to look: state.emit("watch", ["backward", "gradient"]); null ends it.
  const off = state.on("watch", (names) => {
    for (const { figure, name } of all) figure.classList.toggle("chart-watched", Boolean(names?.includes(name)));
  });
  let generation = null;

  return {
    update(frame) {
      if (frame.generation !== generation) {
        generation = frame.generation;
        if (link.index !== null && link.index >= frame.layers.length) link.set(null);
      }
      const images = "digit_probabilities" in frame.arrays;
      if (large === (images ? "boundary" : "digits")) enlarge(images ? "digits" : "boundary");
      digits.figure.hidden = !images;
      boundary.figure.hidden = images;
      (images ? digits : boundary).update(frame);
      for (const chart of charts) chart.update(frame);
    },
    destroy() {
      off?.();
      for (const chart of all) chart.destroy();
      theme.destroy();
      room.remove();
    },
  };
}
