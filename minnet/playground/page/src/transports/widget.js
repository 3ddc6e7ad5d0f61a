import { mount } from "../main.js";

const GONE = 20; // seconds without a word, after which a kernel that sends one every two seconds is gone
const MOST_SECONDS = 120;

/**
 * anywidget's door: the page in the output of a cell.
 * @param {{model: any, el: HTMLElement}} given
 * @returns {() => void} called when the output goes
 */
export function render({ model, el }) {
  const transport = createWidget(model);
  const page = mount(el, transport);
  return () => page.destroy();
}

/**
 * Messages of a widget. While a cell runs the kernel answers none, but frames keep coming: one is never waited for
 * as for an answer, only hastened.
 * @param {any} model anywidget's
 * @returns {import("../main.js").Transport}
 */
export function createWidget(model) {
  const page = crypto.randomUUID();
  /** Messages without an answer yet. */
  const waiting = new Map();
  /** Frames that came and were not looked at: the newest, after one with a generation's points. */
  let frames = [];
  let wake = null;
  let heard = performance.now();
  let sent = 0;

  function receive(content, buffers) {
    heard = performance.now();
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
      await new Promise((resolve) => {
        wake = resolve;
        setTimeout(resolve, 1000 * wait);
      });
      wake = null;
    }
    if (frames.length) return frames.shift().bytes;
    if (performance.now() - heard > 1000 * GONE) throw new Error("the kernel is gone");
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
