// The bundle's doors: `mount` for programs, a default export for anywidget, and every marked element of a page.
import { mount } from "./main.js";
import { createHttp } from "./transports/http.js";
import { createRecorded } from "./transports/recorded.js";
import { render } from "./transports/widget.js";

export { createRecorded, mount };
export default { render };

/** A translation lies beside the bundle: `?lang=de` asks for texts/de.json. */
async function translation() {
  const language = new URLSearchParams(location.search).get("lang");
  if (!language || !/^[a-zA-Z-]{2,20}$/.test(language) || language === "en") return undefined;
  const answer = await fetch(new URL(`texts/${language}.json`, import.meta.url));
  if (!answer.ok) return undefined;
  document.documentElement.lang = language;
  return answer.json();
}

for (const root of document.querySelectorAll("[data-minnet-playground]")) {
  const { recording } = root.dataset;
  const transport = recording ? createRecorded(recording) : createHttp();
  translation().then((texts) => mount(root, transport, { texts, page: !recording, view: root.dataset.view }));
}
