/** The memory tool's commands: the answers that models know, and each place where the SDK's reference goes wrong. */
import { describe, expect, test } from "vitest";
import { carryOutCommand, foldFiles, type Carried, type MemoryFiles } from "./files.ts";
import { event } from "../../test/builders.ts";

const files = (all: Record<string, string>): MemoryFiles => new Map(Object.entries(all).map(([path, text]) => [`/memories/${path}`, text]));
const run = (all: Record<string, string>, command: object): Carried => carryOutCommand(files(all), command);
const answer = (all: Record<string, string>, command: object): string => run(all, command).answer;

describe("view", () => {
  test("a folder lists two levels, with sizes, without what is hidden", () => {
    const all = { "a.md": "12345", "notes/b.md": "x".repeat(2048), "notes/deep/c.md": "1", "notes/deep/er/d.md": "22", ".hidden": "h", "node_modules/m": "m" };
    expect(answer(all, { command: "view", path: "/memories" }).split("\n")).toEqual([
      "Here're the files and directories up to 2 levels deep in /memories, excluding hidden items and node_modules:",
      "2.0K\t/memories", "5B\t/memories/a.md", "2.0K\t/memories/notes/", "2K\t/memories/notes/b.md", "3B\t/memories/notes/deep/",
    ]);
    expect(answer({}, { command: "view", path: "/memories/" })).toBe("Here're the files and directories up to 2 levels deep in /memories, excluding hidden items and node_modules:\n0B\t/memories");
  });

  test("a file has its lines numbered, all or some of them", () => {
    const all = { "a.md": "one\ntwo\nthree\n" };
    expect(answer(all, { command: "view", path: "/memories/a.md" })).toBe("Here's the content of /memories/a.md with line numbers:\n     1\tone\n     2\ttwo\n     3\tthree\n     4\t");
    expect(answer(all, { command: "view", path: "/memories/a.md", view_range: [2, 3] })).toBe("Here's the content of /memories/a.md with line numbers:\n     2\ttwo\n     3\tthree");
    expect(answer(all, { command: "view", path: "/memories/a.md", view_range: [3, -1] })).toContain("     3\tthree\n     4\t");
  });

  test.each([[[9, 10]], [[0, 1]], [[3, 2]], [[1]], ["1-2"], [[1.5, 2]]])("a range outside of the file is refused, not answered with nothing: %j", (range) => {
    expect(() => run({ "a.md": "one\ntwo" }, { command: "view", path: "/memories/a.md", view_range: range })).toThrow(/^Invalid `view_range`.*\[1, 2\]/);
  });
});

describe("create", () => {
  test("makes a file in a folder that was not there; one that is there stays", () => {
    expect(run({}, { command: "create", path: "/memories/new/a.md", file_text: "text" })).toEqual({ answer: "File created successfully at: /memories/new/a.md", changes: [{ path: "/memories/new/a.md", text: "text" }] });
    expect(() => run({ "a.md": "" }, { command: "create", path: "/memories/a.md", file_text: "other" })).toThrow("File /memories/a.md already exists");
  });

  test("not where a folder is, nor below a file", () => {
    expect(() => run({ "a/b.md": "" }, { command: "create", path: "/memories/a", file_text: "" })).toThrow("The path /memories/a is a directory.");
    expect(() => run({ "a.md": "" }, { command: "create", path: "/memories/a.md/b.md", file_text: "" })).toThrow("The path /memories/a.md is not a directory.");
    expect(() => run({}, { command: "create", path: "/memories", file_text: "" })).toThrow("is a directory");
    expect(() => run({}, { command: "create", path: "/memories/a.md" })).toThrow("`file_text` is missing");
  });
});

describe("str_replace", () => {
  test("answers with the lines around the change", () => {
    const { answer: said, changes } = run({ "a.md": "1\n2\n3\n4\n5\n6" }, { command: "str_replace", path: "/memories/a.md", old_str: "4", new_str: "four\nand a half" });
    expect(said).toBe("The memory file has been edited. Here is the snippet showing the change (with line numbers):\n     2\t2\n     3\t3\n     4\tfour\n     5\tand a half\n     6\t5\n     7\t6");
    expect(changes).toEqual([{ path: "/memories/a.md", text: "1\n2\n3\nfour\nand a half\n5\n6" }]);
  });

  test("a text of several lines is found; dollar signs in the new one are themselves", () => {
    expect(run({ "a.md": "a\nb\nc" }, { command: "str_replace", path: "/memories/a.md", old_str: "a\nb", new_str: "$& $1" }).changes).toEqual([{ path: "/memories/a.md", text: "$& $1\nc" }]);
  });

  test("twice on one line is twice, and so is what overlaps", () => {
    expect(() => run({ "a.md": "x\nfoo foo" }, { command: "str_replace", path: "/memories/a.md", old_str: "foo", new_str: "" })).toThrow("No replacement was performed. Multiple occurrences of old_str `foo` in lines: 2. Please ensure it is unique");
    expect(() => run({ "a.md": "aaa" }, { command: "str_replace", path: "/memories/a.md", old_str: "aa", new_str: "" })).toThrow("Multiple occurrences");
  });

  test("without a new text the old one goes", () => {
    expect(run({ "a.md": "keep drop" }, { command: "str_replace", path: "/memories/a.md", old_str: " drop" }).changes).toEqual([{ path: "/memories/a.md", text: "keep" }]);
  });

  test("what is not there, and what is no file, is said", () => {
    expect(() => run({ "a.md": "x" }, { command: "str_replace", path: "/memories/a.md", old_str: "y", new_str: "" })).toThrow("No replacement was performed, old_str `y` did not appear verbatim in /memories/a.md.");
    expect(() => run({ "a.md": "x" }, { command: "str_replace", path: "/memories/a.md", old_str: "", new_str: "" })).toThrow("old_str is empty");
    expect(() => run({ "d/a.md": "x" }, { command: "str_replace", path: "/memories/d", old_str: "x", new_str: "" })).toThrow("The path /memories/d is not a file.");
    expect(() => run({}, { command: "str_replace", path: "/memories/a.md", old_str: "x", new_str: "" })).toThrow("The path /memories/a.md does not exist. Please provide a valid path.");
  });
});

