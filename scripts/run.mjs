// Runs a TypeScript file of bench/ or scripts/ by bundling it first: `node scripts/run.mjs bench/import.ts ARGS`.
// Node 20 cannot strip types itself.
import { build } from "esbuild";
import { mkdtemp, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [entry, ...args] = process.argv.slice(2);
if (entry === undefined) throw new Error("usage: node scripts/run.mjs FILE.ts [ARGS]");
await import("node:fs/promises").then(({ mkdir }) => mkdir("node_modules/.cache", { recursive: true }));
// Inside the project, so that packages left out of the bundle are found.
const folder = await mkdtemp(resolve("node_modules/.cache/run-"));
const outfile = join(folder, "entry.mjs");
await build({
  entryPoints: [entry],
  outfile,
  bundle: true,
  format: "esm",
  platform: "node",
  target: "node20.19",
  packages: "external",
  sourcemap: "inline",
  logLevel: "warning",
});
process.argv = [process.argv[0], resolve(entry), ...args];
process.once("exit", () => void rm(folder, { recursive: true, force: true }));
try {
  await import(pathToFileURL(outfile).href);
} finally {
  await rm(folder, { recursive: true, force: true });
}
