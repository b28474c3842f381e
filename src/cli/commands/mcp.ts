/** `tidemark mcp`: the MCP server for any client, on standard input and output. */
import type { CommandSpec } from "../command.ts";
import { servingOf } from "../serving.ts";

export const command: CommandSpec = {
  args: "",
  options: [],
  help: `
Serve MCP on standard input and output (started by a client)

The tools resume, recall, remember, handoff, checkpoint, undo and forget for any MCP client, about the project of the
folder it is started in. Ends when the client closes its end.`,
  run: async (_, context) => {
    const trouble = (error: unknown): void => void process.stderr.write(`tidemark mcp: ${(error as Error).message}\n`);
    const { serveOverStdio } = await import("../../mcp/stdio.ts");
    const connection = serveOverStdio(servingOf(context, trouble));
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => void connection.close());
    await connection.closed;
    return 0;
  },
};
