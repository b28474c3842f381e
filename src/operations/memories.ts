/**
 * What a person does with memories: remember, review, supersede, take back. Each is one pass in the log. Nothing is kept
 * but the log: reading and folding 1,000 memories takes some 30 ms, 50,000 some 1.2 s (bench/memories.ts). A table would
 * have to be kept right through reverts and erasures. Left out: forgetting for good (forget-memory.ts), Markdown (memory-file.ts), extraction (memory-extract.ts).
 */
import { TidemarkError } from "../base/errors.ts";
import { sha256Hex } from "../base/hash.ts";
import { consolidate, type Candidate, type Consolidated } from "../memory/consolidate.ts";
import { foldMemories, type MemoryState, type Pass } from "../memory/fold.ts";
import { MEMORY_EVENTS, slotOf, type Change, type Fields, type Memory, type MemoryEvent, type Scope } from "../memory/model.ts";
import { defaultKey, keyOf, statementOf } from "../memory/statement.ts";
import type { Store } from "../store/store.ts";
import { ownSession } from "./own-sessions.ts";
import { record } from "./record.ts";

/** Memories as they stand, or as they stood when the log knew what it knew at `known`, in milliseconds since 1970. */
export async function memories(store: Store, known?: number): Promise<MemoryState> {
  return foldMemories(await memoryEvents(store), known);
}

export async function memoryEvents(store: Store): Promise<{ event: MemoryEvent; erased: boolean }[]> {
  return (await store.ofTypes(MEMORY_EVENTS)) as unknown as { event: MemoryEvent; erased: boolean }[];
}

export interface Passed {
  /** The pass, by which it can be taken back; undefined where there was nothing to change. */
  readonly pass: string | undefined;
  readonly changes: readonly Change[];
  /** Secrets taken out, by family. */
  readonly redacted: Readonly<Record<string, number>>;
}

/** Folding again what was read and what was just written costs half of reading it all again. */
async function refolded(store: Store, read: readonly { event: MemoryEvent; erased: boolean }[], { pass }: Passed): Promise<MemoryState> {
  if (pass === undefined) return foldMemories(read);
  return foldMemories([...read, ...((await store.get([pass])) as unknown as { event: MemoryEvent; erased: boolean }[])]);
}

interface Writing {
  readonly by: "user" | "extraction";
  readonly what: string;
  readonly now: number;
  /** What it was decided on. */
  readonly state: MemoryState;
}

export async function recordPass(store: Store, changes: readonly Change[], { by, what, now, state }: Writing): Promise<Passed> {
  if (changes.length === 0) return { pass: undefined, changes, redacted: {} };
  const id = `memory:${sha256Hex(JSON.stringify([now, state.last ?? "", by, what, changes])).slice(0, 16)}`;
  const after = state.last === undefined ? {} : { after: state.last };
  const { redacted } = await record(store, [{ id, time: now, type: "memory.revised", session: ownSession("memory", now), agent: "tidemark", payload: { by, what, ...after, changes: [...changes] } }]);
  return { pass: id, changes, redacted };
}

/** Ids for what a pass adds: the same for the same pass, so that writing it twice is harmless. */
export function idsFor(seed: string): () => string {
  let count = 0;
  return () => `m${sha256Hex(`${seed}\n${(count += 1)}`).slice(0, 10)}`;
}

export interface Given {
  readonly statement: string;
  readonly key?: string;
  readonly kind: Memory["kind"];
  readonly scope: Scope;
  readonly valid_from?: number;
  readonly sources?: readonly string[];
  /** Said by the user, if nothing else. */
  readonly trust?: Memory["trust"];
  /** Of what an agent says: it was told to keep it. */
  readonly asked?: boolean;
  readonly about?: Fields["about"];
}

export interface Remembered extends Passed {
  readonly memory: Memory;
  /** added, merged into one that says the same, or there already word for word. */
  readonly outcome: "added" | "merged" | "known";
  /** The one whose place it took. */
  readonly superseded?: Memory;
  /** Those that say the opposite; they are kept. */
  readonly opposite: readonly Memory[];
  /** Characters were taken out that a terminal would obey. */
  readonly cleaned: boolean;
}

export async function remember(store: Store, given: Given, now: number): Promise<Remembered> {
  const { statement, cleaned } = statementOf(given.statement);
  const read = await memoryEvents(store);
  const state = foldMemories(read);
  const key = given.key === undefined ? defaultKey(statement) : keyOf(given.key);
  const { kind, scope, trust = "user", valid_from = now, about, sources = [], asked = false } = given;
  const candidate: Candidate = { key, kind, statement, scope, trust, confidence: trust === "user" ? 1 : 0.5, valid_from, sources: [...sources], ...(about === undefined ? {} : { about }), ...(asked && trust === "inferred" ? { asked } : {}) };
  const decided = consolidate([candidate], state, idsFor(JSON.stringify([now, state.last, candidate])), trust === "user");
  const passed = await recordPass(store, decided.changes, { by: trust === "user" ? "user" : "extraction", what: "remember", now, state });
  return { ...passed, ...told(decided, state, await refolded(store, read, passed)), cleaned };
}

