/** The list of sessions, finding one of them, and what is said of the latest. */
import { describe, expect, test } from "vitest";
import { answer, called, event, forked, prompt, START, started, type Given } from "../../test/builders.ts";
import { openInProcessStore } from "../store/in-process/store.ts";
import type { Event } from "../event/schema.ts";
import type { Store } from "../store/store.ts";
import { findSession, latestSession, listSessions, refreshSummaries, story, turnAt } from "./sessions.ts";
import { searchSessions } from "./search.ts";
import { status } from "./status.ts";

const A = "abad1dea-0000-4000-8000-00000000000a";
const B = "abad1dea-0000-4000-8000-00000000000b";

/** A session of one answered prompt, `minute` minutes after the start. */
function talk(session: string, project: string, minute: number, words: string, more: (at: Given) => Event[] = () => []): Event[] {
  const time = START + minute * 60_000;
  const at: Given = { session, time };
  return [started(session, project, { time }), prompt(words, { ...at, id: `${session}:p`, record: `${session}:p` }), answer(`answer to ${words}`, { ...at, id: `${session}:a`, record: `${session}:a`, parent: `${session}:p` }), ...more(at)];
}

async function storeWith(...sessions: Event[][]): Promise<Store> {
  const store = await openInProcessStore();
  for (const events of sessions) await store.append(events);
  return store;
}

describe("the list of sessions", () => {
  test("has the newest first and leaves out those without a conversation", async () => {
    const store = await storeWith(talk("old", "/app", 1, "first"), talk("new", "/app", 9, "second"), [started("empty", "/app")]);
    expect((await listSessions(store)).map(({ id }) => id)).toEqual(["new", "old"]);
  });

  test("is brought up to date with what came since it was last asked for, and only that is folded again", async () => {
    const store = await storeWith(talk("s1", "/app", 1, "first"), talk("s2", "/app", 2, "second"));
    expect(await refreshSummaries(store)).toBe(2);
    await store.append([prompt("more", { session: "s1", record: "x", parent: "s1:a", time: START + 180_000 })]);
    expect((await listSessions(store)).map(({ id, turns }) => [id, turns])).toEqual([["s1", 2], ["s2", 1]]);
    expect(await refreshSummaries(store)).toBe(0);
  });
});

describe("a session is found", () => {
  const both = (): Promise<Store> => storeWith(talk(A, "/app", 1, "Fix The Parser"), talk(B, "/app", 2, "write docs"), talk("other", "/lib", 3, "write docs"));

  test("by its id, the beginning of it in any case, or its title", async () => {
    const store = await both();
    for (const wanted of [A, A.toUpperCase(), "fix the parser"]) expect((await findSession(store, wanted)).id, wanted).toBe(A);
    expect((await findSession(store, "oth")).id).toBe("other");
  });

  test("or the choice is named when there is more than one", async () => {
    const store = await both();
    await expect(findSession(store, "abad1dea")).rejects.toMatchObject({ code: "SESSION_AMBIGUOUS", message: expect.stringContaining(`${A}  Fix The Parser`) });
    await expect(findSession(store, "write docs")).rejects.toMatchObject({ code: "SESSION_AMBIGUOUS" });
    await expect(findSession(store, "nothing")).rejects.toMatchObject({ code: "SESSION_UNKNOWN" });
    await expect(findSession(await storeWith(), "x")).rejects.toMatchObject({ code: "NO_SESSIONS" });
  });

  test("as the latest of a project, else of all", async () => {
    const store = await both();
    expect([(await latestSession(store, "/app"))?.id, (await latestSession(store, "/none"))?.id]).toEqual([B, "other"]);
    expect(await latestSession(await storeWith(), "/app")).toBeUndefined();
  });
});

describe("where an event stands", () => {
  test("is the turn it belongs to, also when the log has it after the next turn's beginning", async () => {
    const at = (record: string, parent?: string): Given => ({ record, ...(parent === undefined ? {} : { parent }) });
    const store = await storeWith([
      started("s1", "/app"), prompt("one", at("r1")), called("Agent", {}, { id: "c1", ...at("r2", "r1") }), prompt("two", at("r3", "r2")), answer("b", at("r4", "r3")),
      event("subagent.started", { call: "c1" }, { thread: "t" }), answer("deep words", { thread: "t", record: "r9" }), prompt("three", at("r5", "r4")),
    ]);
    await refreshSummaries(store);
    const { summary } = (await store.summary("s1"))!;
    expect([1, 2, 3, 4, 5, 6, 7, 8].map((position) => turnAt(summary, position))).toEqual([0, 1, 1, 2, 2, 1, 1, 3]);
    expect((await searchSessions(store, "deep", { limit: 5, length: 50 })).hits.map(({ turn, role }) => [turn, role])).toEqual([[1, "assistant"]]);
    expect(turnAt(undefined, 3)).toBe(0);
  });

  test("is the session it was first said in, for what forks share", async () => {
    const store = await storeWith(talk("fork", "/app", 9, "shared words"), talk("main", "/app", 1, "own words"));
    await store.append([forked("main", "fork", ["fork:p", "fork:a"], { time: START })]);
    await refreshSummaries(store);
    expect((await searchSessions(store, "shared", { limit: 5, length: 50 })).hits.map(({ event: id, session }) => [id, session]).sort()).toEqual([["fork:a", "main"], ["fork:p", "main"]]);
  });
});

describe("where the work in a project stands", () => {
  test("is its latest session, what that left open and what ended badly before", async () => {
    const plan = (at: Given): Event[] => [
      event("task.noted", { whole: true, tasks: [{ content: "done", status: "completed" }, { content: "now", status: "in_progress" }, { content: "next", status: "pending" }] }, { ...at, record: "late:p" }),
      called("Bash", { command: "make" }, { ...at, id: "c1", record: "late:c", parent: "late:a" }),
    ];
    const crash = (at: Given): Event[] => [called("Bash", {}, { ...at, id: "c0", record: "bad:c", parent: "bad:a" })];
    const store = await storeWith(talk("bad", "/app", 1, "first", crash), talk("fine", "/app", 2, "second"), talk("late", "/app", 3, "third", plan), talk("else", "/lib", 9, "elsewhere"));
    expect(await status(store, "/app")).toMatchObject({
      project: "/app", here: 3, total: 4, latest: { id: "late", ending: "crashed" }, open: ['outcome unknown: Bash {"command":"make"}', "in progress: now", "next"],
      unfinished: [{ id: "bad", ending: "crashed" }], command: "cd /app && claude --resume late",
    });
    expect(await status(store, "/none")).toEqual({ project: "/none", here: 0, total: 4, open: [], waiting: [], unfinished: [] });
  });
});

test("a session nobody has heard of has an empty story", async () => {
  expect((await story(await storeWith(), "none")).turns).toEqual([]);
});
