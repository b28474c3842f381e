/**
 * The MCP server over HTTP as it is, on a free port, with a small server of the protocol behind it or the product's own, and
 * tokens that a test hands out. Requests are made byte for byte: a test may send what no client would.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inputRequired, inputResponse, McpServer, type McpServerFactory, type ServerEvent } from "@modelcontextprotocol/server";
import * as z from "zod";
import { LIMITS, type AppLimits } from "../../src/mcp/http/app.ts";
import type { Grant } from "../../src/mcp/http/gate.ts";
import { SOCKET, type SocketLimits } from "../../src/mcp/http/listen.ts";
import type { News } from "../../src/mcp/http/news.ts";
import { serveHttp, type HttpServing } from "../../src/mcp/http/serve.ts";
import { SCOPES, takes } from "../../src/mcp/scopes.ts";

export type Limits = AppLimits & { readonly socket: SocketLimits };

export interface Started extends HttpServing {
  readonly home: string;
  /** What went wrong inside. */
  readonly trouble: unknown[];
  readonly ask: (asked: Asked) => Promise<Answered>;
  /** A JSON-RPC request of 2026-07-28, with its headers. */
  readonly modern: (method: string, params?: object, more?: Partial<Asked>) => Promise<Answered>;
  /** A JSON-RPC request as clients of `initialize` make it. */
  readonly legacy: (method: string, params?: object, more?: Partial<Asked>) => Promise<Answered>;
  /** Ends it, and waits for nothing that runs. */
  readonly remove: () => Promise<void>;
}

export interface Asked {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** What has no text is sent as JSON. */
  readonly body?: unknown;
  /** "" for none. */
  readonly token?: string;
  /** Milliseconds after which an answer that is a stream is taken as it is; without, its end is waited for. */
  readonly patience?: number;
}

export interface Answered {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The JSON-RPC message that answers, from a body or the last event of a stream; undefined where there is none. */
  readonly message: any;
}

export interface Starting {
  readonly factory?: McpServerFactory;
  readonly news?: News;
  /** Token → what it is good for; without, the server has the token of this machine. */
  readonly tokens?: Readonly<Record<string, Partial<Grant>>>;
  readonly limits?: { readonly [K in keyof Limits]?: Limits[K] };
  readonly clock?: () => number;
}

export const RESOURCE = new URL("http://127.0.0.1/mcp");

export async function startHttp({ news, factory, tokens, limits = {}, clock = Date.now }: Starting = {}): Promise<Started> {
  const home = mkdtempSync(join(tmpdir(), "tidemark-http-"));
  const trouble: unknown[] = [];
  const board = new Board();
  let made = 0;
  const server = await serveHttp({
    host: "127.0.0.1",
    port: 0,
    home,
    factory: factory ?? small(board),
    news: news ?? board.news,
    unique: () => `unique-word-number-${String(++made).padStart(16, "0")}`,
    clock,
    onTrouble: (error) => void trouble.push(error),
    limits: { ...LIMITS, socket: SOCKET, ...limits },
    ...(tokens === undefined ? {} : { authorization: { resource: RESOURCE, issuers: ["https://issuer.example"], verify: async (token: string) => grant(tokens, token) } }),
  });
  const ask = (asked: Asked): Promise<Answered> => send(server.port, asked);
  return {
    ...server,
    home,
    trouble,
    ask,
    modern: (method, params, more) => ask(modern(method, params, more)),
    legacy: (method, params, more) => ask(legacy(method, params, more)),
    remove: async () => {
      const stopping = server.stop();
      // The second time it does not wait.
      void server.stop();
      await stopping;
      rmSync(home, { recursive: true, force: true });
    },
  };
}

function grant(tokens: Readonly<Record<string, Partial<Grant>>>, token: string): Grant | undefined {
  const known = Object.hasOwn(tokens, token) ? tokens[token] : undefined;
  return known === undefined ? undefined : { principal: token, scopes: SCOPES, audience: RESOURCE.href, expiresAt: Infinity, ...known };
}

const HEADERS = { "content-type": "application/json", accept: "application/json, text/event-stream" };

