// Lines of minnet's own files, in which the names of quantities can be pointed at.

import { h } from "../dom.js";

const NAME = /(?<![\w.])((?:self|ctx|network)\.)?(dW|db|dZ|dY|W|b|X|Z|Y|T|losses|loss|params|grads|return)(?!\w)/g;

/** A line, its names marked that stand for quantities of this stage. */
function tokens(text, symbols) {
  const parts = [];
  let end = 0;
  for (const match of text.matchAll(NAME)) {
    const id = symbols[match[2]];
    if (!id) continue;
    parts.push(text.slice(end, match.index), h("span", { class: "bb-token", "data-q": id }, match[0]));
    end = match.index + match[0].length;
  }
  return [...parts, text.slice(end)];
}

/**
 * Some lines with their file and numbers.
 * @param {import("./stages.js").Code} code
 * @param {(key: string, values?: object) => string} t
 */
export function codeBlock(code, t) {
  const asked = code.lines.filter((line) => line[2]).map((line) => line[0]);
  const at = asked.length > 1 ? `${asked[0]}–${asked.at(-1)}` : asked[0];
  const line = ([number, text, lit]) =>
    h("div", { class: lit ? "bb-line bb-asked" : "bb-line" }, h("span", { class: "bb-number", "aria-hidden": "true" }, String(number)), h("code", {}, ...tokens(text, code.symbols)));
  return h(
    "figure",
    { class: "bb-code" },
    h("figcaption", {}, t("blackboard.code", { file: code.file, line: at })),
    h("div", { class: "bb-lines", tabIndex: 0, role: "group", "aria-label": t("blackboard.code", { file: code.file, line: at }) }, ...code.lines.map(line)),
  );
}
