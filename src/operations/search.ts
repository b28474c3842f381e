/** Finding words in all sessions, each hit with the session, turn and role it comes from. */
import { baseName } from "../base/text.ts";
import { roleOf, type Role } from "../event/text.ts";
import { excerpt, parseQuery } from "../store/ranking.ts";
import type { SearchFilter, Store } from "../store/store.ts";
import type { SessionSummary } from "../session/summary.ts";
import { turnAt } from "./sessions.ts";

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
  const summaries = new Map<string, SessionSummary | undefined>();
  for (const { event } of found.hits) if (!summaries.has(event.session)) summaries.set(event.session, (await store.summary(event.session))?.summary);
  const parsed = parseQuery(query);
  const hits = found.hits.map(({ event, position, text, score }) => ({
    event: event.id,
    session: event.session,
    turn: turnAt(summaries.get(event.session), position),
    role: roleOf(event, event.payload),
    ...(event.type === "tool.called" ? { tool: event.payload.tool } : {}),
    time: event.time,
    text: parsed === undefined ? text.slice(0, length) : excerpt(parsed, text, length),
    score: Math.round(score * 1000) / 1000,
  }));
  return { hits, path: found.path, more: found.more };
}
