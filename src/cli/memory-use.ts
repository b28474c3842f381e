/** Of how much use a memory was, and what its rank comes from, as programs and people see it: `memory why`. */
import { plural } from "../base/text.ts";
import type { Counted, UseRecord } from "../operations/uses.ts";
import { iso, when } from "./format.ts";
import { wrap, type Terminal } from "./terminal.ts";

export function rounded(score: number): number {
  return Math.round(score * 1000) / 1000;
}

/** Times are ISO texts. */
export function useJson({ shown, used, contradicted, reverted, since, ofUse, score }: UseRecord): Record<string, unknown> {
  const of = (name: string, { times, last }: Counted): Record<string, unknown> => ({ [name]: times, [`last_${name}`]: last === undefined ? null : iso(last) });
  return {
    ...of("shown", shown), ...of("used", used), how: used.how ?? null, ...of("contradicted", contradicted), ...of("reverted", reverted),
    sessions_since: since.times, ...of("of_use", ofUse), score: rounded(score),
  };
}

const HOW: Readonly<Record<NonNullable<UseRecord["used"]["how"]>, string>> = { opened: "a file it names was opened", run: "its command was run", cited: "it was cited" };

export function sayUse(terminal: Terminal, { shown, used, contradicted, reverted, since, ofUse, score }: UseRecord, weights: Readonly<Record<"near" | "holds" | "certain" | "use", number>>): void {
  const { near, holds, certain, use } = weights;
  const last = ({ last: at }: Counted): string => (at === undefined ? "" : `, the last ${when(at)}`);
  const lines = [
    shown.times === 0 ? "It was given to no session yet." : `It was given to ${plural(shown.times, "session")}${last(shown)}; ${used.times === 0 ? "none was seen to use it" : `${used.times} then used it${last(used)}: ${HOW[used.how!]}`}.`,
    since.times === 0 ? "No session began here since." : `Given or not, of ${plural(since.times, "session")} here since ${ofUse.times === 0 ? "none" : ofUse.times} did what it names${last(ofUse)}.`,
    ...(contradicted.times === 0 ? [] : [`Contradicted ${plural(contradicted.times, "time")}${last(contradicted)}.`]),
    ...(reverted.times === 0 ? [] : [`Taken back ${plural(reverted.times, "time")}${last(reverted)}.`]),
    `That is ${factor(score)} times what is expected of a memory of which nothing is known.`,
    `Its rank among memories: the words of the question × ${factor(near)} for where it is said of × ${factor(holds)} for the check × ${factor(certain)} for how sure it is × ${factor(use)} for its use. No place is kept for what was seldom shown: that did not help (docs/memory.md).`,
  ];
  for (const line of lines) terminal.line(`  ${wrap(line, terminal.width - 2, "  ")}`);
}

function factor(weight: number): string {
  return weight.toFixed(2);
}