function told({ ids, changes, opposite }: Consolidated, before: MemoryState, after: MemoryState): Pick<Remembered, "memory" | "outcome" | "superseded" | "opposite"> {
  const memory = after.memories.get(ids[0] ?? "");
  if (memory === undefined) throw new TidemarkError("MEMORY_REFUSED", "This was refused or taken back before, and only you can say it again", { hint: "tidemark remember TEXT" });
  const superseded = [...after.memories.values()].find(({ superseded_by, id, status }) => superseded_by === memory.id && status === "superseded" && before.memories.get(id)?.status === "active");
  return {
    memory, outcome: changes.length === 0 ? "known" : before.memories.has(memory.id) ? "merged" : "added",
    ...(superseded === undefined ? {} : { superseded }),
    opposite: opposite.flatMap(([, known]) => after.memories.get(known) ?? []),
  };
}

/** By id, the beginning of one, or a key. Of several with one key the one that holds. */
export function findMemory(state: MemoryState, wanted: string): Memory {
  const exact = state.memories.get(wanted);
  if (exact !== undefined) return exact;
  const all = [...state.memories.values()];
  const keyed = all.filter(({ key }) => key === wanted);
  const live = keyed.filter(({ status }) => status === "active" || status === "inbox");
  const found = live.length > 0 ? live : keyed.length > 0 ? keyed.slice(-1) : wanted.length < 3 ? [] : all.filter(({ id }) => id.startsWith(wanted));
  if (found.length === 1) return found[0]!;
  if (found.length === 0) throw new TidemarkError("MEMORY_UNKNOWN", `No memory has the id or key "${wanted}"`);
  throw new TidemarkError("MEMORY_AMBIGUOUS", `"${wanted}" is ${found.length} memories:\n${found.slice(0, 5).map(({ id, statement }) => `  ${id}  ${statement.slice(0, 80)}`).join("\n")}`);
}

export type Review = { readonly how: "accept" | "reject" | "end" } | { readonly how: "edit"; readonly statement: string; readonly about?: Fields["about"] };

/** Lets memories out of the inbox, refuses them, ends them, or puts one into the user's words, which accepts it. */
export async function review(store: Store, wanted: readonly string[], verdict: Review, now: number): Promise<Passed & { readonly memories: readonly Memory[] }> {
  const state = await memories(store);
  const found = wanted.map((each) => findMemory(state, each));
  const changes = found.flatMap((memory) => (memory.replaces !== undefined && verdict.how === "accept" ? replacing(memory, memory.replaces, state, now) : changeOf(memory, verdict, now)) ?? []);
  const passed = await recordPass(store, changes, { by: "user", what: verdict.how, now, state });
  const { memories: after } = await memories(store);
  return { ...passed, memories: found.map(({ id }) => after.get(id)!) };
}

/** What was proposed is done; the proposal itself is over. */
function replacing({ id, status, valid_from }: Memory, { old, by }: NonNullable<Memory["replaces"]>, { memories: all }: MemoryState, now: number): Change[] | undefined {
  if (status === "ended") return undefined;
  const [before, next] = [all.get(old), all.get(by)];
  const isLive = (memory: Memory | undefined): boolean => memory?.status === "active" || memory?.status === "inbox";
  if (before === undefined || !isLive(before) || next?.status !== "active") throw new TidemarkError("MEMORY_REFUSED", `${id} is about ${old} and ${by}, and one of them no longer holds`, { hint: `tidemark memory reject ${id}` });
  return [
    { id, was: { status: stored(status) }, now: { status: "ended", valid_to: valid_from } },
    { id: old, was: { status: stored(before.status) }, now: { status: "superseded", superseded_by: by, valid_to: Math.max(before.valid_from, now) } },
  ];
}

function changeOf(memory: Memory, verdict: Review, now: number): Change | undefined {
  const { id, status, statement, trust } = memory;
  if (verdict.how === "edit" && memory.replaces !== undefined) throw new TidemarkError("MEMORY_REFUSED", `${id} is no statement: it is accepted or rejected`, { hint: `tidemark memory supersede ${memory.replaces.old} "NEW TEXT"` });
  if (verdict.how === "edit") {
    if (status !== "inbox") throw new TidemarkError("MEMORY_REFUSED", `${id} is ${status}: only what waits in the inbox is edited in place`, { hint: `tidemark memory supersede ${id} "NEW TEXT"` });
    return { id, was: { status, statement, trust }, now: { status: "active", statement: statementOf(verdict.statement).statement, trust: "user", about: verdict.about ?? {} } };
  }
  if (verdict.how === "accept") return status === "active" ? undefined : { id, was: { status: stored(status) }, now: { status: "active" } };
  if (verdict.how === "reject") return status === "rejected" ? undefined : { id, was: { status: stored(status) }, now: { status: "rejected" } };
  return status === "active" ? { id, was: { status }, now: { status: "ended", valid_to: Math.max(now, memory.valid_from) } } : undefined;
}

