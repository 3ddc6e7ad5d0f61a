// Light or dark: what the documentation or the notebook around the page says, or else the system, until the reader says
// something else. The root's data-theme names it.

const KEPT = "minnet-playground-theme";

/**
 * @param {HTMLElement} host
 * @param {{emit: (event: string, value: any) => void}} state
 * @param {boolean} alone whether the page has the document for itself
 * @returns {{toggle: () => void, destroy: () => void}}
 */
export function followTheme(host, state, alone) {
  const system = matchMedia("(prefers-color-scheme: dark)");
  let chosen = alone ? remembered() : null;

  function apply() {
    const dark = chosen ? chosen === "dark" : (alone ? null : around()) ?? system.matches;
    host.dataset.theme = dark ? "dark" : "light";
    if (alone) document.documentElement.style.colorScheme = host.dataset.theme;
    state.emit("theme", host.dataset.theme);
  }
  apply();
  system.addEventListener("change", apply);
  const watched = new MutationObserver(apply);
  if (!alone) for (const element of [document.documentElement, document.body]) watched.observe(element, { attributeFilter: ["data-theme", "data-jp-theme-light"] });

  return {
    toggle() {
      chosen = host.dataset.theme === "dark" ? "light" : "dark";
      if (alone) remember(chosen);
      apply();
    },
    destroy() {
      system.removeEventListener("change", apply);
      watched.disconnect();
    },
  };
}

/** Whether the document around is dark: pydata-sphinx-theme and JupyterLab say so; null where nothing is said. */
function around() {
  const { theme } = document.documentElement.dataset;
  if (theme === "dark" || theme === "light") return theme === "dark";
  const light = document.body.dataset.jpThemeLight;
  return light === undefined ? null : light === "false";
}

// A browser that keeps nothing is none the worse.
function remembered() {
  try {
    return localStorage.getItem(KEPT);
  } catch {
    return null;
  }
}

function remember(theme) {
  try {
    localStorage.setItem(KEPT, theme);
  } catch {
    // it lasts as long as the page
  }
}
