/**
 * What the stores for checkpoints do alike, pure: names of contents, the id of a checkpoint, and what a run of
 * checkpoints becomes when it is merged. Left out: keeping any of it (sqlite/, in-process/).
 */
import { TidemarkError } from "../base/errors.ts";
import { sha256Hex } from "../base/hash.ts";
import { canonicalJson } from "../base/json.ts";
import type { Actor, CallRef, Change, Checkpoint, ContentId, Coverage, Kind, State, Version } from "../checkpoint/model.ts";
import type { NewCheckpoint, Stamp } from "./checkpoints.ts";

/** How long what nothing refers to is left alone, since another process may be about to seal it. Milliseconds. */
export const GRACE = 3_600_000;

export type Sealed = Change & { readonly stamp?: Stamp };

export function contentIdOf(hash: string): ContentId {
  return `sha256:${hash}`;
}

/** Hex of the SHA-256 by which the store's own bytes are named. */
export function ownHash(id: ContentId): string | undefined {
  return /^sha256:([0-9a-f]{64})$/.exec(id)?.[1];
}

/** Hex of a git blob that was not imported. */
export function gitHash(id: ContentId): string | undefined {
  return /^git:([0-9a-f]{40}|[0-9a-f]{64})$/.exec(id)?.[1];
}

export function versionOf(state: State): Version | undefined {
  return typeof state === "object" ? state : undefined;
}

/** The same rule as the one of checkpoint/model.ts, which holds more than a store may use. */
export function sameState(a: State, b: State): boolean {
  if (a === "unknown" || b === "unknown") return false;
  if (a === "absent" || b === "absent") return a === b;
  return a.type === b.type && a.content === b.content && a.mode === b.mode;
}

/** Whether it is worth a place in the history. */
export function isWorthSealing({ changes, kind, coverage }: NewCheckpoint): boolean {
  return changes.length > 0 || kind === "baseline" || kind === "manual" || coverage.partial !== undefined;
}

export function checkpointId(previous: string, { time, kind, actor, changes }: { time: number; kind: Kind; actor: Actor; changes: readonly Change[] }): string {
  const inOrder = changes.map(({ path, before, after }) => ({ path, before: plainState(before), after: plainState(after) })).sort(byPath);
  return sha256Hex(canonicalJson({ previous, time, kind, actor, changes: inOrder })).slice(0, 16);
}

export function byPath(a: { readonly path: string }, b: { readonly path: string }): number {
  return a.path < b.path ? -1 : a.path > b.path ? 1 : 0;
}

function plainState(state: State): State {
  if (typeof state !== "object") return state;
  const { type, mode, size, content } = state;
  return { type, mode, size, content };
}

export interface Member {
  readonly checkpoint: Checkpoint;
  readonly changes: readonly Sealed[];
}

/** What the last of a run says afterwards. */
export function mergeRun(run: readonly Member[]): { actor: Actor; coverage: Coverage; changes: Sealed[] } {
  const last = run.at(-1)!.checkpoint;
  for (const [i, { checkpoint }] of run.entries()) {
    if (checkpoint.tree !== last.tree || (i > 0 && run[i - 1]!.checkpoint.seq >= checkpoint.seq)) throw refused("a run of checkpoints to merge is not in order and of one tree");
    if (checkpoint.pinned && checkpoint !== last) throw refused(`checkpoint ${checkpoint.seq} is pinned and cannot be merged into another`);
  }
  return { actor: mergeActors(run.map(({ checkpoint }) => checkpoint.actor)), coverage: mergeCoverage(run.map(({ checkpoint }) => checkpoint.coverage)), changes: mergeChanges(run.flatMap(({ changes }) => changes)) };
}

export function refused(message: string): TidemarkError {
  return new TidemarkError("INTERNAL", message);
}

/** First before, last after; what came back to where it was is no change. */
function mergeChanges(all: readonly Sealed[]): Sealed[] {
  const merged = new Map<string, Sealed>();
  for (const change of all) merged.set(change.path, { ...change, before: merged.get(change.path)?.before ?? change.before });
  return [...merged.values()].filter(({ before, after }) => !sameState(before, after));
}

function mergeActors(actors: readonly Actor[]): Actor {
  const calls = new Map<string, CallRef>();
  const others = new Map<string, { readonly session: string; readonly call: string }>();
  const last = actors.at(-1)!;
  for (const actor of actors) {
    if (actor.by !== "agent" || last.by !== "agent" || actor.agent !== last.agent || actor.session !== last.session || actor.turn !== last.turn) throw refused("only checkpoints of one turn can be merged");
    for (const call of actor.calls) calls.set(call.id, { ...calls.get(call.id), ...call });
    for (const other of actor.others ?? []) others.set(JSON.stringify([other.session, other.call]), other);
  }
  return { ...(last as Actor & { by: "agent" }), calls: [...calls.values()], ...(others.size > 0 && { others: [...others.values()] }) };
}

/** A path that any of them could not keep; whether changes may be lacking is up to the last, which saw what the others missed. */
function mergeCoverage(all: readonly Coverage[]): Coverage {
  const skipped = new Map(all.flatMap((one) => one.skipped).map((each) => [each.path, each]));
  const more = Math.max(0, ...all.map((one) => one.more ?? 0));
  const partial = all.at(-1)?.partial;
  return { skipped: [...skipped.values()], ...(more > 0 && { more }), ...(partial !== undefined && { partial }) };
}
