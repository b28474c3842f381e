/**
 * Measures continuity on recorded sessions:
 *   node scripts/run.mjs bench/continuity/run.ts DATA [--budgets 1500,2000] [--only compaction|session] [--limit N]
 *     --cases          a line per case and brief as well
 *     --summary-size   also budgets each brief to the size of the agent's own summary (compactions only)
 *     --no-reference   only our own brief and the agent's summary
 *     --split DAY      the same table for the cuts of sessions before that day and for those since, for weights to be set
 *                      on one half and looked at on the other
 */
import { parseArgs } from "node:util";
import { cases, HORIZON, rawPast, type Case, type CaseKind } from "./cases.ts";
import { countTokens, MIN_NEEDED, prepare, scoreBrief, type PreparedCut, type Score } from "./metric.ts";
import { closeOurs, tidemarkBrief } from "./ours.ts";
import { REFERENCE_BRIEFS } from "./reference.ts";

interface Options {
  readonly dir: string;
  readonly kinds: readonly CaseKind[];
  readonly budgets: readonly number[];
  readonly limit: number;
  readonly perCase: boolean;
  readonly summarySize: boolean;
  readonly reference: boolean;
  readonly split: string | undefined;
}

const OURS = "tidemark";
const SUMMARY = "agent compaction summary (LLM)";
const AT_SUMMARY_SIZE = "@=LLM size";

// ---- options ------------------------------------------------------------------------------------------------

function usage(message: string): never {
  console.error(`${message}\nusage: run.ts DATA [--budgets 1500,2000] [--only compaction|session] [--limit N] [--cases]`);
  process.exit(2);
}

function positive(text: string, option: string): number {
  const value = Number(text);
  return Number.isInteger(value) && value > 0 ? value : usage(`${option} takes whole numbers above 0, not "${text}"`);
}

function readOptions(): Options {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      budgets: { type: "string", default: "1500,2000" },
      only: { type: "string" },
      limit: { type: "string" },
      cases: { type: "boolean", default: false },
      "summary-size": { type: "boolean", default: false },
      "no-reference": { type: "boolean", default: false },
      split: { type: "string" },
    },
  });
  const [dir] = positionals;
  if (dir === undefined) usage("no data folder given");
  const { only } = values;
  if (only !== undefined && only !== "compaction" && only !== "session") usage(`--only does not know "${only}"`);
  return {
    dir,
    kinds: only === undefined ? ["compaction", "session"] : [only],
    budgets: values.budgets.split(",").map((text) => positive(text, "--budgets")),
    limit: values.limit === undefined ? Infinity : positive(values.limit, "--limit"),
    perCase: values.cases,
    summarySize: values["summary-size"],
    reference: !values["no-reference"],
    split: values.split,
  };
}

// ---- measuring ----------------------------------------------------------------------------------------------

interface PreparedCase {
  readonly cut: Case;
  readonly prepared: PreparedCut;
}

const preparedCache = new Map<string, readonly PreparedCase[]>();

/** The scored cases of a kind, with all that does not depend on a brief; kept for the life of the process. */
export function preparedCases(dir: string, kind: CaseKind, limit = Infinity): readonly PreparedCase[] {
  const key = JSON.stringify([dir, kind, limit]);
  const known = preparedCache.get(key);
  if (known !== undefined) return known;
  const found: PreparedCase[] = [];
  for (const cut of cases(dir, kind)) {
    if (found.length >= limit) break;
    const prepared = prepare(cut);
    if (prepared.facts.length >= MIN_NEEDED) found.push({ cut, prepared });
  }
  preparedCache.set(key, found);
  return found;
}

/** Scores by brief, then by case: each row has the same cases in the same order. */
type Rows = Map<string, Score[]>;

