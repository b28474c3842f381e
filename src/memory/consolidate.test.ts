/** What is added, merged, left out or made to wait; and, over random histories, that nothing is ever lost. */
import { describe, expect, test } from "vitest";
import { START } from "../../test/builders.ts";
import { Passes, PROJECT } from "../../test/memories.ts";
import { consolidate, oppositesOf, type Candidate, type Consolidated } from "./consolidate.ts";
import { foldMemories } from "./fold.ts";

let ids = 0;
const newId = (): string => `n${(ids += 1)}`;

function candidate(statement: string, given: Partial<Candidate> = {}): Candidate {
  return { key: `says:${statement}`, kind: "constraint", statement, scope: { level: "project", project: PROJECT }, trust: "user", confidence: 1, valid_from: START, sources: [`e-${statement}`], ...given };
}

function after(known: readonly (readonly [string, Partial<Candidate>?])[], next: Candidate, insist = false): Consolidated {
  const passes = new Passes();
  for (const [statement, given] of known) passes.pass(consolidate([candidate(statement, given)], foldMemories(passes.events), () => `known ${statement}`).changes, { by: "extraction" });
  return consolidate([next], foldMemories(passes.events), newId, insist);
}

const statusOf = ({ changes }: Consolidated): unknown => changes[0]?.now.status;

describe("policy", () => {
  test.each([
    ["user", "constraint", "active"], ["user", "decision", "active"],
    ["inferred", "constraint", "inbox"], ["inferred", "decision", "inbox"], ["inferred", "semantic", "inbox"],
    ["inferred", "procedural", "active"], ["inferred", "episodic", "active"], ["inferred", "working", "active"],
    ["tool", "procedural", "inbox"], ["tool", "episodic", "inbox"], ["tool", "constraint", "inbox"],
  ] as const)("what is %s and %s is %s", (trust, kind, status) => {
    expect(statusOf(after([], candidate("Run the linter before each commit", { trust, kind })))).toBe(status);
  });

  test.each([["constraint", "active"], ["semantic", "active"]] as const)("what an agent was told to keep does not wait: %s", (kind, status) => {
    expect(statusOf(after([], candidate("Run the linter before each commit", { trust: "inferred", asked: true, kind })))).toBe(status);
  });

  test("nor does it take the place of what the user has said, and what came from a tool waits all the same", () => {
    expect(statusOf(after([["use tabs", { key: "indent" }]], candidate("use spaces", { key: "indent", trust: "inferred", asked: true })))).toBe("inbox");
    expect(statusOf(after([], candidate("use spaces", { trust: "tool", kind: "constraint" })))).toBe("inbox");
  });

  test("what was worked out waits where the user has said something else", () => {
    expect(statusOf(after([["pnpm test", { key: "cmd:test" }]], candidate("npm test", { key: "cmd:test", kind: "procedural", trust: "inferred" })))).toBe("inbox");
  });
});

describe("what is said again", () => {
  test("adds its sources and runs, each once", () => {
    const known = { kind: "procedural", trust: "inferred", sources: ["c1", "c2"], runs: [{ call: "c1", passed: true }, { call: "c2", passed: false }] } as const;
    const again = { ...known, sources: ["c1", "c2", "c3"], runs: [...known.runs, { call: "c3", passed: true }] };
    expect(after([["go test ./..."]], candidate("go test ./...")).changes).toEqual([]);
    expect(after([["`go test` passes", { ...known, sources: [...known.sources] }]], candidate("`go test` passes", again)).changes).toEqual([{ id: "known `go test` passes", was: {}, now: { sources: ["c3"], passes: 1, failures: 0 } }]);
  });

  test.each([
    ["Always run the linter before you commit.", "always run the linter before you commit"],
    ["Run the linter before committing changes to the server", "Please run the linter before committing the changes to the server"],
  ])("in nearly the same words is merged: %s", (known, next) => {
    const { changes, ids: merged } = after([[known]], candidate(next, { key: "other" }));
    expect(changes).toEqual([{ id: `known ${known}`, was: {}, now: { sources: [`e-${next}`] } }]);
    expect(merged).toEqual([`known ${known}`]);
  });

  test.each([
    ["Use tabs in Makefiles", "Never use tabs in Makefiles"],
    ["Use pnpm, not npm", "Use npm, not pnpm"],
    ["Keep at most 3 retries in client.ts", "Keep at most 5 retries in client.ts"],
    ["Run `go test ./a` after changes there", "Run `go test ./b` after changes there"],
  ])("is not the same: %s / %s", (known, next) => {
    expect(after([[known]], candidate(next)).changes).toMatchObject([{ now: { statement: next } }]);
  });

  test("by the user lets what waited go", () => {
    const { changes } = after([["Use tabs here", { trust: "inferred" }]], candidate("Use tabs here", { sources: ["said"] }));
    expect(changes).toMatchObject([{ now: { status: "active", trust: "user" } }, { id: "known Use tabs here", now: { status: "superseded" } }]);
  });

  test("after it was refused is left out, unless the user says it in new words of theirs, or insists", () => {
    const passes = new Passes();
    passes.pass(consolidate([candidate("Use tabs here", { trust: "inferred" })], foldMemories(passes.events), () => "m1").changes, { by: "extraction" });
    passes.set("m1", { status: "rejected" });
    const state = foldMemories(passes.events);
    const next = (given: Partial<Candidate>, insist = false): number => consolidate([candidate("Use tabs here", given)], state, newId, insist).changes.length;
    expect(next({ trust: "inferred", sources: ["another"] })).toBe(0);
    expect(next({})).toBe(0);
    expect(next({ sources: ["another"] })).toBe(1);
    expect(next({}, true)).toBe(1);
  });
});

describe("opposites", () => {
  test.each([
    ["Use tabs in Makefiles", "Never use tabs in Makefiles"],
    ["Use pnpm, not npm", "Use npm, not pnpm"],
    ["We must commit generated files", "Generated files must not be committed"],
  ])("are kept and named: %s / %s", (known, next) => {
    const { changes, opposite } = after([[known]], candidate(next));
    expect(changes).toHaveLength(1);
    expect(opposite).toEqual([[changes[0]!.id, `known ${known}`]]);
  });

  test.each([
    ["Use tabs in Makefiles", "Never use spaces in YAML files"],
    ["Run the tests", "Do not push to main"],
  ])("are not: %s / %s", (known, next) => {
    expect(after([[known]], candidate(next)).opposite).toEqual([]);
  });

  test("are looked for among what is active or waits", () => {
    const passes = new Passes();
    passes.add("Use tabs in Makefiles", { key: "a" });
    passes.add("Never use tabs in Makefiles", { key: "b" });
    const all = [...foldMemories(passes.events).memories.values()];
    expect(oppositesOf(all[0]!, all).map(({ key }) => key)).toEqual(["b"]);
    expect(oppositesOf(all[0]!, all.map((each) => ({ ...each, status: "rejected" as const })))).toEqual([]);
  });
});
