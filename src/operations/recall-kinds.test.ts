/** Memories and sessions beside passages: one order, one budget, nothing stale given as fact, nothing that waits given at all. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { answer, event, prompt, started } from "../../test/builders.ts";
import { freshStore, NOW, scratch } from "../../test/helpers.ts";
import type { Event } from "../event/schema.ts";
import type { Store } from "../store/store.ts";
import { memories, remember, type Given } from "./memories.ts";
import { recall, type RecallOptions, type RecallResult } from "./recall.ts";
import { aboutOf, placeOf, type Here } from "./recall-memories.ts";
import { refreshSummaries } from "./sessions.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

async function filled(...events: Event[]): Promise<{ store: Store; here: Here; root: string; say: (statement: string, given?: Partial<Given>, at?: number) => Promise<string>; ask: (text: string, more?: Partial<RecallOptions>, at?: number) => Promise<RecallResult> }> {
  const root = scratch();
  mkdirSync(join(root, ".git"));
  writeFileSync(join(root, ".git/HEAD"), "ref: refs/heads/main\n");
  writeFileSync(join(root, "a.ts"), "export function retry(): void {}\n");
  const here = await placeOf(root, { PATH: process.env["PATH"] });
  const store = await freshStore();
  await store.append(events);
  await refreshSummaries(store);
  const say = async (statement: string, given: Partial<Given> = {}, at = NOW): Promise<string> => {
    const scope = { level: "project" as const, project: here.project };
    const about = aboutOf(statement, here, scope);
    return (await remember(store, { statement, kind: "semantic", scope, ...(about === undefined ? {} : { about }), ...given }, at)).memory.id;
  };
  const ask = async (text: string, more: Partial<RecallOptions> = {}, at?: number): Promise<RecallResult> =>
    recall(store, text, { now: NOW + DAY, limit: 10, length: 400, tokens: 1500, memories: { state: await memories(store), here, ...(at === undefined ? {} : { at }) }, ...more });
  return { store, here, root, say, ask };
}

test("of the same words a memory that holds comes before what was only said, in one answer", async () => {
  const { ask, say } = await filled(started("s1", "/work/app"), answer("`retry` is kept in a.ts", { session: "s1", time: NOW }), answer("flutes are kept elsewhere", { session: "s1", time: NOW }));
  const id = await say("`retry` is kept in a.ts", { sources: [] });
  const { items, path } = await ask("where is retry kept");
  expect(items.slice(0, 2).map((item) => [item.id === id, item.check, item.role])).toEqual([[true, "current", undefined], [false, "unverified", "assistant"]]);
  expect(path).toMatch(/^1 memory; /);
});

test("a memory that the tree contradicts sinks below what was said and is marked", async () => {
  const { ask, say, root } = await filled(started("s1", "/work/app"), answer("`retry` is kept in a.ts", { session: "s1", time: NOW }));
  const id = await say("`retry` is kept in a.ts");
  writeFileSync(join(root, "a.ts"), "export function again(): void {}\n");
  const { items } = await ask("where is retry kept");
  expect(items.map((item) => item.id === id)).toEqual([false, true]);
  expect(items[1]).toMatchObject({ check: "gone", why: [expect.stringContaining("retry")] });
});

test("what waits in the inbox and what came from a tool is not given", async () => {
  const { ask, say } = await filled();
  await say("the flute is always oiled with petrol", { trust: "tool" });
  await say("the flute is made of tin", { trust: "inferred" });
  expect((await ask("flute")).items).toEqual([]);
});

test("memories and passages share one budget, and both are counted where it leaves them out", async () => {
  const { ask, say } = await filled(started("s1", "/work/app"), answer(`flute ${"la ".repeat(80)}`, { session: "s1", time: NOW }));
  for (const n of ["one", "two", "three"]) await say(`flute ${n} ${`${n} `.repeat(60)}`);
  const { items, tokens, left_out: left } = await ask("flute", { tokens: 150 });
  expect(items.length).toBeGreaterThan(0);
  expect(tokens).toBeLessThanOrEqual(150);
  expect(items.length + left).toBe(4);
});

test("as of a day a value that has been replaced since is given, and the one that replaced it is not", async () => {
  const { ask, say } = await filled();
  await say("Tests run with ava", { key: "cmd:test" }, NOW - 10 * DAY);
  await say("Tests run with vitest", { key: "cmd:test" }, NOW);
  expect((await ask("how do tests run")).items.map(({ statement }) => statement)).toEqual(["Tests run with vitest"]);
  expect((await ask("how do tests run", {}, NOW - 5 * DAY)).items.map(({ statement }) => statement)).toEqual(["Tests run with ava"]);
});

test("a question about an afternoon is answered by the sessions in which something was asked then, in their order", async () => {
  // 2025-01-07 is a Tuesday.
  const tuesday = Date.UTC(2025, 0, 7);
  const session = (id: string, ...hours: number[]): Event[] => [
    event("session.started", { project: "/work/app" }, { id: `${id}:started`, session: id, time: tuesday + hours[0]! * HOUR }),
    ...hours.map((hour) => prompt(`Work of ${id} at ${hour}`, { session: id, time: tuesday + hour * HOUR })),
  ];
  const { ask } = await filled(...session("late", 15), ...session("noon", 13, 14), ...session("night", 22), ...session("open", 9, 40));
  const now = tuesday + 2 * DAY;
  const told = async (text: string, more: Partial<RecallOptions> = {}): Promise<string[]> => (await ask(text, { now, ...more })).items.filter(({ key }) => key !== undefined).map(({ id }) => id);
  expect(await told("What was I doing last Tuesday afternoon?")).toEqual(["noon", "late"]);
  expect(await told("What was I doing last Tuesday?")).toEqual(["open", "noon", "late", "night"]);
  // Seven hours behind UTC it was afternoon when it was night there.
  expect(await told("What was I doing last Tuesday afternoon?", { ahead: -7 * 60 })).toEqual(["night"]);
  expect(await told("What did we do with the cache last Tuesday?")).toEqual([]);
});

test("a time in which nothing was asked is said, and words answer", async () => {
  const { ask } = await filled(started("s1", "/work/app"), prompt("tune the flute", { session: "s1", time: NOW - 40 * DAY }));
  expect((await ask("What was I doing last Tuesday afternoon?")).path).toMatch(/^no session of that time; /);
  expect((await ask("flute")).path).not.toContain("of that time");
});
