/** What the network predicts at each place of the plane, and the points that it learns from. */
import { sign } from "./marks.js";
import { createPlot } from "./plot.js";
import { linear, shown, spoken } from "./scale.js";
import { channels } from "./theme.js";

const LEAST = 1e-38; // a probability that float32 has not cut to 0
const STRONG = 0.62; // how much of its class's colour a sure prediction has

/** The most probable class at each place. */
function winners(probabilities, n, size) {
  const best = new Uint8Array(size);
  for (let k = 1; k < n; k++) {
    for (let i = 0; i < size; i++) {
      if (probabilities[k * size + i] > probabilities[best[i] * size + i]) best[i] = k;
    }
  }
  return best;
}

/**
 * The line between the most probable classes, by marching squares over the lead of one class.
 *
 * @param {(i: number) => number} lead  above 0 where the class wins
 */
export function contour(lead, side, at, path) {
  const crossing = (a, b, from, to) => from + (to - from) * (a / (a - b));
  for (let row = 0; row + 1 < side; row++) {
    for (let column = 0; column + 1 < side; column++) {
      const i = row * side + column;
      const [a, b, c, d] = [lead(i), lead(i + 1), lead(i + side + 1), lead(i + side)];
      const ends = [];
      if (a > 0 !== b > 0) ends.push([crossing(a, b, column, column + 1), row]);
      if (b > 0 !== c > 0) ends.push([column + 1, crossing(b, c, row, row + 1)]);
      if (c > 0 !== d > 0) ends.push([crossing(d, c, column, column + 1), row + 1]);
      if (d > 0 !== a > 0) ends.push([column, crossing(a, d, row, row + 1)]);
      for (let e = 0; e + 1 < ends.length; e += 2) {
        path.moveTo(...at(...ends[e]));
        path.lineTo(...at(...ends[e + 1]));
      }
    }
  }
}

