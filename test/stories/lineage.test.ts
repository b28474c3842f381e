/** A fork imported before or after its parent gives the same sessions, stories, briefs and search results. */
import { expect, test } from "vitest";
import { exportLines } from "../../src/operations/export.ts";
import { listSessions, story } from "../../src/operations/sessions.ts";
import { resume } from "../../src/operations/resume.ts";
import { searchSessions } from "../../src/operations/search.ts";
import { verify } from "../../src/operations/verify.ts";
import type { Store } from "../../src/store/store.ts";
import { configWith, freshStore, idOf, importInto, inConfig, linesOf, putTranscript, scratch, sessionsJson, tell, tellTurn, type Name } from "../helpers.ts";

const wordCount = (text: string): number => text.split(/\s+/).length;

/** Everything the commands would print of these sessions, as values. */
async function everything(store: Store, ids: readonly string[]): Promise<unknown> {
  const stories = await Promise.all(ids.map(async (id) => {
    const told = await story(store, id);
    return { turns: [...told.turns, ...told.rewound].map((turn) => ({ ...turn, events: turn.events.map((event) => ({ ...event, session: "" })), calls: turn.calls.map((call) => ({ ...call, event: call.id })), answers: turn.answers.length })), tasks: told.tasks, lastSummary: told.lastSummary };
  }));
  const briefs = await Promise.all(ids.map((id) => resume(store, id, 1500, wordCount)));
  const search = await Promise.all(["greeting", "friendlier", "variant", "notes", "failing check"].map(async (query) => {
    const { hits, more } = await searchSessions(store, query, { limit: 50, length: 200 });
    // The score has a small part for how new an event is in the log, and that is the order of import.
    return { more, hits: hits.map((hit) => ({ ...hit, score: 0 })).sort((a, b) => (a.event < b.event ? -1 : 1)) };
  }));
  return { sessions: await sessionsJson(store), stories, briefs, search, bare: (await store.head()).position };
}

test.each(["197", "330"] as const)("2.1.%s: a fork and its parent are the same in both orders of import", async (version) => {
  const [main, fork]: [Name, Name] = [`${version} main`, `${version} fork`];
  const config = configWith(main, fork);
  const orders = [[main, fork], [fork, main]] as const;
  const told = await Promise.all(orders.map(async (order) => {
    const store = await freshStore();
    // The subagent's file goes with its session's.
    for (const name of order) await importInto(store, config, name === main ? [inConfig(config, name), inConfig(config, name).replace(/\.jsonl$/, "")] : [inConfig(config, name)]);
    expect((await verify(store)).problems).toEqual([]);
    return everything(store, [idOf(main), idOf(fork)]);
  }));
  expect(told[1]).toEqual(told[0]);
  expect((told[0] as { sessions: { id: string; parent: string | null }[] }).sessions.map(({ id, parent }) => [id, parent])).toEqual([[idOf(main), null], [idOf(fork), idOf(main)]]);
});

test("words of the shared past are found once, in the session they were first said in", async () => {
  const config = configWith("197 main", "197 fork");
  const store = await freshStore();
  await importInto(store, config, [inConfig(config, "197 fork")]);
  await importInto(store, config);
  const { hits } = await searchSessions(store, "friendlier", { limit: 20, length: 200, role: "user" });
  expect(hits.map(({ session, turn }) => [session, turn])).toEqual([[idOf("197 main"), 2]]);
});

