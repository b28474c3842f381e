/**
 * A tree with someone at work in it: agents' tool calls with the looks around them that the engine makes, a person's own
 * edits, and undo. For tests of checkpoints without a client; the real one is in test/client/.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, realpathSync, rmSync, statSync, lstatSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Checkpoint } from "../src/checkpoint/model.ts";

import { Keeper } from "../src/operations/keeper.ts";
import { undo, type Mode, type Undone, type Wanted } from "../src/operations/undo.ts";
import { entriesOf, standing, type TreeTurn } from "../src/operations/history.ts";
import type { CheckpointStore } from "../src/store/checkpoints.ts";
import { openCheckpointStore } from "../src/store/sqlite/checkpoints.ts";

export const GIT = { GIT_CONFIG_NOSYSTEM: "1", GIT_CONFIG_GLOBAL: "/dev/null", GIT_AUTHOR_NAME: "a", GIT_AUTHOR_EMAIL: "a@example.org", GIT_COMMITTER_NAME: "a", GIT_COMMITTER_EMAIL: "a@example.org" };

/** No process has this number (proc(5): pid_max). */
export const GONE = 2 ** 22 + 1;

export interface TreeWorld {
  readonly root: string;
  readonly home: string;
  readonly store: CheckpointStore;
  keeper: Keeper;
  readonly git: (...args: string[]) => string;
  readonly read: (path: string) => string;
  readonly write: (path: string, text: string | Uint8Array) => void;
  /** An edit tool of the agent's. */
  readonly edit: (path: string, text: string | Uint8Array | undefined, who?: Who) => Checkpoint[];
  /** A shell command of the agent's, as the engine sees it. */
  readonly shell: (command: string, who?: Who) => Checkpoint[];
  /** The next prompt. */
  readonly prompt: () => void;
  readonly undo: (what?: { n?: number; call?: string; session?: string; redo?: boolean; checkpoint?: Checkpoint; paths?: string[]; mode?: Mode; dryRun?: boolean }) => Undone;
  readonly turn: () => string;
  /** Every file with its bytes, type and mode. */
  readonly tree: () => Record<string, string>;
  /** Another process goes on. */
  readonly reopen: () => void;
}

export interface Who {
  readonly session?: string;
  readonly call?: string;
  readonly thread?: string;
}

/** `cleanUp` is told what to do at the end. */
export function treeWorld(cleanUp: (work: () => void) => void, { git = true }: { git?: boolean } = {}): TreeWorld {
  const base = realpathSync(mkdtempSync(join(tmpdir(), "tidemark-tree-")));
  const [root, home] = [join(base, "tree"), join(base, "home")];
  mkdirSync(root);
  const environment = { PATH: process.env["PATH"] ?? "", HOME: base, ...GIT };
  const run = (...args: string[]): string => execFileSync("git", args, { cwd: root, env: environment, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }).trim();
  if (git) run("init", "-q", "-b", "main");
  const store = openCheckpointStore(home);
  cleanUp(() => {
    store.close();
    rmSync(base, { recursive: true, force: true });
  });
  const keeper = (): Keeper => new Keeper({ store, home, root, environment, userHome: join(base, "nobody"), clock: Date.now, pid: process.pid, isAlive: (pid) => pid !== GONE });
  let [turns, calls, restores] = [1, 0, 0];
  const world: TreeWorld = {
    root, home, store,
    keeper: keeper(),
    git: run,
    read: (path) => readFileSync(join(root, path), "utf8"),
    write: (path, text) => {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    },
    turn: () => `turn-${turns}`,
    prompt: () => {
      turns += 1;
      world.keeper.look("prompt");
    },
    edit: (path, text, who = {}) => {
      const call = began(who, "Write", path);
      if (text === undefined) rmSync(join(root, path), { force: true });
      else world.write(path, text);
      world.keeper.callEnded(call, Date.now(), false);
      return world.keeper.lookAt(path, "call", { call });
    },
    shell: (command, who = {}) => {
      const call = began(who, "Bash");
      execFileSync("bash", ["-c", command], { cwd: root, env: environment, stdio: "pipe" });
      world.keeper.callEnded(call, Date.now(), false);
      return world.keeper.look("call");
    },
    undo: ({ n = 1, call, session, redo = false, checkpoint, paths = [], mode = "keep", dryRun = false } = {}) => {
      const wanted: Wanted = redo ? { verb: "redo" } : checkpoint !== undefined ? { verb: "restore", checkpoint } : call !== undefined ? { verb: "undo", call } : { verb: "undo", turns: lastTurns(store, root, n, session) };
      restores += 1;
      return undo(wanted, { mode, dryRun, paths, id: (process.pid * 1_000_000 + restores).toString(16).padStart(12, "0") }, { keeper: world.keeper, store, home, pid: process.pid });
    },
    tree: () => contents(root),
    reopen: () => void (world.keeper = keeper()),
  };
  const began = ({ session = "s1", call, thread }: Who, tool: string, path?: string): string => {
    const id = call ?? `call-${++calls}`;
    if (path !== undefined) world.keeper.lookAt(path, "prompt", { own: true });
    else world.keeper.look("forced");
    world.keeper.callBegan({ id, tool, session, agent: "claude-code", turn: `turn-${turns}`, started: Date.now(), ...(thread === undefined ? {} : { thread }), ...(path === undefined ? {} : { path }) });
    return id;
  };
  return world;
}

/** The last turns that are not undone, without the log. */
function lastTurns(store: CheckpointStore, root: string, n: number, session?: string): TreeTurn[] {
  const groups = new Map<string, Checkpoint[]>();
  const all = store.checkpoints(root);
  const inForce = standing(entriesOf(store, root, all));
  for (const each of all) {
    if (each.actor.by !== "agent" || (session !== undefined && each.actor.session !== session)) continue;
    const key = `${each.actor.session} ${each.actor.turn}`;
    groups.set(key, [...(groups.get(key) ?? []), each]);
  }
  return [...groups.values()].filter((own) => own.some(({ id }) => inForce.has(id))).sort((a, b) => a.at(-1)!.seq - b.at(-1)!.seq).slice(-n).map((checkpoints) => {
    const { actor } = checkpoints[0]!;
    if (actor.by !== "agent") throw new Error("only agents have turns");
    return { session: actor.session, agent: actor.agent, ...(actor.turn === undefined ? {} : { turn: actor.turn }), checkpoints, undone: false };
  });
}

export function contents(root: string): Record<string, string> {
  const found: Record<string, string> = {};
  // Names as bytes: some are no UTF-8.
  const visit = (folder: Buffer, prefix: string): void => {
    for (const name of readdirSync(folder, { encoding: "buffer" }).sort(Buffer.compare)) {
      if (name.toString() === ".git") continue;
      const path = Buffer.concat([folder, Buffer.from("/"), name]);
      const about = lstatSync(path);
      const shown = prefix + name.toString("latin1");
      if (about.isDirectory()) visit(path, `${shown}/`);
      else found[shown] = about.isSymbolicLink() ? `-> ${readlinkSync(path)}` : `${(statSync(path).mode & 0o777).toString(8)} ${readFileSync(path, "latin1")}`;
    }
  };
  visit(Buffer.from(root), "");
  return found;
}
