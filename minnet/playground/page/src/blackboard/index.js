import "./blackboard.css";
import { h } from "../dom.js";
import { light, lightsOf } from "./light.js";
import { axesOf } from "./matrix.js";
import { NOT_FINITE, short } from "./numbers.js";
import { createPicture } from "./picture.js";
import { stageSection, titleOf } from "./section.js";
import { kindOf, quantities, stages, symbol } from "./stages.js";

/** What can be chosen here, and what is at first; minnet.playground.blackboard has the same bounds. */
const CHOICES = {
  n_samples: [1, 2, 3, 4, 5, 6],
  n_units: [1, 2, 3, 4, 5, 6],
  n_layers: [1, 2, 3],
  learning_rate: [0.01, 0.1, 0.5, 1, 2, 5, 10, 50],
};
const FIRST = { n_samples: 3, n_units: 3, n_layers: 1, learning_rate: 0.5, steps: 0 };
const MOST_STEPS = 1000;

/** Fields of the experiment that the small network has, too; the first of them can be changed here as well. */
const SHARED = ["data", "activation", "init", "gain", "bias", "n_samples", "noise", "seed"];
const NAMED = SHARED.slice(0, 3);

/**
 * "Step by step": one step of a small network with every number.
 * @param {HTMLElement} host
 * @param {import("../main.js").Context} ctx
 */
