/**
 * Taking work back in a tree and letting everybody know: the log is told of the checkpoint, and agents at work there are left
 * word. The same for the command line and for agents that ask for it. What is taken back is chosen in undo-choice.ts, done in
 * undo.ts; leaves out how it is shown.
 */
import { runningSessions } from "../agents/claude-code/start.ts";
import type { Store } from "../store/store.ts";
import { treeOf } from "../worktree/project.ts";
import { logCheckpoints } from "./checkpoint-log.ts";
import type { TreeTurn } from "./history.ts";
import { syncCheckpoints } from "./keeper.ts";
import { leaveWord } from "./tell.ts";
import { undo, type UndoDeps, type Undone, type UndoOptions, type Wanted } from "./undo.ts";
import { headMoved } from "./undo-choice.ts";

/** A tree with its checkpoints. */
export interface Tree extends UndoDeps {
  readonly root: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Whose work it is. */
export interface Whose {
  readonly verb: Wanted["verb"];
  readonly turns: readonly TreeTurn[];
  /** For the agent that is told; of one session only. */
  readonly session?: string;
  /** Whether the work of agents goes back, so that commits of theirs would stay. */
  readonly back: boolean;
}

export interface Telling {
  /** The agent's configuration folder, which says what runs. */
  readonly configDir: string;
  readonly isAlive: (pid: number, since: number) => boolean;
  /** Who asked for it: a person, if nobody else is named. */
  readonly by?: "agent";
}

export interface TakenBack extends Undone {
  /** Sessions at work in the tree, which are told at their next prompt. */
  readonly told: readonly string[];
  /** HEAD, where it has moved since the work began: commits stay. */
  readonly moved?: { readonly from: string; readonly to: string };
}

export async function takeBack(wanted: Wanted, options: UndoOptions, whose: Whose, tree: Tree, log: Store, telling: Telling): Promise<TakenBack> {
  const done = undo(wanted, options, tree);
  const moved = whose.back ? await headMoved(log, tree.root, whose.turns, tree.environment) : undefined;
  return { ...done, told: await makeKnown(done, whose, tree, log, telling), ...(moved === undefined ? {} : { moved }) };
}

/** Gives the sessions that are told. Nothing where nothing was written. */
export async function makeKnown(done: Undone, { verb, turns, session }: Whose, { keeper, store, root, home, pid }: Tree, log: Store, { configDir, isAlive, by }: Telling): Promise<string[]> {
  if (!done.applied) return [];
  syncCheckpoints(store);
  await logCheckpoints(log, store);
  const alive = runningSessions(configDir, isAlive).filter(({ cwd }) => treeOf(cwd) === root).map((each) => each.session);
  const sessions = new Set([...alive, ...turns.map((turn) => turn.session), ...(session === undefined ? [] : [session])]);
  const files = done.plan.filter(({ action }) => action === "write" || action === "delete" || action === "merge").map(({ path, action }) => ({ path, action }));
  for (const each of sessions) leaveWord(home, each, { time: keeper.now(), verb, files, tree: root, ...(session === undefined ? {} : { session }), ...(by === undefined ? {} : { by }) }, pid);
  return alive;
}
