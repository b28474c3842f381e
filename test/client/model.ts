/**
 * A model of our own on loopback: an HTTP server that speaks as much of the Messages API as the real client needs, and
 * says what the test tells it to. Everything it was asked is kept.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";

export type Block = { readonly type: "text"; readonly text: string } | { readonly type: "tool_use"; readonly id?: string; readonly name: string; readonly input: object };

/** What the model answers: blocks, an error, or silence until the client goes away. */
export type Reply =
  | { readonly blocks: readonly Block[]; readonly usage?: { readonly input_tokens?: number; readonly output_tokens?: number }; readonly chunkDelay?: number }
  | { readonly status: number; readonly error?: string; readonly message?: string }
  | { readonly hang: true };

/**
 * Who asks. `main` is the session's own thread, `subagent` one it started, `compact` asks for a summary, `side` is
 * the client's own housekeeping (a title, a topic), which a script is not asked about.
 */
export type Kind = "main" | "subagent" | "compact" | "side";

export interface Asked {
  readonly kind: Kind;
  /** Among those of its kind, from 0. */
  readonly n: number;
  /** When the request's body was there and when the last byte of the answer was given away, in ms of `performance.now()`. */
  readonly at: number;
  answered?: number;
  /** The same as a time of day, to lay it beside what hooks wrote. */
  readonly time: number;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: any;
  /** The body as one string, to look for what was injected. */
  readonly text: string;
}

export type Script = (asked: Asked, n: number) => Reply | Promise<Reply>;

export interface Model {
  readonly url: string;
  readonly port: number;
  readonly asked: Asked[];
  /** Requests of a kind, in order. */
  of(kind: Kind): Asked[];
  /** Replaces what is said from now on; counting of `n` starts again. */
  script(next: Script): void;
  /** Waits until that many of a kind have been asked since the last `script`. */
  reached(kind: Kind, count: number, within?: number): Promise<Asked>;
  close(): Promise<void>;
}

export const say = (text: string): Reply => ({ blocks: [{ type: "text", text }] });

export const call = (name: string, input: object, text?: string): Reply => ({
  blocks: [...(text === undefined ? [] : [{ type: "text", text } as const]), { type: "tool_use", name, input }],
});

export const fail = (status: number, message = "made to fail by the test"): Reply => ({ status, message });

export const silent: Reply = { hang: true };

/** Says one thing after the other to the main thread, and the last one for ever; to a subagent and for a summary, a short text. */
export function story(...replies: readonly Reply[]): Script {
  return ({ kind }, n) => (kind === "main" ? replies[Math.min(n, replies.length - 1)]! : say(kind === "compact" ? "<summary>What was said before, in short.</summary>" : "The subagent is done."));
}

const ERRORS: Readonly<Record<number, string>> = { 400: "invalid_request_error", 401: "authentication_error", 413: "request_too_large", 429: "rate_limit_error", 529: "overloaded_error" };

export async function startModel(first: Script = story(say("Done."))): Promise<Model> {
  const asked: Asked[] = [];
  const sockets = new Set<Socket>();
  let script = first;
  let counts: Record<Kind, number> = { main: 0, subagent: 0, compact: 0, side: 0 };
  let waiting: (() => void)[] = [];

  const server = createServer((request, response) => {
    serve(request, response).catch(() => response.destroy());
  });
  server.on("connection", (socket) => {
    sockets.add(socket.setNoDelay(true));
    socket.on("close", () => sockets.delete(socket));
  });

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? "/";
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    if (request.method !== "POST" || !path.startsWith("/v1/messages")) return void response.writeHead(404, { "content-type": "application/json" }).end("{}");
    const at = performance.now();
    const text = Buffer.concat(chunks).toString("utf8");
    if (path.startsWith("/v1/messages/count_tokens")) return void response.writeHead(200, { "content-type": "application/json" }).end(`{"input_tokens":${Math.ceil(text.length / 4)}}`);
    const body = JSON.parse(text) as any;
    const kind = kindOf(body, text, request.headers);
    const one: Asked = { kind, n: counts[kind]++, at, time: Date.now(), path, headers: request.headers, body, text };
    asked.push(one);
    for (const wake of waiting.splice(0)) wake();
    const reply = kind === "side" ? say('{"title":"A session of the suite","isNewTopic":false}') : await script(one, one.n);
    await answer(response, body, reply, asked.length);
    one.answered = performance.now();
  }

  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    asked,
    of: (kind) => asked.filter((one) => one.kind === kind),
    script(next) {
      script = next;
      counts = { main: 0, subagent: 0, compact: 0, side: 0 };
    },
    async reached(kind, count, within = 30_000) {
      const end = performance.now() + within;
      while (counts[kind] < count) {
        const left = end - performance.now();
        if (left <= 0) throw new Error(`the model was asked ${counts[kind]} times (${kind}), not ${count}, within ${within} ms`);
        await Promise.race([new Promise<void>((wake) => waiting.push(wake)), pause(left, undefined, { ref: false })]);
      }
      return asked.filter((one) => one.kind === kind).at(-1)!;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((done) => server.close(() => done()));
    },
  };
}

