// State in the address: what is behind # gives the very experiment to whoever opens the link.

const VIEWS = ["play", "steps", "lessons", "paper"];

/**
 * @param {string} hash with or without #
 * @param {Record<string, {kind: string}>} controls
 * @returns {{experiment: Record<string, any>, speed: number | null | undefined, view: string, lesson: string | null, figure: string | null, board: string | null}}
 *     what does not name a control is passed over; what a number should be and is none is left as text, for the server
 *     to refuse in its own words; speed: null is as fast as it goes, undefined that nothing is said of it
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
  const pace = Number(given.get("speed"));
  const speed = given.get("speed") === "full" ? null : pace > 0 && Number.isFinite(pace) ? pace : undefined;
  return { experiment, speed, view: VIEWS.includes(view) ? view : "play", lesson: given.get("lesson"), figure: given.get("figure"), board: given.get("board") };
}

/** All fields, not only those that differ from a default: a link means the same with the next version. */
export function writeAddress({ experiment, speed, view, lesson, figure, board }) {
  const given = new URLSearchParams({ view, speed: speed ?? "full" });
  if (lesson) given.set("lesson", lesson);
  if (view === "paper") given.set("figure", figure);
  if (view === "steps" && board) given.set("board", board);
  for (const [name, value] of Object.entries(experiment)) given.set(name, String(value));
  return "#" + given.toString();
}
