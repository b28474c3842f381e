/**
 * How passages are ranked for a question, from what a store says of the words in them; pure, shared by every store.
 *
 * The words around a passage count as its own with less weight, and those of the question it answers with more: what
 * answers a question seldom repeats its words. The keys of what was said one after the other are neighbours, so that
 * costs an addition for each word found and no second copy of the texts. Then come the names of who speaks, named dates,
 * the session as a whole, and words that the best passages have in common (RM3). What each is worth: docs/performance.md.
 */
import { contentWords, fours, framed, spelledLike } from "./recall-text.ts";
import type { Question, Span } from "./question.ts";
import { rarity } from "./ranking.ts";
import { Tally, type Around, type Weights } from "./recall-tally.ts";
import type { Passage } from "./store.ts";

/** A passage's place: a conversation times SPACE, plus its place in that, 2 and up, with gaps where something was erased. */
export type Key = number;

export const SPACE = 2 ** 20;
export const FIRST_PLACE = 2;

/** What is known of a passage without reading its text. */
export interface Listed {
  readonly key: Key;
  readonly time: number;
  readonly words: number;
  readonly speaker: string;
  readonly tellsTime: boolean;
  /** It ends with a question, and so seldom holds an answer. */
  readonly onlyAsks: boolean;
}

export type ReadPassage = Omit<Passage, "score"> & { readonly key: Key };

/** What a store must say about its passages. All of one filter. */
export interface PassageSource {
  /** Passages in all, the filter apart. */
  readonly total: number;
  /** Keys of passages that hold one of these forms, the newest first, each times two plus one where it asks something. */
  holding(forms: readonly string[], limit: number): readonly number[];
  /** Names of those who speak, where the source names them. */
  speakers(): readonly string[];
  /** Passages of a span of time, the newest first. */
  within(from: number, to: number, limit: number): Key[];
  /** Words that passages hold, in the form they are filed under, that begin like this one. */
  vocabulary(start: string): string[];
  /** As `holding`, of words in the form they are filed under. */
  filedUnder(words: readonly string[], limit: number): readonly number[];
  /** Those that pass the filter; unknown keys are left out. */
  list(keys: readonly Key[]): Listed[];
  /** The same with their texts, in the order asked for. */
  read(keys: readonly Key[]): ReadPassage[];
}

export interface Ranked extends Listed {
  readonly score: number;
}

/** What a word is worth that stands in the passage before, the one after, two away, in a question just before, or as who speaks; in the passage itself it is 1. */
const BEFORE = 0.3;
const AFTER = 0.05;
const FAR = 0.2;
const ASKED = 0.6;
const SPEAKER = 0.5;
/** What a word of like meaning is worth beside the one that was asked. */
const ALIKE = 0.3;
/** Saturation and length normalisation of BM25. */
const K1 = 0.6;
const B = 0.4;
/** Beside the best passage's 1: the best session, and a passage of a day that was named. */
const SESSION = 0.2;
const DATED = 0.6;
/** Factors, more for each. */
const COVERED = 0.5;
const NAMED = 0.35;
const TELLS = 0.5;
const ONLY_ASKS = -0.2;

/** Of the first ranking so many passages lend so many words, which together weigh this share of the question's own. */
const LENDERS = 8;
const LENT = 6;
const LENT_WEIGHT = 0.4;
/** Words of theirs that are looked up, and in how many passages one may stand that says anything. */
const LOOKED_UP = 8;
const COMMON = 1000;

/** Passages that are looked at by groups of letters, and what holding all of the question's adds. */
const BY_LETTERS = 24;
const LETTERS = 0.5;

/** Newest passages looked at for each word: an exact ranking up to there, and time that does not grow with the store. */
const PER_WORD = 4000;
/** Passages of which more than their words is looked at. */
const LISTED = 200;
const PER_SPAN = 400;

interface Holding {
  /** What the word is worth. */
  readonly value: number;
  readonly weights: Weights;
  /** The word, where it names someone who speaks. */
  readonly name?: string;
}

interface Looked {
  readonly holding: readonly Holding[];
  /** Of each conversation how well it fits as a whole. */
  readonly sessions: ReadonlyMap<number, number>;
  /** For people: each word and how often it was found. */
  readonly found: readonly string[];
}

export interface Ranking {
  readonly ranked: Ranked[];
  /** For people: each word and how often it was found, and what was looked for instead. */
  readonly found: readonly string[];
}

