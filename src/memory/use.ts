/**
 * Of how much use memories are, worked out from what sessions did, and what that is worth in ranking. Pure.
 *
 * Each session that began after a memory did and did what the memory names, ran its command, touched a file of it or cited
 * it, counts for it, and each other session against it, whether or not the memory was given to it. So what was never shown is
 * not at a loss, and nothing need be shown for trial: judged by the sessions it was shown to alone, the gain was within
 * chance, and a place kept for what was shown least took it away again (docs/memory.md). Contradictions and reverts count
 * against it. All of it fades, so that a memory nobody needed for months is where a new one is.
 *
 * What names no file and no command can be of use without a trace: only what speaks against it is counted.
 */
import { baseName } from "../base/text.ts";
import type { Trace } from "../session/trace.ts";
import { mentionsOf } from "./about.ts";
import type { MemoryState } from "./fold.ts";
import type { Memory } from "./model.ts";

export type How = "opened" | "run" | "cited";

/** One time a memory could be of use, in milliseconds since 1970. */
export interface Trial {
  readonly time: number;
  readonly good: boolean;
}

/** Counts are worth half after so long, in milliseconds. */
const HALF_LIFE = 30 * 86_400_000;
/** A Beta prior: one in five is of use until more is known. */
const PRIOR = { good: 1, bad: 4 };

/** The mean of what is expected beside that of a memory of which nothing is known: 1 is neither for nor against it. From 0 to 5. */
export function usefulness(trials: readonly Trial[], now: number): number {
  let [good, all] = [PRIOR.good, PRIOR.good + PRIOR.bad];
  for (const trial of trials) {
    const left = 2 ** (-Math.max(0, now - trial.time) / HALF_LIFE);
    all += left;
    if (trial.good) good += left;
  }
  return (good / all) * ((PRIOR.good + PRIOR.bad) / PRIOR.good);
}

/** What one session did of what a memory names. */
export interface Use {
  readonly session: string;
  /** When it began. */
  readonly started: number;
  /** The last time; absent where it did nothing of it. */
  readonly last?: number;
  readonly how?: How;
}

/** What sessions did, filed by the names of files and the beginnings of commands: a hundred memories are asked about at once. */
export class Traces {
  readonly #traces: readonly Trace[];
  readonly #files = new Map<string, Place[]>();
  readonly #commands = new Map<string, Place[]>();
  readonly #cited = new Map<string, Place[]>();

  constructor(traces: readonly Trace[]) {
    this.#traces = traces;
    const file = (into: Map<string, Place[]>, key: string, place: Place): void => {
      const places = into.get(key);
      if (places === undefined) into.set(key, [place]);
      else places.push(place);
    };
    for (const [trace, { files, commands, cited }] of traces.entries()) {
      for (const [name, time] of files) file(this.#files, baseName(name), { trace, name, time });
      for (const [name, time] of commands) file(this.#commands, firstWord(bare(name)), { trace, name: bare(name), time });
      for (const [name, time] of cited) file(this.#cited, name, { trace, name, time });
    }
  }

  /** Of every session that began after the memory did. */
  of(memory: Memory): readonly Use[] {
    const met = new Map<number, { last: number; how: How }>();
    const meet = ({ trace, time }: Place, how: How): void => {
      const before = met.get(trace);
      if (before === undefined || time > before.last) met.set(trace, { last: time, how });
    };
    const { files, commands } = namedBy(memory);
    for (const path of files) for (const place of this.#files.get(baseName(path)) ?? []) if (place.name === path || place.name.endsWith(`/${path}`)) meet(place, "opened");
    for (const command of commands) for (const place of this.#commands.get(firstWord(command)) ?? []) if (place.name === command || place.name.startsWith(`${command} `)) meet(place, "run");
    for (const place of this.#cited.get(memory.id) ?? []) meet(place, "cited");
    return this.#traces.flatMap(({ session, started }, i) => (started > memory.valid_from ? [{ session, started, ...met.get(i) }] : []));
  }
}

interface Place {
  readonly trace: number;
  readonly name: string;
  readonly time: number;
}

/** What a session can be seen to do with it: nearly every session runs what once failed, so of what was done the files count. */
function namedBy({ kind, statement }: Memory): { readonly files: readonly string[]; readonly commands: readonly string[] } {
  const { paths, commands } = mentionsOf(statement);
  const files = kind === "procedural" ? [] : paths.map((path) => path.replace(/^(?:\.?\/)+/, "")).filter((path) => path !== "" && !path.endsWith("/"));
  return { files, commands: kind === "episodic" ? [] : commands };
}

function firstWord(command: string): string {
  return command.slice(0, /\s|$/.exec(command)!.index);
}

/** Without variables set for it alone. */
function bare(command: string): string {
  return command.replace(/^(?:\w+=\S*\s+)+/, "").replace(/^time\s+/, "");
}

/** What speaks against memories, by id: contradictions, and passes over them that were taken back. */
export interface Against {
  readonly contradicted: readonly number[];
  readonly reverted: readonly number[];
}

export function againstIn({ memories, contradictions, passes }: MemoryState): ReadonlyMap<string, Against> {
  const found = new Map<string, { contradicted: number[]; reverted: number[] }>();
  const of = (id: string): { contradicted: number[]; reverted: number[] } => {
    const known = found.get(id) ?? { contradicted: [], reverted: [] };
    found.set(id, known);
    return known;
  };
  for (const { a, b } of contradictions) {
    const time = Math.max(memories.get(a)?.recorded_at ?? 0, memories.get(b)?.recorded_at ?? 0);
    for (const id of [a, b]) of(id).contradicted.push(time);
  }
  const byId = new Map(passes.map((pass) => [pass.id, pass.event]));
  for (const { event, recorded } of passes) {
    const target = event.type === "memory.reverted" ? byId.get(event.payload.of) : undefined;
    if (target?.type === "memory.revised") for (const id of new Set(target.payload.changes.map((change) => change.id))) of(id).reverted.push(recorded);
  }
  return found;
}

/** All that a memory is judged by. */
export function trialsOf(memory: Memory, uses: readonly Use[], against: Against | undefined): Trial[] {
  const { files, commands } = namedBy(memory);
  const traceable = files.length + commands.length > 0;
  return [
    ...uses.flatMap(({ started, last }) => (last !== undefined || traceable ? [{ time: last ?? started, good: last !== undefined }] : [])),
    ...[...(against?.contradicted ?? []), ...(against?.reverted ?? [])].map((time) => ({ time, good: false })),
  ];
}