export function createBoundary(host, around) {
  const { t, theme } = around;
  const image = document.createElement("canvas");
  const brush = image.getContext("2d");
  const layer = document.createElement("canvas"); // the points, drawn once
  let drawnPoints = "";
  let frame = null;

  const plot = createPlot(host, { ...around, link: null }, {
    name: "boundary",
    title: t("charts.boundary.title"),
    caption: t("charts.boundary.caption"),
    legend: [{ kind: "full", text: t("charts.boundary.train") }, { kind: "hollow", text: t("charts.boundary.test") }],
    axes() {
      if (!frame?.arrays.boundary) return null;
      const { extent } = frame;
      return { x: linear(-extent, extent), y: linear(-extent, extent), xLabel: t("charts.boundary.x"), yLabel: t("charts.boundary.y") };
    },
    message: () => (broken() ? t("charts.none") : ""),
    square: true,
    draw,
    read,
    describe,
  });

  const shape = () => frame.shapes.boundary;
  const broken = () => Boolean(frame?.arrays.boundary) && !Number.isFinite(frame.arrays.boundary[0]);

  function draw(g, p) {
    if (!broken()) {
      paint(p);
      g.imageSmoothingEnabled = true;
      g.imageSmoothingQuality = "high";
      g.save();
      g.beginPath();
      g.rect(p.left, p.top, p.width, p.height);
      g.clip();
      g.drawImage(image, p.left, p.top, p.width, p.height); // the first row is the top one
      border(g, p);
      g.restore();
    }
    points(g, p);
  }

  function paint({ colours }) {
    const [n, rows, side] = shape();
    const size = rows * side;
    const values = frame.arrays.boundary;
    if (image.width !== side) [image.width, image.height] = [side, rows];
    const classes = Array.from({ length: n }, (_, k) => channels(colours[`class-${k % 4}`]));
    const paper = channels(colours.surface);
    const pixels = brush.createImageData(side, rows);
    for (let i = 0; i < size; i++) {
      let [r, gr, b] = [0, 0, 0];
      let most = 0;
      for (let k = 0; k < n; k++) {
        const share = values[k * size + i];
        const sharp = share * share; // of several classes, the likely one stands out
        r += sharp * classes[k][0];
        gr += sharp * classes[k][1];
        b += sharp * classes[k][2];
        most += sharp;
      }
      const sure = STRONG * Math.min(1, Math.max(0, (Math.sqrt(most) - 1 / Math.sqrt(n)) / (1 - 1 / Math.sqrt(n))));
      const strength = 0.1 + 0.9 * sure;
      const o = 4 * i;
      pixels.data[o] = paper[0] + strength * (r / most - paper[0]);
      pixels.data[o + 1] = paper[1] + strength * (gr / most - paper[1]);
      pixels.data[o + 2] = paper[2] + strength * (b / most - paper[2]);
      pixels.data[o + 3] = 255;
    }
    brush.putImageData(pixels, 0, 0);
  }

  /** The numbers are of the middles of the cells. */
  function border(g, p) {
    const [n, rows, side] = shape();
    const size = rows * side;
    const values = frame.arrays.boundary;
    const at = (column, row) => [
      p.left + (p.width * (column + 0.5)) / side,
      p.top + (p.height * (row + 0.5)) / rows,
    ];
    g.strokeStyle = p.colours.ink;
    g.lineWidth = 1.4 * p.pen;
    g.beginPath();
    for (let k = n === 2 ? 1 : 0; k < n; k++) {
      // Between a sure cell and a sure one of another class the logarithms still tell where the line is.
      contour((i) => {
        let other = 0;
        for (let j = 0; j < n; j++) if (j !== k) other = Math.max(other, values[j * size + i]);
        return Math.log((values[k * size + i] + LEAST) / (other + LEAST));
      }, side, at, g);
    }
    g.stroke();
  }

  /** Points do not move within a generation: they are drawn once, and copied. */
  function points(g, p) {
    const values = frame.arrays.points;
    if (!values) return;
    const key = [frame.generation, values.length, g.canvas.width, g.canvas.height, p.ratio, theme.colours.ink].join(" ");
    if (key !== drawnPoints) {
      drawnPoints = key;
      layer.width = g.canvas.width;
      layer.height = g.canvas.height;
      const own = layer.getContext("2d");
      own.setTransform(p.ratio, 0, 0, p.ratio, 0, 0);
      own.beginPath();
      own.rect(p.left, p.top, p.width, p.height);
      own.clip();
      const n = values.length / 3;
      const r = (n > 700 ? 1.6 : n > 300 ? 2 : 2.8) * Math.max(1, Math.min(2, p.width / 260));
      for (let i = n - 1; i >= 0; i--) {
        const [x, y, k] = [values[3 * i], values[3 * i + 1], values[3 * i + 2]];
        own.beginPath();
        sign(own, k, p.x(x), p.y(y), r);
        const test = i >= frame.n_train;
        own.fillStyle = test ? theme.colours.surface : theme.colours[`class-${k % 4}`];
        own.strokeStyle = test ? theme.colours[`class-${k % 4}`] : theme.colours.surface;
        own.lineWidth = test ? 1.3 : 0.8;
        own.fill();
        own.stroke();
      }
    }
    g.save();
    g.setTransform(1, 0, 0, 1, 0, 0);
    g.drawImage(layer, 0, 0);
    g.restore();
  }

  function read(cursor) {
    if (!cursor) {
      return Number.isFinite(frame.test_error) && frame.test_error !== null
        ? t("charts.boundary.rest", { error: shown(100 * frame.test_error, 2) }) : "";
    }
    const [n, rows, side] = shape();
    const cell = (v, count) => Math.min(count - 1, Math.floor(((v + frame.extent) / (2 * frame.extent)) * count));
    const i = cell(-cursor.y, rows) * side + cell(cursor.x, side);
    let best = 0;
    for (let k = 1; k < n; k++) if (frame.arrays.boundary[k * rows * side + i] > frame.arrays.boundary[best * rows * side + i]) best = k;
    const share = frame.arrays.boundary[best * rows * side + i];
    return t("charts.boundary.read", {
      x: shown(cursor.x, 2), y: shown(cursor.y, 2), class: best, share: shown(100 * share, 2),
    });
  }

  function describe() {
    if (!frame?.arrays.boundary) return "";
    const [n, rows, side] = shape();
    const best = winners(frame.arrays.boundary, n, rows * side);
    const counts = new Array(n).fill(0);
    best.forEach((k) => counts[k]++);
    const shares = counts.map((c, k) => t("charts.boundary.share", { class: k, share: spoken((100 * c) / best.length) }));
    const error = frame.test_error === null ? "" : t("charts.boundary.rest", { error: spoken(100 * frame.test_error) });
    return [error, ...shares].filter(Boolean).join(", ");
  }

  return {
    ...plot,
    update(next) {
      frame = next;
      plot.draw();
    },
  };
}
