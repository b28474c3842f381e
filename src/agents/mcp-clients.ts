/**
 * Clients that speak MCP and are told of our server by an entry in one file of the user's own: which file, and what stands in
 * it. Claude Code gets hooks as well (claude-code/install.ts) and is not in this table. Where the files are: the clients' own
 * documents, and for Codex 0.169, Gemini CLI 0.61 and opencode 1.18 the programs themselves (docs/clients.md).
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { isRecord } from "../base/json.ts";
import { SERVER, startsTidemark, type Entries } from "./entries.ts";
import { jsonEntries } from "./json-entry.ts";
import type { Places } from "./places.ts";
import { tomlEntries, tomlTable, type TomlEntry } from "./toml-entry.ts";

export type McpClientName = "codex" | "gemini" | "opencode" | "cursor" | "vscode" | "windsurf";

/** How our server is started. */
export interface ServerCommand {
  readonly node: string;
  /** tidemark.js */
  readonly script: string;
  /** The state folder. */
  readonly home: string;
}

export interface McpClient {
  /** As people call it. */
  readonly title: string;
  /** What is on the PATH where it is installed. */
  readonly program: string;
  readonly file: (places: Places) => string;
  readonly entries: (server: ServerCommand) => Entries;
  /** The entry as it stands in an otherwise empty file. */
  readonly snippet: (server: ServerCommand) => string;
}

const words = ({ script }: ServerCommand): string[] => [script, "mcp"];
const usual = (server: ServerCommand): Record<string, unknown> => ({ command: server.node, args: words(server), env: { TIDEMARK_HOME: server.home } });
const isUsual = (value: unknown): boolean => isRecord(value) && startsTidemark(value["args"]);

const asJson = (container: string, value: Record<string, unknown>): string => `${JSON.stringify({ [container]: { [SERVER]: value } }, undefined, 2)}\n`;

/** What most clients take, and Claude Code in the file .mcp.json of a project. */
export const usualSnippet = (server: ServerCommand): string => asJson("mcpServers", usual(server));

/** A client whose file is JSON. */
function json(about: Pick<McpClient, "title" | "program" | "file">, container: string, shape: (server: ServerCommand) => Record<string, unknown> = usual, isOwn = isUsual): McpClient {
  return {
    ...about,
    entries: (server) => jsonEntries({ container, name: SERVER, value: shape(server), isOwn }),
    snippet: (server) => asJson(container, shape(server)),
  };
}

const codex = ({ node, script, home }: ServerCommand): TomlEntry => ({ container: "mcp_servers", name: SERVER, value: { command: node, args: words({ node, script, home }), env: { TIDEMARK_HOME: home } }, isOwn: isUsual });

function userFolder({ home, environment, platform }: Places): string {
  if (platform === "darwin") return join(home, "Library", "Application Support");
  if (platform === "win32") return environment["APPDATA"] || join(home, "AppData", "Roaming");
  return environment["XDG_CONFIG_HOME"] || join(home, ".config");
}

function opencodeFile({ home, environment }: Places): string {
  const folder = join(environment["XDG_CONFIG_HOME"] || join(home, ".config"), "opencode");
  // It reads both and merges them; what is there is what the user keeps.
  const other = join(folder, "opencode.jsonc");
  return environment["OPENCODE_CONFIG"] || (existsSync(other) && !existsSync(join(folder, "opencode.json")) ? other : join(folder, "opencode.json"));
}

export const MCP_CLIENTS: Readonly<Record<McpClientName, McpClient>> = {
  codex: {
    title: "Codex",
    program: "codex",
    file: ({ home, environment }) => join(environment["CODEX_HOME"] || join(home, ".codex"), "config.toml"),
    entries: (server) => tomlEntries(codex(server)),
    snippet: (server) => tomlTable(codex(server)),
  },
  gemini: json({ title: "Gemini CLI", program: "gemini", file: ({ home, environment }) => join(environment["GEMINI_CLI_HOME"] || home, ".gemini", "settings.json") }, "mcpServers"),
  opencode: json(
    { title: "opencode", program: "opencode", file: opencodeFile }, "mcp",
    (server) => ({ type: "local", command: [server.node, ...words(server)], environment: { TIDEMARK_HOME: server.home }, enabled: true }),
    (value) => isRecord(value) && startsTidemark(value["command"]),
  ),
  cursor: json({ title: "Cursor", program: "cursor", file: ({ home }) => join(home, ".cursor", "mcp.json") }, "mcpServers"),
  vscode: json({ title: "VS Code", program: "code", file: (places) => join(userFolder(places), "Code", "User", "mcp.json") }, "servers", (server) => ({ type: "stdio", ...usual(server) })),
  windsurf: json({ title: "Windsurf", program: "windsurf", file: ({ home }) => join(home, ".codeium", "windsurf", "mcp_config.json") }, "mcpServers"),
};

export function mcpClientNamed(name: string): McpClientName | undefined {
  return Object.hasOwn(MCP_CLIENTS, name) ? (name as McpClientName) : undefined;
}