export function rankPassages(source: PassageSource, question: Question): Ranking {
  const tally = new Tally();
  const looked = lookUp(source, question, tally);
  const dated = question.spans.flatMap(({ from, to }) => source.within(from, to, PER_SPAN));
  const holding = [...looked.holding, ...meant(source, question, tally), ...lent(source, question, tally)];
  const keys = new Set([...tally.best(LISTED), ...dated]);
  const found = dated.length === 0 ? looked.found : [...looked.found, `a named date ${dated.length.toLocaleString("en-US")}`];
  const ranked = weigh(source.list([...keys]), question, { ...looked, holding }, looked.holding.length, tally);
  return { ranked: byLetters(source, question, ranked), found };
}

/** The best once more by groups of four letters: forms that no stemmer joins ("adopt", "adoptive"), and parts of names. */
function byLetters(source: PassageSource, question: Question, ranked: readonly Ranked[]): Ranked[] {
  const top = ranked.slice(0, BY_LETTERS);
  const texts = new Map(source.read(top.flatMap(({ key }) => [key, key - 1])).map(({ key, text }) => [key, framed(text)]));
  const asked = new Map(question.words.flatMap(({ text, weight }) => fours(text).map((group) => [group, weight] as const)));
  const shares = new Map<Key, number>();
  let possible = 1e-9;
  for (const [group, weight] of asked) {
    const holding = new Set([...texts].flatMap(([key, text]) => (text.includes(group) ? [key] : [])));
    const value = weight * rarity(holding.size, texts.size);
    possible += value;
    for (const { key } of top) shares.set(key, (shares.get(key) ?? 0) + (holding.has(key) ? value : holding.has(key - 1) ? BEFORE * value : 0));
  }
  const weighed = top.map((passage) => ({ ...passage, score: passage.score + (LETTERS * (shares.get(passage.key) ?? 0)) / possible }));
  return [...weighed.sort((a, b) => b.score - a.score), ...ranked.slice(BY_LETTERS)];
}

function lookUp(source: PassageSource, question: Question, tally: Tally): Looked {
  const holding: Holding[] = [];
  const sessions = new Map<number, number>();
  const speakers = new Set(source.speakers().flatMap(wordsOfName));
  const found: string[] = [];
  for (const word of question.words) {
    let places = source.holding(word.forms, PER_WORD);
    let share = word.weight;
    const isName = speakers.has(word.text);
    let told = word.text;
    if (places.length === 0 && !isName && word.weight === 1) {
      const like = spelledLike(word.text, source.vocabulary);
      if (like.length > 0) [places, share, told] = [source.filedUnder(like, PER_WORD), 0.5, `${word.text} (spelled ${like.join(", ")})`];
    }
    found.push(`${told} ${places.length.toLocaleString("en-US")}${places.length === PER_WORD ? " or more" : ""}`);
    if (places.length === 0 && !isName) continue;
    const value = share * rarity(Math.min(places.length, source.total), source.total);
    holding.push({ value, weights: counted(tally, places, value), ...(isName ? { name: word.text } : {}) });
    for (const [conversation, count] of countBy(places, (place) => Math.floor(place / 2 / SPACE))) sessions.set(conversation, (sessions.get(conversation) ?? 0) + value * saturated(count, 1));
  }
  return { holding, sessions, found };
}

/** Words that mean nearly what was asked: all that stand for one word count as one. */
function meant(source: PassageSource, question: Question, tally: Tally): Holding[] {
  const asked = new Set(question.words.flatMap(({ forms }) => forms));
  return question.words.flatMap(({ alike, weight }) => {
    const others = alike.filter((word) => !asked.has(word));
    const places = others.length === 0 ? [] : source.holding(others, PER_WORD);
    if (places.length === 0) return [];
    const value = ALIKE * weight * rarity(Math.min(places.length, source.total), source.total);
    return [{ value, weights: counted(tally, places, value) }];
  });
}

const STATED: Around = [[0, 1], [1, BEFORE], [-1, AFTER], [2, FAR], [-2, FAR]];
const QUESTION: Around = [[0, 1], [1, BEFORE + ASKED], [-1, AFTER], [2, FAR], [-2, FAR]];

/** Each passage's weight for one word, from where it stands and what stands around; its worth is added to the sums. */
function counted(tally: Tally, places: readonly number[], value: number): Weights {
  const weights = tally.spread(places, (place) => (place % 2 === 1 ? QUESTION : STATED));
  tally.add(weights, (weight) => value * saturated(weight, 1));
  return weights;
}

