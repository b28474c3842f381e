/** What becomes of an instruction file's text; that it is what the client does is shown in test/stories/instructions.test.ts. */
import { expect, test } from "vitest";
import { claimsOf } from "./instruction-claims.ts";
import { readInstructions, withoutFences } from "./instruction-text.ts";

test("front matter gives the patterns, with lists split, braces written out, and what is below a folder meant by it", () => {
  const paths = (yaml: string): readonly string[] | undefined => readInstructions(`---\n${yaml}\n---\nText.\n`).paths;
  expect(paths("paths: src/{a,b}/**, c.ts")).toEqual(["src/a", "src/b", "c.ts"]);
  expect(paths("title: x\npaths:\n  - 'a/*'\n  # why\n  - b # this\nother: y")).toEqual(["a/*", "b"]);
  expect(paths('paths: ["a, b", c]')).toEqual(["a", "b", "c"]);
  for (const always of ["paths: '**'", "paths:", "title: x", "paths: 3", "paths:\n  - **/*.ts"]) expect(paths(always), always).toBeUndefined();
});

test("a code span ends with its block, and one that is never closed hides nothing", () => {
  expect(readInstructions("It's `open\n\n@a.md and `code @b.md` then @c.md ` @d.md\n").imports).toEqual(["a.md", "c.md", "d.md"]);
  expect(withoutFences("a\n````\nb\n```\nc\n````\nd\n~~~\ne")).toBe("a\nd");
});

test("a text made to take for ever is done in a moment", () => {
  const size = 256 * 1024;
  const fill = (part: string): string => part.repeat(Math.floor(size / part.length));
  const lengths = Array.from({ length: 2000 }, (_, i) => "`".repeat(i + 3)).join("\n");
  const started = performance.now();
  for (const text of ["`", "` ", "`a``b", "<", "<!--", "<!-- -->\n", "](", "@", "@a\\ ", "{", "*", "_", "~~~\n", "- ", "|", "\\@", "[[", "1.", "\t", "# "].map((part) => `${fill(part)}@`).concat(lengths)) {
    readInstructions(text);
    claimsOf(text);
    withoutFences(text);
  }
  for (const yaml of [fill(","), `[${fill("',")}`, "{a,b}".repeat(60), `{${"a,".repeat(1000)}}`.repeat(4)]) readInstructions(`---\npaths: ${yaml}\n---\nText.\n`);
  expect(performance.now() - started).toBeLessThan(10_000);
}, 60_000);
