import "./blackboard.css";
import { h } from "../dom.js";
import { codeBlock } from "./code.js";
import { light, lightsOf } from "./light.js";
import { axesOf, matrix, quantity } from "./matrix.js";
import { NOT_FINITE, short } from "./numbers.js";
import { createPicture } from "./picture.js";
import { kindOf, quantities, stages, symbol } from "./stages.js";

/** What can be chosen here, and what is at first; minnet.playground.blackboard has the same bounds. */
const CHOICES = {
  n_samples: [1, 2, 3, 4, 5, 6],
  n_units: [1, 2, 3, 4, 5, 6],
  n_layers: [1, 2, 3],
  learning_rate: [0.01, 0.1, 0.5, 1, 2, 5, 10, 50],
};
const FIRST = { n_samples: 3, n_units: 3, n_layers: 1, learning_rate: 0.5, steps: 0 };

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
  let all = false;
  let sample = 0;

  // ---- what stays

  function choice(name, label, values, act) {
    const select = h("select", { disabled: !ctx.live, onchange: () => act(select.value) }, ...values.map(([value, words]) => h("option", { value }, words)));
    return { select, element: h("label", { class: "bb-choice", "data-choice": name }, h("span", {}, label), select) };
  }
  const own = Object.entries(CHOICES).map(([name, values]) => {
    const { select, element } = choice(name, t(`blackboard.${name}`), values.map((value) => [String(value), String(value)]), (value) => choose({ [name]: Number(value), steps: 0 }));
    select.value = String(options[name]);
    return element;
  });
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
  const announced = h("p", { class: "bb-hidden", role: "status" }); // for those who do not see that it is another stage
  const pictured = h("div", { class: "bb-picture" });
  const written = h("div", { class: "bb-written" });
  const root = h(
    "div",
    { class: "bb", onkeydown: press, onpointerover: point, onpointerleave: settle, onfocusin: point, onfocusout: settle },
    h("div", { class: "bb-bar bb-options" }, ...own, named),
    setting,
    message,
    h("div", { class: "bb-walk" }, previous, next, everything, rail),
    h("div", { class: "bb-board" }, pictured, written),
    announced,
  );
  host.append(root);

  // ---- what is asked for

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
    let answer;
    try {
      answer = await ctx.send(question);
    } catch {
      answer = { error: t("blackboard.gone") };
      if (asked === settings) asked = "";
    }
    if (asked !== settings && !answer.error) return; // there is a newer question
    message.hidden = !answer.error;
    message.textContent = answer.error ?? "";
    if (!answer.error) draw(answer);
  }

  // ---- drawing

  function draw(answer) {
    board = makeBoard(answer);
    at = Math.min(at, board.list.length - 1);
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
    arrange();
  }

  function legend() {
    const open = root.clientWidth > 760;
    return h("details", { class: "bb-legend", open }, h("summary", {}, t("blackboard.legend.title")), h("p", {}, t("blackboard.legend")));
  }

  function makeBoard(answer) {
    const list = stages(answer);
    const q = quantities(answer);
    return { answer, list, q, picture: createPicture(answer, q, t), sections: list.map((stage, k) => section(stage, k, answer, q, list.length)) };
  }

  const stopOf = (stage, k) =>
    h(
      "li",
      {},
      h("button", { type: "button", class: `bb-stop bb-${kindOf(stage.key)}`, "data-q": stage.key, onclick: () => go(k), "aria-label": `${title(stage)} ${symbolOf(stage)}` }, symbolOf(stage)),
    );
  const symbolOf = (stage) => ({ given: "X, T", update: "W, b" })[stage.kind] ?? symbol(stage.key);
  const title = (stage) => t(`blackboard.${stage.kind}.title`, { layer: stage.layer });

  function section(stage, k, answer, q, count) {
    const explained = h("p", { class: "bb-element", role: "status" }, t("blackboard.hint"));
    const values = {
      data: t(`controls.data.${answer.data}`, {}, answer.data), n: answer.X.length, rate: answer.learning_rate,
      loss: short(answer.loss), after: short(answer.loss_after),
    };
    return h(
      "section",
      { class: `bb-stage bb-${stage.direction}`, "data-stage": k, "aria-label": title(stage) },
      h("p", { class: "bb-where" }, t("blackboard.where", { n: k + 1, count, direction: t(`blackboard.direction.${stage.direction}`) })),
      h("h2", {}, title(stage)),
      stage.kind === "given" ? null : h("p", { class: "bb-formula" }, ...formula(stage.equations)),
      h("p", { class: "bb-text" }, t(`blackboard.${stage.kind}.text`, values)),
      stage.kind === "update" ? after(answer) : null,
      ...stage.equations.map((equation) => h("div", { class: "bb-equation" }, ...terms(equation, q))),
      explained,
      ...stage.code.map((code) => codeBlock(code, t)),
    );
  }

  function formula(equations) {
    const spaced = (text) => (text === ")" ? text : text.endsWith("(") ? ` ${text}` : ` ${text} `);
    const line = (equation) => h("span", {}, ...equation.map((item) => (typeof item === "string" ? spaced(item) : quantity(item.id, item.transposed, 0))));
    return equations.map(line);
  }

  /** Each matrix with the sign before it, so that a line breaks between them. */
  function terms(equation, q) {
    const found = [];
    let before = [];
    for (const item of equation) {
      if (typeof item === "string" && item !== ")") before.push(h("span", { class: "bb-sign" }, item));
      else if (item === ")") found.at(-1).append(h("span", { class: "bb-sign" }, item));
      else {
        found.push(h("div", { class: "bb-term" }, ...before, matrix(item.id, q[item.id], t, item.transposed)));
        before = [];
      }
    }
    return found;
  }

  function after(answer) {
    const arrow = answer.loss_after < answer.loss ? "↓" : "↑";
    return h(
      "div",
      { class: "bb-after" },
      h("p", {}, t("blackboard.after"), " ", h("b", {}, short(answer.loss)), ` → `, h("b", {}, `${short(answer.loss_after)} ${arrow}`)),
      ctx.live ? h("button", { type: "button", class: "minnet-primary", "data-go": "take", onclick: () => take(answer.steps + 1) }, t("blackboard.take")) : null,
      answer.steps ? h("button", { type: "button", class: "minnet-button", "data-go": "back", onclick: () => take(0) }, t("blackboard.back")) : null,
    );
  }

  async function take(steps) {
    options.steps = steps;
    await ask();
    board.sections.at(-1).querySelector("[data-go=take]").focus(); // it was drawn anew
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
    root.classList.toggle("bb-all", all);
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
    state.on("experiment", () => {
      follow();
      options.steps = 0;
      ask();
    }),
  ];
  if (state.choices) offer();
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
