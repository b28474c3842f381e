/** What the records of a transcript prove of each edit, in the shapes that the clients write. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { linesOf, transcript } from "../../../test/helpers.ts";
import { isText, OperationReader, takenBack, type FileOperation, type Operations, type Side } from "./operations.ts";

type Fields = Record<string, unknown>;

/** Records of a session told call by call; times count up by a second. */
class Tape {
  readonly records: Fields[] = [];
  #n = 0;

  /** Without a result the call is left open; `structured` is what the client adds for itself. */
  call(tool: string, input: Fields, structured?: unknown, more: { output?: string; error?: boolean; thread?: string; open?: boolean } = {}): string {
    const id = `toolu_0000000000000${(this.#n += 1)}`;
    const who = more.thread === undefined ? {} : { agentId: more.thread };
    this.#add({ type: "assistant", ...who, message: { content: [{ type: "tool_use", id, name: tool, input }] } });
    if (more.open !== true) {
      this.#add({ type: "user", ...who, message: { content: [{ type: "tool_result", tool_use_id: id, content: more.output ?? "ok", ...(more.error === true ? { is_error: true } : {}) }] }, ...(structured === undefined ? {} : { toolUseResult: structured }) });
    }
    return id;
  }

  edit(path: string, original: string | null | undefined, oldString: string, newString: string, more: { patch?: unknown; all?: boolean; thread?: string } = {}): string {
    const structured = more.thread !== undefined ? undefined : { filePath: path, oldString, newString, originalFile: original, structuredPatch: more.patch ?? [], replaceAll: more.all === true };
    return this.call("Edit", { file_path: path, old_string: oldString, new_string: newString, ...(more.all === true ? { replace_all: true } : {}) }, structured, { ...(more.thread === undefined ? {} : { thread: more.thread }), output: `The file ${path} has been updated successfully.` });
  }

  raw(record: Fields): void {
    this.#add(record);
  }

  #add(record: Fields): void {
    this.records.push({ uuid: `r${this.records.length}`, cwd: "/work", timestamp: new Date(Date.UTC(2026, 0, 1) + this.records.length * 1000).toISOString(), ...record });
  }
}

function read(tell: (tape: Tape) => void): Operations {
  const tape = new Tape();
  tell(tape);
  return readAll(tape.records);
}

function readAll(records: readonly unknown[]): Operations {
  const reader = new OperationReader("s1");
  for (const record of records) reader.push(record as Fields);
  return reader.end();
}

const files = ({ operations }: Operations): FileOperation[] => operations.filter((each) => each.kind === "file");
const short = (side: Side): string => (side === "absent" ? "(absent)" : isText(side) ? side.text : `(unknown: ${side.unknown})`);
const sides = (told: Operations): string[] => files(told).map(({ before, after }) => `${short(before)} → ${short(after)}`);
const created = (path: string, content: string) => ({ type: "create", filePath: path, content, structuredPatch: [], originalFile: null });

