// What is written of one stage: formula, a sentence, the matrices, how an element is computed, the code lines.

import { h } from "../dom.js";
import { codeBlock } from "./code.js";
import { matrix, quantity } from "./matrix.js";
import { short } from "./numbers.js";

/** @typedef {import("./stages.js").Item} Item */

/** What a stage is called. */
export const titleOf = (stage, t) => t(`blackboard.${stage.kind}.title`, { layer: stage.layer });

/**
 * @param {import("./stages.js").Stage} stage
 * @param {object} around
 * @param {number} around.k  its number, from 0
 * @param {string} around.place  the same in words
 * @param {object} around.answer  what minnet.playground.blackboard returns
 * @param {Record<string, import("./stages.js").Matrix>} around.q
 * @param {(key: string, values?: object, otherwise?: string) => string} around.t
 * @param {((steps: number) => void) | null} around.take  goes to the network after so many steps
 */
export function stageSection(stage, { k, place, answer, q, t, take }) {
  const values = { data: t(`controls.data.${answer.data}`, {}, answer.data), n: answer.X.length, rate: answer.learning_rate };
  return h(
    "section",
    { class: `bb-stage bb-${stage.direction}`, "data-stage": k, "aria-label": titleOf(stage, t) },
    h("p", { class: "bb-where" }, place),
    h("h2", {}, titleOf(stage, t)),
    stage.kind === "given" ? null : h("p", { class: "bb-formula" }, ...stage.equations.map(formula)),
    h("p", { class: "bb-text" }, t(`blackboard.${stage.kind}.text`, values)),
    stage.kind === "update" ? after(answer, t, take) : null,
    ...stage.equations.map((equation) => h("div", { class: "bb-equation" }, ...terms(equation, q, t))),
    h("p", { class: "bb-element", role: "status" }, t("blackboard.hint")),
    ...stage.code.map((code) => codeBlock(code, t)),
  );
}

/** @param {Item[]} equation */
function formula(equation) {
  const spaced = (text) => (text === ")" ? text : text.endsWith("(") ? ` ${text}` : ` ${text} `);
  return h("span", {}, ...equation.map((item) => (typeof item === "string" ? spaced(item) : quantity(item.id, item.transposed, 0))));
}

/**
 * Each matrix with the sign before it, so that a line breaks between them.
 * @param {Item[]} equation
 */
function terms(equation, q, t) {
  const found = [];
  let before = [];
  for (const item of equation) {
    const sign = typeof item === "string" ? h("span", { class: "bb-sign" }, item) : null;
    if (item === ")") found.at(-1).append(sign);
    else if (sign) before.push(sign);
    else {
      found.push(h("div", { class: "bb-term" }, ...before, matrix(item.id, q[item.id], t, item.transposed)));
      before = [];
    }
  }
  return found;
}

/** What the step has done, and further ones. */
function after(answer, t, take) {
  const arrow = answer.loss_after === null ? "" : answer.loss_after < answer.loss ? "↓" : "↑";
  const button = (name, look, steps) => h("button", { type: "button", class: look, "data-go": name, onclick: () => take(steps) }, t(`blackboard.${name}`));
  return h(
    "div",
    { class: "bb-after" },
    h("p", {}, t("blackboard.after"), " ", h("b", {}, short(answer.loss)), " → ", h("b", {}, `${short(answer.loss_after)} ${arrow}`)),
    take ? button("take", "minnet-primary", answer.steps + 1) : null,
    take && answer.steps ? button("back", "minnet-button", 0) : null,
  );
}
