/**
 * What becomes of a request: first whether it may be here at all (host, origin), then where it goes, who asks, how often,
 * whether its body can be read; only then does the SDK see it. Each of these answers by itself and lets nothing through that
 * it could not judge. Leaves out the socket (listen.ts) and what the tools do (the factory).
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { toWebRequest } from "@modelcontextprotocol/node";
import { isInitializeRequest, isJsonContentType, isLegacyRequest, validateHostHeader, validateOriginHeader, type AuthInfo, type McpServerFactory } from "@modelcontextprotocol/server";
import { forward, refuse, sendJson } from "./answers.ts";
import { readBody } from "./body.ts";
import { admit, type Gate } from "./gate.ts";
import { metadataOf, metadataUrl } from "./metadata.ts";
import { Principals, type Principal, type PrincipalLimits, type PrincipalSettings } from "./principals.ts";
import { take, type Bucket, type Rate } from "./rate.ts";

export interface AppLimits extends PrincipalLimits {
  readonly bodyDepth: number;
  /** How often an address may come without a good token. */
  readonly strangers: Rate;
}

/**
 * A worker that asks as quickly as it can think stays far below these; a client that repeats itself without end is held to a
 * pace at which others are still served (a recall takes some tens of milliseconds, bench/mcp). The longest text that a tool takes
 * is a tenth of the bound for bodies.
 */
export const LIMITS: AppLimits = {
  principals: 1000,
  rate: { burst: 1000, perSecond: 20 },
  strangers: { burst: 50, perSecond: 1 },
  subscriptions: 64,
  sessions: { sessions: 64, idle: 30 * 60_000, events: { events: 256, size: 1_000_000 }, retry: 1000 },
  bodyBytes: 1024 * 1024,
  bodyDepth: 64,
};

/** Addresses that are remembered at most. */
const STRANGERS = 10_000;

export interface AppSettings extends Omit<PrincipalSettings, "limits"> {
  readonly gate: Gate;
  /** Authorization servers that issue tokens for this one. */
  readonly issuers: readonly string[];
  /** Names by which this server may be called, without port: anything else is a page that had a name changed under it. */
  readonly hosts: readonly string[];
  readonly limits: AppLimits;
}

/** As a server is given it, with who sent it: what the SDK reads. */
type Incoming = IncomingMessage & { readonly method: string; readonly url: string; auth: AuthInfo };

const METHODS = "GET, POST, DELETE";

export class App {
  readonly #settings: AppSettings;
  readonly #principals: Principals;
  readonly #strangers = new Map<string, Bucket>();
  /** Requests that come to an end by themselves; streams are not counted. */
  #running = 0;
  #stopping = false;
  #idle: (() => void) | undefined;

  constructor(settings: AppSettings) {
    this.#settings = settings;
    this.#principals = new Principals({ ...settings, factory: reporting(settings) });
  }

