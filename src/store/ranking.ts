/**
 * How a search is understood and its hits are ranked; pure, shared by every store. A store only finds candidates.
 *
 * The query is never handed to an index as it was typed: AND and phrase queries, the defaults people write first,
 * find nothing for a question asked in words (docs/performance.md). Terms are OR-ed without stop words, rare ones
 * weigh more, and what the words stand close together in, or what a person said, comes first.
 */
import type { Role } from "../event/text.ts";
import { splitName } from "../event/text.ts";

const STOP = new Set(
  ("a about after again all also am an and any are as at be because been before being both but by can could did do does doing during each few for from " +
    "further had has have having he her here hers him his how i if in into is it its just me more most my no nor not now of off on once only or other our " +
    "out over own same she should so some such than that the their them then there these they this those through to too under until up us very was we were " +
    "what when where which while who whom whose why will with would you your yours ever got get let say said tell told want wanted").split(" "),
);

export interface Query {
  /** Words to look for, lower case; a camelCase name stands whole and its parts follow with less weight. */
  readonly terms: readonly { text: string; weight: number }[];
  /** Texts in double quotes: every hit must hold them. */
  readonly phrases: readonly string[];
}

/** Undefined where no word is left that can be searched for. */
export function parseQuery(text: string): Query | undefined {
  const phrases: string[] = [];
  const rest = text.replace(/"([^"]+)"/g, (_, phrase: string) => {
    phrases.push(phrase.toLowerCase());
    return ` ${phrase} `;
  });
  const terms = new Map<string, number>();
  const add = (term: string, weight: number): void => void (term.length > 0 && terms.set(term, Math.max(weight, terms.get(term) ?? 0)));
  const all = rest.match(/[\p{L}\p{N}_]+/gu) ?? [];
  const content = all.filter((word) => !STOP.has(word.toLowerCase()));
  // "what is it" is a search too: better a poor answer than none.
  for (const word of content.length > 0 ? content : all) {
    for (const piece of word.split("_")) add(piece.toLowerCase(), 1);
    const parts = splitName(word);
    if (parts.length > 1) for (const part of parts) if (part.length > 2 && !STOP.has(part)) add(part, 0.4);
    for (const [run] of word.matchAll(/[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]{2,}/g)) for (let i = 0; i + 1 < run.length; i++) add(run.slice(i, i + 2), 0.5);
  }
  if (terms.size === 0) return undefined;
  return { terms: [...terms].slice(0, 24).map(([term, weight]) => ({ text: term, weight })), phrases };
}

/** What the words of a person are worth beside those of a tool: they are few, and they are what is remembered. */
const ROLE_WEIGHT: Record<Role, number> = { user: 1.35, assistant: 1.25, tool: 0.7, system: 0.8 };

/** Rarity of a term found in `found` of `total` texts (BM25's idf). */
export function rarity(found: number, total: number): number {
  return Math.log(1 + (total - found + 0.5) / (found + 0.5));
}

export interface Candidate {
  readonly text: string;
  readonly role: Role;
  /** 0 oldest to 1 newest: a prior for "where was I", small enough that a better text wins. */
  readonly recency: number;
}

/** Saturation and length normalisation, set on short texts: neighbours in a transcript differ in length by 1:1000. */
const K1 = 0.9;
const B = 0.35;
const MEAN_WORDS = 120;

export function score(query: Query, rarities: ReadonlyMap<string, number>, candidate: Candidate): number {
  const words = candidate.text.toLowerCase().slice(0, 60_000).match(/[\p{L}\p{N}]+/gu) ?? [];
  const wanted = query.terms.map(({ text, weight }) => ({ stem: stem(text), weight, idf: rarities.get(text) ?? 1 }));
  const times = new Array<number>(wanted.length).fill(0);
  const last = new Array<number>(wanted.length).fill(-1e9);
  let nearest = Infinity;
  for (const [at, word] of words.entries()) {
    for (const [i, { stem: start }] of wanted.entries()) {
      if (!word.startsWith(start) || word.length > start.length + 5) continue;
      times[i]! += 1;
      last[i] = at;
      // The smallest window that held the most terms so far.
      const near = last.filter((position) => at - position <= 24).length;
      if (near >= 2) nearest = Math.min(nearest, 1 / near);
    }
  }
  const norm = 1 - B + B * (words.length / MEAN_WORDS) ** 0.5;
  let sum = 0;
  let covered = 0;
  let possible = 0;
  for (const [i, { weight, idf }] of wanted.entries()) {
    possible += weight * idf;
    const tf = times[i]!;
    if (tf === 0) continue;
    sum += (weight * idf * tf * (K1 + 1)) / (tf + K1 * norm);
    covered += weight * idf;
  }
  if (sum === 0) return 0;
  const coverage = covered / possible;
  const proximity = nearest === Infinity ? 0 : 1 - nearest;
  return sum * ROLE_WEIGHT[candidate.role] * (0.55 + 0.45 * coverage) * (1 + 0.35 * proximity) * (1 + 0.08 * candidate.recency);
}

/** Holds every quoted phrase, whatever the white space between its words. */
export function holdsPhrases(query: Query, text: string): boolean {
  if (query.phrases.length === 0) return true;
  const flat = text.toLowerCase().replace(/\s+/g, " ");
  return query.phrases.every((phrase) => flat.includes(phrase.replace(/\s+/g, " ")));
}

/** A light stem for scoring texts the index has already found by its own (porter) stems. */
function stem(word: string): string {
  if (word.length <= 4) return word;
  return word.replace(/(?:ations?|ings?|ions?|ments?|ness|ally|edly|ies|ied|ed|es|ly|s|e|y)$/, (ending) => (word.length - ending.length >= 3 ? "" : ending));
}

/** The part of a text that answers the query best, at most `length` characters, on one line. */
export function excerpt(query: Query, text: string, length: number): string {
  const flat = text.replace(/\s+/g, " ").trim();
  if (flat.length <= length) return flat;
  const lower = flat.toLowerCase();
  const places: number[] = [];
  for (const { text: term } of query.terms) {
    const start = stem(term);
    for (let at = lower.indexOf(start), n = 0; at >= 0 && n < 50; at = lower.indexOf(start, at + 1), n++) places.push(at);
  }
  let best = 0;
  let most = -1;
  for (const place of places) {
    const from = Math.max(0, place - Math.floor(length / 4));
    const held = new Set(query.terms.filter(({ text: term }) => lower.slice(from, from + length).includes(stem(term))).map(({ text: term }) => term)).size;
    if (held > most) [best, most] = [from, held];
  }
  const start = best === 0 ? 0 : lower.indexOf(" ", best - 1) + 1 || best;
  return `${start > 0 ? "…" : ""}${flat.slice(start, start + length)}${start + length < flat.length ? "…" : ""}`;
}

/** Where the query's words stand in a text, for highlighting: [start, end) pairs in order. */
export function matches(query: Query, text: string): [number, number][] {
  const stems = query.terms.map(({ text: term }) => stem(term));
  const found: [number, number][] = [];
  for (const match of text.matchAll(/[\p{L}\p{N}]+/gu)) {
    const word = match[0].toLowerCase();
    if (stems.some((start) => word.startsWith(start) && word.length <= start.length + 5)) found.push([match.index, match.index + match[0].length]);
  }
  return found;
}
