/** The API of Ollama: vectors by /api/embed, answers by /api/chat. */
import { isRecord } from "../base/json.ts";
import type { Given, Question, Said, Server } from "./endpoint.ts";
import { ANSWER_MOST, bearer, postJson } from "./http.ts";

export async function ollamaVectors({ url, model, key }: Server, texts: readonly string[], timeout: number): Promise<Given> {
  const answer = await postJson({ url: `${url}/api/embed`, headers: bearer(key), body: { model, input: texts, truncate: true }, timeout, who: `ollama ${model}` });
  return isRecord(answer) ? { vectors: answer["embeddings"], tokens: answer["prompt_eval_count"] } : { vectors: undefined, tokens: undefined };
}

/** Few texts have less than three characters for a token; what is too much for its window Ollama leaves out, and says nothing. */
const CHARACTERS = 3;

export async function ollamaAnswer({ url, model, key }: Server, { system, text, most }: Question, timeout: number): Promise<Said> {
  const window = Math.ceil(((system.length + text.length) / CHARACTERS + most) / 1024) * 1024;
  const messages = [{ role: "system", content: system }, { role: "user", content: text }];
  const answer = await postJson({ url: `${url}/api/chat`, headers: bearer(key), body: { model, messages, stream: false, format: "json", options: { num_predict: most, num_ctx: window } }, timeout, who: `ollama ${model}`, most: ANSWER_MOST });
  const { message, prompt_eval_count: input, eval_count: output, done_reason: ended } = isRecord(answer) ? answer : {};
  return { text: isRecord(message) ? message["content"] : undefined, input, output, ended };
}
