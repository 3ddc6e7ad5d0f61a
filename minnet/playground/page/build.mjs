// node build.mjs [folder]: bundles src/ into ../static (or the folder), the same bytes from the same sources.
import { build } from "esbuild";
import { copyFile, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { resolve } from "node:path";

const here = fileURLToPath(new URL(".", import.meta.url));
const out = process.argv[2] ? resolve(process.argv[2]) : resolve(here, "../static");

// One file for translators, whatever the sources are cut into; the same texts are in the bundle.
const parts = (await readdir(resolve(here, "texts"))).sort();
const texts = Object.assign(
  {},
  ...(await Promise.all(parts.map(async (name) => JSON.parse(await readFile(resolve(here, "texts", name), "utf8"))))),
);

await rm(resolve(out, "texts"), { recursive: true, force: true });
await mkdir(resolve(out, "texts"), { recursive: true });
await build({
  absWorkingDir: here,
  entryPoints: { playground: "src/index.js" },
  outdir: out,
  bundle: true,
  format: "esm",
  target: "es2022",
  minify: true,
  charset: "utf8",
  define: { ENGLISH: JSON.stringify(texts) },
  logLevel: "warning",
});
for (const name of ["index.html", "elsewhere.html"]) await copyFile(resolve(here, "src", name), resolve(out, name));
await writeFile(resolve(out, "texts/en.json"), JSON.stringify(texts, null, 2) + "\n");
