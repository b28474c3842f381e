/**
 * The least of an MCP server that a client will start with its session and keep: newline-delimited JSON-RPC on standard
 * input and output, the handshake, and no tools, so that nothing of it reaches the model. The tools for agents are
 * another server's (mcp/).
 */
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";

/** Resolves when the client has closed its end. */
export function serveHandshake(input: Readable, output: Writable, version: string): Promise<void> {
  const lines = createInterface({ input, crlfDelay: Infinity });
  lines.on("line", (line) => {
    const answer = answerTo(line, version);
    if (answer !== undefined) output.write(`${JSON.stringify(answer)}\n`);
  });
  // A client that was killed leaves a broken pipe; its end of ours is what tells.
  output.on("error", () => undefined);
  return new Promise((resolve) => lines.once("close", resolve));
}

const METHOD_NOT_FOUND = -32601;

export function answerTo(line: string, version: string): object | undefined {
  let message: unknown;
  try {
    message = JSON.parse(line);
  } catch {
    return line.trim() === "" ? undefined : { jsonrpc: "2.0", id: null, error: { code: -32700, message: "Parse error" } };
  }
  const { id, method, params } = (message ?? {}) as { id?: unknown; method?: unknown; params?: { protocolVersion?: unknown } };
  // A notification, or an answer: we ask nothing.
  if (id === undefined || typeof method !== "string") return undefined;
  switch (method) {
    case "initialize":
      return { jsonrpc: "2.0", id, result: { protocolVersion: typeof params?.protocolVersion === "string" ? params.protocolVersion : "2025-11-25", capabilities: {}, serverInfo: { name: "tidemark", version } } };
    case "ping":
      return { jsonrpc: "2.0", id, result: {} };
    default:
      return { jsonrpc: "2.0", id, error: { code: METHOD_NOT_FOUND, message: `Method not found: ${method}` } };
  }
}
