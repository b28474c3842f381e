// Bundles the command line into one file, dist/tidemark.js. Each command still runs only when it is called. A chunk for
// each was tried: the score of chunks behind `resume`, read one after the other, cost it 80 ms of 340. Native and optional
// modules stay outside the bundle.
import { build } from "esbuild";
import { chmod, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { ranksPlugin } from "./ranks.mjs";

await rm("dist", { recursive: true, force: true });
await mkdir("dist", { recursive: true });
await build({
  entryPoints: { tidemark: "src/cli/tidemark.ts" },
  outdir: "dist",
  bundle: true,
  format: "esm",
  platform: "node",
  target: "node20.19",
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: "none",
  external: ["@photostructure/sqlite", "node:sqlite"],
  // commander is CommonJS and requires node: modules by name.
  banner: { js: 'import{createRequire as makeRequire}from"node:module";const require=makeRequire(import.meta.url);' },
  plugins: [ranksPlugin("dist/o200k.bin")],
  logLevel: "warning",
});
await writeFile("dist/tidemark.js", `#!/usr/bin/env node\n${await readFile("dist/tidemark.js", "utf8")}`);
await chmod("dist/tidemark.js", 0o755);
