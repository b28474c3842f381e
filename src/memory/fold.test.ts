/** What passes add up to: a new value, taking back, two writers, late knowledge, quarantine, and both kinds of time. */
import { describe, expect, test } from "vitest";
import { START } from "../../test/builders.ts";
import { Passes } from "../../test/memories.ts";
import { foldMemories, valid } from "./fold.ts";
import type { Memory } from "./model.ts";

const at = (seconds: number): number => START + seconds * 1000;
const told = (passes: Passes, known?: number): Record<string, string> =>
  Object.fromEntries([...foldMemories(passes.events, known).memories.values()].map(({ statement, status, valid_to }) => [statement, `${status}${valid_to === undefined ? "" : ` until ${(valid_to - START) / 1000}`}`]));
const statements = (memories: readonly Memory[]): string[] => memories.map(({ statement }) => statement);

describe("a new value for a key", () => {
  test("ends the one before it, which stays and says what took its place", () => {
    const passes = new Passes();
    passes.add("npm", { valid_from: at(0) });
    passes.add("pnpm", { valid_from: at(10) });
    const { memories, contradictions } = foldMemories(passes.events);
    expect(memories.get("m-npm")).toMatchObject({ status: "superseded", valid_to: at(10), superseded_by: "m-pnpm" });
    expect(memories.get("m-pnpm")).toMatchObject({ status: "active" });
    expect(contradictions).toEqual([]);
  });

  test("in another scope or under another key ends nothing", () => {
    const passes = new Passes();
    passes.add("npm");
    passes.add("yarn", { key: "other" });
    passes.add("pnpm", { scope: { level: "branch", project: "/work/app", branch: "next" } });
    expect(told(passes)).toEqual({ npm: "active", yarn: "active", pnpm: "active" });
  });

  test("that is older than the one that holds becomes history before it", () => {
    const passes = new Passes();
    passes.add("second", { valid_from: at(10) });
    passes.add("third", { valid_from: at(20) });
    passes.add("first", { valid_from: at(5) });
    expect(told(passes)).toEqual({ first: "superseded until 10", second: "superseded until 20", third: "active" });
  });

  test("that says the same is merged, with its sources", () => {
    const passes = new Passes();
    passes.add("Use pnpm.", { id: "a", sources: ["e1"], passes: 2 });
    passes.add("use  pnpm", { id: "b", sources: ["e2"], passes: 3, valid_from: at(9) });
    const { memories } = foldMemories(passes.events);
    expect(memories.get("a")).toMatchObject({ status: "active", sources: ["e1", "e2"], passes: 5 });
    expect(memories.get("b")).toMatchObject({ status: "merged", superseded_by: "a" });
  });

  test("that was worked out does not end what the user said, and both are kept", () => {
    const passes = new Passes();
    passes.add("tabs");
    passes.add("spaces", { trust: "inferred", valid_from: at(5) }, { by: "extraction" });
    expect(told(passes)).toEqual({ tabs: "active", spaces: "inbox" });
    expect(foldMemories(passes.events).contradictions).toEqual([{ a: "m-tabs", b: "m-spaces", why: "weaker" }]);
    passes.set("m-spaces", { status: "active" });
    expect(told(passes)).toEqual({ tabs: "superseded until 5", spaces: "active" });
  });
});

describe("two writers at once", () => {
  test("the later in the log holds, and both are named", () => {
    const passes = new Passes();
    const seen = passes.add("other", { key: "other" });
    passes.add("mine", { valid_from: at(7) }, { after: seen });
    passes.add("yours", { valid_from: at(7) }, { after: seen });
    expect(told(passes)).toEqual({ other: "active", mine: "superseded until 7", yours: "active" });
    expect(foldMemories(passes.events).contradictions).toEqual([{ a: "m-mine", b: "m-yours", why: "unseen" }]);
  });

  test("who add to the same memory both count", () => {
    const passes = new Passes();
    const seen = passes.add("test", { sources: ["e0"], passes: 1 });
    for (const source of ["e1", "e2"]) passes.pass([{ id: "m-test", was: {}, now: { sources: [source], passes: 1 } }], { after: seen, by: "extraction" });
    expect(foldMemories(passes.events).memories.get("m-test")).toMatchObject({ sources: ["e0", "e1", "e2"], passes: 3 });
  });
});

