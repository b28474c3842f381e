/** Undo from a transcript alone: incidents by name, on real files, carried out by the restore that checkpoints use. */
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { configWith, freshStore, idOf, importInto, putTranscript, scratch } from "../../test/helpers.ts";
import { applyRestore } from "../worktree/restore.ts";
import { story } from "./sessions.ts";
import { callsOfTurn, planTranscriptUndo, type TranscriptUndo, type TranscriptUndoOptions } from "./undo-transcript.ts";

const SESSION = "11111111-2222-4333-8444-555555555555";

/**
 * A session that really changes files as it is told, in a folder of its own, and its transcript. Line ends are treated as
 * the client does: read as LF, an edit writes them as they were, a write as given.
 */
class Work {
  readonly top = scratch();
  readonly root = join(this.top, "work");
  readonly config = join(this.top, "claude");
  readonly #records: Record<string, unknown>[] = [];
  readonly #subagent: Record<string, unknown>[] = [];
  #calls = 0;

  constructor() {
    mkdirSync(this.root);
  }

  at(name: string): string {
    return join(this.root, name);
  }

  put(name: string, content: string | Uint8Array): void {
    mkdirSync(dirname(this.at(name)), { recursive: true });
    writeFileSync(this.at(name), content);
  }

  get(name: string): string | undefined {
    return existsSync(this.at(name)) ? readFileSync(this.at(name), "utf8") : undefined;
  }

  edit(name: string, old: string, put: string, { quiet = false, all = false } = {}): string {
    const original = readFileSync(this.at(name), "utf8");
    const text = original.replaceAll("\r\n", "\n");
    const after = all ? text.replaceAll(old, put) : text.replace(old, () => put);
    this.put(name, original.includes("\r\n") ? after.replaceAll("\n", "\r\n") : after);
    const input = { file_path: this.at(name), old_string: old, new_string: put, ...(all ? { replace_all: true } : {}) };
    return this.#call("Edit", input, quiet ? undefined : { filePath: this.at(name), oldString: old, newString: put, originalFile: text, structuredPatch: [], replaceAll: all }, quiet);
  }

  write(name: string, content: string): string {
    const original = this.get(name)?.replaceAll("\r\n", "\n");
    this.put(name, content);
    const made = original === undefined || original === "";
    return this.#call("Write", { file_path: this.at(name), content }, { type: made ? "create" : "update", filePath: this.at(name), content, originalFile: made ? null : original, structuredPatch: [] });
  }

  bash(command: string, act: () => void = () => {}): string {
    act();
    return this.#call("Bash", { command }, { stdout: "", stderr: "" });
  }

  read(name: string): string {
    return this.#call("Read", { file_path: this.at(name) }, { type: "text" });
  }

