/**
 * The frame around each picture: heading, read-out, canvas with axes, caption; pointer, keyboard, size, theme.
 */
import { h, icon } from "../dom.js";
import { ticksOf } from "./scale.js";

const RIGHT = 8; // px beside the axes
const LARGER = "M12 3h5v5M17 3l-6 6M8 17H3v-5M3 17l6-6";
const SMALLER = "M17 8h-5V3M12 8l5-5M3 12h5v5M8 12l-5 5";
const ANNOUNCED = 1000; // ms between two texts for screen readers

/**
 * What charts of layers share: which layer is pointed at.
 *
 * @returns {{ index: number | null, set: (i: number | null) => void, on: (f: () => void) => () => void }}
 */
export function createLink() {
  const listeners = new Set();
  const link = {
    index: null,
    set(i) {
      if (i === link.index) return;
      link.index = i;
      listeners.forEach((f) => f());
    },
    on(f) {
      listeners.add(f);
      return () => listeners.delete(f);
    },
  };
  return link;
}

/**
 * @typedef {Object} Spec
 * @property {string} name  of the class `chart-NAME`
 * @property {string} title
 * @property {string} caption  one or two sentences: what it is, and what to look at
 * @property {{ kind: string, text: string }[]} [legend]
 * @property {(width: number, tick: number) => null | { x: import("./scale.js").Scale, y: import("./scale.js").Scale, xLabel?: string,
 *   yLabel?: string, xTicks?: { value: number, label: string }[] }} axes  for so
 *   many pixels and letters of that height; null: nothing to draw
 * @property {(g: CanvasRenderingContext2D, plot: any) => void} draw
 * @property {() => string} [message]  said over the picture; "" for nothing
 * @property {() => number} [count]  of things along x, for a cursor that steps from one to the next; without
 *   it the cursor is a point {x, y} of the plane
 * @property {(point: { x: number, y: number }) => number} [find]  the thing at a place, in data; the nearest
 *   along x unless given
 * @property {number} [columns]  where the things stand in a grid: up and down step over so many
 * @property {(cursor: any) => string} read  the read-out; cursor null: at rest
 * @property {() => string} describe  the figures, for screen readers
 * @property {boolean} [square]  both axes are of the same kind: a circle is round
 * @property {boolean} [bare]  no room for axes
 */

/**
 * @param {HTMLElement} host
 * @param {{ t: Function, theme: any, link?: any, enlarge?: (name: string) => void }} around  `enlarge` is told
 *   when the chart shall be alone, or among the others again
 * @param {Spec} spec
 */
