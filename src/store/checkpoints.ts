/**
 * The port of the store for checkpoints: bytes by their hash, and what changed at each checkpoint. It is synchronous: a
 * capture is a chain of small steps in a worker or a command, and waiting between them would let the tree change.
 *
 * Left out: which bytes to keep (operations/), how long (checkpoint/retention.ts), the tree itself (worktree/).
 */
import type { Actor, CallRef, Change, Checkpoint, ContentId, Coverage, Kind, State, Tier, TreePath } from "../checkpoint/model.ts";
import type { Problem } from "./problems.ts";

/** Of a file as it was when its bytes were taken; nanoseconds since 1970. Lets another process go on from here without reading the tree. */
export interface Stamp {
  readonly mtime: bigint;
  readonly ctime: bigint;
  readonly inode: bigint;
}

export interface NewCheckpoint {
  readonly tree: string;
  readonly time: number;
  readonly kind: Kind;
  readonly actor: Actor;
  readonly coverage: Coverage;
  readonly changes: readonly (Change & { readonly stamp?: Stamp })[];
  readonly note?: string;
  readonly model?: string;
  readonly tokens?: number;
  readonly confidence?: number;
}

/** A tool call that can change files, from its start until it is known to be over. */
export interface RunningCall extends CallRef {
  readonly session: string;
  readonly agent: string;
  readonly turn?: string;
  /** Milliseconds since 1970. */
  readonly started: number;
  readonly ended?: number;
  /** The one path an edit tool names. */
  readonly path?: TreePath;
  /** The process of the agent that makes it: with that it is over. */
  readonly client?: number;
}

export interface Usage {
  /** Bytes of everything the store has on disk, files beside the database and temporary ones included. */
  readonly bytes: number;
  readonly contents: number;
  readonly checkpoints: number;
}

/**
 * Order: checkpoints of a tree by `seq`, in the order of sealing. Atomicity: what `write` does is there whole or not at all;
 * a checkpoint never refers to bytes that are not there. Repetition: putting bytes again changes nothing. Absence: unknown
 * ids give undefined, an unknown tree gives nothing. Lifetime: what was sealed is there after reopening, for any number of
 * processes; `close` may be called twice.
 */
export interface CheckpointStore {
  /** Runs the body as one transaction; within another one it is part of that. */
  write<T>(body: () => T): T;

  put(bytes: Uint8Array): ContentId;
  /** The same for a file on disk, by clone or copy, without holding it in memory. Undefined where it changed meanwhile (another size or hash than it had). */
  putFile(path: string | Uint8Array): ContentId | undefined;
  /** Undefined where it is not there; throws OBJECT_DAMAGED where it is not what its name says. */
  content(id: ContentId): Uint8Array | undefined;
  has(id: ContentId): boolean;

  /** Gives the new one, or undefined where nothing changed and the kind is not one that stands for itself (baseline, manual). */
  seal(checkpoint: NewCheckpoint): Checkpoint | undefined;
  trees(): string[];
  checkpoints(tree: string): Checkpoint[];
  /** Of one checkpoint, by path. */
  changes(seq: number): (Change & { readonly stamp?: Stamp })[];
  /** Of every checkpoint of a tree after `seq`, in order; with `path` only of that path. */
  changesAfter(tree: string, seq: number, path?: TreePath): (Change & { readonly seq: number; readonly stamp?: Stamp })[];
  newest(tree: string): number;
  pin(seq: number, pinned: boolean): void;
  setTier(upTo: number, tier: Tier): void;
  /** None has come this far any more: what they were copied to is another place now. */
  dropTier(tier: 3): void;
  /** Makes what was committed survive a power cut. */
  sync(): void;

  callBegan(tree: string, call: RunningCall): void;
  /** `started`: when it really began, where that is known only now. */
  callEnded(tree: string, id: string, time: number, background: boolean, started?: number): void;
  calls(tree: string): RunningCall[];
  /** Forgets calls that were over before this time. */
  dropCalls(tree: string, before: number): void;

  /** Merges each run of checkpoints (ascending, of one tree) into its last one: first before, last after; what cancels out goes. */
  merge(runs: readonly (readonly number[])[]): void;
  /** Takes these checkpoints out for good. */
  drop(seqs: readonly number[]): void;
  /** Replaces a state of a path by "unknown" wherever it stands; for `forget -- PATH`. Gives how many changes were altered. */
  forgetPath(tree: string, path: TreePath): number;
  /** Takes out contents that no change and none of `keep` names, and packs old versions as deltas, for at most `ms` milliseconds by `clock`. */
  collect(keep: ReadonlySet<ContentId>, budget: { readonly clock: () => number; readonly ms: number }): { dropped: number; packed: number; done: boolean };
  /** Packs versions that something newer has come after, the oldest first, for about `ms` milliseconds. False once there are no more. */
  pack(budget: { readonly clock: () => number; readonly ms: number }): boolean;
  usage(): Usage;
  /** Reads everything and names what does not hold. */
  check(): Problem[];
  close(): void;
}

export type { State };
