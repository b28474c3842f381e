/**
 * Carries out what undo-transcript.ts has planned for a session of which there are no checkpoints here. The tree gets its
 * first checkpoint, the present, before anything is written; from then on it is an undo like any other.
 */
import { lstatSync, readFileSync } from "node:fs";
import { isVersion, type ContentId, type TreePath } from "../checkpoint/model.ts";
import { onDisk } from "../worktree/names.ts";
import { Bytes, type Source } from "./compare.ts";
import { carryOut, type UndoDeps, type Undone } from "./undo.ts";
import type { TranscriptUndo } from "./undo-transcript.ts";

export function undoFromTranscript(planned: TranscriptUndo, { dryRun, id }: { readonly dryRun: boolean; readonly id: string }, deps: UndoDeps): Undone {
  const { keeper, store } = deps;
  const doing = planned.plan.filter(({ action }) => action === "write" || action === "delete" || action === "merge");
  if (dryRun || doing.length === 0) return { plan: planned.plan, sealed: undefined, applied: false, conflicts: [], undoes: [] };
  return keeper.exclusively(() => {
    keeper.recover();
    keeper.look("forced");
    // Bytes that only the user's repository has are taken, too, before they are written over.
    for (const { path } of doing) keeper.lookAt(path, "forced", { own: true });
    const sealed = store.checkpoints(keeper.root).at(-1);
    const contents = new Map<TreePath, Uint8Array>();
    for (const { path, target } of doing) {
      const bytes = isVersion(target) ? planned.contents.get(target.content) : undefined;
      if (bytes !== undefined) contents.set(path, bytes);
    }
    // No folder is known to have begun with the session, so none is taken away.
    const done = carryOut(planned.plan, doing, contents, { by: "restore", verb: "undo", undoes: [], session: planned.session }, Infinity, id, deps);
    return { ...done, sealed: sealed?.id, undoes: [] };
  });
}

/** For counting lines: a preview puts nothing into the store, neither the present nor what would take its place. */
export function bytesFor({ plan, contents }: TranscriptUndo, source: Source): Bytes {
  const more = new Map<ContentId, Uint8Array>(contents);
  for (const { path, expected } of plan) {
    const place = onDisk(source.root, path);
    // Another version than the one that was planned for is counted as what it was planned for, or not at all.
    if (isVersion(expected) && expected.type === "file" && lstatSync(place, { throwIfNoEntry: false })?.size === expected.size) more.set(expected.content, readFileSync(place));
  }
  return new Bytes(source, Infinity, more);
}
