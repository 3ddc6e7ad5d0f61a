/** Digits that the network has not learned from, and what it takes them for. */
import { createPlot } from "./plot.js";
import { linear, shown, spoken } from "./scale.js";
import { channels } from "./theme.js";

const SIDE = 8;

export function createDigits(host, around) {
  const { t, theme } = around;
  const sheet = document.createElement("canvas"); // all images side by side
  let painted = "";
  let frame = null;
  let columns = 6;

  const count = () => frame?.shapes.digit_probabilities?.[0] ?? 0;
  const rows = () => Math.ceil(count() / columns);

  const spec = {
    name: "digits",
    title: t("charts.digits.title"),
    caption: t("charts.digits.caption"),
    legend: [{ kind: "right", text: t("charts.digits.right") }, { kind: "wrong", text: t("charts.digits.wrong") }],
    bare: true,
    columns,
    axes: () => (frame?.arrays.digit_images ? { x: linear(0, columns), y: linear(0, rows()) } : null),
    message: () => (frame?.arrays.digit_probabilities && !Number.isFinite(frame.arrays.digit_probabilities[0]) ? t("charts.none") : ""),
    count,
    find: ({ x, y }) => Math.min(rows() - 1, Math.floor(rows() - y)) * columns + Math.min(columns - 1, Math.floor(x)),
    draw,
    read,
    describe,
  };
  const plot = createPlot(host, { ...around, link: null }, spec);

  function predicted(i) {
    let best = 0;
    for (let k = 1; k < 10; k++) if (probability(i, k) > probability(i, best)) best = k;
    return best;
  }
  const probability = (i, k) => frame.arrays.digit_probabilities[10 * i + k];

  function paint() {
    const key = `${frame.generation} ${theme.colours.ink}`;
    if (painted === key) return;
    painted = key;
    const images = frame.arrays.digit_images;
    const n = images.length / SIDE ** 2;
    [sheet.width, sheet.height] = [SIDE * n, SIDE];
    const brush = sheet.getContext("2d");
    const pixels = brush.createImageData(SIDE * n, SIDE);
    const [ink, paper] = [channels(theme.colours.ink), channels(theme.colours.surface)];
    const largest = Math.max(1e-9, ...images);
    for (let i = 0; i < n; i++) {
      for (let p = 0; p < SIDE ** 2; p++) {
        const o = 4 * (Math.floor(p / SIDE) * SIDE * n + SIDE * i + (p % SIDE));
        const dark = Math.max(0, images[SIDE ** 2 * i + p]) / largest;
        for (let c = 0; c < 3; c++) pixels.data[o + c] = paper[c] + dark * (ink[c] - paper[c]);
        pixels.data[o + 3] = 255;
      }
    }
    brush.putImageData(pixels, 0, 0);
  }

  function draw(g, p) {
    paint();
    const { colours } = p;
    const [w, h] = [p.width / columns, p.height / rows()];
    const bars = Math.max(8, 0.12 * h);
    const size = Math.min(w - 6, h - 23 - bars);
    g.imageSmoothingEnabled = false;
    g.font = `600 ${Math.min(13, Math.max(10, size / 4))}px ${theme.font}`;
    g.textBaseline = "middle";
    for (let i = 0; i < count(); i++) {
      const x = p.left + (i % columns) * w + (w - size) / 2;
      const y = p.top + Math.floor(i / columns) * h + 2;
      g.drawImage(sheet, SIDE * i, 0, SIDE, SIDE, x, y, size, size);
      if (!Number.isFinite(probability(i, 0))) continue;
      const best = predicted(i);
      const right = best === frame.arrays.digit_classes[i];
      g.strokeStyle = g.fillStyle = right ? colours.good : colours.bad;
      g.lineWidth = p.cursor === i ? 3 : right ? 1 : 2;
      g.strokeRect(x - 0.5, y - 0.5, size + 1, size + 1);
      g.textAlign = "left";
      g.fillText(`${right ? "✓" : "✗"} ${best}`, x, y + size + 10);
      // Ten bars on a line, one a class: where the probability is.
      const bar = size / 10;
      const foot = y + size + 17 + bars;
      for (let k = 0; k < 10; k++) {
        const height = bars * probability(i, k);
        if (height > 0.4) g.fillRect(x + k * bar, foot - height, bar - 0.5, height);
      }
      g.globalAlpha = 0.35;
      g.fillRect(x, foot, size, 1);
      g.globalAlpha = 1;
    }
  }

  function read(i) {
    if (i === null) return frame.test_error === null ? "" : t("charts.boundary.rest", { error: shown(100 * frame.test_error, 2) });
    const best = predicted(i);
    return t("charts.digits.read", {
      true: frame.arrays.digit_classes[i], predicted: best, share: shown(100 * probability(i, best), 2),
    });
  }

  function describe() {
    if (!frame?.arrays.digit_probabilities) return "";
    let right = 0;
    for (let i = 0; i < count(); i++) right += predicted(i) === frame.arrays.digit_classes[i];
    const error = frame.test_error === null ? "" : t("charts.boundary.rest", { error: spoken(100 * frame.test_error) });
    return [t("charts.digits.describe", { right, count: count() }), error].filter(Boolean).join(", ");
  }

  return {
    ...plot,
    update(next) {
      frame = next;
      plot.draw();
    },
  };
}
