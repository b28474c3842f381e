/**
 * What the MCP server is given by the shell that serves it, and who calls. Everything personal or changing comes from there:
 * where state is kept, the clock, ids that nobody can guess.
 */
import type { AuthInfo, ServerContext } from "@modelcontextprotocol/server";
import { resolve } from "node:path";
import { statSync } from "node:fs";
import { TidemarkError } from "../base/errors.ts";
import { printable } from "../base/text.ts";
import type { TakingUp } from "../operations/take-up.ts";
import type { TreeReply, TreeRequest } from "../operations/tree-request.ts";
import type { CheckpointStore } from "../store/checkpoints.ts";
import type { Store } from "../store/store.ts";
import type { Git } from "../worktree/recent.ts";
import type { Environment } from "../worktree/state.ts";

/** One for a process; servers are made from it for each request or connection. */
export interface Serving {
  readonly version: string;
  /** The state folder. */
  readonly home: string;
  /** Where a call is about that names no project. */
  readonly cwd: string;
  readonly environment: Environment;
  readonly git: Git;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  /** Milliseconds of a clock that only goes forward. */
  readonly ticks: () => number;
  /** Minutes that the user's clock is ahead of UTC. */
  readonly ahead: number;
  /** 24 letters and digits that nobody can guess. */
  readonly newId: () => string;
  /** The log, with what hooks have left taken in. */
  readonly store: () => Promise<Store>;
  /** The store of checkpoints, for reading; undefined where none was ever kept. Closed by whoever asked. */
  readonly checkpoints: () => CheckpointStore | undefined;
  /** Done by the one keeper that a tree has in its process (operations/tree-request.ts). */
  readonly tree: <R extends TreeRequest>(cwd: string, request: R, principal: string) => Promise<TreeReply<R>>;
  /** The process of the client that started this one, whose session is not another one at work; absent where several call. */
  readonly client?: number;
  /** Sessions whose client runs now. */
  readonly running: () => TakingUp["running"];
  /** What went wrong and is not the caller's to know. */
  readonly onTrouble: (error: unknown) => void;
}

/** Who calls. Handles are theirs alone. */
export interface Caller {
  /** "local" over stdio; over HTTP the subject of the token. */
  readonly principal: string;
  /** As it called itself: kept with what it wrote, and never believed. */
  readonly client: string | undefined;
}

export const LOCAL = "local";

/** A token without a subject stands for its client. */
export function principalOf(auth: AuthInfo | undefined): string {
  if (auth === undefined) return LOCAL;
  const { subject } = auth.extra ?? {};
  return typeof subject === "string" && subject !== "" ? subject : auth.clientId;
}

const MOST_OF_A_NAME = 80;

/** `announced`: what `initialize` has said, in the era that has it; else each request says it. */
export function callerOf({ mcpReq, http }: ServerContext, announced: { readonly name?: string } | undefined): Caller {
  const named = (mcpReq.envelope as Record<string, { name?: unknown } | undefined> | undefined)?.["io.modelcontextprotocol/clientInfo"]?.name ?? announced?.name;
  return { principal: principalOf(http?.authInfo), client: typeof named === "string" ? printable(named).slice(0, MOST_OF_A_NAME) : undefined };
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    // Not there, not to be looked at, or no name that a file can have.
    return false;
  }
}

/** The folder that a call is about. Refused where it names none. */
export function folderOf({ cwd }: Serving, project: string | undefined): string {
  if (project === undefined) return cwd;
  const folder = resolve(cwd, project);
  if (!isFolder(folder)) throw new TidemarkError("BAD_VALUE", `"${printable(project).slice(0, 200)}" is no folder on this machine`, { hint: "Give `project` as the absolute path of the project's folder, or leave it out." });
  return folder;
}