async function measure(all: readonly PreparedCase[], options: Options): Promise<{ rows: Rows; notes: string[] }> {
  const rows: Rows = new Map();
  const notes: string[] = [];
  const failed = new Set<string>();

  for (const { cut, prepared } of all) {
    const put = (name: string, text: string): void => {
      const row = rows.get(name) ?? [];
      rows.set(name, row);
      row.push(scoreBrief(prepared, text));
    };
    const budgets = options.budgets.map((budget) => ({ budget, label: `@${budget}` }));
    if (cut.llm !== undefined) {
      put(SUMMARY, cut.llm);
      if (options.summarySize) budgets.unshift({ budget: countTokens(cut.llm), label: AT_SUMMARY_SIZE });
    }

    for (const { budget, label } of budgets) {
      if (options.reference)
        for (const [name, make] of Object.entries(REFERENCE_BRIEFS)) put(`${name} ${label}`, make(cut.past, budget));

      const name = `${OURS} ${label}`;
      if (failed.has(name)) continue;
      try {
        const text = await tidemarkBrief(rawPast(options.dir, cut.raw), cut.raw.sid, budget);
        put(name, text);
        const tokens = countTokens(text);
        if (tokens > budget) notes.push(`${name}: ${cut.id} has ${tokens} tokens, more than the budget of ${budget}`);
      } catch (error) {
        // A mean over only the cases that worked would not compare with the other rows.
        failed.add(name);
        rows.delete(name);
        notes.push(`${name}: row left out, ${cut.id} failed: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }
  return { rows, notes };
}

// ---- printing -----------------------------------------------------------------------------------------------

function mean(values: readonly number[]): number {
  const known = values.filter((value) => !Number.isNaN(value));
  return known.reduce((sum, value) => sum + value, 0) / known.length;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function percent(share: number): string {
  return (share * 100).toFixed(1);
}

function printCuts(kind: CaseKind, all: readonly PreparedCase[]): void {
  const of = (value: (cut: PreparedCut) => number) => all.map(({ prepared }) => value(prepared));
  const past = of((cut) => cut.pastTokens);
  const median = past.toSorted((a, b) => a - b)[past.length >> 1] ?? Number.NaN;
  const kinds: Record<string, number> = {};
  for (const { prepared } of all)
    for (const atom of prepared.facts) kinds[atom.charAt(0)] = (kinds[atom.charAt(0)] ?? 0) + 1;
  const repeated = mean(of((cut) => cut.reshown.repeated));
  const total = mean(of((cut) => cut.reshown.total));

  console.log(`\n## ${kind}: ${all.length} cuts\n`);
  console.log(
    `Past ${Math.round(mean(past))} tokens mean, ${median} median; needed facts ${mean(of((cut) => cut.facts.length)).toFixed(1)} mean ` +
      `${JSON.stringify(kinds)}, needed links ${mean(of((cut) => cut.needed.links.size)).toFixed(1)} mean; ` +
      `cheapest re-read of all needed facts ${Math.round(mean(of((cut) => cut.cold)))} tokens mean.`,
  );
  console.log(
    `In the next ${HORIZON} calls ${Math.round(repeated)} of ${Math.round(total)} tokens of tool output (${percent(repeated / total)}%) ` +
      `repeat lines shown before the cut, ${Math.round(mean(of((cut) => cut.reshown.early)))} of them in the first 20.\n`,
  );
}

function printTable(rows: Rows, all: readonly PreparedCase[]): void {
  console.log(
    "| brief | tokens | names present | facts placed | file–name links held | links stated that are true | last request held | precision of names | RCR |",
  );
  console.log("|---|---|---|---|---|---|---|---|---|");
  const cold = sum(all.map(({ prepared }) => prepared.cold));
  for (const [name, scores] of rows) {
    const shares = (["rec", "placed", "lrec", "ltrue", "askR", "prec"] as const).map((key) =>
      percent(mean(scores.map((score) => score[key]))),
    );
    const tokens = Math.round(mean(scores.map((score) => score.tok)));
    const rcr = percent(1 - sum(scores.map((score) => score.cost)) / cold);
    console.log(`| ${[name, tokens, ...shares, rcr].join(" | ")} |`);
  }
}

function printHalves(rows: Rows, all: readonly PreparedCase[], day: string): void {
  for (const [name, isIn] of [["before", (date: string) => date < day], ["since", (date: string) => date >= day]] as const) {
    const cuts = all.filter(({ cut }) => isIn(cut.date));
    if (cuts.length === 0) continue;
    console.log(`\n${cuts.length} cuts of sessions ${name} ${day}:\n`);
    printTable(new Map([...rows].map(([brief, scores]) => [brief, scores.filter((_, i) => isIn(all[i]!.cut.date))])), cuts);
  }
}

/** In how many cuts a brief of the summary's size beats the summary; ties count for neither. */
function printWins(rows: Rows): void {
  const summary = rows.get(SUMMARY);
  if (summary === undefined) return;
  for (const name of [`ledger ${AT_SUMMARY_SIZE}`, `${OURS} ${AT_SUMMARY_SIZE}`]) {
    const scores = rows.get(name);
    if (scores === undefined) continue;
    const wins = (key: "placed" | "lrec" | "askR") =>
      scores.filter((score, i) => score[key] > (summary[i]?.[key] ?? Number.NaN)).length;
    console.log(
      `\n${name} beats the agent's own summary in ${wins("placed")}/${scores.length} cuts on facts placed, ` +
        `${wins("lrec")} on links, ${wins("askR")} on the last request.`,
    );
  }
}

function printCases(rows: Rows, all: readonly PreparedCase[]): void {
  console.log("\n| case | brief | needed | cold | tokens | placed | links held | links true | last request | precision | RCR |");
  console.log("|---|---|---|---|---|---|---|---|---|---|---|");
  all.forEach(({ cut, prepared }, i) => {
    for (const [name, scores] of rows) {
      const score = scores[i];
      if (score === undefined) continue;
      const shares = [score.placed, score.lrec, score.ltrue, score.askR, score.prec, score.rcr].map((share) =>
        Number.isNaN(share) ? "–" : percent(share),
      );
      console.log(`| ${[cut.id, name, prepared.facts.length, prepared.cold, score.tok, ...shares].join(" | ")} |`);
    }
  });
}

const options = readOptions();
for (const kind of options.kinds) {
  const all = preparedCases(options.dir, kind, options.limit);
  if (all.length === 0) {
    console.log(`\n## ${kind}: no cuts to score`);
    continue;
  }
  const { rows, notes } = await measure(all, options);
  printCuts(kind, all);
  printTable(rows, all);
  if (options.split !== undefined) printHalves(rows, all, options.split);
  printWins(rows);
  if (options.perCase) printCases(rows, all);
  if (notes.length > 0) console.log(`\n${notes.map((note) => `Note: ${note}`).join("\n")}`);
}
await closeOurs();
