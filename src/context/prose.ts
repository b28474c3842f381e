/**
 * Sentences worth carrying over, found by their shape and not by a model: what the user demanded, what was decided and
 * why, what was tried and failed, what waits. Pure. A sentence keeps its words; nothing is rephrased.
 */
import type { Turn } from "../session/fold.ts";
import { oneLine, printable } from "../base/text.ts";

export interface Sentence {
  readonly text: string;
  readonly turn: number;
  readonly by: "user" | "agent";
  readonly worth: number;
}

const DECISION =
  /\b(?:decid(?:ed?|ing)|decision|let(?:'|’)?s (?:use|go with|keep|do|make|not|drop|remove|just|skip|stick)|(?:we|i)(?:'ll| will| should| want to)? (?:go(?:ing)? with|keep|stick with|settle)|going (?:to use|with)|instead of|rather than|(?:right|best|better|correct|cleaner|simpler|recommended) (?:fix|approach|solution|way|option|choice)|should(?:n't| not)? be\b|i(?:'d| would)? (?:prefer|recommend|suggest)|agreed|by design|intentional(?:ly)?|trade-?off|makes sense to|on purpose|for now)\b/i;
const REASON = /\b(?:because|since|so that|to avoid|otherwise|due to|in order to|which means|the reason|that way|as it|would (?:break|cause|mean|lose|require)|root cause|turns out)\b/i;
const DEAD_END =
  /\b(?:did(?:n't| not) (?:work|help|fix)|does(?:n't| not) (?:work|help|exist|support)|wo(?:n't| not) work|can(?:'t|not) (?:be|use|do|work)|not possible|tried|attempt(?:ed)?|revert(?:ed|ing)?|roll(?:ed)? back|gave up|abandon(?:ed)?|the (?:problem|issue|bug|root cause|real (?:problem|issue)) (?:is|was)|turns out|was wrong|mistake|incorrect(?:ly)?|broke\b|dead end|no longer|unfortunately|misunderst|false positive|still fail)/i;
const DEMAND = /\b(?:always|never|must(?:n't| not)?|don(?:'|’)?t|do not|only|make sure|ensure|should(?:n't| not)?|without|please use|avoid|keep in mind|important|remember|prefer|no need|not needed|stop)\b/i;
const CORRECTION = /^(?:no\b|nope|wait|stop|actually|hmm|that(?:'s| is) (?:not|wrong)|wrong|not (?:what|quite|really)|why (?:did|are|do|is|not)|i (?:don't|do not|meant|said)|but\b|don(?:'|’)?t|undo|revert)/i;

/** The agent telling what it is about to do, or what a test would do: neither a decision nor an outcome. */
const NARRATION = /^(?:now,? |next,? |first,? |great|good|perfect|excellent|ok(?:ay)?[,!. ])?\s*(?:let me|let's (?:see|check|look|verify|run)|i(?:'|’)ll (?:now |first |start |check |run |add |update |create |look |read )|i need to|now i|i(?:'|’)m going to)\b|\b(?:will|would|should) (?:fail|catch|break) (?:if|when|regressions)/i;

export interface Prose {
  readonly demands: Sentence[];
  readonly decisions: Sentence[];
  readonly deadEnds: Sentence[];
}

export function findProse(turns: readonly Turn[]): Prose {
  const demands: Sentence[] = [];
  const decisions: Sentence[] = [];
  const deadEnds: Sentence[] = [];
  const total = Math.max(1, turns.length);
  for (const [i, turn] of turns.entries()) {
    const recency = (i + 1) / total;
    if (turn.kind === "user" && !isPasted(turn.prompt)) {
      for (const text of sentences(turn.prompt)) {
        const correction = CORRECTION.test(text);
        if (DEMAND.test(text) || correction) demands.push({ text, turn: turn.n, by: "user", worth: 1 + (correction ? 0.5 : 0) + recency });
        if (DECISION.test(text)) decisions.push({ text, turn: turn.n, by: "user", worth: 2 + (REASON.test(text) ? 1 : 0) + recency });
      }
    }
    for (const call of turn.calls) {
      if (call.outcome !== "rejected" || call.thread !== undefined) continue;
      // The client quotes what the user said when refusing a call.
      const said = /the user (?:provided the following reason for the rejection|said)[:\s]+([\s\S]+)/i.exec(call.output)?.[1];
      if (said !== undefined) for (const text of sentences(said).slice(0, 3)) demands.push({ text, turn: turn.n, by: "user", worth: 2.2 + recency });
    }
    // What the agent wrote at a compaction tells of work that may have left no other words.
    for (const event of turn.events) {
      if (event.type !== "session.summarised") continue;
      for (const text of sentences(event.payload.text)) {
        if (text.length > 300) continue;
        const because = REASON.test(text) ? 0.8 : 0;
        if (DECISION.test(text)) decisions.push({ text, turn: turn.n, by: "agent", worth: 0.8 + because + recency });
        if (DEAD_END.test(text)) deadEnds.push({ text, turn: turn.n, by: "agent", worth: 0.8 + because + recency });
      }
    }
    for (const answer of turn.answers) {
      for (const text of sentences(answer.payload.text)) {
        if (NARRATION.test(text)) continue;
        const because = REASON.test(text) ? 1.2 : 0;
        if (DECISION.test(text)) decisions.push({ text, turn: turn.n, by: "agent", worth: 0.6 + because + recency });
        if (DEAD_END.test(text)) deadEnds.push({ text, turn: turn.n, by: "agent", worth: 0.6 + because + (/\b(?:root cause|turns out|did(?:n't| not) work|revert)/i.test(text) ? 0.8 : 0) + recency });
      }
    }
  }
  return { demands: best(demands), decisions: best(decisions), deadEnds: best(deadEnds) };
}

/** Plans and logs pasted into a prompt are not the user's own sentences. */
function isPasted(prompt: string): boolean {
  return prompt.length > 4000 || prompt.startsWith("Implement the following plan:");
}

/** Sentences of a text of a length that says something on its own; code, tables and headings are left out. */
export function sentences(text: string): string[] {
  const found: string[] = [];
  const prose = printable(text).replace(/```[\s\S]*?(?:```|$)/g, "\n");
  for (const line of prose.split("\n")) {
    const plain = line.trim().replace(/^(?:[-*•]|\d+[.)]|>+)\s+/, "");
    if (plain === "" || /^(?:#|\||[-=]{3,})/.test(plain)) continue;
    for (const sentence of plain.split(/(?<=[.!?])\s+(?=[A-Z"'`*(])/)) {
      const flat = oneLine(sentence).replaceAll("**", "");
      if (flat.length >= 30 && flat.length <= 420) found.push(flat);
    }
  }
  return found;
}

/** Best first, without near repetitions. */
function best(list: readonly Sentence[]): Sentence[] {
  const kept: Sentence[] = [];
  const seen: Set<string>[] = [];
  for (const sentence of [...list].sort((a, b) => b.worth - a.worth || b.turn - a.turn)) {
    const words = new Set(sentence.text.toLowerCase().match(/[a-z0-9_]{4,}/g) ?? []);
    if (words.size < 3) continue;
    if (seen.some((other) => overlap(words, other) > 0.6)) continue;
    seen.push(words);
    kept.push(sentence);
    if (kept.length >= 40) break;
  }
  return kept;
}

function overlap(a: ReadonlySet<string>, b: ReadonlySet<string>): number {
  let both = 0;
  for (const word of a) if (b.has(word)) both += 1;
  return both / Math.min(a.size, b.size);
}
