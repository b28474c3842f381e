/**
 * Models on loopback for Codex (Responses API) and Gemini CLI (generateContent): each answers in the order the test gives and
 * then says that it is done. What they were asked is kept. The Messages API is model.ts.
 */
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface ToolCall {
  readonly tool: string;
  readonly input: Readonly<Record<string, unknown>> | string;
  /** For Codex: the group that the tool is in. */
  readonly namespace?: string;
}

/** One answer: words and calls, an error, or silence until the client goes away. */
export type Step = readonly (ToolCall | { readonly text: string })[] | { readonly status: number } | "silence";

export interface OtherModel {
  readonly url: string;
  /** Bodies of the requests that had tools. */
  readonly asked: string[];
  /** Waits until so many of them were asked. */
  reached(count: number): Promise<void>;
  /** Puts these answers behind those that are still to come. */
  next(...steps: readonly Step[]): void;
}

const DONE: Step = [{ text: "Done." }];

type Answer = (response: ServerResponse, step: Exclude<Step, { readonly status: number } | "silence">, n: number, path: string) => void;

/** Ended with the test. */
async function start(until: (done: () => void) => void, first: readonly Step[], answer: Answer): Promise<OtherModel> {
  const asked: string[] = [];
  const steps = [...first];
  let waiting: (() => void)[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const text = Buffer.concat(chunks).toString("utf8");
      const path = request.url ?? "/";
      if (request.method !== "POST") return void response.writeHead(404).end("{}");
      // Housekeeping, such as naming the conversation, has no tools.
      const main = /"tools"\s*:\s*\[\s*\{/.test(text);
      if (main) asked.push(text);
      for (const wake of waiting.splice(0)) wake();
      const step = (main ? steps.shift() : undefined) ?? DONE;
      if (step === "silence") return;
      if ("status" in step) return void response.writeHead(step.status, { "content-type": "application/json" }).end('{"error":{"code":400,"message":"made to fail by the test","status":"INVALID_ARGUMENT"}}');
      answer(response, step, asked.length, path);
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  until(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    async reached(count) {
      while (asked.length < count) await new Promise<void>((wake) => void waiting.push(wake));
    },
    next: (...more) => void steps.push(...more),
  };
}

/** `tool` is the name within its namespace; a text as input is that of a custom tool. */
export function responsesModel(until: (done: () => void) => void, steps: readonly Step[]): Promise<OtherModel> {
  return start(until, steps, (response, step, n) => {
    const unique = (i: number): string => `${Date.now().toString(36)}${String(n).padStart(8, "0")}${i}`;
    const items = step.map((each, i) => {
      if ("text" in each) return { type: "message", id: `msg_${unique(i)}_of_the_suite`, role: "assistant", content: [{ type: "output_text", text: each.text }] };
      const about = { call_id: `call_${unique(i)}_of_the_suite`, name: each.tool, ...(each.namespace === undefined ? {} : { namespace: each.namespace }) };
      return typeof each.input === "string" ? { type: "custom_tool_call", ...about, input: each.input } : { type: "function_call", ...about, arguments: JSON.stringify(each.input) };
    });
    const usage = { input_tokens: 100, output_tokens: 20, total_tokens: 120, input_tokens_details: { cached_tokens: 40 }, output_tokens_details: { reasoning_tokens: 5 } };
    response.writeHead(200, { "content-type": "text/event-stream" });
    const done = items.map((item, i) => ({ type: "response.output_item.done", output_index: i, item }));
    for (const event of [{ type: "response.created", response: { id: `resp_${unique(0)}` } }, ...done, { type: "response.completed", response: { id: `resp_${unique(0)}`, usage } }]) response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
    response.end();
  });
}

/** `tool` is the name as Gemini CLI gives it to the model, for a tool of a server mcp_SERVER_TOOL. */
export function geminiModel(until: (done: () => void) => void, steps: readonly Step[]): Promise<OtherModel> {
  return start(until, steps, (response, step, _, path) => {
    const parts = step.map((each) => ("text" in each ? { text: each.text } : { functionCall: { name: each.tool, args: each.input } }));
    const body = JSON.stringify({ candidates: [{ content: { role: "model", parts }, finishReason: "STOP", index: 0 }], usageMetadata: { promptTokenCount: 100, cachedContentTokenCount: 40, candidatesTokenCount: 20, totalTokenCount: 120 } });
    if (path.includes("streamGenerateContent")) return void response.writeHead(200, { "content-type": "text/event-stream" }).end(`data: ${body}\r\n\r\n`);
    response.writeHead(200, { "content-type": "application/json" }).end(path.includes("countTokens") ? '{"totalTokens":10}' : body);
  });
}