/** Told apart by what each version says of itself in its system prompt; a request without tools is housekeeping. */
function kindOf(body: any, _text: string, headers: IncomingMessage["headers"]): Kind {
  const system = typeof body.system === "string" ? body.system : JSON.stringify(body.system ?? "");
  // In a long conversation a reminder of the client's own stands behind the request for a summary.
  const last = JSON.stringify(body.messages?.slice(-2) ?? "");
  if (last.includes("create a detailed summary") || system.includes("tasked with summarizing conversations")) return "compact";
  if ((body.tools?.length ?? 0) === 0 || body.max_tokens === 1) return "side";
  if (headers["x-claude-code-agent-id"] !== undefined || /cc_is_subagent=true|You are an agent for Claude Code/.test(system)) return "subagent";
  return "main";
}

async function answer(response: ServerResponse, body: any, reply: Reply, serial: number): Promise<void> {
  if ("hang" in reply) return void (await new Promise<void>((done) => response.on("close", done)));
  if ("status" in reply) {
    const error = { type: "error", error: { type: reply.error ?? ERRORS[reply.status] ?? "api_error", message: reply.message ?? "" } };
    return void response.writeHead(reply.status, { "content-type": "application/json", "request-id": `req_${serial}` }).end(JSON.stringify(error));
  }
  const usage = { input_tokens: 100, output_tokens: 10, cache_creation_input_tokens: 0, cache_read_input_tokens: 0, ...reply.usage };
  const content = reply.blocks.map((block, i) => (block.type === "text" ? block : { type: block.type, id: block.id ?? `toolu_${String(serial).padStart(4, "0")}${i}${Date.now().toString(36)}`, name: block.name, input: block.input }));
  const stop_reason = content.some(({ type }) => type === "tool_use") ? "tool_use" : "end_turn";
  const message = { id: `msg_${String(serial).padStart(4, "0")}${Date.now().toString(36)}`, type: "message", role: "assistant", model: body.model, content, stop_reason, stop_sequence: null, usage };
  if (body.stream !== true) return void response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(message));

  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache", "request-id": `req_${serial}` });
  const events: object[] = [{ type: "message_start", message: { ...message, content: [], stop_reason: null, usage: { ...usage, output_tokens: 1 } } }];
  content.forEach((block, index) => {
    if (block.type === "text") events.push({ type: "content_block_start", index, content_block: { type: "text", text: "" } }, { type: "content_block_delta", index, delta: { type: "text_delta", text: block.text } });
    else
      events.push(
        { type: "content_block_start", index, content_block: { ...block, input: {} } },
        { type: "content_block_delta", index, delta: { type: "input_json_delta", partial_json: JSON.stringify(block.input) } },
      );
    events.push({ type: "content_block_stop", index });
  });
  events.push({ type: "message_delta", delta: { stop_reason, stop_sequence: null }, usage: { output_tokens: usage.output_tokens } }, { type: "message_stop" });
  for (const event of events) {
    if (reply.chunkDelay !== undefined) await pause(reply.chunkDelay);
    if (response.destroyed) return;
    response.write(`event: ${(event as { type: string }).type}\ndata: ${JSON.stringify(event)}\n\n`);
  }
  response.end();
}