describe("insert", () => {
  test.each([[0, "new\na\nb"], [1, "a\nnew\nb"], [2, "a\nb\nnew"]])("after line %i", (at, text) => {
    expect(run({ "a.md": "a\nb" }, { command: "insert", path: "/memories/a.md", insert_line: at, insert_text: "new\n" }).changes).toEqual([{ path: "/memories/a.md", text }]);
  });

  test.each([-1, 3, 0.5, "1", undefined])("not at %j", (at) => {
    expect(() => run({ "a.md": "a\nb" }, { command: "insert", path: "/memories/a.md", insert_line: at, insert_text: "x" })).toThrow(/^Invalid `insert_line` parameter: .*\[0, 2\]/);
  });
});

describe("delete and rename", () => {
  test("a folder goes with all in it; the root stays", () => {
    expect(run({ "d/a": "1", "d/e/b": "2", "da": "3" }, { command: "delete", path: "/memories/d" })).toEqual({ answer: "Successfully deleted /memories/d", changes: [{ path: "/memories/d/a" }, { path: "/memories/d/e/b" }] });
    expect(() => run({}, { command: "delete", path: "/memories" })).toThrow("Cannot delete the /memories directory itself");
    expect(() => run({}, { command: "delete", path: "/memories/a" })).toThrow("The path /memories/a does not exist");
  });

  test("a folder moves with all in it, onto nothing that is there, and not into itself", () => {
    const all = { "d/a": "1", "d/e/b": "2", "other": "3" };
    expect(run(all, { command: "rename", old_path: "/memories/d", new_path: "/memories/x/y" }).changes).toEqual([{ path: "/memories/x/y/a", text: "1", from: "/memories/d/a" }, { path: "/memories/x/y/e/b", text: "2", from: "/memories/d/e/b" }]);
    expect(() => run(all, { command: "rename", old_path: "/memories/d/a", new_path: "/memories/other" })).toThrow("The destination /memories/other already exists");
    expect(() => run(all, { command: "rename", old_path: "/memories/other", new_path: "/memories/d" })).toThrow("The destination /memories/d already exists");
    expect(() => run(all, { command: "rename", old_path: "/memories/d", new_path: "/memories/d/inner" })).toThrow("into itself");
    expect(() => run(all, { command: "rename", old_path: "/memories/none", new_path: "/memories/n" })).toThrow("The path /memories/none does not exist");
  });

  test("what was renamed is under its new name alone, and every version stays in the events", () => {
    const events = [
      event("memory.filed", { space: "p", files: [{ path: "/memories/a", text: "1" }] }, { id: "e1" }),
      event("memory.filed", { space: "p", files: [{ path: "/memories/b", text: "1", from: "/memories/a" }] }, { id: "e2" }),
      event("memory.filed", { space: "p", files: [{ path: "/memories/b" }] }, { id: "e3" }),
    ];
    expect([1, 2, 3].map((count) => [...foldFiles(events.slice(0, count))])).toEqual([[["/memories/a", "1"]], [["/memories/b", "1"]], []]);
  });
});

test.each(["/memoriesfoo/x", "/etc/passwd", "memories/x", "/memories/../etc", "/memories/%2e%2e/x", "/memories/a\\b", "/memories/a\0b", "/memories/a\nb", "", `/memories/${"x".repeat(2000)}`])("no path of ours: %j", (path) => {
  for (const command of [{ command: "view", path }, { command: "create", path, file_text: "" }, { command: "rename", old_path: "/memories/a", new_path: path }]) expect(() => run({ a: "1" }, command)).toThrow(/^Path /);
});

test("a path is the same with a slash at its end or a point in it", () => {
  expect(answer({ "a/b": "x" }, { command: "view", path: "/memories//a/./b/" })).toContain("with line numbers");
});

test.each([undefined, null, "view", {}, { command: 1 }, { command: "toString" }, { command: "exec", path: "/memories" }, { command: "view" }, { command: "view", path: 1 }])("a command that is none is refused in words: %j", (command) => {
  expect(() => carryOutCommand(files({}), command)).toThrow(expect.objectContaining({ code: "MEMORY_REFUSED" }));
});