  #call(tool: string, input: unknown, structured: unknown, quiet = false): string {
    const id = `toolu_0000000000000${(this.#calls += 1)}`;
    const time = (n: number): string => new Date(Date.UTC(2026, 0, 1) + (this.#calls * 2 + n) * 1000).toISOString();
    const common = { sessionId: SESSION, cwd: this.root, ...(quiet ? { agentId: "a1", isSidechain: true } : {}) };
    (quiet ? this.#subagent : this.#records).push(
      { ...common, type: "assistant", uuid: `${id}-a`, timestamp: time(0), message: { content: [{ type: "tool_use", id, name: tool, input }] } },
      { ...common, type: "user", uuid: `${id}-r`, timestamp: time(1), message: { content: [{ type: "tool_result", tool_use_id: id, content: "ok" }] }, ...(structured === undefined ? {} : { toolUseResult: structured }) },
    );
    return id;
  }

  async plan(select: TranscriptUndoOptions["select"], more: Partial<TranscriptUndoOptions> = {}): Promise<TranscriptUndo> {
    const folder = join(this.config, "projects", "-work");
    putTranscript(join(folder, `${SESSION}.jsonl`), this.#records);
    if (this.#subagent.length > 0) putTranscript(join(folder, SESSION, "subagents", "agent-a1.jsonl"), this.#subagent);
    return planTranscriptUndo({ session: SESSION, configDir: this.config, root: this.root, select, mode: "keep", mayChange: (_, input) => !JSON.stringify(input).includes('"ls'), ...more });
  }

  /** Plans and carries out; gives what the plan said, path by path. */
  async undo(select: TranscriptUndoOptions["select"], more: Partial<TranscriptUndoOptions> = {}): Promise<string[]> {
    const { plan, contents } = await this.plan(select, more);
    const steps = plan.filter(({ action }) => action === "write" || action === "delete");
    const outcomes = applyRestore(steps, { root: this.root, holding: join(this.top, "holding"), id: "t1", read: (content) => contents.get(content)!, mayRemoveDirectory: () => false });
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(steps.map(({ action }) => (action === "write" ? "written" : "deleted")));
    return plan.map(({ path, action, reason }) => `${action} ${path}: ${reason}`);
  }
}

describe("incidents", () => {
  test("a file that Write had overwritten comes back, it is not deleted", async () => {
    const w = new Work();
    w.put("notes.md", "mine, and long\n");
    const call = w.write("notes.md", "the agent's\n");
    expect(await w.undo({ call })).toEqual(["write notes.md: changed by Write; line ends as they are now (LF), since a transcript does not keep them"]);
    expect(w.get("notes.md")).toBe("mine, and long\n");
  });

  test("an edit whose text occurs twice is undone where it was made", async () => {
    const w = new Work();
    const before = "return 0;\nreturn 1;\n// was: return 2;\n";
    w.put("a.c", `return 2;\n${before}`);
    const call = w.edit("a.c", "return 1;", "return 2;");
    await w.undo({ call });
    expect(w.get("a.c")).toBe(`return 2;\n${before}`);
  });

  test("an edit of every occurrence leaves alone what read like that before", async () => {
    const w = new Work();
    w.put("a", "a b a\n");
    const call = w.edit("a", "a", "b", { all: true });
    await w.undo({ call });
    expect(w.get("a")).toBe("a b a\n");
  });

  test("binary content is refused, not mangled", async () => {
    const w = new Work();
    const bytes = Uint8Array.from({ length: 600 }, (_, i) => (i * 7) % 256);
    // An early client read what is no UTF-8 as such, and wrote the damage.
    w.put("logo.png", Buffer.from(Buffer.from(bytes).toString("utf8")));
    const call = w.write("logo.png", "text now\n");
    expect(await w.undo({ call })).toEqual([`refuse logo.png: Write ${call}: it was not UTF-8, and the transcript holds its bytes only as damaged text`]);
    expect(await w.undo({ call }, { mode: "force" })).toHaveLength(1);
    expect(w.get("logo.png")).toBe("text now\n");
    // And one that stands there now.
    const other = w.write("b", "text\n");
    w.put("b", bytes);
    expect(await w.undo({ call: other })).toEqual(["keep b: what stands there now is no text"]);
    expect(readFileSync(w.at("b"))).toEqual(Buffer.from(bytes));
  });

  test("the user's later edit is kept", async () => {
    const w = new Work();
    w.put("a", "1\n2\n3\n4\n5\n6\n7\n");
    const call = w.edit("a", "2", "two");
    w.put("a", w.get("a")!.replace("6", "mine"));
    expect(await w.undo({ call })).toEqual([`keep a: it changed since Edit ${call}: you, another program or a shell command`]);
    expect(w.get("a")).toContain("two");
    expect(await w.undo({ call }, { mode: "merge" })).toEqual([`write a: changed by Edit; merged, because it changed since Edit ${call}: you, another program or a shell command`]);
    expect(w.get("a")).toBe("1\n2\n3\n4\n5\nmine\n7\n");
  });

  test("the user's later edit of the same lines is kept by a merge, and goes only by force", async () => {
    const w = new Work();
    w.put("a", "1\n2\n3\n");
    const call = w.edit("a", "2", "two");
    w.put("a", "1\nmine\n3\n");
    expect((await w.undo({ call }, { mode: "merge" }))[0]).toContain("not merged: the same lines were changed on both sides");
    expect(w.get("a")).toBe("1\nmine\n3\n");
    expect((await w.undo({ call }, { mode: "force" }))[0]).toContain("by force, although it changed since");
    expect(w.get("a")).toBe("1\n2\n3\n");
  });

  test("the user's edit between two calls is not undone with them", async () => {
    const w = new Work();
    w.put("a", "1\n2\n3\n4\n5\n6\n7\n8\n9\n");
    const first = w.edit("a", "1", "one");
    w.put("a", w.get("a")!.replace("5", "mine"));
    const second = w.edit("a", "9", "nine");
    expect(await w.undo({ call: first })).toEqual([`keep a: something else changed it between Edit ${first} and Edit ${second}`]);
    await w.undo({ call: first }, { mode: "merge" });
    expect(w.get("a")).toBe("1\n2\n3\n4\nmine\n6\n7\n8\n9\n");
  });

  test("cascade lists later edits of the same file", async () => {
    const w = new Work();
    w.put("a", "1\n2\n3\n");
    w.put("b", "x\n");
    const first = w.edit("a", "1", "one");
    const other = w.edit("b", "x", "y");
    const second = w.edit("a", "2", "two");
    const third = w.edit("a", "3", "three", { quiet: true });
    const { cascade, selected, plan } = await w.plan({ call: first });
    expect(selected.map(({ call }) => call)).toEqual([first]);
    expect(cascade).toMatchObject([{ call: second, path: "a", tool: "Edit" }, { call: third, path: "a", thread: "a1" }]);
    expect(plan.map(({ path }) => path)).toEqual(["a"]);
    await w.undo({ call: first });
    expect([w.get("a"), w.get("b")]).toEqual(["1\n2\n3\n", "y\n"]);
    expect((await w.plan({ call: other })).cascade).toEqual([]);
  });

  test("an operation whose original is not in the transcript is refused by name", async () => {
    const w = new Work();
    w.put("a", "1\n2\n3\n");
    const call = w.edit("a", "2", "two", { quiet: true });
    expect(await w.undo({ call })).toEqual([`refuse a: Edit ${call} of a subagent: the transcript does not hold what the file was; --merge takes out what it put in, which is there once`]);
    expect(await w.undo({ call }, { mode: "merge" })).toEqual([`write a: changed by Edit; only what Edit ${call} of a subagent put in was taken out`]);
    expect(w.get("a")).toBe("1\n2\n3\n");
  });

  test("an original with our own mark of a secret is not written", async () => {
    const w = new Work();
    w.put("a", `key ${"[redacted"}:github-token]\n2\n`);
    const call = w.edit("a", "2", "two");
    expect((await w.undo({ call }))[0]).toContain("a secret was taken out of it");
  });

  test("a shell command is never passed over in silence", async () => {
    const w = new Work();
    w.put("a", "1\n");
    const edit = w.edit("a", "1", "one");
    w.bash("ls");
    const shell = w.bash("rm b && sed -i s/1/2/ a");
    const { irreversible, selected } = await w.plan({ last: 2 });
    expect(irreversible).toEqual([{ call: shell, tool: "Bash", what: "rm b && sed -i s/1/2/ a", reason: "what a shell command changed is not in a transcript" }]);
    expect(selected.map(({ call }) => call)).toEqual([edit]);
    expect((await w.plan({ call: shell })).irreversible).toHaveLength(1);
  });
});

describe("what comes back", () => {
  test("a created file goes, and only where it is as it was left", async () => {
    const w = new Work();
    w.write("new.txt", "made\n");
    expect(await w.undo({ last: 1 })).toEqual(["delete new.txt: created by Write; if a file was there before, it was empty"]);
    expect(w.get("new.txt")).toBeUndefined();
    const other = w.write("other.txt", "made\n");
    w.put("other.txt", "made\nand mine\n");
    expect((await w.undo({ call: other }, { mode: "merge" }))[0]).toMatch(/^keep other\.txt: .*before it there was no file/);
    expect(w.get("other.txt")).toBe("made\nand mine\n");
  });

  test("a file that may have been there and empty is not deleted", async () => {
    const w = new Work();
    w.put("a", "");
    w.read("a");
    const call = w.write("a", "now\n");
    expect((await w.undo({ call }))[0]).toContain("refuse a: ");
    expect(w.get("a")).toBe("now\n");
  });

  test("mode, CR LF, byte order mark and UTF-16 stay as they are", async () => {
    const w = new Work();
    w.put("run.sh", "#!/bin/sh\r\necho 1\r\n");
    chmodSync(w.at("run.sh"), 0o755);
    w.edit("run.sh", "1", "2\necho 3");
    expect((await w.undo({ last: 1 }))[0]).toContain("line ends as they are now (CR LF)");
    expect(w.get("run.sh")).toBe("#!/bin/sh\r\necho 1\r\n");
    expect(statSync(w.at("run.sh")).mode & 0o777).toBe(0o755);
    w.put("bom", "\uFEFFone\n");
    w.edit("bom", "one", "two");
    await w.undo({ last: 1 });
    expect(w.get("bom")).toBe("\uFEFFone\n");
    const wide = (text: string): Buffer => Buffer.from(`\uFEFF${text}`, "utf16le");
    w.put("wide", "\uFEFFone\n");
    w.edit("wide", "one", "two");
    w.put("wide", wide("two\n"));
    await w.undo({ last: 1 });
    expect(readFileSync(w.at("wide"))).toEqual(wide("one\n"));
  });

  test("a file that is gone stays so, unless by force", async () => {
    const w = new Work();
    w.put("a", "1\n");
    const call = w.edit("a", "1", "one");
    rmSync(w.at("a"));
    expect(await w.undo({ call })).toEqual([`keep a: it is gone since Edit ${call}`]);
    await w.undo({ call }, { mode: "force" });
    expect(w.get("a")).toBe("1\n");
    expect(statSync(w.at("a")).mode & 0o777).toBe(0o644);
  });

  test("what was undone by hand is left alone", async () => {
    const w = new Work();
    w.put("a", "1\n");
    const call = w.edit("a", "1", "one");
    w.put("a", "1\n");
    expect(await w.undo({ call })).toEqual([`keep a: it is what it was before Edit ${call} already`]);
  });

  test("one call only: later ones stay, merged around, or it is refused", async () => {
    const w = new Work();
    w.put("a", "1\n2\n3\n4\n5\n6\n7\n8\n9\n");
    const first = w.edit("a", "1", "one");
    const second = w.edit("a", "5", "five");
    const third = w.edit("a", "five", "FIVE");
    expect((await w.plan({ call: first }, { only: true })).cascade).toEqual([]);
    expect(await w.undo({ call: second }, { only: true })).toEqual([`keep a: Edit ${third} changed it after Edit ${second}; not merged: the same lines were changed on both sides`]);
    expect((await w.undo({ call: second }, { only: true, mode: "force" }))[0]).toMatch(/^keep/);
    expect(await w.undo({ call: first }, { only: true })).toEqual([`write a: changed by Edit; merged, because Edit ${second} changed it after Edit ${first}`]);
    expect(w.get("a")).toBe("1\n2\n3\n4\nFIVE\n6\n7\n8\n9\n");
  });

  test("of calls apart, each is merged around those that stay, and not around the user", async () => {
    const w = new Work();
    w.put("a", "1\n2\n3\n4\n5\n6\n7\n8\n9\n");
    const calls = [w.edit("a", "1", "one"), w.edit("a", "4", "four"), w.edit("a", "8", "eight")];
    const mine = w.get("a")!.replace("6", "mine");
    w.put("a", mine);
    expect((await w.undo({ calls: calls.slice(0, 2) }, { only: true }))[0]).toMatch(/^keep a: it changed since/);
    w.put("a", mine.replace("mine", "6"));
    await w.undo({ calls: calls.slice(0, 2) }, { only: true });
    expect(w.get("a")).toBe("1\n2\n3\n4\n5\n6\n7\neight\n9\n");
  });

  test("deletions come first, the deepest before the others", async () => {
    const w = new Work();
    w.put("z", "1\n");
    w.write("d/e/f", "x");
    w.write("d/g", "x");
    w.edit("z", "1", "2");
    const { plan } = await w.plan({ last: 3 });
    expect(plan.map(({ action, path }) => `${action} ${path}`)).toEqual(["delete d/e/f", "delete d/g", "write z"]);
  });

  test("the present is named, so that what changes meanwhile is found out", async () => {
    const w = new Work();
    w.put("a", "1\n");
    w.edit("a", "1", "2");
    const { plan, contents } = await w.plan({ last: 1 });
    expect(plan[0]).toMatchObject({ expected: { type: "file", size: 2, content: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) as string }, target: { type: "file", size: 2 } });
    expect([...contents.values()].map((bytes) => Buffer.from(bytes).toString())).toEqual(["1\n"]);
  });
});

describe("where", () => {
  test("nothing outside of the tree, in .git, or of our own is written", async () => {
    const w = new Work();
    const outside = join("..", "outside");
    w.put(outside, "1\n");
    w.put(".git/config", "1\n");
    w.put("CLAUDE.session.md", "1\n");
    for (const name of [outside, ".git/config", "CLAUDE.session.md"]) w.edit(name, "1", "2");
    mkdirSync(w.at("real"));
    symlinkSync(w.top, w.at("link"));
    w.edit("link/outside", "2", "3");
    expect((await w.undo({ last: 4 })).sort()).toEqual([
      "refuse .git/config: it is git's own",
      `refuse ${join(w.top, "outside")}: it is outside of ${w.root}`,
      `refuse ${w.at("link/outside")}: it is outside of ${w.root}`,
    ].sort());
    expect(w.get(outside)).toBe("3\n");
  });

  test("a file named through a link inside the tree is the file", async () => {
    const w = new Work();
    w.put("real/a", "1\n2\n");
    symlinkSync("real", w.at("link"));
    w.edit("link/a", "1", "one");
    w.edit("real/a", "2", "two");
    const { plan, selected } = await w.plan({ last: 2 });
    expect([plan.map(({ path }) => path), selected.map(({ path }) => path)]).toEqual([["real/a"], ["real/a", "real/a"]]);
  });

  test("only the paths asked for", async () => {
    const w = new Work();
    w.put("a", "1\n");
    w.put("b", "1\n");
    w.edit("a", "1", "2");
    w.edit("b", "1", "2");
    expect((await w.plan({ last: 2 }, { within: (path) => path === "b" })).plan.map(({ path }) => path)).toEqual(["b"]);
  });
});

describe("which", () => {
  test("a call that failed or only read says so, an unknown one is refused", async () => {
    const w = new Work();
    const read = w.read("a");
    expect((await w.plan({ call: read })).irreversible).toMatchObject([{ call: read, reason: "Read changes no file itself" }]);
    await expect(w.plan({ call: "toolu_00000000000000009" })).rejects.toMatchObject({ code: "BAD_VALUE" });
  });

  test("a transcript that is gone is an error, not an empty plan", async () => {
    const w = new Work();
    await expect(planTranscriptUndo({ session: SESSION, configDir: w.config, root: w.root, select: { last: 1 }, mode: "keep", mayChange: () => true })).rejects.toMatchObject({ code: "TRANSCRIPT_GONE" });
    await w.plan({ last: 1 });
    await expect(planTranscriptUndo({ session: "other", configDir: w.config, root: w.root, select: { last: 1 }, mode: "keep", mayChange: () => true })).rejects.toMatchObject({ code: "TRANSCRIPT_GONE" });
  });

  test("damaged lines are told, and early subagents' files beside others' are read", async () => {
    const w = new Work();
    w.put("a", "1\n");
    w.edit("a", "1", "2");
    await w.plan({ last: 1 });
    const folder = join(w.config, "projects", "-work");
    const record = { sessionId: SESSION, agentId: "a9", type: "assistant", uuid: "u", timestamp: "2026-01-02T00:00:00.000Z", message: { content: [{ type: "tool_use", id: "toolu_00000000000000077", name: "Bash", input: { command: "rm x" } }] } };
    putTranscript(join(folder, "agent-a9.jsonl"), [record, '{"torn']);
    putTranscript(join(folder, "agent-b7.jsonl"), [{ ...record, sessionId: "another" }]);
    const told = await w.plan({ last: 1 });
    expect(told.transcripts.map((path) => path.slice(folder.length + 1))).toEqual([`${SESSION}.jsonl`, "agent-a9.jsonl"]);
    expect(told.irreversible.map(({ call }) => call)).toEqual(["toolu_00000000000000077"]);
    expect(told.damaged).toMatchObject([{ line: 2 }]);
  });
});

test("a recorded session: a turn of it, on files as it left them, comes back by the bytes", async () => {
  const config = configWith("330 main");
  const store = await freshStore();
  await importInto(store, config);
  const told = await story(store, idOf("330 main"));
  // The session worked in /tmp/demo, which is not on this machine: its records are moved to a folder that is.
  const root = scratch();
  const folder = join(config, "projects", "-tmp-demo");
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((each) => each.endsWith(".jsonl"))) {
    writeFileSync(join(folder, name), readFileSync(join(folder, name), "utf8").replaceAll("/tmp/demo", root));
  }
  writeFileSync(join(root, "a.txt"), "hello world\n");
  writeFileSync(join(root, "greet.txt"), "hi there\n");
  writeFileSync(join(root, "notes.txt"), "notes\n");
  const options = { session: idOf("330 main"), configDir: config, root, mode: "keep", mayChange: () => true } as const;
  const plans = await Promise.all(told.turns.map(({ n }) => planTranscriptUndo({ ...options, select: { calls: callsOfTurn(told, n) } })));
  const said = plans.map(({ plan, cascade }) => [plan.map(({ action, path }) => `${action} ${path}`).join(", "), cascade.length]);
  // greet.txt was written in the first turn and edited in the second, which goes with it.
  expect(said).toEqual([["delete greet.txt, delete notes.txt, write a.txt", 1], ["write greet.txt", 0], ["", 0]]);
  expect(() => callsOfTurn(told, 99)).toThrow("has no turn 99");
});
