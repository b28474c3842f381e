/** `tidemark context` on the built command line: what it shows, its JSON, and input that is meant to break it. */
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { openSqliteStore } from "../../src/store/sqlite/store.ts";
import { record } from "../../src/operations/record.ts";
import { event } from "../builders.ts";
import { ask, place, shell, tidemark, type Place } from "../helpers.ts";
import { SESSION, work } from "../work.ts";

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

/** A session begins, as the client tells it. */
async function begins(at: Place, session: string, minute: number): Promise<void> {
  const file = join(at.env["HOME"]!, `payload-${session}`);
  writeFileSync(file, JSON.stringify({ session_id: session, transcript_path: join(at.config, "projects/-work", `${session}.jsonl`), cwd: at.cwd, hook_event_name: "SessionStart", source: "startup" }));
  const { code, err } = await shell({ ...at, env: { ...at.env, TIDEMARK_NOW: `2026-12-01T10:${String(minute).padStart(2, "0")}:00Z` } }, `$TIDEMARK hook SessionStart < ${file}`);
  expect({ code, err }).toEqual({ code: 0, err: "" });
}

const told = ({ data }: { data: any }): string[] => data.versions.map(({ n, by, sessions, added, removed, missing }: any) => [n, by, ...sessions, added === undefined ? "" : `+${added} -${removed}`, missing].filter((part) => part !== undefined && part !== "").join(" "));

test("every version of the user's file that a session began with is kept, with who wrote it, and comes back", async () => {
  const at = tree({ "CLAUDE.md": "Repo.\n" });
  mkdirSync(at.config, { recursive: true });
  const file = join(at.config, "CLAUDE.md");
  const put = (text: string): void => writeFileSync(file, text);
  put("One.\nTwo.\n");
  chmodSync(file, 0o640);
  await begins(at, "a0000000-0000-4000-8000-000000000001", 1);
  put("One.\nThree.\n");
  await begins(at, "a0000000-0000-4000-8000-000000000002", 2);
  const log = await openSqliteStore(at.home);
  await record(log, [event("files.touched", { call: "c", files: [{ path: file, change: "edited" }] }, { id: "c:files", session: "a0000000-0000-4000-8000-000000000002", time: Date.parse("2026-12-01T10:03:00Z") })]);
  await log.close();
  put("One.\nTwo.\n");
  await begins(at, "a0000000-0000-4000-8000-000000000003", 4);
  await begins(at, "a0000000-0000-4000-8000-000000000004", 5);
  put("Mine.\n");
  expect(told(await ask(at, ["context", "log", file]))).toEqual(["1 seen", "2 outside +1 -1", "3 agent a0000000-0000-4000-8000-000000000002 +1 -1", "4 outside +1 -2"]);
  expect((await ask(at, ["context", "diff", file, "2", "3"])).data.patch).toBe("--- CLAUDE.md (version 2)\n+++ CLAUDE.md (version 3)\n@@ -1,2 +1,2 @@\n One.\n-Three.\n+Two.\n");
  expect(await ask(at, ["context", "restore", file, "2"])).toMatchObject({ code: 0, data: { n: 2, written: true } });
  expect([readFileSync(file, "utf8"), statSync(file).mode & 0o777]).toEqual(["One.\nThree.\n", 0o640]);
  // What the restore replaced had been seen by no session.
  const after = await ask(at, ["context", "log", file]);
  expect(told(after).slice(3)).toEqual(["4 outside +1 -2", "5 outside +2 -1"]);
  expect(await ask(at, ["context", "restore", file, "4"])).toMatchObject({ data: { written: true } });
  expect(readFileSync(file, "utf8")).toBe("Mine.\n");
  expect(await ask(at, ["context", "restore", file, "9"])).toMatchObject({ code: 1, error: { code: "BAD_VALUE" } });
  expect(await ask(at, ["verify"])).toMatchObject({ code: 0, data: { problems: [] } });
});

test("a version that held a secret is listed and not given back; a present one that does is not replaced", async () => {
  const at = tree({ "CLAUDE.md": "Repo.\n" });
  mkdirSync(at.config, { recursive: true });
  const file = join(at.config, "CLAUDE.md");
  const secret = `Token ghp_${"aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1dE3fG5".slice(0, 36)}\n`;
  writeFileSync(file, "Plain.\n");
  await begins(at, "a0000000-0000-4000-8000-000000000001", 1);
  writeFileSync(file, secret);
  await begins(at, "a0000000-0000-4000-8000-000000000002", 2);
  expect(told(await ask(at, ["context", "log", file]))).toEqual(["1 seen", "2 outside it held what looks like a secret, which is not kept"]);
  expect(await ask(at, ["context", "diff", file])).toMatchObject({ code: 1, error: { code: "NOT_TEXT" } });
  expect(await ask(at, ["context", "restore", file, "1"])).toMatchObject({ code: 1, error: { code: "NOT_KEPT" } });
  expect(readFileSync(file, "utf8")).toBe(secret);
  expect(await ask(at, ["context", "log", join(at.cwd, "none.md")])).toMatchObject({ code: 1, error: { code: "PATH_MISSING" } });
});

test("in a tree with checkpoints every version is there, by turn and call, deleted ones too", async () => {
  const w = work(onTestFinished);
  w.world.write("CLAUDE.md", "One.\n");
  w.world.git("add", "-A");
  w.world.git("commit", "-qm", "begin");
  w.world.keeper.begin();
  w.prompt("Write it down");
  w.edit("CLAUDE.md", "One.\nTwo.\n");
  w.bash("echo Three. >> CLAUDE.md");
  w.world.write("CLAUDE.md", "Mine.\n");
  await w.told();
  const own = await ask(w.at, ["context", "log", "CLAUDE.md"]);
  expect(told(own)).toEqual(["1 seen", `2 agent ${SESSION} +1 -0`, `3 agent ${SESSION} +1 -0`, "4 outside +1 -3"]);
  expect(own.data.versions.map(({ turn }: { turn: number | null }) => turn)).toEqual([null, 1, 1, null]);
  expect(await ask(w.at, ["context", "restore", "CLAUDE.md", "3"])).toMatchObject({ data: { written: true } });
  expect(readFileSync(join(w.world.root, "CLAUDE.md"), "utf8")).toBe("One.\nTwo.\nThree.\n");
  expect(told(await ask(w.at, ["context", "log", "CLAUDE.md"]))[4]).toBe("5 outside +3 -1");
  rmSync(join(w.world.root, "CLAUDE.md"));
  expect(told(await ask(w.at, ["context", "log", "CLAUDE.md"]))[5]).toBe("6 outside +0 -3");
  expect(await ask(w.at, ["context", "restore", "CLAUDE.md", "1"])).toMatchObject({ data: { written: true } });
  expect(readFileSync(join(w.world.root, "CLAUDE.md"), "utf8")).toBe("One.\n");
  expect(await ask(w.at, ["context", "restore", "CLAUDE.md", "6"])).toMatchObject({ code: 1, error: { code: "BAD_VALUE" } });
});
