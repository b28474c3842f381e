/**
 * Attending a tree while agents work in it: what is looked at before and after each call, at the beginning of a turn and at
 * its end. What an edit tool is about to write over is taken first; before a command that could destroy anything, all that
 * was touched since the last look is. Nothing waits for a look that is not needed.
 *
 * Leaves out who says what happens (agents/), who calls this and on which thread (engine/, the hook).
 */
import { lstatSync } from "node:fs";
import { resolve } from "node:path";
import { effectOf } from "../checkpoint/commands.ts";
import type { Checkpoint } from "../checkpoint/model.ts";
import type { CheckpointStore } from "../store/checkpoints.ts";
import { told, type Told } from "../agents/claude-code/calls.ts";
import { realPlace } from "../worktree/project.ts";
import { inTree, syncCheckpoints, type Keeper } from "./keeper.ts";

export interface Attended {
  readonly sealed: readonly Checkpoint[];
  /** Whether the tree was looked at. */
  readonly looked: boolean;
}

const NOTHING: Attended = { sealed: [], looked: false };

/** Longer than a hook waits, in milliseconds: then the tool has begun, and what it changed first may be lost. */
export const BUDGET = 2000;

export class Attendant {
  readonly #keeper: Keeper;
  readonly #store: CheckpointStore;
  /** Whether something may have been touched since the last look; a watcher says when not. */
  #touched = true;

  constructor(keeper: Keeper, store: CheckpointStore) {
    this.#keeper = keeper;
    this.#store = store;
  }

  get touched(): boolean {
    return this.#touched;
  }

  touch(): void {
    this.#touched = true;
  }

  /** `time`: when it happened; `now`: when this is called, both in milliseconds since 1970. */
  take(what: Told, time: number, now: number): Attended {
    switch (what.kind) {
      case "start":
        this.#keeper.begin();
        return this.look("prompt");
      case "prompt":
        this.#endCalls(what, time);
        return this.look("prompt");
      case "before":
        return this.#before(what, time, now);
      case "after":
        return this.#after(what, time);
      case "stop": {
        this.#endCalls(what, time);
        const attended = this.look("turn");
        syncCheckpoints(this.#store);
        return attended;
      }
      case "end": {
        this.#endCalls(what, time);
        const attended = this.look("turn");
        syncCheckpoints(this.#store);
        this.#keeper.save();
        return attended;
      }
    }
  }

  /** Afterwards, when nobody attended: who was at work when, without a look. */
  note(what: Told, time: number): void {
    if (what.kind === "before") this.#begin(what, time);
    else if (what.kind === "after") this.#keeper.callEnded(what.call!.id, time, what.background === true || effectOf(what.call!.tool, what.call!.input).background === true);
    else if (what.kind !== "start") this.#endCalls(what, time);
  }

  look(kind: "prompt" | "call" | "turn" | "forced", late?: string): Attended {
    // Before, not after: what is touched meanwhile is touched.
    this.#touched = false;
    try {
      return { sealed: this.#keeper.look(kind, late === undefined ? {} : { partial: late }), looked: true };
    } catch (error) {
      this.#touched = true;
      throw error;
    }
  }

  #before(what: Told, time: number, now: number): Attended {
    const { effect, path } = this.#effect(what);
    if (effect === "none") return NOTHING;
    const late = now - time > BUDGET ? `${what.call!.tool} began before everything was saved` : undefined;
    let attended = NOTHING;
    const destructive = effectOf(what.call!.tool, what.call!.input).destructive === true;
    if (late !== undefined) {
      // It has begun, so what is found was perhaps its doing.
      this.#begin(what, time);
      attended = this.look(destructive ? "forced" : "prompt", late);
    }
    if (path !== undefined) {
      // What stands there is kept and the call is set down in one commit.
      const sealed = this.#keeper.exclusively(() => this.#store.write(() => {
        const found = this.#keeper.lookAt(path, "prompt", { own: true });
        if (late === undefined) this.#begin(what, now);
        return found;
      }));
      return { ...attended, sealed: [...attended.sealed, ...sealed] };
    }
    if (late === undefined && (this.#touched || destructive)) attended = this.look(destructive ? "forced" : "prompt");
    if (late === undefined) this.#begin(what, now);
    return attended;
  }

  #begin(what: Told, started: number): void {
    const { effect, path } = this.#effect(what);
    if (effect === "none") return;
    this.#keeper.callBegan({
      id: what.call!.id, tool: what.call!.tool, session: what.session, agent: what.agent, started,
      ...(what.turn === undefined ? {} : { turn: what.turn }),
      ...(what.thread === undefined ? {} : { thread: what.thread }),
      ...(path === undefined ? {} : { path }),
    });
  }

  /** What the call may do to this tree; with the path where it is one alone. */
  #effect({ call, cwd }: Told): { effect: "none" | "path" | "any"; path?: string; background: boolean } {
    const { effect, path, background = false } = effectOf(call!.tool, call!.input);
    if (effect !== "path") return { effect, background };
    // The tree goes by its real path, and a tool by whatever name someone gave it.
    const place = realPlace(resolve(cwd, path ?? ""));
    // Some tools write through a link, others put a file in its place.
    if (lstatSync(place, { throwIfNoEntry: false })?.isSymbolicLink() === true) return { effect: "any", background };
    const inside = inTree(this.#keeper.root, place);
    return inside === undefined ? { effect: "none", background } : { effect, path: inside, background };
  }

  #after(what: Told, time: number): Attended {
    const { effect, path: named, background } = this.#effect(what);
    if (effect === "none") return NOTHING;
    const begun = this.#store.calls(this.#keeper.root).find(({ id }) => id === what.call!.id);
    const path = begun === undefined ? named : begun.path;
    if (path === undefined) {
      this.#keeper.callEnded(what.call!.id, time, what.background === true || background);
      return this.look("call");
    }
    // One commit instead of four.
    return this.#keeper.exclusively(() => this.#store.write(() => {
      this.#keeper.callEnded(what.call!.id, time, what.background === true || background);
      return { sealed: this.#keeper.lookAt(path, "call", { call: what.call!.id }), looked: false };
    }));
  }

  /**
   * Calls of which no end was told: broken off, or refused; at the end of a session also what they had left running. Who stops
   * ends his own alone: subagents in the background go on after the answer, and the main thread after a subagent.
   */
  #endCalls({ session, kind, thread }: Told, time: number): void {
    for (const call of this.#store.calls(this.#keeper.root)) {
      if (kind === "stop" && call.thread !== thread) continue;
      const over = call.ended === undefined ? call.started < time : kind === "end" && call.background === true;
      if (call.session === session && over) this.#keeper.callEnded(call.id, time, false);
    }
  }
}

/**
 * What hooks said while nobody attended: who was at work when is set down first, then each tree is looked at once. Trees that
 * cannot be attended are left out. `open` gives undefined for those.
 */
export class Afterwards {
  readonly #said: { readonly what: Told; readonly time: number }[] = [];

  heed(payload: unknown, time: number): void {
    const what = told(payload);
    if (what !== undefined) this.#said.push({ what, time });
  }

  attend(open: (cwd: string) => { readonly attendant: Attendant; readonly keeper: Keeper } | undefined): void {
    const trees = new Map<Attendant, Keeper>();
    for (const { what, time } of this.#said) {
      const tree = open(what.cwd);
      if (tree === undefined) continue;
      trees.set(tree.attendant, tree.keeper);
      tree.attendant.note(what, time);
    }
    for (const [attendant, keeper] of trees) {
      attendant.look("turn");
      keeper.save();
    }
  }
}
