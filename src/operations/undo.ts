/**
 * Taking back what agents did to files, and taking that back. The present is sealed first, so that an undo can always be
 * undone; what a person or another session did since stays, unless it is asked for. What was decided by checkpoint/plan.ts
 * is carried out by worktree/restore.ts; here is the order in which it happens. What is left behind for a crash: interrupted.ts.
 *
 * Left out: sessions of which only a transcript is known (undo-transcript.ts).
 */
import { rmSync, statSync } from "node:fs";
import { asTidemarkError, TidemarkError } from "../base/errors.ts";
import { lastUndo } from "../checkpoint/chain.ts";
import { mergeText } from "../checkpoint/merge.ts";
import { isVersion, type Actor, type Checkpoint, type Entry, type PlanItem, type State, type TreePath } from "../checkpoint/model.ts";
import { plan, restoreTo, selectCall, selectIds, selectTurns, type Selection } from "../checkpoint/plan.ts";
import type { CheckpointStore } from "../store/checkpoints.ts";
import { parentOf } from "../worktree/manifest.ts";
import { onDisk } from "../worktree/names.ts";
import { applyRestore, type RestoreStep } from "../worktree/restore.ts";
import { within } from "./compare.ts";
import { entriesOf, type TreeTurn } from "./history.ts";
import { holdingOf, readContent, writeNote } from "./interrupted.ts";
import type { Keeper } from "./keeper.ts";

export type Mode = "keep" | "merge" | "force";

/** What is to be taken back. */
export type Wanted =
  | { readonly verb: "undo"; readonly turns: readonly TreeTurn[] }
  | { readonly verb: "undo"; readonly call: string; readonly session?: string }
  | { readonly verb: "redo" }
  | { readonly verb: "restore"; readonly checkpoint: Checkpoint };

export interface UndoOptions {
  readonly mode: Mode;
  readonly dryRun: boolean;
  /** Only these, or what is in these folders; all where empty. */
  readonly paths: readonly TreePath[];
  /** Made unlike any other by the caller: letters and digits. */
  readonly id: string;
}

export interface Conflict {
  readonly path: TreePath;
  readonly reason: string;
  /** Where the bytes of the other side were put. */
  readonly copy?: string;
}

export interface Undone {
  readonly plan: readonly PlanItem[];
  /** The checkpoint of how things were before. */
  readonly sealed: string | undefined;
  /** The checkpoint of what was done; absent for a preview, and where there was nothing to do. */
  readonly restore?: Checkpoint;
  readonly applied: boolean;
  readonly conflicts: readonly Conflict[];
  /** What was taken back, as checkpoints. */
  readonly undoes: readonly string[];
}

export interface UndoDeps {
  readonly keeper: Keeper;
  readonly store: CheckpointStore;
  /** The state folder. */
  readonly home: string;
  readonly pid: number;
}

export function undo(wanted: Wanted, options: UndoOptions, deps: UndoDeps): Undone {
  const { keeper, store } = deps;
  return keeper.exclusively(() => {
    keeper.recover();
    keeper.look("forced");
    const tree = keeper.root;
    const all = store.checkpoints(tree);
    const sealed = all.at(-1)?.id;
    const { selection, undoes, session } = select(wanted, all, options.mode);
    const first = Math.min(...undoes.map(({ seq }) => seq));
    const entries = since(first, entriesOf(store, tree, all), options.paths);
    const items = plan(entries, selection.selected, { mode: options.mode, ...(session === undefined ? {} : { owner: session }), ...(selection.ambiguous === undefined ? {} : { ambiguous: selection.ambiguous }) });
    const ids = undoes.map(({ id }) => id);
    // What lies above is taken back as well, and is to come back with a redo.
    if (options.mode === "force") for (const { path } of items) for (const { checkpoint } of entries.get(path)!) if (checkpoint.seq >= first && !ids.includes(checkpoint.id)) ids.push(checkpoint.id);
    const { ready, merged } = mergeAll(items, store);
    const doing = ready.filter(({ action }) => action === "write" || action === "delete" || action === "merge");
    if (options.dryRun || doing.length === 0) return { plan: ready, sealed, applied: false, conflicts: [], undoes: ids };
    const actor: Actor = { by: "restore", verb: wanted.verb, undoes: ids, ...(session === undefined ? {} : { session }) };
    // A folder that is younger than the checkpoint before is one that what is undone has made.
    const began = all.findLast(({ seq }) => seq < first)?.time ?? 0;
    return { ...carryOut(ready, doing, merged, actor, began, options.id, deps), sealed, undoes: ids };
  });
}

