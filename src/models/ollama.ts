/** The API of Ollama: vectors by /api/embed. */
import { isRecord } from "../base/json.ts";
import type { Endpoint, Given } from "./endpoint.ts";
import { postJson } from "./http.ts";

export async function ollamaVectors({ url, model, key }: Endpoint, texts: readonly string[], timeout: number): Promise<Given> {
  const headers = key === undefined ? {} : { authorization: `Bearer ${key}` };
  const answer = await postJson({ url: `${url}/api/embed`, headers, body: { model, input: texts, truncate: true }, timeout, who: `ollama ${model}` });
  return isRecord(answer) ? { vectors: answer["embeddings"], tokens: answer["prompt_eval_count"] } : { vectors: undefined, tokens: undefined };
}
