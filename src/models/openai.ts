/** The API that OpenAI made and many servers speak: vectors by /embeddings. The address ends with its version, as `/v1`. */
import { isRecord } from "../base/json.ts";
import type { Endpoint, Given } from "./endpoint.ts";
import { postJson } from "./http.ts";

export async function openaiVectors({ url, model, key }: Endpoint, texts: readonly string[], timeout: number): Promise<Given> {
  const headers = key === undefined ? {} : { authorization: `Bearer ${key}` };
  const answer = await postJson({ url: `${url}/embeddings`, headers, body: { model, input: texts, encoding_format: "float" }, timeout, who: `openai ${model}` });
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
