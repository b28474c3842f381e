/** Handoffs in a real repository: what is looked up when they are written, and said when they are read. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { onTestFinished, expect, test } from "vitest";
import { countTokens } from "gpt-tokenizer/encoding/o200k_base";
import { freshStore, idOf, NOW, storeWith } from "../../test/helpers.ts";
import { treeWorld, type TreeWorld } from "../../test/tree-world.ts";
import type { Store } from "../store/store.ts";
import { newestHandoff, writeHandoff, type HandoffGiven, type Written } from "./handoff.ts";
import { placeOf } from "./recall-memories.ts";
import { resume } from "./resume.ts";
import { takeUp } from "./take-up.ts";

const environment = { PATH: process.env["PATH"] ?? "" };
const EMPTY: HandoffGiven = { done: [], next: [], blockers: [], unverified: [], waiting: [] };

async function world(): Promise<TreeWorld & { log: Store; hand: (given: Partial<HandoffGiven>, now?: number) => Promise<Written>; newest: (now?: number) => ReturnType<typeof newestHandoff> }> {
  const w = treeWorld(onTestFinished);
  mkdirSync(join(w.root, "src"));
  w.write("src/parse.ts", "export function parseLine(text: string): string[] {\n  return text.split(\",\");\n}\n");
  w.git("add", "-A");
  w.git("commit", "-qm", "first");
  const log = await freshStore();
  return {
    ...w, log,
    hand: async (given, now = NOW) => writeHandoff(log, { ...EMPTY, ...given }, { here: await placeOf(w.root, environment), environment, now, through: "test" }),
    newest: async (now = NOW) => newestHandoff(log, w.root, () => placeOf(w.root, environment), environment, now),
  };
}

test("says of each line whether what it names still is as it was", async () => {
  const w = await world();
  const { handoff, fresh, missing } = await w.hand({ done: ["`parseLine` in src/parse.ts splits at commas"], next: ["Write src/quote.ts"], waiting: ["Which licence?"] });
  expect({ fresh, missing }).toEqual({ fresh: true, missing: ["src/quote.ts"] });
  expect(handoff.items).toEqual([
    { part: "done", text: "`parseLine` in src/parse.ts splits at commas", check: "current", why: [] },
    { part: "next", text: "Write src/quote.ts", check: "gone", why: ["src/quote.ts"] },
    { part: "waiting", text: "Which licence?", check: "unverified", why: [] },
  ]);
  writeFileSync(join(w.root, "src/parse.ts"), "export function parseLine(text: string): string[] {\n  return text.split(\";\");\n}\n");
  writeFileSync(join(w.root, "src/quote.ts"), "export {};\n");
  expect((await w.newest())!.items.map(({ check, why }) => [check, why])).toEqual([["changed", ["parseLine in src/parse.ts"]], ["unverified", []], ["unverified", []]]);
  rmSync(join(w.root, "src/parse.ts"));
  expect((await w.newest())!.items[0]).toMatchObject({ check: "gone" });
});

test("a commit is here, on another branch, or not there at all", async () => {
  const w = await world();
  const first = w.git("rev-parse", "--short=10", "HEAD");
  w.git("checkout", "-qb", "other");
  w.write("b.txt", "b");
  w.git("add", "-A");
  w.git("commit", "-qm", "second");
  const second = w.git("rev-parse", "HEAD");
  const { handoff, missing } = await w.hand({ done: [`Split at commas in ${first}`, `Second thoughts in ${second}`, "Never was: 0123456789abcdef"] });
  expect(missing).toEqual(["0123456789abcdef"]);
  expect(handoff.items.map(({ check }) => check)).toEqual(["current", "current", "gone"]);
  w.git("checkout", "-q", "main");
  expect((await w.newest())!.items.map(({ check, why }) => [check, why])).toEqual([["current", []], ["changed", [`commit ${second} is not on this branch`]], ["gone", ["0123456789abcdef"]]]);
});

test("written twice it is one, and written again after another it is the newest", async () => {
  const w = await world();
  const first = await w.hand({ next: ["One"] });
  expect((await w.hand({ next: ["One"] }, NOW + 1)).fresh).toBe(false);
  const second = await w.hand({ next: ["Two"] }, NOW + 2);
  const third = await w.hand({ next: ["One"] }, NOW + 3);
  expect([second.fresh, third.fresh]).toEqual([true, true]);
  expect(new Set([first, second, third].map(({ handoff }) => handoff.id)).size).toBe(3);
  expect((await w.newest(NOW + 4))!.id).toBe(third.handoff.id);
  expect((await w.log.ofTypes(["handoff.written"])).length).toBe(3);
});

test("an empty one is refused, an old one is not given, and another project's never", async () => {
  const w = await world();
  await expect(w.hand({ next: ["  "] })).rejects.toMatchObject({ code: "BAD_VALUE" });
  await w.hand({ next: ["One"] });
  expect(await w.newest(NOW + 15 * 86_400_000)).toBeUndefined();
  const other = treeWorld(onTestFinished);
  expect(await newestHandoff(w.log, other.root, () => placeOf(other.root, environment), environment, NOW)).toBeUndefined();
});

test("secrets and characters that nobody sees do not reach the log", async () => {
  const w = await world();
  const secret = ["ghp", "_", "A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8"].join("");
  const { handoff, redacted } = await w.hand({ next: [`Use ${secret}\u202e now`] });
  expect(Object.values(redacted)).toEqual([1]);
  expect(JSON.stringify(handoff)).not.toMatch(/A1b2C3d4|\u202e/);
});

test("resume opens with it and keeps its budget, whatever that is", async () => {
  const store = await storeWith("error handling");
  const items = ["next", "waiting", "done"].flatMap((part) => Array.from({ length: 12 }, (_, i) => ({ part: part as "next", text: `${part} ${i}: look at the ${"very ".repeat(i)}long line`, check: "unverified" as const, why: [] })));
  const handoff = { id: "handoff:1", time: NOW - 3_600_000, of: idOf("error handling"), items };
  let opened = 0;
  for (let budget = 60; budget <= 2400; budget += 90) {
    const { text, tokens, lines } = await resume(store, idOf("error handling"), budget, undefined, { handoff, now: NOW });
    expect(countTokens(text)).toBe(tokens);
    expect(tokens).toBeLessThanOrEqual(budget);
    if (!text.startsWith("## Handed over\n- waits for a person: waiting 0")) continue;
    opened += 1;
    expect(lines[0]).toMatchObject({ section: "handoff", check: "unverified", source: { session: idOf("error handling"), turn: 0 } });
  }
  expect(opened).toBeGreaterThan(20);
});

test("who takes up work is given it first, within the budget, with its id among what was given", async () => {
  const w = await world();
  const { handoff } = await w.hand({ next: ["Split src/parse.ts"], waiting: ["Which licence?"] });
  const taken = async (budget: number): ReturnType<typeof takeUp> => takeUp(w.log, { cwd: w.root, now: NOW + 60_000, budget, environment, running: [] });
  const { text, tokens, events } = await taken(600);
  expect(text).toMatch(/^<tidemark kind="brief">\n[^\n]+\n- waits for a person: Which licence\? \[handed over 1 min ago\]\n- next: Split src\/parse\.ts \[handed over 1 min ago; what it names is as it was\]/);
  expect([events, countTokens(text)]).toEqual([[handoff.id], tokens]);
  // What does not fit whole is not given in part.
  expect((await taken(20)).text).toBe("");
});
