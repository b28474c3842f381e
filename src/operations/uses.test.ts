/** Counts of use from what the log holds, and what they do to the order of answers. */
import { expect, test } from "vitest";
import { answer, called, event, prompt, START, started } from "../../test/builders.ts";
import { freshStore } from "../../test/helpers.ts";
import type { Event } from "../event/schema.ts";
import type { Store } from "../store/store.ts";
import { memories, remember, type Given } from "./memories.ts";
import { recall } from "./recall.ts";
import { refreshSummaries } from "./sessions.ts";
import { recordOf, usefulnessHere, type UseRecord } from "./uses.ts";
import { verify } from "./verify.ts";

const PROJECT = "/work/app";
const HOUR = 3_600_000;
const NOW = START + 100 * HOUR;
const here = { project: PROJECT, tree: "/nowhere" };

const say = async (store: Store, statement: string, given: Partial<Given> = {}): Promise<string> =>
  (await remember(store, { statement, kind: "semantic", scope: { level: "project", project: PROJECT }, ...given }, START)).memory.id;

/** A session that begins `hours` later, is given memories, and does something after that. */
function session(id: string, hours: number, given: readonly string[], did: readonly Event[] = []): Event[] {
  const at = START + hours * HOUR;
  const asked = { session: id, time: at };
  return [
    started(id, PROJECT, asked),
    ...(given.length === 0 ? [] : [event("start.recalled", { characters: 1, tokens: 1, lines: [], memories: [...given] }, { ...asked, id: `${id}:start` })]),
    prompt("Go on", { ...asked, id: `${id}:prompt` }),
    ...did.map((each, i): Event => ({ ...each, id: `${id}:${i}`, session: id, time: at + 60_000 })),
    answer("Done", { ...asked, id: `${id}:done`, time: at + 120_000 }),
  ];
}

const touched = (path: string): Event => event("files.touched", { call: "c", files: [{ path: `${PROJECT}/${path}`, change: "read" }] });

const recordIn = async (store: Store, id: string, now = NOW): Promise<UseRecord> => {
  const state = await memories(store);
  return recordOf(store, state, state.memories.get(id)!, { project: PROJECT, now });
};

test("counts the sessions that were given it, those of them that then used it, and all that did what it names", async () => {
  const store = await freshStore();
  const id = await say(store, "Retries are in src/retry.ts");
  expect(await recordIn(store, id)).toMatchObject({ shown: { times: 0 }, used: { times: 0 }, since: { times: 0 }, score: 1 });
  await store.append([
    ...session("s1", 1, [id], [touched("src/retry.ts")]),
    ...session("s2", 2, [id], [touched("src/other.ts")]),
    ...session("s3", 3, [], [touched("src/retry.ts")]),
    ...session("s4", 4, [id, "m9999999999"], [answer(`As ${id} says`)]),
  ]);
  expect(await recordIn(store, id)).toMatchObject({
    shown: { times: 3, last: START + 4 * HOUR }, used: { times: 2, last: START + 4 * HOUR + 60_000, how: "cited" },
    since: { times: 4, last: START + 4 * HOUR }, ofUse: { times: 3, last: START + 4 * HOUR + 60_000 },
    contradicted: { times: 0 }, reverted: { times: 0 },
  });
});

test("a session that is given it again is one, and what it had done before it asked does not count as use of what it was given", async () => {
  const store = await freshStore();
  const id = await say(store, "Retries are in src/retry.ts");
  const given = (time: number): Event => event("context.given", { through: "mcp recall", tokens: 1, events: [], memories: [id] }, { session: "s1", time });
  await store.append([...session("s1", 1, [], [touched("src/retry.ts")]), given(START + 2 * HOUR), given(START + 3 * HOUR)]);
  expect(await recordIn(store, id)).toMatchObject({ shown: { times: 1, last: START + 2 * HOUR }, used: { times: 0 }, ofUse: { times: 1 } });
});

test("of memories with the same words the one that sessions needed comes first, and after months the order is the old one", async () => {
  const store = await freshStore();
  await say(store, "The retry limit is set in src/limits.ts");
  await say(store, "The retry delay is set in src/delays.ts");
  const order = async (now: number): Promise<string[]> => {
    const { items } = await recall(store, "where is retry set", { now, limit: 5, length: 200, tokens: 500, memories: { state: await memories(store), here } });
    return items.filter(({ key }) => key?.startsWith("says:")).map(({ statement }) => statement.split(" ")[2]!);
  };
  const before = await order(NOW);
  const needed = before[1] === "limit" ? "src/limits.ts" : "src/delays.ts";
  for (let i = 0; i < 4; i++) await store.append(session(`s${i}`, i + 1, [], [touched(needed)]));
  await refreshSummaries(store);
  expect(await order(NOW)).toEqual(before.toReversed());
  expect(await order(NOW + 3000 * 24 * HOUR)).toEqual(before);
});

test("another project's sessions say nothing, nor does one of which what it did was erased", async () => {
  const store = await freshStore();
  const id = await say(store, "Tests run with `npm test`");
  const ran = called("Bash", { command: "npm test" });
  await store.append([...session("s1", 1, [id], [ran]), ...session("s2", 2, [id], [ran]).map((each) => (each.type === "session.started" ? { ...each, payload: { project: "/elsewhere", cwd: "/elsewhere" } } : each))]);
  await refreshSummaries(store);
  const score = async (): Promise<number> => {
    const state = await memories(store);
    return (await usefulnessHere(store, state, PROJECT, NOW))(state.memories.get(id)!);
  };
  expect(await recordIn(store, id)).toMatchObject({ shown: { times: 2 }, used: { times: 2 }, since: { times: 1 }, ofUse: { times: 1 } });
  expect(await score()).toBeGreaterThan(1);
  expect((await verify(store)).problems).toEqual([]);
  await store.erase(["s1:0"]);
  await refreshSummaries(store);
  expect((await recordIn(store, id)).ofUse).toEqual({ times: 0 });
  expect(await score()).toBeLessThan(1);
  expect((await verify(store)).problems).toEqual([]);
});
