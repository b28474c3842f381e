/**
 * Memories for a question, or all that are seen from a place: those that hold, ranked by words, trust, nearness and use, each
 * checked against the tree as it is now. What the tree contradicts sinks and says so. Reads the files they name and nothing else.
 */
import { mentionsOf } from "../memory/about.ts";
import type { Memory } from "../memory/model.ts";
import { valid, type MemoryState } from "../memory/fold.ts";
import { isSeenFrom, type Place } from "../memory/statement.ts";
import { parseQuery, rarity, score, type Query } from "../store/ranking.ts";
import { projectOf, treeOf } from "../worktree/project.ts";
import { headOf, type Environment } from "../worktree/state.ts";
import { checkWitness, witness, type Checked, type Witness } from "../worktree/witness.ts";

/** Where memories are asked about, with the tree they are checked against; without one on this machine nothing is. */
export interface Here extends Place {
  readonly tree: string;
  readonly head?: string;
}

export async function placeOf(cwd: string, environment: Environment): Promise<Here> {
  const { branch, head } = await headOf(cwd, environment);
  return { project: projectOf(cwd), tree: treeOf(cwd), ...(branch === undefined ? {} : { branch }), ...(head === undefined ? {} : { head }) };
}

export interface Recalled extends Checked {
  readonly memory: Memory;
  /** 0 where it was asked for without words. */
  readonly score: number;
}

export interface Asking {
  readonly here: Here;
  readonly now: number;
  /** As valid at this time, in milliseconds since 1970; now where none is given. */
  readonly at?: number;
  readonly limit: number;
  /** Of how much use each was (uses.ts): 1 is neither more nor less than is expected of one of which nothing is known. */
  readonly usefulness?: (memory: Memory) => number;
}

/** For `remember`: what the statement names in this tree, as it is now. */
export function aboutOf(statement: string, { tree, head, branch }: Here, scope: Memory["scope"]): Memory["about"] {
  const about: Witness | undefined = witness(tree, mentionsOf(statement));
  const bound = scope.level === "branch" ? (scope.branch ?? branch) : undefined;
  if (about === undefined && bound === undefined) return undefined;
  return { ...about, ...(bound === undefined ? {} : { branch: bound }), ...(head === undefined ? {} : { commit: head }) } as Memory["about"];
}

export function check({ about, scope, status, valid_to }: Memory, here: Here, now: number): Checked {
  if (status !== "active" && status !== "inbox") return { check: "gone", why: [status] };
  if (valid_to !== undefined && valid_to <= now) return { check: "unverified", why: ["it is over"] };
  if (about === undefined || (scope.project !== undefined && scope.project !== here.project)) return { check: "unverified", why: [] };
  return checkWitness(here.tree, about as Witness, here.branch);
}

/** What is looked at in the tree for one question: more would be slow, and is not read by anyone. */
const LOOKED_AT = 100;

/**
 * The words of the question decide; what a person said, what is near, and what still holds comes first of equals. Use moves
 * memories among each other alone: a place keeps the score it had without it, so that none pushes a passage out by being
 * of use to all sessions. With their own scores 78 memories stood in the answers to 40 questions instead of 17.
 */
export function recallMemories(state: MemoryState, question: string, { here, now, at = now, limit, usefulness = () => 1 }: Asking): Recalled[] {
  const query = parseQuery(question);
  if (query === undefined) return [];
  const found = byWords(query, inSight(state, here, at), now)
    .slice(0, Math.max(LOOKED_AT, limit))
    .map(({ memory, words }) => {
      const checked = check(memory, here, now);
      const { near, holds, certain } = weightsOf(memory, checked);
      const score = words * near * holds * certain;
      return { memory, ...checked, score, worth: score * inRecall(usefulness(memory)) };
    });
  const scores = found.map(({ score }) => score).sort((a, b) => b - a);
  return found
    .sort((a, b) => b.worth - a.worth || (a.memory.id < b.memory.id ? -1 : 1))
    .slice(0, limit)
    .map(({ memory, check: checked, why }, i) => ({ memory, check: checked, why, score: Math.round(scores[i]! * 1000) / 1000 }));
}

