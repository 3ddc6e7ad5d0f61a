import "./recorded.css";
import { h } from "../dom.js";

const PER_SECOND = 8;

/**
 * Plays the file that minnet/playground/recording.py writes: no kernel, no server. It answers as a session that can only
 * be looked at; each choice of a recording is a generation of its own.
 * @param {string} address
 * @returns {import("../main.js").Transport & Player}
 *
 * @typedef {Object} Player
 * @property {Promise<void>} ready rejects when the file cannot be had
 * @property {{title: string, text: string}[]} recordings
 * @property {number} index which is played
 * @property {number} length its frames
 * @property {number} position
 * @property {(index: number) => void} select
 * @property {(position: number) => void} seek
 * @property {(() => void) | null} onchange
 */
export function createRecorded(address) {
  let bytes;
  let choices;
  let due = 0;
  let wake = null;
  let keys = { generation: 0, version: 0 };
  let playing = true;

  const player = {
    live: false,
    ready: load(),
    recordings: [],
    index: 0,
    position: 0,
    get length() {
      return player.recordings[player.index]?.frames.length ?? 0;
    },
    onchange: null,
    select(index) {
      player.index = index;
      player.position = 0;
      keys = { generation: keys.generation + 1, version: keys.version };
      playing = true;
      changed();
    },
    seek(position) {
      player.position = Math.max(0, Math.min(player.length - 1, position));
      playing = false;
      changed();
    },
    async send(message) {
      await player.ready;
      if (message.ask === "frame") return nextFrame(message);
      if (message.ask === "choices") return choices;
      if (message.ask === "blackboard" || message.ask === "phase") return player.recordings[player.index][message.ask];
      if (message.ask === "paper") return (await fetch(new URL("paper.json", import.meta.url))).json();
      if (message.ask === "state") return { experiment: player.recordings[player.index].experiment, playing, ...keys };
      return act(message);
    },
    close: () => wake?.(),
  };

  async function load() {
    const answer = await fetch(address);
    if (!answer.ok) throw new Error(`${address}: ${answer.status} ${answer.statusText}`);
    // The file is zipped; a server that knows may have had the browser unzip it.
    let content = new Uint8Array(await answer.arrayBuffer());
    if (content[0] === 0x1f && content[1] === 0x8b) {
      const unzipped = new Response(content).body.pipeThrough(new DecompressionStream("gzip"));
      content = new Uint8Array(await new Response(unzipped).arrayBuffer());
    }
    const { header, rest } = parted(content);
    choices = header.choices;
    player.recordings = header.recordings;
    bytes = rest;
    player.onchange?.();
  }

  function act(message) {
    if (message.do === "play") {
      if (player.position === player.length - 1) player.position = 0;
      playing = true;
    } else if (message.do === "pause") playing = false;
    else if (message.do === "step") player.seek(player.position + 1);
    else if (message.do === "reset") player.select(player.index);
    else return { error: "this page shows a recording: nothing can be asked of it" };
    changed();
    return { ...keys };
  }

  function changed() {
    keys = { ...keys, version: keys.version + 1 };
    player.onchange?.();
    wake?.();
  }

  async function nextFrame({ after, wait = 1, points }) {
    const known = after && after[0] === keys.generation && after[1] === keys.version;
    if (known) await sleep(playing ? due - performance.now() : 1000 * wait);
    if (playing && performance.now() >= due) {
      // The first of a generation has its points.
      if (known && points === keys.generation) player.position = Math.min(player.position + 1, player.length - 1);
      if (player.position === player.length - 1) playing = false;
      due = performance.now() + 1000 / PER_SECOND;
      changed();
    } else if (known && after[1] === keys.version) return { none: true };
    return frame(points === keys.generation ? player.position : 0);
  }

  function sleep(ms) {
    return new Promise((resolve) => {
      wake = resolve;
      setTimeout(resolve, Math.max(0, ms));
    });
  }

  /** A frame as a session of this page would send it. */
  function frame(position) {
    const [offset, length] = player.recordings[player.index].frames[position];
    const { header, rest } = parted(bytes.subarray(offset, offset + length));
    return joined({ ...header, ...keys, playing, steps_per_second: null }, rest);
  }

  return player;
}

/** A number of 4 bytes, so many bytes of JSON, and what follows. */
function parted(content) {
  const size = new DataView(content.buffer, content.byteOffset).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(content.subarray(4, 4 + size)));
  return { header, rest: content.subarray(4 + size) };
}

function joined(header, rest) {
  const text = new TextEncoder().encode(JSON.stringify(header));
  const size = text.length + ((4 - (text.length % 4)) % 4);
  const content = new Uint8Array(4 + size + rest.length).fill(32, 4, 4 + size);
  new DataView(content.buffer).setUint32(0, size, true);
  content.set(text, 4);
  content.set(rest, 4 + size);
  return content.buffer;
}

/**
 * The bar of a recording: which one, and where in it.
 * @param {HTMLElement} host before what is in it
 * @param {ReturnType<typeof createRecorded>} player
 * @param {(key: string, values?: object) => string} t
 */
export function createPlayer(host, player, t) {
  const choice = h("select", { "aria-label": t("recorded.choice"), onchange: () => player.select(choice.selectedIndex) });
  const slider = h("input", { type: "range", min: 0, value: 0, "aria-label": t("recorded.position"), oninput: () => player.seek(slider.valueAsNumber) });
  const text = h("p", {}, t("recorded.loading"));
  const bar = h("div", { class: "minnet-player" }, choice, slider, text);
  host.prepend(bar);
  player.onchange = () => {
    if (choice.options.length !== player.recordings.length) choice.replaceChildren(...player.recordings.map(({ title }) => h("option", {}, title)));
    choice.selectedIndex = player.index;
    slider.max = String(player.length - 1);
    slider.value = String(player.position);
    slider.style.setProperty("--part", String(player.position / Math.max(1, player.length - 1)));
    slider.setAttribute("aria-valuetext", t("recorded.frame", { n: player.position + 1, of: player.length }));
    text.textContent = player.recordings[player.index].text;
  };
  player.ready.catch((error) => (text.textContent = t("recorded.missing", { error: error.message })));
}
