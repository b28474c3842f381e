/** The Messages API of Anthropic. */
import { isRecord } from "../base/json.ts";
import type { Question, Said, Server } from "./endpoint.ts";
import { ANSWER_MOST, postJson } from "./http.ts";

const VERSION = "2023-06-01";

export async function anthropicAnswer({ url, model, key }: Server, { system, text, most }: Question, timeout: number): Promise<Said> {
  const headers = { "anthropic-version": VERSION, ...(key === undefined ? {} : { "x-api-key": key }) };
  const answer = await postJson({ url: `${url}/v1/messages`, headers, body: { model, max_tokens: most, system, messages: [{ role: "user", content: text }] }, timeout, who: `anthropic ${model}`, most: ANSWER_MOST });
  const { content, usage, stop_reason: ended } = isRecord(answer) ? answer : {};
  const texts = Array.isArray(content) ? content.filter(isRecord).flatMap((block) => (block["type"] === "text" && typeof block["text"] === "string" ? [block["text"]] : [])) : [];
  const { input_tokens: input, output_tokens: output } = isRecord(usage) ? usage : {};
  return { text: texts.length === 0 ? undefined : texts.join(""), input, output, ended };
}
