/**
 * What changed between two texts, line by line: as hunks, as counts, and as runs of lines. The one file that names jsdiff.
 *
 * It looks for the fewest changed lines, which costs the square of how many those are. Past a limit the texts are cut at
 * lines that both have exactly once, and a piece in which still too much differs is said to be replaced whole: never
 * wrong, but no longer the least. `exact` is false then.
 */
import { diffArrays } from "diff";

/** Lines that both have, that were taken out, or that were put in; of a change the first come before the second. */
export interface Run {
  readonly sign: " " | "-" | "+";
  readonly lines: readonly string[];
}

export interface Comparison {
  readonly runs: readonly Run[];
  /** False where more is said to have changed than has. */
  readonly exact: boolean;
}

export interface LineCount {
  readonly added: number;
  readonly removed: number;
  readonly exact: boolean;
}

/** Changed lines looked for, in the whole and in a piece of it. 20,000 lines with more changes than that: 0.26 s (Node 20). */
const MOST_CHANGED = 1000;
const MOST_IN_PIECE = 300;

/** Hunks with that many unchanged lines around each change; empty where nothing changed. Line ends are not compared. */
export function lineDiff(before: string, after: string, context = 3): string[] {
  return hunks(compareLines(plainLines(before), plainLines(after)).runs, context, (line) => [line], (count) => `,${count}`);
}

/** The same as git prints it: line ends count, a last line without one is marked, and a hunk of one line has no count. */
export function unifiedDiff(before: string, after: string, context = 3): string[] {
  const { runs } = compareLines(splitLines(before), splitLines(after));
  return hunks(runs, context, (line) => (line.endsWith("\n") ? [line.slice(0, -1)] : [line, "\\ No newline at end of file"]), (count) => (count === 1 ? "" : `,${count}`));
}

export function countLines(before: string, after: string): LineCount {
  const { runs, exact } = compareLines(splitLines(before), splitLines(after));
  const sum = (sign: Run["sign"]): number => runs.reduce((total, run) => (run.sign === sign ? total + run.lines.length : total), 0);
  return { added: sum("+"), removed: sum("-"), exact };
}

/** Lines with their ends: joined they are the text again. */
export function splitLines(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}

export function compareLines(before: readonly string[], after: readonly string[]): Comparison {
  const least = Math.min(before.length, after.length);
  let start = 0;
  while (start < least && before[start] === after[start]) start++;
  let end = 0;
  while (end < least - start && before[before.length - 1 - end] === after[after.length - 1 - end]) end++;
  const [old, young] = [before.slice(start, before.length - end), after.slice(start, after.length - end)];
  const middle = fewest(old, young, MOST_CHANGED);
  const pieces = middle === undefined ? piecesOf(old, young).map(([a, b]) => fewest(a, b, MOST_IN_PIECE) ?? { runs: replaced(a, b), exact: false }) : [middle];
  const runs = [{ sign: " " as const, lines: before.slice(0, start) }, ...pieces.flatMap((piece) => piece.runs), { sign: " " as const, lines: before.slice(before.length - end) }];
  return { runs: joined(runs), exact: pieces.every(({ exact }) => exact) };
}

function fewest(before: readonly string[], after: readonly string[], most: number): Comparison | undefined {
  if (before.length === 0 || after.length === 0) return { runs: replaced(before, after), exact: true };
  if (Math.abs(before.length - after.length) > most) return undefined;
  const found = diffArrays([...before], [...after], { maxEditLength: most });
  return found === undefined ? undefined : { runs: found.map(({ value, added, removed }) => ({ sign: added ? "+" : removed ? "-" : " ", lines: value })), exact: true };
}

function replaced(before: readonly string[], after: readonly string[]): Run[] {
  return [{ sign: "-", lines: before }, { sign: "+", lines: after }];
}

/** Cut in front of lines that both sides have exactly once, in the order that leaves the most of them (patience diff). */
function piecesOf(before: readonly string[], after: readonly string[]): [string[], string[]][] {
  const places = onlyPlaces(after);
  const both = [...onlyPlaces(before)].flatMap(([line, i]): [number, number][] => {
    const j = places.get(line);
    return j === undefined ? [] : [[i, j]];
  });
  const pieces: [string[], string[]][] = [];
  let [i, j] = [0, 0];
  for (const [nextI, nextJ] of [...rising(both), [before.length, after.length] as const]) {
    pieces.push([before.slice(i, nextI), after.slice(j, nextJ)]);
    [i, j] = [nextI, nextJ];
  }
  return pieces;
}

