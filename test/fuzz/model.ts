/**
 * What should be in a tree, told without the code that is tested: for each path who made it what it is, change upon change,
 * and what an undo then has to leave. It knows what it is told was done, and by whom; of checkpoints it knows nothing.
 *
 * The rules, as docs/ tells them to people: an undo takes back what was asked for as far as nobody else's change lies on it;
 * by force it takes back whatever lies on it too. A redo takes back an undo, by the same rule. What several calls may have
 * done is not touched where not all of them are meant.
 */
import type { Standing, Tree } from "./acts.ts";

export interface Call {
  readonly id: string;
  readonly session: string;
  readonly turn: string;
  /** The one path of an edit tool. */
  readonly path?: string;
}

/** One undo, redo or restore. */
export interface Restore {
  readonly id: string;
  readonly verb: "undo" | "redo" | "restore";
  /** What it took back, by the ids that it was sealed with. */
  readonly undoes: readonly string[];
  /** Whose work it took back or brought back; "outside" for a person's. */
  readonly sessions: ReadonlySet<string>;
}

export interface Change {
  /** When it was looked at, in looks. */
  readonly time: number;
  /** Nobody: a person, or the restore below. */
  readonly who: readonly Call[];
  readonly restore?: Restore;
  readonly before: Standing;
  readonly after: Standing;
  readonly below: Change | undefined;
  /** Of a restore: what lay there before it, and lies there again once it is taken back. */
  readonly from?: Change;
}

export type Chosen = (change: Change) => boolean;

export interface Wish {
  readonly chosen: Chosen;
  /** Whether somebody who is not meant may have made it. */
  readonly doubtful: Chosen;
  readonly force: boolean;
}

export interface Way {
  readonly to: Standing;
  readonly below: Change | undefined;
}

export class Model {
  /** As last looked at. */
  readonly seen = new Map<string, string>();
  readonly top = new Map<string, Change>();
  readonly running: Call[] = [];
  restores: Restore[] = [];
  time = 0;

  constructor(tree: Tree) {
    for (const [path, standing] of tree) this.seen.set(path, standing);
  }

  /** A look: what differs from the look before was done by whoever had a call running, or else by the person. Gives what it found. */
  look(tree: Tree, only?: string): { path: string; change: Change }[] {
    this.time += 1;
    const paths = only === undefined ? new Set([...this.seen.keys(), ...tree.keys()]) : [only];
    const found: { path: string; change: Change }[] = [];
    for (const path of paths) {
      const [before, after] = [this.seen.get(path), tree.get(path)];
      if (before === after) continue;
      const who = [...this.running.filter((call) => call.path === path), ...this.running.filter((call) => call.path === undefined)];
      const change: Change = { time: this.time, who, before, after, below: this.top.get(path) };
      this.#set(path, change);
      found.push({ path, change });
    }
    return found;
  }

  /** Where a record begins anew: what was never part of it is as it is. */
  begin(tree: Tree): void {
    for (const path of new Set([...this.seen.keys(), ...tree.keys()])) {
      if (this.top.has(path)) continue;
      const standing = tree.get(path);
      if (standing === undefined) this.seen.delete(path);
      else this.seen.set(path, standing);
    }
  }

  /** What has to stand at each path afterwards that is to be another. */
  wanted({ chosen, doubtful, force }: Wish, within: (path: string) => boolean): Map<string, Way> {
    const ways = new Map<string, Way>();
    for (const [path, top] of this.top) {
      if (!within(path)) continue;
      const all = wayBack(top, chosen, true);
      if (all.some(doubtful)) continue;
      const taken = force ? all : wayBack(top, chosen, false);
      const last = taken.at(-1);
      if (last !== undefined && last.before !== this.seen.get(path)) ways.set(path, { to: last.before, below: last.from ?? last.below });
    }
    return ways;
  }

  /** As far back as the same stood there, through all that was done from a time on. */
  farthest(path: string, { to, below }: Way, from: number): Way {
    let found = below;
    for (let at = this.top.get(path); at !== undefined; ) {
      if (at.time >= from) {
        const { before } = at;
        at = at.from ?? at.below;
        if (before === to) found = at;
      } else if (at.from !== undefined) at = at.below;
      else break;
    }
    return { to, below: found };
  }

  /** It was done so. */
  restored(path: string, { to, below }: Way, restore: Restore): void {
    const from = this.top.get(path)!;
    this.#set(path, { time: this.time, who: [], restore, before: this.seen.get(path), after: to, below, from });
  }

