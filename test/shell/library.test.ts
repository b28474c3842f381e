/**
 * The library as others get it: packed, unpacked into a project, loaded by `import` and by `require`, its types compiled
 * against, and the example of docs/library.md run. Only what npm would install beside it is linked from here.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { scratch } from "../helpers.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const project = scratch(afterAll);

beforeAll(() => {
  const [{ filename }] = JSON.parse(execFileSync("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", project], { cwd: ROOT, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] })) as [{ filename: string }];
  const modules = join(project, "node_modules");
  mkdirSync(join(modules, "@photostructure"), { recursive: true });
  mkdirSync(join(modules, "@types"));
  execFileSync("tar", ["xzf", join(project, filename), "-C", modules]);
  execFileSync("mv", [join(modules, "package"), join(modules, "tidemark")]);
  for (const name of ["@photostructure/sqlite", "@types/node", "undici-types"]) symlinkSync(join(ROOT, "node_modules", name), join(modules, name));
  writeFileSync(join(project, "package.json"), '{ "type": "module" }');
});

function node(file: string, code: string): string {
  writeFileSync(join(project, file), code);
  return execFileSync(process.execPath, [file], { cwd: project, encoding: "utf8", env: { PATH: process.env["PATH"] ?? "", HOME: project, TMPDIR: project } });
}

test.each(["docs/library.md", "docs/memory-library.md"])("the example of %s prints what it says", (name) => {
  const page = readFileSync(join(ROOT, name), "utf8");
  const [, code] = /```js\n([\s\S]*?)```/.exec(page)!;
  const [, output] = /```text\n([\s\S]*?)```/.exec(page)!;
  expect(node("example.js", code!)).toBe(output);
});

test("mem0's door opens by a default and by a named import, and by require", () => {
  const use = "const memory = new Memory({ home: process.cwd() + '/state-' + process.pid }); await memory.add('I like tea', { userId: 'u' }); console.log((await memory.search('tea', { userId: 'u' })).results[0].memory); await memory.close();";
  expect(node("named.js", `import { Memory } from "tidemark/mem0"; ${use}`)).toBe("I like tea\n");
  expect(node("default.js", `import Memory from "tidemark/mem0"; ${use}`)).toBe("I like tea\n");
  expect(node("old.cjs", `const { Memory } = require("tidemark/mem0"); (async () => { ${use} })();`)).toBe("I like tea\n");
});

test("it is there for require, without running anything, and names only what is promised", () => {
  expect(node("old.cjs", 'console.log(Object.keys(require("tidemark/checkpoints")).join());')).toBe("openCheckpoints\n");
  expect(node("new.js", 'console.log(Object.keys(await import("tidemark/checkpoints")).filter((name) => name !== "default" && name !== "module.exports").join());')).toBe("openCheckpoints\n");
  expect(() => execFileSync(process.execPath, ["-e", 'require("tidemark/dist/bundle.js")'], { cwd: project, stdio: "pipe" })).toThrow("ERR_PACKAGE_PATH_NOT_EXPORTED");
});

test.each([["ESM", "use.mts"], ["CommonJS", "use.cts"]])("its types are found and hold in %s", (_, file) => {
  const code = [
    'import { openCheckpoints, type Checkpoint, type Checkpoints, type CheckpointsError, type FileChange, type OpenOptions, type Reverted } from "tidemark/checkpoints";',
    "const options: OpenOptions = { folder: '/tmp', autoSave: 5000, maxCheckpoints: 10, onError: (error) => void (error as CheckpointsError).hint };",
    "const tree: Checkpoints = openCheckpoints(options);",
    "const sealed: Checkpoint = tree.createCheckpoint({ note: 'n', agent: 'a', session: 's', turn: 't', call: 'c', model: 'm', tokens: 1, confidence: 0.5 });",
    "const changes: FileChange[] = tree.compareCheckpoints(sealed, 'now', { paths: ['src'] });",
    "const done: Reverted = tree.revertToCheckpoint(sealed.id, { paths: changes.map(({ path }) => path), mode: 'merge', dryRun: true });",
    "const end: Checkpoint | undefined = tree.beginCall({ agent: 'a', session: 's', call: 'c', tool: 'Edit' }).end({ confidence: 1 });",
    "const stop: () => void = tree.onCheckpoint((checkpoint) => { const n: number = checkpoint.files; void [n, done.applied, end]; });",
    "stop(); tree.close();",
    "// @ts-expect-error no such mode",
    "tree.revertToCheckpoint('a', { mode: 'hard' });",
    "// @ts-expect-error the folder is missing",
    "openCheckpoints({});",
    'import { openMemory, type Found, type MemoryTool } from "tidemark/memory";',
    'import MemoryClient, { Memory, type MemoryItem } from "tidemark/mem0";',
    "async function memories(): Promise<[Found[], MemoryTool, MemoryItem | null]> { const m = await openMemory({ folder: '/tmp' }); return [await m.recall('x', { limit: 3 }), m.memoryTool({ space: 's' }), await new Memory().get('id')]; }",
    "void [memories, new MemoryClient({ apiKey: 'k' }).add([{ role: 'user', content: 'c' }], { userId: 'u', metadata: { a: 1 } })];",
    "// @ts-expect-error a session is needed",
    "tree.beginCall({ agent: 'a', call: 'c', tool: 'Edit' });",
  ].join("\n");
  writeFileSync(join(project, file), code);
  try {
    execFileSync(process.execPath, [join(ROOT, "node_modules/typescript/bin/tsc"), "--noEmit", "--strict", "--exactOptionalPropertyTypes", "--module", "NodeNext", "--target", "ES2022", "--types", "node", file], { cwd: project, encoding: "utf8", stdio: "pipe" });
  } catch (error) {
    throw new Error(String((error as { stdout?: string }).stdout), { cause: error });
  } finally {
    rmSync(join(project, file));
  }
});

test("what is packed is what runs: no source, no test", () => {
  const packed = readdirSync(join(project, "node_modules/tidemark"), { recursive: true, encoding: "utf8" });
  expect(packed).toEqual(expect.arrayContaining(["dist/checkpoints.js", "dist/checkpoints.d.ts", "dist/package.json", "docs/library.md"]));
  expect(packed.filter((name) => /^(?:src|test)\//.test(name))).toEqual([]);
});
