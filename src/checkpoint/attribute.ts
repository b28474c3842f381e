/**
 * Whose change it is. A look at a tree tells what changed since the look before; who did it follows from what was running in
 * between. Pure. What one call alone can have done is its own; what several can have done is laid at the door of all of
 * them, and an undo of one of them then refuses; what none can have done is the person's, or another program's.
 */
import type { Actor, CallRef, TreePath } from "./model.ts";

/** A tool call that can change files. */
export interface Running extends CallRef {
  readonly session: string;
  readonly agent: string;
  readonly turn?: string;
  /** Milliseconds since 1970, both. */
  readonly started: number;
  readonly ended?: number;
  /** The one path that it names. */
  readonly path?: TreePath;
}

export interface Changed {
  readonly path: TreePath;
  /** When the file was last changed, in nanoseconds since 1970, where it is still there. */
  readonly ctime?: bigint;
  /** The file stood under another name before: where a folder above it was renamed, it happened later than its own time says. */
  readonly moved?: boolean;
}

/** Clocks of files tick up to this much behind the machine's, and never before it, in milliseconds (Linux: every 1 to 10). */
const TICK = 20;

/** Changes by the one who made them. `since`: the look before, in milliseconds since 1970. */
export function attribute<T extends Changed>(changes: readonly T[], calls: readonly Running[], since: number): { actor: Actor; changes: T[] }[] {
  const groups = new Map<string, { actor: Actor; changes: T[] }>();
  const inTime = calls.filter(({ ended }) => ended === undefined || ended >= since - TICK);
  const named = new Map<TreePath, Running[]>();
  for (const call of inTime) if (call.path !== undefined) named.set(call.path, [...(named.get(call.path) ?? []), call]);
  const anywhere = inTime.filter(({ path, background }) => path === undefined && background !== true);
  const left = inTime.filter(({ background }) => background === true);
  for (const change of changes) {
    // An edit tool that names the path is the likelier one; a shell that ran at the same time may have written it too.
    const candidates = [...(named.get(change.path) ?? []), ...anywhere].filter((call) => couldHave(call, change));
    const actor = actorOf(candidates, left);
    const key = JSON.stringify(actor);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { actor, changes: [change] });
    else group.changes.push(change);
  }
  // What came from outside first: it is what the agent's calls found.
  return [...groups.values()].sort((a, b) => Number(a.actor.by === "agent") - Number(b.actor.by === "agent"));
}

/** A file that was last changed before a call began is not its doing. */
function couldHave(call: Running, { ctime, moved }: Changed): boolean {
  if (ctime === undefined) return true;
  const changed = Number(ctime / 1_000_000n);
  return (moved === true || changed >= call.started - TICK) && (call.ended === undefined || call.background === true || changed <= call.ended);
}

function actorOf(candidates: readonly Running[], background: readonly Running[]): Actor {
  const first = candidates[0];
  if (first === undefined) return background.length === 0 ? { by: "outside" } : { by: "outside", maybe: background.map(({ session, id }) => ({ session, call: id })) };
  const own = candidates.filter(({ session, turn }) => session === first.session && turn === first.turn);
  const others = candidates.filter((call) => !own.includes(call)).map(({ session, id }) => ({ session, call: id }));
  return {
    by: "agent", agent: first.agent, session: first.session,
    ...(first.turn === undefined ? {} : { turn: first.turn }),
    calls: own.map(({ id, tool, thread, background: after }) => ({ id, tool, ...(thread === undefined ? {} : { thread }), ...(after === undefined ? {} : { background: after }) })),
    ...(others.length === 0 ? {} : { others }),
  };
}
