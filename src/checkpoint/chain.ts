/**
 * What still holds of all that happened to one path: its entries in order, with undos and redos taken for what they mean.
 * Pure. An undo that brings back exactly what stood before the changes it names takes them off; a redo puts them on
 * again. What does not cancel exactly (a merge, an undo by force) is a change like any other. Leaves out what to do
 * about it (plan.ts).
 */
import { sameState, type Actor, type Checkpoint, type Entry, type State } from "./model.ts";

/**
 * One step of the history of a path. A restore that cancelled has two ways down: `below`, where it went back to, and
 * `from`, where it came from. Whoever leaves the restore in force goes on below it; whoever takes it back goes on from
 * there, and finds all it had taken off, in the order it was.
 */
export interface Link {
  readonly entry: Entry;
  /** Undefined where the record begins. */
  readonly below: Link | undefined;
  readonly from?: Link;
}

type RestoreActor = Extract<Actor, { by: "restore" }>;
export type RestoreCheckpoint = Checkpoint & { readonly actor: RestoreActor };

export function isRestore(checkpoint: Checkpoint): checkpoint is RestoreCheckpoint {
  return checkpoint.actor.by === "restore";
}

/** The history of one path from all its entries in order of `seq`; undefined without any. The state of the top link is the present one. */
export function chainOf(entries: readonly Entry[]): Link | undefined {
  let top: Link | undefined;
  for (const entry of entries) {
    const cancelled = top === undefined ? undefined : backTo(entry, top, entries[0]!.before);
    top = cancelled !== undefined && top !== undefined ? { entry, below: cancelled.below, from: top } : { entry, below: top };
  }
  return top;
}

/** Entries that are in force, oldest first: undone ones and the undos themselves are left out. */
export function stackOf(top: Link | undefined): Entry[] {
  const stack: Entry[] = [];
  for (let at = top; at !== undefined; at = at.below) if (at.from === undefined) stack.push(at.entry);
  return stack.reverse();
}

/** True where one state led to the next without a change between them that the record lacks. Of what is unknown that cannot be told, so it is believed. */
export function follows(after: State, before: State): boolean {
  return sameState(after, before) || (after === "unknown" && before === "unknown");
}

/**
 * Where a restore went back to, if it did so exactly: past the entries it names, and through earlier restores that it
 * leaves alone. Where the states of a path repeat, several places fit; the farthest is the one that takes back all it names.
 */
function backTo(entry: Entry, top: Link, first: State): { below: Link | undefined } | undefined {
  if (!isRestore(entry.checkpoint) || !sameState(entry.before, top.entry.after)) return undefined;
  const undoes = new Set(entry.checkpoint.actor.undoes);
  let found: { below: Link | undefined } | undefined;
  let at: Link | undefined = top;
  while (at !== undefined) {
    if (undoes.has(at.entry.checkpoint.id)) {
      const reached: State = at.entry.before;
      at = at.from ?? at.below;
      // Retention may have taken entries out between the two: then what is below is not what stood there.
      const stood: State = at?.entry.after ?? first;
      if (!follows(stood, reached)) break;
      if (sameState(reached, entry.after)) found = { below: at };
    } else if (at.from !== undefined) at = at.below;
    else break;
  }
  return found;
}

/**
 * Every checkpoint that is undone, with the restore that did it. A restore that is itself undone counts for nothing. This
 * is what was asked for, by checkpoint; single paths that were kept or refused then are told by their chains alone.
 */
export function undoneBy(checkpoints: readonly Checkpoint[]): Map<string, RestoreCheckpoint> {
  const undone = new Map<string, RestoreCheckpoint>();
  const restores = checkpoints.filter(isRestore).sort((a, b) => b.seq - a.seq);
  // A restore names only earlier ones, so from the newest down each is judged after all that could undo it.
  for (const restore of restores) {
    if (undone.has(restore.id)) continue;
    for (const id of restore.actor.undoes) if (!undone.has(id)) undone.set(id, restore);
  }
  return undone;
}

/** What `redo` takes back: the newest undo or restore that is in force. */
export function lastUndo(checkpoints: readonly Checkpoint[]): RestoreCheckpoint | undefined {
  const undone = undoneBy(checkpoints);
  return checkpoints
    .filter(isRestore)
    .filter((each) => each.actor.verb !== "redo" && !undone.has(each.id))
    .reduce<RestoreCheckpoint | undefined>((newest, each) => (newest === undefined || each.seq > newest.seq ? each : newest), undefined);
}
