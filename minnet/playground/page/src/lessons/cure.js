import { h } from "../dom.js";
import { shown } from "../charts/scale.js";
import { link } from "./parts.js";

const DATA = ["data", "n_samples", "noise"];
const IN_A_ROW = 3;

/**
 * Networks that do not learn, to be cured by the controls; whether one is, is measured.
 * @param {import("../main.js").Context} ctx
 * @param {import("./index.js").Lesson & {goal: {share: number, steps: number}}} lesson
 * @param {import("./index.js").Stage} stage
 */
export function createCure({ t, state, send }, lesson, stage) {
  const { share, steps } = lesson.goal;
  const cured = new Set();
  let current = Object.keys(lesson.cases)[0];
  let asked = 0;

  const patients = Object.keys(lesson.cases).map((name) =>
    h("button", { type: "button", class: "minnet-button lesson-case", "data-case": name, onclick: () => admit(name) }, t("lessons.cure.patient", { n: name })),
  );
  // What changes with each frame is not read aloud; what comes of it is.
  const progress = h("p", { class: "lesson-progress" });
  const verdict = h("p", { class: "lesson-verdict", role: "status" });
  const again = h("button", { type: "button", class: "minnet-button", onclick: () => stage.run(null) }, t("lessons.cure.again"));
  const back = h("button", { type: "button", class: "minnet-button", onclick: () => admit(current) }, t("lessons.cure.back"));
  const ask = h("button", { type: "button", class: "minnet-button lesson-ask", onclick: diagnose }, t("lessons.cure.ask"));
  const key = h("div", { class: "lesson-key", "aria-live": "polite" });
  const element = h(
    "div",
    { class: "lesson", "data-lesson": lesson.id },
    h("h2", {}, t("lessons.cure.question", { share: Math.round(100 * share), steps: steps.toLocaleString() })),
    h("p", {}, t("lessons.cure.lead"), " ", link(t, lesson)),
    h("div", { class: "lesson-cases", role: "group", "aria-label": t("lessons.cure.patients") }, ...patients),
    progress,
    verdict,
    h("div", { class: "lesson-act" }, again, back, ask),
    key,
  );

  async function admit(name) {
    current = name;
    asked++;
    key.replaceChildren();
    ask.disabled = false;
    mark();
    await stage.run(name);
  }

  function mark() {
    for (const button of patients) {
      const { case: name } = button.dataset;
      button.setAttribute("aria-pressed", String(name === current));
      const label = t(cured.has(name) ? "lessons.cure.well" : "lessons.cure.patient", { n: name });
      if (button.textContent !== label) button.textContent = label;
      button.classList.toggle("lesson-well", cured.has(name));
    }
  }

  /**
   * The step from which on the loss was low enough, in training and on the test points, for a few rows of the history:
   * a lucky batch is no cure. null: there is none.
   */
  function success({ arrays, shapes, best_constant_loss: best }) {
    let since = null;
    let low = 0;
    for (let row = 0; row < shapes.history[0]; row++) {
      const [step, loss, test] = arrays.history.subarray(4 * row, 4 * row + 3);
      if (step > steps) return null;
      low = step > 0 && Math.max(loss, test) <= share * best ? low + 1 : 0;
      if (low === 1) since = step;
      if (low === IN_A_ROW) return since;
    }
    return null;
  }

  /** @returns {[string, string]} how it goes, and what has come of it */
  function say(frame) {
    const values = { n: current, steps: steps.toLocaleString(), step: frame.step.toLocaleString(), loss: shown(frame.loss, 2), goal: shown(share * frame.best_constant_loss, 2) };
    const patient = stage.experiment(current);
    if (DATA.some((field) => frame.experiment[field] !== patient[field])) return ["", t("lessons.cure.other", values)];
    if (frame.status !== "ok") return ["", frame.message];
    const step = success(frame);
    if (step === null) return frame.step <= steps ? [t("lessons.cure.going", values), ""] : ["", t("lessons.cure.over", values)];
    cured.add(current);
    mark();
    if (cured.size === patients.length) stage.done();
    return ["", t("lessons.cure.cured", { ...values, step: step.toLocaleString(), changed: changed(patient, frame.experiment) })];
  }

  /** What was changed to cure it, in the words of the controls. */
  function changed(patient, experiment) {
    const value = (name, of) => (typeof of === "string" ? t(`controls.${name}.${of}`, {}, state.choices[name].names[of]) : String(of));
    return Object.keys(patient)
      .filter((name) => patient[name] !== experiment[name])
      .map((name) => t("lessons.cure.change", { name: t(`controls.${name}`), from: value(name, patient[name]), to: value(name, experiment[name]) }))
      .join("; ");
  }

  /** The answer key: of the network as it is set now. */
  async function diagnose() {
    const mine = ++asked;
    ask.disabled = true;
    key.replaceChildren(h("p", {}, t("lessons.cure.looking")));
    let answer;
    try {
      answer = await send({ ask: "diagnose" });
    } catch {
      answer = { error: t("page.gone") };
    }
    if (mine !== asked) return;
    ask.disabled = false;
    if (answer.error) key.replaceChildren(h("p", {}, answer.error));
    else if (!answer.findings.length) key.replaceChildren(h("p", {}, answer.text));
    else key.replaceChildren(h("ol", {}, ...answer.findings.map(finding)));
  }

  function finding({ sentence, advice, change }) {
    const apply = async () => {
      await state.change(change);
      await stage.run(null);
    };
    const button = change && h("button", { type: "button", class: "minnet-button lesson-apply", onclick: apply }, t("lessons.cure.apply"));
    return h("li", {}, sentence, " ", h("b", {}, advice), " ", button);
  }

  mark();
  return {
    element,
    begin: () => admit(current),
    update(frame) {
      const [going, outcome] = say(frame);
      if (progress.textContent !== going) progress.textContent = going;
      if (verdict.textContent !== outcome) verdict.textContent = outcome;
    },
  };
}