test("of a fork's fork each comes from the one it shares most with", async () => {
  const config = scratch();
  const [a, b, c] = ["a", "b", "c"].map((letter) => `${letter.repeat(8)}-0000-4000-8000-000000000000`) as [string, string, string];
  const at = (minute: number): string => new Date(Date.UTC(2026, 0, 5, 9, minute)).toISOString();
  const say = (session: string, n: number, words: string, above: string | null): object => ({ type: "user", uuid: `u${words}`, parentUuid: above, sessionId: session, timestamp: at(n), cwd: "/nowhere/app", message: { role: "user", content: words } });
  const reply = (session: string, n: number, words: string): object => ({ type: "assistant", uuid: `a${words}`, parentUuid: `u${words}`, sessionId: session, timestamp: at(n), cwd: "/nowhere/app", message: { id: `m${words}`, role: "assistant", model: "m", content: [{ type: "text", text: `ok ${words}` }] } });
  const turn = (session: string, n: number, words: string, above: string | null): object[] => [say(session, n, words, above), reply(session, n, words)];
  const begun = (session: string, n: number): object => ({ type: "queue-operation", operation: "enqueue", sessionId: session, timestamp: at(n) });
  const files = {
    [a]: [...turn(a, 0, "one", null), ...turn(a, 1, "two", "aone")],
    [b]: [begun(b, 10), ...turn(b, 0, "one", null), ...turn(b, 1, "two", "aone"), ...turn(b, 11, "three", "atwo")],
    [c]: [begun(c, 20), ...turn(c, 0, "one", null), ...turn(c, 1, "two", "aone"), ...turn(c, 11, "three", "atwo"), ...turn(c, 21, "four", "athree")],
  };
  const paths = Object.entries(files).map(([id, lines]) => putTranscript(`${config}/projects/x/${id}.jsonl`, lines));
  const expected = [[a, ""], [b, `forked from ${a}`], [c, `forked from ${b}`]];
  for (const order of [[0, 1, 2], [2, 1, 0], [1, 2, 0], [2, 0, 1]]) {
    const store = await freshStore();
    for (const i of order) await importInto(store, config, [paths[i]!]);
    expect(await Promise.all([a, b, c].map(async (id) => [id, (await tell(store, id)).lineage])), `order ${order}`).toEqual(expected);
    expect((await story(store, c)).turns.map((each) => tellTurn(each))).toEqual(["1 one: completed", "2 two: completed", "3 three: completed", "4 four: completed"]);
  }
});

test.each(["197 main", "197 typed", "330 main", "330 fork", "root folder", "error handling", "token usage"] as const)("%s: exported and imported elsewhere it is exported byte for byte the same", async (name) => {
  const id = idOf(name);
  const here = await freshStore();
  await importInto(here, configWith(name));
  const lines = await exportLines(here, id);
  const file = putTranscript(`${scratch()}/${id}.jsonl`, lines);
  const there = await freshStore();
  const report = await importInto(there, scratch(), [file]);
  expect(report).toMatchObject({ lines: lines.length, added: lines.length, duplicates: 0, quarantined: [] });
  expect((await exportLines(there, id)).join("\n")).toBe(lines.join("\n"));
  expect(await tell(there, id)).toEqual(await tell(here, id));
  expect((await verify(there)).problems).toEqual([]);
});

test("a fork exported and imported elsewhere without its parent tells the same turns", async () => {
  const here = await freshStore();
  await importInto(here, configWith("197 main", "197 fork"));
  const lines = await exportLines(here, idOf("197 fork"));
  const there = await freshStore();
  await importInto(there, scratch(), [putTranscript(`${scratch()}/anything.jsonl`, lines)]);
  expect((await exportLines(there, idOf("197 fork"))).join("\n")).toBe(lines.join("\n"));
  expect((await tell(there, "197 fork")).turns).toEqual((await tell(here, "197 fork")).turns);
});

test("importing an export where the transcript already is adds nothing", async () => {
  const config = configWith("197 main", "197 fork");
  const store = await freshStore();
  await importInto(store, config);
  const before = { head: await store.head(), sessions: await listSessions(store) };
  for (const name of ["197 main", "197 fork"] as const) {
    const { added } = await importInto(store, scratch(), [putTranscript(`${scratch()}/export.jsonl`, await exportLines(store, idOf(name)))]);
    expect(added, name).toBe(0);
  }
  expect({ head: await store.head(), sessions: await listSessions(store) }).toEqual(before);
  expect(linesOf("197 main").length).toBeGreaterThan(0);
});
