/**
 * Of how much use memories are in a project, from what its newest sessions did (memory/use.ts), and to which sessions one was
 * given. What sessions did is read from where it is kept beside their summaries: a hundred are a few hundred kilobytes,
 * however long the log is. What appends to the log brings them up to date; ranking takes them as they are, `recordOf` makes sure.
 */
import type { MemoryState } from "../memory/fold.ts";
import type { Memory } from "../memory/model.ts";
import { againstIn, Traces, trialsOf, usefulness, type Against, type Use } from "../memory/use.ts";
import type { Trace } from "../session/trace.ts";
import type { Store } from "../store/store.ts";
import { refreshSummaries } from "./sessions.ts";

/** Sessions of the project that are judged by. */
const SESSIONS = 100;

/** What each memory is worth beside one of which nothing is known. */
export async function usefulnessHere(store: Store, state: MemoryState, project: string, now: number): Promise<(memory: Memory) => number> {
  const traces = new Traces(await store.traces(project, SESSIONS));
  const against = againstIn(state);
  return (memory) => usefulness(trialsOf(traces.of(memory), against.get(memory.id)), now);
}

/** A time, in milliseconds since 1970, and how often. */
export interface Counted {
  readonly times: number;
  readonly last?: number;
}

export interface UseRecord {
  /** Sessions it was given to, at their start or when they asked. */
  readonly shown: Counted;
  /** Of these, those that then did what it names, and how the last did. */
  readonly used: Counted & { readonly how?: Use["how"] };
  readonly contradicted: Counted;
  readonly reverted: Counted;
  /** Sessions of the project that began since it held, at most the newest hundred, and those of them that did what it names: what the score is from. */
  readonly since: Counted;
  readonly ofUse: Counted;
  readonly score: number;
}

export async function recordOf(store: Store, state: MemoryState, memory: Memory, { project, now }: { readonly project: string; readonly now: number }): Promise<UseRecord> {
  await refreshSummaries(store);
  const shown = await showings(store, memory.id);
  const judged = new Traces(await store.traces(project, SESSIONS)).of(memory);
  const traces: Trace[] = [];
  for (const session of shown.keys()) {
    const trace = await store.trace(session);
    if (trace !== undefined) traces.push(trace);
  }
  const used = new Traces(traces).of({ ...memory, valid_from: -Infinity }).uses.flatMap(({ session, last, how: by }) => (last === undefined || last < shown.get(session)! ? [] : [[last, by!] as const]));
  const how = used.toSorted((a, b) => b[0] - a[0])[0]?.[1];
  const against: Against = againstIn(state).get(memory.id) ?? { contradicted: [], reverted: [] };
  return {
    shown: counted([...shown.values()]), used: { ...counted(used.map(([time]) => time)), ...(how === undefined ? {} : { how }) },
    contradicted: counted(against.contradicted), reverted: counted(against.reverted),
    since: counted(judged.uses.map(({ started }) => started)), ofUse: counted(judged.uses.flatMap(({ last }) => last ?? [])),
    score: usefulness(trialsOf(judged, against), now),
  };
}

/** Sessions by when they were first given it. */
async function showings(store: Store, memory: string): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  for (const { event, erased } of await store.ofTypes(["start.recalled", "context.given"])) {
    if (erased || (event.type !== "start.recalled" && event.type !== "context.given") || event.payload.memories?.includes(memory) !== true) continue;
    found.set(event.session, Math.min(found.get(event.session) ?? Infinity, event.time));
  }
  return found;
}

function counted(times: readonly number[]): Counted {
  return times.length === 0 ? { times: 0 } : { times: times.length, last: Math.max(...times) };
}
