import "./style.css";
import { createBlackboard } from "./blackboard/index.js";
import { createCharts } from "./charts/index.js";
import { createControls } from "./controls.js";
import { createHead } from "./head.js";
import { h } from "./dom.js";
import { decodeFrame, hasPoints, keepPoints } from "./frames.js";
import { createLessons } from "./lessons/index.js";
import { createPaper } from "./paper/index.js";
import { readAddress, writeAddress } from "./address.js";
import { createState } from "./state.js";
import { createTexts } from "./texts.js";
import { followTheme } from "./theme.js";
import { createPlayer } from "./transports/recorded.js";

/**
 * @typedef {Object} Transport
 * @property {boolean} live false: recorded frames, and controls do nothing
 * @property {(message: object) => Promise<any>} send an object, or an ArrayBuffer
 * @property {() => void} close
 * @property {string} [command] what starts its server again
 *
 * @typedef {Object} Context what every view gets
 * @property {ReturnType<typeof createTexts>} t
 * @property {ReturnType<typeof createState>} state
 * @property {Transport["send"]} send
 * @property {HTMLElement} host the whole page's element, where the colours are
 * @property {boolean} live
 */

/** Which sections a view of the head shows. */
const SECTIONS = { play: ["charts"], lessons: ["lessons", "charts"], steps: ["blackboard"], paper: ["paper"] };
const RETRY = 700; // ms between questions to a server that does not answer

/**
 * Puts the page into `root`.
 * @param {HTMLElement} root
 * @param {Transport} transport
 * @param {{texts?: Record<string, string>, page?: boolean, view?: string}} [options] page: it is alone in
 *     its document, fills it, and may use the address; else view: which it shows at first
 */
