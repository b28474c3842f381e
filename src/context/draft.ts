/**
 * What could be told of a session: its facts, ranked, and its prose; which files to look at before it is told, and how
 * what the tree says of them bears on it. Choosing and rendering are brief.ts and files.ts.
 */
import type { CountTokens } from "../base/tokens.ts";
import { baseName } from "../base/text.ts";
import type { Story } from "../session/fold.ts";
import { collectFacts, type Fact, type Facts } from "./facts.ts";
import { findProse, type Prose } from "./prose.ts";
import { rankFacts, type Ranked } from "./rank.ts";

export type Check = "current" | "changed" | "gone" | "unverified";
export type Section = "goal" | "constraints" | "decisions" | "dead ends" | "open" | "files" | "commands" | "state" | "next";

/** What the tree says of a file the draft names. */
export interface FileStanding {
  readonly check: Check;
  /** Where it was found. */
  readonly path?: string;
  /** Which of the names asked about stand in it now; undefined where it was not read. */
  readonly names?: ReadonlySet<string>;
}

export interface Draft {
  readonly story: Story;
  readonly facts: Facts;
  readonly prose: Prose;
  /** Best first. */
  readonly ranked: readonly Ranked[];
}

/** A file to be looked at before the brief is packed. */
export interface Question {
  /** Base name, by which the answer is asked for again. */
  readonly file: string;
  /** Every path it was named by, best first. */
  readonly paths: readonly string[];
  readonly names: readonly string[];
  /** The whole text the agent last wrote into it. */
  readonly written?: string;
}

export interface PackOptions {
  readonly budget: number;
  readonly countTokens: CountTokens;
  /** The tree on this machine, and what it says of a file by its base name. Absent where the project is not here. */
  readonly root?: string;
  readonly standing?: (file: string) => FileStanding | undefined;
  /** Whether a command that names a script still can be run; undefined where that cannot be told. */
  readonly commandStands?: (head: string) => boolean | undefined;
  /** Shares of the budget that differ from a brief's own; 0 leaves a section out. */
  readonly shares?: Readonly<Partial<Record<Section, number>>>;
  /** The share of the budget that may be left unused; 0.01 where none is given. Less takes longer. */
  readonly slack?: number;
  /** What stands below the title in place of which session this is quoted from. */
  readonly header?: string;
}

/** A story that was broken off is gone on with, unless the caller knows better. */
export function draftBrief(story: Story, goesOn = story.turns.at(-1)?.ending !== "completed"): Draft {
  const facts = collectFacts(story.turns);
  return { story, facts, prose: findProse(story.turns), ranked: rankFacts(facts, story, goesOn) };
}

/** Files worth looking at, best first. */
export function questions(draft: Draft, limit: number): Question[] {
  const asked: Question[] = [];
  const names = new Map<string, string[]>();
  for (const { fact } of draft.ranked.slice(0, 600)) {
    if (fact.kind !== "name") continue;
    for (const file of fact.files.keys()) names.set(file, [...(names.get(file) ?? []), fact.text]);
  }
  for (const { fact } of draft.ranked) {
    if (fact.kind !== "file" || asked.length >= limit) continue;
    const written = draft.facts.written.get(fact.text);
    asked.push({ file: fact.text, paths: pathsOf(fact, draft), names: names.get(fact.text) ?? [], ...(written === undefined ? {} : { written }) });
  }
  return asked;
}

/** Paths a file was named by, those that were reached for most and whole ones first. */
export function pathsOf(fact: Fact, draft: Draft): string[] {
  const weight = ([path, count]: [string, number]): number => count + (path.startsWith("/") ? 2 : path.includes("/") ? 1 : 0);
  return [...(draft.facts.paths.get(fact.text) ?? [[fact.path, 1]])].sort((a, b) => weight(b) - weight(a) || (a[0] < b[0] ? -1 : 1)).map(([path]) => path);
}

export interface Gone {
  /** Whether a sentence names a file that is gone, or a name that only such files held. */
  readonly names: (text: string) => boolean;
}

export function goneFrom({ facts }: Draft, { standing }: PackOptions): Gone {
  if (standing === undefined) return { names: () => false };
  const gone = new Set<string>();
  for (const fact of facts.facts.values()) if (fact.kind === "file" && standing(fact.text)?.check === "gone") gone.add(fact.text);
  if (gone.size === 0) return { names: () => false };
  for (const fact of facts.facts.values()) if (fact.kind === "name" && fact.files.size > 0 && [...fact.files.keys()].every((file) => gone.has(file))) gone.add(fact.text);
  return { names: (text) => (text.match(/[\w@./-]+/g) ?? []).some((word) => gone.has(baseName(word.replace(/[.,:;]+$/, "")))) };
}
