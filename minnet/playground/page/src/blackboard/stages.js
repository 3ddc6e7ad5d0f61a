// The stages of one step of training: which matrices, in which formula, and how each element comes about.

import { factor, short } from "./numbers.js";

/**
 * @typedef {(number | null)[][]} Matrix
 * @typedef {{ id: string, row?: number, col?: number }} Light  one quantity, or one row, column, element of it
 * @typedef {{ id: string, transposed?: boolean } | string} Item  a matrix of an equation, or what stands between
 * @typedef {{ file: string, lines: [number, string, boolean][], symbols: Record<string, string> }} Code
 * @typedef {object} Stage
 * @property {string} key  the quantity that it computes
 * @property {string} kind  which text explains it
 * @property {number} layer  from 1; 0 where it is of no layer
 * @property {"given" | "forward" | "backward" | "update"} direction
 * @property {Item[][]} equations  what each is: a result, "=", operands
 * @property {Code[]} code
 * @property {Record<string, (row: number, col: number) => { text: string, uses: Light[] }>} explain
 *   by quantity: how an element of it is computed
 */

const SUBSCRIPTS = "₀₁₂₃₄₅₆₇₈₉";

/** The layer's number below the line. */
export const sub = (layer) => SUBSCRIPTS[layer];

/** How a quantity is written: "dW₂" of "dW2". */
export function symbol(id) {
  const [, name, layer] = /^(\D+)(\d*)$/.exec(id);
  const below = layer ? sub(Number(layer)) : "";
  if (name === "slope") return `f′(Z${below})`;
  if (name.endsWith("new")) return name.slice(0, -3) + below;
  return name + below;
}

/** Whether it is a gradient, an activation or a parameter: that decides its colour. */
export function kindOf(id) {
  if (/^d[A-Z]/.test(id) || /^db/.test(id)) return "gradient";
  return /^[Wb]|^new/.test(id) ? "parameter" : "activation";
}

const rowOf = (vector) => [vector];

/**
 * The quantities by name, each a matrix.
 * @returns {Record<string, Matrix>}
 */
export function quantities(board) {
  const last = board.layers.length;
  const found = {
    X: board.X,
    T: board.T.map((c) => board.P[0].map((_, k) => (k === c ? 1 : 0))),
    P: board.P,
    losses: board.losses.map((l) => [l]),
    L: [[board.loss]],
  };
  board.layers.forEach((layer, i) => {
    const l = i + 1;
    for (const name of ["W", "Z", "slope", "dZ", "dW"]) found[name + l] = layer[name];
    for (const name of ["b", "db"]) found[name + l] = rowOf(layer[name]);
    found[`Wnew${l}`] = layer.W_after;
    found[`bnew${l}`] = rowOf(layer.b_after);
    if (l < last) Object.assign(found, { [`Y${l}`]: layer.Y, [`dY${l}`]: layer.dY });
  });
  return found;
}

const sum = (terms) => terms.join(" + ");

/** Row times column, in numbers. */
const product = (left, right) => sum(left.map((a, k) => `${factor(a)}·${factor(right[k])}`));

const column = (matrix, col) => matrix.map((row) => row[col]);

/**
 * All the stages, forward, backward, update.
 * @param {object} board  what minnet.playground.blackboard returns
 * @returns {Stage[]}
 */
