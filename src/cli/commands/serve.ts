/** `tidemark serve`: the MCP server over HTTP, on this machine. */
import { randomBytes } from "node:crypto";
import { TidemarkError } from "../../base/errors.ts";
import { shellWord } from "../../base/shell.ts";
import type { CommandSpec, Context } from "../command.ts";
import { servingOf } from "../serving.ts";

/** Always the same, so that what was written into a client's configuration stays true. Not given to any service known to us. */
const PORT = "7399";

export const command: CommandSpec = {
  args: "",
  options: [
    { flags: "--port <number>", text: "port to listen on; 0 takes any that is free", default: PORT },
    { flags: "--host <address>", text: "address of this machine that only this machine can reach", default: "127.0.0.1" },
  ],
  help: `
Serve MCP over HTTP, on this machine

For clients that speak to a server over HTTP, or for several of them at once. The same tools as tidemark mcp, about the
project of the folder it is started in. Runs until it is interrupted; requests that are running come to an end first.

A client needs the token in the file that is named, which only you can read; whoever has it can do everything. It is
made at the first start. Delete the file and start again for another one.`,
  run: async ({ options }, context) => {
    const port = portOf(String(options["port"]));
    const trouble = (error: unknown): void => void process.stderr.write(`tidemark serve: ${(error as Error).message}\n`);
    const [{ serveHttp }, { tokenFile }, { mcpServers }, { Changes }] = await Promise.all([import("../../mcp/http/serve.ts"), import("../../mcp/http/token.ts"), import("../../mcp/server.ts"), import("../../mcp/changes.ts")]);
    // Opened first: what is wrong with it should be said now, and not to the first client.
    await context.store();
    // Several call: none of their sessions is that of whoever started this.
    const { client: _, ...serving } = servingOf(context, trouble);
    const changes = new Changes(serving);
    const server = await serveHttp({
      host: String(options["host"]),
      port,
      home: context.home,
      factory: mcpServers(serving, changes),
      // All that is kept here is the user's own, who is the only one to call.
      news: (_, tell) => changes.listen({ updated: (uri) => tell({ kind: "resource_updated", uri }), listed: () => tell({ kind: "resources_list_changed" }) }),
      unique: () => randomBytes(32).toString("base64url"),
      clock: Date.now,
      onTrouble: trouble,
    });
    const stopped = stopBySignal(server.stop);
    tell(context, server.url, tokenFile(context.home));
    await stopped;
    return 0;
  },
};

function portOf(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535) throw new TidemarkError("BAD_VALUE", `Not a port: ${text}`, { hint: "A number from 0 to 65535: tidemark serve --port 7399" });
  return port;
}

/** The first signal lets what runs come to an end, the second does not wait. */
function stopBySignal(stop: () => Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => void stop().then(resolve, reject));
  });
}

function tell({ terminal }: Context, { href: url }: URL, tokenFile: string): void {
  const add = `claude mcp add --transport http tidemark ${url} --header "Authorization: Bearer $(cat ${shellWord(tokenFile)})"`;
  terminal.answer({ url, token_file: tokenFile, add: { "claude-code": add } }, () => {
    terminal.line(`Serving MCP at ${url}, for this machine alone.`);
    terminal.line(`The token that clients need is in ${tokenFile}`);
    terminal.line();
    terminal.line("In Claude Code:");
    terminal.line(`  ${add}`);
    terminal.aside("Ctrl-C ends it.");
  });
}
