/** Codex and Gemini CLI, by their documentation; the files are given as values. */
import { expect, test } from "vitest";
import { codexInstructions, geminiInstructions } from "./instructions-others.ts";
import type { Files, Loaded } from "./instructions.ts";

const disk = (files: Record<string, string>): Files => ({
  read: (path) => (files[path] === undefined ? undefined : { real: path, bytes: Buffer.byteLength(files[path]), text: files[path] }),
  list: () => [],
  matches: () => false,
});

const at = { cwd: "/r/a/b", configDir: "/h/.x", tree: "/r", repository: true, names: [] as string[] };
const told = ({ files }: Loaded): string[] => files.map(({ path, reason, importedBy }) => `${path} ${reason}${importedBy === undefined ? "" : ` by ${importedBy}`}`);

test("Codex takes one file of each folder from the repository's root, an override first", () => {
  const files = disk({ "/h/.x/AGENTS.md": "user", "/AGENTS.md": "no", "/r/AGENTS.md": "root", "/r/a/AGENTS.md": "a", "/r/a/AGENTS.override.md": "over", "/r/a/b/README.md": "b" });
  expect(told(codexInstructions(files, { ...at, names: ["README.md"] }))).toEqual(["/h/.x/AGENTS.md session_start", "/r/AGENTS.md session_start", "/r/a/AGENTS.override.md session_start", "/r/a/b/README.md session_start"]);
  expect(told(codexInstructions(files, { ...at, repository: false }))).toEqual(["/h/.x/AGENTS.md session_start"]);
});

test("Codex stops at the bytes it takes in all, and what is lost is said", () => {
  const { files, dropped } = codexInstructions(disk({ "/r/AGENTS.md": "x".repeat(90), "/r/a/AGENTS.md": "y".repeat(20), "/r/a/b/AGENTS.md": "z" }), { ...at, most: 100 });
  expect(files.map(({ text, cut }) => [text.length, cut])).toEqual([[90, undefined], [10, "only the first 10 of 20 bytes are loaded"]]);
  expect(dropped).toEqual([{ path: "/r/a/b/AGENTS.md", why: "too large", detail: "the files before it have used up the 100 bytes" }]);
});

test("Gemini takes imports in, each file once, and files on the way to one that is opened", () => {
  const files = disk({ "/h/.x/GEMINI.md": "user", "/r/GEMINI.md": "@./notes/x.md @notes/none.md @../out.md\n```\n@notes/code.md\n```\n", "/r/notes/x.md": "x @./x.md @../GEMINI.md", "/r/notes/code.md": "c", "/out.md": "o", "/r/a/b/c/GEMINI.md": "c" });
  const loaded = geminiInstructions(files, { ...at, names: ["GEMINI.md"], open: "/r/a/b/c/f.txt" });
  expect(told(loaded)).toEqual(["/h/.x/GEMINI.md session_start", "/r/GEMINI.md session_start", "/r/notes/x.md include by /r/GEMINI.md", "/r/a/b/c/GEMINI.md nested_traversal"]);
  expect(loaded.dropped.map(({ written, why }) => `${written} ${why}`)).toEqual(["notes/none.md missing", "../out.md outside"]);
});
