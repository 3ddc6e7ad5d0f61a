/** Variance by layer: measured dots on theory's curve, with the band that networks of this width have. */
import { dotRadius, layerAxis, layerName, layerPixels, tellLayers } from "./layers.js";
import { band, dots, line } from "./marks.js";
import { createPlot } from "./plot.js";
import { extremes, log, roundLog, shown, spoken, steady } from "./scale.js";

/**
 * @param {"forward" | "backward"} direction
 */
export function createVariance(host, around, direction) {
  const { t } = around;
  const axis = steady(roundLog, log);
  const colour = direction === "forward" ? "activation" : "gradient";
  let frame = null;
  const of = (what) => frame.arrays[`${direction}_${what}`];
  const count = () => frame?.layers.length ?? 0;

  const plot = createPlot(host, around, {
    name: direction,
    title: t(`charts.${direction}.title`),
    caption: t(`charts.${direction}.caption`),
    legend: [
      { kind: `dot-${colour}`, text: t("charts.measured") },
      { kind: "theory", text: t("charts.predicted") },
    ],
    axes(width, tick) {
      if (!frame) return null;
      // The band may be wide where theory is weak: what is measured and predicted must fit, not all of it.
      const [low, high] = extremes([of("measured"), of("predicted")], true) ?? [0.1, 10];
      const y = axis(low, high, frame.generation);
      return { ...layerAxis(frame, width, tick, t), y, xLabel: t("charts.layer"), yLabel: t(`charts.${direction}.y`) };
    },
    message() {
      if (!frame) return "";
      if (of("measured").some((v) => v > 0)) return "";
      return t(frame.status === "diverged" ? "charts.none" : `charts.${direction}.zero`);
    },
    count,
    draw,
    read,
    describe,
  });

  function draw(g, p) {
    const n = count();
    const xs = layerPixels(p, n);
    const to = (what) => Float64Array.from(of(what), p.y);
    const edge = (what) => Float64Array.from(of(what), (v) => Math.min(p.y(v), p.top + p.height + 2));
    const radius = dotRadius(p, n);
    g.save();
    g.beginPath();
    g.rect(p.left, p.top - 1, p.width, p.height + 2);
    g.clip();
    band(g, xs, edge("low"), edge("high"), p.colours.prediction);
    line(g, xs, to("predicted"), { colour: p.colours.prediction, width: 2 * p.pen, dash: [6 * p.pen, 4 * p.pen] });
    g.restore();
    if (n === 1 && Number.isFinite(of("predicted")[0])) {
      line(g, [xs[0] - 12, xs[0] + 12], [p.y(of("predicted")[0]), p.y(of("predicted")[0])], { colour: p.colours.prediction, width: 2 * p.pen, dash: [6 * p.pen, 4 * p.pen] });
    }
    dots(g, xs, to("measured"), p.top + p.height, { colour: p.colours[colour], radius, halo: p.colours.surface });
    if (p.cursor !== null && p.cursor < n) {
      const i = p.cursor;
      dots(g, [xs[i]], [p.y(of("measured")[i])], p.top + p.height, { colour: p.colours[colour], radius: radius + 2, halo: p.colours.ink });
    }
  }

  function read(i) {
    if (i === null) return rest();
    const layer = layerName(frame, i, t);
    const measured = shown(of("measured")[i], 2);
    if (!Number.isFinite(of("predicted")[i])) return t("charts.variance.alone", { layer, measured });
    return t("charts.variance.read", {
      layer, measured, predicted: shown(of("predicted")[i], 2), low: shown(of("low")[i], 2), high: shown(of("high")[i], 2),
    });
  }

  /** How far it goes from one end of the network to the other. */
  function rest() {
    const found = [...of("measured")].map((v, i) => [v, i]).filter(([v]) => v > 0 && Number.isFinite(v));
    if (!of("predicted").some(Number.isFinite)) return t("charts.variance.silent");
    if (found.length < 2) return "";
    const [first, last] = [found[0], found.at(-1)];
    const factor = direction === "forward" ? last[0] / first[0] : first[0] / last[0];
    const [from, to] = direction === "forward" ? [first, last] : [last, first];
    return t("charts.variance.rest", { factor: shown(factor, 2), from: layerName(frame, from[1], t), to: layerName(frame, to[1], t) });
  }

  function describe() {
    if (!frame) return "";
    const stops = frame.theory_stops ? `; ${t("charts.variance.stops", { reason: frame.theory_stops })}` : "";
    return tellLayers(count(), (i) => t(Number.isFinite(of("predicted")[i]) ? "charts.variance.describe" : "charts.variance.alone", {
      layer: layerName(frame, i, t), measured: spoken(of("measured")[i]), predicted: spoken(of("predicted")[i]),
    })) + stops;
  }

  return {
    ...plot,
    update(next) {
      frame = next;
      plot.draw();
    },
  };
}
