import "./dialogs.css";
import { writeAddress } from "./address.js";
import { h, icon } from "./dom.js";

const CROSS = "M5 5L15 15M15 5L5 15";

/** The program that makes the experiment with minnet's public names. */
export async function openProgram(ctx) {
  const answer = await answered(ctx, "program");
  open(ctx, "page.program", [h("p", {}, ctx.t("page.program.lead")), text(ctx, answer.error ?? answer.program)]);
}

/** What `minnet.lab.diagnose` says of the experiment as it starts, with what cures it in reach. */
export async function openDiagnosis(ctx) {
  const { t } = ctx;
  const found = h("div", { class: "minnet-findings", role: "status" }, h("p", {}, t("page.diagnose.looking")));
  const dialog = open(ctx, "page.diagnose", [h("p", {}, t("page.diagnose.lead")), found]);
  const answer = await answered(ctx, "diagnose");
  if (answer.error) found.replaceChildren(h("p", { class: "minnet-error" }, answer.error));
  else if (!answer.findings.length) found.replaceChildren(h("p", {}, t("page.diagnose.none")));
  else found.replaceChildren(...answer.findings.map(finding));

  function finding({ sentence, advice, change }) {
    const cure = () => (dialog.close(), ctx.state.change(change));
    return h(
      "article",
      {},
      h("p", {}, h("b", {}, sentence)),
      h("p", {}, advice),
      change && h("button", { type: "button", class: "minnet-button", onclick: cure }, t("page.diagnose.apply"), " ", h("code", {}, changes(change))),
    );
  }
}

const changes = (change) => Object.entries(change).map(([name, value]) => `${name} = ${value}`).join(", ");

/** The link of this page, and the command for a machine that runs no server yet. */
export function openLink(ctx) {
  const hash = writeAddress(ctx.state);
  const alone = ctx.host.classList.contains("minnet-page"); // a notebook has an address of its own
  open(ctx, "page.link", [
    alone ? h("p", {}, ctx.t("page.link.here")) : null,
    alone ? text(ctx, location.href.split("#")[0] + hash) : null,
    h("p", {}, ctx.t("page.link.elsewhere")),
    text(ctx, `python -m minnet.playground '${hash}'`),
  ]);
}

async function answered(ctx, question) {
  try {
    return await ctx.send({ ask: question });
  } catch {
    return { error: ctx.t("page.gone") };
  }
}

/** A text to read and to copy. */
function text({ t }, words) {
  const code = h("pre", { class: "minnet-text", tabIndex: 0 }, words);
  const button = h("button", { type: "button", class: "minnet-tool", onclick: copy }, t("page.copy"));
  async function copy() {
    try {
      await navigator.clipboard.writeText(words);
      button.textContent = t("page.copied");
    } catch {
      // Without leave for the clipboard it is selected, for Ctrl-C.
      getSelection().selectAllChildren(code);
      button.textContent = t("page.selected");
    }
    setTimeout(() => (button.textContent = t("page.copy")), 2000);
  }
  return h("div", { class: "minnet-copy" }, code, button);
}

/** Escape and the cross close it; the focus goes back to where it was: the browser's own <dialog>. */
function open({ t, host }, title, contents) {
  const close = h("button", { type: "button", class: "minnet-tool minnet-square", "aria-label": t("page.close"), onclick: () => dialog.close() }, icon(CROSS));
  const dialog = h(
    "dialog",
    { class: "minnet-dialog", "aria-label": t(title), onclose: () => dialog.remove(), onclick: (event) => event.target === dialog && dialog.close() },
    h("div", { class: "minnet-dialog-inside" }, h("div", { class: "minnet-dialog-head" }, h("h2", {}, t(title)), close), ...contents),
  );
  // Who clicks twice, or has waited for an answer and asked for another, sees one.
  host.querySelector(".minnet-dialog")?.close();
  host.append(dialog);
  dialog.showModal();
  return dialog;
}
