// One quantity is lit up everywhere at once: picture, formulas, matrices, code.
//
// What shows a quantity says so: data-q has its name (or several), data-row and data-col which element of it.

/** @typedef {import("./stages.js").Light} Light */

const meets = (wanted, shown) => wanted === undefined || shown === undefined || wanted === Number(shown);

/** Whether an element shows what is lit; the cells of a matrix are lit only one by one, row or column. */
function shows(element, light) {
  const { q, row, col } = element.dataset;
  if (!q.split(" ").includes(light.id)) return false;
  if (element.tagName === "TD" && light.row === undefined && light.col === undefined) return false;
  return meets(light.row, row) && meets(light.col, col);
}

/**
 * Light up some quantities, and put out the others.
 * @param {HTMLElement} root
 * @param {Light[]} lit  what is pointed at
 * @param {Light[]} used  what it is computed from
 */
export function light(root, lit, used = []) {
  root.classList.toggle("bb-one", lit.some((one) => one.row !== undefined && one.col !== undefined));
  for (const element of root.querySelectorAll("[data-q]")) {
    element.classList.toggle("lit", lit.some((one) => shows(element, one)));
    element.classList.toggle("used", used.some((one) => shows(element, one)));
  }
}

/** What an element that shows something stands for. */
export function lightsOf(element) {
  const { q, row, col } = element.dataset;
  const place = { row: row === undefined ? undefined : Number(row), col: col === undefined ? undefined : Number(col) };
  return q.split(" ").map((id) => ({ id, ...place }));
}
