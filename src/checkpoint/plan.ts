/**
 * What an undo, redo or restore would do at each path, and why. Pure: takes what happened to each path and which of it is
 * to be taken back, and returns a list that can be carried out in its order. The caller has sealed the present, so the
 * last entry of a path tells what stands there. Leaves out writing (worktree/) and merging of bytes (merge.ts).
 *
 * Taking back stops at the first change that is not selected: what a person or another session did later stays, and so
 * does everything below it, unless the caller asks to merge around it or to force it.
 */
import { chainOf, follows, isRestore, type Link } from "./chain.ts";
import { isVersion, sameState, type Checkpoint, type Entry, type PlanItem, type State, type TreePath, type Version } from "./model.ts";

/** Which checkpoints are to be taken back. */
export interface Selection {
  readonly selected: (checkpoint: Checkpoint, path: TreePath) => boolean;
  /** Why a selected one may not be what is meant; its paths are then refused. */
  readonly ambiguous?: (checkpoint: Checkpoint, path: TreePath) => string | undefined;
}

export interface PlanOptions {
  /** What to do about selected changes that lie below others: leave them, merge around what came later, or take that back too. */
  readonly mode: "keep" | "merge" | "force";
  /** Session for which it is done; only for the words. */
  readonly owner?: string;
  readonly ambiguous?: Selection["ambiguous"];
  /** What stands at present at paths that are not to be planned, where it is known and could be in the way. */
  readonly beside?: ReadonlyMap<TreePath, State>;
}

/** Names of files that Tidemark itself keeps in a tree, in any folder of it. What happens to them is no work of the agent's, so no plan holds them. */
export const OWN_FILES: readonly string[] = ["CLAUDE.session.md"];

/**
 * By path, all its entries in order. Deletions come first, the deepest before the others, so that a name is free before
 * it is needed for a folder; then what is written; then what is kept and refused. A path with nothing to do is left out.
 */
export function plan(paths: ReadonlyMap<TreePath, readonly Entry[]>, selected: Selection["selected"], options: PlanOptions): PlanItem[] {
  const items: PlanItem[] = [];
  const present = new Map(options.beside);
  for (const [path, entries] of paths) {
    const last = entries.at(-1);
    if (last === undefined) continue;
    present.set(path, last.after);
    if (OWN_FILES.includes(path.slice(path.lastIndexOf("/") + 1))) continue;
    const item = planPath(path, entries, selected, options);
    if (item !== undefined) items.push(item);
  }
  return refuseClashes(items, present).sort(inOrder);
}

/** One change on the way back in time. Without an entry: changes whose record is gone. */
interface Step {
  readonly entry?: Entry;
  readonly selected: boolean;
}

function planPath(path: TreePath, entries: readonly Entry[], selected: Selection["selected"], options: PlanOptions): PlanItem | undefined {
  const present = entries.at(-1)!.after;
  const steps = stepsBack(chainOf(entries), (checkpoint) => selected(checkpoint, path));
  const stop = steps.findIndex((step) => !step.selected);
  const [open, rest] = stop < 0 ? [steps, []] : [steps.slice(0, stop), steps.slice(stop)];
  const popped = open.flatMap(({ entry }) => entry ?? []);
  const covered = rest.flatMap(({ entry, selected: yes }) => (yes && entry !== undefined ? [entry] : []));
  const oldest = covered.at(-1) ?? popped.at(-1);
  if (oldest === undefined) return undefined;

  const reached = popped.at(-1)?.before ?? present;
  // What lies below is back already where the states meet: someone else undid it by hand.
  const stuck = covered.length > 0 && !sameState(oldest.before, reached);
  if (!stuck && sameState(reached, present)) return undefined;

  const here = (action: "keep" | "refuse", reason: string): PlanItem => ({ path, action, reason, expected: present, target: present });
  for (const entry of [...popped, ...covered]) {
    const doubt = options.ambiguous?.(entry.checkpoint, path);
    if (doubt !== undefined) return here("refuse", doubt);
  }

  const cover = stuck ? coverOf(rest, options.owner) : "";
  if (stuck && options.mode !== "force") {
    if (popped.length === 0 && options.mode === "merge") return mergeItem(path, present, rest, cover);
    if (popped.length === 0 || sameState(reached, present)) return here("keep", cover);
  }
  const target = stuck && options.mode === "force" ? oldest.before : reached;
  if (sameState(target, present)) return undefined;
  if (present === "unknown") return here("refuse", "what stands there now could not be kept (too big, unreadable or no plain file): replacing it would lose it");
  if (target === "unknown") return here("refuse", "what stood there before was never kept");

  const made = madeBy(popped.length > 0 ? popped : covered, target, present);
  const more = !stuck ? "" : options.mode === "force" ? `; by force, although ${cover}` : `; what lies further back stays, because ${cover}`;
  return { path, action: target === "absent" ? "delete" : "write", reason: made + more, expected: present, target };
}

