/**
 * What a memory is: one statement worth keeping beyond a session, in one shape for every kind. Pure. The log holds how
 * memories came to be (event/schema.ts: `memory.revised`, `memory.reverted`); this is what they add up to (fold.ts).
 * Left out: what a memory is found by (recall.ts) and whether it still holds (about.ts, worktree/check-memory.ts).
 */
import type { EventOf, Payload } from "../event/schema.ts";

export type MemoryEvent = EventOf<"memory.revised"> | EventOf<"memory.reverted">;
export const MEMORY_EVENTS = ["memory.revised", "memory.reverted"] as const;

export type Change = Payload<"memory.revised">["changes"][number];
/** What a pass says of a memory: all of it where it is added, what changes where it is changed. */
export type Fields = Change["now"];
export type Kind = NonNullable<Fields["kind"]>;
export type Scope = NonNullable<Fields["scope"]>;
export type Trust = NonNullable<Fields["trust"]>;
export type About = NonNullable<Fields["about"]>;

/**
 * active: given when asked for. inbox: waits for the user. rejected: the user said no. superseded: another value took its
 * place. ended: it no longer holds and nothing took its place. merged: it says what another says already.
 */
export type Status = NonNullable<Fields["status"]> | "merged";

export interface Memory {
  readonly id: string;
  readonly key: string;
  readonly kind: Kind;
  readonly statement: string;
  readonly scope: Scope;
  readonly status: Status;
  readonly trust: Trust;
  /** The user let it out of the inbox. */
  readonly accepted: boolean;
  /** 0 to 1. */
  readonly confidence: number;
  /** Milliseconds since 1970. It is valid from the first up to, and not at, the second. */
  readonly valid_from: number;
  readonly valid_to?: number;
  /** When the log learned of it. */
  readonly recorded_at: number;
  readonly superseded_by?: string;
  /** Ids of the events it was taken from. */
  readonly sources: readonly string[];
  /** Runs of a command that passed and failed. */
  readonly passes: number;
  readonly failures: number;
  readonly about?: About;
  /** It is no statement of its own: it proposes that one memory take the place of another. */
  readonly replaces?: NonNullable<Fields["replaces"]>;
  readonly metadata?: NonNullable<Fields["metadata"]>;
  /** The pass that added it, and those that changed it, in the order of the log. */
  readonly passed: readonly string[];
}

/** Two that cannot both be meant, or of which one waits for the user. Both are kept. */
export interface Contradiction {
  readonly a: string;
  readonly b: string;
  /** unseen: two writers at once. weaker: what was worked out says otherwise than the user. opposite: they say yes and no to the same. */
  readonly why: "unseen" | "weaker" | "opposite";
}

/** One value holds at a time for each slot: the same key in the same scope. */
export function slotOf({ key, scope }: Pick<Memory, "key" | "scope">): string {
  return `${scopeText(scope)}\n${key}`;
}

/** One text for one scope. */
export function scopeText({ level, project = "", branch = "", path = "", user = "", agent = "", run = "" }: Scope): string {
  return [level, project, branch, path, user, agent, run].join("\n");
}

export function isValid({ valid_from, valid_to }: Pick<Memory, "valid_from" | "valid_to">, at: number): boolean {
  return valid_from <= at && (valid_to === undefined || at < valid_to);
}

/** What was worked out gives way to what the user said; what the user let out of the inbox counts as said by them. */
export function standing({ trust, accepted }: Pick<Memory, "trust" | "accepted">): number {
  return trust === "user" || accepted ? 2 : trust === "inferred" ? 1 : 0;
}
