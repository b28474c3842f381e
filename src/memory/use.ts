/**
 * Of how much use memories are, worked out from what sessions did, and what that is worth in ranking. Pure.
 *
 * Each session that began after a memory did and did what the memory names, ran its command, touched a file of it or cited
 * it, counts for it, and each other session against it, whether or not the memory was given to it. So what was never shown is
 * not at a loss, and nothing need be shown for trial: judged by the sessions it was shown to alone, the gain was within
 * chance, and a place kept for what was shown least took it away again (docs/memory.md). Contradictions and reverts count
 * against it. All of it fades, so that a memory nobody needed for months is where a new one is.
 *
 * What names no file and no command can be of use without a trace: that sessions did nothing with it is not held against it.
 */
import { baseName } from "../base/text.ts";
import type { Met, Trace } from "../session/trace.ts";
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

/** Of every session that began after the memory did. */
export interface Uses {
  readonly uses: readonly Use[];
  /** Whether it names anything that a session can be seen to use: else only what was done counts, and not what was left undone. */
  readonly traceable: boolean;
}

/** What sessions did, filed by name: a hundred memories are asked about at once, and of most names many sessions have the same. */
export class Traces {
  readonly #traces: readonly Trace[];
  readonly #files = new Filed((path) => [baseName(path)]);
  // By one word and by two: most commands of a project begin with the same one.
  readonly #commands = new Filed((command) => [...new Set([firstWords(command, 1), firstWords(command, 2)])], bare);
  readonly #cited = new Filed((id) => [id]);

  constructor(traces: readonly Trace[]) {
    this.#traces = traces;
    for (const [i, { files, commands, cited }] of traces.entries()) {
      this.#files.add(i, files);
      this.#commands.add(i, commands);
      this.#cited.add(i, cited);
    }
  }

  of(memory: Memory): Uses {
    // By session: a hundred memories meet each file of a hundred sessions.
    const last = this.#traces.map(() => -Infinity);
    const hows: How[] = [];
    const meet = (places: readonly Place[], how: How): void => {
      for (const [trace, time] of places) {
        if (time <= last[trace]!) continue;
        last[trace] = time;
        hows[trace] = how;
      }
    };
    const { files, commands } = namedBy(memory);
    for (const path of files) for (const [name, places] of this.#files.under(baseName(path))) if (name === path || name.endsWith(`/${path}`)) meet(places, "opened");
    for (const command of commands) for (const [name, places] of this.#commands.under(firstWords(command, 2))) if (name === command || name.startsWith(`${command} `)) meet(places, "run");
    for (const [, places] of this.#cited.under(memory.id)) meet(places, "cited");
    const uses: Use[] = [];
    for (const [i, { session, started }] of this.#traces.entries()) {
      if (started <= memory.valid_from) continue;
      const how = hows[i];
      uses.push(how === undefined ? { session, started } : { session, started, last: last[i]!, how });
    }
    return { uses, traceable: files.length + commands.length > 0 };
  }
}

/** Which session, by its place, and when. */
type Place = readonly [trace: number, time: number];

/** Names by what they are looked for under, which is worked out once for each name. */
class Filed {
  readonly #under: (name: string) => readonly string[];
  readonly #plain: (name: string) => string;
  readonly #names = new Map<string, Place[]>();
  #keys: Map<string, [name: string, places: readonly Place[]][]> | undefined;

  constructor(under: (name: string) => readonly string[], plain = (name: string): string => name) {
    this.#under = under;
    this.#plain = plain;
  }

  add(trace: number, all: readonly Met[]): void {
    for (const [name, time] of all) {
      const places = this.#names.get(name);
      if (places === undefined) this.#names.set(name, [[trace, time]]);
      else places.push([trace, time]);
    }
  }

  under(key: string): readonly (readonly [name: string, places: readonly Place[]])[] {
    if (this.#keys === undefined) {
      this.#keys = new Map();
      for (const [written, places] of this.#names) {
        const name = this.#plain(written);
        for (const key of this.#under(name)) {
          const known = this.#keys.get(key);
          if (known === undefined) this.#keys.set(key, [[name, places]]);
          else known.push([name, places]);
        }
      }
    }
    return this.#keys.get(key) ?? [];
  }
}

/** What a session can be seen to do with it: nearly every session runs what once failed, so of what was done the files count. */
function namedBy({ kind, statement }: Memory): { readonly files: readonly string[]; readonly commands: readonly string[] } {
  const { paths, commands } = mentionsOf(statement);
  const files = kind === "procedural" ? [] : paths.map((path) => path.replace(/^(?:\.?\/)+/, "")).filter((path) => path !== "" && !path.endsWith("/"));
  return { files, commands: kind === "episodic" ? [] : commands };
}

/** All of them where there are fewer. */
function firstWords(command: string, count: number): string {
  let end = -1;
  for (let i = 0; i < count; i++) {
    end = command.indexOf(" ", end + 1);
    if (end < 0) return command;
  }
  return command.slice(0, end);
}

/** Without variables set for it alone. */
function bare(command: string): string {
  return /^(?:\w+=|time\s)/.test(command) ? command.replace(/^(?:\w+=\S*\s+)+/, "").replace(/^time\s+/, "") : command;
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
export function trialsOf({ uses, traceable }: Uses, against: Against | undefined): Trial[] {
  const trials: Trial[] = [];
  for (const { started, last } of uses) if (last !== undefined || traceable) trials.push({ time: last ?? started, good: last !== undefined });
  for (const time of [...(against?.contradicted ?? []), ...(against?.reverted ?? [])]) trials.push({ time, good: false });
  return trials;
}
