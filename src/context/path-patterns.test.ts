/** Patterns of whole paths, and that none of them takes for ever. */
import { expect, test } from "vitest";
import { matchesWholePath } from "./path-patterns.ts";

test.each([
  ["/a/CLAUDE.md", "/a/CLAUDE.md", true], ["CLAUDE.md", "/a/CLAUDE.md", false], ["**/CLAUDE.md", "/a/b/CLAUDE.md", true], ["**/b", "/a/b/CLAUDE.md", false], ["/a/**", "/a/.x/y.md", true],
  ["/a/*.md", "/a/b/c.md", false], ["/a/?.md", "/a/b.md", true], ["/{a,b}/c.md", "/b/c.md", true], ["/a/[xy].md", "/a/y.md", true], ["/a/[!xy].md", "/a/y.md", false], ["/a.b", "/aXb", false], ["/[z-a]", "/z", false], ["/{a", "/{a", true],
])("%s and %s: %s", (pattern, path, matches) => {
  expect(matchesWholePath([pattern], path)).toBe(matches);
});

test("a pattern made to take for ever is done at once", () => {
  const started = performance.now();
  matchesWholePath(["**/".repeat(40) + "x", "/" + "*a".repeat(40), "{" .repeat(500)], `/${"a/".repeat(200)}b`);
  expect(performance.now() - started).toBeLessThan(200);
});
