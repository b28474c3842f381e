/**
 * Whether memories should be ranked by the use they were of. Replays recorded sessions in the order they began, with what
 * the product itself takes from each and by its own rules of ranking (operations/recall-memories.ts, context/standing.ts,
 * memory/use.ts): at each one's first request memories of earlier sessions of the project are ranked, five are shown, and a
 * memory was of use where the session then touched a file it names or ran its command. The same for the commands that a
 * session start gives. Of use does not mean caused: nobody was shown anything. The tree of these sessions is not there, so
 * that nothing is checked against it.
 *
 *   node scripts/run.mjs bench/learning.ts FOLDER [SEED]      FOLDER is a state folder that the sessions were imported into
 */
import { standingHere } from "../src/context/standing.ts";
import { mentionsOf } from "../src/memory/about.ts";
import { consolidate } from "../src/memory/consolidate.ts";
import { extract } from "../src/memory/extract.ts";
import { foldMemories } from "../src/memory/fold.ts";
import type { Memory, MemoryEvent } from "../src/memory/model.ts";
import { Traces, trialsOf, usefulness, type Trial } from "../src/memory/use.ts";
import { idsFor } from "../src/operations/memories.ts";
import { isOwnSession } from "../src/operations/own-sessions.ts";
import { byWords, inSight, recallMemories } from "../src/operations/recall-memories.ts";
import { derived, story } from "../src/operations/sessions.ts";
import type { Story } from "../src/session/fold.ts";
import type { Trace } from "../src/session/trace.ts";
import { parseQuery } from "../src/store/ranking.ts";
import { openSqliteStore } from "../src/store/sqlite/store.ts";

const SHOWN = 5;
/** As many as the product judges by (operations/uses.ts). */
const SESSIONS = 100;
const RESAMPLES = 10_000;

type Worth = (memory: Memory) => number;
/** What a way of ranking is given: what the product makes of all sessions, and what this way has seen of those it showed something to. */
interface Known {
  readonly use: Worth;
  readonly ofShown: Worth;
  readonly shown: (memory: Memory) => number;
}
type Way = (known: Known) => readonly Memory[];

/** What became of one request: places that could be filled well, and those that each way filled well. */
interface Outcome {
  readonly half: 0 | 1;
  readonly possible: number;
  readonly found: ReadonlyMap<string, number>;
}

class Measure {
  readonly #outcomes: Outcome[] = [];
  readonly #trials = new Map<string, Map<string, Trial[]>>();

  /** Nothing is measured where there is no choice, or where nothing was of use; what was shown counts for later requests all the same. */
  take(ways: Readonly<Record<string, Way>>, candidates: readonly Memory[], used: ReadonlySet<string>, use: Worth, now: number, half: 0 | 1): void {
    const found = new Map<string, number>();
    for (const [name, way] of Object.entries(ways)) {
      const own = this.#trials.get(name) ?? new Map<string, Trial[]>();
      this.#trials.set(name, own);
      const shown = way({ use, ofShown: ({ id }) => usefulness(own.get(id) ?? [], now), shown: ({ id }) => own.get(id)?.length ?? 0 }).slice(0, SHOWN);
      found.set(name, shown.filter(({ id }) => used.has(id)).length);
      for (const { id } of shown) own.set(id, [...(own.get(id) ?? []), { time: now, good: used.has(id) }]);
    }
    const possible = Math.min(SHOWN, candidates.filter(({ id }) => used.has(id)).length);
    if (possible > 0 && candidates.length > SHOWN) this.#outcomes.push({ half, possible, found });
  }

  /** `against`: the ways that the others are compared with. */
  print(title: string, against: readonly string[], seed: number): void {
    const outcomes = this.#outcomes;
    console.log(`\n${title}: ${outcomes.length} requests, ${total(outcomes, ({ possible }) => possible)} places`);
    for (const name of this.#trials.keys()) {
      const of = (some: readonly Outcome[]): string => percent(total(some, ({ found }) => found.get(name)!), total(some, ({ possible }) => possible));
      console.log(`${name.padEnd(44)} ${of(outcomes)}   halves ${of(outcomes.filter(({ half }) => half === 0))}, ${of(outcomes.filter(({ half }) => half === 1))}`);
      for (const other of against) {
        if (other === name) continue;
        const gain = ({ found }: Outcome): number => found.get(name)! - found.get(other)!;
        const [low, high] = interval(outcomes, gain, seed);
        console.log(`    than ${other}: ${signed(total(outcomes, gain) / total(outcomes, ({ possible }) => possible))} [${signed(low)}, ${signed(high)}], better at ${outcomes.filter((each) => gain(each) > 0).length}, worse at ${outcomes.filter((each) => gain(each) < 0).length}`);
      }
    }
  }
}

const [folder, seedText = "1"] = process.argv.slice(2);
if (folder === undefined) throw new Error("usage: node scripts/run.mjs bench/learning.ts FOLDER [SEED]");
const store = await openSqliteStore(folder);
const sessions: { readonly told: Story; readonly trace: Trace }[] = [];
for (const session of (await store.heads()).keys()) {
  if (isOwnSession(session)) continue;
  const told = await story(store, session);
  if (told.turns.length > 0) sessions.push({ told, trace: (await derived(store, session)).trace });
}
await store.close();
sessions.sort((a, b) => a.told.summary.started - b.told.summary.started);