export function modern(method: string, params: object = {}, { headers = {}, ...more }: Partial<Asked> = {}): Asked {
  const { name, uri } = params as { name?: string; uri?: string };
  const _meta = { "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}, "io.modelcontextprotocol/clientInfo": { name: "test", version: "1" } };
  const named = name ?? uri;
  return {
    method: "POST",
    body: { jsonrpc: "2.0", id: 1, method, params: { _meta, ...params } },
    headers: { ...HEADERS, "mcp-protocol-version": "2026-07-28", "mcp-method": method, ...(named === undefined ? {} : { "mcp-name": named }), ...headers },
    ...more,
  };
}

export function legacy(method: string, params: object = {}, { headers = {}, ...more }: Partial<Asked> = {}): Asked {
  return { method: "POST", body: { jsonrpc: "2.0", id: 1, method, params }, headers: { ...HEADERS, ...headers }, ...more };
}

export const INITIALIZE = { protocolVersion: "2025-11-25", capabilities: { elicitation: {} }, clientInfo: { name: "test", version: "1" } };

/** Begins a session; what further requests need to say. */
export async function begin({ legacy: asks }: Started, token: string): Promise<Record<string, string>> {
  const { status, headers, text } = await asks("initialize", INITIALIZE, { token });
  if (status !== 200) throw new Error(`${status} ${text}`);
  return { "mcp-session-id": String(headers["mcp-session-id"]), "mcp-protocol-version": "2025-11-25" };
}

export function send(port: number, { method = "GET", path = "/mcp", headers = {}, body, token = "", patience }: Asked): Promise<Answered> {
  const text = body === undefined || typeof body === "string" || body instanceof Uint8Array ? body : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const asking = httpRequest({ host: "127.0.0.1", port, method, path, agent: false, headers: { ...(token === "" ? {} : { authorization: `Bearer ${token}` }), ...(text === undefined ? {} : { "content-length": Buffer.byteLength(text) }), ...headers } }, (response) => {
      const parts: Buffer[] = [];
      const finish = (): void => {
        const said = Buffer.concat(parts).toString("utf8");
        resolve({ status: response.statusCode!, headers: response.headers, text: said, message: messageIn(said) });
        response.destroy();
      };
      if (patience !== undefined && response.headers["content-type"] === "text/event-stream") setTimeout(finish, patience);
      response.on("data", (part: Buffer) => parts.push(part));
      response.on("error", reject);
      response.on("end", finish);
    });
    asking.on("error", reject);
    asking.end(text);
  });
}

/** JSON, or the data of events of which the last that is JSON counts. */
function messageIn(text: string): any {
  const data = text.startsWith("{") || text.startsWith("[") ? [text] : text.split("\n").filter((line) => line.startsWith("data: ")).map((line) => line.slice(6));
  try {
    return JSON.parse(data.filter((each) => each.startsWith("{") || each.startsWith("[")).at(-1) ?? "");
  } catch {
    return undefined;
  }
}

/** Where news are put up, for one principal or for all. */
export class Board {
  readonly #listeners = new Set<readonly [string, (event: ServerEvent) => void]>();

  readonly news: News = (principal, tell) => {
    const entry = [principal, tell] as const;
    this.#listeners.add(entry);
    return () => void this.#listeners.delete(entry);
  };

  get listeners(): number {
    return this.#listeners.size;
  }

  tell(principal: string | undefined, event: ServerEvent): void {
    for (const [name, tell] of this.#listeners) if (principal === undefined || principal === name) tell(event);
  }
}

/** Tools that each take another scope, one that asks, one that takes its time, one that breaks; and a text for each caller. */
export const small = (board = new Board()): McpServerFactory => ({ authInfo }) => {
  const server = new McpServer({ name: "small", version: "1" }, { capabilities: { resources: { subscribe: true, listChanged: true } } });
  const said = (text: string) => ({ content: [{ type: "text" as const, text }] });
  for (const [name, scope] of [["look", "tidemark:read"], ["keep", "tidemark:write"], ["put_back", "tidemark:restore"], ["erase", "tidemark:admin"]] as const)
    server.registerTool(name, { inputSchema: z.strictObject({ what: z.string().optional() }), scopeChallenge: takes(scope) }, ({ what = "" }, { http }) => said(`${name} ${what} for ${http?.authInfo?.clientId} token=${JSON.stringify(http?.authInfo?.token)}`));
  server.registerTool("wait", { inputSchema: z.strictObject({ ms: z.int() }) }, async ({ ms }) => {
    await new Promise((done) => setTimeout(done, ms));
    return said(`waited ${ms}`);
  });
  server.registerTool("ask", { inputSchema: z.strictObject({}) }, (_, { mcpReq }) => {
    const answer = inputResponse(mcpReq.inputResponses, "go");
    if (answer.kind === "elicit") return said(answer.action);
    return inputRequired({ inputRequests: { go: inputRequired.elicit({ message: "Go on?", requestedSchema: { type: "object", properties: { yes: { type: "boolean" } } } }) } });
  });
  server.registerTool("change", { inputSchema: z.strictObject({}) }, () => {
    board.tell(authInfo?.clientId, { kind: "resource_updated", uri: "small://mine" });
    board.tell(authInfo?.clientId, { kind: "resources_list_changed" });
    return said("changed");
  });
  server.registerTool("break", { inputSchema: z.strictObject({}) }, () => {
    throw new Error("a path such as /home/somebody/secret");
  });
  server.registerResource("mine", "small://mine", {}, (uri) => ({ contents: [{ uri: uri.href, text: `of ${authInfo?.clientId}` }] }));
  return server;
};
