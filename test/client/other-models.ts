/**
 * Models on loopback for Codex (Responses API) and Gemini CLI (generateContent): each calls tools in the order the test gives and
 * then says that it is done. What they were asked is kept. The Messages API is model.ts.
 */
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface ToolCall {
  readonly tool: string;
  readonly input: Readonly<Record<string, unknown>>;
}

export interface OtherModel {
  readonly url: string;
  /** Bodies of the requests that had tools. */
  readonly asked: string[];
}

type Answer = (response: ServerResponse, next: ToolCall | undefined, n: number, path: string) => void;

/** Ended with the test. */
async function start(until: (done: () => void) => void, calls: readonly ToolCall[], answer: Answer): Promise<OtherModel> {
  const asked: string[] = [];
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
      answer(response, main ? calls[asked.length - 1] : undefined, asked.length, path);
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  until(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

/** `tool` is the name within the server's namespace. */
export function responsesModel(until: (done: () => void) => void, calls: readonly ToolCall[]): Promise<OtherModel> {
  return start(until, calls, (response, next, n) => {
    const item = next === undefined ? { type: "message", id: `m${n}`, role: "assistant", content: [{ type: "output_text", text: "Done." }] } : { type: "function_call", id: `fc${n}`, call_id: `call_${n}`, namespace: "mcp__tidemark", name: next.tool, arguments: JSON.stringify(next.input) };
    const usage = { input_tokens: 10, output_tokens: 2, total_tokens: 12, input_tokens_details: { cached_tokens: 0 }, output_tokens_details: { reasoning_tokens: 0 } };
    response.writeHead(200, { "content-type": "text/event-stream" });
    for (const event of [{ type: "response.created", response: { id: `r${n}` } }, { type: "response.output_item.done", output_index: 0, item }, { type: "response.completed", response: { id: `r${n}`, usage } }]) response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
    response.end();
  });
}

/** `tool` is the name as Gemini CLI gives it to the model: mcp_SERVER_TOOL. */
export function geminiModel(until: (done: () => void) => void, calls: readonly ToolCall[]): Promise<OtherModel> {
  return start(until, calls, (response, next, _, path) => {
    const parts = [next === undefined ? { text: "Done." } : { functionCall: { name: next.tool, args: next.input } }];
    const body = JSON.stringify({ candidates: [{ content: { role: "model", parts }, finishReason: "STOP", index: 0 }], usageMetadata: { promptTokenCount: 10, candidatesTokenCount: 2, totalTokenCount: 12 } });
    if (path.includes("streamGenerateContent")) return void response.writeHead(200, { "content-type": "text/event-stream" }).end(`data: ${body}\r\n\r\n`);
    response.writeHead(200, { "content-type": "application/json" }).end(path.includes("countTokens") ? '{"totalTokens":10}' : body);
  });
}