/**
 * The way back from the present. A restore that cancelled is passed over where it is not selected and gone behind where
 * it is. What a merge or a forced undo that stays took back needs no taking back again.
 */
function stepsBack(top: Link | undefined, selected: (checkpoint: Checkpoint) => boolean): Step[] {
  const steps: Step[] = [];
  const undone = new Set<string>();
  let at = top;
  while (at !== undefined) {
    const { entry, from }: Link = at;
    const yes = selected(entry.checkpoint) && !undone.has(entry.checkpoint.id);
    if (from !== undefined && !yes) {
      at = at.below;
      continue;
    }
    steps.push({ entry, selected: yes });
    if (!yes && isRestore(entry.checkpoint)) for (const id of entry.checkpoint.actor.undoes) undone.add(id);
    at = from ?? at.below;
    if (at !== undefined && !follows(at.entry.after, entry.before)) steps.push({ selected: false });
  }
  return steps;
}

/** Merging composes for one stretch of selected changes with others only above and below it. */
function mergeItem(path: TreePath, present: State, rest: readonly Step[], cover: string): PlanItem {
  const keep = (why: string): PlanItem => ({ path, action: "keep", reason: `${cover}; ${why}`, expected: present, target: present });
  const from = rest.findIndex((step) => step.selected);
  const to = rest.findLastIndex((step) => step.selected);
  const run = rest.slice(from, to + 1);
  if (run.some((step) => !step.selected)) return keep("not merged, because that happened in between more than once");
  const base = run[0]?.entry?.after;
  const theirs = run.at(-1)?.entry?.before;
  if (!isFile(base) || !isFile(theirs) || !isFile(present)) return keep("not merged, because it was not a file throughout");
  const mode = present.mode === base.mode ? theirs.mode : present.mode;
  // One side left the bytes alone: nothing to merge, and no need for them to be text.
  const whole = base.content === theirs.content ? present : present.content === base.content ? theirs : undefined;
  if (whole === undefined) return { path, action: "merge", reason: `merged, because ${cover}`, expected: present, target: { ...present, mode }, merge: { base, theirs } };
  const target = { ...whole, mode };
  if (sameState(target, present)) return keep("nothing is left to take back");
  return { path, action: "write", reason: `merged, because ${cover}`, expected: present, target };
}

function isFile(state: State | undefined): state is Version {
  return state !== undefined && isVersion(state) && state.type === "file";
}

/**
 * A name cannot be a file and a folder. What is to be written in place of a folder in which something stays is refused,
 * and then what is to be written below a file that stays. A refusal puts nothing in anyone's way that was not there
 * already, so once round is enough.
 */