export function stages(board) {
  const last = board.layers.length;
  const n = board.X.length;
  const q = quantities(board);
  const rate = String(board.learning_rate);
  const input = (l) => (l > 1 ? `Y${l - 1}` : "X");
  const dY = (l) => (l < last ? `dY${l}` : `dZ${l}`); // the output is linear: dY is dZ
  const name = (l) => board.layers[l - 1].activation;

  const forwardNames = (l) => ({
    X: input(l), W: `W${l}`, b: `b${l}`, Z: `Z${l}`, Y: l < last ? `Y${l}` : `Z${l}`,
  });
  const backwardNames = (l) => ({
    ...forwardNames(l), dY: dY(l), dZ: `dZ${l}`, dW: `dW${l}`, db: `db${l}`, return: l > 1 ? dY(l - 1) : "",
  });
  const code = (blocks, ...symbols) => blocks.map((block, i) => ({ ...block, symbols: symbols[i] }));

  const Z = (l) => ({
    key: `Z${l}`, kind: "Z", layer: l, direction: "forward",
    equations: [[{ id: `Z${l}` }, "=", { id: input(l) }, "·", { id: `W${l}` }, "+", { id: `b${l}` }]],
    code: code(board.code.Z, forwardNames(l)),
    explain: {
      [`Z${l}`]: (s, j) => ({
        text: `${product(q[input(l)][s], column(q[`W${l}`], j))} + ${factor(q[`b${l}`][0][j])}`,
        uses: [{ id: input(l), row: s }, { id: `W${l}`, col: j }, { id: `b${l}`, col: j }],
      }),
    },
  });
  const Y = (l) => ({
    key: `Y${l}`, kind: "Y", layer: l, direction: "forward",
    equations: [[{ id: `Y${l}` }, "=", `${name(l)}(`, { id: `Z${l}` }, ")"]],
    code: code(board.code.Y[l - 1], forwardNames(l), { Z: `Z${l}`, return: `Y${l}` }),
    explain: {
      [`Y${l}`]: (s, j) => ({
        text: `${name(l)}(${short(q[`Z${l}`][s][j])})`,
        uses: [{ id: `Z${l}`, row: s, col: j }],
      }),
    },
  });
  const P = {
    key: "P", kind: "P", layer: last, direction: "forward",
    equations: [[{ id: "P" }, "=", "softmax(", { id: `Z${last}` }, ")"]],
    code: code(board.code.P, { Z: `Z${last}`, dZ: "P" }),
    explain: {
      P: (s, j) => {
        const powers = q[`Z${last}`][s].map((z) => `exp(${short(z)})`);
        return { text: `${powers[j]} / (${sum(powers)})`, uses: [{ id: `Z${last}`, row: s }] };
      },
    },
  };
  const loss = {
    key: "L", kind: "L", layer: 0, direction: "forward",
    equations: [
      [{ id: "losses" }, "=", "−log Σₖ(", { id: "P" }, "⊙", { id: "T" }, ")"],
      [{ id: "L" }, "=", `1/${n} · Σ`, { id: "losses" }],
    ],
    code: code(board.code.loss, { Z: `Z${last}`, T: "T", return: "losses" }, { losses: "losses", loss: "L", T: "T" }),
    explain: {
      losses: (s) => ({
        text: `−log(${short(q.P[s][board.T[s]])})`,
        uses: [{ id: "P", row: s, col: board.T[s] }, { id: "T", row: s, col: board.T[s] }],
      }),
      L: () => ({ text: `(${sum(board.losses.map(factor))}) / ${n}`, uses: [{ id: "losses" }] }),
    },
  };
  const output = {
    key: `dZ${last}`, kind: "dP", layer: last, direction: "backward",
    equations: [[{ id: `dZ${last}` }, "=", `1/${n} · (`, { id: "P" }, "−", { id: "T" }, ")"]],
    code: code(
      board.code.dY,
      { Z: `Z${last}`, T: "T", dZ: `dZ${last}`, return: `dZ${last}` },
      { Z: `Z${last}`, T: "T", dY: `dZ${last}` },
    ),
    explain: {
      [`dZ${last}`]: (s, j) => ({
        text: `(${short(q.P[s][j])} − ${q.T[s][j]}) / ${n}`,
        uses: [{ id: "P", row: s, col: j }, { id: "T", row: s, col: j }],
      }),
    },
  };
  const dW = (l) => ({
    key: `dW${l}`, kind: "dW", layer: l, direction: "backward",
    equations: [[{ id: `dW${l}` }, "=", { id: input(l), transposed: true }, "·", { id: `dZ${l}` }]],
    code: code(board.code.dW, backwardNames(l)),
    explain: {
      [`dW${l}`]: (i, j) => ({
        text: product(column(q[input(l)], i), column(q[`dZ${l}`], j)),
        uses: [{ id: input(l), col: i }, { id: `dZ${l}`, col: j }],
      }),
    },
  });
  const db = (l) => ({
    key: `db${l}`, kind: "db", layer: l, direction: "backward",
    equations: [[{ id: `db${l}` }, "=", "Σ", { id: `dZ${l}` }]],
    code: code(board.code.dW, backwardNames(l)),
    explain: {
      [`db${l}`]: (_, j) => ({
        text: sum(column(q[`dZ${l}`], j).map(factor)),
        uses: [{ id: `dZ${l}`, col: j }],
      }),
    },
  });
  const dX = (l) => ({
    key: dY(l - 1), kind: "dX", layer: l, direction: "backward",
    equations: [[{ id: dY(l - 1) }, `= dX${sub(l)} =`, { id: `dZ${l}` }, "·", { id: `W${l}`, transposed: true }]],
    code: code(board.code.dX, backwardNames(l)),
    explain: {
      [dY(l - 1)]: (s, i) => ({
        text: product(q[`dZ${l}`][s], q[`W${l}`][i]),
        uses: [{ id: `dZ${l}`, row: s }, { id: `W${l}`, row: i }],
      }),
    },
  });
  const dZ = (l) => ({
    key: `dZ${l}`, kind: "dZ", layer: l, direction: "backward",
    equations: [[{ id: `dZ${l}` }, "=", { id: `dY${l}` }, "⊙", { id: `slope${l}` }]],
    code: code(board.code.dZ[l - 1], backwardNames(l), { Z: `Z${l}`, Y: `Y${l}`, return: `slope${l}` }),
    explain: {
      [`dZ${l}`]: (s, j) => ({
        text: `${factor(q[`dY${l}`][s][j])}·${factor(q[`slope${l}`][s][j])}`,
        uses: [{ id: `dY${l}`, row: s, col: j }, { id: `slope${l}`, row: s, col: j }],
      }),
    },
  });
  const parameters = board.layers.flatMap((_, i) => [`W${i + 1}`, `b${i + 1}`]);
  const renewed = (id) => id.replace(/^./, "$&new");
  const update = {
    key: "new", kind: "update", layer: 0, direction: "update",
    equations: parameters.map((id) => [{ id: renewed(id) }, "←", { id }, `− ${rate} ·`, { id: `d${id}` }]),
    code: code(
      board.code.update,
      { params: parameters.join(" "), grads: parameters.map((id) => `d${id}`).join(" ") },
      { params: parameters.join(" "), grads: parameters.map((id) => `d${id}`).join(" ") },
    ),
    explain: Object.fromEntries(
      parameters.map((id) => [
        renewed(id),
        (i, j) => ({
          text: `${short(q[id][i][j])} − ${rate}·${factor(q[`d${id}`][i][j])}`,
          uses: [{ id, row: i, col: j }, { id: `d${id}`, row: i, col: j }],
        }),
      ]),
    ),
  };
  const given = {
    key: "X", kind: "given", layer: 0, direction: "given", code: [], explain: {},
    equations: [[{ id: "X" }, { id: "T" }], ...board.layers.map((_, i) => [{ id: `W${i + 1}` }, { id: `b${i + 1}` }])],
  };

  const up = Array.from({ length: last }, (_, i) => i + 1);
  return [
    given,
    ...up.flatMap((l) => (l < last ? [Z(l), Y(l)] : [Z(l)])),
    P,
    loss,
    output,
    ...[...up].reverse().flatMap((l) => [
      ...(l < last ? [dZ(l)] : []),
      dW(l),
      db(l),
      ...(l > 1 ? [dX(l)] : []),
    ]),
    update,
  ];
}
