/**
 * What differs between two points in the history of a tree, file by file, and the bytes of either side. Leaves out what
 * the points are called (history.ts) and how a change is written down (patch.ts).
 */
import { join } from "node:path";
import { countLines } from "../base/diff.ts";
import { TidemarkError } from "../base/errors.ts";
import { isVersion, sameState, type Change, type ContentId, type PlanItem, type State, type TreePath } from "../checkpoint/model.ts";
import { mergeText } from "../checkpoint/merge.ts";
import type { CheckpointStore } from "../store/checkpoints.ts";
import { parentOf } from "../worktree/manifest.ts";
import { treeOf } from "../worktree/project.ts";
import { openRepository, readBlobs } from "../worktree/repository.ts";
import { changeWord, patchOf, tell, textOf, type ChangeWord, type Side, type Told } from "./patch.ts";

export interface FileDiff extends Told {
  readonly path: TreePath;
  readonly patch: string;
}

/** What became of a file, with its lines counted as far as they were. */
export interface FileCount {
  readonly path: TreePath;
  readonly change: ChangeWord;
  readonly added?: number;
  readonly removed?: number;
  readonly binary?: true;
  readonly note?: string;
}

export interface Source {
  readonly store: CheckpointStore;
  /** The tree. */
  readonly root: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** What changed after `from` up to and with `to`, the other way round where `from` is the later one; by path. */
export function changesBetween(store: CheckpointStore, tree: string, from: number, to: number): Change[] {
  const [first, last] = from <= to ? [from, to] : [to, from];
  const merged = new Map<TreePath, Change>();
  for (const { seq, path, before, after } of store.changesAfter(tree, first)) {
    if (seq > last) break;
    merged.set(path, { path, before: merged.get(path)?.before ?? before, after });
  }
  const changes = [...merged.values()].filter(({ before, after }) => !sameState(before, after));
  const turned = from <= to ? changes : changes.map(({ path, before, after }) => ({ path, before: after, after: before }));
  return turned.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Whether a path is one of these or in a folder that is; every one where none is named. */
export function within(paths: readonly TreePath[]): (path: TreePath) => boolean {
  return (path) => paths.length === 0 || paths.some((each) => path === each || path.startsWith(`${each}/`));
}

export function diffFiles(changes: readonly Change[], bytes: Bytes): FileDiff[] {
  return changes.filter((change) => !bytes.isSame(change)).map(({ path, before, after }) => {
    const [old, young] = [bytes.side(path, before), bytes.side(path, after)];
    const told = tell(before, after, old, young);
    return { path, ...told, patch: patchOf(path, before, after, old, young, told) };
  });
}

/** Bytes of states: from the store, or from the user's repository where they were not imported. */
export class Bytes {
  readonly #source: Source;
  /** What was counted before, by the two contents. */
  readonly #counted = new Map<string, Told>();
  readonly #more: ReadonlyMap<ContentId, Uint8Array>;
  #left: number;

  /** `budget`: bytes that counting lines may read in all. `more`: contents that the store does not have, or not yet. */
  constructor(source: Source, budget = Infinity, more: ReadonlyMap<ContentId, Uint8Array> = new Map()) {
    this.#source = source;
    this.#left = budget;
    this.#more = more;
  }

  side(path: TreePath, state: State): Side {
    if (!isVersion(state)) return undefined;
    try {
      return this.#read(path, state.content) ?? { missing: "its bytes are no longer kept" };
    } catch (error) {
      if (!(error instanceof TidemarkError) || error.code !== "OBJECT_DAMAGED") throw error;
      return { missing: "its bytes are damaged in the store (tidemark verify)" };
    }
  }

  /** Whether nothing changed but the name its bytes go by: the store's, or that of a blob in the user's repository. */
  isSame({ path, before, after }: Change): boolean {
    if (!isVersion(before) || !isVersion(after)) return sameState(before, after);
    if (before.type !== after.type || before.mode !== after.mode || before.size !== after.size) return false;
    if (before.content.startsWith("git:") === after.content.startsWith("git:")) return before.content === after.content;
    const [old, young] = [this.side(path, before), this.side(path, after)];
    return old instanceof Uint8Array && young instanceof Uint8Array && Buffer.compare(old, young) === 0;
  }

  count({ path, before, after }: Change): FileCount {
    const told = this.#told(path, before, after);
    const { change, added, removed, binary, note } = told;
    return { path, change, ...(added === undefined ? {} : { added }), ...(removed === undefined ? {} : { removed }), ...(binary ? { binary } : {}), ...(note === undefined ? {} : { note }) };
  }

  #told(path: TreePath, before: State, after: State): Told {
    const sides = [before, after].map((state) => (isVersion(state) ? `${state.type} ${state.content}` : state));
    const key = sides.join(" ");
    const known = this.#counted.get(key);
    if (known !== undefined) return known;
    this.#left -= [before, after].reduce((sum, state) => sum + (isVersion(state) ? state.size : 0), 0);
    if (this.#left < 0) return { change: changeWord(before, after), exact: true, binary: false, note: "not counted" };
    const told = tell(before, after, this.side(path, before), this.side(path, after));
    this.#counted.set(key, told);
    return told;
  }

  #read(path: TreePath, content: ContentId): Uint8Array | undefined {
    const { store, root, environment } = this.#source;
    const given = this.#more.get(content);
    if (given !== undefined) return given;
    if (!content.startsWith("git:")) return store.content(content);
    // A file in a repository within the tree is that one's blob.
    const repository = openRepository(treeOf(join(root, parentOf(path))), environment);
    const blob = content.slice("git:".length);
    return repository === undefined ? undefined : readBlobs(repository, [blob], environment).get(blob);
  }
}

/** How many lines each part of a plan would bring and take. */
export function countPlan(items: readonly PlanItem[], bytes: Bytes): Map<TreePath, FileCount> {
  const counts = new Map<TreePath, FileCount>();
  for (const { path, action, expected, target, merge } of items) {
    if (action !== "write" && action !== "delete" && action !== "merge") continue;
    if (action !== "merge" || merge === undefined) {
      counts.set(path, bytes.count({ path, before: expected, after: target }));
      continue;
    }
    const [base, ours, theirs] = [merge.base, expected, merge.theirs].map((state) => bytes.side(path, state));
    if (!(base instanceof Uint8Array) || !(ours instanceof Uint8Array) || !(theirs instanceof Uint8Array)) continue;
    const merged = mergeText(base, ours, theirs);
    if (!merged.ok) continue;
    const { added, removed } = countLines(textOf(ours), textOf(merged.bytes));
    counts.set(path, { path, change: "edited", added, removed });
  }
  return counts;
}