function refuseClashes(items: readonly PlanItem[], present: ReadonlyMap<TreePath, State>): PlanItem[] {
  const planned = new Map(items.map((item) => [item.path, item]));
  const standing = new Map(present);
  for (const { path, target } of items) standing.set(path, target);
  const refuse = ({ path, expected }: PlanItem, reason: string): void => {
    planned.set(path, { path, action: "refuse", reason, expected, target: expected });
    standing.set(path, expected);
  };
  const writes = (): PlanItem[] => [...planned.values()].filter(({ action }) => action === "write" || action === "merge");

  const inside = new Map<TreePath, TreePath>();
  for (const [path, state] of present) {
    if (isThere(state) && isThere(standing.get(path))) for (const folder of foldersOf(path)) inside.set(folder, path);
  }
  for (const item of writes()) {
    const child = inside.get(item.path);
    if (child !== undefined) refuse(item, `a folder stands there now, and ${child} in it stays`);
  }
  for (const item of writes()) {
    const above = foldersOf(item.path).find((folder) => isThere(standing.get(folder)));
    if (above !== undefined) refuse(item, `${above} stays or becomes a file, so there is no folder to put this in`);
  }
  return [...planned.values()];
}

function isThere(state: State | undefined): boolean {
  return state !== undefined && state !== "absent";
}

function foldersOf(path: TreePath): TreePath[] {
  const folders: TreePath[] = [];
  for (let end = path.indexOf("/"); end > 0; end = path.indexOf("/", end + 1)) folders.push(path.slice(0, end));
  return folders;
}

const PLACE = { delete: 0, write: 1, merge: 1, keep: 2, refuse: 3 } as const;

/** In which order a plan is carried out. */
export function inOrder(a: PlanItem, b: PlanItem): number {
  const depth = a.action === "delete" && b.action === "delete" ? foldersOf(b.path).length - foldersOf(a.path).length : 0;
  return PLACE[a.action] - PLACE[b.action] || depth || (a.path < b.path ? -1 : 1);
}

/** Who covers what was to be taken back, newest first: those above the newest covered change, or there is only the gap. */
function coverOf(rest: readonly Step[], owner: string | undefined): string {
  const above = rest.slice(0, rest.findIndex((step) => step.selected));
  const said = new Map<string, string>();
  for (const { entry } of above) {
    const who = entry === undefined ? "something" : subject(entry.checkpoint, owner);
    const where = entry === undefined ? "its record is gone" : `checkpoint ${entry.checkpoint.seq}, ${entry.checkpoint.id}`;
    if (!said.has(who)) said.set(who, `${who} changed it since (${where})`);
  }
  return [...said.values()].join(", ");
}

function subject(checkpoint: Checkpoint, owner: string | undefined): string {
  const { actor } = checkpoint;
  if (actor.by === "restore") return VERBS[actor.verb];
  if (actor.by === "agent") {
    const sessions = [...new Set([actor.session, ...(actor.others ?? []).map(({ session }) => session)])];
    return sessions.map((session) => (session === owner ? "this session" : `session ${session}`)).join(" or ");
  }
  const left = (actor.maybe ?? []).map(({ call }) => call);
  return left.length === 0 ? "you or another program" : `you, or what call ${left.join(" or ")} left running,`;
}

const VERBS = { undo: "an undo", redo: "a redo", restore: "a restore" } as const;

/** What is taken back, in words: entries newest first. */
function madeBy(entries: readonly Entry[], target: State, present: State): string {
  const tools = new Set<string>();
  for (const { checkpoint } of entries.toReversed()) {
    const { actor } = checkpoint;
    if (actor.by === "agent" && !checkpoint.compacted && actor.calls.length > 0) tools.add([...new Set(actor.calls.map(({ tool }) => tool))].join(" or "));
    else tools.add(actor.by === "agent" ? "the agent" : actor.by === "restore" ? VERBS[actor.verb] : "you or another program");
  }
  const what = target === "absent" ? "created" : present === "absent" ? "deleted" : onlyMode(target, present) ? "given other permissions" : "changed";
  return `${what} by ${[...tools].join(", ")}`;
}

function onlyMode(a: State, b: State): boolean {
  return isVersion(a) && isVersion(b) && a.type === b.type && a.content === b.content;
}

