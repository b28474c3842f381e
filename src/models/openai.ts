/** The API that OpenAI made and many servers speak: vectors by /embeddings, answers by /chat/completions. The address ends with its version, as `/v1`. */
import { isRecord } from "../base/json.ts";
import type { Given, Question, Said, Server } from "./endpoint.ts";
import { ANSWER_MOST, bearer, postJson } from "./http.ts";

export async function openaiVectors({ url, model, key }: Server, texts: readonly string[], timeout: number): Promise<Given> {
  const answer = await postJson({ url: `${url}/embeddings`, headers: bearer(key), body: { model, input: texts, encoding_format: "float" }, timeout, who: `openai ${model}` });
  if (!isRecord(answer)) return { vectors: undefined, tokens: undefined };
  const { data, usage } = answer;
  // Each says which text it is of; a server may answer in any order.
  const vectors = Array.isArray(data) ? inOrder(data) : undefined;
  return { vectors, tokens: isRecord(usage) ? usage["prompt_tokens"] : undefined };
}

function inOrder(data: readonly unknown[]): unknown[] {
  const vectors: unknown[] = [];
  for (const [i, each] of data.entries()) if (isRecord(each)) vectors[typeof each["index"] === "number" && Number.isInteger(each["index"]) && each["index"] >= 0 && each["index"] < data.length ? each["index"] : i] = each["embedding"];
  return vectors;
}

/** `max_tokens` is refused by the newer models of OpenAI; a server that knows nothing of its successor answers without a limit. */
export async function openaiAnswer({ url, model, key }: Server, { system, text, most }: Question, timeout: number): Promise<Said> {
  const messages = [{ role: "system", content: system }, { role: "user", content: text }];
  const answer = await postJson({ url: `${url}/chat/completions`, headers: bearer(key), body: { model, messages, max_completion_tokens: most }, timeout, who: `openai ${model}`, most: ANSWER_MOST });
  const { choices, usage } = isRecord(answer) ? answer : {};
  const first: unknown = Array.isArray(choices) ? choices[0] : undefined;
  const { message, finish_reason: ended } = isRecord(first) ? first : {};
  const { prompt_tokens: input, completion_tokens: output } = isRecord(usage) ? usage : {};
  return { text: isRecord(message) ? message["content"] : undefined, input, output, ended };
}
