/**
 * The MCP server on standard input and output, until the client closes its end. Clients of the newer era open a stream of
 * changes with a request that the SDK answers by itself: it is seen here, so that changes are looked for while there is one.
 */
import type { McpServer } from "@modelcontextprotocol/server";
import { serveStdio, StdioServerTransport } from "@modelcontextprotocol/server/stdio";
import { Changes } from "./changes.ts";
import { mcpServers } from "./server.ts";
import type { Serving } from "./serving.ts";

export interface Connection {
  /** Resolves when the client is gone, or after `close`. */
  readonly closed: Promise<void>;
  readonly close: () => Promise<void>;
}

export function serveOverStdio(serving: Serving): Connection {
  const changes = new Changes(serving);
  const make = mcpServers(serving, changes);
  let server: McpServer | undefined;
  const transport = new StdioServerTransport();
  const { close } = serveStdio(async (context) => (server = (await make(context)) as McpServer), { transport, onerror: serving.onTrouble });
  // The SDK has set its own listeners by now, which are called as well.
  const { onclose, onmessage } = transport;
  const streams = new Map<unknown, () => void>();
  transport.onmessage = (message) => {
    const { id, method, params } = message as { id?: unknown; method?: unknown; params?: { requestId?: unknown } };
    if (method === "subscriptions/listen" && !streams.has(id)) streams.set(id, changes.listen({ updated: (uri) => void server?.server.sendResourceUpdated({ uri }).catch(() => undefined), listed: () => server?.sendResourceListChanged() }));
    if (method === "notifications/cancelled") {
      streams.get(params?.requestId)?.();
      streams.delete(params?.requestId);
    }
    onmessage?.(message);
  };
  const closed = new Promise<void>((resolve) => {
    transport.onclose = () => {
      for (const end of streams.values()) end();
      onclose?.();
      resolve();
    };
  });
  return { closed, close };
}
