// Bundles the command line into dist/: one CommonJS file, and beside it what V8 made of it, so that a command need not
// compile it again. Measured on `resume`: a chunk for each command cost 20 to 40 ms more than one file, and compiling that
// 45 ms more than taking it from the cache, of 340. Native and optional modules stay outside the bundle.
//
// The library (tidemark/checkpoints) is a file of its own with its types beside it. CommonJS too: `import` takes it as well.
import { build } from "esbuild";
import { execFileSync } from "node:child_process";
import { chmod, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { ranksPlugin } from "./ranks.mjs";

await rm("dist", { recursive: true, force: true });
await mkdir("dist", { recursive: true });
const common = {
  outdir: "dist",
  bundle: true,
  format: "cjs",
  platform: "node",
  target: "node20.19",
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: "none",
  external: ["@photostructure/sqlite", "node:sqlite"],
  define: { "import.meta.url": "fileUrl" },
  banner: { js: 'const fileUrl=require("node:url").pathToFileURL(__filename).href;' },
  logLevel: "warning",
};
await build({ ...common, entryPoints: { bundle: "src/cli/tidemark.ts" }, plugins: [ranksPlugin("dist/o200k.bin")] });
await build({ ...common, entryPoints: { checkpoints: "src/library/checkpoints.ts" } });
execFileSync(process.execPath, ["node_modules/typescript/bin/tsc", "-p", "scripts/library.tsconfig.json"], { stdio: "inherit" });
await rename("dist/types/library/checkpoints.d.ts", "dist/checkpoints.d.ts");
await rm("dist/types", { recursive: true });
if (/\bfrom "|\bimport\(/.test((await readFile("dist/checkpoints.d.ts", "utf8")).replace(/\/\*[\s\S]*?\*\//g, ""))) throw new Error("src/library/checkpoints.ts exports a type of another file: its declarations have to stand alone");
// Loading CommonJS starts quicker than a module does.
await writeFile("dist/package.json", '{ "type": "commonjs" }\n');
await writeFile("dist/tidemark.js", `#!/usr/bin/env node
// Runs bundle.js, from the code cache where this very Node made one at the build; otherwise it is compiled as ever.
"use strict";
const { readFileSync, writeFileSync } = require("node:fs");
const { Script, constants } = require("node:vm");
const file = __dirname + "/bundle.js";
const cache = \`\${file}.\${process.version}-\${process.platform}-\${process.arch}.cache\`;
let cachedData;
try {
  cachedData = readFileSync(cache);
} catch {
  // Another Node than the one that built it.
}
const source = \`(function (exports, require, module, __filename, __dirname) {\${readFileSync(file, "utf8")}\\n})\`;
const script = new Script(source, { filename: file, cachedData, importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER });
script.runInThisContext()(exports, require, module, file, __dirname);
if (process.env.TIDEMARK_BUILD_CACHE === "1") process.on("exit", () => writeFileSync(cache, script.createCachedData()));
`);
await chmod("dist/tidemark.js", 0o755);
// After a run, the cache holds the functions that it called. What it does is what most commands do: open a store and make a brief.
const home = "dist/warm";
const env = { ...process.env, TIDEMARK_HOME: home, CLAUDE_CONFIG_DIR: "examples/none", TIDEMARK_BUILD_CACHE: "1" };
for (const args of [["import", "examples/claude-config/projects"], ["resume", "1c38adc0"]]) execFileSync(process.execPath, ["dist/tidemark.js", ...args, "--json"], { env, stdio: "pipe" });
await rm(home, { recursive: true, force: true });
