/**
 * What past sessions say to a question: memories and passages, as an index of hits within a token budget, each with where it
 * comes from, how it was found, and whether the files it names are as they were. Details are `tidemark show`.
 *
 * Whatever else can be recalled joins in `candidates`, and nowhere else. Leaves out how passages are found (store/).
 */
import { loadTokenizer } from "../base/tokens.ts";
import { plural } from "../base/text.ts";
import { roleOf } from "../event/text.ts";
import { excerpt, parseQuery } from "../store/ranking.ts";
import { understand, type Question } from "../store/question.ts";
import type { Passage, PassageFilter, Store } from "../store/store.ts";
import type { SessionSummary } from "../session/summary.ts";
import { checkFile, isHere } from "../worktree/check.ts";
import type { Embedder } from "../models/embedder.ts";
import type { Reranker } from "../models/reranker.ts";
import { withMeaning, type FoundBy, type Joined } from "./meaning.ts";
import type { Recalled } from "./recall-item.ts";
import { memoryItems, sessionItems, type Remembering } from "./recall-kinds.ts";
import { takeInPassages } from "./passages.ts";
import { reranked } from "./reranker.ts";
import { originsOf, turnAt } from "./sessions.ts";

export type { Recalled };

export interface RecallOptions extends PassageFilter {
  readonly now: number;
  readonly limit: number;
  /** Characters of a statement. */
  readonly length: number;
  /** Most tokens of all statements together. */
  readonly tokens: number;
  /** The branch at work, and those whose work it holds. */
  readonly own?: string;
  readonly merged?: ReadonlySet<string>;
  /** Without them passages alone are recalled. */
  readonly memories?: Remembering;
  /** Minutes that the clocks of whoever asks are ahead of UTC: days begin there. */
  readonly ahead?: number;
  /** Where the user has named one; `clock` in milliseconds says how long it takes. */
  readonly meaning?: { readonly embedder: Embedder; readonly clock: () => number };
  /** Where the user has named one: passages come in its order. */
  readonly reranker?: Reranker;
  readonly progress?: (done: number, total: number) => void;
}

export interface RecallResult {
  readonly items: Recalled[];
  readonly path: string;
  /** Further hits that the limit or the budget left out. */
  readonly left_out: number;
  readonly more: boolean;
  readonly tokens: number;
  /** What the embedder was asked, where there is one. */
  readonly spent?: Joined["spent"];
  /** Texts that the re-ranker was asked about, where there is one. */
  readonly reranked?: number;
  readonly warnings: readonly string[];
}

/** Of hits that fit alike, those of the own branch come first, then what it grew from: a push, not a wall, for the best answer may be elsewhere. */
const OWN_BRANCH = 1.25;
const MERGED = 1.1;

export async function recall(store: Store, text: string, options: RecallOptions): Promise<RecallResult> {
  await takeInPassages(store, options.progress);
  const { items, warnings, spent, reranked: texts, path, more } = await candidates(store, understand(text, options.now, options.ahead), options);
  const count = await loadTokenizer();
  const kept: Recalled[] = [];
  let tokens = 0;
  for (const item of items.slice(0, options.limit)) {
    const cost = count(item.statement);
    if (tokens + cost > options.tokens) continue;
    tokens += cost;
    kept.push(item);
  }
  return { items: kept, path, left_out: items.length - kept.length, more, tokens, ...(spent === undefined ? {} : { spent }), ...(texts === undefined ? {} : { reranked: texts }), warnings };
}

/** Passages that a re-ranker looks at, at least. */
const RERANKED = 40;

