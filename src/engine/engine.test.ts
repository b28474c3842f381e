/** Who leads, who waits, what happens when the store cannot be used, and that nothing is held after the end. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Drain } from "../operations/drain.ts";
import { backlog, spool, spoolFolder } from "../operations/spool.ts";
import { openSqliteStore } from "../store/sqlite/store.ts";
import type { Store } from "../store/store.ts";
import { leaseName, runEngine, type EngineOptions } from "./engine.ts";

let home = "";
const stops: (() => Promise<void>)[] = [];
beforeEach(() => void (home = mkdtempSync(join(tmpdir(), "tidemark-engine-"))));
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
  rmSync(home, { recursive: true, force: true });
});

interface Running {
  readonly troubles: unknown[];
  stop(reason?: string): Promise<void>;
}

function start(pid: number, more: Partial<EngineOptions> = {}): Running {
  const stopped = new AbortController();
  const troubles: unknown[] = [];
  const ended = runEngine({
    open: async () => {
      const store = await openSqliteStore(home);
      return { store, drain: new Drain(store, home) };
    },
    root: "/work/app",
    pid,
    clock: Date.now,
    isAlive: () => true,
    signal: stopped.signal,
    onTrouble: (error) => void troubles.push(error),
    ...more,
  });
  const stop = async (reason = "gone"): Promise<void> => {
    stopped.abort(reason);
    await ended;
  };
  stops.push(stop);
  return { troubles, stop };
}

async function look<T>(ask: (store: Store) => Promise<T>): Promise<T> {
  const store = await openSqliteStore(home);
  try {
    return await ask(store);
  } finally {
    await store.close();
  }
}

const leader = (root = "/work/app"): Promise<string | undefined> => look(async (store) => (await store.leases(Date.now())).find(({ name }) => name === leaseName(root))?.holder);

async function until(what: () => Promise<boolean>): Promise<void> {
  for (const from = Date.now(); Date.now() - from < 8000; await sleep(30)) if (await what()) return;
  throw new Error("it did not come to that in time");
}

let count = 0;
const payload = (cwd = "/work/app", fields: object = {}): Buffer =>
  Buffer.from(JSON.stringify({ session_id: "s1", cwd, hook_event_name: "UserPromptSubmit", prompt: `words ${(count += 1)}`, prompt_id: `p${count}`, transcript_path: join(home, "none.jsonl"), ...fields }));
const prompts = (): Promise<string[]> => look(async (store) => (await store.scan(0, 1000)).flatMap(({ event }) => (event.type === "prompt" ? [event.payload.text] : [])));

test("what hooks leave is in the log before long, and the spool is empty", async () => {
  start(1);
  await until(async () => (await leader()) === "1");
  for (let i = 0; i < 5; i++) spool(home, payload());
  await until(async () => backlog(home).waiting === 0);
  expect((await prompts()).length).toBe(5);
});

test("of several on a tree one leads; when it goes another takes over, and another tree has its own", async () => {
  const first = start(1);
  await until(async () => (await leader()) === "1");
  start(2);
  start(3, { root: "/work/other" });
  await until(async () => (await leader("/work/other")) === "3");
  expect(await leader()).toBe("1");
  await first.stop();
  await until(async () => (await leader()) === "2");
});

test("a leader whose process is gone is not waited for", async () => {
  await look((store) => store.lease(leaseName("/work/app"), "999", Date.now(), Date.now() + 60_000));
  start(2, { isAlive: (pid) => pid !== 999 });
  await until(async () => (await leader()) === "2");
});

test("payloads of another tree are left to its engine, and taken when none comes", async () => {
  start(1);
  await until(async () => (await leader()) === "1");
  const other = mkdtempSync(join(tmpdir(), "tidemark-other-"));
  try {
    spool(home, payload(other));
    await sleep(1500);
    expect(backlog(home).waiting).toBe(1);
    await until(async () => backlog(home).waiting === 0);
  } finally {
    rmSync(other, { recursive: true });
  }
});

test("a store that cannot be opened is tried again, and nothing in the spool is lost meanwhile", async () => {
  let broken = true;
  const engine = start(1, {
    open: async () => {
      if (broken) throw new Error("the disk is full");
      const store = await openSqliteStore(home);
      return { store, drain: new Drain(store, home) };
    },
  });
  spool(home, payload());
  await until(async () => engine.troubles.length > 0);
  expect(backlog(home).waiting).toBe(1);
  broken = false;
  await until(async () => backlog(home).waiting === 0);
  expect((await prompts()).length).toBe(1);
});

test("at the end it takes in what waits, also what no transcript has told, and gives up the lead", async () => {
  const engine = start(1);
  await until(async () => (await leader()) === "1");
  spool(home, payload());
  await engine.stop("gone");
  expect([backlog(home).waiting, await leader(), (await prompts()).length]).toEqual([0, undefined, 1]);
});

test("when the client takes leave, what the transcript may still tell is left to the drain that comes", async () => {
  const engine = start(1);
  await until(async () => (await leader()) === "1");
  spool(home, payload());
  await engine.stop("asked");
  expect([backlog(home).waiting, (await prompts()).length]).toEqual([1, 0]);
});

test("half a payload is kept as it was once nobody can still be writing it", async () => {
  mkdirSync(spoolFolder(home), { recursive: true });
  writeFileSync(join(spoolFolder(home), "torn.json"), '{"session_id":"s1","prompt":"half a pro');
  const drain = await look(async (store) => {
    const one = new Drain(store, home);
    return [await one.round({ now: Date.now(), grace: 0 }), await one.round({ now: Date.now() + 60_000, grace: 0 })];
  });
  expect(drain.map(({ damaged }) => damaged)).toEqual([0, 1]);
  const kept = await look((store) => store.read("s1"));
  expect(kept.map(({ event }) => event.payload)).toEqual([{ kind: "hook payload, damaged", record: '{"session_id":"s1","prompt":"half a pro' }]);
});
