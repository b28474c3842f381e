/**
 * The journal of a restore: what it is about to do, on disk before it does it, so that another process can finish it.
 * Its name tells whose it is, `<id>.<pid>.json`; it is taken over by renaming it, which only one can. Leaves out what
 * is done with it (restore.ts) and whether a process is alive, which the caller knows.
 */
import { existsSync, closeSync, fsyncSync, lstatSync, mkdirSync, openSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { State, TreePath } from "../checkpoint/model.ts";
import { codeOf } from "./folder.ts";
import type { Stamp } from "./present.ts";

export interface JournalStep {
  /** Part of the names of its temporary files. */
  readonly n: number;
  readonly path: TreePath;
  readonly expected: State;
  readonly target: State;
  readonly stamp?: Stamp;
  /** Folder of its temporary files. */
  readonly station: TreePath;
}

export interface Journal {
  readonly id: string;
  readonly root: string;
  /** Folders that may go once they are empty. */
  readonly removable: readonly TreePath[];
  readonly steps: readonly JournalStep[];
}

export interface Found {
  readonly file: string;
  readonly id: string;
  readonly pid: number;
}

/** Ids become parts of file names. */
export const ID = /^[\w-]{1,64}$/;
const NAME = /^([\w-]{1,64})\.(\d+)\.json$/;

/** Gives its file. */
export function writeJournal(holding: string, journal: Journal, pid: number): string {
  mkdirSync(holding, { recursive: true, mode: 0o700 });
  const file = join(holding, `${journal.id}.${pid}.json`);
  try {
    const descriptor = openSync(`${file}.part`, "wx", 0o600);
    try {
      // JSON.stringify writes a lone surrogate as an escape, so that names that are not UTF-8 come back.
      writeFileSync(descriptor, JSON.stringify(journal, (_, value: unknown) => (typeof value === "bigint" ? String(value) : value)));
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    rmSync(`${file}.part`, { force: true });
    throw error;
  }
  renameSync(`${file}.part`, file);
  syncHolding(holding);
  return file;
}

export function removeJournal(holding: string, file: string): void {
  rmSync(file, { force: true });
  syncHolding(holding);
}

/** Everything that lies there, whoever it belongs to. */
export function listJournals(holding: string): Found[] {
  return namesIn(holding).flatMap((name) => {
    const [, id, pid] = NAME.exec(name) ?? [];
    return id === undefined ? [] : [{ file: join(holding, name), id, pid: Number(pid) }];
  });
}

/** Undefined where another process was quicker. */
export function takeOver(holding: string, { file, id }: Found, pid: number): string | undefined {
  const own = join(holding, `${id}.${pid}.json`);
  try {
    renameSync(file, own);
    return own;
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** Removes what a process was killed at while it wrote its journal: nothing had been done by then. */
export function dropUnfinished(holding: string, alive: (pid: number, since?: number) => boolean): void {
  for (const name of namesIn(holding)) {
    const pid = /^[\w-]+\.(\d+)\.json\.part$/.exec(name)?.[1];
    if (pid === undefined) continue;
    const file = join(holding, name);
    if (!alive(Number(pid), lstatSync(file, { throwIfNoEntry: false })?.mtimeMs)) rmSync(file, { force: true });
  }
}

/** Throws a SyntaxError where it is damaged. */
export function readJournal(file: string): Journal {
  const read = JSON.parse(readFileSync(file, "utf8")) as Journal & { steps: readonly (JournalStep & { stamp?: Record<keyof Stamp, string> })[] };
  return { ...read, steps: read.steps.map((step) => (step.stamp === undefined ? step : { ...step, stamp: stampOf(step.stamp) })) };
}

function stampOf(text: Record<keyof Stamp, string | bigint>): Stamp {
  return { mtime: BigInt(text.mtime), ctime: BigInt(text.ctime), inode: BigInt(text.inode), size: BigInt(text.size) };
}

/** The machine's own time by a file just written or renamed, in nanoseconds since 1970. */
export function timeOf(file: string): bigint {
  return lstatSync(file, { bigint: true }).ctimeNs;
}

export function namesIn(folder: string): string[] {
  // Mostly it is not there, and each edit asks: an exception costs ten times as much.
  if (!existsSync(folder)) return [];
  try {
    return readdirSync(folder).sort();
  } catch (error) {
    if (codeOf(error) === "ENOENT") return [];
    throw error;
  }
}

function syncHolding(holding: string): void {
  const descriptor = openSync(holding, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
