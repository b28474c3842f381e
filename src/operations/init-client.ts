/**
 * Telling another client of the MCP server, and taking it back: one entry in one file. Claude Code, which has hooks besides, is
 * init.ts; how files of others are changed and given back is entries.ts.
 */
import { existsSync, readdirSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { MCP_CLIENTS, mcpClientNamed, type McpClientName, type ServerCommand } from "../agents/mcp-clients.ts";
import type { Places } from "../agents/places.ts";
import { isAbsent, makeFolder, planPutting, planTakingBack, readIfThere, told, type ChangedFile } from "./entries.ts";

export interface ClientMachine {
  readonly places: Places;
  readonly server: ServerCommand;
  readonly searchPath: string;
  readonly ci: boolean;
  readonly now: number;
}

export interface ClientReport {
  readonly client: McpClientName;
  /** planned: nothing was written, and `reason` says why. */
  readonly state: "installed" | "updated" | "already" | "planned";
  readonly reason?: "dry-run" | "ci" | "no-agent";
  readonly files: ChangedFile[];
}

/** Does it, or says what it would do: with `dryRun`, in CI unless `force`, and where the client is not. */
export function initClient(client: McpClientName, machine: ClientMachine, options: { readonly dryRun: boolean; readonly force: boolean }): ClientReport {
  const { places, server, now } = machine;
  const { file, entries } = MCP_CLIENTS[client];
  const folder = keptFolder(server.home, client);
  const planned = planPutting(folder, [{ path: file(places), entries: entries(server) }], now);
  const reason = !isHere(client, machine) ? "no-agent" : machine.ci && !options.force ? "ci" : options.dryRun ? "dry-run" : undefined;
  if (reason !== undefined) return { client, state: "planned", reason, files: told(planned) };
  makeFolder(server.home);
  const files = told(planned, folder);
  if (planned.changes.length === 0) return { client, state: "already", files };
  planned.apply();
  return { client, state: planned.wired ? "updated" : "installed", files };
}

export interface ClientsTakenBack {
  readonly files: ChangedFile[];
  readonly changed: boolean;
  readonly warnings: string[];
}

/** Of every client that has an entry of ours on record, or in the file that it goes by now. */
export function uninstallClients({ places, server }: ClientMachine, { dryRun }: { readonly dryRun: boolean }): ClientsTakenBack {
  const warnings: string[] = [];
  const files: ChangedFile[] = [];
  for (const client of wiredClients(places, server)) {
    const { file, entries } = MCP_CLIENTS[client];
    const path = file(places);
    const planned = planTakingBack(keptFolder(server.home, client), mentions(path, server) ? [path] : [], () => entries(server), warnings);
    files.push(...told(planned));
    if (!dryRun) planned.apply();
  }
  return { files, changed: files.some(({ change }) => change !== "none"), warnings };
}

function wiredClients(places: Places, server: ServerCommand): McpClientName[] {
  const kept = listed(join(server.home, "install"));
  return (Object.keys(MCP_CLIENTS) as McpClientName[]).filter((client) => kept.includes(client) || mentions(MCP_CLIENTS[client].file(places), server));
}

/** Others' files are not judged where nothing in them looks like ours: one that is no JSON is no trouble then. */
function mentions(path: string, { script }: ServerCommand): boolean {
  return readIfThere(path)?.includes(script.split(/[\\/]/).at(-1)!) ?? false;
}

function isHere(client: McpClientName, { places, searchPath }: ClientMachine): boolean {
  const { file, program } = MCP_CLIENTS[client];
  if (existsSync(dirname(file(places)))) return true;
  return searchPath.split(delimiter).some((folder) => folder !== "" && [program, `${program}.exe`, `${program}.cmd`].some((name) => existsSync(join(folder, name))));
}

function listed(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => mcpClientNamed(name) !== undefined);
  } catch (error) {
    if (isAbsent(error)) return [];
    throw error;
  }
}

function keptFolder(home: string, client: McpClientName): string {
  return join(home, "install", client);
}
