/** What is taken in on the way to something else, and what is not. The stories of hooks are in test/stories/hooks.test.ts. */
import { mkdtempSync, readdirSync, rmSync, utimesSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openSqliteStore } from "../store/sqlite/store.ts";
import type { Store } from "../store/store.ts";
import { takeInOld } from "./drain.ts";
import { listSessions } from "./sessions.ts";
import { backlog, spool, spoolFolder } from "./spool.ts";

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
