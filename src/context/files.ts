/**
 * The brief's files and, under them, the names that mattered in them: chosen by worth within the tokens that the other
 * sections left, and rendered by folder. Leaves out what to say of the session itself.
 */
import type { CountTokens } from "../base/tokens.ts";
import { shownPath } from "../base/text.ts";
import { pathsOf, type Check, type Draft, type PackOptions } from "./draft.ts";
import type { Fact } from "./facts.ts";

interface Group {
  readonly file: string;
  readonly path: string;
  readonly turn: number;
  readonly check: Check;
  readonly names: string[];
}

/** Names on one line: further ones would stand too far from their file to be read as its own. */
const NAMES_A_LINE = 34;

/**
 * How much a fact's own tokens count against it, and what finding it again would cost counts for it. Of 0.6 to 1 and
 * 0 to 0.5 these hold most at 1,500 and 2,000 tokens; more weight on the second buys RCR with facts placed.
 */
const PRICE = 0.75;
const RETURN = 0.08;

/** By chance for its price: a name of two tokens that is half as likely as one of six is the better buy. */
export function byWorth(draft: Draft, countTokens: CountTokens, budget: number): Fact[] {
  const worth = new Map<Fact, number>();
  // What is further down than this is never reached, and counting it would take longer than the rest.
  for (const { fact, chance } of draft.ranked.slice(0, Math.max(200, Math.ceil(budget * 0.6)))) worth.set(fact, Math.log(chance) - PRICE * Math.log(countTokens(` ${fact.text}`)) + RETURN * Math.log(Math.max(80, fact.cheapest)));
  return [...worth.keys()].sort((a, b) => worth.get(b)! - worth.get(a)! || (a.key < b.key ? -1 : 1));
}

export class FileGroups {
  readonly #draft: Draft;
  readonly #options: PackOptions;
  readonly #facts: readonly Fact[];
  readonly #said: ReadonlySet<string>;
  readonly #groups = new Map<string, Group>();
  readonly #folders = new Set<string>();
  readonly #loose: { text: string; turn: number }[] = [];
  readonly gone: string[] = [];
  leftOut = 0;

  constructor(draft: Draft, options: PackOptions, facts: readonly Fact[], said: ReadonlySet<string>) {
    this.#draft = draft;
    this.#options = options;
    this.#facts = facts;
    this.#said = said;
  }

  /** Takes facts by worth until the tokens are used up; gives back what is left. */
  fill(tokens: number): number {
    let left = tokens;
    for (const fact of this.#facts) {
      if (left < 4) {
        this.leftOut += 1;
        continue;
      }
      const cost = fact.kind === "file" ? this.#addFile(fact, left) : fact.kind === "name" ? this.#addName(fact, left) : this.#addLoose(fact, left);
      if (cost === undefined) this.leftOut += 1;
      else left -= cost;
    }
    return left;
  }

  #cost(text: string): number {
    return this.#options.countTokens(text);
  }

  #addFile(fact: Fact, left: number): number | undefined {
    if (this.#groups.has(fact.text)) return 0;
    const group = this.#groupOf(fact);
    if (group === undefined) return 0;
    const cost = this.#groupCost(group);
    if (cost > left) return undefined;
    this.#open(group);
    return cost;
  }

  #groupOf(fact: Fact): Group | undefined {
    const standing = this.#options.standing?.(fact.text);
    if (standing?.check === "gone") {
      if (fact.use + fact.body > 0 && !this.gone.includes(fact.text)) this.gone.push(fact.text);
      return undefined;
    }
    const path = standing?.path ?? pathsOf(fact, this.#draft)[0] ?? fact.text;
    return { file: fact.text, path: shownPath(path, this.#options.root ?? this.#draft.story.summary.project), turn: fact.turn, check: standing?.check ?? "unverified", names: [] };
  }

  #groupCost(group: Group): number {
    const folder = folderOf(group.path);
    return this.#cost(`${group.file} ·${group.turn}:`) + 1 + (folder === "" || this.#folders.has(folder) ? 0 : this.#cost(`${folder}/`) + 1);
  }

  #open(group: Group): void {
    this.#groups.set(group.file, group);
    this.#folders.add(folderOf(group.path));
  }

  #addName(fact: Fact, left: number): number | undefined {
    const cost = this.#cost(` ${fact.text}`);
    if (cost > left) return undefined;
    // The file it was met in most comes first; one that the tree no longer has it in is not said.
    for (const [file] of [...fact.files].sort((a, b) => b[1] - a[1])) {
      let group = this.#groups.get(file);
      let opening = 0;
      if (group === undefined) {
        const home = this.#draft.facts.facts.get(`file:${file}`);
        group = home === undefined ? undefined : this.#groupOf(home);
        if (group === undefined) continue;
        opening = this.#groupCost(group);
        if (opening + cost > left) continue;
      }
      const names = this.#options.standing?.(file)?.names;
      if (names !== undefined && !names.has(fact.text)) continue;
      if (opening > 0) this.#open(group);
      group.names.push(fact.text);
      const again = group.names.length % NAMES_A_LINE === 0 ? this.#cost(`- ${file} ·${group.turn}:`) + 2 : 0;
      return opening + cost + again;
    }
    if (fact.files.size > 0 || this.#said.has(fact.text)) return 0;
    return this.#addLoose(fact, left);
  }

  #addLoose(fact: Fact, left: number): number | undefined {
    if (this.#said.has(fact.text)) return 0;
    const cost = this.#cost(` ${fact.text}`) + (this.#loose.length === 0 ? 6 : 0);
    if (cost > left) return undefined;
    this.#loose.push({ text: fact.text, turn: fact.turn });
    return cost;
  }

  *lines(): Generator<{ text: string; shown: string; turn: number; check: Check }> {
    const checking = this.#options.standing !== undefined;
    const byFolder = new Map<string, Group[]>();
    for (const group of this.#groups.values()) {
      const folder = folderOf(group.path);
      byFolder.set(folder, [...(byFolder.get(folder) ?? []), group]);
    }
    for (const [folder, groups] of byFolder) {
      let heading = folder === "" ? "" : `${folder}/\n`;
      for (const group of groups.filter(({ names }) => names.length > 0)) {
        for (let from = 0; from < group.names.length; from += NAMES_A_LINE) {
          const names = group.names.slice(from, from + NAMES_A_LINE).join(" ");
          yield { text: `${group.path}: ${names}`, shown: `${heading}${marked(group, checking)}: ${names}`, turn: group.turn, check: group.check };
          heading = "";
        }
      }
      // Files without names stand together, each still with its turn.
      const bare = groups.filter(({ names }) => names.length === 0);
      if (bare.length === 0) continue;
      const [first, ...rest] = bare;
      yield { text: first!.path, shown: `${heading}${bare.map((group) => marked(group, checking)).join(", ")}`, turn: first!.turn, check: first!.check };
      for (const group of rest) yield { text: group.path, shown: "", turn: group.turn, check: group.check };
    }
    if (this.#loose.length > 0) {
      const turn = Math.max(...this.#loose.map((each) => each.turn));
      const text = `also: ${this.#loose.map((each) => each.text).join(" ")}`;
      yield { text, shown: `${text} ·${turn}`, turn, check: "unverified" };
    }
  }
}

function marked({ file, turn, check }: Group, checking: boolean): string {
  return `${check === "changed" ? "~ " : check === "unverified" && checking ? "? " : ""}${file} ·${turn}`;
}

function folderOf(path: string): string {
  const at = path.lastIndexOf("/");
  return at <= 0 ? "" : path.slice(0, at);
}