/** Writes a decided plan, whoever decided it. The present has been sealed. */
export function carryOut(items: readonly PlanItem[], doing: readonly PlanItem[], contents: ReadonlyMap<TreePath, Uint8Array>, actor: Actor, began: number, id: string, deps: UndoDeps): Pick<Undone, "plan" | "restore" | "applied" | "conflicts"> {
  const { keeper, store } = deps;
  const holding = holdingOf(deps);
  const targets = new Map<TreePath, State>();
  store.write(() => {
    for (const { path, target } of doing) {
      const bytes = contents.get(path);
      targets.set(path, bytes === undefined || !isVersion(target) ? target : { ...target, content: store.put(bytes), size: bytes.length });
    }
  });
  store.sync();
  // Should this process end in the middle, the next one finishes it and says whose doing it was.
  const note = writeNote(holding, id, { pid: deps.pid, tree: keeper.root, actor, targets: [...targets] });
  const steps = doing.map(({ path, expected }): RestoreStep => {
    const stamp = keeper.stampOf(path);
    return { path, expected, target: targets.get(path)!, ...(stamp === undefined ? {} : { stamp: { ...stamp, size: BigInt(stamp.size) } }) };
  });
  const outcomes = leavingNoNote(note, () => applyRestore(steps, {
    root: keeper.root, holding, id, read: (content) => readContent(store, content),
    mayRemoveDirectory: (path) => beganSince(keeper.root, path, began),
  }));
  // What someone else wrote there in the meantime is not of our making.
  const restore = keeper.restored(actor, new Map(outcomes.flatMap(({ path, outcome }) => (outcome === "written" || outcome === "deleted" ? [[path, targets.get(path)!] as const] : []))));
  rmSync(note, { force: true });
  const conflicts = outcomes.flatMap(({ path, outcome, reason, copy }): Conflict[] => (outcome === "conflict" || outcome === "refused" || copy !== undefined ? [{ path, reason: reason ?? "", ...(copy === undefined ? {} : { copy }) }] : []));
  const failed = new Map(outcomes.flatMap(({ path, outcome, reason }) => (outcome === "conflict" || outcome === "refused" ? [[path, reason ?? ""] as const] : [])));
  return {
    plan: items.map((item) => (failed.has(item.path) ? { ...item, action: "refuse" as const, reason: failed.get(item.path)!, target: item.expected } : item)),
    ...(restore === undefined ? {} : { restore }),
    applied: outcomes.some(({ outcome }) => outcome === "written" || outcome === "deleted"),
    conflicts,
  };
}

/** A refusal changes nothing, so that nobody need know of it. Anything else leaves a journal, and the next one has to know whose it is. */
function leavingNoNote<T>(note: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    if (asTidemarkError(error).kind !== "internal") rmSync(note, { force: true });
    throw error;
  }
}

function select(wanted: Wanted, all: readonly Checkpoint[], mode: Mode): { selection: Selection; undoes: Checkpoint[]; session?: string } {
  switch (wanted.verb) {
    case "redo": {
      const last = lastUndo(all);
      const undoes = last === undefined ? [] : [last];
      return { selection: selectIds(undoes.map(({ id }) => id)), undoes };
    }
    case "restore": {
      const { checkpoint } = wanted;
      const session = checkpoint.actor.by === "agent" ? checkpoint.actor.session : undefined;
      const selection = restoreTo(checkpoint, all, { force: mode === "force", ...(session === undefined ? {} : { session }) });
      return { selection, undoes: all.filter((each) => selection.selected(each, "")), ...(session === undefined ? {} : { session }) };
    }
    case "undo": {
      if ("call" in wanted) {
        const selection = selectCall(wanted.call);
        const undoes = all.filter((each) => selection.selected(each, ""));
        if (undoes.length === 0) throw new TidemarkError("CHECKPOINT_UNKNOWN", `No checkpoint here is of a call ${wanted.call}`);
        return { selection, undoes, ...(wanted.session === undefined ? {} : { session: wanted.session }) };
      }
      const session = wanted.turns[0]?.session;
      const undoes = wanted.turns.flatMap(({ checkpoints }) => checkpoints);
      return { selection: selectTurns(wanted.turns), undoes, ...(session === undefined ? {} : { session }) };
    }
  }
}

/** Of these paths, those that were changed from `first` on; with all that happened before, since that may cancel what came later. */
function since(first: number, entries: Map<TreePath, Entry[]>, paths: readonly TreePath[]): Map<TreePath, Entry[]> {
  const wanted = within(paths);
  return new Map([...entries].filter(([path, own]) => wanted(path) && own.at(-1)!.checkpoint.seq >= first));
}

/** Merges where that is what was decided; where it does not come out, what is there stays. */
function mergeAll(items: readonly PlanItem[], store: CheckpointStore): { ready: PlanItem[]; merged: Map<TreePath, Uint8Array> } {
  const merged = new Map<TreePath, Uint8Array>();
  const ready = items.map((item): PlanItem => {
    if (item.action !== "merge" || item.merge === undefined || !isVersion(item.expected)) return item;
    const [base, mine, theirs] = [item.merge.base, item.expected, item.merge.theirs].map(({ content }) => readContent(store, content));
    const result = mergeText(base!, mine!, theirs!);
    if (!result.ok) return { ...item, action: "keep", reason: `${item.reason}; merging it did not come out: ${result.reason}`, target: item.expected };
    merged.set(item.path, result.bytes);
    return { ...item, target: item.expected };
  });
  return { ready, merged };
}

/** A folder that was there before what is undone is the user's, though it is empty. */
function beganSince(root: string, path: TreePath, time: number): boolean {
  try {
    return statSync(onDisk(root, path)).birthtimeMs >= time && path !== "" && parentOf(path) !== path;
  } catch {
    // Gone already.
    return false;
  }
}
