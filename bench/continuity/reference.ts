/**
 * Briefs to compare with, all made from the past alone and kept within a budget of tokens: the end of the
 * transcript (raw, or with tool output left out) and the ledger, the best of the earlier study. Frozen like the
 * metric, as published numbers refer to them.
 */
import {
  atoms,
  briefAtoms,
  commands,
  countTokens,
  inputText,
  links,
  resultsByUse,
  type Atom,
  type ResultsByUse,
  type ToolUseEvent,
  type TranscriptEvent,
} from "./metric.ts";

type Past = readonly TranscriptEvent[];
export type MakeBrief = (past: Past, budget: number) => string;

function clip(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length)}…` : text;
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ");
}

// ---- tails --------------------------------------------------------------------------------------------------

function rawLine(event: TranscriptEvent): string {
  if (event.k === "use") return `[${event.tool}] ${clip(oneLine(inputText(event, true)), 1500)}`;
  return `${event.k}: ${event.text}`;
}

function maskedLine(event: TranscriptEvent): string {
  if (event.k === "use") return `[${event.tool}] ${clip(oneLine(inputText(event, false)), 200)}`;
  if (event.k !== "result") return `${event.k}: ${clip(event.text, 600)}`;
  if (!event.err) return `→ ok (${event.tok} tok)`;
  return `→ ERROR ${clip(event.text.split("\n").slice(0, 2).join(" "), 160)}`;
}

/** The last events that fit; of the first that does not, roughly as much of its end as there is room for. */
function tail(past: Past, budget: number, show: (event: TranscriptEvent) => string): string {
  const lines: string[] = [];
  let used = 0;
  for (const event of past.toReversed()) {
    const line = show(event);
    const cost = countTokens(line) + 1;
    if (used + cost > budget) {
      const left = budget - used;
      if (left > 40) lines.push(line.slice(-left * 3));
      break;
    }
    lines.push(line);
    used += cost;
  }
  return lines.reverse().join("\n");
}

export const rawTail: MakeBrief = (past, budget) => tail(past, budget, rawLine);
export const maskedTail: MakeBrief = (past, budget) => tail(past, budget, maskedLine);

// ---- ledger: ranking ----------------------------------------------------------------------------------------

/** How often a fact came up, by where it stood, and how lately: 1 is the last event, towards 0 the first. */
interface AtomStats {
  use: number;
  body: number;
  say: number;
  user: number;
  res: number;
  err: number;
  last: number;
  lastWorking: number;
}

const WEIGHTS = { use: 1, say: 1.2, user: 1.5, body: 0.25, res: 0.12, err: 0.5, lastWorking: 2.2, last: 0.6 };
const KIND_WEIGHTS: Readonly<Record<string, number>> = { f: 0.6, c: 0.8, s: 0, r: 0.4 };

function statistics(past: Past): Map<Atom, AtomStats> {
  const all = new Map<Atom, AtomStats>();
  past.forEach((event, i) => {
    const working = atoms(event, "working");
    for (const atom of atoms(event)) {
      let stats = all.get(atom);
      if (stats === undefined) {
        stats = { use: 0, body: 0, say: 0, user: 0, res: 0, err: 0, last: i, lastWorking: -1 };
        all.set(atom, stats);
      }
      stats.last = i;
      if (working.has(atom)) stats.lastWorking = i;
      if (event.k === "use") stats[working.has(atom) ? "use" : "body"]++;
      else if (event.k === "assistant") stats.say++;
      else if (event.k === "result") {
        stats.res++;
        if (event.err) stats.err++;
      } else stats.user++;
    }
  });
  return all;
}

function weigh(atom: Atom, stats: AtomStats, events: number): number {
  const recency = (at: number) => (at < 0 ? 0 : 1 - (events - 1 - at) / events);
  return (
    WEIGHTS.use * Math.log1p(stats.use) +
    WEIGHTS.say * Math.log1p(stats.say) +
    WEIGHTS.user * Math.log1p(stats.user) +
    WEIGHTS.body * Math.log1p(stats.body) +
    WEIGHTS.res * Math.log1p(stats.res) +
    WEIGHTS.err * Math.log1p(stats.err) +
    WEIGHTS.lastWorking * recency(stats.lastWorking) ** 2 +
    WEIGHTS.last * recency(stats.last) ** 2 +
    (KIND_WEIGHTS[atom.charAt(0)] ?? 0)
  );
}

// ---- ledger: sections ---------------------------------------------------------------------------------------

/** The first request and the last six, the newest getting the room first. */
function requestLines(past: Past, room: number): string[] {
  const texts = past.flatMap((event) =>
    event.k === "user" &&
    event.text !== "" &&
    !/^<(command|local|system)/.test(event.text) &&
    !/tool_use_id|Request interrupted/.test(event.text)
      ? [event]
      : [],
  );
  const first = texts[0];
  if (first === undefined) return [];
  const chosen = [first, ...texts.slice(-6).filter((event) => event !== first)];
  const lines: string[] = [];
  let used = 0;
  for (const event of chosen.toReversed()) {
    const line = clip(oneLine(event.text), Math.max(120, room));
    const cost = countTokens(line);
    if (used + cost > room) continue;
    used += cost;
    lines.push(`- ${line}`);
  }
  return lines.reverse();
}

/** What is not done yet of the last plan the agent wrote down; undefined when there was none, or an empty one. */
function planLines(past: Past): string[] | undefined {
  const isPlan = (event: TranscriptEvent): event is ToolUseEvent => event.k === "use" && event.tool === "TodoWrite";
  const plan = past.findLast(isPlan);
  const todos = (plan?.input?.["todos"] || []) as readonly { status: string; content: string }[];
  if (todos.length === 0) return undefined;
  return todos
    .filter((todo) => todo.status !== "completed")
    .map((todo) => `- [${todo.status === "in_progress" ? "~" : " "}] ${todo.content}`)
    .slice(0, 10);
}

/** Commands run often and lately, each with whether its last run failed. */
function commandLine(past: Past, results: ResultsByUse, budget: number): string {
  const seen = new Map<string, { runs: number; last: number; failed: boolean }>();
  past.forEach((event, i) => {
    if (event.k !== "use" || event.tool !== "Bash") return;
    for (const command of commands(event.input?.["command"])) {
      const runs = (seen.get(command)?.runs ?? 0) + 1;
      // `set` on a known key keeps its place, which decides between equals.
      seen.set(command, { runs, last: i, failed: Boolean(results.get(event.id)?.err) });
    }
  });
  return [...seen]
    .sort(
      ([, a], [, b]) =>
        Math.log1p(b.runs) + (3 * b.last) / past.length - Math.log1p(a.runs) - (3 * a.last) / past.length,
    )
    .slice(0, Math.max(5, Math.floor(budget / 130)))
    .map(([command, { failed }]) => `${command}${failed ? " (FAILED)" : ""}`)
    .join(" · ");
}

/** The first telling line of each of the last four outputs with an error, no error twice. */
function errorLines(past: Past): string[] {
  const lines: string[] = [];
  for (const event of past.toReversed()) {
    if (lines.length >= 4) break;
    if (event.k !== "result" || !/\b(FAIL|panic|error:|undefined:|cannot )/.test(event.text)) continue;
    const line = event.text
      .split("\n")
      .find((text) => /\b(--- FAIL|panic|error:|undefined:|cannot )/.test(text))
      ?.trim();
    if (line === undefined || lines.some((known) => known.includes(line.slice(0, 40)))) continue;
    lines.push(`- ${clip(line, 140)}`);
  }
  return lines;
}

/** The last things the agent said. */
function proseLines(past: Past, room: number): string[] {
  const lines: string[] = [];
  let used = 0;
  for (const event of past.toReversed()) {
    if (event.k !== "assistant" || event.text.length <= 30) continue;
    if (used >= room) break;
    const line = clip(oneLine(event.text), 700);
    const cost = countTokens(line);
    if (used + cost > room) break;
    used += cost;
    lines.push(`- ${line}`);
  }
  return lines.reverse();
}

function fit(parts: readonly string[], budget: number): string {
  let used = 0;
  const kept = parts.filter((part) => {
    const cost = countTokens(part) + 1;
    if (used + cost > budget) return false;
    used += cost;
    return true;
  });
  return kept.join("\n");
}

/** The file each symbol belongs to most: edits count three times, prose twice, and late events more. */
function fileOfSymbol(past: Past, results: ResultsByUse): Map<string, string> {
  const votes = new Map<string, Map<string, number>>();
  past.forEach((event, i) => {
    const isEdit = event.k === "use" && /Edit|Write/.test(event.tool);
    const weight = isEdit ? 3 : event.k === "assistant" ? 2 : 1;
    for (const link of links(event, results)) {
      const bar = link.indexOf("|");
      const file = link.slice(0, bar);
      const symbol = link.slice(bar + 1);
      const files = votes.get(symbol) ?? new Map<string, number>();
      votes.set(symbol, files);
      files.set(file, (files.get(file) ?? 0) + weight * (0.5 + i / past.length));
    }
  });
  const chosen = new Map<string, string>();
  for (const [symbol, files] of votes) {
    const best = [...files].sort(([, a], [, b]) => b - a)[0];
    if (best !== undefined) chosen.set(symbol, best[0]);
  }
  return chosen;
}

// ---- ledger: names under their files ------------------------------------------------------------------------

const SYMBOLS_PER_ROW = 36;

/** What of the past is the same for every budget. */
interface Names {
  /** All facts but commands, best first. */
  readonly ranked: readonly Atom[];
  readonly fileOf: ReadonlyMap<string, string>;
}

const namesCache = new WeakMap<Past, Names>();

function namesOf(past: Past, results: ResultsByUse): Names {
  const known = namesCache.get(past);
  if (known !== undefined) return known;
  const ranked = [...statistics(past)]
    .filter(([atom]) => !atom.startsWith("c:"))
    .map(([atom, stats]) => ({ atom, score: weigh(atom, stats, past.length) }))
    .sort((a, b) => b.score - a.score)
    .map(({ atom }) => atom);
  const names = { ranked, fileOf: fileOfSymbol(past, results) };
  namesCache.set(past, names);
  return names;
}

function nameLines({ ranked, fileOf }: Names, head: string, room: number): string[] {
  const inHead = briefAtoms(head);
  const groups = new Map<string, string[]>();
  const loose: string[] = [];
  let left = room;
  for (const atom of ranked) {
    if (left < 4) break;
    const name = atom.slice(2);
    const cost = countTokens(` ${name}`) + 1;
    if (left < cost) continue;

    if (atom.startsWith("f:")) {
      if (groups.has(name) || inHead.has(atom)) continue;
      groups.set(name, []);
      left -= cost + 1;
      continue;
    }

    const file = atom.startsWith("s:") ? fileOf.get(name) : undefined;
    if (file !== undefined) {
      let group = groups.get(file);
      if (group === undefined) {
        const fileCost = countTokens(file) + 2;
        if (left >= fileCost + cost) {
          group = [];
          groups.set(file, group);
          left -= fileCost;
        }
      }
      if (group !== undefined && left >= cost) {
        group.push(name);
        left -= cost;
        continue;
      }
    }

    if (!inHead.has(atom) && left >= cost) {
      loose.push(name);
      left -= cost;
    }
  }

  const rows: string[] = [];
  for (const [file, symbols] of groups) {
    if (symbols.length === 0) rows.push(file);
    for (let from = 0; from < symbols.length; from += SYMBOLS_PER_ROW)
      rows.push(`${file}: ${symbols.slice(from, from + SYMBOLS_PER_ROW).join(" ")}`);
  }
  if (loose.length > 0) rows.push(`other: ${loose.join(" ")}`);
  return rows;
}

/** Requests, plan, commands, errors and last words; what room is left goes to names under their files. */
export const ledger: MakeBrief = (past, budget) => {
  const results = resultsByUse(past);
  const head = ["# Requests", ...requestLines(past, Math.floor(budget * 0.22))];
  const plan = planLines(past);
  if (plan !== undefined) head.push("# Plan", ...plan);
  const commandsRun = commandLine(past, results, budget);
  if (commandsRun !== "") head.push("# Commands", commandsRun);
  const errors = errorLines(past);
  if (errors.length > 0) head.push("# Last errors", ...errors);
  const prose = proseLines(past, Math.floor(budget * 0.2));
  if (prose.length > 0) head.push("# Where it stood", ...prose);

  const text = fit(head, budget);
  const names = nameLines(namesOf(past, results), text, budget - countTokens(text) - 12);
  return [text, "# Files and names", ...names].join("\n");
};

export const REFERENCE_BRIEFS: Readonly<Record<string, MakeBrief>> = {
  "raw tail": rawTail,
  "masked tail (tool output elided)": maskedTail,
  ledger,
};
