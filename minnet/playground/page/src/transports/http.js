const SECONDS = { frame: 10 }; // a server that stands still is gone; other answers may need their time
const MOST_SECONDS = 120;

/**
 * The page's own server: one POST for each message, to `answer` beside the page, so that the address has the token.
 * Rejects when there is no server, or another one than the page's.
 * @returns {import("../main.js").Transport}
 */
export function createHttp() {
  const page = new URL(".", location.href);
  const [, token] = page.pathname.split("/");
  const closed = new AbortController();
  return {
    live: true,
    /** What starts a server again that this page finds. */
    command: `python -m minnet.playground --port ${page.port} --token=${token}`,
    async send(message) {
      const answer = await fetch(new URL("answer", page), {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(message),
        signal: AbortSignal.any([closed.signal, AbortSignal.timeout(1000 * (SECONDS[message.ask] ?? MOST_SECONDS))]),
      });
      const json = answer.headers.get("Content-Type")?.startsWith("application/json");
      const content = await (json ? answer.json() : answer.arrayBuffer());
      if (!answer.ok) throw new Error(content.error ?? `${answer.status} ${answer.statusText}`);
      return content;
    },
    close: () => closed.abort(),
  };
}
