/**
 * The cuts to measure at, read from a folder of recorded sessions:
 *   `normalized/index.json`, `normalized/<sid>.jsonl.gz`   event lists, which facts are counted on
 *   `claude-code-raw/<sid>.jsonl.gz`                       the agent's own records of the same sessions
 *
 * Two kinds: `compaction`, where the agent itself gave up its context, and `session`, where work on a branch went
 * on in a new session within four days.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import type { Cut, TranscriptEvent } from "./metric.ts";

export type CaseKind = "compaction" | "session";

export interface RawPast {
  readonly sid: string;
  /**
   * How many raw lines came before the cut: for a compaction the index of its `compact_boundary` record, for a
   * session cut absent, as the whole transcript is past. With a second compaction these lines reach back to the
   * session's beginning, while `past` starts at the summary before.
   */
  readonly boundary: number | undefined;
  /** Why the cut cannot be found in the raw transcript; `rawPast` then throws. */
  readonly problem: string | undefined;
}

export interface Case extends Cut {
  readonly id: string;
  readonly kind: CaseKind;
  readonly date: string;
  /** The agent's own summary at this cut; only a compaction has one. */
  readonly llm: string | undefined;
  readonly raw: RawPast;
}

interface IndexEntry {
  readonly sid: string;
  readonly branch?: string | null;
  readonly t0: string;
  readonly t1: string;
  readonly compactions: number;
}

/** Tool calls after the cut that are looked at. */
export const HORIZON = 100;
const MIN_FUTURE_CALLS = 15;
const MIN_PAST_EVENTS = 41;
const MAX_GAP_HOURS = 96;

function readLines(file: string): string[] {
  const lines = gunzipSync(readFileSync(file)).toString("utf8").split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

function loadEvents(dir: string, sid: string): TranscriptEvent[] {
  return readLines(join(dir, "normalized", `${sid}.jsonl.gz`)).map((line) => JSON.parse(line) as TranscriptEvent);
}

function rawFile(dir: string, sid: string): string {
  return join(dir, "claude-code-raw", `${sid}.jsonl.gz`);
}

let lastRaw: { file: string; lines: string[] } | undefined;

/** The last transcript is kept: cuts of one session follow each other. */
function rawLines(dir: string, sid: string): string[] {
  const file = rawFile(dir, sid);
  if (lastRaw?.file !== file) lastRaw = { file, lines: readLines(file) };
  return lastRaw.lines;
}

/** The raw transcript up to the cut: all that a tool could have seen at that moment. */
export function rawPast(dir: string, past: RawPast): string[] {
  if (past.problem !== undefined) throw new Error(past.problem);
  return rawLines(dir, past.sid).slice(0, past.boundary);
}

/** Raw lines that record a compaction: the marker, and the summary the new context opens with. */
function compactionLines(lines: readonly string[]): { boundaries: number[]; summaries: number[] } {
  const boundaries: number[] = [];
  const summaries: number[] = [];
  lines.forEach((line, index) => {
    if (!line.includes("compact_boundary") && !line.includes("isCompactSummary")) return;
    const record = JSON.parse(line) as { type?: unknown; subtype?: unknown; isCompactSummary?: unknown };
    if (record.type === "system" && record.subtype === "compact_boundary") boundaries.push(index);
    if (record.isCompactSummary === true) summaries.push(index);
  });
  return { boundaries, summaries };
}

/**
 * Where each compaction is in the raw transcript, the k-th belonging to the k-th summary of the event list. A
 * session whose two forms disagree has a problem instead: a wrong past would be measured without notice.
 */
function compactionBoundaries(dir: string, sid: string, expected: number): { at: number[]; problem?: string } {
  if (!existsSync(rawFile(dir, sid))) return { at: [], problem: `${sid}: no raw transcript` };
  const { boundaries, summaries } = compactionLines(rawLines(dir, sid));
  const inOrder = boundaries.every((at, k) => at < (summaries[k] ?? -1) && at > (summaries[k - 1] ?? -1));
  if (boundaries.length === expected && summaries.length === expected && inOrder) return { at: boundaries };
  const found = `boundaries at raw lines [${boundaries}], summaries at [${summaries}]`;
  return { at: [], problem: `${sid}: ${expected} summaries in the event list, but ${found}` };
}

/** The events from `start` until the horizon's last tool call or the next compaction, and their number of calls. */
function futureFrom(events: readonly TranscriptEvent[], start: number, stopAtSummary: boolean) {
  let calls = 0;
  let end = start;
  for (; end < events.length && calls < HORIZON; end++) {
    const kind = events[end]?.k;
    if (stopAtSummary && kind === "summary") break;
    if (kind === "use") calls++;
  }
  return { future: events.slice(start, end), calls };
}

function isLongEnough(past: readonly TranscriptEvent[], calls: number): boolean {
  return calls >= MIN_FUTURE_CALLS && past.length >= MIN_PAST_EVENTS;
}

function* compactionCases(dir: string, index: readonly IndexEntry[]): Generator<Case> {
  for (const { sid, compactions, t0 } of index) {
    if (!compactions) continue;
    const events = loadEvents(dir, sid);
    const summaries = events.flatMap((event, at) => (event.k === "summary" ? [{ at, text: event.text }] : []));
    const boundaries = compactionBoundaries(dir, sid, summaries.length);
    let from = 0;
    for (const [k, { at, text }] of summaries.entries()) {
      const past = events.slice(from, at);
      from = at;
      const { future, calls } = futureFrom(events, at + 1, true);
      if (!isLongEnough(past, calls)) continue;
      const raw = { sid, boundary: boundaries.at[k], problem: boundaries.problem };
      yield { id: `${sid.slice(0, 8)}@${at}`, kind: "compaction", date: t0, past, future, llm: text, raw };
    }
  }
}

function* sessionCases(dir: string, index: readonly IndexEntry[]): Generator<Case> {
  const byBranch = new Map<string, IndexEntry[]>();
  for (const entry of index) {
    if (!entry.branch || entry.branch === "main") continue;
    const group = byBranch.get(entry.branch);
    if (group === undefined) byBranch.set(entry.branch, [entry]);
    else group.push(entry);
  }
  for (const group of byBranch.values()) {
    group.sort((a, b) => (a.t0 < b.t0 ? -1 : 1));
    for (const [i, next] of group.entries()) {
      const before = group[i - 1];
      if (before === undefined) continue;
      const gapHours = (Date.parse(next.t0) - Date.parse(before.t1)) / 3_600_000;
      if (gapHours < 0 || gapHours > MAX_GAP_HOURS) continue;
      const past = loadEvents(dir, before.sid);
      const { future, calls } = futureFrom(loadEvents(dir, next.sid), 0, false);
      if (!isLongEnough(past, calls)) continue;
      const raw = { sid: before.sid, boundary: undefined, problem: undefined };
      yield { id: next.sid.slice(0, 8), kind: "session", date: next.t0, past, future, llm: undefined, raw };
    }
  }
}

export function* cases(dir: string, kind: CaseKind): Generator<Case> {
  const index = JSON.parse(readFileSync(join(dir, "normalized", "index.json"), "utf8")) as IndexEntry[];
  yield* kind === "compaction" ? compactionCases(dir, index) : sessionCases(dir, index);
}
