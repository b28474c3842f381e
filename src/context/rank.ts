/** Which facts the work to come will need most, by how they were used and how late. Pure. */
import type { Fact, Facts } from "./facts.ts";

export function rankFacts({ facts }: Facts): { fact: Fact; worth: number }[] {
  const ranked: { fact: Fact; worth: number }[] = [];
  for (const fact of facts.values()) ranked.push({ fact, worth: worthOf(fact) });
  return ranked.sort((a, b) => b.worth - a.worth || (a.fact.key < b.fact.key ? -1 : 1));
}

const KIND = { file: 0.6, name: 0, reference: 0.4 } as const;

function worthOf(fact: Fact): number {
  return (
    1.0 * Math.log1p(fact.use) +
    1.2 * Math.log1p(fact.said) +
    1.5 * Math.log1p(fact.user) +
    0.25 * Math.log1p(fact.body) +
    0.12 * Math.log1p(fact.shown) +
    0.5 * Math.log1p(fact.error) +
    2.2 * Math.max(0, fact.lastUse) ** 2 +
    0.6 * fact.last ** 2 +
    KIND[fact.kind]
  );
}