/** Lines that are there once, with their place, in order. */
function onlyPlaces(lines: readonly string[]): Map<string, number> {
  const places = new Map<string, number>();
  const several = new Set<string>();
  for (const [i, line] of lines.entries()) {
    if (places.has(line)) several.add(line);
    else places.set(line, i);
  }
  for (const line of several) places.delete(line);
  return places;
}

/** The longest part of the list in which the second places rise as the first ones do. */
function rising(list: readonly (readonly [number, number])[]): (readonly [number, number])[] {
  interface End {
    readonly item: readonly [number, number];
    readonly before: End | undefined;
  }
  const ends: End[] = [];
  for (const item of list) {
    let [low, high] = [0, ends.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (ends[middle]!.item[1] < item[1]) low = middle + 1;
      else high = middle;
    }
    ends[low] = { item, before: ends[low - 1] };
  }
  const longest: (readonly [number, number])[] = [];
  for (let at = ends.at(-1); at !== undefined; at = at.before) longest.push(at.item);
  return longest.reverse();
}

/** Runs of one sign made one, and of each change what was taken out before what was put in. */
function joined(runs: readonly Run[]): Run[] {
  const result: Run[] = [];
  let same: string[] = [];
  let changed: { "-": string[]; "+": string[] } = { "-": [], "+": [] };
  const closeSame = (): void => {
    if (same.length > 0) result.push({ sign: " ", lines: same });
    same = [];
  };
  const closeChange = (): void => {
    for (const sign of ["-", "+"] as const) if (changed[sign].length > 0) result.push({ sign, lines: changed[sign] });
    changed = { "-": [], "+": [] };
  };
  for (const { sign, lines } of runs) {
    if (lines.length === 0) continue;
    if (sign === " ") closeChange();
    else closeSame();
    const into = sign === " " ? same : changed[sign];
    for (const line of lines) into.push(line);
  }
  closeSame();
  closeChange();
  return result;
}

function hunks(runs: readonly Run[], context: number, shown: (line: string) => string[], counted: (count: number) => string): string[] {
  const result: string[] = [];
  let [oldLine, newLine] = [1, 1];
  let open: { old: number; new: number; body: { sign: string; line: string }[] } | undefined;
  const close = (): void => {
    if (open === undefined) return;
    const [removed, added] = [open.body.filter(({ sign }) => sign !== "+").length, open.body.filter(({ sign }) => sign !== "-").length];
    // An empty side is said to stand after the line before it.
    result.push(`@@ -${removed === 0 ? open.old - 1 : open.old}${counted(removed)} +${added === 0 ? open.new - 1 : open.new}${counted(added)} @@`);
    for (const { sign, line } of open.body) {
      const [first, ...more] = shown(line);
      result.push(sign + first!, ...more);
    }
    open = undefined;
  };
  for (const [i, { sign, lines }] of runs.entries()) {
    if (sign !== " ") {
      open ??= { old: oldLine, new: newLine, body: [] };
      for (const line of lines) open.body.push({ sign, line });
      if (sign === "-") oldLine += lines.length;
      else newLine += lines.length;
      continue;
    }
    const isLast = i === runs.length - 1;
    if (open !== undefined && !isLast && lines.length <= 2 * context) for (const line of lines) open.body.push({ sign, line });
    else {
      if (open !== undefined) for (const line of lines.slice(0, context)) open.body.push({ sign, line });
      close();
      const before = isLast ? 0 : Math.min(context, lines.length);
      if (!isLast) open = { old: oldLine + lines.length - before, new: newLine + lines.length - before, body: lines.slice(lines.length - before).map((line) => ({ sign, line })) };
    }
    oldLine += lines.length;
    newLine += lines.length;
  }
  close();
  return result;
}

function plainLines(text: string): string[] {
  if (text === "") return [];
  const lines = text.split(/\r?\n/);
  if (lines.at(-1) === "") lines.pop();
  return lines;
}
