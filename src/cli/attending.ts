/**
 * Attending trees without an engine: by a command that takes in what hooks have left, or by the hook before a call itself.
 * The same as the engine does (engine/trees.ts), once.
 */
import { readFileSync, statSync } from "node:fs";
import { basename } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { told } from "../agents/claude-code/calls.ts";
import { asTidemarkError } from "../base/errors.ts";
import { DEFAULT_RULES } from "../checkpoint/retention.ts";
import type { Afterwards } from "../operations/afterwards.ts";
import { Attendant } from "../operations/attend.ts";
import { collectGarbage } from "../operations/checkpoint-gc.ts";
import { logCheckpoints } from "../operations/checkpoint-log.ts";
import type { Keeper } from "../operations/keeper.ts";
import { listSpool } from "../operations/spool.ts";
import { openCheckpointStore } from "../store/sqlite/checkpoints.ts";
import type { CheckpointStore } from "../store/checkpoints.ts";
import type { Store } from "../store/store.ts";
import { treeOf } from "../worktree/project.ts";
import type { Variables } from "./environment.ts";
import { hasCheckpoints, keeperOf } from "./trees.ts";

type Tree = { readonly attendant: Attendant; readonly keeper: Keeper };

export async function attendAfterwards(afterwards: Afterwards, log: Store, home: string, environment: Variables): Promise<void> {
  withTrees(home, environment, (open) => afterwards.attend(open));
  if (!hasCheckpoints(home)) return;
  const store = openCheckpointStore(home);
  try {
    await logCheckpoints(log, store);
  } finally {
    store.close();
  }
}

/** Under this name the log's notes say when the checkpoints were last tidied. */
const TIDIED = "checkpoints:tidied";
const TIDY_EVERY = 12 * 3_600_000;

/** Keeps the checkpoints within their bounds, now and then. */
export async function tidyNowAndThen(log: Store, home: string, environment: Variables): Promise<void> {
  const now = Date.now();
  if (!hasCheckpoints(home) || now - ((await log.source(TIDIED))?.modified ?? 0) < TIDY_EVERY) return;
  await log.putSource({ path: TIDIED, size: 0, modified: now, report: "" });
  const store = openCheckpointStore(home);
  try {
    for (const _ of tidying(store, home, environment)) await turn();
  } finally {
    store.close();
  }
}

/** In slices. */
export function tidying(store: CheckpointStore, home: string, environment: Variables): Generator<unknown> {
  return collectGarbage({ store, home, rules: DEFAULT_RULES, dryRun: false, clock: Date.now, slice: 50, keeperOf: (root) => keeperOf(store, root, { home, environment }) });
}

/**
 * Before a call, with its payload in the spool: what other hooks of this client have said before is set down first.
 * `evenFirst`: also where the call would have to wait for the first look at its tree; otherwise false is given for that, and
 * nothing is done.
 */
export function attendCall(spooled: string, home: string, environment: Variables, evenFirst: boolean): boolean {
  const what = told(JSON.parse(readFileSync(spooled, "utf8")));
  if (what?.kind !== "before") return true;
  const client = /^\d+-/.exec(basename(spooled))?.[0];
  return withTrees(home, environment, (open) => {
    const tree = open(what.cwd);
    if (tree === undefined) return true;
    if (!evenFirst && !tree.keeper.begun) return false;
    for (const { path, time } of listSpool(home, 0)) {
      if (path === spooled || client === undefined || !basename(path).startsWith(client)) continue;
      const earlier = parsed(path);
      const before = earlier === undefined ? undefined : told(earlier);
      if (before !== undefined && open(before.cwd) === tree) tree.attendant.note(before, time);
    }
    tree.attendant.take(what, Math.floor(statSync(spooled).mtimeMs), Date.now());
    tree.keeper.save();
    return true;
  });
}

function withTrees<T>(home: string, environment: Variables, body: (open: (cwd: string) => Tree | undefined) => T): T {
  const trees = new Map<string, Tree | undefined>();
  let store: CheckpointStore | undefined;
  const open = (cwd: string): Tree | undefined => {
    const root = treeOf(cwd);
    if (trees.has(root)) return trees.get(root);
    let tree: Tree | undefined;
    try {
      store ??= openCheckpointStore(home);
      const keeper = keeperOf(store, root, { home, environment });
      keeper.recover();
      tree = { keeper, attendant: new Attendant(keeper, store) };
    } catch (error) {
      if (asTidemarkError(error).kind !== "user") throw error;
    }
    trees.set(root, tree);
    return tree;
  };
  try {
    return body(open);
  } finally {
    store?.close();
  }
}

/** Undefined where it is gone, or not whole yet. */
function parsed(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
}
