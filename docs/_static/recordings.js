// Plays the recordings of a page (docs/_extensions/playground.py), each from when it is first seen. The front end is loaded
// with the page, a recording only then, and as a script: a page that is a file may fetch nothing.
(() => {
  const folder = new URL("playground/", document.currentScript.src);
  const places = [...document.querySelectorAll(".recorded-playground")];

  globalThis.minnetRecorded = (name, zipped) => {
    const { createRecorded, mount } = globalThis.minnetPlayground;
    const place = places.find(({ dataset }) => dataset.recording === name);
    const { view } = place.dataset;
    const address = `data:application/gzip;base64,${zipped}`;
    place.replaceChildren();
    mount(place, view === "paper" ? createPaper(address) : createRecorded(address), { view });
  };

  /** A session of which only the paper can be asked: nothing is trained, so no frame ever comes. */
  function createPaper(address) {
    const answers = fetch(address).then(({ body }) => new Response(body.pipeThrough(new DecompressionStream("gzip"))).json());
    const send = ({ ask }) => (ask === "frame" ? new Promise(() => {}) : answers.then((known) => known[ask]));
    return { live: false, ready: answers, recordings: [], send, close() {} };
  }

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