/** What fits the question six times as well as another comes before it, of however much use that was. */
const OF_USE = { least: 0.5, most: 3 };

/** By how much the use that a memory was of moves it among the memories of an answer. */
export function inRecall(usefulness: number): number {
  return Math.min(OF_USE.most, Math.max(OF_USE.least, usefulness));
}

/** What the score of its words is multiplied by, use aside. */
export function weightsOf(memory: Memory, { check: checked }: Checked): { readonly near: number; readonly holds: number; readonly certain: number } {
  return { near: NEARNESS[memory.scope.level], holds: SINKS[checked], certain: certainty(memory) };
}

/** What texts beside them would score by their words alone, by the same rule and rarities. */
export function wordsOf(state: MemoryState, question: string, { here, now, at = now }: Asking, texts: readonly string[]): number[] {
  const query = parseQuery(question);
  if (query === undefined) return texts.map(() => 0);
  const rarities = raritiesOf(query, inSight(state, here, at));
  return texts.map((text) => score(query, rarities, { text, role: "assistant", recency: 0 }));
}

/** Those that have words of the question, the best first. */
export function byWords(query: Query, candidates: readonly Memory[], now: number): { readonly memory: Memory; readonly words: number }[] {
  const rarities = raritiesOf(query, candidates);
  return candidates
    .map((memory) => ({ memory, words: score(query, rarities, { text: textOf(memory), role: memory.trust === "user" ? "user" : "assistant", recency: recency(memory, now) }) }))
    .filter((each) => each.words > 0)
    .sort((a, b) => b.words - a.words || (a.memory.id < b.memory.id ? -1 : 1));
}

/**
 * Active, seen from there, and valid at the time. An episode is over and still worth telling: all that had begun by then,
 * or with `until` those that were under way between the two.
 */
export function inSight(state: MemoryState, here: Here, at: number, until?: number): Memory[] {
  const found = valid(state, at).filter(({ status, kind }) => status !== "ended" && kind !== "episodic");
  for (const memory of state.memories.values()) {
    if (memory.kind !== "episodic" || memory.status !== "active") continue;
    if (until === undefined ? memory.valid_from <= at : memory.valid_from <= until && (memory.valid_to ?? Infinity) > at) found.push(memory);
  }
  return found.filter(({ scope }) => isSeenFrom(scope, here));
}

/** Something stale is not given before something that holds, if the words are about as good. */
const SINKS: Readonly<Record<Checked["check"], number>> = { current: 1, unverified: 0.9, changed: 0.5, gone: 0.2 };
const NEARNESS: Readonly<Record<Memory["scope"]["level"], number>> = { path: 1.1, branch: 1.1, project: 1, team: 0.95, user: 0.9, owner: 0.9 };

function certainty({ kind, passes, failures, confidence }: Memory): number {
  // A command that failed half the time is worth half; Laplace's rule keeps one run from being a proof.
  return kind === "procedural" && passes + failures > 0 ? 0.5 + (0.5 * (passes + 1)) / (passes + failures + 2) : 0.6 + 0.4 * confidence;
}

function textOf({ statement, key }: Memory): string {
  return key.startsWith("says:") ? statement : `${statement} ${key.replace(/[:-]/g, " ")}`;
}

const HALF_YEAR = 182 * 86_400_000;

function recency({ valid_from }: Memory, now: number): number {
  return 2 ** (-Math.max(0, now - valid_from) / HALF_YEAR);
}

function raritiesOf(query: Query, candidates: readonly Memory[]): Map<string, number> {
  const texts = candidates.map((memory) => textOf(memory).toLowerCase());
  return new Map(query.terms.map(({ text }) => [text, rarity(texts.reduce((count, each) => count + (each.includes(text) ? 1 : 0), 0), texts.length)]));
}