/** Every kind of thing that can be recalled, in one order by score: memories, passages, and for a question about a time its sessions. */
async function candidates(store: Store, question: Question, options: RecallOptions): Promise<Pick<RecallResult, "path" | "more" | "warnings" | "spent" | "reranked"> & { items: Recalled[] }> {
  const [filter, limit] = [filterOf(options), options.reranker === undefined ? options.limit * 2 : Math.max(options.limit * 2, RERANKED)];
  const words = await store.recall(question, filter, limit);
  const found = options.meaning === undefined || question.text === "" ? { ...words, warnings: [] } : await withMeaning(store, words, question.text, { ...options.meaning, filter, limit });
  const ranked = options.reranker === undefined || question.text === "" ? undefined : await reranked(question.text, found.passages, options.reranker);
  const { passages, path, ...about } = ranked === undefined ? found : { ...found, passages: ranked.passages, path: `${found.path}${ranked.path}`, warnings: [...found.warnings, ...ranked.warnings], reranked: ranked.texts };
  const items = await itemsOf(store, question, passages, options);
  const kept = options.memories === undefined ? [] : await memoryItems(store, question, words.passages, options.memories, options);
  // What one role said is no question about a time as a whole.
  const spans = question.asksDoing && options.role === undefined ? question.spans : [];
  const above = Math.max(0, ...[...items, ...kept].map(({ score }) => score));
  const sessions = spans.length === 0 ? [] : await sessionItems(store, spans, filter, { ...options, above });
  const told = new Set(sessions.map(({ key }) => key));
  const ways = [spans.length === 0 ? [] : [sessions.length === 0 ? "no session of that time" : `${plural(sessions.length, "session")} of that time`], kept.length === 0 ? [] : [plural(kept.length, "memory", "memories")], [path]].flat().join("; ");
  // The sort is stable: of equals memories come first.
  return { ...about, items: [...sessions, ...kept.filter(({ key }) => !told.has(key)), ...items].sort((a, b) => b.score - a.score), path: ways };
}

function filterOf({ project, session, branch, role, agent, since, until }: RecallOptions): PassageFilter {
  const given = Object.entries({ project, session, branch, role, agent, since, until }).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given);
}

async function itemsOf(store: Store, question: Question, passages: readonly (Passage & { readonly by?: FoundBy })[], options: RecallOptions): Promise<Recalled[]> {
  const origins = await originsOf(store, passages.map(({ event }) => event));
  const summaries = new Map<string, SessionSummary | undefined>();
  for (const id of origins) if (!summaries.has(id)) summaries.set(id, (await store.summary(id))?.summary);
  const query = parseQuery(question.text);
  return passages.map(({ event, position, part, text, project, branch, score, by }, i) => {
    const role = roleOf(event, event.payload);
    const session = origins[i]!;
    const push = branch === "" ? 1 : branch === options.own ? OWN_BRANCH : options.merged?.has(branch) === true ? MERGED : 1;
    return {
      id: part === 0 ? event.id : `${event.id}#${part}`,
      key: undefined,
      kind: "episodic" as const,
      statement: query === undefined ? text.slice(0, options.length) : excerpt(query, text, options.length),
      scope: branch === "" ? `project ${project}` : `branch ${branch}`,
      trust: role === "user" ? ("user" as const) : ("inferred" as const),
      valid_from: event.time,
      valid_to: undefined,
      recorded_at: event.time,
      sources: [{ session, turn: turnAt(summaries.get(session), position), event: event.id }],
      check: checkOf(text, project, event.time),
      why: [],
      score: Math.round(score * push * 1000) / 1000,
      role,
      speaker: event.type === "prompt" || event.type === "answer" ? event.payload.speaker : undefined,
      branch: branch === "" ? undefined : branch,
      ...(by === undefined ? {} : { found_by: by }),
    };
  });
}

/** Files looked at for one passage. */
const FILES = 5;

function checkOf(text: string, project: string, time: number): Recalled["check"] {
  if (!isHere(project)) return "unverified";
  const paths = [...new Set(text.match(/(?:\/|\b)[\w@.-]+(?:\/[\w@.-]+)+\.\w{1,8}\b/g))].slice(0, FILES);
  const checks = paths.flatMap((path) => checkFile(project, [project], { paths: [path], names: [] }, time)?.check ?? []);
  return (["gone", "changed", "current"] as const).find((each) => checks.includes(each)) ?? "unverified";
}
