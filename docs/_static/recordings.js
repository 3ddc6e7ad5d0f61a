// Plays the recordings of a page (docs/_extensions/playground.py), each from when it is first seen. The front end is loaded
// with the page, a recording only then, and as a script: a page that is a file may fetch nothing.
(() => {
  const folder = new URL("playground/", document.currentScript.src);
  const places = [...document.querySelectorAll(".recorded-playground")];

  globalThis.minnetRecorded = (name, text) => {
    const { createRecorded, mount } = globalThis.minnetPlayground;
    const place = places.find(({ dataset }) => dataset.recording === name);
    place.replaceChildren();
    mount(place, createRecorded(`data:application/octet-stream;base64,${text}`), { view: place.dataset.view });
  };

  const seen = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        if (!isIntersecting) continue;
        seen.unobserve(target);
        const script = document.createElement("script");
        script.src = new URL(`${target.dataset.recording}.js`, folder).href;
        document.head.append(script);
      }
    },
    { rootMargin: "0px 0px -25% 0px" },
  );
  for (const place of places) seen.observe(place);
})();
