// Bundles the command line into dist/: one CommonJS file, and beside it what V8 made of it, so that a command need not
// compile it again. Measured on `resume`: a chunk for each command cost 20 to 40 ms more than one file, and compiling that
// 45 ms more than taking it from the cache, of 340. Native and optional modules stay outside the bundle.
//
// Each library (tidemark/checkpoints …) is a file of its own with its types beside it. CommonJS too: `import` takes it as well.
import { build } from "esbuild";
import { execFileSync } from "node:child_process";
import { chmod, copyFile, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
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
// The SDK of MCP is loaded by those who serve it: in the one bundle its 500 KB cost every command and hook 5 to 15 ms of reading.
const SDK = ["@modelcontextprotocol/server", "@modelcontextprotocol/server/stdio", "@modelcontextprotocol/node"];
const apart = { name: "mcp-sdk", setup: ({ onResolve }) => onResolve({ filter: /^@modelcontextprotocol\// }, ({ path }) => (SDK.includes(path) ? { path: "./mcp-sdk.js", external: true } : undefined)) };
await build({ ...common, entryPoints: { bundle: "src/cli/tidemark.ts" }, plugins: [ranksPlugin("dist/o200k.bin"), apart] });
await build({ ...common, outdir: undefined, outfile: "dist/mcp-sdk.js", stdin: { contents: SDK.map((name) => `export * from "${name}";`).join("\n"), resolveDir: "." } });
const libraries = { checkpoints: "library/checkpoints", memory: "library/memory", mem0: "frameworks/mem0" };
await build({ ...common, entryPoints: Object.fromEntries(Object.entries(libraries).map(([name, path]) => [name, `src/${path}.ts`])) });
// A default export is what `import` gives of an ES module alone: code that had mem0 begins with one.
const { define: _, banner: __, ...esm } = common;
await build({ ...esm, format: "esm", outExtension: { ".js": ".mjs" }, entryPoints: { mem0: `src/${libraries.mem0}.ts` } });
execFileSync(process.execPath, ["node_modules/typescript/bin/tsc", "-p", "scripts/library.tsconfig.json"], { stdio: "inherit" });
for (const [name, path] of Object.entries(libraries)) {
  await rename(`dist/types/${path}.d.ts`, `dist/${name}.d.ts`);
  if (/\bfrom "|\bimport\(/.test((await readFile(`dist/${name}.d.ts`, "utf8")).replace(/\/\*[\s\S]*?\*\//g, ""))) throw new Error(`src/${path}.ts exports a type of another file: its declarations have to stand alone`);
}
await rm("dist/types", { recursive: true });
await copyFile("dist/mem0.d.ts", "dist/mem0.d.mts");
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
