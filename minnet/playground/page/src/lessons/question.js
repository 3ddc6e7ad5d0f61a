import { h } from "../dom.js";
import { link, measured } from "./parts.js";

/**
 * @param {import("../main.js").Context} ctx
 * @param {import("./index.js").Lesson} lesson
 * @param {import("./index.js").Stage} stage
 */
export function createQuestion({ t, state }, lesson, stage) {
  const text = (key, values) => t(`lessons.${lesson.id}.${key}`, values);
  const [first] = Object.keys(lesson.cases);
  let chosen = null;

  const options = lesson.options.map((name) => {
    const input = h("input", { type: "radio", name: `minnet-${lesson.id}`, value: name, onchange: () => choose(name) });
    return { name, input, label: h("label", { class: "lesson-option" }, input, h("span", {}, text(`option.${name}`))) };
  });
  const reveal = h("button", { type: "button", class: "minnet-primary lesson-reveal", disabled: true, onclick: show }, t("lessons.reveal"));
  const hint = h("p", { class: "lesson-hint" }, t("lessons.choose"));
  const reply = h("p", { class: "lesson-reply", tabIndex: -1 });
  const now = measured(t, lesson);
  const cases = Object.keys(lesson.cases).map((name) =>
    h("button", { type: "button", class: "minnet-button lesson-case", "data-case": name, onclick: () => stage.run(name) }, text(`case.${name}`)),
  );
  const answer = h(
    "div",
    { class: "lesson-answer", hidden: true },
    reply,
    h("p", {}, h("b", {}, t("lessons.look")), " ", text("look")),
    h("p", {}, h("b", {}, t("lessons.why")), " ", text("why"), " ", link(t, lesson)),
    now.element,
    h("div", { class: "lesson-cases", role: "group", "aria-label": t("lessons.compare") }, h("b", {}, t("lessons.compare")), ...cases, stage.next()),
  );
  const element = h(
    "div",
    { class: "lesson", "data-lesson": lesson.id },
    h("h2", {}, text("question")),
    h("fieldset", { class: "lesson-options" }, h("legend", { class: "minnet-unseen" }, t("lessons.predict")), ...options.map(({ label }) => label)),
    h("div", { class: "lesson-act" }, reveal, hint),
    answer,
  );

  function choose(name) {
    chosen = name;
    reveal.disabled = false;
    hint.hidden = true;
  }

  /** Whoever was wrong is told why that was a good guess, and sees that very case where there is one. */
  async function show() {
    const right = chosen === lesson.right;
    for (const { name, input, label } of options) {
      input.disabled = true;
      label.classList.toggle("lesson-right", name === lesson.right);
      label.classList.toggle("lesson-wrong", name === chosen && !right);
    }
    reply.replaceChildren(h("b", { class: right ? "lesson-yes" : "lesson-no" }, t(right ? "lessons.right" : "lessons.wrong")), " ", text(`reply.${chosen}`));
    reveal.hidden = true;
    answer.hidden = false;
    reply.focus({ preventScroll: true });
    stage.uncover();
    stage.done();
    await stage.run(chosen in lesson.cases ? chosen : first);
  }

  /** Which case the network is set to, if it is one of them. */
  function mark(experiment) {
    for (const button of cases) {
      const fields = Object.entries(stage.experiment(button.dataset.case));
      button.setAttribute("aria-pressed", String(fields.every(([field, value]) => experiment[field] === value)));
    }
  }

  return {
    element,
    begin: () => stage.set(first),
    update(frame) {
      if (answer.hidden) return;
      now.update(frame);
      mark(frame.experiment);
    },
  };
}
