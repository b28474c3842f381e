/**
 * Sessions of clients that begin with `initialize`: such a client is asked questions in the middle of a call, and can take up
 * a stream that broke, and both need a server that stays. Those of one principal; an id from another is not known here, and
 * is answered as any other that was made up. A session that nobody uses ends after a while, and so does the one that was
 * not used for longest when there are too many: such a client begins anew by itself (404).
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { NodeStreamableHTTPServerTransport } from "@modelcontextprotocol/node";
import type { AuthInfo, McpServerFactory } from "@modelcontextprotocol/server";
import { RecentEvents, type EventLimits } from "./events.ts";

export interface SessionLimits {
  readonly sessions: number;
  /** Milliseconds without a request or an open stream. */
  readonly idle: number;
  readonly events: EventLimits;
  /** Milliseconds after which a client should come back whose stream was ended on purpose. */
  readonly retry: number;
}

export interface SessionSettings {
  readonly factory: McpServerFactory;
  readonly limits: SessionLimits;
  /** A word that nobody can guess. */
  readonly unique: () => string;
  readonly clock: () => number;
  readonly onTrouble: (error: unknown) => void;
}

interface Session {
  readonly transport: NodeStreamableHTTPServerTransport;
  readonly close: () => Promise<void>;
  /** Requests and streams that are being answered. */
  open: number;
  used: number;
}

export interface Exchange {
  /** With who sent it. */
  readonly request: IncomingMessage & { readonly auth: AuthInfo };
  readonly response: ServerResponse;
  readonly body: unknown;
}

export class Sessions {
  readonly #settings: SessionSettings;
  readonly #all = new Map<string, Session>();

  constructor(settings: SessionSettings) {
    this.#settings = settings;
  }

  get size(): number {
    return this.#all.size;
  }

  /** False when no session has that id: the caller answers 404. */
  async serve(id: string, exchange: Exchange): Promise<boolean> {
    const session = this.#all.get(id);
    if (session === undefined) return false;
    await this.#answer(session, exchange);
    return true;
  }

  /** Answers `initialize`. */
  async begin(exchange: Exchange): Promise<void> {
    const { factory, limits, unique, clock } = this.#settings;
    const server = await factory({ era: "legacy", authInfo: exchange.request.auth });
    let known: string | undefined;
    const transport = new NodeStreamableHTTPServerTransport({
      sessionIdGenerator: unique,
      eventStore: new RecentEvents(unique().slice(-12), limits.events),
      retryInterval: limits.retry,
      onsessioninitialized: (id) => {
        known = id;
        this.#makeRoom();
        this.#all.set(id, session);
      },
      onsessionclosed: (id) => void this.#all.delete(id),
    });
    const session: Session = { transport, open: 0, used: clock(), close: () => server.close() };
    await server.connect(transport);
    await this.#answer(session, exchange);
    // It was no proper `initialize`, and was refused.
    if (known === undefined) await server.close();
  }

  /** Ends what was not used for too long. */
  async sweep(): Promise<void> {
    const { limits, clock } = this.#settings;
    const before = clock() - limits.idle;
    await this.#end([...this.#all].filter(([, { open, used }]) => open === 0 && used < before));
  }

  async close(): Promise<void> {
    await this.#end([...this.#all]);
  }

  async #answer(session: Session, { request, response, body }: Exchange): Promise<void> {
    session.open++;
    response.once("close", () => {
      session.open--;
      session.used = this.#settings.clock();
    });
    await session.transport.handleRequest(request, response, body);
  }

  /** One that has no open stream goes first. */
  #makeRoom(): void {
    const { limits, onTrouble } = this.#settings;
    if (this.#all.size < limits.sessions) return;
    const [oldest] = [...this.#all].sort(([, a], [, b]) => Math.min(a.open, 1) - Math.min(b.open, 1) || a.used - b.used);
    this.#end([oldest!]).catch(onTrouble);
  }

  async #end(sessions: readonly (readonly [string, Session])[]): Promise<void> {
    for (const [id] of sessions) this.#all.delete(id);
    await Promise.all(sessions.map(([, session]) => session.close()));
  }
}
