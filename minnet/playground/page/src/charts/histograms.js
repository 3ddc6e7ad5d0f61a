/** Histograms of all layers side by side on one axis: of activations, or of back-propagated gradients. */
import { layerAxis, layerName, tellLayers } from "./layers.js";
import { createPlot } from "./plot.js";
import { linear, roundLinear, shown, spoken, steady } from "./scale.js";

/** Mean and standard deviation of a histogram of equal bins; of one bin alone its number, which is in the middle. */
export function moments(density, from, n, low, high) {
  let [total, first, second, filled] = [0, 0, 0, 0];
  for (let j = 0; j < n; j++) {
    const x = low + ((j + 0.5) / n) * (high - low);
    if (density[from + j] > 0) filled++;
    total += density[from + j];
    first += density[from + j] * x;
    second += density[from + j] * x * x;
  }
  if (filled === 1) return { mean: (low + high) / 2, sd: 0 };
  const mean = first / total;
  return { mean, sd: Math.sqrt(Math.max(0, second / total - mean * mean)) };
}

const FAR = 4; // standard deviations
const NARROW = 9; // px, of a column

/**
 * @param {"activation" | "gradient"} kind  also the colour's name
 */
export function createHistograms(host, around, kind) {
  const { t } = around;
  const axis = steady(roundLinear, linear);
  let frame = null;
  const ranges = () => frame.arrays[`${kind}_range`];
  const count = () => frame?.layers.length ?? 0;
  const known = (i) => Number.isFinite(ranges()[2 * i]) && Number.isFinite(ranges()[2 * i + 1]);

  const plot = createPlot(host, around, {
    name: kind,
    title: t(`charts.${kind}.title`),
    caption: t(`charts.${kind}.caption`),
    axes(width, tick) {
      if (!frame) return null;
      const [low, high] = reach();
      const y = axis(low, high, frame.generation);
      return { ...layerAxis(frame, width, tick, t), y, xLabel: t("charts.layer"), yLabel: t(`charts.${kind}.y`) };
    },
    message() {
      if (!frame) return "";
      for (let i = 0; i < count(); i++) if (known(i)) return "";
      return t("charts.none");
    },
    count,
    draw,
    read,
    describe,
  });

  /**
   * What the axis must show: of the hidden layers, which are what is compared (the output is linear, and its
   * range another), up to so many standard deviations: one sample far out would make needles of all.
   */
  function reach() {
    const n = count();
    let [low, high] = [0, 0];
    for (let i = 0; i < Math.max(1, n - 1); i++) {
      if (!known(i)) continue;
      const { low: least, high: most, mean, sd } = figures(i);
      low = Math.min(low, Math.max(least, mean - FAR * sd));
      high = Math.max(high, Math.min(most, mean + FAR * sd));
    }
    // Zero in the middle where both sides matter: not for a rectifier, nor for one that dips a little below.
    if (low < -high / 3) [low, high] = [Math.min(low, -high), Math.max(high, -low)];
    return low < high ? [low, high] : [-1, 1];
  }

  function draw(g, p) {
    const density = frame.arrays[`${kind}_density`];
    const bins = frame.shapes[`${kind}_density`][1];
    const n = count();
    const column = p.width / n;
    const half = Math.min(column * 0.46, 60);
    const strips = column < NARROW;
    g.fillStyle = p.colours[kind];
    g.strokeStyle = p.colours.line;
    g.lineWidth = 1;
    if (column > 14) {
      g.beginPath();
      for (let i = 0; i < n; i++) {
        g.moveTo(p.x(i), p.top);
        g.lineTo(p.x(i), p.top + p.height);
      }
      g.stroke();
    }
    for (let i = 0; i < n; i++) {
      if (!known(i)) continue;
      g.globalAlpha = p.cursor === null || p.cursor === i ? 0.85 : strips ? 0.65 : 0.45;
      const [low, high] = [ranges()[2 * i], ranges()[2 * i + 1]];
      let top = 0;
      for (let j = 0; j < bins; j++) top = Math.max(top, density[i * bins + j]);
      const [foot, head] = [p.y(low), p.y(high)];
      const x = p.x(i);
      const { mean, sd } = figures(i);
      if (foot - head < 2 || sd === 0) {
        // All of it within a pixel or two, or all alike: a stroke.
        const at = p.y(mean);
        if (at >= p.top && at <= p.top + p.height) g.fillRect(x - half, at - 1, 2 * half, 2);
        continue;
      }
      const step = (foot - head) / bins;
      if (strips) {
        // Too narrow for an outline: the darker, the more.
        const strong = g.globalAlpha;
        for (let j = 0; j < bins; j++) {
          const share = density[i * bins + j] / top;
          const from = Math.max(p.top, foot - (j + 1) * step);
          const to = Math.min(p.top + p.height, foot - j * step);
          if (!share || to <= from) continue;
          g.globalAlpha = strong * Math.sqrt(share);
          g.fillRect(x - column / 2, from, column, to - from);
        }
        g.globalAlpha = strong;
        continue;
      }
      g.save();
      g.beginPath();
      g.rect(p.left, p.top, p.width, p.height);
      g.clip();
      g.beginPath();
      for (let j = 0; j < bins; j++) {
        const w = (half * density[i * bins + j]) / top;
        g.lineTo(x - w, foot - j * step);
        g.lineTo(x - w, foot - (j + 1) * step);
      }
      for (let j = bins - 1; j >= 0; j--) {
        const w = (half * density[i * bins + j]) / top;
        g.lineTo(x + w, foot - (j + 1) * step);
        g.lineTo(x + w, foot - j * step);
      }
      g.fill();
      g.restore();
      beyond(g, x, p.top, mean + 2 * sd > p.scales.y.high, 1);
      beyond(g, x, p.top + p.height, mean - 2 * sd < p.scales.y.low, -1);
    }
    g.globalAlpha = 1;
  }

  /** A mark at the end of the axis: the histogram goes on. */
  function beyond(g, x, y, there, towards) {
    if (!there) return;
    g.beginPath();
    g.moveTo(x, y - 4 * towards);
    g.lineTo(x - 3, y);
    g.lineTo(x + 3, y);
    g.fill();
  }

  function figures(i) {
    const bins = frame.shapes[`${kind}_density`][1];
    const [low, high] = [ranges()[2 * i], ranges()[2 * i + 1]];
    const found = moments(frame.arrays[`${kind}_density`], i * bins, bins, low, high);
    // What is far out is not in the histogram.
    if (found.sd > 0) found.sd = frame.arrays[`${kind}_sd`]?.[i] ?? found.sd;
    // Numbers that are all alike come as one bin of many, with the number in the middle of them.
    return found.sd > 0 ? { low, high, ...found } : { low: found.mean, high: found.mean, ...found };
  }

  function read(i) {
    if (i === null) return rest();
    if (!known(i)) return t("charts.unknown", { layer: layerName(frame, i, t) });
    const { low, high, mean, sd } = figures(i);
    if (sd === 0) return t("charts.histogram.alike", { layer: layerName(frame, i, t), value: shown(mean, 2) });
    return t("charts.histogram.read", {
      layer: layerName(frame, i, t), sd: shown(sd, 2), low: shown(low, 2), high: shown(high, 2),
    });
  }

  /** From one end of the hidden layers to the other, the way that the signal goes. */
  function rest() {
    const last = Math.max(0, count() - 2);
    const ends = kind === "activation" ? [0, last] : [last, 0];
    if (!ends.every(known)) return "";
    const [first, second] = ends.map((i) => ({ layer: layerName(frame, i, t), sd: shown(figures(i).sd, 2) }));
    return t("charts.histogram.rest", { first: first.sd, from: first.layer, second: second.sd, to: second.layer });
  }

  function describe() {
    if (!frame) return "";
    return tellLayers(count(), (i) => (known(i)
      ? t("charts.histogram.describe", { layer: layerName(frame, i, t), sd: spoken(figures(i).sd) })
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
