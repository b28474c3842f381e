/**
 * What a starting context is answered. Work that cannot be interrupted is kept short of the hook's deadline: the store's
 * lock is not waited for, transcripts are read only so long, and of very long sessions the end (operations/start.ts).
 * Loaded while the payload is still being read.
 */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { answerTo, askedBy, type Asked } from "../agents/claude-code/start.ts";
import { asTidemarkError } from "../base/errors.ts";
import { sha256Hex } from "../base/hash.ts";
import { leaseName } from "../engine/engine.ts";
import { catchUp } from "../operations/follow.ts";
import { readPaused } from "../operations/settings.ts";
import { isUnattended, UNATTENDED } from "../operations/spool.ts";
import { inWords, takeWords } from "../operations/tell.ts";
import { prepareStart, recordStart } from "../operations/start.ts";
import { openDatabase } from "../store/sqlite/driver.ts";
import { openSqliteStore } from "../store/sqlite/store.ts";
import type { Store } from "../store/store.ts";
import { treeOf } from "../worktree/project.ts";
import { isAlive } from "./processes.ts";

export interface AnswerSettings {
  readonly home: string;
  readonly configDir: string;
  readonly now: number;
  /** When this process began, by the machine's clock: what is in the spool from before is of other hooks. */
  readonly began: number;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly callers: readonly number[];
  /** Milliseconds in which all must be done. */
  readonly deadline: number;
}

/** How much of the deadline reading the spool and transcripts may take. */
const CATCHING_UP = 0.4;

const MOST = { files: 3, bytes: 50 * 1024 * 1024 };

/** How long the lock of the store is waited for, in milliseconds. */
const PATIENCE = 300;

/** What is to be printed; empty where it is nothing. `known` is called as soon as it is known, before it is recorded. */
export async function answer(payload: string, settings: AnswerSettings, known: (text: string) => void): Promise<string> {
  const told: unknown = JSON.parse(payload);
  const words = wordsFor(told, settings.home);
  if (words !== undefined) return words;
  const asked = askedBy(told);
  if (asked === undefined) return "";
  const { store, writable } = await open(settings.home);
  try {
    const engine = await hasEngine(store, treeOf(asked.cwd), settings.now);
    const { configDir, now, environment } = settings;
    const prepared = await prepareStart(store, {
      asked, now, configDir, home: settings.home, environment, writable, engine, isAlive,
      key: sha256Hex(payload).slice(0, 12),
      callers: new Set(settings.callers),
      paused: readPaused(settings.home),
      catchUp: (others) => catchUpBeside(store, asked, others, engine, settings),
    });
    const text = prepared.text === "" ? "" : answerTo(asked, prepared.text);
    known(text);
    // With the store held by another this context is told without a record of it: better twice than not at all.
    return !writable || (await recordStart(store, prepared)) ? text : "";
  } finally {
    await store.close();
  }
}

/** At a prompt: what was put back since the session's last one. */
function wordsFor(payload: unknown, home: string): string | undefined {
  const { hook_event_name: event, session_id: session } = payload as { hook_event_name?: unknown; session_id?: unknown };
  if (event !== "UserPromptSubmit" || typeof session !== "string") return undefined;
  const text = inWords(takeWords(home, session));
  return text === "" ? "" : answerTo({ event }, `<tidemark kind="undo">\n${text}\n</tidemark>`);
}

/** An engine has done it for the session's own subagents; what takes too long is gone on without. */
async function catchUpBeside(store: Store, asked: Asked, others: ReadonlySet<string>, engine: boolean, settings: AnswerSettings): Promise<void> {
  const { event, transcript } = asked;
  if (event === "SubagentStart" && engine) return;
  // What it trips over after its time belongs to nobody: the store is closed under it.
  const reading = (async () => {
    // The spool first: it reads the transcripts of its sessions, too, and those are not read again.
    if (event === "SessionStart") await takeInLeft(store, engine, settings).catch(() => undefined);
    if (transcript !== undefined) await catchUp(store, dirname(transcript), others, MOST);
  })().catch(() => undefined);
  await Promise.race([reading, sleep(settings.deadline * CATCHING_UP, undefined, { ref: false })]);
}

/** How the session before ended may be in the spool alone. This start's own payload is not looked at, nor what an engine will take in. */
async function takeInLeft(store: Store, engine: boolean, { home, now, began }: AnswerSettings): Promise<void> {
  const age = engine ? Math.max(UNATTENDED, now - began) : now - began;
  if (isUnattended(home, now, age)) await (await import("../operations/drain.ts")).takeInOld(store, home, now, age);
}

/** A connection of its own finds out whether the store can be written, since the store's would wait for the lock. */
async function open(home: string): Promise<{ store: Store; writable: boolean }> {
  const path = join(home, "log.db");
  if (!existsSync(path)) return { store: await openSqliteStore(home), writable: true };
  const probe = openDatabase(path);
  try {
    return { writable: isFree(probe), store: await openSqliteStore(home) };
  } finally {
    // Not before: the last one to close a store tidies it up, and that takes time.
    probe.close();
  }
}

function isFree(probe: ReturnType<typeof openDatabase>): boolean {
  try {
    probe.exec(`PRAGMA busy_timeout = ${PATIENCE}`);
    probe.exec("BEGIN IMMEDIATE");
    probe.exec("ROLLBACK");
    return true;
  } catch (error) {
    if (asTidemarkError(error).code === "STORE_BUSY") return false;
    throw error;
  }
}

async function hasEngine(store: Store, tree: string, now: number): Promise<boolean> {
  return (await store.leases(now)).some(({ name, holder }) => name === leaseName(tree) && isAlive(Number(holder)));
}
