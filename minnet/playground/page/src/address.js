// State in the address: what is behind # gives the very experiment to whoever opens the link.

const VIEWS = ["play", "steps", "lessons", "paper"];

/**
 * @param {string} hash with or without #
 * @param {Record<string, {kind: string}>} controls
 * @returns {{experiment: Record<string, any>, view: string, lesson: string | null}} what does not name a control is passed over;
 *     what a number should be and is none is left as text, for the server to refuse in its own words
 */
export function readAddress(hash, controls) {
  const given = new URLSearchParams(hash.replace(/^#/, ""));
  const experiment = {};
  for (const [name, text] of given) {
    const kind = controls[name]?.kind;
    if (kind === "flag") experiment[name] = text === "true" ? true : text === "false" ? false : text;
    else if (kind === "whole" || kind === "real") experiment[name] = text.trim() !== "" && Number.isFinite(Number(text)) ? Number(text) : text;
    else if (kind === "choice") experiment[name] = text;
  }
  const view = given.get("view");
  return { experiment, view: VIEWS.includes(view) ? view : "play", lesson: given.get("lesson") };
}

/** All fields, not only those that differ from a default: a link means the same with the next version. */
export function writeAddress({ experiment, view, lesson }) {
  const given = new URLSearchParams({ view });
  if (lesson) given.set("lesson", lesson);
  for (const [name, value] of Object.entries(experiment)) given.set(name, String(value));
  return "#" + given.toString();
}
