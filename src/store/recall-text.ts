/** What recall makes of texts: the words a passage can lend, and the filed words that a mistyped one may stand for. Pure. */
import { isStopWord } from "./ranking.ts";

/** Words of conversation that say nothing of its matter, beside the stop words of a query. */
const TALK = new Set(
  "yes yeah yep okay oh hey hi hello wow thanks thank please sure really just like also too much many lot lots even still well good great nice cool know think see look thing things way make made let lets going gonna need something anything everything maybe actually definitely sounds glad happy hope love amazing awesome".split(" "),
);

/** The words of a text that can be looked for, lower case, each as often as it stands there. */
export function contentWords(text: string): string[] {
  return (text.toLowerCase().match(/[\p{L}\p{N}]{3,}/gu) ?? []).filter((word) => !TALK.has(word) && !isStopWord(word));
}

/** A text as its words in lower case, a space before and after each. */
export function framed(text: string): string {
  return ` ${text.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, " ").trim()} `;
}

/** The groups of four letters of a word between spaces; of a shorter one the whole. */
export function fours(word: string): string[] {
  const between = ` ${word} `;
  return between.length <= 4 ? [between] : Array.from({ length: between.length - 3 }, (_, i) => between.slice(i, i + 4));
}

const SHORTEST = 4;
const LONGEST = 40;
const MOST_LIKE = 5;

/**
 * Which of the filed words this one may stand for: those that hold it whole, else those a letter away, of a long one
 * two. Filed words may have lost their endings, so the end of the word is free.
 */
export function spelledLike(word: string, filed: (start: string) => readonly string[]): string[] {
  if (word.length < SHORTEST || word.length > LONGEST) return [];
  const allowed = word.length < 8 ? 1 : 2;
  const near: { term: string; away: number }[] = [];
  for (const term of filed(word[0]!)) {
    if (term.length < SHORTEST || term.length > LONGEST || term.length < word.length * 0.4 || term.length > word.length + 12) continue;
    const away = term.startsWith(word) ? 0 : term.length > word.length + allowed ? Infinity : distance(term, word, allowed);
    if (away <= allowed) near.push({ term, away });
  }
  const least = Math.min(...near.map(({ away }) => away));
  return near
    .filter(({ away }) => away === least)
    .sort((a, b) => Math.abs(a.term.length - word.length) - Math.abs(b.term.length - word.length) || (a.term < b.term ? -1 : 1))
    .slice(0, MOST_LIKE)
    .map(({ term }) => term);
}

/** Letters put in, left out, changed or swapped with the next, to make `term` of the beginning of `word` that fits best. More than `most` is as good as any. */
function distance(term: string, word: string, most: number): number {
  let [earlier, last]: [number[], number[]] = [[], Array.from({ length: word.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= term.length; i++) {
    const row = [i];
    for (let j = 1; j <= word.length; j++) {
      const change = last[j - 1]! + (term[i - 1] === word[j - 1] ? 0 : 1);
      const swap = i > 1 && j > 1 && term[i - 1] === word[j - 2] && term[i - 2] === word[j - 1] ? earlier[j - 2]! + 1 : Infinity;
      row.push(Math.min(change, swap, last[j]! + 1, row[j - 1]! + 1));
    }
    if (Math.min(...row) > most) return Infinity;
    [earlier, last] = [last, row];
  }
  return Math.min(...last.slice(Math.floor(word.length * 0.4)));
}
