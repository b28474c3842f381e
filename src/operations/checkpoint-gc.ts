/**
 * Keeps the checkpoints within their bounds, slice by slice, so that nobody waits for it: what is too old or too much is
 * dropped, old turns are merged, bytes that nothing needs go, and so does what restores and words to agents have left.
 *
 * Before anything goes, each tree's manifest is written down: what only it stands for is needed. A tree whose folder is
 * gone, or is on a disk that is not there, keeps its checkpoints until they are too old. Leaves out which ones to drop
 * (checkpoint/retention.ts) and when (engine/, the command).
 */
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { asTidemarkError } from "../base/errors.ts";
import { isVersion, type Checkpoint, type ContentId } from "../checkpoint/model.ts";
import { retain, type Retention, type RetentionRules } from "../checkpoint/retention.ts";
import type { CheckpointStore, Usage } from "../store/checkpoints.ts";
import { sweepAsides, type KeptAside } from "../worktree/restore.ts";
import { neededUnseen, type Keeper } from "./keeper.ts";
import { treeKey } from "./tree-place.ts";
import { sweepWords } from "./tell.ts";
import { holdingOf } from "./interrupted.ts";

export interface GcOptions {
  readonly store: CheckpointStore;
  /** The state folder. */
  readonly home: string;
  readonly keeperOf: (root: string) => Keeper;
  readonly rules: RetentionRules;
  /** Only says what would go. */
  readonly dryRun: boolean;
  readonly clock: () => number;
  /** How long one slice may take, in milliseconds. */
  readonly slice: number;
}

export interface Progress {
  readonly label: string;
  readonly done: number;
  readonly total: number;
}

export interface Collected {
  readonly before: Usage;
  readonly after: Usage;
  /** Checkpoints that are gone, and those that became part of a later one. */
  readonly dropped: number;
  readonly merged: number;
  /** Contents that are gone, and those that are kept in less. */
  readonly contents: number;
  readonly packed: number;
  /** Checkpoints that keep a tree from being shortened to its bounds. */
  readonly held: readonly { readonly id: string; readonly tree: string; readonly because: string }[];
  /** Taken out of a tree by a restore and written to afterwards: they stay. */
  readonly asides: readonly KeptAside[];
}

const DAY = 86_400_000;

/** A program that had a file open when a restore took it out has written by then what it writes. */
const ASIDES_FOR = DAY;

/** An agent that did not come back for a word by then goes by what it reads. */
const WORDS_FOR = 7 * DAY;

/** Each step is a slice. */
export function* collectGarbage(options: GcOptions): Generator<Progress, Collected> {
  const { store, home, dryRun, clock, slice } = options;
  const before = store.usage();
  const trees = store.trees();
  const needed = new Set<ContentId>();
  for (const [i, tree] of trees.entries()) {
    for (const content of neededBy(tree, options)) needed.add(content);
    yield { label: "trees", done: i + 1, total: trees.length };
  }
  const plan = new Plan(options, before.bytes);
  let [dropped, merged, contents, packed] = [0, 0, 0, 0];
  let retention = plan.next();
  if (!dryRun) {
    for (;;) {
      store.merge(retention.merge);
      store.drop(retention.drop);
      dropped += retention.drop.length;
      merged += retention.merge.reduce((sum, run) => sum + run.length - 1, 0);
      for (let finished = false; !finished; ) {
        const done = store.collect(needed, { clock, ms: slice });
        contents += done.dropped;
        packed += done.packed;
        finished = done.done;
        yield { label: "contents", done: contents + packed, total: Math.max(before.contents, contents + packed) };
      }
      // Sizes were an estimate: still too much is a reason to ask again, as long as anything goes.
      if (retention.drop.length === 0) break;
      retention = plan.next();
      if (retention.drop.length === 0 && retention.merge.length === 0) break;
    }
    for (const tree of trees) if (store.newest(tree) === 0 && !existsSync(tree)) for (const kind of ["manifest", "held"]) rmSync(join(home, "trees", `${treeKey(tree)}.${kind}`), { force: true });
    sweepWords(home, clock() - WORDS_FOR);
  } else [dropped, merged] = [retention.drop.length, retention.merge.reduce((sum, run) => sum + run.length - 1, 0)];
  const asides = dryRun ? [] : sweepAsides(holdingOf({ home }), ASIDES_FOR, clock());
  const bySeq = new Map(plan.all.map((each) => [each.seq, each]));
  const held = retention.held.flatMap(({ seq, because }) => {
    const checkpoint = bySeq.get(seq);
    return checkpoint === undefined ? [] : [{ id: checkpoint.id, tree: checkpoint.tree, because }];
  });
  return { before, after: dryRun ? before : store.usage(), dropped, merged, contents, packed, held, asides };
}

function neededBy(tree: string, { home, keeperOf, dryRun }: GcOptions): Set<ContentId> {
  // Its disk may come back, and its files are as they were then.
  if (!existsSync(tree)) return neededUnseen(home, tree);
  try {
    const keeper = keeperOf(tree);
    // One that was never looked at by a manifest stands for nothing; looking at it now would be another's work.
    if (!keeper.begun) return new Set();
    const needed = keeper.needed();
    // Now that it is known: a keeper that has not looked has nothing to write down.
    if (!dryRun) keeper.save();
    return needed;
  } catch (error) {
    // A folder that is no tree any more, since it became somebody's home.
    if (asTidemarkError(error).code === "TREE_REFUSED") return new Set();
    throw error;
  }
}

/** What goes, by what the store takes at the moment. */
class Plan {
  readonly #options: GcOptions;
  readonly #first: number;
  #asked = false;
  all: readonly Checkpoint[] = [];

  constructor(options: GcOptions, bytes: number) {
    this.#options = options;
    this.#first = bytes;
  }

  next(): Retention {
    const { store, rules, clock } = this.#options;
    this.all = store.trees().flatMap((tree) => store.checkpoints(tree)).sort((a, b) => a.seq - b.seq);
    const bytes = this.#asked ? store.usage().bytes : this.#first;
    this.#asked = true;
    return retain(this.all, { bytes, of: (checkpoint) => sizeOf(store, checkpoint) }, rules, clock());
  }
}

/** Of the rows of a checkpoint and a change, measured. */
const ROW = 120;

/** What stood before is known to it alone, as long as nobody shares it; packed it takes about a third. */
function sizeOf(store: CheckpointStore, { seq }: Checkpoint): number {
  return store.changes(seq).reduce((sum, { before }) => sum + ROW + (isVersion(before) ? before.size / 3 : 0), ROW);
}
