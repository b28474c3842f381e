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
import type { CheckpointStore, RunningCall } from "../store/checkpoints.ts";
import type { Told } from "../agents/claude-code/calls.ts";
import { realPlace } from "../worktree/project.ts";
import { syncCheckpoints, type Keeper } from "./keeper.ts";
import { inTree } from "./tree-place.ts";

export interface Attended {
  readonly sealed: readonly Checkpoint[];
  /** Whether the tree was looked at. */
  readonly looked: boolean;
}

/** What the client does around a tool is not in its time, in milliseconds. */
const AROUND = 250;

const NOTHING: Attended = { sealed: [], looked: false };

/** Longer than a hook waits, in milliseconds: then the tool has begun, and what it changed first may be lost. */
export const BUDGET = 2000;

export class Attendant {
  readonly #keeper: Keeper;
  readonly #store: CheckpointStore;
  /** Whether something may have been touched since the last look; a watcher says when not. */
  #touched = true;
  readonly #client: number | undefined;
  /** Calls of which no end was told, until the next look has seen to what changed in their time. */
  readonly #untold: string[] = [];
  /** How long the last look took, in milliseconds. */
  #cost = 0;

  /** `client`: the agent's process, where it is known. */
  constructor(keeper: Keeper, store: CheckpointStore, client?: number) {
    this.#keeper = keeper;
    this.#store = store;
    this.#client = client;
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
        this.#endLost(what, time);
        return this.look("prompt");
      case "prompt":
        this.#endCalls(what, time);
        return this.look("prompt");
      case "before":
        return this.#before(what, time, now);
      case "ask":
        this.#ask(what, time);
        return NOTHING;
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
    else if (what.kind === "ask") this.#ask(what, time);
    else if (what.kind === "after") this.#end(what, time, effectOf(what.call!.tool, what.call!.input).background === true);
    else if (what.kind !== "start") this.#endCalls(what, time);
  }

  look(kind: "prompt" | "call" | "turn" | "forced", late?: string): Attended {
    // Before, not after: what is touched meanwhile is touched.
    this.#touched = false;
    const began = this.#keeper.now();
    try {
      const sealed = this.#keeper.look(kind, late === undefined ? {} : { partial: late });
      this.#cost = this.#keeper.now() - began;
      // Now they are over for good.
      for (const id of this.#untold.splice(0)) this.#keeper.callFailed(id);
      return { sealed, looked: true };
    } catch (error) {
      this.#touched = true;
      throw error;
    }
  }

  #before(what: Told, time: number, now: number): Attended {
    const does = this.#effect(what);
    const { effect, path } = does;
    if (effect === "none") return NOTHING;
    // Also where the look would not be over in time: the hook lets the tool go meanwhile.
    const late = now + (path === undefined ? this.#cost : 0) - time > BUDGET ? `${what.call!.tool} began before everything was saved` : undefined;
    let attended = NOTHING;
    const destructive = effectOf(what.call!.tool, what.call!.input).destructive === true;
    if (late !== undefined) {
      // It has begun, so what is found was perhaps its doing.
      this.#begin(what, time, does);
      attended = this.look(destructive ? "forced" : "prompt", late);
    }
    if (path !== undefined) {
      // What stands there is kept and the call is set down in one commit.
      const sealed = this.#keeper.briefly(() => {
        const found = this.#keeper.lookAt(path, "prompt", { own: true });
        if (late === undefined) this.#begin(what, now, does);
        return found;
      });
      return { ...attended, sealed: [...attended.sealed, ...sealed] };
    }
    if (late !== undefined) return attended;
    if (this.#touched || destructive) attended = this.look(destructive ? "forced" : "prompt");
    const over = this.#keeper.now() - time > BUDGET;
    this.#begin(what, over ? time + BUDGET : now, does);
    // The look took longer than any before it: what the tool did first may have been found by it, and taken for yours.
    if (over) attended = { ...attended, sealed: [...attended.sealed, ...this.#keeper.doubt(`${what.call!.tool} began before everything was saved`)] };
    return attended;
  }

  #begin(what: Told, started: number, { effect, path } = this.#effect(what)): void {
    if (effect === "none") return;
    this.#keeper.callBegan({
      id: what.call!.id, tool: what.call!.tool, session: what.session, agent: what.agent, started,
      ...(what.turn === undefined ? {} : { turn: what.turn }),
      ...(what.thread === undefined ? {} : { thread: what.thread }),
      ...(path === undefined ? {} : { path }),
      ...(this.#client === undefined ? {} : { client: this.#client }),
    });
  }

