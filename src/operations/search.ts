/** Finding words in all sessions, each hit with the session, turn and role it comes from. */
import { baseName } from "../base/text.ts";
import { roleOf, type Role } from "../event/text.ts";
import { excerpt, parseQuery } from "../store/ranking.ts";
import type { Hit, SearchFilter, Store } from "../store/store.ts";
import type { SessionSummary } from "../session/summary.ts";
import { originsOf, turnAt } from "./sessions.ts";

export interface FoundText {
  readonly event: string;
  readonly session: string;
  /** 0 where the event belongs to no live turn: it was gone back on, or stands outside of turns. */
  readonly turn: number;
  readonly role: Role;
  readonly tool?: string;
  readonly time: number;
  readonly text: string;
  readonly score: number;
}

export interface SearchResult {
  readonly hits: FoundText[];
  readonly path: string;
  readonly more: boolean;
}

export interface SearchOptions extends Omit<SearchFilter, "also"> {
  readonly file?: string;
  readonly limit: number;
  /** Characters of text around the words that were found. */
  readonly length: number;
}

export async function searchSessions(store: Store, query: string, options: SearchOptions): Promise<SearchResult> {
  const { file, limit, length, ...filter } = options;
  const found = await store.search(query, { ...filter, ...(file === undefined ? {} : { also: baseName(file) }) }, limit);
  const homes = await homesOf(store, found.hits);
  const parsed = parseQuery(query);
  const hits = found.hits.map(({ event, position, text, score }, i) => ({
    event: event.id,
    session: homes[i]?.id ?? event.session,
    turn: turnAt(homes[i], position),
    role: roleOf(event, event.payload),
    ...(event.type === "tool.called" ? { tool: event.payload.tool } : {}),
    time: event.time,
    text: parsed === undefined ? text.slice(0, length) : excerpt(parsed, text, length),
    score: Math.round(score * 1000) / 1000,
  }));
  return { hits, path: found.path, more: found.more };
}

/** For each hit the session it was said in: what a fork shares with its parent is the parent's. */
async function homesOf(store: Store, hits: readonly Hit[]): Promise<(SessionSummary | undefined)[]> {
  const summaries = new Map<string, SessionSummary | undefined>();
  const origins = await originsOf(store, hits.map(({ event }) => event));
  for (const id of origins) if (!summaries.has(id)) summaries.set(id, (await store.summary(id))?.summary);
  return origins.map((id) => summaries.get(id));
}