/** These checkpoints and no others: a restore, for `redo`. */
export function selectIds(ids: Iterable<string>): Selection {
  const wanted = new Set(ids);
  return { selected: ({ id }) => wanted.has(id) };
}

/** What one call did. A checkpoint that other calls may have made is refused, naming them. */
export function selectCall(call: string): Selection {
  return {
    selected: ({ actor }) => actor.by === "agent" && (actor.calls.some(({ id }) => id === call) || (actor.others ?? []).some((other) => other.call === call)),
    ambiguous: ({ actor, compacted }) => {
      if (actor.by !== "agent") return undefined;
      const others = [
        ...actor.calls.filter(({ id }) => id !== call).map(({ id, tool }) => `${tool} ${id}`),
        ...(actor.others ?? []).filter((other) => other.call !== call).map((other) => `${other.call} of session ${other.session}`),
      ];
      if (others.length > 0) return `${others.join(" and ")} ran at the same time and may have changed it`;
      return compacted === true ? "the calls of this turn were merged to save space: only the whole turn can be undone" : undefined;
    },
  };
}

/** What these turns did. A change that a call of a session which is not among theirs may have made is refused, naming it. */
export function selectTurns(turns: readonly { readonly session: string; readonly checkpoints: readonly Checkpoint[] }[]): Selection {
  const { selected } = selectIds(turns.flatMap(({ checkpoints }) => checkpoints.map(({ id }) => id)));
  const own = new Set(turns.map(({ session }) => session));
  return { selected, ambiguous: ({ actor }) => (actor.by === "agent" ? doubtBy((actor.others ?? []).filter(({ session }) => !own.has(session))) : undefined) };
}

/** All that a session did, and what it may have done that is set down for another. What another one may have done instead is refused. */
export function selectSession(session: string): Selection {
  const isOwn = (each: { readonly session: string }): boolean => each.session === session;
  return {
    selected: ({ actor }) => actor.by === "agent" && (isOwn(actor) || (actor.others ?? []).some(isOwn)),
    ambiguous: ({ actor }) => (actor.by === "agent" ? doubtBy([actor, ...(actor.others ?? [])].filter((each) => !isOwn(each))) : undefined),
  };
}

function doubtBy(others: readonly { readonly session: string }[]): string | undefined {
  const sessions = [...new Set(others.map(({ session }) => session))];
  return sessions.length === 0 ? undefined : `session ${sessions.join(" and session ")} worked at the same time and may have changed it`;
}

/**
 * What happened after a checkpoint: the agents' changes, and the restores that undid or redid such. With a session, only
 * its own; with `force`, everything. `checkpoints`: all of the tree, to tell whose work a restore took back.
 */
export function restoreTo(checkpoint: Checkpoint, checkpoints: readonly Checkpoint[], options: { readonly session?: string; readonly force?: boolean } = {}): Selection {
  const after = ({ seq }: Checkpoint): boolean => seq > checkpoint.seq;
  if (options.force === true) return { selected: after };
  const { session } = options;
  if (session === undefined) return { selected: (each) => after(each) && each.actor.by !== "outside" };
  const own = selectSession(session);
  const byId = new Map(checkpoints.map((each) => [each.id, each]));
  const known = new Map<string, boolean>();
  /** A restore counts as the session's where all it took back was; what of it is no longer recorded is taken for the session it was done for. */
  const isOwn = (each: Checkpoint): boolean => {
    if (!isRestore(each)) return each.actor.by === "agent" && each.actor.session === session;
    const before = known.get(each.id);
    if (before !== undefined) return before;
    const undid = each.actor.undoes.map((id) => byId.get(id));
    const yes = undid.every((one) => (one === undefined || one.seq >= each.seq ? each.actor.session === session : isOwn(one)));
    known.set(each.id, yes);
    return yes;
  };
  return {
    selected: (each, path) => after(each) && (isRestore(each) ? isOwn(each) : own.selected(each, path)),
    ambiguous: (each, path) => own.ambiguous?.(each, path),
  };
}
