/**
 * The spool: where hooks leave their payloads, one file each, until they are taken in (drain.ts). It is the only place
 * with unredacted text. The shell line that `init` wires writes into the same folder (agents/claude-code/hook-lines.ts).
 */
import { mkdirSync, readdirSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Store } from "../store/store.ts";

export function spoolFolder(home: string): string {
  return join(home, "spool");
}

/** Where hooks that wait leave their marks, and engines say that they are there (engine/barrier.ts). */
export function barrierFolder(home: string): string {
  return join(home, "barrier");
}

/** Whole or not at all: the name ends in `.json` only once everything is written. */
export function spool(home: string, bytes: Uint8Array): void {
  const folder = spoolFolder(home);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  // No other process has this number at this moment of this machine's clock since it was started.
  const path = join(folder, `${process.pid}-${process.hrtime.bigint()}`);
  writeFileSync(`${path}.part`, bytes, { mode: 0o600, flag: "wx" });
  renameSync(`${path}.part`, `${path}.json`);
}

export interface Spooled {
  readonly path: string;
  /** When the hook was called: the file's own time. */
  readonly time: number;
}

/** What `spool` was killed at stands under the name it had while being written; no hook takes this long, in milliseconds. */
const ABANDONED = 60_000;

/** Oldest first; with what was abandoned in the middle of writing by `now`. */
export function listSpool(home: string, now: number): Spooled[] {
  let names: string[];
  try {
    names = readdirSync(spoolFolder(home));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
  const found: Spooled[] = [];
  for (const name of names) {
    if (!name.endsWith(".json") && !name.endsWith(".part")) continue;
    const path = join(spoolFolder(home), name);
    const about = statSync(path, { throwIfNoEntry: false });
    if (about?.isFile() !== true || (name.endsWith(".part") && now - about.mtimeMs < ABANDONED)) continue;
    found.push({ path, time: Math.floor(about.mtimeMs) });
  }
  return found.sort((a, b) => a.time - b.time || (a.path < b.path ? -1 : 1));
}

export interface Backlog {
  readonly waiting: number;
  /** When the oldest was left, in milliseconds since 1970. */
  readonly oldest?: number;
}

/** What lies in the spool, without opening it. */
export function backlog(home: string): Backlog {
  const all = listSpool(home, 0);
  return { waiting: all.length, ...(all.length === 0 ? {} : { oldest: all[0]!.time }) };
}

/** An engine takes a payload in within two seconds; what is older than this, in milliseconds, waits for nobody. */
export const UNATTENDED = 5000;

export function isUnattended(home: string, now: number, age = UNATTENDED): boolean {
  const { oldest } = backlog(home);
  return oldest !== undefined && now - oldest >= age;
}

/** Where it is noted how many payloads were damaged, for `status`. */
const DAMAGED = "spool:damaged";

export async function noteDamaged(store: Store, damaged: number, now: number): Promise<void> {
  const { count } = await damagedPayloads(store);
  await store.putSource({ path: DAMAGED, size: count + damaged, modified: now, report: "" });
}

/** How many payloads could not be read, and when the last was met. What there was of them is in the log. */
export async function damagedPayloads(store: Store): Promise<{ count: number; last?: number }> {
  const noted = await store.source(DAMAGED);
  return noted === undefined ? { count: 0 } : { count: noted.size, last: noted.modified };
}
