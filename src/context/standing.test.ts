/** Which memories a context begins with, in which words and order. */
import { describe, expect, test } from "vitest";
import type { Memory } from "../memory/model.ts";
import { isChosenByUse, standingHere, standingLines, type Check } from "./standing.ts";

const DAY = 86_400_000;
const NOW = Date.UTC(2025, 5, 1);
const here = { project: "/work/app", branch: "main" };
const countTokens = (text: string): number => Math.ceil(text.length / 4);

function memory(id: string, given: Partial<Memory> = {}): Memory {
  return { id, key: `says:${id}`, kind: "constraint", statement: `Statement ${id}`, scope: { level: "project", project: "/work/app" }, status: "active", trust: "user", accepted: false, confidence: 1, valid_from: NOW - DAY, recorded_at: NOW - DAY, sources: [], passes: 0, failures: 0, passed: [], ...given };
}

const ids = (...all: Memory[]): string[] => standingHere(all, here, NOW, () => 1).map(({ id }) => id);
const lines = (all: readonly (readonly [Memory, Check])[], budget = 1000): string[] => standingLines(all.map(([each, check]) => ({ memory: each, check })), budget, countTokens).map(({ text }) => text);

describe("what may stand at the head of a context", () => {
  test("is a demand or decision of the user, or a command that passed more often than it failed", () => {
    const worked = { kind: "procedural", trust: "inferred" } as const;
    expect(ids(
      memory("a"), memory("b", { kind: "decision" }), memory("c", { ...worked, passes: 3, failures: 1 }), memory("d", { ...worked, passes: 1, failures: 1 }),
      memory("e", { trust: "inferred" }), memory("f", { trust: "inferred", accepted: true }), memory("g", { kind: "semantic" }), memory("h", { ...worked, trust: "tool", passes: 9 }),
    )).toEqual(["a", "f", "b", "c"]);
  });

  test("is not what waits, is over, or has not begun", () => {
    expect(ids(memory("a", { status: "inbox" }), memory("b", { status: "superseded" }), memory("c", { valid_to: NOW }), memory("d", { valid_from: NOW + 1 }), memory("e", { status: "rejected" }))).toEqual([]);
  });

  test("is of this project or of the user, and of a branch only on it", () => {
    const of = (id: string, scope: Memory["scope"]): Memory => memory(id, { scope });
    const project = "/work/app";
    expect(ids(of("a", { level: "user" }), of("b", { level: "branch", project, branch: "main" }), of("c", { level: "branch", project, branch: "next" }), of("d", { level: "project", project: "/work/other" }), of("e", { level: "path", project, path: "src" }), of("f", { level: "owner", user: "u" }))).toEqual(["a", "b", "e"]);
  });

  test("is the newest where there are too many", () => {
    const many = Array.from({ length: 30 }, (_, i) => memory(`m${String(i).padStart(2, "0")}`, { valid_from: NOW - i * DAY }));
    expect(ids(...many)).toEqual(many.slice(0, 16).map(({ id }) => id));
  });
});

describe("commands and recipes", () => {
  const recipe = (id: string, days: number): Memory => memory(id, { kind: "procedural", valid_from: NOW - days * DAY });

  test("are those of most use where there are too many, and of equals the newest", () => {
    const many = ["a", "b", "c", "d", "e", "f", "g"].map((id, i) => recipe(id, i));
    const worth: Record<string, number> = { f: 3, g: 4, a: 0.5 };
    expect(standingHere(many, here, NOW, ({ id }) => worth[id] ?? 1).map(({ id }) => id)).toEqual(["g", "f", "b", "c", "d"]);
  });

  test("need no judging where all of them have a place", () => {
    const some = ["a", "b", "c", "d", "e"].map((id) => recipe(id, 1));
    expect(isChosenByUse([...some, memory("demand"), recipe("later", -1)], here, NOW)).toBe(false);
    expect(isChosenByUse([...some, recipe("f", 2)], here, NOW)).toBe(true);
  });

  test("alone are chosen by use: what the user demands stands whether or not it was seen to be of use", () => {
    const demands = Array.from({ length: 20 }, (_, i) => memory(`m${String(i).padStart(2, "0")}`, { valid_from: NOW - i * DAY }));
    expect(standingHere(demands, here, NOW, ({ id }) => (id === "m00" ? 0.1 : 2)).map(({ id }) => id)).toEqual(demands.slice(0, 16).map(({ id }) => id));
  });
});

describe("the lines", () => {
  test("say whose words they are, since which day and under which id", () => {
    expect(lines([[memory("ma", { scope: { level: "path", project: "/work/app", path: "src/api" } }), "unverified"], [memory("mb", { kind: "procedural", trust: "inferred", passes: 2 }), "current"]])).toEqual([
      "Statement ma [demanded in src/api, by the user, 2025-05-31, ma]",
      "Statement mb [works, worked out, 2025-05-31, mb]",
    ]);
  });

  test("leave out what is gone and recipes that are not known to hold; a demand on something that changed says so", () => {
    const recipe = memory("mr", { kind: "procedural" });
    expect(lines([[memory("ma"), "gone"], [recipe, "unverified"], [recipe, "changed"], [memory("mb"), "changed"]])).toEqual(["Statement mb [demanded, by the user, 2025-05-31, mb; what it names has changed since]"]);
  });

  test("are in one order whichever way they come, demands first and the oldest of them first", () => {
    const all = [memory("mc", { kind: "decision" }), memory("mb", { valid_from: NOW - 2 * DAY }), memory("ma")].map((each) => [each, "current"] as const);
    expect(lines(all)).toEqual(lines(all.toReversed()));
    expect(lines(all).map((line) => line.slice(10, 12))).toEqual(["mb", "ma", "mc"]);
  });

  test("keep to the budget, the first that are found first", () => {
    const all = Array.from({ length: 9 }, (_, i) => [memory(`m${i}`), "current"] as const);
    const kept = lines(all, 50);
    expect(kept.length).toBeGreaterThan(0);
    expect(kept.length).toBeLessThan(9);
    expect(kept.reduce((sum, line) => sum + countTokens(line) + 1, 0)).toBeLessThanOrEqual(50);
    expect(kept[0]).toMatch(/m0/);
  });
});
