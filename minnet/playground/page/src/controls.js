// The controls: each acts at once. Which there are, and within which bounds, the session says.
import "./controls.css";
import { h, icon } from "./dom.js";
import { nearest, shown, stopsOf } from "./stops.js";

/** What is not named here comes last. */
const GROUPS = {
  data: ["data", "n_samples", "noise"],
  network: ["depth", "width", "activation", "batch_norm", "dropout"],
  initialization: ["init", "gain", "bias", "seed"],
  training: ["optimizer", "learning_rate", "batch_size"],
};
/** A tick where a value means something. */
const MARKED = { gain: 1 };
/** Steps per second; null: as many as it takes. */
const SPEEDS = [1, 10, 30, 100, 300, 1000, 3000, null];
const ICONS = {
  play: "M6 4L16 10L6 16Z",
  pause: "M6 4h3v12h-3ZM11 4h3v12h-3Z",
  step: "M4 4L12 10L4 16ZM13 4h3v12h-3Z",
  reset: "M4 10a6 6 0 1 0 2 -4.5M6 2v4h4",
  new_seed: "M3 7l7 -4l7 4v7l-7 4l-7 -4ZM3 7l7 4l7 -4M10 11v7",
  fold: "M4 6h12M4 10h12M4 14h12",
};

let pages = 0; // two pages in one document have ids of their own

