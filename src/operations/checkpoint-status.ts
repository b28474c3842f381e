/**
 * How many checkpoints there are, what they take, how far they have come on their way to safety, and what is not kept: for
 * `status`, `doctor` and the timeline. Read from the store alone: nobody at work on the tree is waited for.
 */
import { isVersion, type Checkpoint, type TreePath } from "../checkpoint/model.ts";
import type { CheckpointStore } from "../store/checkpoints.ts";

export interface CheckpointStatus {
  /** Of this tree, and of all. */
  readonly here: number;
  readonly total: number;
  /** Of all, on disk. */
  readonly bytes: number;
  /** Of this tree, by the last place each has reached. What is not sealed yet is in the memory of an engine, and not here. */
  readonly tiers: { readonly page_cache: number; readonly disk: number; readonly remote: number };
  /** Milliseconds since 1970. */
  readonly newest?: number;
  readonly pinned: number;
  /** Files of this tree whose bytes are not kept. */
  readonly uncovered: number;
}

export function checkpointStatus(store: CheckpointStore, root: string): CheckpointStatus {
  const { bytes, checkpoints: total } = store.usage();
  const own = store.checkpoints(root);
  const at = (tier: number): number => own.filter((each) => each.tier === tier).length;
  const newest = own.at(-1)?.time;
  const { files, more } = uncovered(store, root, own);
  return {
    here: own.length, total, bytes, tiers: { page_cache: at(1), disk: at(2), remote: at(3) }, pinned: own.filter(({ pinned }) => pinned).length,
    ...(newest === undefined ? {} : { newest }), uncovered: files.length + more,
  };
}

export interface Uncovered {
  readonly files: readonly { readonly path: TreePath; readonly reason: string }[];
  /** That no checkpoint names: each lists so many. */
  readonly more: number;
}

/** What was skipped, and neither kept nor gone since. */
export function uncovered(store: CheckpointStore, root: string, checkpoints: readonly Checkpoint[]): Uncovered {
  const skipped = new Map<TreePath, { seq: number; reason: string }>();
  for (const { seq, coverage } of checkpoints) for (const { path, reason } of coverage.skipped) skipped.set(path, { seq, reason });
  const more = Math.max(0, ...checkpoints.map(({ coverage }) => coverage.more ?? 0));
  if (skipped.size > 0) {
    for (const { seq, path, after } of store.changesAfter(root, 0)) {
      const known = skipped.get(path);
      if (known !== undefined && seq >= known.seq && (after === "absent" || isVersion(after))) skipped.delete(path);
    }
  }
  return { files: [...skipped].map(([path, { reason }]) => ({ path, reason })), more };
}
