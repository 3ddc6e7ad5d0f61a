// The page's head: name, views, and what can be had of the experiment: its program, diagnose's words, its link.
import { h, icon } from "./dom.js";
import { openDiagnosis, openLink, openProgram } from "./dialogs.js";

const VIEWS = ["play", "steps", "lessons", "paper"];
const THEME = "M10 2a8 8 0 1 0 0 16a8 8 0 1 0 0 -16ZM10 4v12a6 6 0 0 0 0 -12Z";

/**
 * @param {import("./main.js").Context} ctx
 * @param {{toggle: () => void}} theme
 */
export function createHead(ctx, theme) {
  const { t, state } = ctx;
  const tabs = VIEWS.map((view) =>
    h("button", { type: "button", class: "minnet-tab", onclick: () => state.setView(view) }, t(`page.view.${view}`)),
  );
  const mark = () =>
    tabs.forEach((tab, i) =>
      VIEWS[i] === state.view ? tab.setAttribute("aria-current", "page") : tab.removeAttribute("aria-current"),
    );
  state.on("view", mark);
  mark();
  const tool = (key, onclick) => h("button", { type: "button", class: "minnet-tool", onclick }, t(key));
  const element = h(
    "header",
    { class: "minnet-head" },
    h("h1", { class: "minnet-name" }, "minnet ", h("span", {}, t("page.name"))),
    h("nav", { class: "minnet-tabs", "aria-label": t("page.views") }, ...tabs),
    h(
      "div",
      { class: "minnet-tools" },
      ctx.live ? tool("page.diagnose", () => openDiagnosis(ctx)) : null,
      ctx.live ? tool("page.program", () => openProgram(ctx)) : null,
      ctx.live ? tool("page.link", () => openLink(ctx)) : null,
      h(
        "button",
        { type: "button", class: "minnet-tool minnet-square", "aria-label": t("page.theme"), title: t("page.theme"), onclick: theme.toggle },
        icon(THEME),
      ),
    ),
  );
  return { element };
}