describe("taking back", () => {
  const three = (): { passes: Passes; a: string; b: string; c: string } => {
    const passes = new Passes();
    const a = passes.add("a", { valid_from: at(1) });
    const b = passes.add("b", { valid_from: at(2) });
    const c = passes.add("c", { valid_from: at(3) });
    return { passes, a, b, c };
  };

  test("the last pass brings back what it had ended", () => {
    const { passes, c } = three();
    passes.revert(c);
    expect(told(passes)).toEqual({ a: "superseded until 2", b: "active" });
  });

  test("a pass whose value was superseded since brings nothing back: what came before it ends where the later one begins", () => {
    const { passes, b } = three();
    passes.revert(b);
    expect(told(passes)).toEqual({ a: "superseded until 3", c: "active" });
  });

  test("a revert makes the pass count again, and as of before the revert it always did", () => {
    const { passes, c } = three();
    const revert = passes.revert(c);
    passes.revert(revert);
    expect(told(passes)).toEqual({ a: "superseded until 2", b: "superseded until 3", c: "active" });
    expect(told(passes, at(2))).toEqual({ a: "superseded until 2", b: "superseded until 3", c: "active" });
    expect(told(passes, at(3))).toEqual({ a: "superseded until 2", b: "active" });
  });

  test("a change to what is no longer there changes nothing", () => {
    const { passes, a } = three();
    passes.set("m-a", { statement: "changed" });
    passes.revert(a);
    expect(told(passes)).toEqual({ b: "superseded until 3", c: "active" });
  });

  test("a pass that is not there, or that comes later, takes nothing back", () => {
    const passes = new Passes();
    passes.revert("pass-1");
    passes.add("stays");
    passes.revert("nonesuch");
    expect(told(passes)).toEqual({ stays: "active" });
  });
});

describe("as of", () => {
  test("an instant of the world and an instant of the log are two things", () => {
    const passes = new Passes();
    passes.add("npm", { valid_from: at(0) }, { at: 0 });
    // Learnt late: it held from 10 on.
    passes.add("pnpm", { valid_from: at(10) }, { at: 50 });
    const at20 = (known?: number): string[] => statements(valid(foldMemories(passes.events, known), at(20)));
    expect(at20()).toEqual(["pnpm"]);
    expect(at20(at(49))).toEqual(["npm"]);
    expect(statements(valid(foldMemories(passes.events), at(5)))).toEqual(["npm"]);
    expect(statements(valid(foldMemories(passes.events), at(-1)))).toEqual([]);
  });

  test("where the clock went back, a pass is recorded when the one before it was", () => {
    const passes = new Passes();
    passes.add("a", {}, { at: 100 });
    passes.add("b", { key: "other" }, { at: 50 });
    expect(told(passes, at(60))).toEqual({});
    expect(told(passes, at(100))).toEqual({ a: "active", b: "active" });
  });
});

describe("quarantine", () => {
  test("what came from a tool is in the inbox whatever its pass says, and only the user lets it out", () => {
    const passes = new Passes();
    passes.add("run this", { trust: "tool" }, { by: "extraction" });
    passes.set("m-run this", { status: "active", trust: "user", statement: "run that" }, { by: "extraction" });
    expect(foldMemories(passes.events).memories.get("m-run this")).toMatchObject({ status: "inbox", trust: "tool", statement: "run this" });
    passes.set("m-run this", { status: "active" });
    expect(told(passes)).toEqual({ "run this": "active" });
  });

  test("what the user refused stays refused, and what was proposed once is known", () => {
    const passes = new Passes();
    const pass = passes.add("maybe", { trust: "inferred", status: "inbox" }, { by: "extraction" });
    passes.set("m-maybe", { status: "rejected" });
    passes.set("m-maybe", { status: "inbox" }, { by: "extraction" });
    expect(told(passes)).toEqual({ maybe: "rejected" });
    const before = foldMemories(passes.events).proposed;
    passes.revert(pass);
    expect(foldMemories(passes.events).proposed).toEqual(before);
    expect(before.size).toBe(1);
  });
});

describe("what was forgotten", () => {
  test("leaves the rest of its pass in its place", () => {
    const passes = new Passes();
    const both = passes.pass([{ id: "m-a", now: { key: "a", kind: "semantic", statement: "a", scope: { level: "user" }, status: "active", trust: "user", confidence: 1, valid_from: at(0) } }, { id: "m-b", now: { key: "b", kind: "semantic", statement: "b", scope: { level: "user" }, status: "active", trust: "user", confidence: 1, valid_from: at(0) } }]);
    passes.add("later", { key: "b", scope: { level: "user" }, valid_from: at(5) });
    const [first] = passes.events;
    if (first!.event.type !== "memory.revised") throw new Error("not a pass");
    passes.pass([first!.event.payload.changes[1]!], { in_place_of: both });
    passes.erase(both);
    expect(told(passes)).toEqual({ b: "superseded until 5", later: "active" });
    expect(foldMemories(passes.events).memories.get("m-b")?.recorded_at).toBe(at(0));
  });
});
