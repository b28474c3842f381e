/**
 * Random requests to the product's own HTTP server, by callers who may do everything, little or nothing, with what each other
 * was given: sessions, events, handles, tokens of previews. Of each answer it is asked whether it should have been given at
 * all, whether it holds anything of another principal's, of the inside or of a token; at the end, whether the server is as
 * well as before. What is sent follows from the seed; only the ids that the server gives differ.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inputRequired, inputResponse, McpServer, type McpServerFactory } from "@modelcontextprotocol/server";
import * as z from "zod";
import { LIMITS } from "../../src/mcp/http/app.ts";
import { SOCKET } from "../../src/mcp/http/listen.ts";
import { mcpServers, TOOLS } from "../../src/mcp/server.ts";
import { chanceOf, type Chance } from "../fuzz/chance.ts";
import { Board, INITIALIZE, legacy, modern, RESOURCE, startHttp, type Answered, type Asked, type Started } from "./http.ts";
import { servingIn } from "./serving.ts";

/** Everybody who has a token. What belongs to a principal is marked with `of-<name>`. */
const GOOD = ["ann-token-f3b1", "bob-token-77aa"] as const;
const WEAK = "reader-token-0d0d";
const BAD = ["late-token-1111", "elsewhere-token-2222", "unknown-token-3333"] as const;
const TOKENS = {
  [GOOD[0]]: { principal: "ann" },
  [GOOD[1]]: { principal: "bob" },
  [WEAK]: { principal: "reader", scopes: ["tidemark:read"] },
  [BAD[0]]: { expiresAt: 1 },
  [BAD[1]]: { audience: `${RESOURCE.href}/other` },
};
const PRINCIPALS = { [GOOD[0]]: "ann", [GOOD[1]]: "bob", [WEAK]: "reader" } as const;
type Name = (typeof PRINCIPALS)[keyof typeof PRINCIPALS];

export interface Fuzzed {
  readonly requests: number;
  /** How often each status was answered; 0 for connections that were cut by us. */
  readonly statuses: ReadonlyMap<number, number>;
  readonly kinds: ReadonlyMap<string, number>;
}

/** What one principal was given, by which another might be reached. */
interface Given {
  readonly sessions: string[];
  readonly events: string[];
  readonly handles: string[];
}

