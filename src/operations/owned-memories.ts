/**
 * Memories that a program keeps for its own users, agents and runs: added word for word, searched, changed and ended, each
 * step one pass in the log like any other (memories.ts). They are seen by whoever asks for their owner and by nobody else.
 */
import { TidemarkError } from "../base/errors.ts";
import { sha256Hex } from "../base/hash.ts";
import type { MemoryState } from "../memory/fold.ts";
import { type Change, type Fields, type Memory } from "../memory/model.ts";
import { parseQuery } from "../store/ranking.ts";
import type { Store } from "../store/store.ts";
import { idsFor, memories, recordPass } from "./memories.ts";
import { byWords } from "./recall-memories.ts";

/** At least one of them. */
export interface Owner {
  readonly user?: string;
  readonly agent?: string;
  readonly run?: string;
}

type Metadata = NonNullable<Fields["metadata"]>;

export interface Owned {
  readonly id: string;
  readonly text: string;
  readonly owner: Owner;
  readonly metadata: Metadata;
  /** Milliseconds since 1970. */
  readonly created: number;
  readonly updated: number;
}

/** In the order in which they were added. */
export async function ownedMemories(store: Store): Promise<Owned[]> {
  return ownedIn(await memories(store));
}

function ownedIn({ memories: all, passes }: MemoryState): Owned[] {
  const times = new Map(passes.map(({ id, recorded }) => [id, recorded]));
  return [...all.values()].filter(isOwned).map((memory) => shown(memory, times));
}

function isOwned({ scope, status }: Memory): boolean {
  return scope.level === "owner" && status === "active";
}

function shown({ id, statement, scope: { user, agent, run }, metadata = {}, valid_from, passed }: Memory, times: ReadonlyMap<string, number>): Owned {
  const owner = { ...(user === undefined ? {} : { user }), ...(agent === undefined ? {} : { agent }), ...(run === undefined ? {} : { run }) };
  return { id, text: statement, owner, metadata, created: valid_from, updated: times.get(passed.at(-1)!) ?? valid_from };
}

export interface Said {
  readonly text: string;
  readonly byUser: boolean;
}

/** One pass for all. `fresh` is false for what is there already, word for word, for the same owner. */
export async function addOwned(store: Store, said: readonly Said[], owner: Owner, metadata: Metadata | undefined, now: number): Promise<(Owned & { readonly fresh: boolean })[]> {
  const state = await memories(store);
  const scope = { level: "owner" as const, ...owner };
  const known = new Map([...state.memories.values()].filter((memory) => isOwned(memory) && sameOwner(memory.scope, owner)).map((memory) => [memory.statement, memory.id]));
  const newId = idsFor(JSON.stringify([now, state.last, owner, said]));
  const changes: Change[] = [];
  const ids = said.map(({ text, byUser }) => {
    const before = known.get(text);
    if (before !== undefined) return { id: before, fresh: false };
    const id = newId();
    known.set(text, id);
    // A key of its own for each, since nothing here takes another's place.
    changes.push({ id, now: { key: `owned:${sha256Hex(id).slice(0, 16)}`, kind: "semantic", statement: text, scope, status: "active", trust: byUser ? "user" : "inferred", confidence: 1, valid_from: now, sources: [], ...(metadata === undefined ? {} : { metadata }) } });
    return { id, fresh: true };
  });
  await recordPass(store, changes, { by: "user", what: "add", now, state });
  const all = new Map((await ownedMemories(store)).map((each) => [each.id, each]));
  return ids.flatMap(({ id, fresh }) => (all.has(id) ? [{ ...all.get(id)!, fresh }] : []));
}

function sameOwner(scope: Memory["scope"], owner: Owner): boolean {
  return scope.user === owner.user && scope.agent === owner.agent && scope.run === owner.run;
}

/** The best first, each with how near it comes to the best there could be, from 0 to 1. */
export function searchOwned(all: readonly Owned[], question: string, isWanted: (memory: Owned) => boolean, now: number): (Owned & { readonly score: number })[] {
  const query = parseQuery(question);
  if (query === undefined) return [];
  const wanted = new Map(all.filter(isWanted).map((each) => [each.id, each]));
  const found = byWords(query, [...wanted.values()].map(asMemory), now);
  const terms = new Set(query.terms.filter(({ weight }) => weight === 1).map(({ text }) => text));
  const most = found[0]?.words ?? 1;
  return found.map(({ memory, words }) => {
    const text = memory.statement.toLowerCase();
    const covered = terms.size === 0 ? 1 : [...terms].filter((term) => text.includes(term)).length / terms.size;
    return { ...wanted.get(memory.id)!, score: Math.round((words / most) * (0.5 + covered / 2) * 1000) / 1000 };
  });
}

function asMemory({ id, text, created }: Owned): Memory {
  return { id, key: "says:", kind: "semantic", statement: text, scope: { level: "owner" }, status: "active", trust: "user", accepted: false, confidence: 1, valid_from: created, recorded_at: created, sources: [], passes: 0, failures: 0, passed: [] };
}

/** Throws MEMORY_UNKNOWN. */
export async function changeOwned(store: Store, id: string, { text, metadata }: { readonly text?: string; readonly metadata?: Metadata }, now: number): Promise<void> {
  const state = await memories(store);
  const memory = state.memories.get(id);
  if (memory === undefined || !isOwned(memory)) throw unknown(id);
  const was: Fields = { ...(text === undefined ? {} : { statement: memory.statement }), ...(metadata === undefined ? {} : { metadata: memory.metadata ?? {} }) };
  const next: Fields = { ...(text === undefined ? {} : { statement: text }), ...(metadata === undefined ? {} : { metadata: { ...memory.metadata, ...metadata } }) };
  await recordPass(store, [{ id, was, now: next }], { by: "user", what: "update", now, state });
}

/** One pass for all of them. `id`: the one that must be among them; throws MEMORY_UNKNOWN where it is not. */
export async function endOwned(store: Store, isMeant: (memory: Owned) => boolean, now: number, id?: string): Promise<number> {
  const state = await memories(store);
  const going = ownedIn(state).filter(isMeant);
  if (id !== undefined && going.length === 0) throw unknown(id);
  const changes = going.map((each): Change => ({ id: each.id, was: { status: "active" }, now: { status: "ended", valid_to: Math.max(now, each.created) } }));
  await recordPass(store, changes, { by: "user", what: "delete", now, state });
  return changes.length;
}

function unknown(id: string): TidemarkError {
  return new TidemarkError("MEMORY_UNKNOWN", `Memory with ID ${id} not found`);
}

/** What it said before and after each pass that changed its words or ended it, the oldest first. Empty for one that is not known. */
export async function historyOfOwned(store: Store, id: string): Promise<{ readonly pass: string; readonly before?: string; readonly after?: string; readonly time: number }[]> {
  const { passes, memories: all } = await memories(store);
  if (all.get(id)?.scope.level !== "owner") return [];
  let text: string | undefined;
  return passes.filter(({ counts }) => counts).flatMap(({ id: pass, recorded: time, event }) => {
    const changes = event.type === "memory.revised" ? event.payload.changes.filter((change) => change.id === id) : [];
    return changes.flatMap(({ now }) => {
      const before = text;
      if (now.status === "ended") text = undefined;
      else if (now.statement !== undefined) text = now.statement;
      if (text === before) return [];
      return [{ pass, time, ...(before === undefined ? {} : { before }), ...(text === undefined ? {} : { after: text }) }];
    });
  });
}
