import "./charts.css";

/**
 * @param {HTMLElement} host
 * @param {import("../main.js").Context} ctx
 */
export function createCharts(host, ctx) {
  return {
    /** @param {import("../frames.js").Frame} frame */
    update(frame) {},
    show() {},
    hide() {},
    destroy() {},
  };
}
