/**
 * The trees that one engine's client works in, each with its attendant and its watch. Runs on a thread of its own, since a
 * look at a large tree takes longer than a hook should wait for anything else (cli/worker.ts); in tests on the caller's.
 *
 * Between calls it looks by itself where something was touched and has come to rest, so that the next call finds nothing left
 * to do; on a large tree that is done rarely, to take a twentieth of a processor at most.
 */
import { setImmediate as turn } from "node:timers/promises";
import { asTidemarkError } from "../base/errors.ts";
import type { Told } from "../agents/claude-code/calls.ts";
import { Attendant } from "../operations/attend.ts";
import { Keeper, syncCheckpoints } from "../operations/keeper.ts";
import { BackgroundCopy } from "../operations/remote.ts";
import type { CheckpointStore } from "../store/checkpoints.ts";
import { treeOf } from "../worktree/project.ts";
import { Watcher } from "../worktree/watch.ts";

export interface TreesOptions {
  /** The agent's process. */
  readonly client?: number;
  readonly open: () => CheckpointStore;
  readonly home: string;
  readonly userHome: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: () => number;
  readonly pid: number;
  readonly isAlive: (pid: number, since?: number) => boolean;
}

export interface Served {
  readonly sealed: number;
  /** How long the call was held up by work of ours, in milliseconds. */
  readonly ms: number;
  /** Why nothing is kept for this tree. */
  readonly refused?: string;
}

interface Attended {
  readonly keeper: Keeper;
  readonly attendant: Attendant;
  readonly watcher: Watcher;
  touchedAt: number;
  lookedAt: number;
  cost: number;
}

/** What was touched is looked at once nothing more has come for so long, in milliseconds. */
const REST = 400;

/** A look by itself comes at the earliest so many times its own length after the one before. */
const SHARE = 20;

/** A call that comes meanwhile waits for that long at most, in milliseconds. */
const PACKING = 5;

export class Trees {
  readonly #options: TreesOptions;
  readonly #trees = new Map<string, Attended | string>();
  readonly #roots = new Map<string, string>();
  readonly #copy: BackgroundCopy;
  #store: CheckpointStore | undefined;
  #unsynced = false;
  #unpacked = true;

  constructor(options: TreesOptions) {
    this.#options = options;
    this.#copy = new BackgroundCopy(options);
  }

  /** `afterwards`: nobody attended when it was said; who was at work is set down, and what is found then is theirs. */
  async take(told: Told, time: number, afterwards = false): Promise<Served> {
    const { clock } = this.#options;
    const tree = this.#treeOf(told.cwd);
    if (typeof tree === "string") return { sealed: 0, ms: 0, refused: tree };
    if (afterwards) {
      tree.attendant.note(told, time);
      if (told.kind !== "before") this.#looked(tree, this.#lookNow(tree));
      return { sealed: 0, ms: 0 };
    }
    // What was touched before this was said is told by the watches before anything that comes after it.
    await turn();
    await turn();
    if (!tree.watcher.sure) tree.attendant.touch();
    const began = clock();
    const { sealed, looked } = tree.attendant.take(told, time, began);
    if (sealed.length > 0) this.#unsynced = this.#unpacked = true;
    if (looked) this.#looked(tree, began);
    // An edit tool may have named a file in a folder that was left out.
    else if (tree.lookedAt > 0) tree.watcher.follow(tree.keeper.folders());
    this.#copy.wake();
    return { sealed: sealed.length, ms: Math.max(0, clock() - began) };
  }

  /** To be called now and then: looks where something was touched and rests. */
  rest(): void {
    const now = this.#options.clock();
    for (const tree of this.#trees.values()) {
      if (typeof tree === "string" || !tree.watcher.sure || !tree.attendant.touched) continue;
      if (tree.touchedAt === 0) tree.touchedAt = now;
      if (now - tree.touchedAt < REST || now - tree.lookedAt < tree.cost * SHARE) continue;
      this.#looked(tree, this.#lookNow(tree));
    }
    if (this.#store === undefined) return;
    // An older version of what was sealed is kept as its difference from the newer one.
    if (this.#unpacked) this.#unpacked = this.#store.pack({ clock: this.#options.clock, ms: PACKING });
    if (this.#unsynced) {
      // What was committed reaches the disk behind everyone's back.
      syncCheckpoints(this.#store);
      this.#unsynced = false;
      this.#copy.wake();
    }
    this.#copy.round(this.#store);
  }

  close(): void {
    this.#copy.stop();
    for (const tree of this.#trees.values()) {
      if (typeof tree === "string") continue;
      tree.watcher.close();
    }
    this.#trees.clear();
    this.#store?.close();
    this.#store = undefined;
  }

  /** Gives when it began. */
  #lookNow(tree: Attended): number {
    const began = this.#options.clock();
    if (tree.attendant.look("prompt").sealed.length > 0) this.#unsynced = this.#unpacked = true;
    return began;
  }

  #looked(tree: Attended, began: number): void {
    tree.lookedAt = this.#options.clock();
    tree.cost = tree.lookedAt - began;
    tree.touchedAt = 0;
    tree.watcher.follow(tree.keeper.folders());
  }

  #treeOf(cwd: string): Attended | string {
    let root = this.#roots.get(cwd);
    if (root === undefined) this.#roots.set(cwd, (root = treeOf(cwd)));
    let tree = this.#trees.get(root);
    if (tree === undefined) this.#trees.set(root, (tree = this.#open(root)));
    return tree;
  }

  #open(root: string): Attended | string {
    const { open, ...options } = this.#options;
    try {
      const store = (this.#store ??= open());
      const keeper = new Keeper({ ...options, store, root });
      keeper.recover();
      const attendant = new Attendant(keeper, store, this.#options.client);
      const tree: Attended = { keeper, attendant, watcher: new Watcher(() => this.#touch(tree)), touchedAt: 0, lookedAt: 0, cost: 0 };
      return tree;
    } catch (error) {
      const known = asTidemarkError(error);
      if (known.kind === "user") return known.message;
      throw error;
    }
  }

  #touch(tree: Attended): void {
    tree.attendant.touch();
    tree.touchedAt = this.#options.clock();
  }
}
