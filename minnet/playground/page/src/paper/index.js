import "./paper.css";

/**
 * @param {HTMLElement} host
 * @param {import("../main.js").Context} ctx
 */
export function createPaper(host, ctx) {
  return {
    /** @param {import("../frames.js").Frame} frame */
    update(frame) {},
    show() {},
    hide() {},
    destroy() {},
  };
}