export function createPlot(host, { t, theme, link, enlarge }, spec) {
  const figure = make("figure", `chart chart-${spec.name}`);
  make("h3", "", figure).textContent = spec.title;
  const button = h("button", { class: "chart-button", type: "button", hidden: !enlarge, onclick: () => enlarge(spec.name) });
  figure.append(button);
  const readout = make("span", "", make("div", "chart-readout", figure));
  const stage = make("div", "chart-stage", figure);
  const canvas = make("canvas", "", stage);
  const legend = make("span", "chart-legend", stage);
  for (const { kind, text } of spec.legend ?? []) make("span", `key key-${kind}`, legend).textContent = text;
  const message = make("p", "chart-message", stage);
  make("figcaption", "", figure).textContent = spec.caption;
  const live = make("span", "chart-live minnet-unseen", figure);
  live.setAttribute("aria-live", "polite");
  stage.tabIndex = 0;
  stage.setAttribute("role", "group");
  stage.setAttribute("aria-label", t("charts.keys", { title: spec.title }));
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", spec.title);
  host.append(figure);

  const g = canvas.getContext("2d");
  const plot = { left: 0, top: 0, width: 0, height: 0, x: null, y: null, colours: theme.colours, font: "", tick: 11, pen: 1, cursor: null };
  let [wide, high, ratio] = [0, 0, 1];
  let announced = -Infinity;
  let later = 0;
  let pending = 0;

  function make(tag, className, parent) {
    const element = document.createElement(tag);
    if (className) element.className = className;
    parent?.append(element);
    return element;
  }

  function say(element, text) {
    if (element.textContent !== text) element.textContent = text;
  }

  function draw() {
    if (!wide || !high) return;
    if (ratio !== window.devicePixelRatio) fit();
    plot.tick = wide < 300 ? 11 : wide < 600 ? 13 : 16;
    plot.pen = plot.tick / 11; // lines grow with the letters
    const axes = spec.axes(wide - before() - RIGHT, plot.tick);
    g.setTransform(ratio, 0, 0, ratio, 0, 0);
    g.clearRect(0, 0, wide, high);
    plot.colours = theme.colours;
    plot.font = `${plot.tick}px ${theme.font}`;
    plot.cursor = link ? (link.index === null ? null : link.index) : plot.cursor;
    if (axes) {
      place(axes);
      drawAxes(axes);
      g.save();
      spec.draw(g, plot);
      g.restore();
      drawCursor();
    }
    // Words come after the pictures of all charts: the page is laid out anew for them, once.
    queueMicrotask(() => tell(axes));
  }

  function tell(axes) {
    const pointed = inside(plot.cursor) !== null;
    const text = axes ? spec.read(inside(plot.cursor)) : "";
    const said = spec.message?.() || (axes ? "" : t("charts.wait"));
    say(message, said);
    if (message.hidden === Boolean(said)) message.hidden = !said;
    say(readout, text);
    if (figure.classList.contains("chart-pointed") !== pointed) figure.classList.toggle("chart-pointed", pointed);
    describe();
  }

  function inside(cursor) {
    return cursor === null || !spec.count ? cursor : cursor < spec.count() ? cursor : null;
  }

  /** The room for the labels of the y axis. */
  const before = () => Math.round(3.65 * plot.tick);

  function place({ x, y }) {
    const [left, top, right, bottom] = spec.bare ? [1, 20, 1, 1] : [before(), 14 + plot.tick, RIGHT, 10 + 2 * plot.tick];
    let [width, height] = [wide - left - right, high - top - bottom];
    if (spec.square) width = height = Math.min(width, height);
    const start = left + Math.floor((wide - left - right - width) / 2);
    Object.assign(plot, { left: start, top, width, height, scales: { x, y } });
    plot.x = (v) => start + width * x.at(v);
    plot.y = (v) => top + height * (1 - y.at(v));
  }

  function drawAxes({ x, y, xLabel = "", yLabel = "", xTicks }) {
    if (spec.bare) return;
    const { left, top, width, height, colours } = plot;
    g.font = plot.font;
    g.fillStyle = colours.muted;
    g.strokeStyle = colours.line;
    g.lineWidth = 1;
    const vertical = ticksOf(y, Math.max(2, Math.floor(height / (3 * plot.tick))));
    g.textAlign = "right";
    g.textBaseline = "middle";
    g.beginPath();
    for (const { value, label } of vertical.ticks) {
      const at = Math.round(plot.y(value)) + 0.5;
      g.moveTo(left, at);
      g.lineTo(left + width, at);
      g.fillText(label, left - 5, at);
    }
    g.stroke();
    write([yLabel, vertical.unit].filter(Boolean).join("  "), left - before() + 2, 2 + plot.tick / 2);
    const horizontal = xTicks ? { ticks: xTicks, unit: "" } : ticksOf(x, Math.max(2, Math.floor(width / (6 * plot.tick))));
    g.textAlign = "center";
    g.textBaseline = "top";
    for (const { value, label } of horizontal.ticks) {
      const half = g.measureText(label).width / 2;
      g.fillText(label, Math.min(plot.x(value), wide - half - 1), top + height + 5);
    }
    const title = [xLabel, horizontal.unit].filter(Boolean).join("  ");
    write(title, left + (width - g.measureText(title.replaceAll("_", "")).width) / 2, top + height + 4 + 1.9 * plot.tick);
    note("ticksX", horizontal.ticks);
    note("ticksY", vertical.ticks);
  }

  /** The letter after a "_" is an index. */
  function write(text, x, y) {
    g.textAlign = "left";
    g.textBaseline = "middle";
    let at = x;
    for (const [, plain, index] of text.matchAll(/([^_]*)(?:_(.))?/gu)) {
      g.fillText(plain, at, y);
      at += g.measureText(plain).width;
      if (!index) continue;
      g.font = plot.font.replace(/^\d+/, String(plot.tick - 2));
      g.fillText(index, at, y + 3);
      at += g.measureText(index).width;
      g.font = plot.font;
    }
  }

  /** The labels can be read from the page, too: a canvas has no text. */
  function note(key, ticks) {
    const text = ticks.map((tick) => tick.label).join(" | ");
    if (canvas.dataset[key] !== text) canvas.dataset[key] = text;
  }

  function drawCursor() {
    const cursor = inside(plot.cursor);
    if (cursor === null || spec.columns) return;
    const { left, top, width, height } = plot;
    const point = spec.count ? { x: spec.position ? spec.position(cursor) : cursor } : cursor;
    const x = plot.x(point.x);
    g.strokeStyle = plot.colours.ink;
    g.globalAlpha = 0.45;
    g.lineWidth = 1;
    g.beginPath();
    g.moveTo(x, top);
    g.lineTo(x, top + height);
    if (!spec.count) {
      g.moveTo(left, plot.y(point.y));
      g.lineTo(left + width, plot.y(point.y));
    }
    g.stroke();
    g.globalAlpha = 1;
  }

  function describe() {
    const now = performance.now();
    if (now - announced >= ANNOUNCED) {
      announced = now;
      const text = message.hidden ? spec.describe() : message.textContent;
      canvas.setAttribute("aria-label", `${spec.title}: ${text}`);
    } else if (!later) {
      later = setTimeout(() => {
        later = 0;
        describe();
      }, ANNOUNCED - (now - announced));
    }
  }

  function soon() {
    pending ||= requestAnimationFrame(() => {
      pending = 0;
      draw();
    });
  }

  function point(cursor) {
    if (link) return link.set(cursor);
    plot.cursor = cursor;
    soon();
  }

  function nearest({ x, y }) {
    if (spec.find) return spec.find({ x, y });
    if (!spec.position) return Math.round(x);
    let best = 0;
    for (let i = 1; i < spec.count(); i++) {
      if (Math.abs(spec.position(i) - x) < Math.abs(spec.position(best) - x)) best = i;
    }
    return best;
  }

  function follow(event) {
    if (!plot.scales) return;
    const box = canvas.getBoundingClientRect();
    const along = (event.clientX - box.left - plot.left) / plot.width;
    const up = 1 - (event.clientY - box.top - plot.top) / plot.height;
    if (along < -0.02 || along > 1.02 || up < -0.1 || up > 1.05) return point(null);
    const [fx, fy] = [along, up].map((v) => Math.min(1, Math.max(0, v)));
    const at = { x: plot.scales.x.value(fx), y: plot.scales.y.value(fy) };
    if (!spec.count) return point(at);
    const count = spec.count();
    point(count ? Math.min(count - 1, Math.max(0, nearest(at))) : null);
  }

  function press(event) {
    const [dx, dy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key] ?? [0, 0];
    const ends = { Home: 0, End: Infinity };
    if (event.key === "Escape" && plot.cursor !== null) point(null);
    else if (!plot.scales || event.altKey || event.ctrlKey || event.metaKey) return;
    else if (spec.count && (dx || dy || event.key in ends)) {
      const count = spec.count();
      const was = inside(plot.cursor);
      const step = dx - dy * (spec.columns ?? -1);
      const to = event.key in ends ? ends[event.key] : was === null ? (spec.start?.() ?? 0) : was + step;
      point(count ? Math.min(count - 1, Math.max(0, to)) : null);
    } else if (!spec.count && (dx || dy)) {
      const { x, y } = plot.scales;
      const was = plot.cursor ?? { x: x.value(0.5), y: y.value(0.5) };
      const moved = (scale, value, d) => scale.value(Math.min(1, Math.max(0, scale.at(value) + d / 20)));
      point(plot.cursor ? { x: moved(x, was.x, dx), y: moved(y, was.y, dy) } : was);
    } else return;
    event.preventDefault();
    requestAnimationFrame(() => say(live, readout.textContent));
  }

  function leave() {
    if (document.activeElement !== stage) point(null);
  }

  function fit() {
    plot.ratio = ratio = window.devicePixelRatio;
    canvas.width = Math.round(wide * ratio);
    canvas.height = Math.round(high * ratio);
  }

  function resize() {
    const box = stage.getBoundingClientRect();
    [wide, high] = [box.width, box.height];
    if (!wide || !high) return;
    fit();
    draw(); // in the same frame: a canvas that was sized is empty
  }

  stage.addEventListener("pointermove", follow);
  stage.addEventListener("pointerdown", follow);
  stage.addEventListener("pointerleave", leave);
  stage.addEventListener("blur", () => point(null));
  stage.addEventListener("keydown", press);
  const observer = new ResizeObserver(resize);
  observer.observe(stage);
  const offs = [theme.on(soon), link?.on(soon)];

  return {
    name: spec.name,
    draw,
    figure,
    canvas,
    /** @param {boolean} large  whether it is alone now */
    setLarge(large) {
      figure.classList.toggle("chart-large", large);
      button.replaceChildren(icon(large ? SMALLER : LARGER));
      button.setAttribute("aria-label", t(large ? "charts.smaller" : "charts.larger", { title: spec.title }));
    },
    /** Forget the thing pointed at: it is another one now. */
    forget: () => {
      if (!link) plot.cursor = null;
    },
    destroy() {
      observer.disconnect();
      cancelAnimationFrame(pending);
      clearTimeout(later);
      offs.forEach((off) => off?.());
      figure.remove();
    },
  };
}
