/**
 * How likely the work to come will need a fact again, by how it was used, how late, and whether the last requests speak
 * of it. Pure.
 *
 * The weights are rounded from logistic regressions over 77,000 facts at 157 cuts of real sessions (docs/performance.md),
 * one over the sessions before a day and one over those since: a sign that helped in one of them only was dropped. Fitted
 * on one half they place about a point less of the facts in the other than those fitted on it.
 */
import type { Story } from "../session/fold.ts";
import { stemsOf, type Fact, type Facts } from "./facts.ts";

export interface Ranked {
  readonly fact: Fact;
  /** From 0 to 1. */
  readonly chance: number;
}

/** With `goesOn` the work is taken up where it stopped, not begun anew: what it had in hand counts before what was put aside. */
export function rankFacts({ facts }: Pick<Facts, "facts">, story: Pick<Story, "turns" | "tasks">, goesOn: boolean): Ranked[] {
  const lastTurn = story.turns.at(-1)?.n ?? 0;
  const rarity = rarityIn(facts, wordsAsked(story));
  const stems = stemsOf({ facts });
  const ranked: Ranked[] = [];
  for (const fact of facts.values()) {
    let sum = oddsOf(fact) + 0.5 * rarity(fact.text) + (fact.turn === lastTurn ? 0.2 : 0);
    // A name that is a file's own comes up wherever its file does.
    if (fact.kind === "name" && stems.has(fact.text)) sum += 0.9;
    if (goesOn && fact.stale) sum -= 2;
    ranked.push({ fact, chance: 1 / (1 + Math.exp(-sum)) });
  }
  return ranked.sort((a, b) => b.chance - a.chance || (a.fact.key < b.fact.key ? -1 : 1));
}

const KIND = { file: 1, name: 0, reference: 1 } as const;

function oddsOf(fact: Fact): number {
  const met = 0.2 * Math.log1p(fact.use) + 0.15 * Math.log1p(fact.body) + 0.15 * Math.log1p(fact.shown) + 1.2 * Math.log1p(fact.heat) + 0.2 * Math.log1p(fact.glow) + 0.9 * fact.last ** 2;
  return -4.8 + KIND[fact.kind] + met + (fact.lastUse >= 0 ? 0.6 : 0) + (fact.kind === "name" ? oddsOfName(fact) : 0);
}

/** What was defined and what is met in many files is likelier than the variables of one function. */
function oddsOfName({ text, defined, body, lastUse, files }: Fact): number {
  const onlyShown = lastUse < 0 && body === 0;
  const homeless = files.size > 0 ? 0 : onlyShown ? 0.1 : 0.6;
  const variable = defined === 0 && /^[a-z][^_]*$/.test(text);
  return (defined > 0 ? 0.5 : 0) + 0.25 * Math.log1p(files.size) + homeless - (onlyShown ? 0.5 : 0) - (variable ? 0.7 : 0);
}

/** Words of the last two requests and of what is left of the plan. */
function wordsAsked({ turns, tasks }: Pick<Story, "turns" | "tasks">): Set<string> {
  const requests = turns.filter(({ prompt }) => prompt.trim() !== "").slice(-2).map(({ prompt }) => prompt.slice(0, 3000));
  return new Set(wordsOf([...requests, ...tasks.filter(({ status }) => status !== "completed").map(({ content }) => content)].join(" ")));
}

/** Of the words of a text that were asked for the one fewest facts have: 1 where no other has it, 0 where all do. */
function rarityIn(facts: ReadonlyMap<string, Fact>, asked: ReadonlySet<string>): (text: string) => number {
  const having = new Map<string, number>();
  const askedOf = new Map<string, readonly string[]>();
  for (const { text } of facts.values()) {
    const words = wordsOf(text).filter((word) => asked.has(word));
    if (words.length === 0) continue;
    askedOf.set(text, words);
    for (const word of new Set(words)) having.set(word, (having.get(word) ?? 0) + 1);
  }
  const whole = Math.log(Math.max(2, facts.size));
  return (text) => Math.max(0, ...(askedOf.get(text) ?? []).map((word) => 1 - Math.log(having.get(word)!) / whole));
}

/** The words a name is made of, and those of prose: of four letters or more. */
function wordsOf(text: string): string[] {
  return text.replace(/([a-z0-9])([A-Z])/g, "$1 $2").toLowerCase().match(/[a-z]{4,}/g) ?? [];
}
