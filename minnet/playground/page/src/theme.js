// Light or dark: what the system says until the reader says something else. The root's data-theme names it.

const KEPT = "minnet-playground-theme";

/** @returns {{toggle: () => void, destroy: () => void}} */
export function followTheme(host, state, given) {
  const system = matchMedia("(prefers-color-scheme: dark)");
  let chosen = given ?? remembered();

  function apply() {
    host.dataset.theme = chosen ?? (system.matches ? "dark" : "light");
    if (host.classList.contains("minnet-page")) document.documentElement.style.colorScheme = host.dataset.theme;
    state.emit("theme", host.dataset.theme);
  }
  apply();
  system.addEventListener("change", apply);
  return {
    toggle() {
      chosen = host.dataset.theme === "dark" ? "light" : "dark";
      remember(chosen);
      apply();
    },
    destroy: () => system.removeEventListener("change", apply),
  };
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