/** Throws at the first answer that should not have been given, with all that led to it. */
export async function fuzzHttp({ seed, requests, atOnce = 8 }: { readonly seed: number; readonly requests: number; readonly atOnce?: number }): Promise<Fuzzed> {
  const folder = mkdtempSync(join(tmpdir(), "tidemark-fuzz-"));
  const trouble: unknown[] = [];
  const world = await servingIn(folder, (error) => void trouble.push(error));
  const board = new Board();
  const server = await startHttp({
    factory: marked(mcpServers(world.serving), board),
    news: board.news,
    tokens: TOKENS,
    limits: { rate: { burst: 1e9, perSecond: 1e9 }, strangers: { burst: 1e9, perSecond: 1e9 }, bodyBytes: 64 * 1024, sessions: { ...LIMITS.sessions, sessions: 16 }, socket: { ...SOCKET, headers: 2000, request: 3000, every: 100 } },
  });
  const unhandled = (error: unknown): void => void trouble.push(error);
  process.on("unhandledRejection", unhandled);
  // Libraries below may print what a client did; what is printed is the shell's to decide.
  const printing = ["log", "info", "warn", "error"] as const;
  const before = printing.map((name) => console[name]);
  for (const name of printing) console[name] = (...words: unknown[]) => void trouble.push(new Error(`printed: ${words.map(String).join(" ")}`));
  try {
    const run = new Run(server, chanceOf(seed), [folder, world.serving.cwd]);
    await run.watch();
    for (let done = 0; done < requests; done += atOnce) await run.round(Math.min(atOnce, requests - done));
    await run.healthy();
    await run.unwatch();
    if (trouble.length + server.trouble.length > 0) throw new Error(`inside: ${[...trouble, ...server.trouble].map((error) => (error instanceof Error ? error.stack : String(error))).join("\n")}`);
    return { requests, statuses: run.statuses, kinds: run.kinds };
  } catch (error) {
    throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error });
  } finally {
    process.off("unhandledRejection", unhandled);
    for (const [i, name] of printing.entries()) console[name] = before[i]!;
    await server.remove();
    await world.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The product's servers, with tools and notices that are marked with whose they are. */
function marked(product: McpServerFactory, board: Board): McpServerFactory {
  return async (context) => {
    const server = await product(context);
    if (!(server instanceof McpServer)) throw new TypeError("the product's server has no tools to add to");
    const mark = `of-${context.authInfo?.clientId}`;
    server.server.registerCapabilities({ resources: { subscribe: true, listChanged: true } });
    server.registerTool("mine", { inputSchema: z.object({}) }, () => ({ content: [{ type: "text", text: mark }] }));
    server.registerTool("tell", { inputSchema: z.object({}) }, () => {
      board.tell(context.authInfo?.clientId, { kind: "resource_updated", uri: "fuzz://all", params: { mark } });
      return { content: [{ type: "text", text: "told" }] };
    });
    server.registerTool("question", { inputSchema: z.object({}) }, (_, { mcpReq }) => {
      const answer = inputResponse(mcpReq.inputResponses, "q");
      if (answer.kind === "elicit") return { content: [{ type: "text", text: `${mark} ${answer.action}` }] };
      return inputRequired({ inputRequests: { q: inputRequired.elicit({ message: mark, requestedSchema: z.object({}) }) } });
    });
    server.registerResource("all", "fuzz://all", {}, ({ href: uri }) => ({ contents: [{ uri, text: mark }] }));
    return server;
  };
}

const METHODS = ["initialize", "ping", "tools/list", "tools/call", "resources/list", "resources/read", "resources/subscribe", "resources/unsubscribe", "resources/templates/list", "prompts/list", "prompts/get", "completion/complete", "logging/setLevel", "server/discover", "notifications/initialized", "notifications/cancelled", "notifications/progress", "tasks/get", "sampling/createMessage", "elicitation/create", "rpc.discover", "__proto__", "", "tools/call\u0000"];
const STRINGS = ["", "x", "of course", "../../../etc/passwd", "\u0000", "\ud800", "𝔘𝔫𝔦", "' OR 1=1 --", "<script>", "${7*7}", "%00%0a", "\u001b[31m", "a".repeat(5000), "tidemark://memory/x", "test://x", "file:///etc/passwd", "__proto__", "constructor", "last tuesday", "-1", "1e309"];
const URIS = ["fuzz://all", "tidemark://memory/x", "tidemark://session/x", "tidemark://brief/%2Fetc", "tidemark://brief/..", "tidemark://brief/%00", "tidemark://decisions/x", "tidemark://checkpoint/x/diff", "tidemark://nonesuch/x", "tidemark://"];
const PROMPTS = ["resume", "handoff", "checkpoint", "undo", "standup"];
const VERSIONS = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-10-07", "2026-07-28", "2099-01-01", "", "x"];

class Run {
  readonly statuses = new Map<number, number>();
  readonly kinds = new Map<string, number>();
  readonly #server: Started;
  readonly #chance: Chance;
  readonly #inside: readonly string[];
  readonly #given: Readonly<Record<Name, Given>> = { ann: { sessions: [], events: [], handles: [] }, bob: { sessions: [], events: [], handles: [] }, reader: { sessions: [], events: [], handles: [] } };
  readonly #heard: { readonly name: Name; readonly text: Promise<string>; readonly end: AbortController }[] = [];

  constructor(server: Started, chance: Chance, inside: readonly string[]) {
    this.#server = server;
    this.#chance = chance;
    this.#inside = inside;
  }

  async round(many: number): Promise<void> {
    const made = Array.from({ length: many }, () => this.#request());
    const answers = await Promise.all(made.map((each) => (each.torn === undefined ? this.#answered(each.asked) : this.#torn(each.asked, each.torn))));
    for (const [i, { asked, kind }] of made.entries()) {
      const answer = answers[i];
      this.kinds.set(kind, (this.kinds.get(kind) ?? 0) + 1);
      this.statuses.set(answer?.status ?? 0, (this.statuses.get(answer?.status ?? 0) ?? 0) + 1);
      if (answer !== undefined) this.#judge(asked, answer);
    }
  }

  /** Both who may do everything have a stream open in each era, on which they should hear of their own. */
  async watch(): Promise<void> {
    for (const token of GOOD) {
      const session = await this.#begin(token);
      await this.#server.legacy("resources/subscribe", { uri: "fuzz://all" }, { token, headers: session });
      const { body, headers } = modern("subscriptions/listen", { notifications: { resourceSubscriptions: ["fuzz://all"] } });
      this.#hear(PRINCIPALS[token], { method: "POST", headers: { ...headers, authorization: `Bearer ${token}` }, body: JSON.stringify(body) });
      this.#hear(PRINCIPALS[token], { headers: { ...session, authorization: `Bearer ${token}`, accept: "text/event-stream" } });
    }
  }

  async unwatch(): Promise<void> {
    for (const token of GOOD) await this.#server.modern("tools/call", { name: "tell", arguments: {} }, { token });
    await new Promise((done) => setTimeout(done, 200));
    for (const { end } of this.#heard) end.abort();
    for (const { name, text } of this.#heard) this.#holdsNothingOfOthers(name, await text, `a stream of ${name}`);
    // The subscriptions of the newer era must still have been there; sessions may have had to make room.
    for (const name of ["ann", "bob"] as const) {
      const texts = await Promise.all(this.#heard.filter((each) => each.name === name).map(({ text }) => text));
      if (!texts.some((text) => text.includes(`of-${name}`))) throw new Error(`${name} has heard nothing of what was told`);
    }
  }

  async healthy(): Promise<void> {
    const health = await this.#server.ask({ path: "/healthz" });
    if (health.status !== 200) throw new Error(`health is ${health.status}`);
    for (const token of GOOD) {
      const answer = await this.#server.modern("tools/call", { name: "mine", arguments: {} }, { token });
      if (!answer.text.includes(`of-${PRINCIPALS[token]}`)) throw new Error(`a good call is answered ${answer.status} ${answer.text}`);
      await this.#begin(token);
    }
  }

  #hear(name: Name, init: RequestInit): void {
    const end = new AbortController();
    const text = (async () => {
      let heard = "";
      try {
        const { body } = await fetch(`http://127.0.0.1:${this.#server.port}/mcp`, { ...init, signal: end.signal });
        for await (const part of body!.pipeThrough(new TextDecoderStream())) heard += part;
      } catch {
        // Ended by us, or to make room for another session.
      }
      return heard;
    })();
    this.#heard.push({ name, text, end });
  }

  async #begin(token: keyof typeof PRINCIPALS): Promise<Record<string, string>> {
    const { status, headers } = await this.#server.legacy("initialize", INITIALIZE, { token });
    if (status !== 200) throw new Error(`a session is begun with ${status}`);
    const id = String(headers["mcp-session-id"]);
    this.#keep(this.#given[PRINCIPALS[token]].sessions, id);
    return { "mcp-session-id": id, "mcp-protocol-version": "2025-11-25" };
  }

  #request(): { readonly asked: Asked & { readonly token: string }; readonly kind: string; readonly torn?: number } {
    const { one, is, below } = this.#chance;
    const token = is(0.75) ? one([...GOOD, WEAK]) : is(0.7) ? one(BAD) : "";
    const era = one(["modern", "legacy", "session"] as const);
    const base = (era === "modern" ? modern : legacy)(...this.#what());
    const every: Record<string, string> = { ...base.headers, ...(era === "session" ? { "mcp-session-id": this.#session(), "mcp-protocol-version": one(VERSIONS) } : {}), ...this.#header() };
    // What cannot stand in a header cannot be sent by anybody.
    const headers = Object.fromEntries(Object.entries(every).filter(([, value]) => /^[\t -~\u0080-\u00ff]*$/.test(value)));
    let asked: Asked & { readonly token: string } = { ...base, headers, token };
    if (is(0.12)) asked = { ...asked, body: Array.from({ length: below(12) }, () => (is(0.8) ? (legacy(...this.#what()) as { body: object }).body : this.#value(3))) };
    if (is(0.12)) asked = { ...asked, body: this.#mangled(JSON.stringify(asked.body)) };
    if (is(0.04)) asked = { ...asked, body: this.#value(5) };
    if (is(0.06)) asked = { ...asked, method: one(["GET", "DELETE", "PUT", "HEAD", "OPTIONS", "PATCH", "TRACE"]), body: undefined };
    if (is(0.03)) asked = { ...asked, path: one(["/", "/mcp/", "/mcp?access_token=" + GOOD[0], "//mcp", "/mcp%2f..", "/healthz", "/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-authorization-server", "/mcp/../healthz", "/" + "x".repeat(3000)]) };
    const kind = asked.method === "POST" ? era : asked.method!;
    return is(0.03) ? { asked, kind: "torn", torn: this.#chance.number() } : { asked, kind };
  }

  #what(): [string, object, Partial<Asked>] {
    const { one, is, below } = this.#chance;
    const method = is(0.5) ? "tools/call" : one(METHODS);
    if (method.startsWith("resources/") && is(0.7)) return [method, { uri: is(0.9) ? one(URIS) : one(STRINGS), ...(is(0.2) ? { cursor: one(STRINGS) } : {}) }, {}];
    if (method === "prompts/get" && is(0.8)) return [method, { name: one(PROMPTS), ...(is(0.5) ? { arguments: this.#object(2) } : {}) }, {}];
    if (method === "completion/complete" && is(0.8)) return [method, { ref: is(0.5) ? { type: "ref/prompt", name: one(PROMPTS) } : { type: "ref/resource", uri: one(["tidemark://brief/{project}", "tidemark://session/{id}", "x"]) }, argument: { name: one(["project", "id", "session", "x"]), value: one(STRINGS) } }, {}];
    if (method !== "tools/call") return [method, is(0.5) ? { uri: one(STRINGS), name: one(STRINGS) } : (this.#object(3) as object), {}];
    const name = is(0.95) ? one([...TOOLS.map((each) => each.name), "mine", "tell", "question", "mine"]) : one(STRINGS);
    const args: Record<string, unknown> = {};
    for (const field of ["statement", "query", "token", "handle", "id", "ids", "done", "next", "key", "detail", "paths", "turns", "cursor", "budget", "session"]) if (is(0.25)) args[field] = is(0.6) ? this.#word() : this.#value(3);
    if (name === "remember" && is(0.7)) Object.assign(args, { statement: `Rule ${below(50)} holds.` });
    const responses = is(0.1) ? { inputResponses: is(0.5) ? { q: { action: one(["accept", "decline", "cancel", "x"]), content: {} }, confirm: { action: "accept", content: {} } } : this.#value(3) } : {};
    return ["tools/call", { name, arguments: is(0.9) ? args : this.#value(2), ...responses, ...(is(0.05) ? { requestState: one(STRINGS) } : {}), ...(is(0.05) ? { _meta: this.#value(3) } : {}) }, {}];
  }

  /** Own, another's, or none: whoever sends it. */
  #session(): string {
    const { one, is } = this.#chance;
    const all = Object.values(this.#given).flatMap(({ sessions }) => sessions);
    return is(0.85) && all.length > 0 ? one(all) : one(["x", "unique-word-number-0000000000000000", "a b", "\u00e9", "../x", "0"]);
  }

  #word(): string {
    const { one, is } = this.#chance;
    const all = Object.values(this.#given).flatMap(({ handles }) => handles);
    return is(0.4) && all.length > 0 ? one(all) : one([...STRINGS, `s_${"0".repeat(24)}`, `f_${"f".repeat(24)}`, "u_1"]);
  }

  #header(): Record<string, string> {
    const { one, is } = this.#chance;
    const events = Object.values(this.#given).flatMap(({ events: all }) => all);
    const found: Record<string, string> = {};
    if (is(0.05)) found["mcp-name"] = one(["look", "mine", "=?base64?x?=", "é"]);
    if (is(0.05)) found["mcp-method"] = one(["tools/list", "TOOLS/CALL", "x"]);
    if (is(0.05)) found["mcp-protocol-version"] = one(VERSIONS);
    if (is(0.05)) found["content-type"] = one(["text/plain", "application/json; charset=utf-16", "application/x-www-form-urlencoded", "", "application/json;"]);
    if (is(0.05)) found["accept"] = one(["*/*", "application/json", "text/event-stream", "text/html", ""]);
    if (is(0.1)) found["last-event-id"] = events.length > 0 && is(0.7) ? one(events) : one(["x", "1", "0-0", "%"]);
    if (is(0.03)) found["origin"] = one(["http://evil.example", "http://localhost:1", "null"]);
    if (is(0.03)) found["host"] = one(["evil.example", "localhost", "127.0.0.1:1", "["]);
    if (is(0.02)) found["expect"] = "100-continue";
    if (is(0.02)) found["x-forwarded-for"] = "10.0.0.1";
    return found;
  }

  #value(depth: number): unknown {
    const { one, is, below } = this.#chance;
    if (depth === 0 || is(0.4)) return one<unknown>([null, true, false, 0, -1, 1e308, 0.1, 2 ** 53, this.#word(), [], {}]);
    return is(0.5) ? Array.from({ length: below(5) }, () => this.#value(depth - 1)) : this.#object(depth - 1);
  }

  #object(depth: number): unknown {
    return Object.fromEntries(Array.from({ length: this.#chance.below(5) }, () => [this.#chance.one(["name", "uri", "arguments", "_meta", "cursor", "ref", "argument", "params", "id", "method", "constructor", "x"]), this.#value(depth)]));
  }

  #mangled(text: string): string | Uint8Array {
    const { below, is, one } = this.#chance;
    if (is(0.3)) return text.slice(0, below(text.length));
    if (is(0.2)) return `${"[".repeat(below(200))}${text}`;
    if (is(0.2)) return text.replace('"jsonrpc":"2.0"', one(['"jsonrpc":2', '"jsonrpc":"2.0","jsonrpc":"1.0"', '"a":1', '"jsonrpc":null']));
    if (is(0.1)) return text.replace(/"id":1/, one(['"id":null', '"id":{}', '"id":1.5', '"id":"x"', '"id":9007199254740993', '"id":[1]']));
    if (is(0.05)) return text + " ".repeat(70_000);
    const bytes = Buffer.from(text);
    for (let n = 1 + below(6); n > 0; n--) bytes[below(bytes.length)] = below(256);
    return bytes;
  }

  /** Streams that stay open are listened to for a moment. */
  async #answered(asked: Asked & { readonly token: string }): Promise<Answered | undefined> {
    const within = new Promise<"late">((resolve) => setTimeout(() => resolve("late"), 15_000).unref());
    const answer = await Promise.race([this.#server.ask({ ...asked, patience: 150 }), within]);
    if (answer === "late") throw new Error(`not answered within 15 s: ${JSON.stringify(asked).slice(0, 2000)}`);
    return answer;
  }

  /** A client that is gone in the middle. */
  async #torn({ headers = {}, body, token }: Asked & { readonly token: string }, at: number): Promise<undefined> {
    const text = typeof body === "string" ? body : (JSON.stringify(body) ?? "");
    const socket = connect(this.#server.port, "127.0.0.1");
    socket.on("error", () => {});
    const lines = Object.entries({ host: "127.0.0.1", authorization: `Bearer ${token}`, ...headers, "content-length": String(Buffer.byteLength(text)) }).filter(([, value]) => !/[^\t -~]/.test(value)).map(([name, value]) => `${name}: ${value}`);
    const whole = `POST /mcp HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n${text}`;
    await new Promise((done) => socket.once("connect", done).once("error", done));
    socket.write(whole.slice(0, Math.floor(whole.length * at)));
    await new Promise((done) => setTimeout(done, 5));
    socket.destroy();
    return undefined;
  }

  #judge(asked: Asked & { readonly token: string }, answer: Answered): void {
    const told = (why: string): Error => new Error(`${why}\nasked ${JSON.stringify(asked).slice(0, 3000)}\nanswered ${answer.status} ${JSON.stringify(answer.headers)} ${answer.text.slice(0, 3000)}`);
    const all = `${answer.text}\n${JSON.stringify(answer.headers)}`;
    if (answer.status >= 500) throw told("a failure of the server");
    // In the older era the SDK calls params of the wrong shape an internal error, and says which they are: the caller's own.
    if (/"code":-32603/.test(answer.text) && !/limit reached|"message":"\[\\n {2}\{\\n/.test(answer.text)) throw told("an internal error");
    if (/\bat (?:\w+ )?\(?(?:file:|\/|node:)|node_modules|\.(?:m|c)?[jt]s:\d/.test(answer.text)) throw told("a trace of the inside");
    for (const token of [...GOOD, WEAK, ...BAD]) if (all.includes(token)) throw told("a token");
    for (const place of this.#inside) if (answer.text.includes(place) && !JSON.stringify(asked.body ?? "").includes(place) && answer.status !== 200) throw told("a path of this machine");
    const name = Object.hasOwn(PRINCIPALS, asked.token) ? PRINCIPALS[asked.token as keyof typeof PRINCIPALS] : undefined;
    const open = asked.path !== undefined && /^\/(?:healthz|\.well-known\/oauth-protected-resource\/mcp)$/.test(asked.path);
    if (name === undefined && answer.status < 400 && !open) throw told("somebody without a good token was let in");
    this.#holdsNothingOfOthers(name, all, JSON.stringify(asked), told);
    if (name === undefined) return;
    const session = answer.headers["mcp-session-id"];
    // An answer in a session that was not begun just now must be in one of the caller's own.
    if (typeof session === "string" && !this.#given[name].sessions.includes(session)) {
      if (Object.values(this.#given).some(({ sessions }) => sessions.includes(session))) throw told("a session of another principal");
      this.#keep(this.#given[name].sessions, session);
    }
    for (const [, id] of answer.text.matchAll(/^id: (.+)$/gm)) this.#keep(this.#given[name].events, id!);
    for (const [handle] of answer.text.matchAll(/\b[suf]_[0-9a-f]{24}\b/g)) if (!JSON.stringify(asked).includes(handle)) this.#keep(this.#given[name].handles, handle);
  }

  #holdsNothingOfOthers(name: Name | undefined, text: string, what: string, told = (why: string): Error => new Error(`${why}: ${what}`)): void {
    for (const [other, { sessions, events, handles }] of Object.entries(this.#given)) {
      if (other === name) continue;
      if (text.includes(`of-${other}`)) throw told(`what belongs to ${other}`);
      for (const id of [...sessions, ...events, ...handles]) if (id.length > 12 && text.includes(id) && !what.includes(id)) throw told(`an id of ${other}`);
    }
  }

  /** The last few of each are enough to go on with. */
  #keep(list: string[], id: string): void {
    if (!list.includes(id)) list.push(id);
    if (list.length > 40) list.shift();
  }
}
