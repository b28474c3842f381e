/** `tidemark engine`: the resident process, as the agent's session starts it. Not for typing. */
import { Drain } from "../../operations/drain.ts";
import { runEngine } from "../../engine/engine.ts";
import { keepSessionFile } from "../../operations/session-file.ts";
import type { Store } from "../../store/store.ts";
import { openCheckpointStore } from "../../store/sqlite/checkpoints.ts";
import { treeOf } from "../../worktree/project.ts";
import { told } from "../../agents/claude-code/calls.ts";
import { AGENT } from "../../agents/claude-code/translate.ts";
import { Barrier } from "../../engine/barrier.ts";
import type { Connection } from "../../mcp/stdio.ts";
import type { CommandSpec, Context } from "../command.ts";
import { isAlive } from "../processes.ts";
import { startTreesThread } from "../worker.ts";

export const command: CommandSpec = {
  args: "",
  options: [{ flags: "--tree-request", text: "answer one request of an engine about a tree, on standard input" }],
  help: `
Serve an agent's session (started by the agent)

Speaks MCP on standard input and output, with the tools of "tidemark mcp". Takes in what hooks leave and follows the
session's transcript while it runs; ends with it.`,
  run: async ({ options }, context) => {
    if (options["treeRequest"] === true) return (await import("../tree-process.ts")).answerTreeRequest(context, process.stdin, process.stdout);
    const stopped = new AbortController();
    // A client that takes leave sends these; the pipe closes only when it is gone.
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => stopped.abort("asked"));
    const trouble = (error: unknown): void => void process.stderr.write(`tidemark engine: ${(error as Error).message}\n`);
    const root = treeOf(context.cwd);
    const attending = attend(context, trouble);
    const running = runEngine({
      open: async () => {
        const store = await context.store();
        return { store, drain: new Drain(store, context.home, attending?.heed), checkpoints: openCheckpointStore(context.home), keepSession: keeperOfSessionFiles(store, context.home) };
      },
      root,
      pid: process.pid,
      clock: Date.now,
      isAlive,
      signal: stopped.signal,
      ...(attending === undefined ? {} : { barrier: attending }),
      onTrouble: trouble,
    });
    const serving = serve(context, trouble);
    void serving.then(({ closed }) => closed).then(() => stopped.abort("gone"));
    await running;
    await (await serving).close();
    return 0;
  },
};

/** After everything that a hook may wait for: loading the protocol takes some 100 ms. The client's first words wait in the pipe meanwhile. */
async function serve(context: Context, trouble: (error: unknown) => void): Promise<Connection> {
  const [{ serveOverStdio }, { servingOf }, { inAnotherProcess }] = await Promise.all([import("../../mcp/stdio.ts"), import("../serving.ts"), import("../tree-process.ts")]);
  // What hooks leave is taken in by this process itself, and its trees have their keepers on the other thread.
  return serveOverStdio(servingOf({ ...context, caughtUp: context.store }, trouble, inAnotherProcess(context)));
}

function keeperOfSessionFiles(store: Store, home: string): (tree: string, session: string) => Promise<string | undefined> {
  return async (tree, session) => {
    const kept = await keepSessionFile(store, home, { tree, session, now: Date.now(), holder: `engine:${process.pid}` });
    return kept.state === "left alone" ? `${kept.path} is left alone: ${kept.why}` : undefined;
  };
}

interface Attending {
  readonly poll: () => void;
  readonly close: () => Promise<void>;
  readonly heed: (payload: unknown, time: number, name: string) => void;
}

/** The thread that looks after the files, and what lets waiting hooks go on. Undefined where that cannot be begun: hooks then do without. */
function attend(context: Context, onTrouble: (error: unknown) => void): Attending | undefined {
  const trees = startTreesThread({
    home: context.home, file: process.argv[1]!, onTrouble,
    onEnd: (error) => {
      barrier.withdraw();
      onTrouble(error);
    },
  });
  const barrier = new Barrier({ home: context.home, client: process.ppid, pid: process.pid, isAlive, serve: (what, time) => trees.take(what, time), onTrouble });
  try {
    barrier.open();
  } catch (error) {
    // A folder that cannot be written to, or all the watches that the system allows are in use.
    onTrouble(error);
    void trees.close();
    return undefined;
  }
  // The first look, so that the first call need not wait for it.
  void trees.take({ kind: "start", agent: AGENT, session: "", cwd: context.cwd }, Date.now()).then(({ refused }) => (refused === undefined ? undefined : onTrouble(new Error(refused))), onTrouble);
  return {
    poll: () => barrier.poll(),
    // Sessions without an engine of their own: whoever takes in what they said has to attend to it as well.
    heed: (payload, time, name) => {
      const what = told(payload);
      if (what === undefined || what.kind === "start" || barrier.serves(Number(/^\d+/.exec(name)?.[0] ?? 0))) return;
      trees.take(what, time, true).catch(onTrouble);
    },
    close: async () => {
      await barrier.close();
      await trees.close();
    },
  };
}
