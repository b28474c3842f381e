/**
 * The words of checkpoints: what stood at a path, who changed it, and what a restore would do. Types and the few rules
 * that belong to them, pure. Leaves out reading and writing of trees (worktree/) and of the store (store/checkpoints.ts).
 */

/**
 * A path in a tree: relative to its root, parts joined by "/". A byte of a name that is not UTF-8 stands as the lone
 * surrogate U+DC00 + byte (Python's surrogateescape, PEP 383); worktree/names.ts turns it back.
 */
export type TreePath = string;

/** Names bytes: "sha256:<hex>" of the store's own, "git:<hex>" of a blob in the user's repository that was not imported yet. */
export type ContentId = string;

/** What stands at a path. A link's content is its target. */
export interface Version {
  readonly type: "file" | "link";
  /** Permission bits, 0o7777 at most; 0 for a link. */
  readonly mode: number;
  /** Bytes. */
  readonly size: number;
  readonly content: ContentId;
}

/** absent: nothing is there. unknown: something is or was there whose bytes were not captured, for a reason that the coverage names. */
export type State = Version | "absent" | "unknown";

/** What one path became between a checkpoint and the one before it. */
export interface Change {
  readonly path: TreePath;
  readonly before: State;
  readonly after: State;
}

/** A tool call that may have made a change. */
export interface CallRef {
  readonly id: string;
  readonly tool: string;
  /** The subagent that made it. */
  readonly thread?: string;
  /** True where what it started was still running after it returned. */
  readonly background?: boolean;
}

/** Who made the changes of a checkpoint. */
export type Actor =
  | {
      readonly by: "agent";
      readonly agent: string;
      readonly session: string;
      /** The agent's own id of the prompt that the turn began with. */
      readonly turn?: string;
      /** One call, or several that ran at the same time: then any of them may have made any of the changes. */
      readonly calls: readonly CallRef[];
      /** Candidates of other sessions that ran at the same time. */
      readonly others?: readonly { readonly session: string; readonly call: string }[];
    }
  /** The person, a build, another program. `maybe`: calls that had left something running. */
  | { readonly by: "outside"; readonly maybe?: readonly { readonly session: string; readonly call: string }[] }
  /** An undo, redo or restore of ours. */
  | { readonly by: "restore"; readonly verb: "undo" | "redo" | "restore"; readonly undoes: readonly string[]; readonly session?: string };

/**
 * baseline: the first of a tree; prompt: before a turn; call: after a tool call; turn: at the end of a turn; forced: before
 * a command that could destroy what was not captured; manual: asked for; restore: what an undo, redo or restore wrote.
 */
export type Kind = "baseline" | "prompt" | "call" | "turn" | "forced" | "manual" | "restore";

/** Paths whose bytes could not be kept, with the reason in words. `more`: how many beyond those listed. */
export interface Coverage {
  readonly skipped: readonly { readonly path: TreePath; readonly reason: string }[];
  readonly more?: number;
  /** Why this checkpoint may lack changes, where it may: the barrier ran out of time, part of the tree could not be listed. */
  readonly partial?: string;
}

/** How far a checkpoint has come: 1 committed (page cache), 2 synced to disk, 3 copied to the remote. */
export type Tier = 1 | 2 | 3;

export interface Checkpoint {
  /** Place among all checkpoints of the store, ascending; what comes later in a tree has a greater one. */
  readonly seq: number;
  /** 16 hex digits, of the checkpoint before it in the tree, the time, the actor and the changes. */
  readonly id: string;
  readonly tree: string;
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly kind: Kind;
  readonly actor: Actor;
  readonly coverage: Coverage;
  /** What a person wrote with it. */
  readonly note?: string;
  readonly pinned: boolean;
  readonly tier: Tier;
  /** What the agent said of itself, where it did. */
  readonly model?: string;
  readonly tokens?: number;
  readonly confidence?: number;
  /** True where retention has merged earlier checkpoints of its turn into it. */
  readonly compacted?: boolean;
}

/** A change with the checkpoint it was sealed in. */
export interface Entry extends Change {
  readonly checkpoint: Checkpoint;
}

/** What a restore does at one path. */
export interface PlanItem {
  readonly path: TreePath;
  readonly action: "write" | "delete" | "keep" | "merge" | "refuse";
  readonly reason: string;
  /** What must be on disk for this to hold. */
  readonly expected: State;
  /** What would stand there afterwards; for keep and refuse what stands there now. For merge: the two sides below, merged. */
  readonly target: State;
  /** For merge: `base` is what the agent left, `theirs` what was there before it; the third side is what is on disk. */
  readonly merge?: { readonly base: Version; readonly theirs: Version };
}

export function sameState(a: State, b: State): boolean {
  if (a === "unknown" || b === "unknown") return false;
  if (a === "absent" || b === "absent") return a === b;
  return a.type === b.type && a.content === b.content && a.mode === b.mode;
}

export function isVersion(state: State): state is Version {
  return typeof state === "object";
}