export function createBlackboard(host, ctx) {
  const { t, state } = ctx;
  let options = { ...FIRST };
  let shown = false;
  let asked = ""; // for which settings the board was asked last
  /** @type {ReturnType<typeof makeBoard> | null} */
  let board = null;
  let at = 0;
  let key = "X"; // of the stage
  let all = false;
  let sample = 0;

  // ---- what stays

  function choice(name, label, values, act) {
    const select = h("select", { disabled: !ctx.live, onchange: () => act(select.value) }, ...values.map(([value, words]) => h("option", { value }, words)));
    return { select, element: h("label", { class: "bb-choice", "data-choice": name }, h("span", {}, label), select) };
  }
  const own = {};
  for (const [name, values] of Object.entries(CHOICES)) {
    own[name] = choice(name, t(`blackboard.${name}`), values.map((value) => [String(value), String(value)]), (value) => choose({ [name]: Number(value), steps: 0 }));
    own[name].select.value = String(options[name]);
  }
  const named = h("div", { class: "bb-bar" });
  const selects = {};
  function offer() {
    named.replaceChildren(
      ...NAMED.map((name) => {
        const { values: known, names } = state.choices[name];
        const values = known.map((value) => [value, t(`controls.${name}.${value}`, {}, names[value])]);
        const { select, element } = choice(name, t(`controls.${name}`), values, (value) => state.change({ [name]: value }));
        selects[name] = select;
        return element;
      }),
    );
    follow();
  }
  function follow() {
    for (const [name, select] of Object.entries(selects)) select.value = state.experiment[name];
  }
  const setting = h("p", { class: "bb-setting" });
  const message = h("p", { class: "minnet-error", role: "alert", hidden: true });
  const button = (name, act) => h("button", { type: "button", class: "minnet-button", "data-go": name, onclick: act }, t(`blackboard.${name}`));
  const previous = button("previous", () => go(at - 1));
  const next = button("next", () => go(at + 1));
  const everything = h("button", { type: "button", class: "minnet-button", "data-go": "all", "aria-pressed": "false", onclick: () => showAll(!all) }, t("blackboard.all"));
  const rail = h("ol", { class: "bb-rail", "aria-label": t("blackboard.stages") });
  const announced = h("p", { class: "minnet-unseen", role: "status" }); // for those who do not see that it is another stage
  const pictured = h("div", { class: "bb-picture" });
  const written = h("div", { class: "bb-written" });
  const root = h(
    "div",
    { class: "bb", onkeydown: press, onpointerover: point, onpointerleave: settle, onfocusin: point, onfocusout: settle },
    h("div", { class: "bb-bar bb-options" }, ...Object.values(own).map(({ element }) => element), named),
    setting,
    message,
    h("div", { class: "bb-walk" }, previous, next, everything, rail),
    h("div", { class: "bb-board" }, pictured, written),
    announced,
  );
  host.append(root);

  // ---- what is asked for

  /** What is shown, for the address: "3-3-1-0.5-0-dW2"; "all" for all stages at once. */
  const inAddress = () => [...Object.values(options), all ? "all" : key].join("-");

  /** The opposite; what is none of the choices is passed over. */
  function recall(text) {
    if (text === inAddress()) return;
    const parts = text.split("-");
    Object.keys(FIRST).forEach((name, i) => {
      const value = Number(parts[i]);
      if (CHOICES[name]?.includes(value) || (name === "steps" && Number.isInteger(value) && value >= 0 && value <= MOST_STEPS)) options[name] = value;
    });
    [key] = parts.slice(-1);
    all = key === "all";
    for (const name of Object.keys(CHOICES)) own[name].select.value = String(options[name]);
    if (board) stand();
    ask();
  }

  function choose(changes) {
    options = { ...options, ...changes };
    ask();
  }

  async function ask() {
    if (!shown) return;
    // With what is shown now: the session may not have heard of it yet.
    const experiment = Object.fromEntries(SHARED.map((name) => [name, state.experiment[name]]));
    const question = { ask: "blackboard", ...options, experiment };
    const settings = JSON.stringify(question);
    if (settings === asked) return;
    asked = settings;
    const answer = await ctx.send(question).catch(() => null);
    if (asked !== settings) return; // there is a newer question
    if (!answer) asked = "";
    const error = answer ? answer.error : t("blackboard.gone");
    message.hidden = !error;
    message.textContent = error ?? "";
    if (!error) draw(answer);
  }

  // ---- drawing

  function draw(answer) {
    board = makeBoard(answer);
    sample = Math.min(sample, answer.X.length - 1);
    setting.textContent = [
      t("blackboard.setting", { gain: answer.gain, steps: answer.steps }),
      answer.data === state.experiment.data ? "" : t("blackboard.no_digits"),
      answer.loss_after === null ? t("blackboard.not_finite") : "",
    ].join(" ");
    pictured.replaceChildren(board.picture.element, h("p", { class: "bb-note" }), legend());
    written.replaceChildren(...board.sections);
    pictured.parentNode.style.setProperty("--picture", `${340 + 100 * (answer.layers.length - 1)}px`);
    rail.replaceChildren(...board.list.map(stopOf));
    stand();
  }

  /** At the stage of that key; of another network, which has none, at the first. */
  function stand() {
    at = Math.max(0, board.list.findIndex((stage) => stage.key === key));
    arrange();
  }

  function legend() {
    const open = root.clientWidth > 760;
    return h("details", { class: "bb-legend", open }, h("summary", {}, t("blackboard.legend.title")), h("p", {}, t("blackboard.legend")));
  }

  function makeBoard(answer) {
    const list = stages(answer);
    const q = quantities(answer);
    const place = (k) => t("blackboard.where", { n: k + 1, count: list.length, direction: t(`blackboard.direction.${list[k].direction}`) });
    const sections = list.map((stage, k) => stageSection(stage, { k, place: place(k), answer, q, t, take: ctx.live ? take : null }));
    return { answer, list, q, picture: createPicture(answer, q, t), sections };
  }

  const stopOf = (stage, k) =>
    h(
      "li",
      {},
      h("button", { type: "button", class: `bb-stop bb-${kindOf(stage.key)}`, "data-q": stage.key, onclick: () => go(k), "aria-label": `${title(stage)} ${symbolOf(stage)}` }, symbolOf(stage)),
    );
  const symbolOf = (stage) => ({ given: "X, T", update: "W, b" })[stage.kind] ?? symbol(stage.key);
  const title = (stage) => titleOf(stage, t);

  async function take(steps) {
    options.steps = steps;
    await ask();
    board.sections.at(-1).querySelector("[data-go=take]").focus(); // they were drawn anew
  }

  /** What was computed up to a stage. */
  function known(k) {
    return new Set(["X", ...board.list.slice(0, k + 1).map((stage) => stage.key)]);
  }

  function arrange() {
    if (!board) return;
    board.sections.forEach((one, k) => (one.hidden = !all && k !== at));
    [...rail.children].forEach((one, k) => {
      if (k === at && !all) one.firstChild.setAttribute("aria-current", "step");
      else one.firstChild.removeAttribute("aria-current");
    });
    // Not disabled: they would lose the focus.
    previous.setAttribute("aria-disabled", String(all || at === 0));
    next.setAttribute("aria-disabled", String(all || at === board.list.length - 1));
    announced.textContent = all ? t("blackboard.all") : `${board.sections[at].querySelector(".bb-where").textContent}. ${title(board.list[at])}`;
    everything.setAttribute("aria-pressed", String(all));
    key = board.list[at].key;
    state.setBoard(inAddress());
    settle();
  }

  function showSample(k) {
    sample = k;
    board.picture.show(sample, all ? new Set(Object.keys(board.q)) : known(at));
    pictured.querySelector(".bb-note").textContent = t("blackboard.picture.sample", { n: sample + 1, count: board.answer.X.length });
  }

  // ---- walking

  function go(k) {
    if (!board || k < 0 || k >= board.list.length) return;
    at = k;
    arrange();
    if (all) board.sections[k].scrollIntoView({ block: "start" });
  }

  function showAll(yes) {
    all = yes;
    arrange();
  }

  function press(event) {
    if (event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey || event.target.closest("select, input, textarea")) return;
    const by = { ArrowRight: 1, ArrowLeft: -1, Home: -Infinity, End: Infinity }[event.key];
    if (!by || !board) return;
    event.preventDefault();
    go(Math.max(0, Math.min(board.list.length - 1, at + by)));
  }

  /** Arrows walk, too, where nothing has the focus. */
  function pressAnywhere(event) {
    if (shown && event.target === document.body) press(event);
  }
  document.addEventListener("keydown", pressAnywhere);

  // ---- lighting up

  function point(event) {
    const element = event.target.closest?.("[data-q]");
    if (!board || !element) {
      if (event.type === "pointerover") settle();
      return;
    }
    const lights = lightsOf(element);
    const stage = board.list[Number(element.closest("[data-stage]")?.dataset.stage ?? at)];
    // An edge of the picture is a weight, and its gradient where that is computed.
    const { id, row, col } = lights.find((one) => one.id in stage.explain) ?? lights[0];
    const isElement = row !== undefined && col !== undefined;
    const by = stage.explain[id] ?? board.list.find((other) => other.explain[id])?.explain[id];
    const explain = isElement && by ? by(row, col) : null;
    showSample(row !== undefined && axesOf(id)[0] === "sample" ? row : sample);
    light(root, lights, explain?.uses);
    if (isElement) tell(board.sections[board.list.indexOf(stage)], id, row, col, explain);
  }

  /** How the element that is pointed at is computed, in numbers. */
  function tell(place, id, row, col, explain) {
    const told = place.querySelector(".bb-element");
    told.classList.add("bb-told");
    const value = board.q[id][row][col];
    const name = id === "L" ? "L" : `${symbol(id)}[${row + 1}, ${col + 1}]`;
    const [first, second] = axesOf(id);
    const what = [first && t(`blackboard.axis.${first}`, { n: row + 1 }), second && t(`blackboard.axis.${second}`, { n: col + 1 })].filter(Boolean).join(", ");
    told.replaceChildren(h("b", {}, name), explain ? ` = ${explain.text} = ` : " = ", h("b", {}, value === null ? NOT_FINITE : short(value)), what ? h("small", {}, ` (${what})`) : "");
  }

  /** Nothing is pointed at: what has the focus is lit, or what this stage computes. */
  function settle(event) {
    if (!board) return;
    const focused = event?.type !== "focusout" && root.contains(document.activeElement) ? document.activeElement.closest("[data-q]:not(button)") : null;
    showSample(sample);
    if (focused) point({ target: focused, type: "focusin" });
    else light(root, all ? [] : [{ id: board.list[at].key }]);
  }

  const forget = [
    state.on("choices", offer),
    state.on("board", recall),
    state.on("connection", ask),
    state.on("experiment", () => {
      follow();
      options.steps = 0;
      ask();
    }),
  ];
  if (state.choices) offer();
  if (state.board) recall(state.board);
  return {
    update() {},
    show() {
      shown = true;
      ask();
    },
    hide() {
      shown = false;
    },
    destroy() {
      for (const stop of forget) stop();
      document.removeEventListener("keydown", pressAnywhere);
      root.remove();
    },
  };
}
