/** The MCP server on standard input and output, until the client closes its end. */
import { serveStdio, StdioServerTransport } from "@modelcontextprotocol/server/stdio";
import { mcpServers } from "./server.ts";
import type { Serving } from "./serving.ts";

export interface Connection {
  /** Resolves when the client is gone, or after `close`. */
  readonly closed: Promise<void>;
  readonly close: () => Promise<void>;
}

export function serveOverStdio(serving: Serving): Connection {
  const transport = new StdioServerTransport();
  const { close } = serveStdio(mcpServers(serving), { transport, onerror: serving.onTrouble });
  // The SDK has set its own listener by now, which is called first.
  const closed = new Promise<void>((resolve) => {
    const { onclose } = transport;
    transport.onclose = () => {
      onclose?.();
      resolve();
    };
  });
  return { closed, close };
}
