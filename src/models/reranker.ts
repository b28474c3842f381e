/**
 * What a re-ranker is: a question and texts in, how well each answers it out. Whoever has one passes it to recall, which
 * without one keeps its own order. The client is of two APIs: the one that Cohere made and Jina, vLLM and llama.cpp speak,
 * and that of Hugging Face's text-embeddings-inference.
 */
import { TidemarkError } from "../base/errors.ts";
import { isRecord } from "../base/json.ts";
import type { Server } from "./endpoint.ts";
import { ANSWER_MOST, bearer, postJson } from "./http.ts";

export const RERANKER_KINDS = ["cohere", "tei"] as const;
export type RerankerKind = (typeof RERANKER_KINDS)[number];

export interface Reranker {
  /** Kind and model. */
  readonly name: string;
  /** A score for each text, in their order; of what range is the model's own. `timeout` in milliseconds. Refused: MODEL_DOWN, MODEL_REFUSED, MODEL_GARBLED. */
  rank(question: string, texts: readonly string[], timeout: number): Promise<readonly number[]>;
}

export type RerankerPlace = Server & { readonly kind: RerankerKind };

/** Characters of a text that are sent: such models read about 512 tokens with the question. */
const READ = 2000;

export function rerankerAt({ kind, model, url, key }: RerankerPlace): Reranker {
  const name = `${kind} ${model}`;
  return {
    name,
    rank: async (question, texts, timeout) => {
      const [query, ...documents] = [question, ...texts].map((text) => text.slice(0, READ).toWellFormed());
      const body = kind === "tei" ? { query, texts: documents, truncate: true } : { model, query, documents };
      const answer = await postJson({ url: `${url}/rerank`, headers: bearer(key), body, timeout, who: name, most: ANSWER_MOST });
      return checked(kind === "tei" ? answer : isRecord(answer) ? answer["results"] : undefined, kind === "tei" ? "score" : "relevance_score", texts.length, name);
    },
  };
}

/** Each text once, in whatever order it answered. */
function checked(results: unknown, field: string, count: number, name: string): number[] {
  const scores: number[] = [];
  for (const each of Array.isArray(results) ? results : []) {
    const { index, [field]: score } = isRecord(each) ? each : {};
    if (typeof index === "number" && Number.isInteger(index) && index >= 0 && index < count && typeof score === "number" && Number.isFinite(score)) scores[index] = score;
  }
  // Not `every`, which would pass over a place that was never filled.
  if (scores.length !== count || scores.includes(undefined as never)) throw new TidemarkError("MODEL_GARBLED", `${name} gave no score for each of ${count} texts`);
  return scores;
}
