/**
 * What to change where something new is to be remembered: added, merged into what says the same, or left out because it
 * was proposed before. Pure; nothing is deleted, and what a value ends is for the fold to say (fold.ts).
 *
 * Policy: what the user said is active at once. What was worked out waits in the inbox where it would tell an agent what
 * to do or what is so (constraints, decisions, semantic); what only says what happened, and commands that were seen to
 * pass by their exit status, do not wait, nor does what an agent was told to keep: it is recalled, and no start begins with it.
 * What came from a tool always waits, and so does what a model proposes.
 */
import type { MemoryState } from "./fold.ts";
import { proposalOf } from "./fold.ts";
import { contentOf, isNear, isOpposite, likenessOf } from "./likeness.ts";
import { scopeText, slotOf, standing, type Change, type Fields, type Memory } from "./model.ts";

type Given = { [K in "key" | "kind" | "statement" | "scope" | "trust" | "confidence" | "valid_from" | "sources"]-?: NonNullable<Fields[K]> };

export interface Candidate extends Given {
  readonly valid_to?: number;
  readonly about?: NonNullable<Fields["about"]>;
  /** An agent was told to keep it: it does not wait, and stays what an agent has said. */
  readonly asked?: true;
  /** It counts for a memory that is there, and is no reason for a new one. */
  readonly onlyKnown?: true;
  /** A model made it: it waits whatever its kind, and adds nothing to what is there. */
  readonly proposal?: true;
  readonly replaces?: NonNullable<Fields["replaces"]>;
  /** For a command: its runs, each by the id of its call. They are among the sources. */
  readonly runs?: readonly { readonly call: string; readonly passed: boolean }[];
}

export interface Consolidated {
  readonly changes: readonly Change[];
  /** For each candidate the memory it was added as or merged into; undefined where it was left out. */
  readonly ids: readonly (string | undefined)[];
  /** Pairs of a new memory and a known one that say the opposite. Both are kept. */
  readonly opposite: readonly (readonly [fresh: string, known: string])[];
}

export function waits({ trust, kind, proposal }: Pick<Candidate, "trust" | "kind" | "proposal">): boolean {
  return proposal === true || trust === "tool" || (trust === "inferred" && (kind === "constraint" || kind === "decision" || kind === "semantic"));
}

/** `insist`: the user says it now, so it counts even if it was refused or taken back before. `newId` is called once for each that is added. */
export function consolidate(candidates: readonly Candidate[], state: MemoryState, newId: () => string, insist = false): Consolidated {
  const board = new Board(state);
  const changes: Change[] = [];
  const opposite: [string, string][] = [];
  const ids = candidates.map((candidate) => {
    const same = board.same(candidate) ?? (candidate.onlyKnown === true ? undefined : board.near(candidate));
    if (same !== undefined && !(candidate.trust === "user" && same.status === "inbox")) {
      const now = candidate.proposal === true ? undefined : grown(candidate, same);
      if (now !== undefined) changes.push({ id: same.id, was: {}, now });
      return same.id;
    }
    if (candidate.onlyKnown === true || (!insist && wasProposed(candidate, state))) return undefined;
    const added = board.add(addition(candidate, board.holder(candidate)), newId());
    changes.push({ id: added.id, now: addedFields(candidate, added.status as NonNullable<Fields["status"]>) });
    // What waited has now been said by the user.
    if (same !== undefined) changes.push({ id: same.id, was: { status: "inbox" }, now: { status: "superseded", superseded_by: added.id } });
    for (const other of board.opposites(added)) opposite.push([added.id, other.id]);
    return added.id;
  });
  return { changes, ids, opposite };
}

/** Memories that say the opposite of this one, in the same scope. */
export function oppositesOf(memory: Pick<Memory, "id" | "statement" | "scope">, among: Iterable<Memory>): Memory[] {
  const likeness = likenessOf(memory.statement);
  const probes = probesOf(likeness.words);
  const scope = scopeText(memory.scope);
  return [...among].filter((other) => other.id !== memory.id && isLive(other) && scopeText(other.scope) === scope && mayBeAlike(other, probes) && isOpposite(likeness, likenessOf(other.statement)));
}

type Live = Pick<Memory, "id" | "key" | "kind" | "statement" | "scope" | "status" | "trust" | "accepted" | "sources">;