export function mount(root, transport, options = {}) {
  const t = createTexts(options.texts);
  const state = createState((message) => transport.send(message));
  const host = h("div", { class: `minnet${options.page ? " minnet-page" : ""}${transport.live ? "" : " minnet-recorded"}`, lang: document.documentElement.lang || "en" });
  // In a notebook, keys pressed here are not JupyterLab's, where d twice deletes the cell. It asks the element
  // that has the focus, before any around it.
  host.addEventListener("focusin", ({ target }) => target.setAttribute("data-lm-suppress-shortcuts", "true"));
  /** @type {Context} */
  const ctx = { t, state, send: (message) => transport.send(message), host, live: transport.live };
  let alive = true;

  const theme = followTheme(host, state, Boolean(options.page));
  const head = createHead(ctx, theme);
  const controls = createControls(ctx);
  const banner = h("p", { class: "minnet-banner", role: "alert", hidden: true }, t("page.gone"), " ", h("code", {}, transport.command ?? ""));
  const hosts = {};
  const main = h(options.page ? "main" : "div", { class: "minnet-main" }); // a document has one
  for (const name of ["lessons", "charts", "blackboard", "paper"]) {
    hosts[name] = h("section", { class: `minnet-section minnet-${name}`, hidden: true, "aria-label": t(`page.section.${name}`) });
    main.append(hosts[name]);
  }
  // The other views have headings of their own between the page's and those of their parts.
  hosts.charts.append(h("h2", { class: "minnet-unseen" }, t("page.section.charts")));
  host.append(head.element, banner, h("div", { class: "minnet-body" }, controls.element, main));
  root.append(host);
  if (options.page) document.title = `minnet ${t("page.name")}`;
  if (!transport.live) createPlayer(controls.element, transport, t);

  const views = {
    charts: createCharts(hosts.charts, ctx),
    lessons: createLessons(hosts.lessons, ctx),
    blackboard: createBlackboard(hosts.blackboard, ctx),
    paper: createPaper(hosts.paper, ctx),
  };

  function arrange() {
    const shown = SECTIONS[state.view];
    host.dataset.view = state.view;
    for (const [name, view] of Object.entries(views)) {
      const show = shown.includes(name);
      if (hosts[name].hidden !== show) continue;
      hosts[name].hidden = !show;
      if (show) view.show?.();
      else view.hide?.();
    }
    if (state.frame) draw();
  }
  state.on("view", arrange);

  // --- frames: the page pulls, so that a slow one gets fewer and never a queue

  let drawing = 0;

  function take(frame) {
    if (!state.heard(frame)) return false;
    state.frame = keepPoints(frame, state.frame);
    drawing ||= requestAnimationFrame(draw);
    return true;
  }

  function draw() {
    drawing = 0;
    const { frame } = state;
    // One that was asked for before a reset may come after it.
    if (!alive || !frame || frame.generation < state.generation) return;
    for (const name of SECTIONS[state.view]) views[name].update(frame);
    state.emit("frame", frame);
  }

  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  const seen = () => document.hidden && new Promise((resolve) => document.addEventListener("visibilitychange", resolve, { once: true }));
  const next = (event) => new Promise((resolve) => { const off = state.on(event, () => (off(), resolve())); });

  async function run() {
    while (alive) {
      await seen();
      try {
        if (!state.connected || !state.choices) await greet();
        const after = state.frame ? [state.frame.generation, state.frame.version] : null;
        const points = hasPoints(state.frame) ? state.frame.generation : null;
        const answer = await transport.send({ ask: "frame", after, wait: 1, points });
        if (answer?.error) throw new Error(answer.error);
        if (answer instanceof ArrayBuffer && !take(decodeFrame(answer))) await pause(20);
      } catch (error) {
        if (!alive) return;
        if (state.connected) console.warn(error);
        connect(false);
        await pause(RETRY);
      }
      if (calm.matches) await pause(500);
      if (!SECTIONS[state.view].includes("charts")) await Promise.race([pause(1000), next("view")]);
    }
  }

  function connect(there) {
    banner.hidden = there;
    if (state.connected === there) return;
    state.connected = there;
    state.emit("connection", there);
  }

  /** A server that was started again is another one, and is given this page's experiment. */
  let session;

  /** The first words with a server, and those after it was gone. */
  async function greet() {
    const [choices, said] = await Promise.all([transport.send({ ask: "choices" }), transport.send({ ask: "state" })]);
    if (choices.error ?? said.error) throw new Error(choices.error ?? said.error);
    const first = !state.choices;
    const anew = !first && said.session !== session;
    session = said.session;
    state.choices = choices;
    connect(true);
    if (anew) {
      state.forget();
      state.frame = null;
      await state.change(state.experiment);
      return;
    }
    // A frame that was made before this moment will do.
    state.heard({ ...said, version: 0 });
    state.emit("choices", choices);
    if (first) await open();
  }

  // --- the address

  async function open() {
    if (!options.page) {
      if (options.view) state.setView(options.view);
      arrange();
      return;
    }
    const { experiment, speed, view, lesson, figure, board } = readAddress(location.hash, state.choices);
    if (speed !== undefined && speed !== state.speed) await state.setSpeed(speed);
    if (Object.keys(experiment).length) {
      // A link begins at the beginning, also where the session has this experiment already.
      const { generation } = state;
      const taken = await state.change(experiment);
      if (taken && state.generation === generation) await state.reset();
      if (taken && !state.playing) await state.play();
    }
    state.setLesson(lesson);
    if (figure) state.setFigure(figure);
    if (board) state.setBoard(board);
    state.setView(view);
    arrange();
  }

  let writing = 0;
  /** Browsers refuse an address that changes with every move of a slider. */
  function write() {
    if (!options.page || !state.choices) return;
    clearTimeout(writing);
    writing = setTimeout(() => {
      const address = writeAddress(state);
      if (address !== location.hash) history.replaceState(null, "", address);
    }, 300);
  }
  for (const event of ["experiment", "speed", "view", "lesson", "figure", "board"]) state.on(event, write);
  const pasted = () => state.choices && open();
  if (options.page) window.addEventListener("hashchange", pasted);

  run();
  return {
    destroy() {
      alive = false;
      window.removeEventListener("hashchange", pasted);
      clearTimeout(writing);
      theme.destroy();
      for (const view of Object.values(views)) view.destroy();
      transport.close();
      host.remove();
    },
  };
}
