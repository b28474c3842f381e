/**
 * When two statements say the same, nearly the same, or the opposite. Pure, by their words alone: no model is asked, so
 * what is not plainly alike is kept apart.
 */
const known = new Map<string, string>();

/** The same for statements that differ only in case, white space and punctuation at the ends. */
export function contentOf(statement: string): string {
  let content = known.get(statement);
  if (content === undefined) {
    // A fold asks for each a few times.
    if (known.size > 100_000) known.clear();
    known.set(statement, (content = statement.normalize("NFKC").toLowerCase().replace(/\s+/g, " ").replace(/^[\s"'“”*-]+|[\s"'“”.!*]+$/g, "")));
  }
  return content;
}

const NEGATION = /^(?:not|no|never|don't|dont|doesn't|isn't|mustn't|shouldn't|can't|cannot|avoid|without|stop|nor)$/;
/** Words that carry no meaning of their own in a statement. */
const FILLER = new Set("a an the is are be to of in on at for and or that this it its please always we you i should must will with as by from so do does just also".split(" "));

export interface Likeness {
  /** Words with meaning, in order, negations left out. */
  readonly words: readonly string[];
  /** What must be the same letter for letter: names, paths, numbers, what stands in backticks. */
  readonly exact: string;
  readonly negated: boolean;
  /** Pairs of neighbouring words. */
  readonly shingles: ReadonlySet<string>;
}

export function likenessOf(statement: string): Likeness {
  const text = statement.normalize("NFKC").replace(/[’‘]/g, "'");
  const exact: string[] = [];
  const words: string[] = [];
  let negations = 0;
  for (const raw of text.match(/`[^`]+`|[\p{L}\p{N}_'./@#:-]+/gu) ?? []) {
    const word = raw.replace(/^['.:-]+|['.:,-]+$/g, "");
    const lower = word.toLowerCase();
    if (word === "") continue;
    if (NEGATION.test(lower)) {
      negations += 1;
      continue;
    }
    // Capitals within a word, digits and marks make it a name.
    if (/^`|[\d_/@#]|[.:]\w|[a-z][A-Z]/.test(word)) exact.push(word.replaceAll("`", ""));
    else if (FILLER.has(lower)) continue;
    words.push(stemmed(lower.replaceAll("`", "")));
  }
  return { words, exact: exact.join("\n"), negated: negations % 2 === 1, shingles: new Set(words.map((word, i) => `${word} ${words[i + 1] ?? ""}`)) };
}

/** Says the same in nearly the same words: pairs of words overlap by four fifths, and all names and numbers are the same. */
export function isNear(a: Likeness, b: Likeness): boolean {
  return a.negated === b.negated && a.exact === b.exact && jaccard(a.shingles, b.shingles) >= 0.8;
}

/** The same words with a "not" more or less, or in another order around one: "use a not b", "use b not a". */
export function isOpposite(a: Likeness, b: Likeness): boolean {
  if (a.words.length < 2) return false;
  const alike = jaccard(new Set(a.words), new Set(b.words));
  if (a.negated !== b.negated) return alike >= 0.8;
  return a.negated && alike === 1 && a.words.length === b.words.length && a.words.join(" ") !== b.words.join(" ");
}

/** Half of the shorter one's words with meaning stand in the other, and two at least: whether they say the same is for someone who understands them. */
export function sharesWords(a: Likeness, b: Likeness): boolean {
  const [left, right] = [new Set(a.words), new Set(b.words)];
  let both = 0;
  for (const word of left) if (right.has(word)) both += 1;
  return both >= 2 && both * 2 >= Math.min(left.size, right.size);
}

function jaccard(a: ReadonlySet<string>, b: ReadonlySet<string>): number {
  let both = 0;
  for (const each of a) if (b.has(each)) both += 1;
  const all = a.size + b.size - both;
  return all === 0 ? 0 : both / all;
}

/** Endings that make no difference between two statements. */
function stemmed(word: string): string {
  return word.length > 4 ? word.replace(/(?:ing|ed|es|s)$/, "").replace(/([bdgmnprt])\1$/, "$1") : word;
}
