/** `tidemark context` on the built command line: what it shows, its JSON, and input that is meant to break it. */
import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { ask, place, tidemark, type Place } from "../helpers.ts";

function tree(files: Record<string, string | Buffer>): Place {
  const at = place();
  execFileSync("git", ["init", "--quiet"], { cwd: at.cwd });
  write(at, files);
  execFileSync("git", ["add", "--all"], { cwd: at.cwd });
  return at;
}

function write(at: Place, files: Record<string, string | Buffer>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(at.cwd, path)), { recursive: true });
    writeFileSync(join(at.cwd, path), text);
  }
}

const paths = (at: Place, files: readonly { path: string }[]): string[] => files.map(({ path }) => path.replace(`${at.cwd}/`, "").replace(`${at.config}/`, "~/"));

test("what an agent is given here, and for a file that it opens, with the reason and the size", async () => {
  const at = tree({ "CLAUDE.md": "# App\n\nSee @docs/style.md\n", "docs/style.md": "Short lines.\n", ".claude/rules/api.md": "---\npaths: src/api/**\n---\nVersion every route.\n", "src/api/CLAUDE.md": "The API.\n", "src/api/a.ts": "" });
  mkdirSync(at.config, { recursive: true });
  writeFileSync(join(at.config, "CLAUDE.md"), "Be brief.\n");
  const here = await ask(at, ["context"]);
  expect(here).toMatchObject({ code: 0, schema: "tidemark/context/1", ok: true, data: { agent: "claude-code", from: at.cwd, open: null, others: [] } });
  expect(paths(at, here.data.files)).toEqual(["~/CLAUDE.md", "CLAUDE.md", "docs/style.md"]);
  expect(here.data.tokens).toBe(here.data.files.reduce((sum: number, { tokens }: { tokens: number }) => sum + tokens, 0));
  const opened = await tidemark(at, ["context", "src/api/a.ts"]);
  expect(opened.err).toBe("");
  expect(opened.out.replaceAll(at.cwd, "$W").replaceAll(dirname(at.cwd), "$R")).toMatchInlineSnapshot(`
    "claude-code started in $W, opening src/api/a.ts

    tokens  kind     file                  because
         3  user     ~/claude/CLAUDE.md    start
         9  project  CLAUDE.md             start
         3  project  docs/style.md         imported by CLAUDE.md
         3  project  src/api/CLAUDE.md     a file below is opened
         4  project  .claude/rules/api.md  paths: src/api

    5 files, 22 tokens
    "
  `);
  expect(paths(at, (await ask(at, ["context", "src/api"])).data.files)).toEqual(["~/CLAUDE.md", "CLAUDE.md", "src/api/CLAUDE.md"]);
  expect(paths(at, (await ask(at, ["context", "src/api", "--from", "."])).data.files)).toEqual(["~/CLAUDE.md", "CLAUDE.md", "docs/style.md", "src/api/CLAUDE.md", ".claude/rules/api.md"]);
});

test("instructions that no longer match the tree are named with their line", async () => {
  const at = tree({ "CLAUDE.md": "Start at `src/main.ts`.\n\n```sh\nnpm run lint\nmake check\n```\n@docs/none.md and @docs/one.md, then more by @someone/else\n", "docs/one.md": "One.\n", "src/main.ts": "", "package.json": '{"scripts":{"lint":"x"}}', Makefile: "check:\n\ttrue\n", "AGENTS.md": "Agents.\n" });
  const before = await ask(at, ["context"]);
  expect(before.data.files[0].warnings).toEqual([{ code: "import", line: 7, message: "@docs/none.md is not there, so nothing is loaded for it" }, { code: "import", line: 7, message: "@docs/one.md, is not loaded: the client takes the punctuation behind it for part of the name" }]);
  expect(before.data.others).toEqual([{ path: join(at.cwd, "AGENTS.md"), warnings: [{ code: "not loaded", message: expect.stringContaining("a line @AGENTS.md") }] }]);
  rmSync(join(at.cwd, "src/main.ts"));
  write(at, { "package.json": "{}", Makefile: "test:\n\ttrue\n", "sub/package.json": '{"scripts":{"x":"x"}}' });
  execFileSync("git", ["add", "sub"], { cwd: at.cwd });
  const after = await ask(at, ["context"]);
  expect(after.data.files[0].warnings.map(({ code, line }: { code: string; line: number }) => `${code} ${line}`)).toEqual(["gone 1", "gone 4", "gone 5", "import 7", "import 7"]);
});

test("rings, binaries, huge files and links outside neither stop it nor go by unsaid", async () => {
  const at = tree({ "CLAUDE.md": "@a.md\n@huge.md\n@out.md\n", "a.md": "@b.md\n", "b.md": "@a.md @CLAUDE.md\n", ".claude/CLAUDE.md": Buffer.from([0x61, 0x00, 0xff, 0x1b, 0x5b, 0x33, 0x31, 0x6d, 0x0a]) });
  write(at, { "huge.md": Buffer.alloc(4 * 1024 * 1024 + 1, "a b\n") });
  writeFileSync(join(dirname(at.cwd), "out.md"), "Out.\n");
  symlinkSync("../out.md", join(at.cwd, "out.md"));
  symlinkSync("CLAUDE.local.md", join(at.cwd, "CLAUDE.local.md"));
  const { code, data } = await ask(at, ["context"]);
  expect(code).toBe(0);
  expect(paths(at, data.files)).toEqual(["CLAUDE.md", "a.md", "b.md", ".claude/CLAUDE.md"]);
  expect(data.files[0].warnings.map(({ line, message }: { line: number; message: string }) => `${line} ${message.split(":")[0]!.slice(0, 40)}`)).toEqual(["2 @huge.md is not loaded", "3 @out.md lies outside of the folder the a"]);
  expect(data.files[3].warnings).toMatchObject([{ code: "binary" }]);
  expect(data.others).toMatchObject([{ path: join(at.cwd, "CLAUDE.local.md"), warnings: [{ code: "not loaded", message: expect.stringContaining("a link that leads to itself") }] }]);
  expect((await tidemark(at, ["context"])).out).not.toContain("\u001b");
});

test("other agents by their names; what is not there or not known is refused", async () => {
  const at = tree({ "AGENTS.md": "Agents.\n", "GEMINI.md": "Gemini. @./more.md\n", "more.md": "More.\n", "CLAUDE.md": "Claude.\n" });
  const given = async (agent: string): Promise<string[]> => paths(at, (await ask(at, ["context", "--agent", agent])).data.files);
  expect(await given("codex")).toEqual(["AGENTS.md"]);
  expect(await given("gemini")).toEqual(["GEMINI.md", "more.md"]);
  rmSync(join(at.cwd, "CLAUDE.md"));
  expect(await given("claude-code@2.1.330")).toEqual(["AGENTS.md"]);
  expect(await given("claude-code@2.1.197")).toEqual([]);
  expect((await tidemark(at, ["context", "--agent", "claude-code@2.1.197"])).out).toContain("is given no instruction files");
  expect(await ask(at, ["context", "--agent", "other"])).toMatchObject({ code: 1, error: { code: "BAD_VALUE" } });
  expect(await ask(at, ["context", "nowhere"])).toMatchObject({ code: 1, error: { code: "PATH_MISSING" } });
  expect(await ask(at, ["context", "--from", "AGENTS.md"])).toMatchObject({ code: 1, error: { code: "PATH_MISSING" } });
});
