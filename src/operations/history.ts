/**
 * The checkpoints of a tree as a person speaks of them: turns of sessions, numbered as in `show`, and points in time given
 * by the beginning of an id, a turn, or "now". Leaves out what changed (diff.ts) and taking it back (undo.ts).
 */
import { TidemarkError } from "../base/errors.ts";
import { chainOf, stackOf } from "../checkpoint/chain.ts";
import type { Checkpoint, Entry, TreePath } from "../checkpoint/model.ts";
import type { Story } from "../session/fold.ts";
import type { CheckpointStore } from "../store/checkpoints.ts";
import type { Store } from "../store/store.ts";
import { story } from "./sessions.ts";

/** What one turn of one session did to a tree. */
export interface TreeTurn {
  readonly session: string;
  readonly agent: string;
  /** As in `show`; absent where the log does not know the session. */
  readonly n?: number;
  /** The agent's own id of the prompt, where its hooks told one. */
  readonly turn?: string;
  readonly prompt?: string;
  readonly model?: string;
  readonly tokens?: number;
  readonly checkpoints: readonly Checkpoint[];
  /** Taken back at present: nothing of it is in force. */
  readonly undone: boolean;
}

export interface History {
  readonly checkpoints: readonly Checkpoint[];
  /** Oldest first, by their last checkpoint. */
  readonly turns: readonly TreeTurn[];
  /** All that happened to each path, in order. */
  readonly entries: ReadonlyMap<TreePath, readonly Entry[]>;
}

export async function history(store: CheckpointStore, log: Store, tree: string): Promise<History> {
  const checkpoints = store.checkpoints(tree);
  const entries = entriesOf(store, tree, checkpoints);
  const inForce = standing(entries);
  const stories = new Map<string, Story>();
  const groups = new Map<string, { session: string; agent: string; turn: string | undefined; checkpoints: Checkpoint[] }>();
  for (const each of checkpoints) {
    if (each.actor.by !== "agent") continue;
    const { session, agent, turn } = each.actor;
    const key = JSON.stringify([session, turn]);
    const group = groups.get(key) ?? { session, agent, turn, checkpoints: [] };
    groups.set(key, group);
    group.checkpoints.push(each);
    if (!stories.has(session)) stories.set(session, await story(log, session));
  }
  const turns = [...groups.values()].map(({ session, agent, turn, checkpoints: own }): TreeTurn => {
    const told = turnIn(stories.get(session)!, own);
    return {
      session, agent, checkpoints: own,
      ...(turn === undefined ? {} : { turn }),
      ...(told === undefined ? {} : { n: told.n, prompt: told.prompt, ...usageOf(told) }),
      undone: !own.some(({ id }) => inForce.has(id)),
    };
  });
  return { checkpoints, entries, turns: turns.sort((a, b) => a.checkpoints.at(-1)!.seq - b.checkpoints.at(-1)!.seq) };
}

/** All that happened to each path, in order. */
export function entriesOf(store: CheckpointStore, tree: string, checkpoints: readonly Checkpoint[]): Map<TreePath, Entry[]> {
  const bySeq = new Map(checkpoints.map((each) => [each.seq, each]));
  const entries = new Map<TreePath, Entry[]>();
  for (const { seq, path, before, after } of store.changesAfter(tree, 0)) {
    const checkpoint = bySeq.get(seq);
    if (checkpoint === undefined) continue;
    const own = entries.get(path) ?? [];
    entries.set(path, own);
    own.push({ path, before, after, checkpoint });
  }
  return entries;
}

/** Checkpoints of which a change was not taken back, or was and is there again. */
export function standing(entries: ReadonlyMap<TreePath, readonly Entry[]>): Set<string> {
  const ids = new Set<string>();
  for (const own of entries.values()) for (const { checkpoint } of stackOf(chainOf(own))) ids.add(checkpoint.id);
  return ids;
}

/** As checkpoints have it: a call that only a hook has told yet has an id of its own in the log. */
export function callId(id: string): string {
  return id.replace(/:hook$/, "");
}

/** By the calls that made the checkpoints; else by when they were made. */
function turnIn({ turns }: Story, checkpoints: readonly Checkpoint[]): Story["turns"][number] | undefined {
  const calls = new Set(checkpoints.flatMap(({ actor }) => (actor.by === "agent" ? actor.calls.map(({ id }) => id) : [])));
  const byCall = turns.find((turn) => turn.calls.some(({ id }) => calls.has(callId(id))));
  return byCall ?? turns.findLast(({ started }) => started <= checkpoints[0]!.time);
}

function usageOf({ events }: Story["turns"][number]): { model?: string; tokens?: number } {
  let [model, tokens]: [string | undefined, number] = [undefined, 0];
  for (const event of events) {
    if (event.type !== "usage") continue;
    model = event.payload.model ?? model;
    tokens += (event.payload.input ?? 0) + (event.payload.output ?? 0) + (event.payload.cache_read ?? 0) + (event.payload.cache_write ?? 0);
  }
  return { ...(model === undefined ? {} : { model }), ...(tokens === 0 ? {} : { tokens }) };
}

/** The turns of one session, or of all. */
export function turnsOf({ turns }: History, session: string | undefined): readonly TreeTurn[] {
  if (session === undefined) return turns;
  const own = turns.filter((turn) => turn.session.startsWith(session));
  const ids = new Set(own.map((turn) => turn.session));
  if (ids.size > 1) throw new TidemarkError("SESSION_AMBIGUOUS", `"${session}" begins ${ids.size} sessions: ${[...ids].map((id) => id.slice(0, 8)).join(", ")}`);
  return own;
}

export function turnNumbered(all: History, n: number, session: string | undefined): TreeTurn {
  const own = turnsOf(all, session).filter((turn) => turn.n === n);
  if (own.length === 0) throw new TidemarkError("CHECKPOINT_UNKNOWN", `No agent has changed files here in a turn ${n}${session === undefined ? "" : ` of session ${session}`}`);
  // Of several sessions the latest is meant.
  return own.at(-1)!;
}

export function checkpointNamed({ checkpoints }: Omit<History, "entries">, name: string): Checkpoint {
  const found = /^[0-9a-f]{4,16}$/.test(name) ? checkpoints.filter(({ id }) => id.startsWith(name)) : [];
  if (found.length === 1) return found[0]!;
  throw new TidemarkError("CHECKPOINT_UNKNOWN", found.length === 0 ? `No checkpoint here has an id that begins with "${name}"` : `"${name}" begins the ids of ${found.length} checkpoints`);
}

/** A place in the order of checkpoints: everything up to and with `seq` has happened. */
export interface Point {
  readonly seq: number;
  readonly words: string;
}

export const NOW = Number.MAX_SAFE_INTEGER;

/** "now", the beginning of an id, or the number of a turn: its beginning where a difference starts, its end where it ends. */
export function pointNamed(all: History, name: string, end: boolean, session?: string): Point {
  if (name === "now") return { seq: NOW, words: "now" };
  const n = /^(?:turn:?)?(\d{1,3})$/.exec(name)?.[1];
  if (n !== undefined) {
    const turn = turnNumbered(all, Number(n), session);
    const own = turn.checkpoints;
    return { seq: end ? own.at(-1)!.seq : own[0]!.seq - 1, words: `${end ? "end" : "beginning"} of turn ${n}` };
  }
  const { seq, id } = checkpointNamed(all, name);
  return { seq, words: `checkpoint ${id.slice(0, 8)}` };
}
