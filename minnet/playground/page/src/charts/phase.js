/** The phase diagram of mean-field theory, and where in it the network begins: "you are here". */
import { line } from "./marks.js";
import { createPlot } from "./plot.js";
import { linear, shown, spoken } from "./scale.js";
import { channels } from "./theme.js";

const FADES = 4; // decades that gradients may lose or gain over all layers, until nothing is coloured
const STRONG = 0.4; // of theory's colour, where they keep their size
const RETRY = 3000; // ms

export function createPhase(host, around) {
  const { t, theme, send } = around;
  const image = document.createElement("canvas");
  const brush = image.getContext("2d");
  let painted = "";
  let frame = null;
  let map = null;
  let asked = null; // the activation that was asked for
  let failed = "";

  const usable = () => map?.activation === frame.experiment.activation;
  const silent = () => !frame.shapes.phase_points?.[0]; // batch normalization, or no hidden layer: no place in the diagram

  const plot = createPlot(host, { ...around, link: null }, {
    name: "phase",
    title: t("charts.phase.title"),
    caption: t("charts.phase.caption"),
    legend: [{ kind: "theory", text: t("charts.phase.edge") }],
    axes() {
      if (!frame || !usable()) return null;
      const [w, b] = [map.weight_sd, map.bias_sd];
      return {
        x: linear(w[0], w.at(-1)), y: linear(b[0], b.at(-1)), xLabel: t("charts.phase.x"), yLabel: t("charts.phase.y"),
      };
    },
    message() {
      if (!frame) return "";
      if (failed) return failed;
      if (!usable()) return t("charts.phase.wait");
      return silent() ? t("charts.phase.silent") : "";
    },
    draw,
    read,
    describe,
  });

  async function ask() {
    const { activation } = frame.experiment;
    if (asked === activation) return;
    asked = activation;
    failed = "";
    try {
      const answer = await send({ ask: "phase" });
      if (answer.error) failed = answer.error;
      else map = answer;
    } catch (error) {
      failed = String(error.message ?? error);
    }
    // The server answers for the network that it has by then: if that is another one, the next frame asks again;
    // after a failure one does so a while later.
    setTimeout(() => (asked = null), failed ? RETRY : 0);
    plot.draw();
  }

  function paint(depth) {
    const key = [map.activation, depth, theme.colours.prediction, theme.colours.surface].join(" ");
    if (key === painted) return;
    painted = key;
    const [nb, nw] = [map.bias_sd.length, map.weight_sd.length];
    [image.width, image.height] = [nw, nb];
    const pixels = brush.createImageData(nw, nb);
    const colour = channels(theme.colours.prediction);
    for (let b = 0; b < nb; b++) {
      for (let w = 0; w < nw; w++) {
        const decades = Math.abs(depth * Math.log10(map.slope[b][w] ?? NaN));
        const o = 4 * ((nb - 1 - b) * nw + w);
        [pixels.data[o], pixels.data[o + 1], pixels.data[o + 2]] = colour;
        pixels.data[o + 3] = decades < FADES ? 255 * STRONG * (1 - decades / FADES) : 0;
      }
    }
    brush.putImageData(pixels, 0, 0);
  }

  function draw(g, p) {
    paint(Math.max(1, frame.experiment.depth));
    // The numbers are of the pixels' middles, and the outermost ones stand on the border.
    const [dx, dy] = [p.width / (map.weight_sd.length - 1), p.height / (map.bias_sd.length - 1)];
    g.save();
    g.beginPath();
    g.rect(p.left, p.top, p.width, p.height);
    g.clip();
    g.imageSmoothingEnabled = true;
    g.drawImage(image, p.left - dx / 2, p.top - dy / 2, p.width + dx, p.height + dy);
    edge(g, p);
    g.restore();
    regions(g, p);
    if (!silent()) markers(g, p);
  }

  function edge(g, p) {
    const { edge: critical } = map;
    const style = { colour: p.colours.prediction, width: 2.2 * p.pen, dash: [6 * p.pen, 4 * p.pen] };
    if (critical.length > 1) return line(g, critical.map(([w]) => p.x(w)), critical.map(([, b]) => p.y(b)), style);
    for (const [w, b] of critical) {
      // One point alone, as a rectifier has.
      const turn = Float64Array.from({ length: 33 }, (_, i) => (i * Math.PI) / 16);
      line(g, turn.map((a) => p.x(w) + 10 * Math.cos(a)), turn.map((a) => p.y(b) + 10 * Math.sin(a)), { ...style, dash: [4, 3] });
    }
  }

  function regions(g, p) {
    g.font = p.font;
    g.fillStyle = p.colours.ink;
    g.textBaseline = "top";
    g.textAlign = "left";
    g.fillText(t("charts.phase.ordered"), p.left + 6, p.top + 6);
    g.fillStyle = p.colours.muted;
    t("charts.phase.ordered2").split("\n").forEach((text, i) => g.fillText(text, p.left + 6, p.top + 9 + (p.tick + 2) * (i + 1)));
    g.textAlign = "right";
    t("charts.phase.chaotic2").split("\n").forEach((text, i) => g.fillText(text, p.left + p.width - 6, p.top + p.height * 0.6 + (p.tick + 2) * (i + 1)));
    g.fillStyle = p.colours.ink;
    g.fillText(t("charts.phase.chaotic"), p.left + p.width - 6, p.top + p.height * 0.6);
  }

  /** The middle of some layers. */
  function middle(points) {
    const n = points.length / 2;
    let [w, b] = [0, 0];
    for (let i = 0; i < n; i++) [w, b] = [w + points[2 * i] / n, b + points[2 * i + 1] / n];
    return { x: w, y: b };
  }

  function markers(g, p) {
    const { phase_points: now, phase_start: start } = frame.arrays;
    const { x, y } = p.scales;
    const pixels = (point) => [
      p.x(Math.min(x.high, Math.max(x.low, point.x))),
      p.y(Math.min(y.high, Math.max(y.low, point.y))),
    ];
    const put = (point, r, fill) => {
      g.beginPath();
      g.arc(...pixels(point), r, 0, 2 * Math.PI);
      g.fillStyle = fill;
      g.fill();
      g.stroke();
    };
    g.strokeStyle = p.colours.ink;
    g.lineWidth = 1.5;
    if (start.length) put(middle(start), 5 * p.pen, p.colours.surface);
    g.strokeStyle = p.colours.surface;
    g.lineWidth = 0.75;
    for (let i = 0; i < now.length; i += 2) put({ x: now[i], y: now[i + 1] }, 2.4, p.colours.muted);
    const here = middle(now);
    if (!Number.isFinite(here.x) || !Number.isFinite(here.y)) return;
    g.lineWidth = 2;
    put(here, 6 * p.pen, p.colours.ink);
    const beyond = here.x > x.high || here.y > y.high;
    label(g, p, t(beyond ? "charts.phase.beyond" : "charts.phase.here"), ...pixels(here));
  }

  function label(g, p, text, x, y) {
    g.font = `600 ${p.font}`;
    const room = g.measureText(text).width / 2 + 2;
    const at = [Math.min(p.left + p.width - room, Math.max(p.left + room, x)), y - p.top < 28 * p.pen ? y + 22 * p.pen : y - 12 * p.pen];
    g.textAlign = "center";
    g.textBaseline = "alphabetic";
    g.lineWidth = 3;
    g.lineJoin = "round";
    g.strokeStyle = p.colours.surface;
    g.strokeText(text, ...at);
    g.fillStyle = p.colours.ink;
    g.fillText(text, ...at);
  }

  /** By what gradients are multiplied at a place: at the nearest of the map's points. */
  function chi({ x, y }) {
    const nearest = (values, v) => {
      const i = Math.round(((v - values[0]) / (values.at(-1) - values[0])) * (values.length - 1));
      return i >= 0 && i < values.length ? i : null; // NaN is nowhere
    };
    const [b, w] = [nearest(map.bias_sd, y), nearest(map.weight_sd, x)];
    return b === null || w === null ? NaN : (map.slope[b][w] ?? NaN);
  }

  function sentence(key, place, number) {
    const factor = chi(place);
    if (!Number.isFinite(factor)) return t("charts.phase.unknown");
    const { depth } = frame.experiment;
    return t(key, { w: number(place.x, 2), b: number(place.y, 2), chi: number(factor, 2), all: number(factor ** depth, 2), depth });
  }

  function read(cursor) {
    if (cursor) return sentence("charts.phase.read", cursor, shown);
    return silent() ? "" : sentence("charts.phase.rest", middle(frame.arrays.phase_points), shown);
  }

  function describe() {
    if (!frame || !usable() || silent()) return "";
    return sentence("charts.phase.describe", middle(frame.arrays.phase_points), spoken);
  }

  return {
    ...plot,
    update(next) {
      frame = next;
      if (map?.activation !== frame.experiment.activation) ask();
      plot.draw();
    },
  };
}
