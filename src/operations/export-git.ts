/**
 * A checkpoint as a commit in the user's own repository, when it is asked for: the whole tree as it was then. Leaves out
 * how git is told (worktree/git-export.ts).
 */
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { TidemarkError } from "../base/errors.ts";
import { isVersion, type State, type TreePath, type Version } from "../checkpoint/model.ts";
import type { CheckpointStore } from "../store/checkpoints.ts";
import { exportToGit, type GitExported } from "../worktree/git-export.ts";
import { parentOf } from "../worktree/manifest.ts";
import { treeOf } from "../worktree/project.ts";
import { Bytes, type Source } from "./compare.ts";
import type { Keeper } from "./keeper.ts";
import type { Point } from "./history.ts";

export interface ExportGitOptions {
  readonly ref: string;
  readonly force: boolean;
  readonly message: string;
  readonly time: number;
}

/** What stood in the tree at a point: the present, with every later change taken off. The tree has just been looked at. */
function statesAt(keeper: Keeper, store: CheckpointStore, seq: number): Map<TreePath, State> {
  const states = keeper.states();
  for (const { path, before } of store.changesAfter(keeper.root, seq).toReversed()) states.set(path, before);
  for (const [path, state] of states) if (state === "absent") states.delete(path);
  return states;
}

export function exportCheckpoint(source: Source & { readonly keeper: Keeper; readonly home: string }, point: Point, options: ExportGitOptions): GitExported {
  const { root, keeper, store, home, environment } = source;
  if (!existsSync(join(root, ".git"))) throw new TidemarkError("NO_REPOSITORY", `${root} is no git repository`);
  const states = statesAt(keeper, store, point.seq);
  const files = new Map<TreePath, Version>();
  const unknown: { path: TreePath; reason: string }[] = [];
  for (const [path, state] of states) {
    if (isVersion(state)) files.set(path, state);
    else unknown.push({ path, reason: "its bytes were not kept" });
  }
  const bytes = new Bytes(source);
  const inner = new Map<TreePath, boolean>();
  const scratch = join(home, "exports");
  mkdirSync(scratch, { recursive: true, mode: 0o700 });
  const done = exportToGit({
    root, environment, scratch, files, ...options,
    isInner: (path) => {
      const folder = parentOf(path);
      const known = inner.get(folder) ?? treeOf(join(root, folder)) !== root;
      inner.set(folder, known);
      return known;
    },
    read: (path, version) => {
      const side = bytes.side(path, version);
      return side instanceof Uint8Array ? side : undefined;
    },
  });
  return { ...done, leftOut: [...unknown, ...done.leftOut].sort((a, b) => (a.path < b.path ? -1 : 1)) };
}
