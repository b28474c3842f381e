/**
 * Which checkpoints are merged and which are dropped, so that the store stays within its bounds. Pure.
 *
 * A checkpoint is only what changed since the one before it in its tree; what stood at an earlier point is told by all
 * that came after. So a tree can only be shortened from its old end: a hole further up would make every earlier point
 * false, and a path whose last change fell into it would seem to be what it no longer is. Merging keeps what stood before
 * and after, and is for changes of one and the same author with nothing of anyone else's in between.
 */
import { isRestore } from "./chain.ts";
import type { Checkpoint } from "./model.ts";

export interface RetentionRules {
  /** Turns of each session that keep every checkpoint; older turns keep one for each stretch of their own. */
  readonly maxCheckpoints: number;
  /** Of everything on disk. */
  readonly maxBytes: number;
  /** Milliseconds. */
  readonly maxAge: number;
}

export const DEFAULT_RULES: RetentionRules = { maxCheckpoints: 50, maxBytes: 2 * 1024 ** 3, maxAge: 90 * 86_400_000 };

/** A session that did something this lately keeps its newest turn, whatever the bounds say. */
const RECENT = 86_400_000;

/**
 * What the store takes on disk, and what would come free with a checkpoint. An estimate: bytes that others share come free
 * only with the last of them. Whoever is still above the bound once it is done asks again.
 */
export interface Sizes {
  readonly bytes: number;
  readonly of: (checkpoint: Checkpoint) => number;
}

export interface Retention {
  /** Runs of `seq`, ascending, each to be merged into its last one. None of them is dropped as well. */
  readonly merge: number[][];
  readonly drop: number[];
  /** Where a bound is not met: what keeps a tree from being shortened further. */
  readonly held: { readonly seq: number; readonly because: "pinned" | "newest" | "recent" }[];
}

/** `checkpoints`: ascending, of one tree or of several; each tree is shortened on its own, the oldest of all first. */
export function retain(checkpoints: readonly Checkpoint[], sizes: Sizes, rules: RetentionRules, now: number): Retention {
  const kept = keptOf(checkpoints, now);
  const trees = treesOf(checkpoints);
  const drop = new Set<number>();
  const held = new Map<string, Retention["held"][number]>();
  const done = new Set<string>();
  let bytes = sizes.bytes;
  for (const unit of trees.flatMap(unitsOf).sort((a, b) => a[0]!.seq - b[0]!.seq)) {
    const { tree } = unit[0]!;
    if (done.has(tree)) continue;
    const old = unit.every(({ time }) => now - time > rules.maxAge);
    const stays = unit.find(({ seq }) => kept.has(seq));
    if ((!old && bytes <= rules.maxBytes) || stays !== undefined) {
      done.add(tree);
      if (stays !== undefined && (old || bytes > rules.maxBytes)) held.set(tree, { seq: stays.seq, because: kept.get(stays.seq)! });
      continue;
    }
    for (const each of unit) {
      drop.add(each.seq);
      bytes -= sizes.of(each);
    }
  }
  const merge = trees.flatMap((each) => runsOf(each.filter(({ seq }) => !drop.has(seq)), checkpoints, rules.maxCheckpoints));
  return { merge, drop: [...drop].sort((a, b) => a - b), held: [...held.values()] };
}

/** What is never dropped, and why: what is pinned, the newest of each tree, and the newest turn of a session that was at work lately. An older session keeps nothing by itself, or a store of many short ones could not be bounded. */
function keptOf(checkpoints: readonly Checkpoint[], now: number): Map<number, Retention["held"][number]["because"]> {
  const kept = new Map<number, Retention["held"][number]["because"]>();
  const newest = new Set([...turnsOf(checkpoints)].map(([session, turns]) => JSON.stringify([session, turns.at(-1)])));
  const ofNewest = checkpoints.filter((each) => newest.has(turnKey(each) ?? ""));
  const recent = new Set(ofNewest.filter(({ time }) => now - time <= RECENT).map(turnKey));
  for (const each of ofNewest) if (recent.has(turnKey(each))) kept.set(each.seq, "recent");
  for (const each of treesOf(checkpoints)) kept.set(each.at(-1)!.seq, "newest");
  for (const { seq, pinned } of checkpoints) if (pinned) kept.set(seq, "pinned");
  return kept;
}

