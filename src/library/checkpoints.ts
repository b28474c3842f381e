/**
 * Checkpoints of a tree for other programs, editor extensions above all: `import { openCheckpoints } from
 * "tidemark/checkpoints"`. The same store, tree and rules as the command line and the engine have, which may be at work on
 * it at the same time. A shell like cli/: here is what is asked of the machine, and what foreign values are worth.
 *
 * Everything is done on the calling thread before a method returns, which in a large tree takes as long as a look at it.
 * What is exported here is what dist/checkpoints.d.ts says; it refers to nothing else, so that it can be read alone.
 */
import { randomBytes } from "node:crypto";
import { realpathSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { resolve } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { asTidemarkError, TidemarkError } from "../base/errors.ts";
import type { Actor, Checkpoint as Sealed } from "../checkpoint/model.ts";
import { DEFAULT_RULES } from "../checkpoint/retention.ts";
import { stateHome } from "../cli/environment.ts";
import { isAlive } from "../cli/processes.ts";
import { collectGarbage } from "../operations/checkpoint-gc.ts";
import { Bytes, changesBetween, diffFiles, within } from "../operations/compare.ts";
import { checkpointNamed, NOW } from "../operations/history.ts";
import { Keeper, syncCheckpoints, type KeeperOptions } from "../operations/keeper.ts";
import { inTree } from "../operations/tree-place.ts";
import { leaveWord } from "../operations/tell.ts";
import { undo, type UndoDeps, type Undone } from "../operations/undo.ts";
import type { CheckpointStore } from "../store/checkpoints.ts";
import { openCheckpointStore } from "../store/sqlite/checkpoints.ts";
import { treeOf } from "../worktree/project.ts";
import { Watcher } from "../worktree/watch.ts";

export interface OpenOptions {
  /** A folder of the tree. With git the tree is the whole working tree that the folder is in, else the folder itself. */
  folder: string;
  /** The state folder; by default the one that the command line uses (`TIDEMARK_HOME`). */
  home?: string;
  /** Looks at the tree every so many milliseconds, 100 at least, and seals what changed. false (the default): only when asked. */
  autoSave?: number | false;
  /** How many turns of each session keep every checkpoint of theirs; of older ones neighbours are merged. 50 by default. */
  maxCheckpoints?: number;
  /** Told what goes wrong where nobody waits: in autoSave, while looking for checkpoints of others, in a listener. Without it, the next call throws it. */
  onError?: (error: unknown) => void;
}

/** Who works, where it is an agent. */
export interface Agent {
  /** Its name: "my-agent". */
  agent: string;
  /** The conversation. An undo of one session leaves alone what others did. */
  session: string;
  /** From a prompt to the end of the answer. */
  turn?: string;
}

/** What the agent said of itself, as far as it did. */
export interface Metadata {
  model?: string;
  tokens?: number;
  /** From 0 to 1. */
  confidence?: number;
}

export interface CreateOptions extends Partial<Agent>, Metadata {
  /** What a person wrote with it. */
  note?: string;
  /** Id of the tool call that made the changes. */
  call?: string;
  /** Its tool. */
  tool?: string;
}

export interface CallOptions extends Agent {
  /** Id of the tool call, unlike any other. */
  call: string;
  tool: string;
  /** Absolute, or from the tree's root: where it can change this file alone. */
  path?: string;
}

export interface Call {
  /** The call is over: seals what it changed. Undefined where that was nothing. The metadata is kept where no other call ran at the same time. `background`: what it started goes on. */
  end(more?: Metadata & { background?: boolean }): Checkpoint | undefined;
}

export interface Checkpoint extends Metadata {
  /** 16 hex digits. */
  id: string;
  /** Milliseconds since 1970. */
  time: number;
  /** Why it was sealed: the first look at a tree, before a turn, after a call, at the end of a turn, before a command that destroys, because it was asked for, by a restore. */
  kind: "baseline" | "prompt" | "call" | "turn" | "forced" | "manual" | "restore";
  /** Whose changes are in it. "outside" is the person, or any other program. */
  by: "agent" | "outside" | "restore";
  agent?: string;
  session?: string;
  turn?: string;
  /** Ids of the calls that made, or of several that may have made, the changes. */
  calls: readonly string[];
  note?: string;
  /** How many files changed in it. */
  files: number;
  pinned: boolean;
  /** How far it has come: 1 it outlives this process, 2 the machine's power, 3 the disk (tidemark remote). */
  tier: 1 | 2 | 3;
  /** Paths whose bytes could not be kept, with the reason. */
  skipped: readonly { readonly path: string; readonly reason: string }[];
  /** Why it may lack changes, where it may. */
  partial?: string;
}

export interface FileChange {
  /** From the tree's root, with "/". */
  path: string;
  change: "created" | "deleted" | "edited" | "mode" | "type";
  /** Lines; absent where they could not be counted. */
  added?: number;
  removed?: number;
  binary: boolean;
  /** Why there is nothing to show of it, where that is so. */
  note?: string;
  /** As `git diff` prints it. */
  patch: string;
}

export interface RevertOptions {
  /** Only these files, or what is in these folders: absolute, or from the tree's root. */
  paths?: readonly string[];
  /** What to do where something else changed a file since: leave it (the default), take out only what is reverted, or take later changes back, too. */
  mode?: "keep" | "merge" | "force";
  /** Says what would be done and writes nothing. */
  dryRun?: boolean;
}

export interface Reverted {
  plan: readonly { readonly path: string; readonly action: "write" | "delete" | "keep" | "merge" | "refuse"; readonly reason: string }[];
  /** Whether anything was written. */
  applied: boolean;
  /** Files that something else wrote to at that moment; nothing of it is lost. */
  conflicts: readonly { readonly path: string; readonly reason: string; readonly copy?: string }[];
  /** The checkpoint of how things were before: reverting to it with mode "force" takes this back. */
  before: string | undefined;
  /** The checkpoint of what was written. */
  checkpoint: Checkpoint | undefined;
}

export interface Checkpoints {
  /** The tree: its real path. */
  readonly root: string;
  /** Seals what changed since the last look, and gives the checkpoint that the tree is at now. With `agent` and `session` the changes are that agent's. */
  createCheckpoint(options?: CreateOptions): Checkpoint;
  /** A call of an agent begins: what it may write over is sealed first, and what changes until its end is its own. */
  beginCall(call: CallOptions): Call;
  /** Newest first. */
  listCheckpoints(options?: { limit?: number }): Checkpoint[];
  /** What is different in `b` from what it was in `a`, by path. A checkpoint, its id or the beginning of one, or "now", which is the default for `b`. */
  compareCheckpoints(a: Checkpoint | string, b?: Checkpoint | string, options?: { paths?: readonly string[] }): FileChange[];
  /** Takes back what agents changed after this checkpoint (where it is of a session: that session alone); with mode "force", everything. The present is sealed first. */
  revertToCheckpoint(to: Checkpoint | string, options?: RevertOptions): Reverted;
  /** Called with every checkpoint of the tree sealed from now on, by whichever process, in order. Gives the way to end it. */
  onCheckpoint(listener: (checkpoint: Checkpoint) => void): () => void;
  /** May be called twice. */
  close(): void;
}

/** What is thrown. `code` and `hint` are those of the command line (docs/errors.md). */
export interface CheckpointsError extends Error {
  code: string;
  kind: "user" | "config" | "environment" | "internal";
  /** What to do about it. */
  hint: string;
}

/** Opens the checkpoints of a tree and looks at it; the first look at a new tree is a checkpoint itself. Throws CheckpointsError. */
export function openCheckpoints(options: OpenOptions): Checkpoints {
  try {
    return new OpenTree(options);
  } catch (error) {
    throw asTidemarkError(error);
  }
}

/** How often it is looked whether others have sealed something, and the shortest interval of autoSave, in milliseconds. */
const POLL = 500;
const SHORTEST = 100;

/** The store is brought within its bounds so long after opening it, and so long after the time before, in slices with pauses; milliseconds. */
const FIRST_TIDY = 60_000;
const TIDY = 600_000;
const SLICE = 20;
const REST = 200;

/** A look by itself comes at the earliest so many times its own length after the one before. */
const SHARE = 20;

class OpenTree implements Checkpoints {
  readonly root: string;
  readonly #store: CheckpointStore;
  readonly #machine: Omit<KeeperOptions, "store" | "root">;
  readonly #deps: UndoDeps;
  readonly #environment = process.env;
  readonly #onError: OpenOptions["onError"];
  readonly #listeners = new Set<(checkpoint: Checkpoint) => void>();
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #watcher: Watcher | undefined;
  /** Calls begun here that are not over. */
  readonly #running = new Set<string>();
  #isPolling = false;
  #seen: number;
  #touched = true;
  #look = { at: 0, cost: 0 };
  #failed: { readonly error: unknown } | undefined;
  /** Whether anything was sealed since the store was last brought within its bounds. */
  #untidy = false;
  #closed = false;

  constructor(options: OpenOptions) {
    const { autoSave = false, maxCheckpoints = DEFAULT_RULES.maxCheckpoints } = options;
    const folder = resolve(text(options.folder, "folder")!);
    if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) throw new TidemarkError("PATH_MISSING", `${folder} is not a folder`, { hint: "Give the folder of a project." });
    if (autoSave !== false) number(autoSave, "autoSave", SHORTEST, 2 ** 31 - 1);
    if (maxCheckpoints !== Infinity) number(maxCheckpoints, "maxCheckpoints", 1, Number.MAX_SAFE_INTEGER);
    this.root = treeOf(folder);
    this.#onError = options.onError;
    const home = options.home === undefined ? stateHome(this.#environment) : resolve(text(options.home, "home")!);
    this.#machine = { home, environment: this.#environment, userHome: realHome(), clock: Date.now, pid: process.pid, isAlive };
    this.#store = openCheckpointStore(home);
    try {
      this.#deps = { ...this.#machine, store: this.#store, keeper: new Keeper({ ...this.#machine, store: this.#store, root: this.root }) };
      this.#deps.keeper.recover();
      const before = this.#store.newest(this.root);
      this.#keeper.begin();
      this.#seen = this.#store.newest(this.root);
      if (this.#seen > before) syncCheckpoints(this.#store);
    } catch (error) {
      this.#store.close();
      throw error;
    }
    this.#tidyLater(maxCheckpoints, FIRST_TIDY);
    if (autoSave !== false) {
      this.#watcher = new Watcher(() => void (this.#touched = true));
      this.#every(autoSave, () => this.#save());
    }
  }

  get #keeper(): Keeper {
    return this.#deps.keeper;
  }

  createCheckpoint(options: CreateOptions = {}): Checkpoint {
    return this.#doing(() => {
      const { note, agent, session, turn, call, tool } = options;
      for (const [name, value] of Object.entries({ note, agent, session, turn, call, tool, model: options.model })) text(value, name, true);
      if ((agent === undefined) !== (session === undefined)) throw bad("agent and session go together: an agent is undone session by session");
      if (agent === undefined && (turn ?? call ?? tool) !== undefined) throw bad("turn, call and tool are an agent's: give agent and session, too");
      const actor: Actor | undefined = agent === undefined ? undefined : { by: "agent", agent, session: session!, ...(turn === undefined ? {} : { turn }), calls: call === undefined ? [] : [{ id: call, tool: tool ?? "" }] };
      const asked = { ...metadata(options), ...(note === undefined ? {} : { note }), ...(actor === undefined ? {} : { actor }) };
      if (session !== undefined) this.#endEarlier(session, turn);
      const sealed = this.#keeper.look(actor === undefined ? "manual" : call === undefined ? "turn" : "call", asked);
      // Nothing had changed, or not by this one alone: calls that were at work have theirs. Then what is asked for stands for itself.
      const isOwn = sealed.length === 1 && (actor === undefined ? sealed[0]!.actor.by === "outside" : isDeepStrictEqual(sealed[0]!.actor, actor));
      const own = isOwn ? sealed[0]! : this.#keeper.mark(asked);
      return this.#sealed(own)!;
    });
  }

  beginCall(call: CallOptions): Call {
    return this.#doing(() => {
      for (const name of ["agent", "session", "call", "tool"] as const) text(call[name], name);
      text(call.turn, "turn", true);
      const path = call.path === undefined ? undefined : this.#paths([call.path])[0];
      this.#endEarlier(call.session, call.turn);
      if (path === undefined) this.#keeper.look("prompt");
      else this.#keeper.lookAt(path, "prompt", { own: true });
      this.#keeper.callBegan({ id: call.call, tool: call.tool, agent: call.agent, session: call.session, started: Date.now(), ...(call.turn === undefined ? {} : { turn: call.turn }), ...(path === undefined ? {} : { path }) });
      this.#sealed(undefined);
      this.#running.add(call.call);
      return { end: (more = {}) => this.#doing(() => (this.#running.has(call.call) ? this.#end(call, path, more) : undefined)) };
    });
  }

  /** Calls of earlier turns of a session, of which no end was told: their program has ended before they did. */
  #endEarlier(session: string, turn: string | undefined): void {
    if (turn === undefined) return;
    for (const each of this.#store.calls(this.root)) {
      if (each.session === session && each.turn !== turn && each.ended === undefined && !this.#running.has(each.id)) this.#keeper.callEnded(each.id, Date.now(), false);
    }
  }

  #end({ call, session }: CallOptions, path: string | undefined, more: Metadata & { readonly background?: boolean }): Checkpoint | undefined {
    const asked = { ...metadata(more), call };
    this.#keeper.callEnded(call, Date.now(), more.background === true);
    const sealed = path === undefined ? this.#keeper.look("call", asked) : this.#keeper.lookAt(path, "call", { call, asked });
    this.#running.delete(call);
    return this.#sealed(sealed.findLast(({ actor }) => actor.by === "agent" && actor.session === session && actor.calls.some(({ id }) => id === call)));
  }

  listCheckpoints({ limit = Infinity }: { limit?: number } = {}): Checkpoint[] {
    return this.#doing(() => {
      if (limit !== Infinity) number(limit, "limit", 0, Number.MAX_SAFE_INTEGER);
      const all = this.#store.checkpoints(this.root);
      return this.#shown(limit === 0 ? [] : all.slice(-Math.min(limit, all.length))).reverse();
    });
  }

  compareCheckpoints(a: Checkpoint | string, b: Checkpoint | string = "now", { paths = [] }: { paths?: readonly string[] } = {}): FileChange[] {
    return this.#doing(() => {
      const wanted = within(this.#paths(paths));
      const points = [a, b].map((each) => this.#pointOf(each));
      const changes = changesBetween(this.#store, this.root, points[0]!, points[1]!).filter(({ path }) => wanted(path));
      return diffFiles(changes, new Bytes({ store: this.#store, root: this.root, environment: this.#environment })).map(({ path, change, added, removed, binary, note, patch }) => ({
        path, change, binary, patch,
        ...(added === undefined ? {} : { added }),
        ...(removed === undefined ? {} : { removed }),
        ...(note === undefined ? {} : { note }),
      }));
    });
  }

  revertToCheckpoint(to: Checkpoint | string, { paths = [], mode = "keep", dryRun = false }: RevertOptions = {}): Reverted {
    return this.#doing(() => {
      if (!["keep", "merge", "force"].includes(mode)) throw bad(`mode is "keep", "merge" or "force", not ${JSON.stringify(mode)}`);
      const wanted = this.#paths(paths);
      const checkpoint = this.#named(to);
      const done = undo({ verb: "restore", checkpoint }, { mode, dryRun, paths: wanted, id: randomBytes(6).toString("hex") }, this.#deps);
      if (done.applied) this.#tell(done);
      const written = this.#sealed(done.restore);
      return { plan: done.plan.map(({ path, action, reason }) => ({ path, action, reason })), applied: done.applied, conflicts: done.conflicts, before: done.sealed, checkpoint: written };
    });
  }

  onCheckpoint(listener: (checkpoint: Checkpoint) => void): () => void {
    return this.#doing(() => {
      if (typeof listener !== "function") throw bad("onCheckpoint takes a function");
      if (this.#listeners.size === 0) this.#seen = this.#store.newest(this.root);
      // The same function twice is two listeners.
      const own = (checkpoint: Checkpoint): void => listener(checkpoint);
      this.#listeners.add(own);
      if (!this.#isPolling) this.#every(POLL, () => this.#announce());
      this.#isPolling = true;
      return () => void this.#listeners.delete(own);
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#listeners.clear();
    this.#watcher?.close();
    try {
      if (this.#running.size > 0) {
        this.#keeper.look("call");
        // What changes from here on is not their doing, however slow a file's clock.
        for (const call of this.#running) this.#keeper.callFailed(call);
      }
      this.#keeper.save();
    } finally {
      this.#store.close();
    }
  }

  // ---- inside ----

  /** Every method: what failed in the background is said first. */
  #doing<T>(body: () => T): T {
    if (this.#closed) throw new TidemarkError("CLOSED", "These checkpoints were closed");
    const failed = this.#failed;
    this.#failed = undefined;
    if (failed !== undefined) throw asTidemarkError(failed.error);
    try {
      return body();
    } catch (error) {
      throw asTidemarkError(error);
    }
  }

  #every(ms: number, body: () => void): void {
    const timer = setInterval(() => this.#guarded(body), ms);
    // It keeps no program from ending.
    timer.unref();
    this.#timers.add(timer);
  }

  #after(ms: number, body: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.#guarded(body);
    }, ms);
    timer.unref();
    this.#timers.add(timer);
  }

  #tidyLater(maxCheckpoints: number, ms: number): void {
    this.#after(ms, () => {
      // Also where it fails.
      const again = (): void => this.#tidyLater(maxCheckpoints, TIDY);
      if (!this.#untidy) return again();
      this.#untidy = false;
      const slices = collectGarbage({
        store: this.#store, home: this.#deps.home, rules: { ...DEFAULT_RULES, maxCheckpoints }, dryRun: false, clock: Date.now, slice: SLICE,
        keeperOf: (root) => (root === this.root ? this.#keeper : new Keeper({ ...this.#machine, store: this.#store, root })),
      });
      const step = (): void => {
        let done: boolean | undefined = true;
        try {
          ({ done } = slices.next());
        } finally {
          if (done === true) again();
        }
        if (done !== true) this.#after(REST, step);
      };
      step();
    });
  }

  #guarded(body: () => void): void {
    try {
      body();
    } catch (error) {
      if (this.#onError === undefined) this.#failed ??= { error };
      else this.#onError(error);
    }
  }

  #save(): void {
    const now = Date.now();
    if ((this.#watcher!.sure && !this.#touched) || now - this.#look.at < this.#look.cost * SHARE) return;
    // Before, not after: what is touched meanwhile is touched.
    this.#touched = false;
    try {
      const sealed = this.#keeper.look("prompt");
      this.#look = { at: Date.now(), cost: Date.now() - now };
      this.#watcher!.follow(this.#keeper.folders());
      if (sealed.length > 0) this.#sealed(undefined);
    } catch (error) {
      this.#touched = true;
      throw error;
    }
  }

  /** After something may have been sealed: brings it to the disk and tells the listeners. Gives one of them as it now is. */
  #sealed(one: Sealed | undefined): Checkpoint | undefined {
    this.#untidy = true;
    syncCheckpoints(this.#store);
    this.#announce();
    return one === undefined ? undefined : this.#shown([{ ...one, tier: one.tier === 1 ? 2 : one.tier }])[0];
  }

  #announce(): void {
    if (this.#closed || this.#listeners.size === 0 || this.#store.newest(this.root) <= this.#seen) return;
    const fresh = this.#store.checkpoints(this.root).filter(({ seq }) => seq > this.#seen);
    // Before they are told: a listener may seal something itself.
    this.#seen = Math.max(this.#seen, ...fresh.map(({ seq }) => seq));
    const listeners = [...this.#listeners];
    for (const checkpoint of this.#shown(fresh)) for (const listener of listeners) if (this.#listeners.has(listener)) this.#guarded(() => listener(checkpoint));
  }

  #shown(all: readonly Sealed[]): Checkpoint[] {
    const files = new Map<number, number>();
    if (all.length > 0) for (const { seq } of this.#store.changesAfter(this.root, all[0]!.seq - 1)) files.set(seq, (files.get(seq) ?? 0) + 1);
    return all.map((each) => shown(each, files.get(each.seq) ?? 0));
  }

  #named(checkpoint: Checkpoint | string): Sealed {
    const id = typeof checkpoint === "string" ? checkpoint : (checkpoint as Checkpoint | undefined)?.id;
    return checkpointNamed({ checkpoints: this.#store.checkpoints(this.root), turns: [] }, text(id, "the id of the checkpoint")!);
  }

  /** What is there now is sealed first. */
  #pointOf(checkpoint: Checkpoint | string): number {
    if (checkpoint !== "now") return this.#named(checkpoint).seq;
    if (this.#keeper.look("prompt").length > 0) this.#sealed(undefined);
    return NOW;
  }

  #paths(given: readonly string[]): string[] {
    return given.map((each) => {
      const path = inTree(this.root, resolve(this.root, text(each, "a path")!));
      if (path === undefined) throw bad(`${each} is not a path in ${this.root}`);
      return path;
    });
  }

  /** The sessions whose work was taken back, should they go on. */
  #tell({ plan, undoes }: Undone): void {
    const ids = new Set(undoes);
    const sessions = new Set(this.#store.checkpoints(this.root).flatMap(({ id, actor }) => (ids.has(id) && actor.by === "agent" ? [actor.session] : [])));
    const files = plan.filter(({ action }) => action === "write" || action === "delete" || action === "merge").map(({ path, action }) => ({ path, action }));
    for (const session of sessions) leaveWord(this.#deps.home, session, { time: Date.now(), verb: "restore", files, tree: this.root, session }, this.#deps.pid);
  }
}

function shown({ id, time, kind, actor, coverage, note, pinned, tier, model, tokens, confidence }: Sealed, files: number): Checkpoint {
  return {
    id, time, kind, by: actor.by, calls: actor.by === "agent" ? actor.calls.map((call) => call.id) : [], files, pinned, tier, skipped: coverage.skipped,
    ...(actor.by === "agent" ? { agent: actor.agent } : {}),
    ...(actor.by === "outside" || actor.session === undefined ? {} : { session: actor.session }),
    ...(actor.by === "agent" && actor.turn !== undefined ? { turn: actor.turn } : {}),
    ...(coverage.partial === undefined ? {} : { partial: coverage.partial }),
    ...(note === undefined ? {} : { note }),
    ...(model === undefined ? {} : { model }),
    ...(tokens === undefined ? {} : { tokens }),
    ...(confidence === undefined ? {} : { confidence }),
  };
}

function metadata({ model, tokens, confidence }: Metadata): Metadata {
  text(model, "model", true);
  if (tokens !== undefined) number(tokens, "tokens", 0, Number.MAX_SAFE_INTEGER);
  if (confidence !== undefined && !(typeof confidence === "number" && confidence >= 0 && confidence <= 1)) throw bad("confidence is a number from 0 to 1");
  return { ...(model === undefined ? {} : { model }), ...(tokens === undefined ? {} : { tokens }), ...(confidence === undefined ? {} : { confidence }) };
}

/** Callers may be JavaScript. */
function text(value: unknown, name: string, optional = false): string | undefined {
  if (optional && value === undefined) return undefined;
  if (typeof value !== "string" || value === "") throw bad(`${name} is a text that is not empty`);
  return value;
}

function number(value: unknown, name: string, from: number, to: number): void {
  if (!Number.isInteger(value) || (value as number) < from || (value as number) > to) throw bad(`${name} is a whole number, ${from} at least`);
}

function bad(message: string): TidemarkError {
  return new TidemarkError("BAD_VALUE", message, { hint: "docs/library.md names every option." });
}

function realHome(): string {
  try {
    return realpathSync(homedir());
  } catch {
    // An account without a folder.
    return homedir();
  }
}
