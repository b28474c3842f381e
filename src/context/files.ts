/**
 * The brief's files and, under them, the names that mattered in them: chosen by worth within the tokens that the other
 * sections left, and rendered by folder. Leaves out what to say of the session itself.
 */
import type { CountTokens } from "../base/tokens.ts";
import { shownPath } from "../base/text.ts";
import { pathsOf, type Check, type Draft, type PackOptions } from "./draft.ts";
import { stemsOf, type Fact } from "./facts.ts";

interface Group {
  readonly file: string;
  readonly path: string;
  readonly turn: number;
  readonly check: Check;
  readonly names: string[];
}

/** Names on one line: further ones would stand too far from their file to be read as its own. */
const NAMES_A_LINE = 38;

/**
 * How much what finding a fact again would cost counts for it. Of 0.05 to 0.25 more buys RCR (at 2,000 tokens and compactions
 * 57 to 64 %) with facts placed (94.6 to 93.9 %).
 */
const RETURN = 0.25;

export interface Worth {
  readonly fact: Fact;
  /** Logarithm of its chance and of what finding it again would cost. */
  readonly gain: number;
  /** What is left of that when what its own words cost is taken off. */
  readonly net: number;
  /** The files it was met in, most first. */
  readonly homes: readonly string[];
}

/** By chance for its price: a name of two tokens that is half as likely as one of six is the better buy. */
export function byWorth(draft: Draft, countTokens: CountTokens, budget: number): Worth[] {
  const worth: Worth[] = [];
  const stems = stemsOf(draft.facts);
  // What is further down than this is never reached, and counting it would take longer than the rest.
  for (const { fact, chance } of draft.ranked.slice(0, Math.max(200, Math.ceil(budget * 0.6)))) {
    // A file says its own name; where nothing ties a name to a file, that is all there is to say of it.
    if (fact.kind === "name" && fact.files.size === 0 && stems.has(fact.text)) continue;
    const gain = Math.log(chance) + RETURN * Math.log(Math.max(80, fact.cheapest));
    worth.push({ fact, gain, net: net(gain, countTokens(` ${fact.text}`)), homes: [...fact.files].sort((a, b) => b[1] - a[1]).map(([file]) => file) });
  }
  return worth.sort((a, b) => b.net - a.net || (a.fact.key < b.fact.key ? -1 : 1));
}

function net(gain: number, cost: number): number {
  return gain - Math.log(Math.max(1, cost));
}

export class FileGroups {
  readonly #draft: Draft;
  readonly #options: PackOptions;
  readonly #facts: readonly Worth[];
  readonly #said: ReadonlySet<string>;
  readonly #groups = new Map<string, Group>();
  readonly #known = new Map<string, Group | undefined>();
  readonly #folders = new Set<string>();
  readonly #loose: { text: string; turn: number }[] = [];
  readonly gone: string[] = [];
  leftOut = 0;

  constructor(draft: Draft, options: PackOptions, facts: readonly Worth[], said: ReadonlySet<string>) {
    this.#draft = draft;
    this.#options = options;
    this.#facts = facts;
    this.#said = said;
  }

  /**
   * Takes facts by worth until the tokens are used up; gives back what is left. A file whose folder has not been named
   * costs more than its own words, and waits until nothing better is left for that price. Names do not wait: what opening
   * their file costs serves those that follow, too.
   */
  fill(tokens: number): number {
    let left = tokens;
    const waiting: { readonly worth: Worth; readonly net: number }[] = [];
    const take = (worth: Worth): void => {
      const cost = this.#add(worth, left);
      if (cost === undefined) this.leftOut += 1;
      else left -= cost;
    };
    for (const worth of this.#facts) {
      while (waiting.length > 0 && waiting.at(-1)!.net >= worth.net) take(waiting.pop()!.worth);
      const folder = worth.fact.kind === "file" ? this.#folderOf(worth.fact) : 0;
      if (folder === 0) take(worth);
      else insert(waiting, { worth, net: net(worth.gain, this.#cost(` ${worth.fact.text}`) + folder) });
    }
    while (waiting.length > 0) take(waiting.pop()!.worth);
    return left;
  }

  #add({ fact, homes }: Worth, left: number): number | undefined {
    if (left < 4) return undefined;
    return fact.kind === "file" ? this.#addFile(fact, left) : fact.kind === "name" ? this.#addName(fact, homes, left) : this.#addLoose(fact, left);
  }

  /** What naming a file's folder would cost. */
  #folderOf(fact: Fact): number {
    const group = this.#groupOf(fact.text);
    return group === undefined ? 0 : this.#folderCost(group);
  }

  #cost(text: string): number {
    return this.#options.countTokens(text);
  }

