/**
 * What else than passages answers a question: memories, put on the scale of passages, and for "what was I doing last Tuesday
 * afternoon" the sessions of that time. Leaves out their order among each other and the budget (recall.ts).
 */
import { plural } from "../base/text.ts";
import type { SessionSummary } from "../session/summary.ts";
import type { MemoryState } from "../memory/fold.ts";
import { scopeName } from "../memory/statement.ts";
import type { Question, Span } from "../store/question.ts";
import type { Passage, PassageFilter, Store } from "../store/store.ts";
import type { Recalled } from "./recall-item.ts";
import { recallMemories, wordsOf, type Here } from "./recall-memories.ts";
import { sourcesOf } from "./memory-sources.ts";
import { usefulnessHere } from "./uses.ts";

/** The memories that may be given, as valid at a time in milliseconds since 1970; now where none is named. */
export interface Remembering {
  readonly state: MemoryState;
  readonly here: Here;
  readonly at?: number;
}

/** Of equals a memory comes first: it was judged worth keeping, and a passage was only said. */
const KEPT = 1.1;

/** Events that are shown for a memory; `memory why` has all of them. */
const SOURCES = 3;

export async function memoryItems(store: Store, { text }: Question, passages: readonly Passage[], { state, here, at }: Remembering, { now, limit, since = -Infinity, until = Infinity }: PassageFilter & { readonly now: number; readonly limit: number }): Promise<Recalled[]> {
  // What was of use since then says nothing of another time.
  const asking = { here, now, limit, ...(at === undefined ? { usefulness: await usefulnessHere(store, state, here.project, now) } : { at }) };
  const found = recallMemories(state, text, asking).filter(({ memory: { valid_from } }) => valid_from >= since && valid_from < until);
  if (found.length === 0) return [];
  const scale = scaleOf(passages, wordsOf(state, text, asking, passages.map((passage) => passage.text)));
  const items: Recalled[] = [];
  for (const { memory, check, why, score } of found) {
    const { id, key, kind, statement, scope, trust, valid_from, valid_to, recorded_at } = memory;
    const sources = (await sourcesOf(store, { sources: memory.sources.slice(-SOURCES) })).map(({ session, turn, event }) => ({ session, turn, event }));
    const place = scope.level === "project" ? `project ${scope.project ?? ""}` : scopeName(scope);
    items.push({ id, key, kind, statement, scope: place, trust, valid_from, valid_to, recorded_at, sources, check, why, score: rounded(score * scale * KEPT), role: undefined, speaker: undefined, branch: scope.branch });
  }
  return items;
}

/** Passages are scored by more than their words. How much more, on these very passages, is what a memory's words are worth beside them. */
function scaleOf(passages: readonly Passage[], words: readonly number[]): number {
  let [score, plain] = [0, 0];
  for (const [i, passage] of passages.entries()) {
    if (words[i]! <= 0) continue;
    score += passage.score;
    plain += words[i]!;
  }
  return plain === 0 ? 1 : score / plain;
}

/** Sessions that had prompts in a span the question names, the earliest first; scored above `above`, for the time is all that was asked. */
export async function sessionItems(store: Store, spans: readonly Span[], { project, session, branch, agent, since = -Infinity, until = Infinity }: PassageFilter, { above, limit, length }: { above: number; limit: number; length: number }): Promise<Recalled[]> {
  const within = spans.map(({ from, to }) => ({ from: Math.max(from, since), to: Math.min(to, until) }));
  const meant = (summary: SessionSummary): boolean =>
    summary.turns > 0 && (project === undefined || summary.project === project) && (session === undefined || summary.id === session) && (branch === undefined || summary.branch === branch) &&
    (agent === undefined || summary.agent === agent) && within.some(({ from, to }) => summary.started < to && summary.ended >= from);
  const items: Recalled[] = [];
  for (const { summary } of (await store.summaries()).filter((each) => meant(each.summary))) {
    if (items.length === limit) break;
    const said = (await store.read(summary.id)).filter(({ event, erased }) => !erased && event.type === "prompt" && event.payload.kind === "user" && within.some(({ from, to }) => event.time >= from && event.time < to));
    const first = said[0]?.event;
    // It lay open over that time, and nothing was asked in it.
    if (first?.type !== "prompt") continue;
    const asked = first.payload.text.replace(/\s+/g, " ").trim();
    const statement = `${summary.title}: ${plural(said.length, "request")} in that time, ${plural(summary.files, "file")} changed in the whole session.${asked.startsWith(summary.title) ? "" : ` First: ${asked}`}`;
    items.push({
      id: summary.id, key: `session:${summary.id}`, kind: "episodic", statement: statement.slice(0, length), scope: `project ${summary.project}`, trust: "inferred",
      valid_from: first.time, valid_to: said.at(-1)!.event.time, recorded_at: summary.ended, sources: [{ session: summary.id, turn: 0, event: first.id }],
      check: "unverified", why: [], score: 0, role: undefined, speaker: undefined, branch: summary.branch,
    });
  }
  return items.sort((a, b) => a.valid_from - b.valid_from).map((item, i) => ({ ...item, score: rounded(above + items.length - i) }));
}

function rounded(score: number): number {
  return Math.round(score * 1000) / 1000;
}