  /** Undone ones, and the undos themselves, are not in force. */
  inForce(): Change[] {
    return [...this.top.values()].flatMap((top) => {
      const own: Change[] = [];
      for (let at: Change | undefined = top; at !== undefined; at = at.below) if (at.from === undefined) own.push(at);
      return own;
    });
  }

  /** What a redo takes back. */
  lastUndo(): Restore | undefined {
    const undone = new Set<string>();
    for (const { id, undoes } of this.restores.toReversed()) if (!undone.has(id)) for (const each of undoes) undone.add(each);
    return this.restores.findLast(({ id, verb }) => verb !== "redo" && !undone.has(id));
  }

  /** What one turn did at these looks, with nothing of anyone else's in between, becomes one change; what cancels out is none. */
  merge(times: ReadonlySet<number>): void {
    const done = new Map<Change, Change | undefined>();
    const merged = (change: Change | undefined): Change | undefined => {
      if (change === undefined) return undefined;
      if (done.has(change)) return done.get(change);
      const below = merged(change.below);
      const from = merged(change.from);
      const isOne = times.has(change.time) && change.who.length > 0 && below !== undefined && times.has(below.time) && below.who.length > 0;
      const own: Change = { ...change, below, ...(from === undefined ? {} : { from }) };
      const both: Change = isOne ? { ...own, before: below.before, below: below.below, who: [...below.who, ...own.who.filter((call) => !below.who.some(({ id }) => id === call.id))] } : own;
      const left = isOne && both.before === both.after ? both.below : both;
      done.set(change, left);
      return left;
    };
    for (const [path, top] of this.top) {
      const left = merged(top);
      if (left === undefined) this.top.delete(path);
      else this.top.set(path, left);
    }
  }

  forget(path: string): void {
    this.seen.delete(path);
    this.top.delete(path);
  }

  #set(path: string, change: Change): void {
    this.top.set(path, change);
    if (change.after === undefined) this.seen.delete(path);
    else this.seen.set(path, change.after);
  }
}

/** What is chosen, newest first: up to the first that is not, or all the way down. */
function wayBack(top: Change, chosen: Chosen, through: boolean): Change[] {
  const taken: Change[] = [];
  let at: Change | undefined = top;
  while (at !== undefined) {
    const yes = chosen(at);
    if (!yes && at.from !== undefined) {
      at = at.below;
      continue;
    }
    if (!yes && !through) break;
    if (yes) taken.push(at);
    at = at.from ?? at.below;
  }
  return taken;
}

export const key = (session: string, turn: string): string => `${session} ${turn}`;

/** A change is put down for the first of those who may have made it, and for what else that one's turn had running. */
function others({ who }: Change): readonly Call[] {
  return who.filter((call) => key(call.session, call.turn) !== key(who[0]!.session, who[0]!.turn));
}

export function ofTurns(turns: readonly { session: string; turn: string }[]): Pick<Wish, "chosen" | "doubtful"> {
  const [keys, sessions] = [new Set(turns.map(({ session, turn }) => key(session, turn))), new Set(turns.map(({ session }) => session))];
  const chosen: Chosen = ({ who: [first] }) => first !== undefined && keys.has(key(first.session, first.turn));
  return { chosen, doubtful: (change) => others(change).some(({ session }) => !sessions.has(session)) };
}

export function ofCall(id: string): Pick<Wish, "chosen" | "doubtful"> {
  return { chosen: ({ who }) => who.some((call) => call.id === id), doubtful: ({ who }) => who.some((call) => call.id !== id) };
}

export function ofRestore(restore: Restore): Pick<Wish, "chosen" | "doubtful"> {
  return { chosen: (change) => change.restore === restore, doubtful: () => false };
}

/** All since then that agents did, and that was undone or redone of it; of one session, or of all. */
export function since(time: number, session: string | undefined, everything: boolean): Pick<Wish, "chosen" | "doubtful"> {
  const later = (change: Change): boolean => change.time > time;
  if (everything) return { chosen: later, doubtful: () => false };
  if (session === undefined) return { chosen: (change) => later(change) && (change.who.length > 0 || change.restore !== undefined), doubtful: () => false };
  return {
    chosen: (change) => later(change) && (change.restore === undefined ? change.who.some((call) => call.session === session) : [...change.restore.sessions].every((each) => each === session)),
    doubtful: (change) => change.who[0] !== undefined && (change.who[0].session !== session || others(change).some((call) => call.session !== session)),
  };
}
