/**
 * Erasing the bytes of a path from the checkpoints for good: from every version that is kept, and from what restores have
 * put aside. That there was something, and when it changed, stays. A file that still stands in the tree is captured again;
 * leaving that alone is up to whoever asks.
 *
 * Left out: words of sessions (forget.ts), the agent's own files, and copies at a remote.
 */
import { TidemarkError } from "../base/errors.ts";
import { isVersion, type ContentId, type State, type TreePath } from "../checkpoint/model.ts";
import { forgetAsides } from "../worktree/restore.ts";
import { within } from "./compare.ts";
import { holdingOf } from "./interrupted.ts";
import type { UndoDeps } from "./undo.ts";

export interface Forgettable {
  readonly path: TreePath;
  /** How many changes of it are kept. */
  readonly changes: number;
  /** It stands in the tree now. */
  readonly there: boolean;
}

/** Paths with bytes in the checkpoints, of these and what is in these folders. The tree has just been looked at. */
export function forgettable({ store, keeper }: UndoDeps, paths: readonly TreePath[]): Forgettable[] {
  const isMeant = within(paths);
  const counts = new Map<TreePath, number>();
  for (const { path, before, after } of store.changesAfter(keeper.root, 0)) {
    if (isMeant(path) && (isVersion(before) || isVersion(after))) counts.set(path, (counts.get(path) ?? 0) + 1);
  }
  const present = new Set([...keeper.states()].flatMap(([path, state]) => (isMeant(path) && isVersion(state) && (counts.has(path) || !state.content.startsWith("git:")) ? [path] : [])));
  // What has never changed, and is not the user's repository's.
  for (const path of present) if (!counts.has(path)) counts.set(path, 0);
  return [...counts].map(([path, changes]) => ({ path, changes, there: present.has(path) })).sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Where else bytes of these are kept, as paths of this tree or absolute ones of another: there they stay. */
export function keptElsewhere({ store, keeper }: UndoDeps, found: readonly Forgettable[]): string[] {
  const [paths, contents] = [new Set(found.map(({ path }) => path)), new Set<ContentId>()];
  const note = (state: State | undefined): void => {
    if (state !== undefined && isVersion(state) && state.size > 0 && !state.content.startsWith("git:")) contents.add(state.content);
  };
  const states = keeper.states();
  const changes = store.changesAfter(keeper.root, 0);
  for (const path of paths) note(states.get(path));
  for (const { path, before, after } of changes) if (paths.has(path)) [before, after].forEach(note);
  const others = new Set<string>();
  const isKept = (state: State): boolean => isVersion(state) && contents.has(state.content);
  for (const [path, state] of states) if (!paths.has(path) && isKept(state)) others.add(path);
  for (const { path, before, after } of changes) if (!paths.has(path) && (isKept(before) || isKept(after))) others.add(path);
  for (const tree of store.trees()) {
    if (tree === keeper.root) continue;
    for (const { path, before, after } of store.changesAfter(tree, 0)) if (isKept(before) || isKept(after)) others.add(`${tree}/${path}`);
  }
  return [...others].sort();
}

/** Gives how many changes were altered. */
export function forgetPaths(deps: UndoDeps, found: readonly Forgettable[], now: number): number {
  const { keeper, store } = deps;
  const tree = keeper.root;
  return keeper.exclusively(() => {
    const there = found.filter((each) => each.there);
    // Manifests of all processes name the bytes that are about to go: this tells them to read such a file again.
    if (there.length > 0) {
      store.seal({ tree, time: now, kind: "manual", actor: { by: "outside" }, coverage: { skipped: [] }, note: `forget: ${there.length === 1 ? there[0]!.path.toWellFormed() : `${there.length} files`}`, changes: there.map(({ path }) => ({ path, before: "unknown", after: "unknown" })) });
    }
    let altered = 0;
    let busy: TidemarkError | undefined;
    for (const { path } of found) {
      try {
        altered += store.forgetPath(tree, path);
      } catch (error) {
        // They are forgotten, and old pages still hold them: the others are to be forgotten as well.
        if (!(error instanceof TidemarkError) || error.code !== "STORE_BUSY") throw error;
        busy = error;
      }
    }
    const paths = new Set(found.map(({ path }) => path));
    forgetAsides(holdingOf(deps), tree, (path) => paths.has(path));
    if (busy !== undefined) throw busy;
    return altered;
  });
}
