import { h } from "../dom.js";
import { MEASURES } from "./measures.js";

const DOCS = "https://minnet-learn.github.io/minnet/";

/** To the page of the documentation; nothing is asked of it unless somebody follows. */
export function link(t, { docs }) {
  return h("a", { href: DOCS + docs, target: "_blank", rel: "noopener" }, t("lessons.more"));
}

/** A line with what is measured in the network now: what the charts show, as a sentence. */
export function measured(t, { id, measure }) {
  const words = h("span", {});
  return {
    element: h("p", { class: "lesson-measured" }, h("b", {}, t("lessons.measured")), " ", words),
    update(frame) {
      const text = frame.status === "ok" ? t(`lessons.${id}.measured`, MEASURES[measure](frame)) : frame.message;
      if (words.textContent !== text) words.textContent = text;
    },
  };
}
