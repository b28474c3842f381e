/**
 * Forgetting memories for good: their words leave the log. What else their passes did is recorded again in the place of
 * each (event/schema.ts: `in_place_of`), then the passes themselves are erased. Done in this order a crash leaves words
 * that a second try erases, and never a memory that was lost with its neighbours.
 */
import { sha256Hex } from "../base/hash.ts";
import type { EventOf } from "../event/schema.ts";
import type { MemoryState } from "../memory/fold.ts";
import type { Change, Memory } from "../memory/model.ts";
import type { Store } from "../store/store.ts";
import { memories, memoryEvents, recordPass } from "./memories.ts";
import { ownSession } from "./own-sessions.ts";
import { record } from "./record.ts";

/** Memories that were taken from nothing but these events, and those that hold these words. */
export function takenFrom(state: MemoryState, events: ReadonlySet<string>, words?: string): Memory[] {
  return [...state.memories.values()].filter(({ sources, ...memory }) => (sources.length > 0 && sources.every((source) => events.has(source))) || (words !== undefined && JSON.stringify(memory).includes(words)));
}

/** Ids of every memory of which any version ever held these words: what was edited since, or taken back, stands in the log as well. */
export async function everHeld(store: Store, words: string): Promise<string[]> {
  const found = new Set<string>();
  for (const { event, erased } of await memoryEvents(store)) {
    if (erased || event.type !== "memory.revised") continue;
    for (const change of event.payload.changes) if (holds(change, words)) found.add(change.id);
  }
  return [...found];
}

function holds(change: Change, words: string): boolean {
  return JSON.stringify(change).includes(words) || (change.now.statement ?? "").includes(words) || (change.was?.statement ?? "").includes(words);
}

/** Gives the ids of the events that were erased. */
export async function forgetMemories(store: Store, ids: readonly string[], now: number, reason?: string): Promise<string[]> {
  const unwanted = new Set(ids);
  const passes = (await memoryEvents(store)).flatMap(({ event, erased }) => (!erased && event.type === "memory.revised" && event.payload.changes.some(({ id }) => unwanted.has(id)) ? [event] : []));
  if (passes.length === 0) return [];
  await keepEnded(store, unwanted, now);
  await record(store, passes.map((pass) => without(pass, unwanted, now)));
  const erased = passes.map(({ id }) => id);
  const note = `memory:forgotten:${sha256Hex(`${now}\n${erased.join("\n")}`).slice(0, 16)}`;
  await record(store, [{ id: note, time: now, type: "forgotten", session: ownSession("memory", now), agent: "tidemark", payload: { events: erased, ...(reason === undefined ? {} : { reason }) } }]);
  await store.erase(erased);
  return erased;
}

/** What a forgotten value took the place of does not hold again for that. */
async function keepEnded(store: Store, unwanted: ReadonlySet<string>, now: number): Promise<void> {
  const state = await memories(store);
  const ended = [...state.memories.values()].filter(({ id, status, superseded_by, valid_to }) => status === "superseded" && superseded_by !== undefined && unwanted.has(superseded_by) && !unwanted.has(id) && valid_to !== undefined);
  await recordPass(store, ended.map(({ id, valid_to }) => ({ id, was: {}, now: { status: "superseded" as const, valid_to: valid_to! } })), { by: "user", what: "forget", now, state });
}

function without(pass: EventOf<"memory.revised">, unwanted: ReadonlySet<string>, now: number): EventOf<"memory.revised"> {
  const { changes, in_place_of = pass.id, ...rest } = pass.payload;
  const left = changes.filter(({ id }) => !unwanted.has(id));
  // By what was left, so that a second try after a crash records nothing twice.
  const id = `memory:${sha256Hex(JSON.stringify([in_place_of, left])).slice(0, 16)}`;
  return { ...pass, id, time: now, session: ownSession("memory", now), payload: { ...rest, in_place_of, changes: left } };
}
