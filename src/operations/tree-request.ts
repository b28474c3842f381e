/**
 * What agents ask about the files of a tree, as one request with one reply, both of plain values: a preview of an undo, its
 * carrying out, a checkpoint. So another process can do it: an engine has a keeper of its trees on another thread, and there
 * are never two in one process.
 *
 * An undo goes in two steps. The preview is kept under a handle; only what was shown is done, and asking for it again gives the
 * same answer, also after the process that did it has died in the middle.
 */
import { TidemarkError } from "../base/errors.ts";
import { sha256Hex } from "../base/hash.ts";
import type { Checkpoint, PlanItem, TreePath } from "../checkpoint/model.ts";
import type { Store } from "../store/store.ts";
import { Bytes, countPlan } from "./compare.ts";
import { changeHandle, keepHandle, readHandle, type Handles } from "./handles.ts";
import { history, type TreeTurn } from "./history.ts";
import { syncCheckpoints } from "./keeper.ts";
import { takeBack, type Telling, type Tree } from "./take-back.ts";
import { treePaths } from "./tree-paths.ts";
import { undo, type Conflict, type Mode, type Wanted } from "./undo.ts";
import { callNamed, lastingOfCall, lastingOfTurns, lastTurns, type Lasting } from "./undo-choice.ts";

export type TreeRequest =
  | { readonly kind: "preview"; readonly turns: number; readonly call?: string; readonly paths: readonly string[]; readonly mode: Mode; /** What the preview is to be kept under. */ readonly handle: string }
  | { readonly kind: "apply"; readonly handle: string }
  | { readonly kind: "checkpoint"; readonly note?: string };

export interface PlannedFile {
  readonly path: string;
  readonly action: PlanItem["action"];
  readonly reason: string;
  readonly added?: number;
  readonly removed?: number;
}

export interface UndoReply {
  /** Absent where there is nothing that could be taken back. */
  readonly title?: string;
  readonly files: readonly PlannedFile[];
  readonly lasting: readonly Lasting[];
  readonly moved?: { readonly from: string; readonly to: string };
}

export interface Applied extends UndoReply {
  readonly applied: boolean;
  /** The checkpoint of how things were before, and of what was written. */
  readonly sealed?: string;
  readonly restore?: string;
  readonly conflicts: readonly Conflict[];
  /** It was done by an earlier call with the same handle. */
  readonly before: boolean;
}

export interface Marked {
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly time: number;
  /** False where nothing had changed since an earlier one, which stands for the same. */
  readonly fresh: boolean;
  /** How many files are looked after, and those that are not, with the reason. */
  readonly files: number;
  readonly uncovered: readonly { readonly path: string; readonly reason: string }[];
}

export type TreeReply<R extends TreeRequest> = R["kind"] extends "preview" ? UndoReply : R["kind"] extends "apply" ? Applied : Marked;

export interface Asking {
  readonly principal: string;
  /** Where paths begin. */
  readonly cwd: string;
  /** Milliseconds since 1970, by the clock that handles are held against. */
  readonly now: number;
  /** Unlike any other: letters and digits. */
  readonly id: string;
  readonly telling: Telling;
}

/** How long a preview can be carried out, in milliseconds: the person who is asked may be at lunch. */
const PREVIEW = 60 * 60_000;
/** How long an answer can be asked for again. */
const ANSWERED = 24 * 60 * 60_000;

/** Bytes that counting lines may read. */
const COUNTED = 64 * 1024 * 1024;

/** Under a preview's handle. */
interface Prepared {
  readonly tree: string;
  readonly mode: Mode;
  readonly paths: readonly TreePath[];
  readonly call?: string;
  readonly session?: string;
  /** Checkpoints that are to be taken back. */
  readonly undoes: readonly string[];
  /** The newest one when it was shown; what was done since comes after it. */
  readonly seq: number;
  /** Of what was shown. */
  readonly plan: string;
  readonly reply: UndoReply;
  readonly answer?: Applied;
}