  /** Someone is asked whether it may run: until it is told how long it ran, it may have changed something, and so may they. */
  #ask({ session, call }: Told, time: number): void {
    const { path } = this.#effectPath(call!);
    const asked = this.#store.calls(this.#keeper.root).filter((each) => each.session === session && each.ended === undefined && each.tool === call!.tool && (path === undefined || each.path === path));
    for (const { id } of asked.slice(-1)) this.#keeper.callEnded(id, time, true);
  }

  #effectPath({ tool, input }: NonNullable<Told["call"]>): { path?: string } {
    const { effect, path } = effectOf(tool, input);
    return effect === "path" && path !== undefined ? { path: inTree(this.#keeper.root, realPlace(path)) ?? path } : {};
  }

  #end(what: Told, time: number, background: boolean, begun = this.#begun(what)): void {
    const started = what.ms === undefined || begun === undefined ? undefined : Math.max(begun.started, time - what.ms - AROUND);
    this.#keeper.callEnded(what.call!.id, time, what.background === true || background, started);
  }

  #begun({ call }: Told): RunningCall | undefined {
    return this.#store.calls(this.#keeper.root).find(({ id }) => id === call!.id);
  }

  /** What the call may do to this tree; with the path where it is one alone. */
  #effect({ call, cwd }: Told): { effect: "none" | "path" | "any"; path?: string; background: boolean } {
    const { effect, path, background = false } = effectOf(call!.tool, call!.input);
    if (effect !== "path") return { effect, background };
    // The tree goes by its real path, and a tool by whatever name someone gave it.
    const place = realPlace(resolve(cwd, path ?? ""));
    const kind = kindOf(place);
    if (kind === "nothing") return { effect: "none", background };
    // Some tools write through a link, others put a file in its place.
    if (kind !== "plain") return { effect: "any", background };
    const inside = inTree(this.#keeper.root, place);
    return inside === undefined ? { effect: "none", background } : { effect, path: inside, background };
  }

  #after(what: Told, time: number): Attended {
    const { effect, path: named, background } = this.#effect(what);
    if (effect === "none") return NOTHING;
    const begun = this.#begun(what);
    const path = begun === undefined ? named : begun.path;
    if (path === undefined) {
      this.#end(what, time, background, begun);
      return this.look("call");
    }
    // One commit instead of four.
    return this.#keeper.briefly(() => {
      // An edit that failed has written nothing: often because someone else had.
      if (what.failed === true) {
        this.#keeper.callFailed(what.call!.id);
        return { sealed: this.#keeper.lookAt(path, "prompt"), looked: false };
      }
      this.#end(what, time, background, begun);
      return { sealed: this.#keeper.lookAt(path, "call", { call: what.call!.id }), looked: false };
    });
  }

  /** A session begins: another's call of which nothing is known but that it began may be one of a session that was killed. */
  #endLost({ session }: Told, time: number): void {
    for (const call of this.#store.calls(this.#keeper.root)) {
      if (call.session === session || call.ended !== undefined || call.client !== undefined || call.started >= time) continue;
      this.#untold.push(call.id);
      this.#keeper.callEnded(call.id, time, true);
    }
  }

  /**
   * Calls of which no end was told: broken off, or refused, and then they never ran. What changed in their time may be
   * theirs, and may be anyone's who went on working. At the end of a session also what they had left running. Who stops
   * ends his own alone: subagents in the background go on after the answer, and the main thread after a subagent.
   */
  #endCalls({ session, kind, thread }: Told, time: number): void {
    for (const call of this.#store.calls(this.#keeper.root)) {
      if (kind === "stop" && call.thread !== thread) continue;
      const over = call.ended === undefined ? call.started < time : kind === "end" && call.background === true;
      if (call.session !== session || !over) continue;
      if (call.ended === undefined) this.#untold.push(call.id);
      this.#keeper.callEnded(call.id, time, call.ended === undefined);
    }
  }
}

/** Nothing where no file can have that name, so that no tool wrote it; unclear where it cannot be told. */
function kindOf(place: string): "nothing" | "unclear" | "link" | "plain" {
  try {
    return lstatSync(place, { throwIfNoEntry: false })?.isSymbolicLink() === true ? "link" : "plain";
  } catch (error) {
    // A NUL in it, or longer than any file system takes.
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    return code === "ERR_INVALID_ARG_VALUE" || code === "ENAMETOOLONG" ? "nothing" : "unclear";
  }
}
