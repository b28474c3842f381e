/**
 * What the server keeps for each caller between two requests: sessions, subscriptions, how often it has asked. One object
 * for each principal, and a request is given only the one of its own: that a session, a stream or a notice of one reaches
 * another is not a matter of a check that could be forgotten.
 */
import { toNodeHandler, type NodeMcpRequestHandler } from "@modelcontextprotocol/node";
import { createMcpHandler, type McpHttpHandler } from "@modelcontextprotocol/server";
import { NewsBus, type News } from "./news.ts";
import { take, type Bucket, type Rate } from "./rate.ts";
import { Sessions, type SessionLimits, type SessionSettings } from "./sessions.ts";

export interface PrincipalLimits {
  readonly principals: number;
  readonly rate: Rate;
  readonly subscriptions: number;
  readonly sessions: SessionLimits;
  readonly bodyBytes: number;
}

export interface PrincipalSettings extends Omit<SessionSettings, "limits"> {
  readonly news: News;
  readonly limits: PrincipalLimits;
}

export class Principal {
  readonly sessions: Sessions;
  readonly serve: NodeMcpRequestHandler;
  readonly #handler: McpHttpHandler;
  readonly #settings: PrincipalSettings;
  #bucket: Bucket | undefined;
  /** Requests and streams that are being answered. */
  open = 0;
  used: number;

  constructor(name: string, settings: PrincipalSettings) {
    const { factory, news, limits, clock, onTrouble } = settings;
    const bus = new NewsBus((tell) => news(name, tell), onTrouble);
    this.#settings = settings;
    this.used = clock();
    this.sessions = new Sessions({ ...settings, limits: limits.sessions });
    // Without a session a client of the older era is served, too, request by request. What the SDK would report are mistakes
    // of clients, in their words: they have been told, and it would let them fill a terminal.
    this.#handler = createMcpHandler(factory, { legacy: "stateless", bus, maxSubscriptions: limits.subscriptions, maxRequestBodySize: limits.bodyBytes });
    this.serve = toNodeHandler(this.#handler, { maxRequestBodySize: limits.bodyBytes });
  }

  /** Seconds to wait, or 0. */
  ask(many: number): number {
    const { bucket, wait } = take(this.#bucket, many, this.#settings.clock(), this.#settings.limits.rate);
    this.#bucket = bucket;
    return wait;
  }

  async close(): Promise<void> {
    await Promise.all([this.sessions.close(), this.#handler.close()]);
  }
}

export class Principals {
  readonly #settings: PrincipalSettings;
  readonly #all = new Map<string, Principal>();

  constructor(settings: PrincipalSettings) {
    this.#settings = settings;
  }

  /** Undefined when there are too many that have something going on; nobody's is ended for another's sake. */
  of(name: string): Principal | undefined {
    const known = this.#all.get(name);
    if (known !== undefined) return known;
    if (this.#all.size >= this.#settings.limits.principals && !this.#forgetIdle()) return undefined;
    const made = new Principal(name, this.#settings);
    this.#all.set(name, made);
    return made;
  }

  async sweep(): Promise<void> {
    for (const { sessions } of this.#all.values()) await sessions.sweep();
  }

  async close(): Promise<void> {
    const all = [...this.#all.values()];
    this.#all.clear();
    await Promise.all(all.map((each) => each.close()));
  }

  #forgetIdle(): boolean {
    const idle = [...this.#all].filter(([, { open, sessions }]) => open === 0 && sessions.size === 0).sort(([, a], [, b]) => a.used - b.used)[0];
    if (idle === undefined) return false;
    this.#all.delete(idle[0]);
    idle[1].close().catch(this.#settings.onTrouble);
    return true;
  }
}
