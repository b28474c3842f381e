/** Which memories a question gets, in which order: words first, then what holds; and questions that are none. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { freshStore, NOW, scratch } from "../../test/helpers.ts";
import type { Store } from "../store/store.ts";
import { memories, remember, review, type Given } from "./memories.ts";
import { aboutOf, inRecall, inSight, placeOf, recallMemories, type Here } from "./recall-memories.ts";

async function filled(): Promise<{ store: Store; here: Here; root: string; ask: (question: string, at?: number) => Promise<string[]>; say: (statement: string, given?: Partial<Given>) => Promise<string> }> {
  const root = scratch();
  mkdirSync(join(root, ".git"));
  writeFileSync(join(root, ".git/HEAD"), "ref: refs/heads/main\n");
  writeFileSync(join(root, "a.ts"), "export function retry(): void {}\n");
  writeFileSync(join(root, "b.ts"), "export function retry(): void {}\n");
  const here = await placeOf(root, { PATH: process.env["PATH"] });
  const store = await freshStore();
  let now = NOW;
  const say = async (statement: string, given: Partial<Given> = {}): Promise<string> => {
    const scope = given.scope ?? { level: "project" as const, project: here.project };
    const about = aboutOf(statement, here, scope);
    return (await remember(store, { statement, kind: "semantic", scope, ...(about === undefined ? {} : { about }), ...given }, (now += 1000))).memory.id;
  };
  const ask = async (question: string, at?: number): Promise<string[]> => recallMemories(await memories(store), question, { here, now: now + 1000, limit: 10, ...(at === undefined ? {} : { at }) }).map(({ memory, check }) => `${memory.statement} (${check})`);
  return { store, here, root, ask, say };
}

describe("order", () => {
  test("the words of the question decide", async () => {
    const { ask, say } = await filled();
    await say("Releases are cut on Mondays");
    await say("The retry of the client waits two seconds");
    await say("The client is written in Go");
    expect(await ask("how long does the client wait before a retry?")).toEqual(["The retry of the client waits two seconds (unverified)", "The client is written in Go (unverified)"]);
  });

  test("of equals what holds comes before what has changed, and that before what is gone", async () => {
    const { ask, say, root } = await filled();
    await say("`retry` is kept in b.ts");
    await say("`retry` is kept in a.ts");
    writeFileSync(join(root, "b.ts"), "export function retry(times: number): void {}\n");
    expect(await ask("where is retry kept")).toEqual(["`retry` is kept in a.ts (current)", "`retry` is kept in b.ts (changed)"]);
    writeFileSync(join(root, "a.ts"), "export function again(): void {}\n");
    expect(await ask("where is retry kept")).toEqual(["`retry` is kept in b.ts (changed)", "`retry` is kept in a.ts (gone)"]);
  });

  test("use moves memories that fit alike, the places keep their scores, and what fits far better stays first", async () => {
    const { store, here, say } = await filled();
    await say("The client waits before it tries again");
    await say("The client waits in its queue");
    await say("Whoever waits, waits");
    const state = await memories(store);
    const ask = (question: string, worth?: Record<string, number>): [string, number][] =>
      recallMemories(state, question, { here, now: NOW + 60_000, limit: 10, ...(worth === undefined ? {} : { usefulness: ({ statement }) => worth[statement.split(" ").at(-1)!] ?? 1 }) }).map(({ memory, score }) => [memory.statement.split(" ").at(-1)!, score]);
    const [first, second] = ask("client waits");
    expect(ask("client waits", { [second![0]]: 5, [first![0]]: 0.01 }).slice(0, 2)).toEqual([[second![0], first![1]], [first![0], second![1]]]);
    expect(ask("client waits queue", { queue: 0.9, again: 1.1, waits: 1.1 })[0]![0]).toBe("queue");
    expect([0, 0.4, 1, 2, 5].map(inRecall)).toEqual([0.5, 0.5, 1, 2, 3]);
  });

  test("another project's are not seen; the user's own are, after the project's", async () => {
    const { ask, say } = await filled();
    await say("Tests are run with one thread", { key: "a", scope: { level: "user" } });
    await say("Tests are run with two threads", { key: "b" });
    await say("Tests are run with three threads", { key: "c", scope: { level: "project", project: "/elsewhere" } });
    expect(await ask("tests are run with threads")).toEqual(["Tests are run with two threads (unverified)", "Tests are run with one thread (unverified)"]);
  });

  test("what waits, was refused or superseded is not given; what held then is, as of then", async () => {
    const { store, ask, say } = await filled();
    await say("The port is 8000", { key: "port", valid_from: NOW - 86_400_000 });
    await say("The port is 9000", { key: "port" });
    await say("The port of the proxy is 1", { trust: "tool" });
    const refused = await say("The port of the test is 2");
    await review(store, [refused], { how: "reject" }, NOW + 99_000);
    expect(await ask("which port")).toEqual(["The port is 9000 (unverified)"]);
    expect(await ask("which port", NOW - 1000)).toEqual(["The port is 8000 (gone)"]);
  });
});

test("what was done is told of an hour or a day, or of all the time before", async () => {
  const { store, here, say } = await filled();
  const hour = 3_600_000;
  const scope = { level: "project", project: here.project } as const;
  await say("The day before: the parser", { kind: "episodic", key: "session:1", valid_from: NOW - 30 * hour, scope });
  await store.append([{ id: "memory:x", time: NOW, type: "memory.revised", session: "memory:2026-12-01", agent: "tidemark", payload: { by: "extraction", what: "extract", changes: [["2", 10, 8], ["3", 7, 5], ["4", 2, 1]].map(([name, from, to]) => ({ id: `m${name}`, now: { key: `session:${name}`, kind: "episodic", statement: `Session ${name}`, scope, status: "active", trust: "inferred", confidence: 1, valid_from: NOW - Number(from) * hour, valid_to: NOW - Number(to) * hour } })) } }]);
  const state = await memories(store);
  const keys = (at: number, until?: number): string[] => inSight(state, here, at, until).map(({ key }) => key).sort();
  expect(keys(NOW - 6 * hour, NOW - 6 * hour)).toEqual(["session:1", "session:3"]);
  expect(keys(NOW - 9 * hour, NOW - 6 * hour)).toEqual(["session:1", "session:2", "session:3"]);
  expect(keys(NOW - 20 * hour, NOW - 20 * hour)).toEqual(["session:1"]);
  expect(keys(NOW)).toEqual(["session:1", "session:2", "session:3", "session:4"]);
});

describe("questions that are none", () => {
  test.each(['" OR * NEAR/2 (', "'; DROP TABLE event; --", "🙈", "日本語", "AND", "x".repeat(10_000), "()[]{}^~:\\"])("%.20s gives something or nothing, and no error", async (question) => {
    const { ask, say } = await filled();
    await say("The 日本語 catalogue is kept apart");
    expect(await ask(question)).toEqual(question === "日本語" ? ["The 日本語 catalogue is kept apart (unverified)"] : []);
  });
});
