/**
 * What a restore leaves behind should its process end in the middle, and how the next one finishes it. The note says which
 * tree it is of, whose doing it was and what was to stand there; the journal (worktree/restore.ts) how far it had come. Both
 * belong to whoever holds the tree's lock: the one who began gave it up, or is gone. So nobody looks at half a restore.
 */
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Actor, ContentId, State, TreePath } from "../checkpoint/model.ts";
import { TidemarkError } from "../base/errors.ts";
import type { CheckpointStore } from "../store/checkpoints.ts";
import { namesIn } from "../worktree/journal.ts";
import { recoverRestores } from "../worktree/restore.ts";

export interface Note {
  readonly pid: number;
  readonly tree: string;
  readonly actor: Actor;
  readonly targets: readonly (readonly [TreePath, State])[];
}

export interface InterruptedDeps {
  /** The state folder. */
  readonly home: string;
  readonly root: string;
  readonly pid: number;
  readonly isAlive: (pid: number, since?: number) => boolean;
}

export function holdingOf({ home }: { readonly home: string }): string {
  return join(home, "restores");
}

/** Gives its file, to be removed when it is done. */
export function writeNote(holding: string, id: string, note: Note): string {
  const file = join(holding, `${id}.undo`);
  mkdirSync(holding, { recursive: true, mode: 0o700 });
  writeFileSync(file, JSON.stringify(note), { mode: 0o600, flag: "wx" });
  return file;
}

/** Whether something in this tree waits to be finished that a process began which is gone. For one who does not hold its lock. */
export function isInterrupted({ home, root, pid, isAlive }: InterruptedDeps): boolean {
  return notesOf(home, root).some(({ file, note }) => note.pid === pid || !isAlive(note.pid, statSync(file, { throwIfNoEntry: false })?.mtimeMs));
}

/** Whether anything in this tree was begun and not ended, by whomever. */
export function isLeftOpen({ home, root }: Pick<InterruptedDeps, "home" | "root">): boolean {
  return notesOf(home, root).length > 0;
}

/** For one who holds the tree's lock, before anything is looked at. `always`: also what is known to the journals alone. */
export function finishInterrupted(
  { home, root, pid, isAlive, store, restored, always }: InterruptedDeps & { readonly store: CheckpointStore; readonly restored: (actor: Actor, written: ReadonlyMap<TreePath, State>) => unknown; readonly always: boolean },
): void {
  const notes = notesOf(home, root);
  if (notes.length === 0 && !always) return;
  recoverRestores(holdingOf({ home }), { root, read: (content) => readContent(store, content), alive: (each, since) => each !== pid && isAlive(each, since) });
  for (const { file, note } of notes) {
    restored(note.actor, new Map(note.targets));
    rmSync(file, { force: true });
  }
}

export function readContent(store: CheckpointStore, content: ContentId): Uint8Array {
  const bytes = store.content(content);
  if (bytes === undefined) throw new TidemarkError("OBJECT_DAMAGED", `The bytes of ${content.slice(0, 15)} are not in the store`);
  return bytes;
}

function notesOf(home: string, root: string): { readonly file: string; readonly note: Note }[] {
  const holding = holdingOf({ home });
  return namesIn(holding).flatMap((name) => {
    const file = join(holding, name);
    const note = name.endsWith(".undo") ? readNote(file) : undefined;
    return note?.tree === root ? [{ file, note }] : [];
  });
}

/** Undefined where another process has just finished it. One that was cut off in writing stands for nothing: the journal comes after it. */
function readNote(file: string): Note | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Note;
  } catch (error) {
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