  /** Never rejects: whatever breaks is told to `onTrouble`, and to the client that it broke. */
  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      await this.#route(request, response);
    } catch (error) {
      this.#settings.onTrouble(error);
      if (response.headersSent) response.destroy();
      else refuse(response, { status: 500, code: -32603, message: "Internal error" });
    }
  }

  /** What is to be looked after now and then: sessions that nobody uses, addresses that have not come again. */
  async sweep(): Promise<void> {
    this.#forgetStrangers();
    await this.#principals.sweep();
  }

  /** From now on nothing new is begun; resolves when everything that was running has been answered. */
  async drained(): Promise<void> {
    this.#stopping = true;
    if (this.#running > 0) await new Promise<void>((resolve) => (this.#idle = resolve));
  }

  /** Ends all sessions and streams. */
  async close(): Promise<void> {
    this.#stopping = true;
    await this.#principals.close();
  }

  async #route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.setHeader("x-content-type-options", "nosniff");
    response.setHeader("cache-control", "no-store");
    const { hosts, gate, issuers } = this.#settings;
    const host = validateHostHeader(request.headers.host, [...hosts]);
    if (!host.ok) return refuse(response, { status: 403, message: "This server is not known by that name" });
    const origin = validateOriginHeader(request.headers.origin, [...hosts]);
    if (!origin.ok) return refuse(response, { status: 403, message: "Pages of that origin may not call this server" });
    const path = pathOf(request.url);
    if (path === "/healthz") return this.#health(request, response);
    if (path === new URL(metadataUrl(gate.resource)).pathname) return onlyRead(request, response, () => sendJson(response, 200, metadataOf(gate.resource, issuers)));
    if (path !== gate.resource.pathname) return refuse(response, { status: 404, message: "There is nothing here" });
    if (this.#stopping) return refuse(response, { status: 503, message: "The server is stopping", headers: { "retry-after": "5", connection: "close" } });
    if (!METHODS.split(", ").includes(request.method ?? "")) return refuse(response, { status: 405, message: "Method not allowed", headers: { allow: METHODS } });
    await this.#admit(request, response);
  }

  #health(request: IncomingMessage, response: ServerResponse): void {
    onlyRead(request, response, () => sendJson(response, this.#stopping ? 503 : 200, { status: this.#stopping ? "stopping" : "ok" }));
  }

  async #admit(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const admitted = await admit(request.headers.authorization, this.#settings.gate);
    if ("refused" in admitted) {
      const wait = this.#strange(request.socket.remoteAddress ?? "");
      return wait > 0 ? tooOften(response, wait) : forward(response, admitted.refused);
    }
    const principal = this.#principals.of(admitted.auth.clientId);
    if (principal === undefined) return refuse(response, { status: 503, message: "Too many callers at once", headers: { "retry-after": "60" } });
    principal.open++;
    response.once("close", () => {
      principal.open--;
      principal.used = this.#settings.clock();
    });
    await this.#serve(principal, admitted.auth, request, response);
  }

  async #serve(principal: Principal, auth: AuthInfo, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = request.method === "POST" ? await this.#body(request, response) : { value: undefined };
    if (body === undefined) return;
    const { value } = body;
    const wait = principal.ask(Array.isArray(value) ? Math.max(1, value.length) : 1);
    if (wait > 0) return tooOften(response, wait);
    if (!isStream(request.method, value)) this.#count(response);
    const incoming = Object.assign(request, { auth }) as Incoming;
    const exchange = { request: incoming, response, body: value };
    const session = request.headers["mcp-session-id"];
    if (await isLegacyRequest(await toWebRequest(incoming, value), value)) {
      if (typeof session === "string") {
        if (!(await principal.sessions.serve(session, exchange))) refuse(response, { status: 404, code: -32001, message: "Session not found" });
        return;
      }
      if (isInitializeRequest(value)) return principal.sessions.begin(exchange);
    }
    await principal.serve(incoming, response, value);
  }

  async #body(request: IncomingMessage, response: ServerResponse): Promise<{ readonly value: unknown } | undefined> {
    const { bodyBytes, bodyDepth } = this.#settings.limits;
    if (!isJsonContentType(request.headers["content-type"] ?? null)) {
      refuse(response, { status: 415, message: "The body must be application/json", headers: { connection: "close" } });
      return undefined;
    }
    const body = await readBody(request, { bytes: bodyBytes, depth: bodyDepth });
    if (body !== undefined && "value" in body) return body;
    // What is left of the body is not read: the connection ends here.
    if (body !== undefined) refuse(response, { ...body, headers: { connection: "close" } });
    return undefined;
  }

  #count(response: ServerResponse): void {
    this.#running++;
    response.once("close", () => {
      if (--this.#running === 0) this.#idle?.();
    });
  }

  #strange(address: string): number {
    const { limits, clock } = this.#settings;
    const { bucket, wait } = take(this.#strangers.get(address), 1, clock(), limits.strangers);
    this.#strangers.set(address, bucket);
    if (this.#strangers.size > STRANGERS) this.#strangers.delete(this.#strangers.keys().next().value!);
    return wait;
  }

  #forgetStrangers(): void {
    const { clock, limits: { strangers } } = this.#settings;
    for (const [address, { at }] of this.#strangers) if (clock() - at > (strangers.burst / strangers.perSecond) * 1000) this.#strangers.delete(address);
  }
}

/** Of a server that cannot be made the client is told nothing more than that; here it is known why. */
function reporting({ factory, onTrouble }: AppSettings): McpServerFactory {
  return async (context) => {
    try {
      return await factory(context);
    } catch (error) {
      onTrouble(error);
      throw error;
    }
  };
}

/** The path alone: a token in the query is not looked at. Undefined for what is no path. */
function pathOf(url = ""): string | undefined {
  return url.startsWith("/") ? url.split(/[?#]/, 1)[0] : undefined;
}

function onlyRead(request: IncomingMessage, response: ServerResponse, send: () => void): void {
  if (request.method === "GET" || request.method === "HEAD") send();
  else refuse(response, { status: 405, message: "Method not allowed", headers: { allow: "GET, HEAD" } });
}

function tooOften(response: ServerResponse, wait: number): void {
  refuse(response, { status: 429, message: "Too many requests", headers: { "retry-after": String(Math.ceil(wait)) } });
}

/** What stays open for as long as the client likes. */
function isStream(method: string | undefined, body: unknown): boolean {
  return method === "GET" || (body as { method?: unknown } | undefined)?.method === "subscriptions/listen";
}
