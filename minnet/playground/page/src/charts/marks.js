/** What is drawn into a plot. Arrays of pixels; where one is not finite, there is a gap. */

/** @param {{ colour: string, width?: number, dash?: number[] }} style */
export function line(g, xs, ys, { colour, width = 1.5, dash = [] }) {
  g.strokeStyle = colour;
  g.lineWidth = width;
  g.setLineDash(dash);
  g.lineJoin = "round";
  g.beginPath();
  let down = false;
  for (let i = 0; i < xs.length; i++) {
    if (!Number.isFinite(ys[i])) {
      down = false;
    } else if (down) {
      g.lineTo(xs[i], ys[i]);
    } else {
      g.moveTo(xs[i], ys[i]);
      down = true;
    }
  }
  g.stroke();
  g.setLineDash([]);
}

/** The area between two curves. */
export function band(g, xs, low, high, colour, alpha = 0.16) {
  g.fillStyle = colour;
  g.globalAlpha = alpha;
  g.beginPath();
  for (let from = 0; from < xs.length; from++) {
    if (!Number.isFinite(low[from]) || !Number.isFinite(high[from])) continue;
    let to = from;
    while (to + 1 < xs.length && Number.isFinite(low[to + 1]) && Number.isFinite(high[to + 1])) to++;
    const half = to === from ? 3 : 0; // one layer alone would have no width
    g.moveTo(xs[from] - half, low[from]);
    for (let i = from; i <= to; i++) g.lineTo(xs[i] + half, low[i]);
    for (let i = to; i >= from; i--) g.lineTo(xs[i] + half, high[i]);
    if (half) g.lineTo(xs[from] - half, high[from]);
    g.closePath();
    from = to;
  }
  g.fill();
  g.globalAlpha = 1;
}

/** Add the outline of a class's sign to the path: circle, triangle, square, diamond, and so on again. */
export function sign(g, kind, x, y, r) {
  switch (kind % 4) {
    case 0:
      g.moveTo(x + r, y);
      g.arc(x, y, r, 0, 2 * Math.PI);
      break;
    case 1:
      g.moveTo(x, y - 1.25 * r);
      g.lineTo(x + 1.15 * r, y + 0.8 * r);
      g.lineTo(x - 1.15 * r, y + 0.8 * r);
      g.closePath();
      break;
    case 2:
      g.rect(x - 0.88 * r, y - 0.88 * r, 1.76 * r, 1.76 * r);
      break;
    default:
      g.moveTo(x, y - 1.3 * r);
      g.lineTo(x + 1.3 * r, y);
      g.lineTo(x, y + 1.3 * r);
      g.lineTo(x - 1.3 * r, y);
      g.closePath();
  }
}

/**
 * Measured numbers, one a layer. What is 0 or too small for the axis is a mark that points down at its foot.
 *
 * @param {number} foot  the lower end of the axis, in pixels
 */
export function dots(g, xs, ys, foot, { colour, radius, halo }) {
  g.fillStyle = colour;
  g.strokeStyle = halo;
  g.lineWidth = 1;
  g.beginPath();
  for (let i = 0; i < xs.length; i++) {
    if (ys[i] === Infinity || ys[i] > foot) {
      g.moveTo(xs[i] - radius, foot - 2 * radius);
      g.lineTo(xs[i] + radius, foot - 2 * radius);
      g.lineTo(xs[i], foot - 0.5);
      g.closePath();
    } else if (Number.isFinite(ys[i])) {
      sign(g, 0, xs[i], ys[i], radius);
    }
  }
  g.fill();
  g.stroke();
}
