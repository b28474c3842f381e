/**
 * Erasing for good: the text of events leaves the log, the index, the objects and the WAL; their places in the chain
 * stay, so it still verifies, and a later import does not bring them back, because their ids are known.
 */
import { TidemarkError } from "../base/errors.ts";
import { sha256Hex } from "../base/hash.ts";
import type { EventType } from "../event/schema.ts";
import { searchable } from "../event/text.ts";
import { MEMORY_EVENTS } from "../memory/model.ts";
import type { Store, Stored } from "../store/store.ts";
import { everHeld, forgetMemories, takenFrom } from "./forget-memory.ts";
import { findMemory, memories } from "./memories.ts";
import { record } from "./record.ts";
import { sessionId, originsOf, refreshSummaries } from "./sessions.ts";

export interface ForgetTarget {
  readonly session?: string;
  readonly event?: string;
  /** One memory, by what `findMemory` takes. */
  readonly memory?: string;
  /** Every event whose text holds these words, letter for letter, in any session. */
  readonly matching?: string;
  readonly reason?: string;
}

export interface Forgotten {
  readonly events: number;
  readonly sessions: string[];
  /** How many memories went: those that held the words, and those taken from nothing but what was erased. */
  readonly memories: number;
  /** False while another process reads old pages of the store, in which the text may still stand. */
  readonly scrubbed: boolean;
}

/**
 * Events that the rest is hung on: where a session began, what is shared, what was spent. They hold names of folders and
 * branches. Passes over memories are taken apart instead (forget-memory.ts).
 */
const KEPT = new Set<EventType>(["session.started", "session.forked", "session.resumed", "forgotten", "usage", "cost", "thinking", "model.changed", ...MEMORY_EVENTS]);

/**
 * How many events hold these words where they stay: the folder and branch a session began in, what a fork shares. Other
 * events are hung on them, and without them nothing can be found again.
 */
export async function stays(store: Store, words: string): Promise<number> {
  return (await scanFor(store, words, true)).filter(({ event: { type } }) => type !== "memory.revised" && type !== "memory.reverted").length;
}

/** The memories that would go with these events. */
export async function findForgettableMemories(store: Store, target: ForgetTarget, events: readonly Stored[]): Promise<string[]> {
  const state = await memories(store);
  if (target.memory !== undefined) return [findMemory(state, target.memory).id];
  const taken = takenFrom(state, new Set(events.map(({ event }) => event.id)), target.matching).map(({ id }) => id);
  return target.matching === undefined ? taken : [...new Set([...taken, ...(await everHeld(store, target.matching))])];
}

/** What would be erased, memories aside. */
export async function findForgettable(store: Store, target: ForgetTarget): Promise<Stored[]> {
  if (target.session !== undefined) {
    const id = await sessionId(store, target.session);
    const found = (await store.read(id)).filter(({ event, erased }) => !erased && !KEPT.has(event.type));
    // What a fork shares with its parent is the parent's, whichever of the two was imported first.
    const origins = await originsOf(store, found.map(({ event }) => event));
    return found.filter((_, i) => origins[i] === id);
  }
  if (target.event !== undefined) {
    const found = (await store.get([target.event])).filter(({ erased }) => !erased);
    if (found.length === 0) throw new TidemarkError("SESSION_UNKNOWN", `No stored event has the id "${target.event}"`, { hint: "tidemark search --json prints event ids" });
    return found.filter(({ event }) => !KEPT.has(event.type));
  }
  if (target.memory !== undefined) return [];
  if (target.matching === undefined || target.matching.trim() === "") throw new TidemarkError("FORGET_NEEDS_TARGET", "Nothing to forget was named");
  return matching(store, target.matching);
}

export async function forget(store: Store, target: ForgetTarget, now: number): Promise<Forgotten> {
  const found = await findForgettable(store, target);
  const ids = found.map(({ event }) => event.id);
  const sessions = [...new Set(found.map(({ event }) => event.session))];
  const unwanted = await findForgettableMemories(store, target, found);
  if (ids.length === 0 && unwanted.length === 0) return { events: 0, sessions, memories: 0, scrubbed: true };
  const passes = await forgetMemories(store, unwanted, now, target.reason);
  // The note goes first: a crash after it leaves a note and a text, never an erasure that nobody noted.
  for (const session of sessions) {
    const own = found.filter(({ event }) => event.session === session).map(({ event }) => event.id);
    const id = `${session}:forgotten:${sha256Hex(`${now}:${own.join("\n")}`).slice(0, 24)}`;
    await record(store, [{ id, time: now, type: "forgotten", session, agent: "tidemark", payload: { events: own, ...(target.reason === undefined ? {} : { reason: target.reason }) } }]);
  }
  const events = await store.erase(ids);
  if (events + passes.length > 0) await refreshSummaries(store);
  return { events, sessions, memories: unwanted.length, scrubbed: await store.scrub() };
}

function matching(store: Store, words: string): Promise<Stored[]> {
  return scanFor(store, words, false);
}

async function scanFor(store: Store, words: string, kept: boolean): Promise<Stored[]> {
  const found: Stored[] = [];
  for (let after = 0; ; ) {
    const page = await store.scan(after, 500);
    const last = page.at(-1);
    if (last === undefined) return found;
    // The words may stand in a part of the payload that is not searched, such as the path of a touched file.
    found.push(...page.filter(({ event, erased }) => !erased && KEPT.has(event.type) === kept && (searchable(event).includes(words) || JSON.stringify(event.payload).includes(words))));
    after = last.position;
  }
}