describe("an edit", () => {
  test("has its file before it and after it", () => {
    expect(sides(read((t) => t.edit("/work/a", "one\ntwo\n", "two", "three")))).toEqual(["one\ntwo\n → one\nthree\n"]);
  });

  test("replaces every occurrence only where it says so", () => {
    expect(sides(read((t) => t.edit("/work/a", "x x\n", "x", "y", { all: true })))).toEqual(["x x\n → y y\n"]);
    expect(short(files(read((t) => t.edit("/work/a", "x x\n", "x", "y")))[0]!.after)).toContain("does not fit");
  });

  test("is made as it stands, also with what replace() would take for a pattern", () => {
    expect(sides(read((t) => t.edit("/work/a", "cost\n", "cost", "$& $1 $$")))).toEqual(["cost\n → $& $1 $$\n"]);
  });

  test("that takes out a line takes its line feed, as the client does", () => {
    const patch = [{ oldStart: 1, oldLines: 3, newStart: 1, newLines: 2, lines: [" a", "-b", " c"] }];
    expect(sides(read((t) => t.edit("/work/a", "a\nb\nc\n", "b", "", { patch })))).toEqual(["a\nb\nc\n → a\nc\n"]);
    expect(sides(read((t) => t.edit("/work/a", "a\nb\nc\n", "b", "")))).toEqual(["a\nb\nc\n → a\nc\n"]);
  });

  test("whose own diff says otherwise is what the diff says: curly quotes", () => {
    const patch = [{ oldStart: 1, oldLines: 1, newStart: 1, newLines: 1, lines: ["-say “hello”", "+say “bye”"] }];
    expect(sides(read((t) => t.edit("/work/a", "say “hello”\n", "say “hello”", 'say "bye"', { patch })))).toEqual(["say “hello”\n → say “bye”\n"]);
  });

  test("is checked against a diff that shows tabs as blanks, and a last line without a line feed", () => {
    const patch = [{ oldStart: 1, oldLines: 2, newStart: 1, newLines: 3, lines: ["   one", "-    two", "\\ No newline at end of file", "+    2", "+    new", "\\ No newline at end of file"] }];
    expect(sides(read((t) => t.edit("/work/a", "\tone\n\t\ttwo", "two", "2\n\t\tnew", { patch })))).toEqual(["\tone\n\t\ttwo → \tone\n\t\t2\n\t\tnew"]);
  });

  test("whose diff fits neither way is not known", () => {
    const patch = [{ oldStart: 7, oldLines: 1, newStart: 7, newLines: 1, lines: ["-other", "+words"] }];
    expect(short(files(read((t) => t.edit("/work/a", "one\ntwo\n", "two", "three", { patch })))[0]!.after)).toContain("does not fit");
  });

  test("of many in one call is each made on what the one before left", () => {
    const structured = { filePath: "/work/a", originalFileContents: "one two\n", edits: [{ old_string: "one", new_string: "two!" }, { old_string: "two\n", new_string: "three\n" }], structuredPatch: [] };
    expect(sides(read((t) => t.call("MultiEdit", { file_path: "/work/a" }, structured)))).toEqual(["one two\n → two! three\n"]);
  });

  test("of a notebook has both sides in its result", () => {
    const structured = { notebook_path: "/work/n.ipynb", original_file: "{1}", updated_file: "{2}", error: "" };
    expect(sides(read((t) => t.call("NotebookEdit", { notebook_path: "/work/n.ipynb" }, structured)))).toEqual(["{1} → {2}"]);
    expect(read((t) => t.call("NotebookEdit", { notebook_path: "/work/n.ipynb" }, { ...structured, error: "no such cell" })).operations).toEqual([]);
  });
});

describe("a write", () => {
  test("over a file has what it overwrote", () => {
    const structured = { type: "update", filePath: "/work/a", content: "new\n", originalFile: "old\n", structuredPatch: [] };
    expect(sides(read((t) => t.call("Write", { file_path: "/work/a", content: "new\n" }, structured)))).toEqual(["old\n → new\n"]);
  });

  test("that created a file had none before it", () => {
    const [one] = files(read((t) => t.call("Write", { file_path: "/work/a", content: "new\n" }, created("/work/a", "new\n"))));
    expect(one).toMatchObject({ before: "absent", after: { text: "new\n" }, perhapsEmpty: true });
  });

  test("of which the client itself had found no file is certain to have created it", () => {
    const told = read((t) => {
      t.raw({ type: "file-history-snapshot", snapshot: { trackedFileBackups: { a: { backupFileName: null, version: 1, backupTime: "2026-01-01T00:00:00.000Z" } } } });
      t.call("Write", { file_path: "/work/a", content: "new\n" }, created("/work/a", "new\n"));
    });
    expect(files(told)[0]).toMatchObject({ before: "absent" });
    expect(files(told)[0]).not.toHaveProperty("perhapsEmpty");
  });

  test("is not made certain by what the client found later", () => {
    const told = read((t) => {
      t.call("Write", { file_path: "/work/a", content: "new\n" }, created("/work/a", "new\n"), { thread: "sub" });
      t.raw({ type: "file-history-delta", trackingPath: "/work/a", backup: { backupFileName: null, version: 1, backupTime: "2026-01-02T00:00:00.000Z" } });
    });
    expect(files(told)[0]).toMatchObject({ before: "absent", perhapsEmpty: true });
  });

  test("that says create of a file seen before may have been over an empty one", () => {
    const told = read((t) => {
      t.call("Read", { file_path: "/work/a" });
      t.call("Write", { file_path: "/work/a", content: "new\n" }, created("/work/a", "new\n"));
      t.call("Bash", { command: "cat b" });
      t.call("Write", { file_path: "/work/b", content: "new\n" }, created("/work/b", "new\n"));
    });
    expect(sides(told)).toEqual(Array(2).fill("(unknown: the transcript does not tell whether the file was empty before or not there at all) → new\n"));
  });

  test("of a file too large for the transcript has what went in its diff", () => {
    const patch = [{ oldStart: 1, oldLines: 2, newStart: 1, newLines: 1, lines: ["-one", "-two", "+new"] }];
    expect(sides(read((t) => t.call("Write", { file_path: "/work/a", content: "new\n" }, { type: "update", content: "new\n", originalFile: null, structuredPatch: patch })))).toEqual(["one\ntwo\n → new\n"]);
    const blanks = [{ oldStart: 1, oldLines: 1, newStart: 1, newLines: 1, lines: ["-  one", "+new"] }];
    expect(sides(read((t) => t.call("Write", { file_path: "/work/a", content: "new\n" }, { type: "update", content: "new\n", originalFile: null, structuredPatch: blanks })))[0]).toContain("unknown");
  });
});

