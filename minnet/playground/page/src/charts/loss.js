/** The loss against the best that a constant can do. */
import { line } from "./marks.js";
import { createPlot } from "./plot.js";
import { linear, shown, spoken } from "./scale.js";

const MOST = 3; // times the constant's loss: what is above leaves the picture

export function createLoss(host, around) {
  const { t } = around;
  let frame = null;
  let top = null;
  let of = null;
  const rows = () => frame?.shapes.history?.[0] ?? 0;
  const at = (i, column) => frame.arrays.history[4 * i + column];

  const plot = createPlot(host, { ...around, link: null }, {
    name: "loss",
    title: t("charts.loss.title"),
    caption: t("charts.loss.caption"),
    legend: [
      { kind: "train", text: t("charts.loss.train") },
      { kind: "test", text: t("charts.loss.test") },
      { kind: "guide", text: t("charts.loss.constant") },
    ],
    axes() {
      if (!frame) return null;
      return { x: linear(0, lastStep()), y: linear(0, height()), xLabel: t("charts.loss.x") };
    },
    message: () => (frame && rows() && !Number.isFinite(at(rows() - 1, 1)) ? t("charts.loss.broken", { step: brokenSince() }) : ""),
    count: rows,
    position: (i) => at(i, 0),
    start: () => rows() - 1,
    draw,
    read,
    describe,
  });

  /** The axis of steps grows by whole steps of its own, so that the curve does not creep at each frame. */
  function lastStep() {
    const last = rows() ? at(rows() - 1, 0) : 0;
    const power = 10 ** Math.floor(Math.log10(Math.max(100, last)));
    return Math.max(100, Math.ceil((last / power) * 2 + 1e-9) * power / 2);
  }

  /** Up to one and a half times the constant's loss, twice or three times if the curve is there. */
  function height() {
    const best = frame.best_constant_loss ?? 1;
    let largest = 0;
    for (let i = 0; i < rows(); i++) {
      for (const column of [1, 2]) if (Number.isFinite(at(i, column))) largest = Math.max(largest, at(i, column));
    }
    const needed = [1.5, 2].find((m) => largest <= m * best) ?? MOST;
    if (of !== frame.generation) top = 0;
    of = frame.generation;
    top = Math.max(top, needed * best);
    return top;
  }

  function brokenSince() {
    for (let i = 0; i < rows(); i++) if (!Number.isFinite(at(i, 1))) return at(i, 0);
    return 0;
  }

  function draw(g, p) {
    const best = p.y(frame.best_constant_loss ?? NaN); // a gap, where there is none
    const n = rows();
    const xs = Float64Array.from({ length: n }, (_, i) => p.x(at(i, 0)));
    const column = (c) => Float64Array.from({ length: n }, (_, i) => p.y(at(i, c)));
    line(g, [p.left, p.left + p.width], [best, best], { colour: p.colours.muted, width: 1.5 * p.pen, dash: [2 * p.pen, 3 * p.pen] });
    g.save();
    g.beginPath();
    g.rect(p.left, p.top - 2, p.width + 6, p.height + 4);
    g.clip();
    line(g, xs, column(2), { colour: p.colours.ink, width: 1.5 * p.pen, dash: [7 * p.pen, 3 * p.pen] });
    line(g, xs, column(1), { colour: p.colours.ink, width: 2.2 * p.pen });
    g.restore();
    const shownRow = p.cursor ?? n - 1;
    if (n && shownRow < n && Number.isFinite(at(shownRow, 1))) {
      const [x, y] = [xs[shownRow], Math.max(p.top, p.y(at(shownRow, 1)))];
      g.fillStyle = p.colours.ink;
      g.beginPath();
      g.arc(x, y, 4 * p.pen, 0, 2 * Math.PI);
      g.fill();
    }
    if (n && at(n - 1, 1) > p.scales.y.high) {
      g.font = p.font;
      g.textAlign = "right";
      g.textBaseline = "top";
      g.fillText(`↑ ${shown(at(n - 1, 1), 2)}`, p.left + p.width, p.top + 6);
    }
  }

  function read(i) {
    const row = i ?? rows() - 1;
    if (row < 0) return "";
    return t("charts.loss.read", { step: at(row, 0), train: shown(at(row, 1)), test: shown(at(row, 2)) });
  }

  function describe() {
    if (!frame || !rows()) return "";
    const row = rows() - 1;
    return t("charts.loss.describe", {
      step: at(row, 0), train: spoken(at(row, 1)), test: spoken(at(row, 2)), constant: spoken(frame.best_constant_loss ?? NaN),
    });
  }

  return {
    ...plot,
    update(next) {
      if (frame && next.generation !== frame.generation) plot.forget();
      frame = next;
      plot.draw();
    },
  };
}
