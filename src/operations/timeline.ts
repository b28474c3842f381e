/**
 * What happened to a tree, as a person reads it: turn by turn, newest first, with what changed in between from outside,
 * what was taken back, and what a person marked. Each with its files and how many lines changed.
 *
 * Lines are counted as far as a budget of bytes goes, the newest first; past it a file is named without numbers.
 */
import { chainOf, isRestore, stackOf, undoneBy } from "../checkpoint/chain.ts";
import type { Change, Checkpoint, Entry, TreePath } from "../checkpoint/model.ts";
import type { CheckpointStore } from "../store/checkpoints.ts";
import type { Store } from "../store/store.ts";
import { Bytes, type FileCount, type Source } from "./compare.ts";
import { history, turnsOf, type History, type TreeTurn } from "./history.ts";
import { turnsUndoneBy } from "./undo-choice.ts";

/** One checkpoint with what changed in it. */
export interface Shown {
  readonly checkpoint: Checkpoint;
  readonly turn?: TreeTurn;
  readonly files: readonly FileCount[];
  readonly undone: Undone;
}

/** Whether what was changed is still in force: all of it, a part, or nothing. */
export type Undone = "no" | "partly" | "yes";

/** What belongs together: a turn, or neighbours of one kind. */
export interface Group {
  readonly what: "turn" | "outside" | "restore" | "manual" | "baseline";
  /** In order of time. */
  readonly checkpoints: readonly Shown[];
  readonly turn?: TreeTurn;
  /** Changes from outside between the first and the last of a turn. */
  readonly during?: TreeTurn;
  /** What a restore took back. */
  readonly undid?: readonly TreeTurn[];
  /** First before to last after. */
  readonly files: readonly FileCount[];
  readonly undone: Undone;
}

export interface Timeline {
  /** Newest first. */
  readonly groups: readonly Group[];
  /** Older ones that are not listed. */
  readonly left: number;
  readonly checkpoints: number;
  readonly turns: number;
}

export interface TimelineOptions {
  readonly session?: string;
  /** How many groups. */
  readonly limit: number;
}

/** Bytes that counting lines may read. */
const BUDGET = 128 * 1024 * 1024;

export async function timeline(source: Source, log: Store, { session, limit }: TimelineOptions): Promise<Timeline> {
  const { store, root } = source;
  const all = await history(store, log, root);
  const [standing, undone] = [standingChanges(all.entries), undoneBy(all.checkpoints)];
  const drafts = draftsOf(all, session);
  const bytes = new Bytes(source, BUDGET);
  const groups = drafts.slice(0, limit).map((draft) => finish(draft, all, store, bytes, standing, undone));
  return { groups, left: drafts.length - groups.length, checkpoints: all.checkpoints.length, turns: turnsOf(all, session).length };
}

interface Draft {
  readonly what: Group["what"];
  readonly turn?: TreeTurn;
  readonly checkpoints: Checkpoint[];
}

/** Newest first; a turn stands where it ended. */
function draftsOf(all: History, session: string | undefined): Draft[] {
  const own = turnsOf(all, session);
  const ids = new Set(own.map((turn) => turn.session));
  const drafts: Draft[] = own.map((turn) => ({ what: "turn", turn, checkpoints: [...turn.checkpoints] }));
  const ends = drafts.map(({ checkpoints }) => checkpoints.at(-1)!.seq);
  let last: Draft | undefined;
  for (const each of all.checkpoints) {
    const what = whatOf(each);
    if (what === "turn") continue;
    // Of one session only its own work is told, and what was taken back of it.
    if (session !== undefined && (each.actor.by !== "restore" || each.actor.session === undefined || !ids.has(each.actor.session))) continue;
    const before = last?.checkpoints.at(-1)?.seq ?? 0;
    const joins = what === "outside" && last?.what === "outside" && !ends.some((end) => end > before && end < each.seq);
    if (joins) last!.checkpoints.push(each);
    else drafts.push((last = { what, checkpoints: [each] }));
  }
  return drafts.sort((a, b) => b.checkpoints.at(-1)!.seq - a.checkpoints.at(-1)!.seq);
}

function whatOf({ actor, kind }: Checkpoint): Group["what"] {
  if (actor.by === "agent") return "turn";
  if (actor.by === "restore") return "restore";
  return kind === "baseline" ? "baseline" : kind === "manual" ? "manual" : "outside";
}

function finish({ what, turn, checkpoints }: Draft, all: History, store: CheckpointStore, bytes: Bytes, standing: ReadonlySet<string>, undone: ReadonlyMap<string, unknown>): Group {
  const net = new Map<TreePath, Change>();
  let [stands, gone] = [0, 0];
  const shown = checkpoints.map((checkpoint): Shown => {
    const changes = store.changes(checkpoint.seq);
    const left = changes.filter(({ path }) => standing.has(changeKey(checkpoint, path))).length;
    stands += left;
    gone += changes.length - left;
    for (const { path, before, after } of changes) net.set(path, { path, before: net.get(path)?.before ?? before, after });
    return { checkpoint, ...(turn === undefined ? {} : { turn }), files: changes.map((change) => bytes.count(change)), undone: undoneOf(left, changes.length - left) };
  });
  const files = [...net.values()].filter((change) => !bytes.isSame(change)).sort((a, b) => (a.path < b.path ? -1 : 1)).map((change) => bytes.count(change));
  const [first, last] = [checkpoints[0]!, checkpoints.at(-1)!];
  const during = what !== "outside" ? undefined : all.turns.find((each) => each.checkpoints[0]!.seq < first.seq && each.checkpoints.at(-1)!.seq > last.seq);
  return {
    what, checkpoints: shown, files,
    ...(turn === undefined ? {} : { turn }), ...(during === undefined ? {} : { during }),
    ...(isRestore(first) ? { undid: turnsUndoneBy(all, first) } : {}),
    // A restore that was itself taken back changes nothing any more, as a turn does.
    undone: what === "restore" ? (undone.has(first.id) ? "yes" : "no") : undoneOf(stands, gone),
  };
}

function undoneOf(stands: number, gone: number): Undone {
  return gone === 0 ? "no" : stands === 0 ? "yes" : "partly";
}

function changeKey({ seq }: Checkpoint, path: TreePath): string {
  return `${seq} ${path}`;
}

/** Changes that were not taken back, or were and are there again. */
function standingChanges(entries: ReadonlyMap<TreePath, readonly Entry[]>): Set<string> {
  const keys = new Set<string>();
  for (const [path, own] of entries) for (const { checkpoint } of stackOf(chainOf(own))) keys.add(changeKey(checkpoint, path));
  return keys;
}