/** "merged" is worked out by the fold and never stored. */
export function stored(status: Memory["status"]): NonNullable<Fields["status"]> {
  return status === "merged" ? "active" : status;
}

/** Puts one memory in the place of another, whatever their keys: one that is there, or a new statement with the old key. `about`: what a new one names. */
export async function supersede(store: Store, old: string, by: string, now: number, about?: (scope: Scope) => Fields["about"]): Promise<Passed & { readonly old: Memory; readonly memory: Memory }> {
  const state = await memories(store);
  const before = findMemory(state, old);
  const known = /^m[0-9a-f]{4,10}$/.test(by) ? findMemory(state, by) : undefined;
  if (known?.id === before.id) throw new TidemarkError("MEMORY_REFUSED", "A memory cannot take its own place");
  const changes: Change[] = [];
  let next = known?.id;
  if (next === undefined) {
    next = idsFor(JSON.stringify([now, state.last, by]))();
    const { key, kind, scope } = before;
    const named = about?.(scope);
    changes.push({ id: next, now: { key, kind, scope, statement: statementOf(by).statement, trust: "user", status: "active", confidence: 1, valid_from: now, sources: [], ...(named === undefined ? {} : { about: named }) } });
  }
  if (known !== undefined && known.status !== "active") changes.push({ id: known.id, was: { status: stored(known.status) }, now: { status: "active", valid_to: null } });
  changes.push({ id: before.id, was: { status: stored(before.status) }, now: { status: "superseded", superseded_by: next, valid_to: Math.max(before.valid_from, now) } });
  const passed = await recordPass(store, changes, { by: "user", what: "supersede", now, state });
  const after = (await memories(store)).memories;
  return { ...passed, old: after.get(before.id)!, memory: after.get(next)! };
}

export function findPass({ passes }: MemoryState, wanted: string): Pass {
  const found = passes.filter(({ id }) => id === wanted || (wanted.length >= 4 && id.startsWith(`memory:${wanted}`)));
  if (found.length === 1) return found[0]!;
  if (found.length === 0) throw new TidemarkError("MEMORY_UNKNOWN", `No pass over memories has the id "${wanted}"`, { hint: "tidemark memory history lists the passes." });
  throw new TidemarkError("MEMORY_AMBIGUOUS", `"${wanted}" begins ${found.length} passes`);
}

/** Takes back a whole pass, or a revert. Gives the memories that are other than before. */
export async function revertPass(store: Store, wanted: string, now: number): Promise<{ readonly pass: string; readonly of: string; readonly memories: readonly Memory[] }> {
  const before = await memories(store);
  const { id, counts } = findPass(before, wanted);
  if (!counts) throw new TidemarkError("MEMORY_REFUSED", `${id} was taken back already`, { hint: "Take back the revert: tidemark memory history lists it." });
  const pass = `memory:${sha256Hex(`revert\n${now}\n${id}\n${before.last ?? ""}`).slice(0, 16)}`;
  await record(store, [{ id: pass, time: now, type: "memory.reverted", session: ownSession("memory", now), agent: "tidemark", payload: { of: id } }]);
  const after = await memories(store);
  const changed = [...new Set([...before.memories.keys(), ...after.memories.keys()])].filter((each) => JSON.stringify(before.memories.get(each)) !== JSON.stringify(after.memories.get(each)));
  return { pass, of: id, memories: changed.flatMap((each) => after.memories.get(each) ?? before.memories.get(each) ?? []) };
}

/** A memory with every value its key had and all that became of it, oldest first. */
export function historyOf(state: MemoryState, wanted: string): { readonly values: readonly Memory[]; readonly passes: readonly Pass[] } {
  const ids = new Set([findMemory(state, wanted).id]);
  const all = [...state.memories.values()];
  const slot = slotOf(findMemory(state, wanted));
  for (const memory of all) if (slotOf(memory) === slot) ids.add(memory.id);
  // What took its place may have another key; so may what it took the place of.
  for (let size = 0; size !== ids.size; ) {
    size = ids.size;
    for (const { id, superseded_by } of all) {
      if (superseded_by === undefined) continue;
      if (ids.has(id)) ids.add(superseded_by);
      else if (ids.has(superseded_by)) ids.add(id);
    }
  }
  const values = all.filter(({ id }) => ids.has(id)).sort((a, b) => a.valid_from - b.valid_from);
  const passes = state.passes.filter(({ event }) => event.type === "memory.revised" && event.payload.changes.some(({ id }) => ids.has(id)));
  return { values, passes };
}
