/** The page's colours for the canvas, and word of their change, or that of the screen's pixels. */

const TOKENS = [
  "ground", "surface", "ink", "muted", "line", "activation", "gradient", "prediction", "good", "bad", "focus",
  "class-0", "class-1", "class-2", "class-3",
];

/**
 * @param {HTMLElement} host  an element that has the tokens
 * @param {{ on: (event: string, f: () => void) => (() => void) | void }} [state]  with an event "theme"
 */
export function createTheme(host, state) {
  const listeners = new Set();
  const probe = document.createElement("span");
  probe.hidden = true;
  host.append(probe);
  const theme = { colours: {}, font: "", on };

  function on(f) {
    listeners.add(f);
    return () => listeners.delete(f);
  }

  /** The browser resolves each token to rgb(…), whatever it is written in. */
  function read() {
    const styles = getComputedStyle(probe);
    const colours = {};
    for (const token of TOKENS) {
      probe.style.color = "";
      probe.style.color = `var(--${token})`;
      colours[token] = styles.color;
    }
    theme.colours = colours;
    theme.font = styles.fontFamily;
  }

  function changed() {
    const before = JSON.stringify(theme.colours);
    read();
    if (JSON.stringify(theme.colours) !== before) listeners.forEach((f) => f());
  }

  /** A window that goes to another screen keeps its size, and no observer of sizes tells. */
  let screen = null;
  function watchScreen() {
    if (screen) listeners.forEach((f) => f());
    screen = matchMedia(`(resolution: ${window.devicePixelRatio}dppx)`);
    screen.addEventListener("change", watchScreen, { once: true });
  }

  read();
  watchScreen();
  const media = matchMedia("(prefers-color-scheme: dark)");
  media.addEventListener("change", changed);
  const off = state?.on("theme", changed);
  theme.destroy = () => {
    media.removeEventListener("change", changed);
    screen.removeEventListener("change", watchScreen);
    if (typeof off === "function") off();
    probe.remove();
  };
  return theme;
}

/** The red, green and blue of a colour as `getComputedStyle` writes it, 0 to 255. */
export function channels(colour) {
  const numbers = colour.match(/-?[\d.]+(e-?\d+)?/g)?.map(Number) ?? [];
  const scale = colour.startsWith("color(") ? 255 : 1;
  return colour.startsWith("rgb") || scale > 1 ? numbers.slice(0, 3).map((v) => v * scale) : [128, 128, 128];
}
