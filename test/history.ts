/**
 * What happened to the paths of a tree, told in a few lines: `h.agent("s1", "t1", { "a.txt": 2 })`, `h.outside(…)`,
 * `h.restore("undo", [ids], …)`. A number stands for a file with that content, 0 for nothing there. For tests.
 */
import type { Actor, CallRef, Checkpoint, Entry, Kind, State, TreePath } from "../src/checkpoint/model.ts";

/** The file whose content is this number; 0 is absent. */
export function version(n: number, mode = 0o644): State {
  return n === 0 ? "absent" : { type: "file", mode, size: n, content: `sha256:${n}` };
}

export function numberOf(state: State): number {
  return typeof state === "object" ? Number(state.content.slice(7)) : state === "absent" ? 0 : -1;
}

export class History {
  readonly paths = new Map<TreePath, Entry[]>();
  readonly checkpoints: Checkpoint[] = [];
  readonly #present = new Map<TreePath, State>();

  constructor(present: Readonly<Record<TreePath, State | number>> = {}) {
    for (const [path, state] of Object.entries(present)) this.#present.set(path, stateOf(state));
  }

  present(path: TreePath): State {
    return this.#present.get(path) ?? "absent";
  }

  entries(path: TreePath): Entry[] {
    return this.paths.get(path) ?? [];
  }

  seal(actor: Actor, changes: Readonly<Record<TreePath, State | number>>, more: Partial<Checkpoint> & { readonly kind?: Kind } = {}): Checkpoint {
    const seq = this.checkpoints.length + 1;
    const checkpoint: Checkpoint = { seq, id: `c${seq}`, tree: "tree", time: seq * 1000, kind: "call", actor, coverage: { skipped: [] }, pinned: false, tier: 1, ...more };
    this.checkpoints.push(checkpoint);
    for (const [path, state] of Object.entries(changes)) {
      const after = stateOf(state);
      this.paths.set(path, [...this.entries(path), { path, before: this.present(path), after, checkpoint }]);
      this.#present.set(path, after);
    }
    return checkpoint;
  }

  ofTurn(session: string, turn: string): Checkpoint[] {
    return this.checkpoints.filter(({ actor }) => actor.by === "agent" && actor.session === session && actor.turn === turn);
  }

  /** One call of the tool, or the calls given. */
  agent(session: string, turn: string, changes: Readonly<Record<TreePath, State | number>>, calls: readonly CallRef[] = [{ id: `call${this.checkpoints.length + 1}`, tool: "Edit" }], others?: readonly { readonly session: string; readonly call: string }[]): Checkpoint {
    return this.seal({ by: "agent", agent: "claude-code", session, turn, calls, ...(others === undefined ? {} : { others }) }, changes);
  }

  outside(changes: Readonly<Record<TreePath, State | number>>, maybe?: readonly { readonly session: string; readonly call: string }[]): Checkpoint {
    return this.seal({ by: "outside", ...(maybe === undefined ? {} : { maybe }) }, changes, { kind: "prompt" });
  }

  restore(verb: "undo" | "redo" | "restore", undoes: readonly string[], changes: Readonly<Record<TreePath, State | number>>, session?: string): Checkpoint {
    return this.seal({ by: "restore", verb, undoes, ...(session === undefined ? {} : { session }) }, changes, { kind: "restore" });
  }
}

function stateOf(state: State | number): State {
  return typeof state === "number" ? version(state) : state;
}
