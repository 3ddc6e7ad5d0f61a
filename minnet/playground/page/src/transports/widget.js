import { mount } from "../main.js";

/** A kernel says something every two seconds, and more rarely in a long cell: without a word for so long it is gone. */
const GONE = { seconds: 15, gaps: 3 };
const MOST_SECONDS = 120;

/**
 * anywidget's door: the page in the output of a cell.
 * @param {{model: any, el: HTMLElement}} given
 * @returns {() => void} called when the output goes
 */
export function render({ model, el }) {
  let page;
  let drawing = requestAnimationFrame(begin);
  function begin() {
    // Notebooks draw first and put it into the document then; before that no colour is known.
    if (el.isConnected) page = mount(el, createWidget(model), { theme: notebooksTheme() });
    else drawing = requestAnimationFrame(begin);
  }
  return () => {
    cancelAnimationFrame(drawing);
    page?.destroy();
  };
}

/** What JupyterLab and VS Code say of theirs, which need not be the system's. */
function notebooksTheme() {
  const { classList, dataset } = document.body;
  if (dataset.jpThemeLight) return dataset.jpThemeLight === "true" ? "light" : "dark";
  if (classList.contains("vscode-dark")) return "dark";
  return classList.contains("vscode-light") ? "light" : undefined;
}

/**
 * Messages of a widget. While a cell runs the kernel answers none, but frames keep coming: one is never waited for
 * as for an answer, only hastened.
 * @param {any} model anywidget's
 * @returns {import("../main.js").Transport}
 */
export function createWidget(model) {
  const page = String(Math.random()); // crypto's names are for https alone
  /** Messages without an answer yet. */
  const waiting = new Map();
  /** Frames that came and were not looked at: the newest, after one with a generation's points. */
  let frames = [];
  let wake = null;
  let sent = 0;
  let heard = performance.now();
  let gap = 0;
  /** Since when the kernel owes a word. */
  let asked = null;

  function receive(content, buffers) {
    gap = performance.now() - (asked ?? heard);
    heard = performance.now();
    asked = null;
    if (content.frame) {
      if (buffers?.length) frames = [...frames.filter((frame) => frame.first && !content.first), { first: content.first, bytes: copy(buffers[0]) }];
      wake?.();
    } else if (content.page === page) {
      waiting.get(content.id)?.(buffers?.length ? copy(buffers[0]) : content.answer);
      waiting.delete(content.id);
    }
  }

  async function nextFrame({ wait = 1, points }) {
    if (!frames.length) {
      model.send({ page, frame: points ?? null });
      asked ??= performance.now();
      await new Promise((resolve) => {
        wake = resolve;
        setTimeout(resolve, 1000 * wait);
      });
      wake = null;
    }
    if (frames.length) return frames.shift().bytes;
    if (asked !== null && performance.now() - asked > Math.max(1000 * GONE.seconds, GONE.gaps * gap)) throw new Error("the kernel is gone");
    return { none: true };
  }

  function answered(message) {
    const id = ++sent;
    model.send({ page, id, message });
    return new Promise((resolve, reject) => {
      waiting.set(id, resolve);
      setTimeout(() => waiting.delete(id) && reject(new Error("the kernel is busy")), 1000 * MOST_SECONDS);
    });
  }

  model.on("msg:custom", receive);
  return {
    live: true,
    send: async (message) => (message.ask === "frame" ? nextFrame(message) : answered(message)),
    close() {
      model.off("msg:custom", receive);
      model.send({ page, gone: true });
    },
  };
}

/** A view of bytes as a buffer of its own: it may begin anywhere. */
function copy(view) {
  return view instanceof ArrayBuffer ? view : view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength);
}
