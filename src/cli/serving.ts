/** What the MCP server is given of this process: the same for `tidemark mcp` and for an engine. Loaded with them. */
import { randomBytes } from "node:crypto";
import { runningSessions } from "../agents/claude-code/start.ts";
import type { Serving } from "../mcp/serving.ts";
import { treeRequest, type TreeReply, type TreeRequest } from "../operations/tree-request.ts";
import { openCheckpointStore } from "../store/sqlite/checkpoints.ts";
import { recentGit } from "../worktree/recent.ts";
import type { Context } from "./command.ts";
import { clock } from "./environment.ts";
import { isAlive } from "./processes.ts";
import { tellingOf } from "./taking-back.ts";
import { hasCheckpoints, inThisTree, uniqueId } from "./trees.ts";

/** `tree`: where this process has keepers at work on another thread, another process that answers. */
export function servingOf(context: Context, onTrouble: (error: unknown) => void, tree: Serving["tree"] = (cwd, request, principal) => answerForTree(context, cwd, request, principal)): Serving {
  const { version, home, cwd, environment, configDir, caughtUp } = context;
  const ticks = (): number => performance.now();
  return {
    version, home, cwd, environment, tree, onTrouble,
    clock: () => clock(environment),
    ticks,
    git: recentGit(environment, ticks),
    ahead: -new Date().getTimezoneOffset(),
    newId: () => randomBytes(12).toString("hex"),
    store: caughtUp,
    checkpoints: () => (hasCheckpoints(home) ? openCheckpointStore(home) : undefined),
    client: process.ppid,
    running: () => runningSessions(configDir, isAlive),
  };
}

export async function answerForTree<R extends TreeRequest>(context: Context, cwd: string, request: R, principal: string): Promise<TreeReply<R>> {
  const here = { ...context, cwd };
  const log = await context.caughtUp();
  return inThisTree(here, (tree) => treeRequest(request, tree, log, { principal, cwd, now: clock(context.environment), id: uniqueId(), telling: { ...tellingOf(here), by: "agent" } }));
}