/** What is active or waits, by slot and by words, the candidates before this one included. */
class Board {
  readonly #live: Live[];
  readonly #slots = new Map<string, Live[]>();

  constructor({ memories }: MemoryState) {
    this.#live = [...memories.values()].filter(isLive);
    for (const each of this.#live) this.#put(each);
  }

  #put(each: Live): void {
    const slot = slotOf(each);
    const known = this.#slots.get(slot);
    if (known === undefined) this.#slots.set(slot, [each]);
    else known.push(each);
  }

  same(candidate: Candidate): Live | undefined {
    const content = contentOf(candidate.statement);
    return this.#slots.get(slotOf(candidate))?.find(({ statement }) => contentOf(statement) === content);
  }

  holder(candidate: Candidate): Live | undefined {
    return this.#slots.get(slotOf(candidate))?.findLast(({ status }) => status === "active");
  }

  /** One of the same kind and scope that says nearly the same; the weaker of the two does not take in the stronger. */
  near(candidate: Candidate): Live | undefined {
    const likeness = likenessOf(candidate.statement);
    const probes = probesOf(likeness.words);
    const scope = scopeText(candidate.scope);
    const rank = standing({ trust: candidate.trust, accepted: false });
    return this.#live.find((other) => other.kind === candidate.kind && standing(other) >= rank && mayBeAlike(other, probes) && scopeText(other.scope) === scope && isNear(likeness, likenessOf(other.statement)));
  }

  opposites(memory: Live): Live[] {
    return oppositesOf(memory, this.#live as Memory[]);
  }

  add(memory: Omit<Live, "id">, id: string): Live {
    const added = { ...memory, id };
    this.#live.push(added);
    this.#put(added);
    return added;
  }
}

function isLive({ status }: Pick<Memory, "status">): boolean {
  return status === "active" || status === "inbox";
}

/** The two longest words: statements that are alike share one of them. Looking for them first spares comparing 50,000. */
function probesOf(words: readonly string[]): string[] {
  return [...words].sort((a, b) => b.length - a.length).slice(0, 2);
}

function mayBeAlike({ statement }: Pick<Memory, "statement">, probes: readonly string[]): boolean {
  const lower = statement.toLowerCase();
  return probes.some((probe) => lower.includes(probe));
}

/** Refused, ended or taken back before. What the user says in new words of theirs counts again. */
function wasProposed(candidate: Candidate, { proposed }: MemoryState): boolean {
  const known = proposed.get(proposalOf(candidate));
  return known !== undefined && (candidate.trust !== "user" || candidate.sources.every((source) => known.some((sources) => sources.includes(source))));
}

function addition(candidate: Candidate, holder: Live | undefined): Omit<Live, "id"> {
  const { key, kind, statement, scope, trust, sources } = candidate;
  const weaker = holder !== undefined && standing({ trust, accepted: false }) < standing(holder);
  return { key, kind, statement, scope, trust, accepted: false, sources, status: (waits(candidate) && candidate.asked !== true) || weaker ? "inbox" : "active" };
}

function addedFields(candidate: Candidate, status: NonNullable<Fields["status"]>): Fields {
  const { key, kind, statement, scope, trust, confidence, valid_from, valid_to, sources, about, replaces, runs = [] } = candidate;
  const passes = runs.filter(({ passed }) => passed).length;
  return {
    key, kind, statement, scope, trust, status, confidence, valid_from,
    ...(valid_to === undefined ? {} : { valid_to }),
    sources: [...new Set(sources)],
    ...(runs.length === 0 ? {} : { passes, failures: runs.length - passes }),
    ...(about === undefined ? {} : { about }),
    ...(replaces === undefined ? {} : { replaces }),
  };
}

/** What a memory gains by being said again; undefined where it is nothing. */
function grown(candidate: Candidate, { sources: known }: Live): Fields | undefined {
  const seen = new Set(known);
  const sources = candidate.sources.filter((source) => !seen.has(source));
  if (sources.length === 0) return undefined;
  const runs = (candidate.runs ?? []).filter(({ call }) => !seen.has(call));
  const passes = runs.filter(({ passed }) => passed).length;
  return { sources, ...(runs.length === 0 ? {} : { passes, failures: runs.length - passes }) };
}
