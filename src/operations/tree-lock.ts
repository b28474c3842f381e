/**
 * The lock of a tree: one process at a time looks at it or restores it. A file with the holder's number in it, since it has
 * to hold across processes, be seen by a person, and be taken over from one that was killed. Leaves out what is done under
 * it (keeper.ts).
 */
import { mkdirSync, readFileSync, rmSync, statSync, unlinkSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { TidemarkError } from "../base/errors.ts";

export interface LockOptions {
  readonly pid: number;
  readonly isAlive: (pid: number, since?: number) => boolean;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  /** How long another process is waited for, in milliseconds. */
  readonly patience?: number;
}

/** How long another process may hold a tree, in milliseconds: a restore of a large one, or its first look. */
const PATIENCE = 30_000;

export function takeLock(file: string, options: LockOptions): void {
  const { patience = PATIENCE } = options;
  if (makeFirst(file, options.pid)) return;
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  for (let waited = 0; !makeOwn(file, options.pid); waited += 5) {
    if (isLeft(file, options)) takeAway(file, options);
    if (waited > patience) throw new TidemarkError("TREE_BUSY", `Another Tidemark process (${holderOf(file)}) has been at work on this tree for ${patience / 1000} s`);
    Atomics.wait(sleeper, 0, 0, 5);
  }
}

/** Taking a lock that is free is all that most calls do here: it is five system calls and no more. */
function makeFirst(file: string, pid: number): boolean {
  try {
    return makeOwn(file, pid);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    return makeOwn(file, pid);
  }
}

export function letGo(file: string): void {
  try {
    unlinkSync(file);
  } catch (error) {
    // Taken away with all that is kept, while this was at work.
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}

function makeOwn(file: string, pid: number): boolean {
  try {
    writeFileSync(file, String(pid), { flag: "wx", mode: 0o600 });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    // On a full disk it was made, and says nothing.
    rmSync(file, { force: true });
    throw error;
  }
}

/** An empty one was made this very moment, or its maker died before it could say who it is: it is that old, in milliseconds. */
const SILENT = 1000;

/** No look takes so long, in milliseconds: the number belongs to another process by now. */
const FORGOTTEN = 60 * 60_000;

/** Whether the one who holds it is gone. One of our own number is of a process before us: here nobody waits for himself. */
function isLeft(file: string, { pid, isAlive, clock }: LockOptions): boolean {
  const made = statSync(file, { throwIfNoEntry: false })?.mtimeMs;
  if (made === undefined) return false;
  const [holder, age] = [holderOf(file), clock() - made];
  return holder === 0 ? age > SILENT : holder === pid || age > FORGOTTEN || !isAlive(holder, made);
}

/** Of several that find it left behind one at a time may look again and take it away: it could be another's by then. */
function takeAway(file: string, options: LockOptions): void {
  const turn = `${file}.turn`;
  if (!makeOwn(turn, options.pid)) {
    if (options.clock() - (statSync(turn, { throwIfNoEntry: false })?.mtimeMs ?? Infinity) > SILENT) rmSync(turn, { force: true });
    return;
  }
  try {
    if (isLeft(file, options)) rmSync(file, { force: true });
  } finally {
    rmSync(turn, { force: true });
  }
}

function holderOf(file: string): number {
  try {
    return Number(readFileSync(file, "utf8"));
  } catch {
    // Let go of meanwhile, which is as good as empty.
    return 0;
  }
}