export async function treeRequest<R extends TreeRequest>(request: R, tree: Tree, log: Store, asking: Asking): Promise<TreeReply<R>> {
  const work = async (): Promise<UndoReply | Applied | Marked> => {
    switch (request.kind) {
      case "preview":
        return preview(request, tree, log, asking);
      case "apply":
        return apply(request.handle, tree, log, asking);
      case "checkpoint":
        return mark(request.note, tree);
    }
  };
  return (await work()) as TreeReply<R>;
}

async function preview({ turns: n, call, paths: given, mode, handle }: Extract<TreeRequest, { kind: "preview" }>, tree: Tree, log: Store, { principal, cwd, now, id }: Asking): Promise<UndoReply> {
  const paths = treePaths(given, tree.root, cwd);
  // What was done since the last look belongs to it as well.
  if (tree.store.newest(tree.root) > 0) tree.keeper.look("forced");
  const all = await history(tree.store, log, tree.root);
  const named = call === undefined ? undefined : callNamed(all, call);
  const turns = named === undefined ? lastTurns(all, n, undefined) : all.turns.filter(({ checkpoints }) => checkpoints.some((each) => isOf(each, named)));
  if (turns.length === 0) return { files: [], lasting: [] };
  const whose = turns.every((turn) => turn.session === turns[0]!.session) ? { session: turns[0]!.session } : {};
  const { plan, undoes } = undo(wantedOf(named, turns), { mode, dryRun: true, paths, id }, tree);
  const lasting = named === undefined ? await lastingOfTurns(log, turns) : await lastingOfCall(log, turns[0]!.session, named);
  const reply = { title: titleOf(turns, named), files: filesOf(plan, tree), lasting };
  const prepared: Prepared = { tree: tree.root, mode, paths, ...(named === undefined ? {} : { call: named }), ...whose, undoes, seq: tree.store.newest(tree.root), plan: fingerprint(plan), reply };
  keepHandle({ home: tree.home, principal }, handle, prepared, { now, until: now + PREVIEW });
  return reply;
}

async function apply(handle: string, tree: Tree, log: Store, { principal, now, id, telling }: Asking): Promise<Applied> {
  const handles: Handles = { home: tree.home, principal };
  const prepared = readHandle<Prepared>(handles, handle, now);
  if (prepared?.plan === undefined || prepared.tree !== tree.root) throw unknownHandle();
  if (prepared.answer !== undefined) return { ...prepared.answer, before: true };
  const keep = (answer: Applied): Applied => {
    changeHandle(handles, handle, { ...prepared, answer } satisfies Prepared, now + ANSWERED);
    return answer;
  };
  // Its process died before it could say so.
  const done = doneBy(prepared, tree);
  if (done !== undefined) return { ...keep({ ...prepared.reply, applied: true, restore: done.id, conflicts: [], before: false }), before: true };
  const all = await history(tree.store, log, tree.root);
  const undoes = new Set(prepared.undoes);
  const turns = all.turns.filter(({ checkpoints }) => checkpoints.some((each) => undoes.has(each.id) && (prepared.call === undefined || isOf(each, prepared.call))));
  const wanted = wantedOf(prepared.call, turns);
  const options = { mode: prepared.mode, dryRun: false, paths: prepared.paths, id };
  // Under one lock, so that what is done is what was shown: `takeBack` writes before it first waits.
  const taken = await tree.keeper.exclusively(() => {
    const { plan } = undo(wanted, { ...options, dryRun: true }, tree);
    if (fingerprint(plan) !== prepared.plan) {
      const meanwhile = doneBy(prepared, tree);
      if (meanwhile !== undefined) return meanwhile;
      throw new TidemarkError("HANDLE_OUTDATED", "Files have changed since this undo was shown, and it would do something else now; nothing was written", { hint: "Call undo again without a token for a new preview." });
    }
    return takeBack(wanted, options, { verb: "undo", turns, back: true, ...(prepared.session === undefined ? {} : { session: prepared.session }) }, tree, log, telling);
  });
  if ("seq" in taken) return { ...keep({ ...prepared.reply, applied: true, restore: taken.id, conflicts: [], before: false }), before: true };
  const { plan, applied, sealed, restore, conflicts, moved } = taken;
  return keep({
    ...prepared.reply, files: filesOf(plan, tree), applied, conflicts, before: false,
    ...(sealed === undefined ? {} : { sealed }), ...(restore === undefined ? {} : { restore: restore.id }), ...(moved === undefined ? {} : { moved }),
  });
}