describe("what is not told", () => {
  test("is taken from the edit before, if this one fits", () => {
    const told = read((t) => {
      t.edit("/work/a", "one\n", "one", "two");
      t.edit("/work/a", undefined, "two", "three", { thread: "sub" });
      t.edit("/work/a", undefined, "nowhere", "x", { thread: "sub" });
    });
    expect(sides(told).slice(0, 2)).toEqual(["one\n → two\n", "two\n → three\n"]);
    expect(sides(told)[2]).toContain("unknown");
  });

  test("is taken from the edit after", () => {
    const told = read((t) => {
      t.edit("/work/a", undefined, "one", "two", { thread: "sub" });
      t.edit("/work/a", "two\nend\n", "end", "END");
    });
    expect(sides(told)).toEqual(["one\nend\n → two\nend\n", "two\nend\n → two\nEND\n"]);
  });

  test("is not taken from the edit before a command that may have changed it, for a write", () => {
    const write = (between: (t: Tape) => void, first: (t: Tape) => void = () => {}): string => sides(read((t) => {
      first(t);
      t.edit("/work/a", "one\n", "one", "two");
      between(t);
      t.call("Write", { file_path: "/work/a", content: "new\n" }, undefined, { thread: "sub", output: "The file /work/a has been updated successfully." });
    }))[1]!;
    expect(write(() => {})).toBe("two\n → new\n");
    expect(write((t) => t.call("Grep", { pattern: "x" }))).toBe("two\n → new\n");
    expect(write((t) => t.call("Bash", { command: "make" }))).toContain("unknown");
    expect(write((t) => t.call("Read", { file_path: "/work/a" }))).toContain("unknown");
    expect(write(() => {}, (t) => t.call("Bash", { command: "make" }))).toBe("two\n → new\n");
    expect(write(() => {}, (t) => t.call("Bash", { command: "make watch", run_in_background: true }))).toContain("unknown");
  });

  test("bytes that were no text are damaged in the transcript", () => {
    expect(short(files(read((t) => t.edit("/work/a", "one\n\uFFFD\ntwo\n", "two", "2")))[0]!.before)).toContain("not UTF-8");
  });

  test("a text with our own mark of a secret is not what the file held", () => {
    expect(short(files(read((t) => t.edit("/work/a", `key = ${"[redacted"}:aws-key]\ntwo\n`, "two", "2")))[0]!.before)).toContain("secret");
  });

  test("an original shortened by a tool of someone's does not fit its edit", () => {
    const [one] = readRecorded("review").filter(({ tool }) => tool === "Edit");
    expect([one!.before, one!.after].some((side) => !isText(side))).toBe(true);
  });
});

