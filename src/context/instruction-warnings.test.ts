/** What is warned of, with its line, and that ordinary instructions are left alone. */
import { expect, test } from "vitest";
import type { InstructionFile, Loaded } from "./instructions.ts";
import { LARGE, warningsOf } from "./instruction-warnings.ts";

const file = (path: string, raw: string, more: Partial<InstructionFile> = {}): InstructionFile => ({ path, real: path, kind: "project", reason: "session_start", text: raw, raw, bytes: raw.length, ...more });

const warned = (loaded: Partial<Loaded>, gone = new Map()): string[] =>
  [...warningsOf({ files: [], dropped: [], ...loaded }, gone)].flatMap(([path, own]) => own.map(({ code, line, message }) => `${path}${line === undefined ? "" : `:${line}`} ${code}: ${message}`));

test("ordinary instructions are not warned of", () => {
  const user = "# Mine\n\n- Prefer small commits\n- Use pnpm\n- Never push to main\n";
  const project = "# App\n\nUse `pnpm install`, then `pnpm test`. Always run the tests before you commit.\n\n- Use tabs in Makefiles\n- Indent with 2 spaces in YAML files that the pipeline reads\n- Do not use npm\n";
  expect(warned({ files: [file("/u", user, { kind: "user" }), file("/p", project)] })).toEqual([]);
});

test("a secret is named by its kind and line, and is not repeated", () => {
  const secret = `ghp_${"aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1dE3fG5".slice(0, 36)}`;
  const [only, ...more] = warned({ files: [file("/p", `Fine.\nToken: ${secret}\n`)] });
  expect(only).toMatch(/^\/p:2 secret: looks like a secret \(github[^)]*\)/);
  expect(only).not.toContain(secret);
  expect(more).toEqual([]);
});

test("size, what was cut off, and bytes that are no text", () => {
  expect(warned({ files: [file("/p", "x y ".repeat(LARGE / 4)), file("/q", "x y ".repeat(LARGE / 4) + "z")] })).toEqual([expect.stringMatching(/^\/q oversize: 40,001 characters; the client warns from 40,000 on/)]);
  expect(warned({ files: [file("/m", "- a", { kind: "auto", cut: "only the first 200 of 210 lines are loaded" }), file("/b", "a\u0000b")] })).toEqual(["/m cut: only the first 200 of 210 lines are loaded", "/b binary: holds bytes that are no text; they are handed over as they are"]);
});

test("an import that is not loaded is laid at the line that asks for it", () => {
  const at = file("/p/CLAUDE.md", "One.\n@notes/a.md and @../b.md\n@notes/pic.png\n");
  expect(warned({
    files: [at],
    dropped: [
      { path: "/p/notes/a.md", by: at.path, written: "notes/a.md", why: "missing" },
      { path: "/b.md", by: at.path, written: "../b.md", why: "outside" },
      { path: "/p/notes/pic.png", by: at.path, written: "notes/pic.png", why: "not text" },
      { path: "/p/someone", by: at.path, written: "someone/else", why: "missing" },
      { path: "/p/CLAUDE.local.md", why: "unreadable", detail: "permission denied" },
    ],
  })).toEqual([
    "/p/CLAUDE.md:2 import: @notes/a.md is not there, so nothing is loaded for it",
    "/p/CLAUDE.md:2 import: @../b.md lies outside of the folder the agent is started in, so it is not loaded until imports from outside are approved in the client",
    "/p/CLAUDE.md:3 import: @notes/pic.png is not loaded: only files with an ending of text are",
    "/p/CLAUDE.local.md not loaded: /p/CLAUDE.local.md is not loaded: permission denied",
  ]);
});

test("the same text, or a part that was copied; a line alike by chance is none", () => {
  const part = ["Every change of the public interface has a line in the changelog.", "Errors say what happened to which thing, and what to do next.", "Tests stand beside the code and are named by what they show."].join("\n");
  expect(warned({ files: [file("/a", "Be brief."), file("/b", "Be brief."), file("/c", `${part}\nMore.`), file("/d", `Else.\n${part}`), file("/e", part.split("\n")[0]!)] })).toEqual(["/b duplicate: the same text as /a", "/d:2 duplicate: 3 lines stand in /c too"]);
});

test("two levels that say the opposite, of the same thing or of things of which only one can be", () => {
  expect(warned({ files: [file("/u", "- Always use npm\n- Never commit without being asked\n", { kind: "user" }), file("/p", "* Use pnpm.\n\n```\nUse yarn\n```\n"), file("/l", "- Commit without being asked.\n", { kind: "local" })] })).toEqual([
    '/p:1 conflict: "Use pnpm." against "Always use npm" (/u:1)', '/l:1 conflict: "Commit without being asked." against "Never commit without being asked" (/u:2)',
  ]);
});

test("what the tree does not hold is said with its line", () => {
  expect(warned({ files: [file("/p", "`src/a/b.ts`")] }, new Map([["/p", [{ line: 1, kind: "file", value: "src/a/b.ts" }, { line: 3, kind: "script", value: "lint" }]]]))).toEqual(["/p:1 gone: src/a/b.ts is not in the tree", '/p:3 gone: no package.json here has a script "lint"']);
});