/** One that is forged, another's, or over: who asks is not told which. */
export function unknownHandle(): TidemarkError {
  return new TidemarkError("HANDLE_UNKNOWN", "There is no such token here, or its time is over");
}

/** What this handle was for, where it has been done. */
function doneBy({ seq, undoes }: Prepared, { store, root }: Tree): Checkpoint | undefined {
  const wanted = new Set(undoes);
  return store.checkpoints(root).find((each) => each.seq > seq && each.actor.by === "restore" && each.actor.verb === "undo" && each.actor.undoes.length === wanted.size && each.actor.undoes.every((one) => wanted.has(one)));
}

function wantedOf(call: string | undefined, turns: readonly TreeTurn[]): Wanted {
  return call === undefined ? { verb: "undo", turns } : { verb: "undo", call, ...(turns[0] === undefined ? {} : { session: turns[0].session }) };
}

function isOf({ actor }: Checkpoint, call: string): boolean {
  return actor.by === "agent" && actor.calls.some(({ id }) => id === call);
}

/** What would be done, and to what: with force a file that was changed since would still be written over. */
function fingerprint(plan: readonly PlanItem[]): string {
  return sha256Hex(JSON.stringify(plan.map(({ path, action, expected }) => [path, action, expected])));
}

function filesOf(plan: readonly PlanItem[], tree: Tree): PlannedFile[] {
  const counts = countPlan(plan, new Bytes(tree, COUNTED));
  return plan.map(({ path, action, reason }) => {
    const { added, removed } = counts.get(path) ?? {};
    return { path: path.toWellFormed(), action, reason, ...(added === undefined ? {} : { added }), ...(removed === undefined ? {} : { removed }) };
  });
}

function titleOf(turns: readonly TreeTurn[], call: string | undefined): string {
  const of = ({ n, session, agent, prompt }: TreeTurn): string => `${n === undefined ? "a turn" : `turn ${n}`} of ${agent} ${session.slice(0, 8)}${prompt === undefined || prompt.trim() === "" ? "" : `: ${prompt}`}`;
  const first = turns[0]!;
  if (call !== undefined) return `call ${call} in ${of(first)}`;
  return turns.length === 1 ? of(first) : `${turns.length} turns, back to before ${of(first)}`;
}

function mark(note: string | undefined, { keeper, store, root }: Tree): Marked {
  const newest = store.checkpoints(root).at(-1);
  const changed = keeper.look("prompt").length > 0;
  // One that stands for the same, and says the same, is as good as another.
  const known = !changed && newest !== undefined && (note === undefined || newest.note === note) ? newest : undefined;
  const { id, time } = known ?? keeper.mark(note === undefined ? {} : { note });
  if (known === undefined) keeper.save();
  syncCheckpoints(store);
  return { id, time, fresh: known === undefined, files: keeper.files, uncovered: keeper.uncovered() };
}

/** What a preview showed, of which tree, and whether it has been carried out. Refused for a handle that is unknown, another's, or over. */
export function readPreview(handles: Handles, handle: string, now: number): { readonly reply: UndoReply; readonly tree: string; readonly done: boolean } {
  const prepared = readHandle<Prepared>(handles, handle, now);
  if (prepared?.plan === undefined) throw unknownHandle();
  return { reply: prepared.reply, tree: prepared.tree, done: prepared.answer !== undefined };
}
