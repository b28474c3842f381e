/** Each sign by which files are guessed, alone and together. */
import { expect, test } from "vitest";
import { likelyFiles, type PastSession, type Request } from "./likely.ts";

const past = (id: string, changed: readonly string[], more: Partial<PastSession> = {}): PastSession => ({ id, changed: new Map(changed.map((path) => [path, 1])), read: new Set(), ...more });
const asked = (text: string, more: Partial<Request> = {}): Request => ({ text, found: new Map(), ...more });
const paths = (request: Request, sessions: readonly PastSession[], limit = 10): string[] => likelyFiles(request, sessions, limit).map(({ path }) => path);

test("without a past nothing is likely", () => {
  expect(likelyFiles(asked("change src/app.ts"), [], 10)).toEqual([]);
});

test("a file that is named comes first, with the reason", () => {
  const sessions = [past("1", ["manual/guide.md"]), past("2", ["lib/other.go"]), past("3", ["lib/other.go"])];
  const [first] = likelyFiles(asked("fix a typo in guide.md"), sessions, 10);
  expect(first).toMatchObject({ path: "manual/guide.md", reasons: ["named in the request", expect.anything(), expect.anything()] });
});

test("parts of names in a path answer words of the request", () => {
  const sessions = [past("1", ["lib/sessionCleanup.go", "lib/token_usage.go"])];
  expect(paths(asked("cleaning up sessions takes long"), sessions)[0]).toBe("lib/sessionCleanup.go");
  expect(paths(asked("count tokens"), sessions)[0]).toBe("lib/token_usage.go");
});

test("files of the session that says the same come before those of others", () => {
  const sessions = [past("like", ["a.go"]), past("unlike", ["b.go"])];
  expect(paths(asked("words", { found: new Map([["like", 3]]) }), sessions)[0]).toBe("a.go");
});

test("what was changed last, and on this branch, comes before what is older and elsewhere", () => {
  expect(paths(asked("words"), [past("1", ["old.go"]), past("2", ["new.go"])])).toEqual(["new.go", "old.go"]);
  expect(paths(asked("words", { branch: "topic" }), [past("1", ["mine.go"], { branch: "topic" }), past("2", ["other.go"], { branch: "main" })])[0]).toBe("mine.go");
});

test("a file that is usually changed together with a likely one is likely itself", () => {
  const sessions = [past("1", ["parser.go", "grammar.txt"]), past("2", ["parser.go", "grammar.txt"]), ...Array.from({ length: 6 }, (_, i) => past(`x${i}`, [`noise${i}.go`]))];
  const grammar = likelyFiles(asked("the parser is slow"), sessions, 20).find(({ path }) => path === "grammar.txt");
  expect(grammar?.reasons).toContain("changed together with these");
});

test("no more than asked for, and the same each time", () => {
  const sessions = [past("1", Array.from({ length: 30 }, (_, i) => `f${i}.go`))];
  expect(paths(asked("words"), sessions, 7)).toHaveLength(7);
  expect(paths(asked("words"), sessions)).toEqual(paths(asked("words"), sessions));
});
