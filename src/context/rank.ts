/**
 * How likely the work to come will need a fact again, by how it was used and how late. Pure.
 *
 * The weights are a logistic regression over 29,956 facts at 55 cuts of real sessions, of which 5 % were needed in the
 * next 100 calls (bench/continuity; docs/brief.md). Ranked by chance alone they recall as much per fact as weights set
 * by hand; divided by what a fact costs in tokens they place 2 % more within the same budget. Some signs look odd
 * alone: the counts overlap, and what `user` and late use say is mostly said by `heat` already.
 */
import type { Fact, Facts } from "./facts.ts";

export interface Ranked {
  readonly fact: Fact;
  /** From 0 to 1. */
  readonly chance: number;
}

export function rankFacts({ facts }: Facts, lastTurn: number): Ranked[] {
  const ranked: Ranked[] = [];
  for (const fact of facts.values()) ranked.push({ fact, chance: chanceOf(fact, facts, lastTurn) });
  return ranked.sort((a, b) => b.chance - a.chance || (a.fact.key < b.fact.key ? -1 : 1));
}

const KIND = { file: 1.31, name: 0, reference: 0.96 } as const;

function chanceOf(fact: Fact, facts: ReadonlyMap<string, Fact>, lastTurn: number): number {
  let sum =
    -4.57 +
    KIND[fact.kind] +
    0.76 * Math.log1p(fact.use) +
    0.26 * Math.log1p(fact.said) -
    0.17 * Math.log1p(fact.user) +
    0.01 * Math.log1p(fact.body) -
    0.31 * Math.log1p(fact.shown) -
    0.43 * Math.log1p(fact.error) -
    0.3 * Math.max(0, fact.lastUse) ** 2 +
    0.26 * fact.last ** 2 +
    0.34 * Math.log1p(fact.heat) +
    0.84 * Math.log1p(fact.glow) +
    (fact.lastUse >= 0 ? 0.81 : 0) +
    (fact.turn === lastTurn ? 0.4 : 0);
  if (fact.kind === "file") sum += 0.18 * Math.log1p(fact.heat);
  if (fact.kind === "name") {
    let [home, most] = ["", 0];
    for (const [file, weight] of fact.files) if (weight > most) [home, most] = [file, weight];
    const file = facts.get(`file:${home}`);
    sum += 0.12 * Math.log1p(file?.heat ?? 0) - 0.13 * Math.log1p(file?.glow ?? 0) + (home === "" ? 0.51 : 0) + 0.51 * Math.log1p(fact.files.size) + 0.18 * Math.log1p(most);
    if (fact.text.startsWith("Test")) sum -= 0.24;
  }
  return 1 / (1 + Math.exp(-sum));
}
