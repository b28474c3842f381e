/**
 * What of the memories stands at the head of a context: what the user demands and has decided here, then commands and
 * recipes that hold. Pure. In an order of their own and without clock times, so that the same memories are the same bytes.
 * Leaves out what is known but asks nothing of anyone: facts and what was done are recalled when they are asked for.
 */
import { clip, printable } from "../base/text.ts";
import type { CountTokens } from "../base/tokens.ts";
import type { Kind, Memory } from "../memory/model.ts";
import { isSeenFrom, type Place } from "../memory/statement.ts";

/** A line that is given, and the words in it that need not be said again. */
export interface Standing {
  readonly key: string;
  /** The memory that it is, where it is one. */
  readonly memory?: string;
  readonly text: string;
  readonly statement: string;
}

/** As worktree/witness.ts finds it. */
export type Check = "current" | "changed" | "gone" | "unverified";

const ORDER: readonly Kind[] = ["constraint", "decision", "procedural"];

/** Most lines of each kind: more are read by nobody, and each costs a look at the tree. */
const MOST: Partial<Record<Kind, number>> = { constraint: 16, decision: 8, procedural: 5 };

/**
 * Those that may stand here, the newest of each kind. Whether they hold is to be looked up. Of commands and recipes those that
 * sessions here run most (memory/use.ts): the newest are seldom those that are needed (bench/learning.ts). What the user
 * demands or has decided is given whether or not it leaves a trace.
 */
export function standingHere(all: Iterable<Memory>, place: Place, now: number, usefulness: (memory: Memory) => number): Memory[] {
  const here = [...all].filter((memory) => mayStand(memory, place, now)).sort((a, b) => b.valid_from - a.valid_from || (a.id < b.id ? -1 : 1));
  return ORDER.flatMap((kind) => {
    const some = here.filter((memory) => memory.kind === kind);
    return (kind === "procedural" ? byUse(some, usefulness) : some).slice(0, MOST[kind]);
  });
}

/** Whether there are more commands and recipes than places, so that their use has to be known. */
export function isChosenByUse(all: Iterable<Memory>, place: Place, now: number): boolean {
  return [...all].filter((memory) => memory.kind === "procedural" && mayStand(memory, place, now)).length > MOST.procedural!;
}

/** The sort is stable: of equals the newest comes first. */
function byUse(some: readonly Memory[], usefulness: (memory: Memory) => number): Memory[] {
  return some.map((memory) => ({ memory, worth: usefulness(memory) })).sort((a, b) => b.worth - a.worth).map(({ memory }) => memory);
}

function mayStand({ kind, status, scope, trust, accepted, valid_from, valid_to, passes, failures }: Memory, place: Place, now: number): boolean {
  if (status !== "active" || !ORDER.includes(kind) || valid_from > now || (valid_to !== undefined && valid_to <= now)) return false;
  if (!isSeenFrom(scope, place) || (scope.level === "branch" && scope.branch !== place.branch)) return false;
  // What was worked out has to be borne out by more runs than not; only what the user said is a demand or a decision.
  return trust === "user" || accepted || (kind === "procedural" && trust === "inferred" && passes > failures);
}

/** A recipe is given where all it names stands as it did. A demand outlives a change of what it names, which is said, but not its end. */
export function standingLines(found: readonly { readonly memory: Memory; readonly check: Check }[], budget: number, countTokens: CountTokens): Standing[] {
  let left = budget;
  const kept: { readonly memory: Memory; readonly line: Standing }[] = [];
  for (const { memory, check } of found) {
    if (check === "gone" || (memory.kind === "procedural" && check !== "current")) continue;
    const line = lineOf(memory, check);
    const cost = countTokens(line.text) + 1;
    if (cost > left) continue;
    left -= cost;
    kept.push({ memory, line });
  }
  const rank = ({ memory }: (typeof kept)[number]): number => ORDER.indexOf(memory.kind);
  return kept.sort((a, b) => rank(a) - rank(b) || a.memory.valid_from - b.memory.valid_from || (a.memory.id < b.memory.id ? -1 : 1)).map(({ line }) => line);
}

const NAMES: Partial<Record<Kind, string>> = { constraint: "demanded", decision: "decided", procedural: "works" };

function lineOf({ id, kind, statement, scope, trust, accepted, valid_from }: Memory, check: Check): Standing {
  const where = scope.level === "path" ? `in ${scope.path ?? ""}` : scope.level === "branch" ? `on ${scope.branch ?? ""}` : scope.level === "project" ? "" : `for ${scope.level}`;
  const who = trust === "user" ? "by the user" : accepted ? "accepted by the user" : "worked out";
  const stale = check === "changed" ? "; what it names has changed since" : "";
  const words = clip(printable(statement), 400);
  return { key: `memory:${id}:${statement}:${stale}`, memory: id, statement, text: `${words} [${NAMES[kind]!}${where === "" ? "" : ` ${clip(where, 80)}`}, ${who}, ${new Date(valid_from).toISOString().slice(0, 10)}, ${id}${stale}]` };
}
