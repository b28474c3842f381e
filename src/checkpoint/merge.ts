/**
 * Three versions of a text become one: what is on disk with what the agent did taken out. Pure, bytes in and bytes out.
 * Where both sides changed the same lines there is no result; nothing ever gets conflict markers. Bytes that are not
 * text are refused. The one file that names node-diff3.
 */
import { diff3Merge } from "node-diff3";

export type Merged = { readonly ok: true; readonly bytes: Uint8Array } | { readonly ok: false; readonly reason: string };

/**
 * Steps that a comparison may take, at the worst: node-diff3 may run through all lines found so far for every pair of equal
 * lines, and blank lines and brackets make many pairs (20,000 lines with 1,428 blank ones between two edits: 63 s, at
 * 4e10 steps). This many take about a second.
 */
const MOST_STEPS = 5e8;
/** Lines that may be left in one piece, whatever they are. */
const MOST_LINES = 20_000;

/** `base`: what both sides began with; for an undo, what the agent left. `ours`: what is on disk. `theirs`: what is to come back. */
export function mergeText(base: Uint8Array, ours: Uint8Array, theirs: Uint8Array): Merged {
  const texts = [base, ours, theirs].map(textOf);
  const [o, a, b] = texts.map((text) => (text === undefined ? undefined : linesOf(text)));
  if (o === undefined || a === undefined || b === undefined) return { ok: false, reason: "not a text" };
  const least = Math.min(o.length, a.length, b.length);
  const start = common([o, a, b], (lines, i) => lines[i], least);
  const end = common([o, a, b], (lines, i) => lines[lines.length - 1 - i], least - start);
  const inside = (lines: readonly string[]): string[] => lines.slice(start, lines.length - end);
  const pieces = piecesOf([inside(o), inside(a), inside(b)]);
  const steps = pieces.reduce((sum, [one, ...others]) => sum + others.reduce((more, other) => more + pairs(one, other) * Math.min(one.length, other.length), 0), 0);
  if (steps > MOST_STEPS || pieces.some((piece) => piece.some(({ length }) => length > MOST_LINES))) return { ok: false, reason: "too much of it differs to compare" };

  const merged = o.slice(0, start);
  for (const [one, ours, theirs] of pieces) {
    for (const { ok } of diff3Merge(ours, one, theirs)) {
      if (ok === undefined) return { ok: false, reason: "the same lines were changed on both sides" };
      for (const line of ok) merged.push(line);
    }
  }
  for (const line of o.slice(o.length - end)) merged.push(line);
  return { ok: true, bytes: new TextEncoder().encode(merged.join("")) };
}

/** Undefined where the bytes are no UTF-8 or hold a NUL: encoding the text again would not give them back, or they are no text. */
function textOf(bytes: Uint8Array): string | undefined {
  if (bytes.includes(0)) return undefined;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** With their ends: a line that ends in CR LF is another one than with LF alone, and joined they are the text again. */
function linesOf(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}

/** How many lines all three have in common from one end. */
function common(all: Three, at: (lines: readonly string[], i: number) => string | undefined, most: number): number {
  let n = 0;
  while (n < most && all.every((lines) => at(lines, n) === at(all[0], n))) n += 1;
  return n;
}

type Three = readonly [o: string[], a: string[], b: string[]];

/**
 * The three texts cut into pieces that can be merged one by one, in front of lines that each of them has exactly once and
 * in the same order. Every piece but the first begins with such a line, which no side changed, so that changes in two
 * pieces never touch.
 */
function piecesOf(all: Three): Three[] {
  const [o, a, b] = all;
  const [inA, inB] = [placesOf(a), placesOf(b)];
  let anchors: [number, number, number][] = [];
  for (const [line, i] of placesOf(o)) {
    const [j, k] = [inA.get(line), inB.get(line)];
    if (i !== MANY && j !== undefined && j !== MANY && k !== undefined && k !== MANY) anchors.push([i, j, k]);
  }
  anchors = rising(rising(anchors, 1), 2);
  const pieces: Three[] = [];
  let from: readonly [number, number, number] = [0, 0, 0];
  for (const to of [...anchors, [o.length, a.length, b.length] as const]) {
    pieces.push([o.slice(from[0], to[0]), a.slice(from[1], to[1]), b.slice(from[2], to[2])]);
    from = to;
  }
  return pieces;
}

const MANY = -1;

/** Each line with its place, or that it has several; in the order of the lines. */
function placesOf(lines: readonly string[]): Map<string, number> {
  const places = new Map<string, number>();
  for (const [i, line] of lines.entries()) places.set(line, places.has(line) ? MANY : i);
  return places;
}

/** The longest part of the list, in its order, in which the places of this side rise. */
function rising<T extends readonly number[]>(list: readonly T[], side: number): T[] {
  /** Of each length the one that ends lowest, with the one before it. */
  const ends: { readonly item: T; readonly before: (typeof ends)[number] | undefined }[] = [];
  for (const item of list) {
    let [low, high] = [0, ends.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (ends[middle]!.item[side]! < item[side]!) low = middle + 1;
      else high = middle;
    }
    ends[low] = { item, before: ends[low - 1] };
  }
  const longest: T[] = [];
  for (let at = ends.at(-1); at !== undefined; at = at.before) longest.push(at.item);
  return longest.reverse();
}

function pairs(one: readonly string[], other: readonly string[]): number {
  const counts = new Map<string, number>();
  for (const line of one) counts.set(line, (counts.get(line) ?? 0) + 1);
  return other.reduce((sum, line) => sum + (counts.get(line) ?? 0), 0);
}
