// Bundles the command line into dist/: unbundled imports triple the start of every command. Each command is a chunk of
// its own, loaded when it is called. Native and optional modules stay outside the bundle.
import { build } from "esbuild";
import { chmod, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { ranksPlugin } from "./ranks.mjs";

await rm("dist", { recursive: true, force: true });
await mkdir("dist", { recursive: true });
const common = {
  bundle: true,
  platform: "node",
  target: "node20.19",
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: "none",
  external: ["@photostructure/sqlite", "node:sqlite"],
  plugins: [ranksPlugin("dist/o200k.bin")],
  logLevel: "warning",
};
await build({
  ...common,
  entryPoints: { tidemark: "src/cli/tidemark.ts" },
  outdir: "dist",
  splitting: true,
  format: "esm",
  // commander is CommonJS and requires node: modules by name.
  banner: { js: 'import{createRequire as makeRequire}from"node:module";const require=makeRequire(import.meta.url);' },
  chunkNames: "chunks/[name]-[hash]",
});
// What a hook answers is loaded whole and at once: chunks are read one after the other, and someone waits for them.
await build({
  ...common,
  entryPoints: ["src/cli/answer.ts"],
  outfile: "dist/chunks/answer.cjs",
  format: "cjs",
  define: { "import.meta.url": "fileUrl" },
  banner: { js: 'const fileUrl=require("node:url").pathToFileURL(__filename).href;' },
});
// The banner stands in every chunk; the interpreter line only where it is run.
await writeFile("dist/tidemark.js", `#!/usr/bin/env node\n${await readFile("dist/tidemark.js", "utf8")}`);
await chmod("dist/tidemark.js", 0o755);
