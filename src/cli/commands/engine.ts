/** `tidemark engine`: the resident process, as the agent's session starts it. Not for typing. */
import { Drain } from "../../operations/drain.ts";
import { runEngine } from "../../engine/engine.ts";
import { serveHandshake } from "../../engine/stdio.ts";
import { openCheckpointStore } from "../../store/sqlite/checkpoints.ts";
import { treeOf } from "../../worktree/project.ts";
import { AGENT } from "../../agents/claude-code/translate.ts";
import { Barrier } from "../../engine/barrier.ts";
import type { CommandSpec, Context } from "../command.ts";
import { isAlive } from "../processes.ts";
import { startTreesThread } from "../worker.ts";

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
    const trouble = (error: unknown): void => void process.stderr.write(`tidemark engine: ${(error as Error).message}\n`);
    void serveHandshake(process.stdin, process.stdout, context.version).then(() => stopped.abort("gone"));
    const root = treeOf(context.cwd);
    await runEngine({
      open: async () => {
        const store = await context.store();
        return { store, drain: new Drain(store, context.home), checkpoints: openCheckpointStore(context.home) };
      },
      root,
      pid: process.pid,
      clock: Date.now,
      isAlive,
      signal: stopped.signal,
      barrier: attend(context, trouble),
      onTrouble: trouble,
    });
    process.stdin.destroy();
    return 0;
  },
};

/** The thread that looks after the files, and what lets waiting hooks go on. */
function attend(context: Context, onTrouble: (error: unknown) => void): { poll: () => void; close: () => Promise<void> } {
  const trees = startTreesThread(context.home, process.argv[1]!);
  const barrier = new Barrier({ home: context.home, client: process.ppid, pid: process.pid, isAlive, serve: trees.take, onTrouble });
  barrier.open();
  // The first look, so that the first call need not wait for it.
  void trees.take({ kind: "start", agent: AGENT, session: "", cwd: context.cwd }, Date.now()).then(({ refused }) => (refused === undefined ? undefined : onTrouble(new Error(refused))), onTrouble);
  return {
    poll: () => barrier.poll(),
    close: async () => {
      await barrier.close();
      await trees.close();
    },
  };
}
