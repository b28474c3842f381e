/**
 * The socket: the one place of the product that listens, on an address that was named, with a bound for everything that a
 * slow or greedy peer could hold on to. It connects to nothing. Leaves out what is answered (app.ts).
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { TidemarkError } from "../../base/errors.ts";

export interface SocketLimits {
  readonly connections: number;
  /** Milliseconds until the headers, and the whole request, must be there. */
  readonly headers: number;
  readonly request: number;
  /** How often that is looked at. */
  readonly every: number;
  /** Milliseconds that a connection without a request is kept. */
  readonly keepAlive: number;
  /** Milliseconds that running requests have to come to an end when the server stops. */
  readonly drain: number;
  /** How often sessions are looked for that nobody uses. */
  readonly sweep: number;
}

export const SOCKET: SocketLimits = { connections: 256, headers: 10_000, request: 30_000, every: 1000, keepAlive: 5000, drain: 10_000, sweep: 30_000 };

export interface Served {
  handle(request: IncomingMessage, response: ServerResponse): Promise<void>;
  sweep(): Promise<void>;
  drained(): Promise<void>;
  close(): Promise<void>;
}

export interface Listening {
  readonly port: number;
  /** Nothing new is taken, what runs comes to an end within a bound, then everything is closed. The second call does not wait. */
  readonly stop: () => Promise<void>;
}

/** Addresses that cannot be reached from another machine. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}

/** `serve` is asked for when the port is known. Refused: ADDRESS_TAKEN. */
export async function listen({ host, port }: { readonly host: string; readonly port: number }, serve: (port: number) => Served, limits: SocketLimits, onTrouble: (error: unknown) => void): Promise<Listening> {
  const server = createServer({ headersTimeout: limits.headers, requestTimeout: limits.request, connectionsCheckingInterval: limits.every, keepAliveTimeout: limits.keepAlive, maxHeaderSize: 16 * 1024 });
  server.maxConnections = limits.connections;
  await new Promise<void>((listening, failed) => {
    server.once("error", (error: NodeJS.ErrnoException) => failed(taken(error, host, port)));
    server.listen({ host, port, exclusive: true }, listening);
  });
  const bound = (server.address() as AddressInfo).port;
  const served = serve(bound);
  server.on("request", (request, response) => void served.handle(request, response));
  server.on("error", onTrouble);
  const sweeping = setInterval(() => void served.sweep().catch(onTrouble), limits.sweep);
  sweeping.unref();
  let stopping: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    clearInterval(sweeping);
    const closed = new Promise<void>((done) => server.close(() => done()));
    await within(limits.drain, served.drained());
    await served.close();
    // The last words of streams that were just ended are still on their way.
    await within(limits.drain, closed, 500);
    server.closeAllConnections();
    await closed;
  };
  return {
    port: bound,
    stop: () => {
      if (stopping !== undefined) server.closeAllConnections();
      return (stopping ??= stop());
    },
  };
}

async function within(limit: number, what: Promise<void>, most = limit): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  await Promise.race([what, new Promise<void>((resolve) => (timer = setTimeout(resolve, Math.min(limit, most))))]);
  clearTimeout(timer);
}

function taken(error: NodeJS.ErrnoException, host: string, port: number): Error {
  const why = { EADDRINUSE: "another program listens there", EACCES: "the system does not allow it", EADDRNOTAVAIL: "it is no address of this machine", ENOTFOUND: "it is no address" }[error.code ?? ""];
  return why === undefined ? error : new TidemarkError("ADDRESS_TAKEN", `${host}, port ${port} cannot be listened on: ${why}`, { cause: error });
}
