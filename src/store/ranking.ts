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

/** In lower case: a word of the language that says nothing of the matter. */
export function isStopWord(word: string): boolean {
  return STOP.has(word);
}

export interface Query {
  /** Words to look for, lower case; a camelCase name stands whole and its parts follow with less weight. */
  readonly terms: readonly { text: string; weight: number }[];
  /** Texts in double quotes: every hit must hold them. */
  readonly phrases: readonly string[];
}

/** Undefined where no word is left that can be searched for; of a long text the first `most` words. */
export function parseQuery(text: string, most = 24): Query | undefined {
  const phrases: string[] = [];
  const rest = text.replace(/"([^"]+)"/g, (_, phrase: string) => {
    phrases.push(phrase.toLowerCase());
    return ` ${phrase} `;
  });
  const terms = new Map<string, number>();
  const add = (term: string, weight: number): void => void (term.length > 0 && terms.set(term, Math.max(weight, terms.get(term) ?? 0)));
  // "Ann's", "don't": an s or t would be left, which stands in every third sentence.
  const all = rest.replace(/(\p{L})['\u2019](?:s|t|d|ll|m|re|ve)\b/giu, "$1").match(/[\p{L}\p{N}_]+/gu) ?? [];
  const content = all.filter((word) => !STOP.has(word.toLowerCase()));
  // "what is it" is a search too: better a poor answer than none.
  for (const word of content.length > 0 ? content : all) {
    for (const piece of word.split("_")) add(piece.toLowerCase(), 1);
    const parts = splitName(word);
    if (parts.length > 1) for (const part of parts) if (part.length > 2 && !STOP.has(part)) add(part, 0.4);
    for (const [run] of word.matchAll(/[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]{2,}/g)) for (let i = 0; i + 1 < run.length; i++) add(run.slice(i, i + 2), 0.5);
  }
  if (terms.size === 0) return undefined;
  return { terms: [...terms].slice(0, most).map(([term, weight]) => ({ text: term, weight })), phrases };
}

/** What the words of a person are worth beside those of a tool: they are few, and they are what is remembered. */
const ROLE_WEIGHT: Record<Role, number> = { user: 1.35, assistant: 1.25, tool: 0.5, system: 0.8 };

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

/** Saturation and length normalisation, set on 40 questions to real sessions; texts there differ in length by 1:1000. */
const K1 = 0.9;
const B = 0.6;
const MEAN_LENGTH = 720;

/** Of a long text this much is looked at, and of each term this many places: more changes no order, only the time. */
const LOOKED_AT = 60_000;
const PLACES = 12;
/** Characters within which words stand together. */
const TOGETHER = 150;

export function score(query: Query, rarities: ReadonlyMap<string, number>, candidate: Candidate): number {
  const text = (candidate.text.length > LOOKED_AT ? candidate.text.slice(0, LOOKED_AT) : candidate.text).toLowerCase();
  const norm = 1 - B + B * (text.length / MEAN_LENGTH) ** 0.5;
  const places: [at: number, term: number][] = [];
  let sum = 0;
  let covered = 0;
  let possible = 0;
  for (const [i, { text: term, weight }] of query.terms.entries()) {
    const value = weight * (rarities.get(term) ?? 1);
    possible += value;
    const found = placesOf(stem(term), text);
    if (found.length === 0) continue;
    for (const at of found) places.push([at, i]);
    sum += (value * found.length * (K1 + 1)) / (found.length + K1 * norm);
    covered += value;
  }
  if (sum === 0) return 0;
  return sum * ROLE_WEIGHT[candidate.role] * (0.55 + 0.45 * (covered / possible)) * (1 + 0.35 * (1 - 1 / mostTogether(places))) * (1 + 0.08 * candidate.recency);
}

/** Where words that begin with the stem, and are not much longer, stand in a lower-case text. */
function placesOf(start: string, text: string): number[] {
  const found: number[] = [];
  for (let at = text.indexOf(start); at >= 0 && found.length < PLACES; at = text.indexOf(start, at + start.length)) {
    if (at > 0 && isLetter(text.charCodeAt(at - 1))) continue;
    let end = at + start.length;
    while (end < text.length && end - at <= start.length + 5 && isLetter(text.charCodeAt(end))) end += 1;
    if (end - at <= start.length + 5) found.push(at);
  }
  return found;
}

function isLetter(code: number): boolean {
  return (code >= 97 && code <= 122) || (code >= 48 && code <= 57) || code > 191;
}

/** The most different terms that stand within reach of each other; at least one. */
function mostTogether(places: [at: number, term: number][]): number {
  places.sort((a, b) => a[0] - b[0]);
  let most = 1;
  for (let i = 0; i < places.length; i++) {
    const terms = new Set<number>();
    for (let j = i; j < places.length && places[j]![0] - places[i]![0] <= TOGETHER; j++) terms.add(places[j]![1]);
    most = Math.max(most, terms.size);
  }
  return most;
}

/** How far around a hit its neighbours count, in positions of the log, and how much the best of them adds. */
const NEAR = 16;
const CONTEXT = 0.35;

/**
 * Orders hits best first, each raised by the best hit near it in its session: what was said around an answer often
 * holds the words of the question that the answer itself does not. The same text again is left out.
 */
export function inContext<T extends { readonly position: number; readonly text: string; readonly score: number; readonly event: { readonly session: string } }>(hits: readonly T[]): T[] {
  const ordered = [...hits].sort((a, b) => a.position - b.position);
  const raised = ordered.map((hit, i) => {
    let best = 0;
    for (const step of [-1, 1]) {
      for (let j = i + step; j >= 0 && j < ordered.length; j += step) {
        const other = ordered[j]!;
        const away = Math.abs(other.position - hit.position);
        if (away > NEAR) break;
        if (other.event.session === hit.event.session) best = Math.max(best, other.score * 0.93 ** away);
      }
    }
    return { ...hit, score: hit.score === 0 ? 0 : hit.score + CONTEXT * best };
  });
  const seen = new Set<string>();
  return raised
    .sort((a, b) => b.score - a.score || b.position - a.position)
    .filter(({ text }) => {
      const key = text.slice(0, 2000).replace(/\s+/g, " ");
      return !seen.has(key) && seen.add(key);
    });
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

/** The passages of a text that answer the query best, at most `length` characters in all, on one line. */
export function excerpt(query: Query, text: string, length: number): string {
  const flat = text.replace(/\s+/g, " ").trim();
  if (flat.length <= length) return flat;
  const passages = passagesOf(flat, Math.min(240, Math.floor(length / 2)));
  const stems = query.terms.map(({ text: term, weight }) => ({ start: stem(term), weight }));
  const worth = passages.map(({ from, to }) => {
    const lower = flat.slice(from, to).toLowerCase();
    return stems.reduce((sum, { start, weight }) => sum + (lower.includes(start) ? weight : 0), 0);
  });
  // A passage beside a good one carries on what it says.
  const order = passages.map((_, i) => i).sort((a, b) => value(b) - value(a) || a - b);
  const taken = new Set<number>();
  let left = length;
  for (const i of order) {
    const size = passages[i]!.to - passages[i]!.from + 2;
    if (size > left && taken.size > 0) continue;
    taken.add(i);
    left -= size;
    if (left <= 40) break;
  }
  let result = "";
  let before = -1;
  for (const i of [...taken].sort((a, b) => a - b)) {
    result += `${i === before + 1 ? (result === "" ? "" : " ") : "… "}${flat.slice(passages[i]!.from, passages[i]!.to)}`;
    before = i;
  }
  return `${result.slice(0, length)}${before < passages.length - 1 || result.length > length ? "…" : ""}`;

  function value(i: number): number {
    return worth[i]! + 0.3 * Math.max(worth[i - 1] ?? 0, worth[i + 1] ?? 0);
  }
}

/** Sentences, long ones cut at words. */
function passagesOf(flat: string, longest: number): { from: number; to: number }[] {
  const passages: { from: number; to: number }[] = [];
  for (let from = 0; from < flat.length && passages.length < 2000; ) {
    const stop = flat.slice(from, from + longest).search(/[.!?:] (?=[^ ])(?!.*[.!?:] (?=[^ ]))/s);
    let to = stop >= longest / 4 ? from + stop + 1 : Math.min(flat.length, from + longest);
    if (to < flat.length && flat[to] !== " ") to = Math.max(flat.lastIndexOf(" ", to), from + Math.floor(longest / 2));
    passages.push({ from, to });
    from = to + (flat[to] === " " ? 1 : 0);
  }
  return passages;
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
