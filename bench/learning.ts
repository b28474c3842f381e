/**
 * Whether memories should be ranked by how often they were of use. Replays recorded sessions in the order they began: at
 * each one's first request the memories that earlier sessions of the project left are ranked, five are shown, and a memory
 * was of use where the session then changed or read a file it names or ran its command. Beside it newest first, and
 * the words of the request alone. Of use does not mean caused: nobody was shown anything.
 *
 *   node scripts/run.mjs bench/learning.ts FOLDER      FOLDER is a state folder that the sessions were imported into
 */
import { baseName } from "../src/base/text.ts";
import { extract } from "../src/memory/extract.ts";
import type { Memory } from "../src/memory/model.ts";
import { byWords } from "../src/operations/recall-memories.ts";
import { story } from "../src/operations/sessions.ts";
import type { Story } from "../src/session/fold.ts";
import { parseQuery } from "../src/store/ranking.ts";
import { openSqliteStore } from "../src/store/sqlite/store.ts";

const SHOWN = 5;
/** Counts are worth half after so many days. */
const HALF_LIFE = 30;
const DAY = 86_400_000;

/** Kept by each way of ranking for itself: times shown and of use, decayed up to `at`. */
interface Counts {
  shown: number;
  used: number;
  at: number;
}
type Rank = (candidates: readonly Memory[], words: ReadonlyMap<Memory, number>, counts: ReadonlyMap<string, Counts>, now: number) => Memory[];

const decayed = (counts: Counts | undefined, now: number): { shown: number; used: number } => {
  const left = counts === undefined ? 0 : 2 ** (-Math.max(0, now - counts.at) / DAY / HALF_LIFE);
  return { shown: (counts?.shown ?? 0) * left, used: (counts?.used ?? 0) * left };
};
/** The mean of Beta(1, 4) with what was seen: one in five is of use until more is known. */
const mean = (counts: Counts | undefined, now: number): number => {
  const { shown, used } = decayed(counts, now);
  return (1 + used) / (5 + shown);
};
const newest = (a: Memory, b: Memory): number => b.valid_from - a.valid_from || (a.id < b.id ? -1 : 1);
const sorted = (all: readonly Memory[], score: (memory: Memory) => number): Memory[] => [...all].sort((a, b) => score(b) - score(a) || newest(a, b));

const learned = (weight: number): Rank => (all, words, counts, now) => sorted(all, (memory) => ((words.get(memory) ?? 0) + 0.5) * (mean(counts.get(memory.id), now) / 0.2) ** weight);
const exploring: Rank = (all, words, counts, now) => {
  const first = learned(1)(all, words, counts, now);
  const top = first.slice(0, SHOWN - 1);
  const least = first.slice(SHOWN - 1).sort((a, b) => (counts.get(a.id)?.shown ?? 0) - (counts.get(b.id)?.shown ?? 0))[0];
  return least === undefined ? top : [...top, least];
};
const WAYS: Readonly<Record<string, Rank>> = {
  "newest first": (all) => [...all].sort(newest),
  "words (BM25)": (all, words) => sorted(all, (memory) => words.get(memory) ?? 0),
  "words × use, weight 0.5": learned(0.5),
  "words × use": learned(1),
  "words × use, one to explore": exploring,
};

const PLAIN = "words (BM25)";

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error("usage: node scripts/run.mjs bench/learning.ts FOLDER");
const store = await openSqliteStore(folder);
const stories: Story[] = [];
for (const session of (await store.heads()).keys()) {
  const told = await story(store, session);
  if (told.turns.length > 0) stories.push(told);
}
await store.close();
stories.sort((a, b) => a.summary.started - b.summary.started);

const kept = new Map<string, Memory>();
const counts = new Map(Object.keys(WAYS).map((name) => [name, new Map<string, Counts>()]));
const sums = new Map(Object.keys(WAYS).map((name) => [name, { found: 0, better: 0, worse: 0, first: [0, 0] as [number, number], half: [0, 0] as [number, number] }]));
let [asked, possible] = [0, 0];
for (const [i, told] of stories.entries()) {
  const { project, started } = told.summary;
  const candidates = [...kept.values()].filter(({ scope, valid_from }) => scope.project === project && valid_from < started);
  const used = new Set(candidates.filter((memory) => wasOfUse(memory, told)).map(({ id }) => id));
  const query = parseQuery(told.turns.find(({ kind }) => kind === "user")?.prompt ?? "");
  if (used.size > 0 && candidates.length > SHOWN && query !== undefined) {
    asked += 1;
    possible += Math.min(used.size, SHOWN);
    const words = new Map(byWords(query, candidates, started).map(({ memory, words: score }) => [memory, score]));
    const plain = WAYS[PLAIN]!(candidates, words, new Map(), started).slice(0, SHOWN).filter(({ id }) => used.has(id)).length;
    for (const [name, rank] of Object.entries(WAYS)) {
      const own = counts.get(name)!;
      const shown = rank(candidates, words, own, started).slice(0, SHOWN);
      const hits = shown.filter(({ id }) => used.has(id)).length;
      const sum = sums.get(name)!;
      sum.found += hits;
      if (hits > plain) sum.better += 1;
      if (hits < plain) sum.worse += 1;
      const part = i < stories.length / 2 ? sum.first : sum.half;
      part[0] += hits;
      part[1] += Math.min(used.size, SHOWN);
      for (const { id } of shown) {
        const before = decayed(own.get(id), started);
        own.set(id, { shown: before.shown + 1, used: before.used + (used.has(id) ? 1 : 0), at: started });
      }
    }
  }
  for (const each of extract(told)) {
    if (each.onlyKnown === true || each.trust === "tool") continue;
    const id = `${project}\n${each.key}`;
    kept.set(id, { passes: 0, failures: 0, ...each, id, status: "active", accepted: false, recorded_at: told.summary.ended, passed: [] });
  }
}
console.log(`${stories.length} sessions, ${kept.size} memories; at ${asked} first requests ${possible} of the best ${SHOWN} each could be of use`);
for (const [name, { found, better, worse, first, half }] of sums) console.log(`${name.padEnd(30)} ${percent(found, possible)}   first half ${percent(...first)}, second half ${percent(...half)}; than words alone better at ${better}, worse at ${worse}`);

function percent(part: number, whole: number): string {
  return whole === 0 ? "  –  " : `${((100 * part) / whole).toFixed(1)} %`.padStart(7);
}

function wasOfUse({ statement, kind }: Memory, { turns }: Story): boolean {
  const quoted = /`([^`]+)`/.exec(statement)?.[1];
  if (kind === "procedural") return quoted !== undefined && turns.some(({ calls }) => calls.some(({ input }) => String((input as { command?: unknown } | null)?.command ?? "").includes(quoted)));
  const named = new Set((statement.match(/[\w@./-]+\.\w{1,8}\b/g) ?? []).map(baseName));
  return turns.some(({ files }) => files.some(({ path }) => named.has(baseName(path))));
}
