/** A client of the MCP server: the SDK's own, over standard input and output of the built command line. */
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { onTestFinished } from "vitest";
import { BINARY, scratch, type Place } from "./helpers.ts";
import { treeWorld, type TreeWorld } from "./tree-world.ts";

/** As `initialize` begins it, and as 2026-07-28 has it. */
export const ERAS = ["legacy", "modern"] as const;
export type Era = (typeof ERAS)[number];

export interface Connected {
  readonly client: Client;
  /** What a tool says, or what it refuses with. */
  readonly call: (name: string, input?: Record<string, unknown>) => Promise<{ text: string; isError: boolean }>;
  /** Of the server's process. */
  readonly pid: () => number;
  /** All that went to standard error. */
  readonly err: () => string;
}

export interface Connecting {
  readonly command?: string;
  readonly cwd?: string;
  readonly prepare?: (client: Client) => void;
  readonly capabilities?: ConstructorParameters<typeof Client>[1] extends infer Options ? (Options extends { capabilities?: infer C } ? C : never) : never;
}

export async function connect(at: Place, era: Era, { command = "mcp", cwd = at.cwd, prepare, capabilities = {} }: Connecting = {}): Promise<Connected> {
  const client = new Client({ name: "test-client", version: "9.9.9" }, { capabilities, versionNegotiation: { mode: era === "legacy" ? "legacy" : { pin: "2026-07-28" } } });
  prepare?.(client);
  const transport = new StdioClientTransport({ command: process.execPath, args: [BINARY, command], env: at.env, cwd, stderr: "pipe" });
  let err = "";
  transport.stderr?.on("data", (chunk: Buffer) => void (err += String(chunk)));
  await client.connect(transport);
  onTestFinished(() => client.close());
  const call = async (name: string, input: Record<string, unknown> = {}): Promise<{ text: string; isError: boolean }> => {
    const { content, isError = false } = await client.callTool({ name, arguments: input });
    return { text: content.map((each) => (each.type === "text" ? each.text : `[${each.type}]`)).join("\n"), isError };
  };
  return { client, call, pid: () => transport.pid ?? 0, err: () => err };
}

/** A tree in which an agent has worked, as a machine of its own. */
export function worked(): TreeWorld & { at: Place } {
  const w = treeWorld(onTestFinished);
  const config = scratch();
  w.write("a.txt", "one\n");
  w.keeper.look("prompt");
  w.edit("a.txt", "two\n");
  return { ...w, at: { home: w.home, config, cwd: w.root, env: { HOME: config, PATH: process.env["PATH"] ?? "", TIDEMARK_HOME: w.home, CLAUDE_CONFIG_DIR: config, TZ: "UTC" } } };
}