  #addFile(fact: Fact, left: number): number | undefined {
    const group = this.#groupOf(fact.text);
    if (group === undefined) return 0;
    const cost = this.#openingOf(group);
    if (cost > left) return undefined;
    this.#open(group);
    return cost;
  }

  /** Absent for a file that is gone, and for one that was never met as such. */
  #groupOf(file: string): Group | undefined {
    if (!this.#known.has(file)) this.#known.set(file, this.#look(file));
    return this.#known.get(file);
  }

  #look(file: string): Group | undefined {
    const fact = this.#draft.facts.facts.get(`file:${file}`);
    if (fact === undefined) return undefined;
    const standing = this.#options.standing?.(file);
    if (standing?.check === "gone") {
      if (fact.use + fact.body > 0) this.gone.push(file);
      return undefined;
    }
    const path = standing?.path ?? pathsOf(fact, this.#draft)[0] ?? file;
    return { file, path: shownPath(path, this.#options.root ?? this.#draft.story.summary.project), turn: fact.turn, check: standing?.check ?? "unverified", names: [] };
  }

  #openingOf(group: Group): number {
    if (this.#groups.has(group.file)) return 0;
    return this.#cost(`${group.file} ·${group.turn}:`) + 1 + this.#folderCost(group);
  }

  #folderCost(group: Group): number {
    const folder = folderOf(group.path);
    return folder === "" || this.#folders.has(folder) ? 0 : this.#cost(`${folder}/`) + 1;
  }

  #open(group: Group): void {
    this.#groups.set(group.file, group);
    this.#folders.add(folderOf(group.path));
  }

  /** The file a name was met in most; not one that the tree no longer has it in. */
  #homeOf(fact: Fact, homes: readonly string[]): { group: Group; opening: number } | undefined {
    for (const file of homes) {
      const group = this.#groupOf(file);
      const names = this.#options.standing?.(file)?.names;
      if (group !== undefined && (names === undefined || names.has(fact.text))) return { group, opening: this.#openingOf(group) };
    }
    return undefined;
  }

  #addName(fact: Fact, homes: readonly string[], left: number): number | undefined {
    const home = this.#homeOf(fact, homes);
    if (home === undefined) return homes.length > 0 || this.#said.has(fact.text) ? 0 : this.#addLoose(fact, left);
    const { group, opening } = home;
    const cost = opening + this.#cost(` ${fact.text}`);
    if (cost > left) return undefined;
    this.#open(group);
    group.names.push(fact.text);
    return cost + (group.names.length % NAMES_A_LINE === 0 ? this.#cost(`- ${group.file} ·${group.turn}:`) + 2 : 0);
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
    // Before any file, or they would read as names of the last one.
    if (this.#loose.length > 0) {
      const turn = Math.max(...this.#loose.map((each) => each.turn));
      const text = `of no one file: ${this.#loose.map((each) => each.text).join(" ")}`;
      yield { text, shown: `${text} ·${turn}`, turn, check: "unverified" };
    }
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
      // Files without names stand together, those of one turn with one mark.
      const bare = new Map<string, Group[]>();
      for (const group of groups) if (group.names.length === 0) bare.set(`${group.turn} ${group.check}`, [...(bare.get(`${group.turn} ${group.check}`) ?? []), group]);
      if (bare.size === 0) continue;
      let shown = `${heading}${[...bare.values()].map((same) => marked(same[0]!, checking, same.map(({ file }) => file).join(" "))).join(", ")}`;
      for (const group of [...bare.values()].flat()) {
        yield { text: group.path, shown, turn: group.turn, check: group.check };
        shown = "";
      }
    }
  }
}

/** Keeps a list in which the best comes last. */
function insert<T extends { readonly net: number }>(list: T[], item: T): void {
  const at = list.findIndex(({ net: other }) => other >= item.net);
  list.splice(at < 0 ? list.length : at, 0, item);
}

function marked({ file, turn, check }: Group, checking: boolean, files = file): string {
  return `${check === "changed" ? "~ " : check === "unverified" && checking ? "? " : ""}${files} ·${turn}`;
}

function folderOf(path: string): string {
  const at = path.lastIndexOf("/");
  return at <= 0 ? "" : path.slice(0, at);
}
