/**
 * What is measured of a ranking of turns, by the definitions of the study that set the targets: the share of a
 * question's evidence among the first k, within a share of the conversation's tokens, and whether a session that holds
 * some of it comes first.
 */
import type { Conversation } from "./locomo.ts";

export const MEASURES = ["r@5", "r@10", "r@20", "b1%", "b2.5%", "b5%", "b10%", "s@1", "s@5"] as const;
export type Measure = (typeof MEASURES)[number];
export type Scores = Readonly<Record<Measure, number>>;

const BUDGETS: readonly (readonly [Measure, number])[] = [["b1%", 0.01], ["b2.5%", 0.025], ["b5%", 0.05], ["b10%", 0.1]];

/** `ranked` are ids of turns, best first. */
export function measure(conversation: Conversation, evidence: readonly string[], ranked: readonly string[]): Scores {
  const share = (found: ReadonlySet<string>): number => evidence.filter((id) => found.has(id)).length / evidence.length;
  const first = (k: number): number => share(new Set(ranked.slice(0, k)));
  const sessionOf = new Map(conversation.turns.map(({ id, session }) => [id, session]));
  const wanted = new Set(evidence.map((id) => sessionOf.get(id)));
  const sessions = [...new Set(ranked.map((id) => sessionOf.get(id)))];
  const budgets = BUDGETS.map(([name, part]) => [name, share(pack(conversation, ranked, part * conversation.tokens))] as const);
  return {
    "r@5": first(5), "r@10": first(10), "r@20": first(20),
    ...(Object.fromEntries(budgets) as Record<"b1%" | "b2.5%" | "b5%" | "b10%", number>),
    "s@1": wanted.has(sessions[0]) ? 1 : 0,
    "s@5": sessions.slice(0, 5).some((session) => wanted.has(session)) ? 1 : 0,
  };
}

/** Turns that fit, best first, each session's header paid once; one that does not fit is passed over while 12 tokens are left. */
function pack(conversation: Conversation, ranked: readonly string[], budget: number): Set<string> {
  const turns = new Map(conversation.turns.map((turn) => [turn.id, turn]));
  const taken = new Set<string>();
  const opened = new Set<number>();
  let used = 0;
  for (const id of ranked) {
    const { tokens, session } = turns.get(id)!;
    const cost = tokens + (opened.has(session) ? 0 : conversation.headers.get(session)!);
    if (used + cost > budget) {
      if (budget - used < 12) break;
      continue;
    }
    used += cost;
    opened.add(session);
    taken.add(id);
  }
  return taken;
}

export function mean(all: readonly Scores[]): Scores {
  return Object.fromEntries(MEASURES.map((name) => [name, all.reduce((sum, scores) => sum + scores[name], 0) / Math.max(1, all.length)])) as Record<Measure, number>;
}
