/** What is taken in on the way to something else, and what is not. The stories of hooks are in test/stories/hooks.test.ts. */
import { mkdtempSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openSqliteStore } from "../store/sqlite/store.ts";
import type { Store } from "../store/store.ts";
import { Drain, takeInOld } from "./drain.ts";
import { listSessions, story } from "./sessions.ts";
import { backlog, damagedPayloads, spool, spoolFolder } from "./spool.ts";

const NOW = Date.now();
let home = "";
let store: Store;
beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), "tidemark-drain-"));
  store = await openSqliteStore(home);
});
afterEach(async () => {
  await store.close();
  rmSync(home, { recursive: true, force: true });
});

function left(seconds: number): void {
  spool(home, Buffer.from(JSON.stringify({ session_id: "s1", cwd: "/nowhere/app", hook_event_name: "UserPromptSubmit", prompt: "fix the parser", prompt_id: "p1", transcript_path: join(home, "none.jsonl") })));
  for (const name of readdirSync(spoolFolder(home))) utimesSync(join(spoolFolder(home), name), (NOW - seconds * 1000) / 1000, (NOW - seconds * 1000) / 1000);
}

test("what has waited longer than an engine takes is taken in, and its session is listed", async () => {
  left(60);
  await takeInOld(store, home, NOW);
  expect(backlog(home)).toEqual({ waiting: 0 });
  expect((await listSessions(store)).map(({ id, project, title }) => [id, project, title])).toEqual([["s1", "/nowhere/app", "fix the parser"]]);
});

test("what has just come is left to the engine", async () => {
  left(1);
  await takeInOld(store, home, NOW);
  expect(backlog(home).waiting).toBe(1);
});

test("a store that cannot be written to keeps nobody from reading it, and nothing is lost", async () => {
  left(60);
  await takeInOld({ ...store, append: () => Promise.reject(Object.assign(new Error("database or disk is full"), { errcode: 13 })), known: async () => new Map() } as unknown as Store, home, NOW);
  expect(backlog(home).waiting).toBe(1);
});

const leave = (payload: object | string, time = NOW): void => {
  spool(home, Buffer.from(typeof payload === "string" ? payload : JSON.stringify(payload)));
  const newest = readdirSync(spoolFolder(home)).map((name) => join(spoolFolder(home), name)).sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs)[0]!;
  utimesSync(newest, time / 1000, time / 1000);
};
const hook = (name: string, fields: object): object => ({ session_id: "s1", cwd: "/nowhere/app", hook_event_name: name, transcript_path: join(home, "s1.jsonl"), ...fields });
const record = (fields: object): string => `${JSON.stringify({ sessionId: "s1", cwd: "/nowhere/app", timestamp: new Date(NOW).toISOString(), ...fields })}\n`;
const types = async (): Promise<string[]> => (await store.scan(0, 1000)).map(({ event }) => event.type);

test("a payload that the log would not take is kept as it was, and stops nothing beside it", async () => {
  leave(hook("PreToolUse", { tool_name: "Bash", tool_input: {}, tool_use_id: `toolu_${"x".repeat(500)}` }), NOW - 60_000);
  leave(`{"session_id":"s1","cwd":"/a","hook_event_name":"PreToolUse","tool_name":"X","tool_use_id":"toolu_0000000000000000","tool_input":${"[".repeat(3000)}${"]".repeat(3000)}}`, NOW - 60_000);
  leave("", NOW - 60_000);
  leave(hook("UserPromptSubmit", { prompt: "the good one", prompt_id: "p9" }), NOW - 60_000);
  expect(await new Drain(store, home).round({ now: NOW, grace: 0 })).toMatchObject({ taken: 1, damaged: 3 });
  expect((await types()).sort()).toEqual(["prompt", "raw", "raw", "raw", "session.started"]);
  expect(backlog(home)).toEqual({ waiting: 0 });
  expect((await damagedPayloads(store)).count).toBe(3);
});

test("after a store that could not be written to, the transcript is read again and what it tells is not taken from the hook", async () => {
  writeFileSync(join(home, "s1.jsonl"), record({ type: "user", uuid: "u1", parentUuid: null, promptId: "p1", message: { role: "user", content: "one" } }));
  leave(hook("UserPromptSubmit", { prompt: "one", prompt_id: "p1" }));
  let full = true;
  const failing = new Proxy(store, { get: (target, key) => (key === "append" && full ? () => Promise.reject(new Error("the disk is full")) : (Reflect.get(target, key) as (() => unknown) | undefined)?.bind(target)) });
  const drain = new Drain(failing, home);
  await expect(drain.round({ now: NOW, grace: 1000 })).rejects.toThrow("full");
  expect(backlog(home).waiting).toBe(1);
  full = false;
  await drain.round({ now: NOW + 100, grace: 1000 });
  expect(await types()).toEqual(["session.started", "prompt"]);
  expect(backlog(home).waiting).toBe(0);
});

test("an answer that was given before does not stand for the one that a hook tells now", async () => {
  const early = new Date(NOW - 600_000).toISOString();
  writeFileSync(join(home, "s1.jsonl"), record({ type: "user", uuid: "u1", parentUuid: null, timestamp: early, message: { role: "user", content: "one" } }) + record({ type: "assistant", uuid: "a1", parentUuid: "u1", timestamp: early, message: { id: "m1", role: "assistant", model: "m", content: [{ type: "text", text: "Done." }] } }) + record({ type: "user", uuid: "u2", parentUuid: "a1", message: { role: "user", content: "two" } }));
  leave(hook("Stop", { last_assistant_message: "Done.", prompt_id: "p2" }), NOW + 1000);
  await new Drain(store, home).round({ now: NOW + 5000, grace: 1000 });
  expect((await story(store, "s1")).turns.map(({ prompt, ending, answers }) => [prompt, ending, answers.length])).toEqual([["one", "completed", 1], ["two", "completed", 1]]);
});

test("another tree's payloads are not held on to once they are gone", async () => {
  const drain = new Drain(store, home);
  leave(hook("UserPromptSubmit", { prompt: "x".repeat(100_000), prompt_id: "p1" }));
  await drain.round({ now: NOW, grace: 1000, root: "/elsewhere" });
  for (const name of readdirSync(spoolFolder(home))) rmSync(join(spoolFolder(home), name));
  expect(await drain.round({ now: NOW + 60_000, grace: 0 })).toMatchObject({ taken: 0, waiting: 0 });
  expect(await types()).toEqual([]);
});

test("of a given age, as a start asks for it, only what is as old is taken in, and not waited for", async () => {
  left(1);
  spool(home, Buffer.from(JSON.stringify({ session_id: "s2", cwd: "/nowhere/app", hook_event_name: "SessionStart", source: "startup" })));
  await takeInOld(store, home, NOW, 500);
  expect(backlog(home).waiting).toBe(1);
  expect((await listSessions(store)).map(({ id, title }) => [id, title])).toEqual([["s1", "fix the parser"]]);
});
