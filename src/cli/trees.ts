/**
 * The tree a command is called in, with its checkpoints: which one it is, its keeper and its store, opened and closed here.
 */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { randomBytes } from "node:crypto";
import { TidemarkError } from "../base/errors.ts";
import { checkpointStatus, type CheckpointStatus } from "../operations/checkpoint-status.ts";
import { Keeper } from "../operations/keeper.ts";
import type { Tree } from "../operations/take-back.ts";
import type { CheckpointStore } from "../store/checkpoints.ts";
import type { Problem } from "../store/problems.ts";
import { openCheckpointStore } from "../store/sqlite/checkpoints.ts";
import { treeOf } from "../worktree/project.ts";
import type { Context } from "./command.ts";
import { userHome, type Variables } from "./environment.ts";
import { isAlive } from "./processes.ts";

/** What everything about a tree depends on outside of it. */
interface Machine {
  readonly home: string;
  readonly environment: Variables;
}

/** Whether any checkpoint was ever kept on this machine: then there is a store to open. */
export function hasCheckpoints(home: string): boolean {
  return existsSync(join(home, "checkpoints.db"));
}

/** The tree of the folder the command is called in, which need not have checkpoints. What another process left half done is finished first. */
export async function inThisTree<T>(context: Context, body: (tree: Tree) => Promise<T>): Promise<T> {
  const { home, environment } = context;
  const store = openCheckpointStore(home);
  try {
    const root = rootOf(context.cwd, store);
    const tree = { ...treeOptions({ home, environment }), store, root, keeper: keeperOf(store, root, { home, environment }) };
    tree.keeper.recover();
    return await body(tree);
  } finally {
    store.close();
  }
}

/** The same where it has checkpoints already; nothing is made for one that has none. `none`: what there is to be said then. */
export async function whereKept<T>(context: Context, body: (tree: Tree) => Promise<T>, none: (root: string) => Promise<T>): Promise<T> {
  if (!hasCheckpoints(context.home)) return none(treeOf(context.cwd));
  return inThisTree(context, (tree) => (tree.store.newest(tree.root) === 0 ? none(tree.root) : body(tree)));
}

/** The same for a command that is about a checkpoint or a file: without any it is refused. */
export async function inKeptTree<T>(context: Context, body: (tree: Tree) => Promise<T>): Promise<T> {
  return whereKept(context, body, (root) => Promise.reject(new TidemarkError("NO_CHECKPOINTS", noneOf(root))));
}

export function noneOf(root: string): string {
  return `No checkpoint of ${root} is kept`;
}

/** Throws TREE_REFUSED for a folder that no checkpoints are kept for. */
export function keeperOf(store: CheckpointStore, root: string, { home, environment }: Machine): Keeper {
  return new Keeper({ ...treeOptions({ home, environment }), store, root });
}

function treeOptions({ home, environment }: Machine) {
  // Held against the times of files: the machine's own clock, whatever TIDEMARK_NOW says.
  return { home, environment, userHome: userHome(), clock: Date.now, pid: process.pid, isAlive };
}

/** What is kept in all, and for the tree of this folder; undefined where there is no store. */
export function checkpointsHere({ home, cwd }: Pick<Context, "home" | "cwd">): CheckpointStatus | undefined {
  if (!hasCheckpoints(home)) return undefined;
  const store = openCheckpointStore(home);
  try {
    return checkpointStatus(store, rootOf(cwd, store));
  } finally {
    store.close();
  }
}

/** What `verify` finds in the store of checkpoints; undefined where there is none. */
export function checkCheckpoints({ home }: Pick<Context, "home">): { readonly checkpoints: number; readonly problems: Problem[] } | undefined {
  if (!hasCheckpoints(home)) return undefined;
  const store = openCheckpointStore(home);
  try {
    return { checkpoints: store.usage().checkpoints, problems: store.check() };
  } finally {
    store.close();
  }
}

/** Without git a tree is the folder an agent was started in; a command may be called further in. */
function rootOf(cwd: string, store: CheckpointStore): string {
  const root = treeOf(cwd);
  if (existsSync(join(root, ".git"))) return root;
  const known = new Set(store.trees());
  for (let at = root; ; at = dirname(at)) {
    if (known.has(at)) return at;
    if (dirname(at) === at) return root;
  }
}

/** Unlike any other, for what has to be told apart. */
export function uniqueId(): string {
  return randomBytes(6).toString("hex");
}
