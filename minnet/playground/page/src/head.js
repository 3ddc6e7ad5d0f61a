// The page's head: name, views, and what can be had of the experiment: its program, diagnose's words, its link.
import { h, icon } from "./dom.js";
import { openDiagnosis, openLink, openProgram } from "./dialogs.js";

const VIEWS = ["play", "steps", "lessons", "paper"];
const ICONS = {
  diagnose: "M2 10h4l2.5 -6l3 12l2.5 -6h4",
  program: "M7 5L2 10L7 15M13 5L18 10L13 15",
  link: "M8.5 11.5l3 -3M9.5 6.5l2 -2a2.8 2.8 0 0 1 4 4l-2 2M10.5 13.5l-2 2a2.8 2.8 0 0 1 -4 -4l2 -2",
};
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
  const tool = (name, onclick) =>
    h(
      "button",
      { type: "button", class: "minnet-tool", title: t(`page.${name}.title`), "aria-label": t(`page.${name}`), onclick },
      icon(ICONS[name]),
      h("span", { class: "minnet-word" }, t(`page.${name}`)),
    );
  const element = h(
    "header",
    { class: "minnet-head" },
    h(ctx.host.classList.contains("minnet-page") ? "h1" : "p", { class: "minnet-name" }, "minnet ", h("span", {}, t("page.name"))),
    ctx.live ? h("nav", { class: "minnet-tabs", "aria-label": t("page.views") }, ...tabs) : null,
    h(
      "div",
      { class: "minnet-tools" },
      ctx.live ? tool("diagnose", () => openDiagnosis(ctx)) : null,
      ctx.live ? tool("program", () => openProgram(ctx)) : null,
      ctx.live ? tool("link", () => openLink(ctx)) : null,
      h(
        "button",
        { type: "button", class: "minnet-tool minnet-square", "aria-label": t("page.theme"), title: t("page.theme"), onclick: theme.toggle },
        icon(THEME),
      ),
    ),
  );
  return { element };
}
