/** The lessons: a question, a prediction, and only then the answer, which the network gives. */
import "./lessons.css";
import { readAddress } from "../address.js";
import { h } from "../dom.js";
import { createCure } from "./cure.js";
import LESSONS from "./lessons.json";
import { createQuestion } from "./question.js";

/**
 * @typedef {Object} Lesson one of lessons.json
 * @property {string} id
 * @property {string[]} look charts to look at; covered until a prediction is made
 * @property {string[]} [cover] those that are covered, if they are others
 * @property {Record<string, any>} common fields of all its experiments
 * @property {Record<string, Record<string, any>>} cases fields of each
 *
 * @typedef {Object} Stage where a lesson plays
 * @property {(name: string) => Promise<void>} set a case of the lesson at step 0, at rest
 * @property {(name: string | null) => Promise<void>} run a case from step 0 on, or have it there if the lesson is of
 *     the start alone; null: the experiment as it is
 * @property {(name: string) => Record<string, any>} experiment all fields of a case
 * @property {() => void} uncover
 * @property {() => void} done marks the lesson as done
 * @property {() => HTMLElement | null} next a button for the lesson after this one, if there is one
 */

/**
 * @param {HTMLElement} host
 * @param {import("../main.js").Context} ctx
 */
export function createLessons(host, ctx) {
  const { t, state } = ctx;
  const done = new Set();
  const buttons = new Map(LESSONS.map(({ id }, i) => [id, button(id, i)]));
  const room = h("div", { class: "lesson-room" });
  const nav = h("nav", { class: "lesson-nav", "aria-label": t("lessons.all") }, ...buttons.values());
  host.append(nav, room);
  let panel = null;
  let lesson = null;
  let covered = false;
  let before = null;
  let shown = false;
  // What is still being set up when another is chosen has no say any more.
  let turn = 0;
  // Until then frames are of what was there before.
  let settled = false;

  function button(id, i) {
    const mark = h("span", { class: "lesson-number", "aria-hidden": "true" }, String(i + 1));
    return h("button", { type: "button", class: "lesson-tab", onclick: () => begin(id) }, mark, h("span", {}, t(`lessons.${id}.name`)));
  }

  /** Puts the panel of a lesson up; what the network is set to is left alone. */
  function open(id) {
    turn++;
    lesson = LESSONS.find((one) => one.id === id) ?? LESSONS[0];
    const create = lesson.goal ? createCure : createQuestion;
    panel = create(ctx, lesson, stageOf(lesson));
    room.replaceChildren(panel.element);
    covered = !lesson.goal;
    for (const [name, tab] of buttons) {
      if (name === lesson.id) tab.setAttribute("aria-current", "step");
      else tab.removeAttribute("aria-current");
    }
    state.setLesson(lesson.id);
    light();
  }

  async function begin(id) {
    open(id);
    if (state.choices) await panel.begin();
  }

  /** From the end of one lesson to the beginning of the next. */
  function follow(id) {
    buttons.get(id).focus();
    return begin(id);
  }

  /** @returns {Stage} */
  function stageOf(lesson) {
    const experiment = (name) => {
      const defaults = Object.entries(state.choices).map(([field, control]) => [field, control.default]);
      return { ...Object.fromEntries(defaults), ...lesson.common, ...lesson.cases[name] };
    };
    const inTurn = async (...acts) => {
      const mine = ++turn;
      settled = false;
      for (const act of acts) if (mine === turn) await act();
      if (mine === turn) settled = true;
    };
    const set = (name) => () => (name === null ? null : state.change(experiment(name)));
    return {
      experiment,
      set: (name) => inTurn(state.pause, set(name), state.reset),
      run: (name) => inTurn(set(name), () => state.setSpeed(lesson.steps_per_second), state.reset, lesson.at_rest ? state.pause : state.play),
      uncover() {
        covered = false;
        light();
      },
      done() {
        if (done.has(lesson.id)) return;
        done.add(lesson.id);
        const tab = buttons.get(lesson.id);
        tab.classList.add("lesson-done");
        tab.lastChild.append(h("span", { class: "minnet-unseen" }, ` ${t("lessons.done")}`));
      },
      next() {
        const after = LESSONS[LESSONS.indexOf(lesson) + 1];
        if (!after) return null;
        const name = t(`lessons.${after.id}.name`);
        return h("button", { type: "button", class: "minnet-button lesson-next", onclick: () => follow(after.id) }, t("lessons.next", { name }));
      },
    };
  }

  /** As fast as before, and as busy: a lesson may be left before its answer. */
  async function leave({ speed, playing }) {
    turn++;
    await state.setSpeed(speed);
    if (playing) await state.play();
  }

  /** Which charts are framed and which covered, and the controls that matter. */
  function light() {
    const { look, cover = look, controls = null } = lesson;
    state.emit("watch", shown && !covered ? look : null);
    state.focus(shown ? controls : null);
    const { dataset } = ctx.host;
    dataset.look = shown ? look.join(" ") : "";
    dataset.covered = shown && covered ? cover.join(" ") : "";
    if (!shown) return;
    // On a phone the lessons' names are a row to be pushed along.
    const { offsetLeft, offsetWidth } = buttons.get(lesson.id);
    nav.scrollLeft = offsetLeft + offsetWidth / 2 - nav.clientWidth / 2;
  }
  // A style sheet has no texts.
  ctx.host.style.setProperty("--covered", JSON.stringify(t("lessons.covered")));

  // An address has its own experiment, which is shown as it is; one that names a lesson alone begins it.
  const off = state.on("lesson", (id) => {
    if (id === null || id === lesson?.id) return;
    open(id);
    settled = true;
    if (!Object.keys(readAddress(location.hash, state.choices).experiment).length) panel.begin();
  });

  return {
    /** @param {import("../frames.js").Frame} frame */
    update(frame) {
      if (settled && frame.generation >= state.generation) panel.update(frame);
    },
    show() {
      shown = true;
      before = { speed: state.speed, playing: state.playing };
      settled = true;
      if (lesson) light();
      else begin(state.lesson);
    },
    hide() {
      shown = false;
      light();
      leave(before);
    },
    destroy() {
      off();
    },
  };
}
