/**
 * Recall by meaning beside words, where the user has named an embedder: vectors for passages that have none yet, slice by
 * slice and never in a hook, and what is nearest to a question. What an embedder cannot do leaves words as they are, and is
 * told once. What is sent has been through redaction: passages when they were recorded, the question here.
 */
import { asTidemarkError } from "../base/errors.ts";
import { redactText } from "../event/redact.ts";
import { BATCH, type Embedder } from "../models/embedder.ts";
import type { Passage, PassageAnswer, PassageFilter, Store } from "../store/store.ts";

export interface Spent {
  readonly texts: number;
  /** As the embedder counts them. */
  readonly tokens: number;
}

export interface Embedding extends Spent {
  /** Passages that still have no vector. */
  readonly left: number;
}

export interface Slice {
  /** Milliseconds of `clock` after which no further request is begun. */
  readonly ms: number;
  readonly clock: () => number;
  /** Milliseconds that one request may take. */
  readonly timeout: number;
  readonly progress?: (left: number) => void;
}

export function spaceOf({ name, dimension }: Pick<Embedder, "name" | "dimension">): string {
  return `${name} ${dimension}`;
}

/** Looked up at a time: those that have one are passed over each time anew. */
const PAGE = 16 * BATCH;

/** Vectors for passages that have none, the newest first. What was embedded before a failure is kept. */
export async function embedPassages(store: Store, embedder: Embedder, { ms, clock, timeout, progress }: Slice): Promise<Embedding> {
  const until = clock() + ms;
  let [texts, tokens] = [0, 0];
  for (;;) {
    const { passages, left } = await store.withoutVector(spaceOf(embedder), PAGE);
    if (passages.length === 0) return { texts, tokens, left };
    for (let at = 0; at < passages.length; at += BATCH) {
      if (clock() >= until) return { texts, tokens, left: left - at };
      const batch = passages.slice(at, at + BATCH);
      const embedded = await embedder.embed(batch.map(({ text }) => text), timeout);
      await store.putVectors(spaceOf(embedder), batch.map(({ position, part }, i) => ({ position, part, vector: embedded.vectors[i]! })));
      texts += batch.length;
      tokens += embedded.tokens;
      progress?.(left - at - batch.length);
    }
  }
}

export type FoundBy = "words" | "meaning" | "both";

export interface Joined {
  readonly passages: (Passage & { readonly by: FoundBy })[];
  readonly path: string;
  readonly more: boolean;
  /** What kept meaning from being looked at, or a part of it. */
  readonly warnings: string[];
  readonly spent: Spent;
}

/** Before an answer so long is spent on passages without a vector, and on one request. A question waits no longer than this. */
const BEFORE_ANSWER = 1000;
const TIMEOUT = 3000;

export interface Asking {
  readonly embedder: Embedder;
  readonly clock: () => number;
  readonly filter: PassageFilter;
  readonly limit: number;
}

/** What was found by words, and what is near in meaning. */
export async function withMeaning(store: Store, words: PassageAnswer, question: string, { embedder, clock, filter, limit }: Asking): Promise<Joined> {
  const began = clock();
  try {
    const { text } = redactText(question);
    const asked = await embedder.embed([text], TIMEOUT);
    // The question was answered: what fails from here on costs the passages that are new, and no more.
    const slice = await embedPassages(store, embedder, { ms: BEFORE_ANSWER - (clock() - began), clock, timeout: TIMEOUT }).catch((error: unknown) => ({ texts: 0, tokens: 0, failed: told(error) }));
    const near = await store.near(spaceOf(embedder), asked.vectors[0]!, filter, limit);
    const warnings = "failed" in slice ? [`Passages that are new are found by words alone: ${slice.failed}`] : slice.left === 0 ? [] : [`${slice.left.toLocaleString("en-US")} passages have no vector yet and are found by words alone; tidemark embedder --fill makes them`];
    return { passages: fused(words.passages, near, limit), path: `${words.path}; ${near.length} by meaning (${embedder.name})`, more: words.more, warnings, spent: { texts: 1 + slice.texts, tokens: asked.tokens + slice.tokens } };
  } catch (error) {
    return { passages: words.passages.map((passage) => ({ ...passage, by: "words" })), path: `${words.path}; by words alone`, more: words.more, warnings: [`Found by words alone: ${told(error)}`], spent: { texts: 0, tokens: 0 } };
  }
}

/** A failure of the embedder is told; anything else is broken and goes on. */
function told(error: unknown): string {
  const known = asTidemarkError(error);
  if (!known.code.startsWith("MODEL_")) throw error;
  return known.message;
}

/** What the nearest in meaning is worth beside the best by words. */
const MEANING = 0.6;

/**
 * The score by words, and what a passage is nearer than others, times 0.6 of the best score by words, or of 1 where words
 * found nothing. So words that fit come before a meaning that fits, and both before either.
 */
export function fused(words: readonly Passage[], near: readonly Passage[], limit: number): Joined["passages"] {
  const best = Math.max(...words.map(({ score }) => score), 0) || 1;
  const found = new Map<string, Passage & { by: FoundBy }>();
  for (const passage of words) found.set(flat(passage.text), { ...passage, by: "words" });
  for (const passage of near) {
    const known = found.get(flat(passage.text));
    const score = MEANING * best * passage.score;
    // The same words said twice: what was found first has had its share.
    if (known === undefined) found.set(flat(passage.text), { ...passage, score, by: "meaning" });
    else if (known.by === "words") found.set(flat(passage.text), { ...known, score: known.score + score, by: "both" });
  }
  return [...found.values()].sort((a, b) => b.score - a.score).slice(0, limit);
}

function flat(text: string): string {
  return text.replace(/\s+/g, " ");
}
