/**
 * The answer to a question: the best passages with their texts, each text once, those that hold a quoted text first.
 * Where no word can be looked up, the text is looked for as it stands. Pure, shared by every store; nothing is refused,
 * and the path always says what was looked for.
 */
import type { Question } from "./question.ts";
import { rankPassages, type Key, type PassageSource, type ReadPassage } from "./recall-rank.ts";
import type { Passage, PassageAnswer } from "./store.ts";

/** Texts read at a time. */
const PAGE = 50;
/** Passages that are looked through for a text as it stands, the newest first. */
const LOOKED_THROUGH = 2000;

export function recall(from: PassageSource, question: Question, limit: number): PassageAnswer {
  const source = remembering(from);
  const { ranked, found } = rankPassages(source, question);
  const path = found.join(", ");
  if (ranked.length === 0) return asItStands(source, question, path, limit);
  const scores = new Map(ranked.map(({ key, score }) => [key, score]));
  if (question.phrases.length === 0) return { ...take(source, scores, limit), path };
  const holding = new Set(holdingAll(source, ranked.map(({ key }) => key), question.phrases));
  // A quoted text weighs more than anything else can.
  const quoted = new Map(ranked.map(({ key, score }) => [key, holding.has(key) ? score + ranked[0]!.score : score] as const).sort((a, b) => b[1] - a[1]));
  const told = holding.size === 0 ? "what is quoted stands in none of them as it is" : `what is quoted stands in ${holding.size}`;
  return { ...take(source, quoted, limit), path: `${path}; ${told}` };
}

/** The best passages are read for more than one reason: each text once. */
function remembering(source: PassageSource): PassageSource {
  const known = new Map<Key, ReadPassage | undefined>();
  return {
    ...source,
    read: (keys) => {
      const unknown = keys.filter((key) => !known.has(key));
      for (const key of unknown) known.set(key, undefined);
      for (const passage of unknown.length === 0 ? [] : source.read(unknown)) known.set(passage.key, passage);
      return keys.flatMap((key) => known.get(key) ?? []);
    },
  };
}

/** The texts of the best, in their order, each once. */
function take(source: PassageSource, scores: ReadonlyMap<Key, number>, limit: number): { passages: Passage[]; more: boolean } {
  const passages: Passage[] = [];
  const seen = new Set<string>();
  const keys = [...scores.keys()];
  const page = Math.min(PAGE, limit + 5);
  for (let at = 0; at < keys.length && passages.length <= limit; at += page) {
    for (const { key, ...passage } of source.read(keys.slice(at, at + page))) {
      // The same words again say nothing new.
      const same = flat(passage.text);
      if (seen.has(same)) continue;
      seen.add(same);
      passages.push({ ...passage, score: scores.get(key)! });
    }
  }
  return { passages: passages.slice(0, limit), more: passages.length > limit };
}

function asItStands(source: PassageSource, question: Question, path: string, limit: number): PassageAnswer {
  const told = path === "" ? [] : [path];
  const wanted = question.phrases.length > 0 ? question.phrases : [question.text.toLowerCase()];
  if (wanted.some((text) => text === "")) return { passages: [], path: [...told, "nothing to look for"].join("; "), more: false };
  const newest = source.within(-Infinity, Infinity, LOOKED_THROUGH);
  const found = new Map(holdingAll(source, newest, wanted).map((key) => [key, 1]));
  return { ...take(source, found, limit), path: [...told, `as it stands in the newest ${newest.length.toLocaleString("en-US")} passages: ${found.size}`].join("; ") };
}

function holdingAll(source: PassageSource, keys: readonly Key[], texts: readonly string[]): Key[] {
  const wanted = texts.map(flat);
  return source.read(keys).flatMap(({ key, text }) => {
    const lower = flat(text).toLowerCase();
    return wanted.every((each) => lower.includes(each)) ? [key] : [];
  });
}

function flat(text: string): string {
  return text.replace(/\s+/g, " ");
}