const events: { event: MemoryEvent; erased: boolean }[] = [];
const [atRequest, atStart] = [new Measure(), new Measure()];
for (const [i, { told, trace }] of sessions.entries()) {
  const { id, project, started, ended } = told.summary;
  const half = i < sessions.length / 2 ? 0 : 1;
  const state = foldMemories(events);
  const here = { project, tree: "/nowhere" };
  const past = new Traces(sessions.slice(0, i).filter(({ told: { summary } }) => summary.project === project).slice(-SESSIONS).map((each) => each.trace));
  const use: Worth = (memory) => usefulness(trialsOf(past.of(memory), undefined), started);
  const seen = inSight(state, here, started);
  const own = new Traces([trace]);
  const used = new Set(seen.filter((memory) => own.of(memory).uses[0]?.last !== undefined).map((memory) => memory.id));
  const request = told.turns.find(({ kind }) => kind === "user")?.prompt ?? "";
  atRequest.take(waysAtRequest(), seen, used, use, started, half);
  atStart.take(waysAtStart(), seen.filter(({ kind }) => kind === "procedural"), used, use, started, half);
  const { changes } = consolidate(extract(told), state, idsFor(id));
  if (changes.length > 0) events.push({ event: { id: `memory:${i}`, time: ended, type: "memory.revised", session: "memory:replay", agent: "tidemark", payload: { by: "extraction", what: `extract ${id}`, changes: [...changes] } }, erased: false });

  function waysAtRequest(): Readonly<Record<string, Way>> {
    const query = parseQuery(request);
    const recalled = (worth: Worth): Memory[] => recallMemories(state, request, { here, now: started, limit: seen.length, usefulness: worth }).map(({ memory }) => memory);
    const found = recalled(() => 1);
    const names = ({ statement }: Memory): number => 1 + mentionsOf(statement).paths.length + mentionsOf(statement).commands.length;
    const mean = found.reduce((sum, memory) => sum + names(memory), 0) / found.length;
    return {
      "newest first": () => sorted(found, ({ valid_from }) => valid_from),
      "words (BM25)": () => (query === undefined ? [] : byWords(query, seen, started).map(({ memory }) => memory)),
      "recall without use": () => found,
      "recall": (known) => recalled(known.use),
      "recall, by use where it was shown alone": (known) => recalled(known.ofShown),
      "the same, one of five to explore": (known) => exploring(recalled(known.ofShown), known),
      // What names more is met more: how far that alone explains it.
      "recall, by how many names it has": () => recalled((memory) => names(memory) / mean),
    };
  }

  function waysAtStart(): Readonly<Record<string, Way>> {
    const chosen = (worth: Worth): Memory[] => standingHere(seen.filter(({ kind }) => kind === "procedural"), here, started, worth);
    return {
      "newest first": () => chosen(() => 1),
      "most runs that passed": () => chosen(({ passes }) => passes),
      "by use": (known) => chosen(known.use),
      "by use where it was shown alone": (known) => chosen(known.ofShown),
    };
  }
}
const seed = Number(seedText);
console.log(`${sessions.length} sessions, ${foldMemories(events).memories.size} memories; paired bootstrap over requests, ${RESAMPLES} samples, seed ${seed}, 95 %`);
atRequest.print("At a session's first request, five memories by recall", ["newest first", "words (BM25)", "recall without use", "recall, by how many names it has"], seed);
atStart.print("At a session's start, five commands", ["newest first", "most runs that passed"], seed);

function exploring(first: readonly Memory[], { shown }: Known): Memory[] {
  const least = sorted(first.slice(SHOWN - 1), (memory) => -shown(memory))[0];
  return [...first.slice(0, SHOWN - 1), ...(least === undefined ? [] : [least])];
}

function sorted(all: readonly Memory[], by: Worth): Memory[] {
  return [...all].sort((a, b) => by(b) - by(a));
}

/** Of the mean gain, over requests drawn anew with replacement. */
function interval(outcomes: readonly Outcome[], gain: (outcome: Outcome) => number, from: number): [low: number, high: number] {
  if (outcomes.length === 0) return [0, 0];
  const random = generator(from);
  const means = Array.from({ length: RESAMPLES }, () => {
    const drawn = outcomes.map(() => outcomes[Math.floor(random() * outcomes.length)]!);
    return total(drawn, gain) / total(drawn, ({ possible }) => possible);
  }).sort((a, b) => a - b);
  return [means[Math.floor(RESAMPLES * 0.025)]!, means[Math.ceil(RESAMPLES * 0.975) - 1]!];
}

/** Numbers from 0 to 1 that are the same for the same seed (a linear congruence with the constants of Numerical Recipes, its low bits unused). */
function generator(from: number): () => number {
  let state = from >>> 0;
  return () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32;
}

function total(outcomes: readonly Outcome[], of: (outcome: Outcome) => number): number {
  return outcomes.reduce((sum, outcome) => sum + of(outcome), 0);
}

function percent(part: number, whole: number): string {
  return whole === 0 ? "  –  " : `${((100 * part) / whole).toFixed(1)} %`.padStart(7);
}

function signed(share: number): string {
  return `${share < 0 ? "−" : "+"}${Math.abs(100 * share).toFixed(1)}`;
}
