/**
 * What tools had shown in a session before something was said. Pure. Words that a tool had shown are the tool's, whoever
 * repeats them: text from a file or the web never becomes a demand of the user's by being said back.
 */
import type { Story } from "../session/fold.ts";
import { contentOf } from "./likeness.ts";

/** Of a long output this much counts as shown. */
const READ_OF_OUTPUT = 200_000;
/** So many words in a row are no accident. */
const RUN = 7;

/** What tools had shown before: a sentence that stands there, or seven words of it in a row, is theirs. */
export class Shown {
  readonly #outputs: { readonly at: number; readonly text: string }[] = [];
  readonly #places = new Map<string, number>();

  constructor({ turns }: Story) {
    const plans = new Set(turns.flatMap(({ calls }) => calls.filter(({ tool }) => /^(?:Todo|Task)[A-Z]/.test(tool)).map(({ id }) => id)));
    for (const event of turns.flatMap(({ events }) => events)) {
      // The tools of the plan say back what the agent told them.
      if ((event.type === "tool.returned" || event.type === "tool.failed") && plans.has(event.payload.call)) continue;
      this.#places.set(event.id, this.#places.size);
      const text = event.type === "tool.returned" ? event.payload.output : event.type === "tool.failed" && event.payload.rejected !== true ? event.payload.error : undefined;
      if (text !== undefined && text.length > 10) this.#outputs.push({ at: this.#places.size, text: flat(text.slice(0, READ_OF_OUTPUT)) });
    }
  }

  before(sentence: string, event: string | undefined): boolean {
    const until = event === undefined ? Infinity : (this.#places.get(event) ?? Infinity);
    const words = flat(contentOf(sentence)).split(" ");
    const runs = words.length <= RUN ? [words.join(" ")] : words.slice(0, words.length - RUN + 1).map((_, i) => words.slice(i, i + RUN).join(" "));
    return this.#outputs.some(({ at, text }) => at <= until && runs.some((run) => run.length >= 16 && text.includes(run)));
  }
}

/** Letters and digits alone: marks, quotes and line breaks are where a repetition differs. */
export function flat(text: string): string {
  return text.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, " ").trim();
}