/** @param {import("./main.js").Context} ctx */
export function createControls(ctx) {
  const prefix = `minnet-${++pages}`;
  const { t, state } = ctx;
  /** @type {Map<string, {row: HTMLElement, show: (value: any) => void, error: HTMLElement, inputs: HTMLElement[]}>} */
  const controls = new Map();
  let unfolded = false;

  const play = h("button", { type: "button", class: "minnet-primary", onclick: () => (state.playing ? state.pause() : state.play()) });
  const button = (name, act) => h("button", { type: "button", class: "minnet-button", title: t(`controls.${name}.title`), onclick: act }, icon(ICONS[name]), t(`controls.${name}`));
  const step = button("step", async () => {
    if (state.playing) await state.pause();
    await state.step();
  });
  const reset = button("reset", () => state.reset());
  const seed = button("new_seed", () => state.reseed());
  const speed = h(
    "select",
    { class: "minnet-speed", "aria-label": t("controls.speed"), title: t("controls.speed"), onchange: () => state.setSpeed(speed.value === "" ? null : Number(speed.value)) },
  );
  const pacing = (n) => h("option", { value: n ?? "" }, n === null ? t("controls.speed.full") : t("controls.speed.of", { n: n.toLocaleString(ctx.host.lang) }));
  speed.append(...SPEEDS.map(pacing));
  const counter = h("p", { class: "minnet-counter" });
  const pace = h("p", { class: "minnet-pace" });
  const message = h("p", { class: "minnet-error", role: "alert", hidden: true });
  const opener = h("button", { type: "button", class: "minnet-button minnet-opener", "aria-expanded": "false", onclick: toggle }, icon(ICONS.fold), t("controls.open"));
  const list = h("div", { class: "minnet-controls" });
  const all = h("button", { type: "button", class: "minnet-tool minnet-all", hidden: true, onclick: () => ((unfolded = !unfolded), fold()) });
  const element = h(
    "aside",
    { class: "minnet-side", "aria-label": t("controls.name") },
    h("div", { class: "minnet-run" }, play, step, reset, ctx.live ? seed : null, ctx.live ? opener : null, counter, ctx.live ? speed : null, pace, message),
    ctx.live ? list : null,
    ctx.live ? all : null,
  );

  function toggle() {
    const open = element.classList.toggle("minnet-open");
    opener.setAttribute("aria-expanded", String(open));
  }

  function build(given) {
    controls.clear();
    list.replaceChildren();
    const named = Object.values(GROUPS).flat();
    const rest = Object.keys(given).filter((name) => !named.includes(name));
    for (const [group, names] of Object.entries(GROUPS)) {
      const there = [...names, ...(group === "training" ? rest : [])].filter((name) => given[name]);
      const rows = there.map((name) => control(name, given[name]));
      list.append(h("fieldset", { class: "minnet-group", "data-group": group }, h("legend", {}, t(`controls.group.${group}`)), ...rows));
    }
    refresh();
    fold();
  }

  function control(name, given) {
    const made = { choice, flag, whole: number, real: number }[given.kind](name, given);
    const error = h("p", { class: "minnet-error", role: "alert", id: id(name, "error"), hidden: true });
    for (const input of made.inputs) input.setAttribute("aria-describedby", error.id);
    const row = h("div", { class: `minnet-control minnet-${given.kind}`, "data-control": name }, h("label", { htmlFor: made.inputs[0].id, title: t(`controls.${name}.title`, {}, "") || null }, t(`controls.${name}`)), ...made.children, error);
    controls.set(name, { row, error, ...made });
    return row;
  }

  function choice(name, given) {
    const select = h(
      "select",
      { id: id(name), onchange: () => state.change({ [name]: select.value }) },
      ...given.values.map((value) => h("option", { value }, t(`controls.${name}.${value}`, {}, given.names[value]))),
    );
    return { inputs: [select], children: [select], show: (value) => (select.value = value) };
  }

  function flag(name) {
    const box = h("input", { type: "checkbox", role: "switch", id: id(name), onchange: () => state.change({ [name]: box.checked }) });
    return { inputs: [box], children: [box], show: (value) => (box.checked = value) };
  }

  /** A slider for the hand, and the number itself for what lies between its stops. */
  function number(name, given) {
    const text = h("input", {
      type: "text",
      inputMode: given.kind === "whole" ? "numeric" : "decimal",
      autocomplete: "off",
      spellcheck: false,
      id: id(name),
      class: "minnet-value",
      onchange: () => {
        const typed = text.value.trim();
        state.change({ [name]: typed !== "" && Number.isFinite(Number(typed)) ? Number(typed) : typed });
      },
    });
    const show = (value) => {
      if (document.activeElement !== text || Number(text.value) !== value) text.value = shown(value);
    };
    const stops = stopsOf(given, MARKED[name]);
    if (!stops) return { inputs: [text], children: [h("span", {}), text], show };
    const slider = h("input", {
      type: "range",
      min: 0,
      max: stops.length - 1,
      step: 1,
      "aria-label": t(`controls.${name}`),
      oninput: () => state.change({ [name]: stops[slider.valueAsNumber] }),
    });
    const part = (value) => nearest(stops, value) / (stops.length - 1);
    const children = [slider, text];
    if (name in MARKED) {
      const scale = h("span", { class: "minnet-scale", "aria-hidden": "true" }, ...[given.low, MARKED[name], given.high].map((value) => h("span", {}, shown(value))));
      scale.style.setProperty("--mark", String(part(MARKED[name])));
      children.push(scale);
    }
    return {
      inputs: [text, slider],
      children,
      show(value) {
        show(value);
        slider.value = String(nearest(stops, value));
        slider.style.setProperty("--part", String(part(value)));
        slider.setAttribute("aria-valuetext", shown(value));
      },
    };
  }

  function id(name, what = "input") {
    return `${prefix}-${name}-${what}`;
  }

  function refresh() {
    for (const [name, { show }] of controls) if (name in state.experiment) show(state.experiment[name]);
    const heeds = state.choices?.init.heeds_gain.includes(state.experiment.init) ?? true;
    for (const input of controls.get("gain")?.inputs ?? []) input.disabled = !heeds;
  }

  /** A lesson is about a few controls; the others are there when asked for. */
  function fold() {
    const { focused } = state;
    let hidden = 0;
    for (const [name, { row }] of controls) {
      row.hidden = focused !== null && !unfolded && !focused.includes(name);
      hidden += row.hidden ? 1 : 0;
    }
    for (const group of list.children) group.hidden = [...group.querySelectorAll(".minnet-control")].every((row) => row.hidden);
    all.hidden = focused === null;
    all.textContent = t(unfolded ? "controls.fewer" : "controls.all");
    all.setAttribute("aria-expanded", String(unfolded));
  }

  function paced() {
    // A link may have one of its own.
    if (![...speed.options].some(({ value }) => value === String(state.speed ?? ""))) speed.prepend(pacing(state.speed));
    speed.value = String(state.speed ?? "");
  }

  function status() {
    const name = state.playing ? "pause" : "play";
    if (play.dataset.shows !== name) {
      play.dataset.shows = name;
      play.replaceChildren(icon(ICONS[name]), t(`controls.${name}`));
    }
  }

  function count(frame) {
    const whole = (value) => Math.round(value).toLocaleString(ctx.host.lang);
    counter.replaceChildren(h("b", {}, whole(frame.step)), ` ${t("controls.steps")}`);
    const words = [t("controls.epoch", { n: whole(Math.floor(frame.epoch)) })];
    if (frame.playing && frame.steps_per_second) words.push(t("controls.speed.of", { n: whole(frame.steps_per_second) }));
    pace.textContent = words.join(" · ");
    const told = frame.message && frame.status !== "ok" ? frame.message : "";
    message.hidden = !told;
    if (message.textContent !== told) message.textContent = told;
  }

  function fail(error) {
    for (const control of controls.values()) {
      control.error.hidden = true;
      for (const input of control.inputs) input.removeAttribute("aria-invalid");
    }
    let said = false;
    for (const [name, text] of Object.entries(error?.fields ?? {})) {
      const at = controls.get(name);
      if (!at) continue;
      at.error.textContent = text;
      at.error.hidden = false;
      at.inputs[0].setAttribute("aria-invalid", "true");
      said = true;
    }
    message.hidden = !error || said;
    if (error && !said) message.textContent = error.text;
  }

  state.on("choices", build);
  state.on("experiment", refresh);
  state.on("status", status);
  state.on("speed", paced);
  state.on("frame", count);
  state.on("error", fail);
  state.on("focus", () => ((unfolded = false), fold()));
  status();
  paced();
  return { element };
}
