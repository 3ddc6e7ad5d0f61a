/** Figures 2 to 12 of Glorot and Bengio (2010), replayed from the curves that minnet's own runs have left. */
import "./paper.css";
import { h, icon } from "../dom.js";
import { createPanel, verticalScale } from "./panels.js";

const PLAY = "M6 4v12l10-6Z";
const PAUSE = "M6 4h3v12H6ZM11 4h3v12h-3Z";
const TICK = 140; // ms between two measurements
const ANNOUNCED = 1000; // ms between two texts for screen readers

/**
 * @param {HTMLElement} host
 * @param {import("../main.js").Context} ctx
 */
export function createPaper(host, ctx) {
  const { t, state } = ctx;
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  let numbers = null;
  let asked = false;
  let panels = [];
  let moments = [0];
  let timer = 0;
  let announced = -Infinity;

  const message = h("p", { class: "paper-message", role: "status" }, t("paper.loading"));
  const tabs = h("div", { class: "paper-tabs", role: "group", "aria-label": t("paper.figures") });
  const title = h("h2", {});
  const says = h("p", {});
  const note = h("p", { class: "paper-note" });
  const claims = h("ul", { class: "paper-claims", "aria-label": t("paper.claims") });
  const slider = h("input", { type: "range", min: 0, step: 1, "aria-label": t("paper.updates"), oninput: moved });
  const told = h("span", { class: "paper-told" });
  const button = h("button", { type: "button", class: "minnet-tool minnet-square", onclick: toggle });
  const bar = h("div", { class: "paper-bar" }, button, slider, told);
  const pictures = h("div", { class: "paper-panels" });
  const small = h("p", { class: "paper-small" });
  const body = h(
    "div",
    { class: "paper-body", hidden: true },
    tabs,
    h("div", { class: "paper-head" }, h("div", {}, title, says, note), claims),
    bar,
    pictures,
    small,
  );
  host.append(h("div", { class: "paper" }, h("p", { class: "paper-lead" }, t("paper.lead")), message, body));
  label(false);

  const sized = new ResizeObserver(() => panels.length && draw());
  sized.observe(pictures);

  async function load() {
    if (asked) return;
    asked = true;
    try {
      const answer = await ctx.send({ ask: "paper" });
      const found = answer instanceof ArrayBuffer ? JSON.parse(new TextDecoder().decode(answer)) : answer;
      if (found.error) throw new Error(found.error);
      numbers = found;
    } catch (error) {
      asked = false; // the next look asks again
      message.textContent = t("paper.failed", { error: error.message ?? error });
      return;
    }
    message.hidden = true;
    body.hidden = false;
    for (const name of Object.keys(numbers.figures)) {
      tabs.append(
        h("button", { type: "button", "data-figure": name, "aria-label": t("paper.figure", { n: name }), onclick: () => state.setFigure(name) }, name),
      );
    }
    choose();
    state.on("figure", choose);
  }

  function choose() {
    pause();
    if (!Object.hasOwn(numbers.figures, state.figure)) state.figure = "2"; // of an address that somebody wrote
    const name = state.figure;
    const figure = numbers.figures[name];
    for (const tab of tabs.children) {
      if (tab.dataset.figure === name) tab.setAttribute("aria-current", "true");
      else tab.removeAttribute("aria-current");
    }
    title.textContent = `${t("paper.figure", { n: name })}. ${t(`paper.${name}.title`)}`;
    says.replaceChildren(h("b", {}, t("paper.says")), ` ${t(`paper.${name}.says`)}`);
    const noted = t(`paper.${name}.note`);
    note.hidden = noted === "note";
    note.textContent = noted;
    claims.replaceChildren(
      ...figure.claims.map(([claim, outcome]) =>
        h("li", {}, h("b", { class: `paper-${outcome}` }, t(`paper.outcome.${outcome}`)), ` ${t(`paper.claim.${claim}`)}`),
      ),
    );
    const probed = figure.panels.some((panel) => ["layers", "histograms"].includes(panel.kind));
    small.textContent = probed ? t("paper.probe") : "";

    const all = figure.panels.flatMap((panel) => [
      ...(panel.updates ?? []),
      ...(panel.lines ?? []).flatMap((one) => [...one.updates, ...one.validated]),
    ]);
    moments = [...new Set(all)].sort((a, b) => a - b);
    bar.hidden = moments.length < 2;
    const around = { t, y: verticalScale(figure.panels), last: moments.at(-1), all: numbers.updates, prior: numbers.prior };
    panels = figure.panels.map((panel) => createPanel(panel, around));
    pictures.replaceChildren(...panels.map((panel) => panel.element));
    slider.max = Math.max(0, moments.length - 1);
    slider.value = slider.max;
    draw();
  }

  function draw() {
    if (host.hidden) return;
    for (const panel of panels) {
      const inside = getComputedStyle(panel.element);
      const width = panel.element.clientWidth - parseFloat(inside.paddingLeft) - parseFloat(inside.paddingRight);
      if (width > 0) panel.draw(width);
    }
    show(true);
  }

  function said(update) {
    if (!update) return t("paper.begin");
    const [n, all] = [update, numbers.updates].map((value) => value.toLocaleString("en"));
    const share = Number(((100 * update) / numbers.updates).toPrecision(2));
    const elsewhere = numbers.figures[state.figure].panels.some((panel) => panel.kind === "errors" && panel.data !== "shapeset");
    return elsewhere ? t("paper.made", { n }) : t("paper.at", { n, share: `${share} %`, all });
  }

  /** @param {boolean} aloud whether to say the figures at once */
  function show(aloud) {
    const update = moments[slider.value] ?? 0;
    slider.style.setProperty("--part", slider.max > 0 ? slider.value / slider.max : 0);
    const at = said(update);
    told.textContent = at;
    slider.setAttribute("aria-valuetext", at);
    for (const panel of panels) panel.at(update);
    const now = performance.now();
    if (!aloud && now - announced < ANNOUNCED) return;
    announced = now;
    for (const panel of panels) panel.describe(at, update);
  }

  function moved() {
    pause();
    show(false);
  }

  function label(playing) {
    const text = t(playing ? "paper.pause" : "paper.play");
    button.replaceChildren(icon(playing ? PAUSE : PLAY));
    button.setAttribute("aria-label", text);
    button.title = text;
  }

  function pause() {
    if (!timer) return;
    clearInterval(timer);
    timer = 0;
    label(false);
  }

  function toggle() {
    if (timer) {
      pause();
      show(true);
      return;
    }
    if (Number(slider.value) >= Number(slider.max)) slider.value = 0;
    label(true);
    show(false);
    timer = setInterval(() => {
      slider.value = Number(slider.value) + 1;
      const ended = Number(slider.value) >= Number(slider.max);
      if (ended) pause();
      show(ended);
    }, calm.matches ? 500 : TICK);
  }

  return {
    update() {},
    show() {
      load();
      if (panels.length) draw();
    },
    hide: pause,
    destroy() {
      pause();
      sized.disconnect();
    },
  };
}
