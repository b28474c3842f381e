/**
 * Sentences worth carrying over, found by their shape and not by a model: what the user demanded, what was decided and
 * why, what was tried and failed, what waits. Pure. A sentence keeps its words; nothing is rephrased.
 */
import type { Turn } from "../session/fold.ts";
import { CORRECTION, DEAD_END, DECISION, DEMAND, isPasted, NARRATION, REASON, sentences } from "../memory/sentences.ts";

export interface Sentence {
  readonly text: string;
  readonly turn: number;
  readonly by: "user" | "agent";
  readonly worth: number;
}

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
