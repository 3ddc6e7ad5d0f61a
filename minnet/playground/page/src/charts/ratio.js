/** How much of itself each layer's weights change in the next step. */
import { dotRadius, layerAxis, layerName, layerPixels, tellLayers } from "./layers.js";
import { dots, line } from "./marks.js";
import { createPlot } from "./plot.js";
import { extremes, log, roundLog, shown, spoken, steady } from "./scale.js";

const GUIDE = 1e-3; // a rule of thumb: a healthy step changes a thousandth

export function createRatio(host, around) {
  const { t } = around;
  const axis = steady(roundLog, log);
  let frame = null;
  const values = () => frame.arrays.update_ratio;
  const count = () => frame?.layers.length ?? 0;

  const plot = createPlot(host, around, {
    name: "ratio",
    title: t("charts.ratio.title"),
    caption: t("charts.ratio.caption"),
    legend: [{ kind: "dot-ink", text: t("charts.measured") }, { kind: "guide", text: t("charts.ratio.guide") }],
    axes(width, tick) {
      if (!frame) return null;
      const [low, high] = extremes([values(), [GUIDE / 10, GUIDE * 10]], true);
      const y = axis(low, high, frame.generation);
      return { ...layerAxis(frame, width, tick, t), y, xLabel: t("charts.layer"), yLabel: t("charts.ratio.y") };
    },
    message: () => (!frame || values().some(Number.isFinite) ? "" : t(frame.status === "diverged" ? "charts.none" : "charts.ratio.zero")),
    count,
    draw,
    read,
    describe,
  });

  function draw(g, p) {
    const n = count();
    const xs = layerPixels(p, n);
    const ys = Float64Array.from(values(), p.y);
    const radius = dotRadius(p, n);
    line(g, [p.left, p.left + p.width], [p.y(GUIDE), p.y(GUIDE)], { colour: p.colours.muted, width: 1.5 * p.pen, dash: [2 * p.pen, 3 * p.pen] });
    g.strokeStyle = p.colours.ink;
    g.globalAlpha = n > 20 ? 0.2 : 0.35;
    g.lineWidth = n > 20 ? 1 : 1.5 * p.pen;
    g.beginPath();
    for (let i = 0; i < n; i++) {
      if (!Number.isFinite(ys[i])) continue;
      g.moveTo(xs[i], p.y(GUIDE));
      g.lineTo(xs[i], ys[i]);
    }
    g.stroke();
    g.globalAlpha = 1;
    dots(g, xs, ys, p.top + p.height, { colour: p.colours.ink, radius, halo: p.colours.surface });
    if (p.cursor !== null && p.cursor < n) {
      dots(g, [xs[p.cursor]], [ys[p.cursor]], p.top + p.height, { colour: p.colours.ink, radius: radius + 2, halo: p.colours.surface });
    }
  }

  function read(i) {
    if (i !== null) {
      return Number.isFinite(values()[i])
        ? t("charts.ratio.read", { layer: layerName(frame, i, t), ratio: shown(values()[i], 2) })
        : t("charts.unknown", { layer: layerName(frame, i, t) });
    }
    const found = extremes([values()]);
    return found ? t("charts.ratio.rest", { low: shown(found[0], 2), high: shown(found[1], 2) }) : "";
  }

  function describe() {
    if (!frame) return "";
    return tellLayers(count(), (i) => (Number.isFinite(values()[i])
      ? t("charts.ratio.read", { layer: layerName(frame, i, t), ratio: spoken(values()[i]) })
      : t("charts.unknown", { layer: layerName(frame, i, t) })));
  }

  return {
    ...plot,
    update(next) {
      frame = next;
      plot.draw();
    },
  };
}