function saturated(weight: number, norm: number): number {
  return (weight * (K1 + 1)) / (weight + K1 * norm);
}

/** Words that the best passages have in common and the question has not, weighed by how well those passages fit and how rare they are. */
function lent(source: PassageSource, question: Question, tally: Tally): Holding[] {
  const lenders = new Map(tally.best(LENDERS).map((key) => [key, tally.sumOf(key)]));
  const all = [...lenders.values()].reduce((sum, each) => sum + each, 0);
  const asked = new Set(question.words.flatMap(({ forms }) => forms));
  const shares = new Map<string, number>();
  for (const { key, text } of source.read([...lenders.keys()])) {
    const words = contentWords(text);
    for (const word of words) if (!asked.has(word)) shares.set(word, (shares.get(word) ?? 0) + lenders.get(key)! / all / words.length);
  }
  const candidates = [...shares].sort((a, b) => b[1] - a[1]).slice(0, LOOKED_UP).flatMap(([word, share]) => {
    const places = source.holding([word], COMMON);
    return places.length === 0 || places.length === COMMON ? [] : [{ places, worth: rarity(places.length, source.total), share }];
  });
  const chosen = candidates.sort((a, b) => b.share * b.worth - a.share * a.worth).slice(0, LENT);
  const total = chosen.reduce((sum, { share, worth }) => sum + share * worth, 0);
  const own = question.words.reduce((sum, { weight }) => sum + weight, 0);
  return chosen.map(({ places, share, worth }) => {
    const value = ((share * worth) / total) * own * LENT_WEIGHT * worth;
    return { value, weights: counted(tally, places, value) };
  });
}

/** `own` of the words held are the question's; the rest were put in and say nothing about how much of it is covered. */
function weigh(listed: readonly Listed[], question: Question, { holding, sessions }: Looked, own: number, tally: Tally): Ranked[] {
  const weights = tally.of(listed.map(({ key }) => key), holding.map((each) => each.weights));
  const mean = listed.reduce((sum, { words }) => sum + words, 0) / Math.max(1, listed.length);
  const possible = Math.max(1e-9, holding.slice(0, own).reduce((sum, { value }) => sum + value, 0));
  const bases = listed.map(({ words, speaker }, row) => {
    const norm = 1 - B + (B * words) / Math.max(1, mean);
    let [sum, covered] = [0, 0];
    for (const [i, { value, name }] of holding.entries()) {
      const weight = weights[i]![row]! + (name !== undefined && isSaidBy(speaker, name) ? SPEAKER : 0);
      if (weight === 0) continue;
      sum += value * saturated(weight, norm);
      if (i < own) covered += value;
    }
    return sum * (1 + (COVERED * covered) / possible);
  });
  const most = Math.max(1e-9, ...bases);
  const mostOfSession = Math.max(1e-9, ...sessions.values());
  return listed
    .map((passage, i) => {
      const told = bases[i]! / most + (SESSION * (sessions.get(Math.floor(passage.key / SPACE)) ?? 0)) / mostOfSession;
      const dated = DATED * Math.max(0, ...question.spans.map((span) => nearness(passage.time, span)));
      const factors = [[holding.some(({ name }) => name !== undefined && isSaidBy(passage.speaker, name)), NAMED], [question.asksWhen && passage.tellsTime, TELLS], [passage.onlyAsks, ONLY_ASKS]] as const;
      return { ...passage, score: factors.reduce((score, [holds, more]) => (holds ? score * (1 + more) : score), told + dated) };
    })
    .sort((a, b) => b.score - a.score || b.key - a.key);
}

function isSaidBy(speaker: string, name: string): boolean {
  return speaker !== "" && wordsOfName(speaker).includes(name);
}

function wordsOfName(speaker: string): string[] {
  return speaker.toLowerCase().split(/\s+/);
}

const DAY = 86_400_000;

/** 1 within the span; things are told after they happened, so the week behind it is near too. */
function nearness(time: number, { from, to, weight }: Span): number {
  if (time >= from && time < to) return weight;
  if (weight < 0.8) return 0;
  if (time >= to && time < to + 7 * DAY) return 0.8 * weight;
  return time < from && time >= from - 2 * DAY ? 0.6 * weight : 0;
}

function countBy<T, K>(all: readonly T[], keyOf: (one: T) => K): Map<K, number> {
  const counts = new Map<K, number>();
  for (const one of all) counts.set(keyOf(one), (counts.get(keyOf(one)) ?? 0) + 1);
  return counts;
}
