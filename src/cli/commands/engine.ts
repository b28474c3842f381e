/** `tidemark engine`: the resident process, as the agent's session starts it. Not for typing. */
import { Drain } from "../../operations/drain.ts";
import { runEngine } from "../../engine/engine.ts";
import { serveHandshake } from "../../engine/stdio.ts";
import { treeOf } from "../../worktree/project.ts";
import type { CommandSpec } from "../command.ts";
import { isAlive } from "../processes.ts";

export const command: CommandSpec = {
  args: "",
  options: [],
  help: `
Serve an agent's session (started by the agent)

Speaks MCP on standard input and output, without tools. Takes in what hooks leave and follows the session's transcript
while it runs; ends with it.`,
  run: async (_, context) => {
    const stopped = new AbortController();
    // A client that takes leave sends these; the pipe closes only when it is gone.
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => stopped.abort("asked"));
    void serveHandshake(process.stdin, process.stdout, context.version).then(() => stopped.abort("gone"));
    await runEngine({
      open: async () => {
        const store = await context.store();
        return { store, drain: new Drain(store, context.home) };
      },
      root: treeOf(context.cwd),
      pid: process.pid,
      clock: Date.now,
      isAlive,
      signal: stopped.signal,
      onTrouble: (error) => void process.stderr.write(`tidemark engine: ${(error as Error).message}\n`),
    });
    process.stdin.destroy();
    return 0;
  },
};