describe("calls", () => {
  test("that failed, were refused or only read are no operations, each with its reason", () => {
    const told = read((t) => {
      t.call("Edit", { file_path: "/work/a", old_string: "a", new_string: "b" }, undefined, { error: true, output: "String to replace not found in file." });
      t.call("Write", { file_path: "/work/a", content: "" }, undefined, { error: true, output: "The user doesn't want to proceed with this tool use." });
      t.call("Edit", { file_path: "/work/a", old_string: "a", new_string: "b" }, undefined, { open: true });
      t.call("Read", { file_path: "/work/a" });
    });
    expect(told.operations).toEqual([]);
    expect([...told.without.values()].map(({ reason, harmless }) => [reason, harmless])).toEqual([
      ["this Edit failed and changed nothing", true],
      ["Write was not allowed to run", true],
      ["the transcript has no result of this Edit, so it is not known whether it was done", false],
      ["Read changes no file itself", true],
    ]);
  });

  test("of the shell are told, also those that failed or never came back", () => {
    const told = read((t) => {
      t.call("Bash", { command: "rm x" });
      t.call("Bash", { command: "false" }, undefined, { error: true, output: "Exit code 1" });
      t.call("Bash", { command: "sleep 9" }, undefined, { open: true });
      t.call("Bash", { command: "rm y" }, undefined, { error: true, output: "The user doesn't want to proceed with this tool use." });
    });
    expect(told.operations.map(({ kind }) => kind)).toEqual(["other", "other", "other"]);
  });

  test("are told once, in the order of their results, by whichever file says most", () => {
    const tape = new Tape();
    tape.edit("/work/a", "one\n", "one", "two");
    tape.edit("/work/b", "one\n", "one", "two");
    const [callA, resultA, callB, resultB] = tape.records as [Fields, Fields, Fields, Fields];
    const { toolUseResult: _, ...bare } = resultB;
    const told = readAll([callB, bare, callA, resultA, callB, resultB]);
    expect(files(told).map(({ path }) => path)).toEqual(["/work/a", "/work/b"]);
    expect(sides(told)).toEqual(["one\n → two\n", "one\n → two\n"]);
  });

  test("of a subagent inside of progress records are its own", () => {
    const tape = new Tape();
    tape.edit("/work/a", undefined, "one", "two", { thread: "x" });
    const inside = tape.records.map((message) => ({ type: "progress", data: { type: "agent_progress", agentId: "a1", message: { ...message, agentId: undefined } } }));
    expect(files(readAll(inside))).toMatchObject([{ thread: "a1", path: "/work/a" }]);
  });
});

describe("recorded sessions", () => {
  test("of both clients tell every edit whole", () => {
    for (const name of ["197 main", "330 main", "330 typed"] as const) {
      const told = readRecorded(name);
      expect(told.length, name).toBeGreaterThan(2);
      for (const { before, after, call } of told) expect([before === "absent" || isText(before), isText(after)], call).toEqual([true, true]);
    }
  });

  test("of a subagent in its own file have what it created", () => {
    const beside = transcript("330 main").replace(/\.jsonl$/, "/subagents/agent-a8bdf61fe48f4c74a.jsonl");
    const told = readAll([...linesOf("330 main"), ...readFileSync(beside, "utf8").trimEnd().split("\n")].map((line) => JSON.parse(line) as unknown));
    expect(files(told).filter(({ thread }) => thread !== undefined)).toMatchObject([{ tool: "Write", before: "absent", after: { text: "notes\n" } }]);
  });
});

function readRecorded(name: Parameters<typeof linesOf>[0]): FileOperation[] {
  return files(readAll(linesOf(name).map((line) => JSON.parse(line) as unknown)));
}

test("an edit is taken out of a text only where it is certain where it was made", () => {
  const edit = { old: "one", new: "two", all: false };
  expect(takenBack("a two b", [edit])).toBe("a one b");
  expect(takenBack("two two", [edit])).toBeUndefined();
  expect(takenBack("one two", [edit])).toBeUndefined();
  expect(takenBack("nothing", [edit])).toBeUndefined();
  expect(takenBack("ab", [{ old: "x", new: "", all: false }])).toBeUndefined();
  expect(takenBack("two", [{ ...edit, all: true }])).toBeUndefined();
});