function treesOf(checkpoints: readonly Checkpoint[]): Checkpoint[][] {
  const trees = new Map<string, Checkpoint[]>();
  for (const each of checkpoints) {
    const own = trees.get(each.tree);
    if (own === undefined) trees.set(each.tree, [each]);
    else own.push(each);
  }
  return [...trees.values()];
}

/** A tree cut wherever no turn reaches across: half a turn could be undone by half, and nobody would know. */
function unitsOf(checkpoints: readonly Checkpoint[]): Checkpoint[][] {
  const last = new Map(checkpoints.map((each, i) => [turnKey(each) ?? each.id, i]));
  const units: Checkpoint[][] = [];
  let end = -1;
  for (const [i, each] of checkpoints.entries()) {
    if (i > end) units.push([]);
    end = Math.max(end, last.get(turnKey(each) ?? each.id)!);
    units.at(-1)!.push(each);
  }
  return units;
}

/**
 * Neighbours of one turn that is not among the newest of its session. They must be the same in all that anyone may go by
 * later: only then can the last one speak for all. A restore that undid one of two would seem to have undone both.
 */
function runsOf(tree: readonly Checkpoint[], all: readonly Checkpoint[], maxTurns: number): number[][] {
  const full = new Set<string>();
  for (const [session, turns] of turnsOf(all)) for (const turn of turns.slice(Math.max(0, turns.length - maxTurns))) full.add(JSON.stringify([session, turn]));
  const undoneIn = new Map<string, string[]>();
  for (const restore of tree.filter(isRestore)) for (const id of restore.actor.undoes) undoneIn.set(id, [...(undoneIn.get(id) ?? []), restore.id]);
  const sameness = (each: Checkpoint): string | undefined => {
    const key = turnKey(each);
    if (key === undefined || full.has(key) || each.pinned || each.note !== undefined || each.kind === "manual" || each.kind === "baseline") return undefined;
    // Who else may have made the changes is known of each alone.
    if (each.actor.by === "agent" && (each.actor.others ?? []).length > 0) return undefined;
    return JSON.stringify([key, undoneIn.get(each.id) ?? []]);
  };
  const runs: number[][] = [];
  let before: string | undefined;
  for (const each of tree) {
    const same = sameness(each);
    if (same !== undefined && same === before) runs.at(-1)!.push(each.seq);
    else if (same !== undefined) runs.push([each.seq]);
    before = same;
  }
  return runs.filter(({ length }) => length > 1);
}

/** Of each session its turns, the one that was at work last at the end. */
function turnsOf(checkpoints: readonly Checkpoint[]): Map<string, string[]> {
  const turns = new Map<string, Set<string>>();
  for (const each of checkpoints) {
    const [session, turn] = [sessionOf(each), turnOf(each)];
    if (session === undefined || turn === undefined) continue;
    const own = turns.get(session) ?? new Set();
    own.delete(turn);
    turns.set(session, own.add(turn));
  }
  return new Map([...turns].map(([session, own]) => [session, [...own]]));
}

function sessionOf({ actor }: Checkpoint): string | undefined {
  return actor.by === "agent" ? actor.session : undefined;
}

function turnOf({ actor }: Checkpoint): string | undefined {
  return actor.by === "agent" ? actor.turn : undefined;
}

/** Undefined for what belongs to no turn that is known. */
function turnKey(checkpoint: Checkpoint): string | undefined {
  const [session, turn] = [sessionOf(checkpoint), turnOf(checkpoint)];
  return session === undefined || turn === undefined ? undefined : JSON.stringify([session, turn]);
}
