/** `tidemark init --agent X`: the MCP server for a client other than Claude Code, put in or printed. */
import { MCP_CLIENTS, mcpClientNamed, usualSnippet, type McpClientName } from "../agents/mcp-clients.ts";
import { TidemarkError } from "../base/errors.ts";
import { initClient, type ClientReport } from "../operations/init-client.ts";
import { sayChanges } from "./changed-files.ts";
import type { Context, Input } from "./command.ts";
import { clientMachineOf } from "./machine.ts";

export const CLAUDE_CODE = "claude-code";

export function initOther(agent: string, options: Input["options"], context: Context): number {
  const client = mcpClientNamed(agent);
  if (client === undefined && agent !== CLAUDE_CODE) throw new TidemarkError("BAD_VALUE", `--agent takes ${[CLAUDE_CODE, ...Object.keys(MCP_CLIENTS)].join(", ")}, not "${agent}"`, { hint: "tidemark init --print    for any other client" });
  if (options["template"] !== undefined || options["memoryFile"] === true) throw new TidemarkError("BAD_VALUE", "--template does not go with --agent or --print", { hint: "tidemark init --template NAME" });
  if (options["print"] === true) return print(client, context);
  const report = initClient(client!, clientMachineOf(context), { dryRun: options["dryRun"] === true, force: options["force"] === true });
  const { state, reason, files } = report;
  context.terminal.answer({ state, reason: reason ?? null, client: report.client, files, hooks: [] }, () => say(report, context));
  return 0;
}

function print(client: McpClientName | undefined, context: Context): number {
  const { places, server } = clientMachineOf(context);
  const file = client === undefined ? undefined : MCP_CLIENTS[client].file(places);
  const entry = client === undefined ? usualSnippet(server) : MCP_CLIENTS[client].snippet(server);
  context.terminal.answer({ client: client ?? CLAUDE_CODE, file: file ?? null, entry }, () => {
    context.terminal.line(entry.trimEnd());
    context.terminal.aside(`\n${file === undefined ? "For .mcp.json of a project, or the settings of any client that takes this shape." : `For ${file}; tidemark init --agent ${client!} puts it in.`}`);
  });
  return 0;
}

function say({ client, state, reason, files }: ClientReport, { terminal }: Context): void {
  const { title, program } = MCP_CLIENTS[client];
  if (state === "already") {
    terminal.line(`Already installed for ${title}: nothing to do.`);
    terminal.line("  tidemark uninstall  takes it back");
    return;
  }
  sayChanges(terminal, files);
  terminal.line();
  if (state === "planned") {
    if (files.every(({ change }) => change === "none")) terminal.line("Already installed: nothing would be changed.");
    else if (reason === "no-agent") terminal.line(`Nothing was changed: ${title} is not here (no folder for its settings, no "${program}" on the PATH). tidemark init --agent ${client} --print shows the entry alone.`);
    else if (reason === "ci") terminal.line(`Nothing was changed: this is CI. tidemark init --agent ${client} --force installs here as well.`);
    else terminal.line(`Nothing was changed. tidemark init --agent ${client} does it.`);
    return;
  }
  terminal.line(`${terminal.style("green", state === "updated" ? "Brought up to date" : "Installed")}: ${title} starts "tidemark mcp" with its next session.`);
  for (const { path, backup } of files) if (backup !== null) terminal.line(`  ${path}, as it was before: ${backup}`);
  terminal.line();
  terminal.line("  tidemark uninstall  takes it back");
}
