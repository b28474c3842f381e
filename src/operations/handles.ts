/**
 * Handles: what a client gets from one call and passes to a later one, since no protocol keeps a session for us. Each is a file
 * in the state folder, so that it outlives the process that gave it: who was cut off in the middle asks again elsewhere. A
 * file goes by a hash of the handle and of whose it is: another's handle, a forged one and one that never was are the same.
 *
 * A handle proves nothing of who calls. Leaves out what stands in it, and how the random part is made (the shell).
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sha256Hex } from "../base/hash.ts";

export interface Handles {
  /** The state folder. */
  readonly home: string;
  /** Whose they are: over HTTP the subject of the token. */
  readonly principal: string;
}

interface Kept<T> {
  /** Milliseconds since 1970. */
  readonly until: number;
  readonly value: T;
}

/** Writing one takes no time; in milliseconds. */
const LEFT = 60_000;

/** Looking through all of them took longer than the call that gives one: a process does it so often at most, in milliseconds. */
const SWEPT_EVERY = 10 * 60_000;
const swept = new Map<string, number>();

/** `id` is unlike any other and cannot be guessed. Those that are over are swept away, in time. */
export function keepHandle<T>(handles: Handles, id: string, value: T, { now, until }: { readonly now: number; readonly until: number }): void {
  const folder = folderOf(handles);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (Math.abs(now - (swept.get(folder) ?? -Infinity)) >= SWEPT_EVERY) sweep(folder, now);
  write(fileOf(handles, id), { until, value });
}

/** Undefined for one that is unknown, another's, or over. */
export function readHandle<T>(handles: Handles, id: string, now: number): T | undefined {
  const kept = read<T>(fileOf(handles, id));
  return kept === undefined || kept.until <= now ? undefined : kept.value;
}

/** Whole or as it was; a handle that is gone meanwhile is made again. */
export function changeHandle<T>(handles: Handles, id: string, value: T, until: number): void {
  mkdirSync(folderOf(handles), { recursive: true, mode: 0o700 });
  write(fileOf(handles, id), { until, value });
}

function folderOf({ home }: Handles): string {
  return join(home, "handles");
}

function fileOf(handles: Handles, id: string): string {
  return join(folderOf(handles), `${sha256Hex(JSON.stringify([handles.principal, id]))}.json`);
}

function write<T>(file: string, kept: Kept<T>): void {
  // Two processes may answer for one handle at once.
  const part = `${file}.${process.pid}.part`;
  writeFileSync(part, JSON.stringify(kept), { mode: 0o600 });
  renameSync(part, file);
}

function read<T>(file: string): Kept<T> | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Kept<T>;
  } catch (error) {
    // Unknown, or damaged: nobody can go on from either.
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

function sweep(folder: string, now: number): void {
  swept.set(folder, now);
  for (const name of readdirSync(folder)) {
    // Left by one that died as it wrote.
    if (name.endsWith(".part") && (statSync(join(folder, name), { throwIfNoEntry: false })?.mtimeMs ?? now) < now - LEFT) rmSync(join(folder, name), { force: true });
    const kept = name.endsWith(".json") ? read(join(folder, name)) : undefined;
    if (kept !== undefined && kept.until <= now) rmSync(join(folder, name), { force: true });
  }
}
