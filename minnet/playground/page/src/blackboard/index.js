import "./blackboard.css";

/**
 * @param {HTMLElement} host
 * @param {import("../main.js").Context} ctx
 */
export function createBlackboard(host, ctx) {
  return {
    /** @param {import("../frames.js").Frame} frame */
    update(frame) {},
    show() {},
    hide() {},
    destroy() {},
  };
}
