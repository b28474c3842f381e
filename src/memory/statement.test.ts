/** What may be remembered, and how scopes and keys are written. */
import { describe, expect, test } from "vitest";
import { defaultKey, isSeenFrom, scopeName, scopeOf } from "./statement.ts";
import { kindOfStatement } from "./sentences.ts";

const place = { project: "/work/app", branch: "main" };

describe("scopes", () => {
  test.each(["user", "team", "project", "branch main", "branch fix/a=b: c", "path src/x y"])("%s reads as it is written", (name) => {
    expect(scopeName(scopeOf(name, place))).toBe(name);
  });

  test("this branch is meant where none is named, and a path is one of the tree", () => {
    expect(scopeOf("branch", place)).toEqual({ level: "branch", project: "/work/app", branch: "main" });
    expect(scopeOf("path=./src/", place)).toEqual({ level: "path", project: "/work/app", path: "src" });
  });

  test.each(["", "path", "world", "path  "])("%j is none", (text) => expect(() => scopeOf(text, place)).toThrow(/--scope takes/));

  test("the user's and the team's are seen everywhere, the rest in their project", () => {
    expect((["user", "team", "project"] as const).map((level) => isSeenFrom({ level, ...(level === "project" ? { project: "/other" } : {}) }, place))).toEqual([true, true, false]);
  });
});

test.each([
  ["Use pnpm, not npm", "instead-of:npm"], ["use `tabs` instead of `spaces`.", "instead-of:spaces"], ["Use vitest rather than jest here", "instead-of:jest"],
])("the key of %s is %s", (statement, key) => expect(defaultKey(statement)).toBe(key));

test("any other statement is its own key, however it is written", () => {
  expect(defaultKey("Keep lines short.")).toBe(defaultKey("keep  lines short"));
  expect(defaultKey("Keep lines short")).not.toBe(defaultKey("Keep lines long"));
});

test.each([["Never push to main", "constraint"], ["We decided to keep one table", "decision"], ["`make deploy` puts it there", "procedural"], ["The parser is slow", "semantic"], ["use tabs", "constraint"]])("%s is a %s", (statement, kind) => {
  expect(kindOfStatement(statement)).toBe(kind);
});
