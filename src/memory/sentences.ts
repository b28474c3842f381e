/**
 * Sentences by their shape: what is a sentence, and which ask for something, decide, or tell what did not work. Pure, by
 * English phrases. For the brief, which wants every one that may matter (context/prose.ts), and for extraction, which
 * wants only what surely does (extract.ts).
 */
import { oneLine, printable } from "../base/text.ts";

export const DECISION =
  /\b(?:decid(?:ed?|ing)|decision|let(?:'|’)?s (?:use|go with|keep|do|make|not|drop|remove|just|skip|stick)|(?:we|i)(?:'ll| will| should| want to)? (?:go(?:ing)? with|keep|stick with|settle)|going (?:to use|with)|instead of|rather than|(?:right|best|better|correct|cleaner|simpler|recommended) (?:fix|approach|solution|way|option|choice)|should(?:n't| not)? be\b|i(?:'d| would)? (?:prefer|recommend|suggest)|agreed|by design|intentional(?:ly)?|trade-?off|makes sense to|on purpose|for now)\b/i;
export const REASON = /\b(?:because|since|so that|to avoid|otherwise|due to|in order to|which means|the reason|that way|as it|would (?:break|cause|mean|lose|require)|root cause|turns out)\b/i;
export const DEAD_END =
  /\b(?:did(?:n't| not) (?:work|help|fix)|does(?:n't| not) (?:work|help|exist|support)|wo(?:n't| not) work|can(?:'t|not) (?:be|use|do|work)|not possible|tried|attempt(?:ed)?|revert(?:ed|ing)?|roll(?:ed)? back|gave up|abandon(?:ed)?|the (?:problem|issue|bug|root cause|real (?:problem|issue)) (?:is|was)|turns out|was wrong|mistake|incorrect(?:ly)?|broke\b|dead end|no longer|unfortunately|misunderst|false positive|still fail)/i;
export const DEMAND = /\b(?:always|never|must(?:n't| not)?|don(?:'|’)?t|do not|only|make sure|ensure|should(?:n't| not)?|without|please use|avoid|keep in mind|important|remember|prefer|no need|not needed|stop)\b/i;
export const CORRECTION = /^(?:no\b|nope|wait|stop|actually|hmm|that(?:'s| is) (?:not|wrong)|wrong|not (?:what|quite|really)|why (?:did|are|do|is|not)|i (?:don't|do not|meant|said)|but\b|don(?:'|’)?t|undo|revert)/i;

/** The agent telling what it is about to do, or what a test would do: neither a decision nor an outcome. */
export const NARRATION = /^(?:now,? |next,? |first,? |great|good|perfect|excellent|ok(?:ay)?[,!. ])?\s*(?:let me|let's (?:see|check|look|verify|run)|i(?:'|’)ll (?:now |first |start |check |run |add |update |create |look |read )|i need to|now i|i(?:'|’)m going to)\b|\b(?:will|would|should) (?:fail|catch|break) (?:if|when|regressions)/i;

/** Plans and logs pasted into a prompt are not the user's own sentences. */
export function isPasted(prompt: string): boolean {
  return prompt.length > 4000 || prompt.startsWith("Implement the following plan:");
}

/** Sentences of a text of a length that says something on its own; code, tables and headings are left out. `least`: their characters. */
export function sentences(text: string, least = 30): string[] {
  const found: string[] = [];
  const prose = printable(text).replace(/```[\s\S]*?(?:```|$)/g, "\n");
  for (const line of prose.split("\n")) {
    const plain = line.trim().replace(/^(?:[-*•]|\d+[.)]|>+)\s+/, "");
    if (plain === "" || /^(?:#|\||[-=]{3,})/.test(plain)) continue;
    for (const sentence of plain.split(/(?<=[.!?])\s+(?=[A-Z"'`*(])/)) {
      const flat = oneLine(sentence).replaceAll("**", "");
      if (flat.length >= least && flat.length <= 420) found.push(flat);
    }
  }
  return found;
}

/** The kind of a statement that the user gave none for. */
export function kindOfStatement(statement: string): "constraint" | "decision" | "procedural" | "semantic" {
  if (/^`[^`]+`(?:\s+\w+){0,6}\.?$/.test(statement)) return "procedural";
  if (/\b(?:decided|we(?:'ll| will)? (?:go(?:ing)? with|chose|settled)|agreed|by design|on purpose)\b/i.test(statement)) return "decision";
  return DEMAND.test(statement) || /^(?:please\s+)?use\b/i.test(statement) ? "constraint" : "semantic";
}
