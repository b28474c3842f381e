/**
 * The MCP server over HTTP (Streamable HTTP), put together: on this machine with its token file, or elsewhere with whoever
 * verifies tokens. An address that other machines reach is refused without one: the token of this machine would cross the
 * network in clear, and is good for everything.
 */
import { TidemarkError } from "../../base/errors.ts";
import { App, LIMITS, type AppLimits, type AppSettings } from "./app.ts";
import type { VerifyToken } from "./gate.ts";
import { isLoopback, listen, SOCKET, type Listening, type SocketLimits } from "./listen.ts";
import { localToken, verifyLocal } from "./token.ts";

export interface Authorization {
  readonly verify: VerifyToken;
  /** Authorization servers whose tokens `verify` knows. */
  readonly issuers: readonly string[];
  /** The address by which clients call this server, which tokens are issued for. */
  readonly resource: URL;
}

export interface ServeSettings extends Pick<AppSettings, "factory" | "news" | "unique" | "clock" | "onTrouble"> {
  readonly host: string;
  /** 0 for any that is free. */
  readonly port: number;
  /** Where the token of this machine is kept. */
  readonly home: string;
  /** Without it, the token of this machine. */
  readonly authorization?: Authorization;
  readonly limits?: AppLimits & { readonly socket: SocketLimits };
}

export interface HttpServing extends Listening {
  readonly url: URL;
}

/** Refused: ADDRESS_REFUSED, ADDRESS_TAKEN, TOKEN_EXPOSED. */
export async function serveHttp(settings: ServeSettings): Promise<HttpServing> {
  const { host, port, home, authorization, limits = { ...LIMITS, socket: SOCKET }, factory, news, unique, clock, onTrouble } = settings;
  if (authorization === undefined && !isLoopback(host)) throw new TidemarkError("ADDRESS_REFUSED", `Other machines could reach ${host}, and nothing there would tell one caller from another`);
  const token = authorization === undefined ? localToken(home, unique) : undefined;
  let url = authorization?.resource;
  const listening = await listen({ host, port }, (bound) => {
    const own = (url ??= new URL(`http://${host.includes(":") ? `[${host}]` : host}:${bound}/mcp`));
    const verify = token === undefined ? authorization!.verify : verifyLocal(token, own);
    const hosts = isLoopback(host) ? [own.hostname, "localhost", "127.0.0.1", "[::1]"] : [own.hostname];
    return new App({ factory, news, unique, clock, onTrouble, limits, hosts, issuers: authorization?.issuers ?? [], gate: { resource: own, verify, onTrouble } });
  }, limits.socket, onTrouble);
  return { ...listening, url: url! };
}
