/**
 * Finding candidates in FTS5, never ranking a whole posting list: at a million events `ORDER BY rank` over a common
 * word takes a second, the newest two thousand of its events half a millisecond. So: the newest events for each
 * term, and those that hold all terms; then rarity by term, and the best of those are read and scored as texts.
 */
import { TidemarkError } from "../../base/errors.ts";
import { roleOf, searchable, type Role } from "../../event/text.ts";
import { holdsPhrases, inContext, parseQuery, rarity, score, type Query } from "../ranking.ts";
import type { Hit, SearchAnswer, SearchFilter, Stored } from "../store.ts";
import type { Row } from "./driver.ts";
import type { Prepared } from "./files.ts";
import { EVENT_COLUMNS } from "./rows.ts";
import { tag } from "./words.ts";

/** Newest events looked at per term, and texts read for the final ranking. */
const PER_TERM = 2000;
const READ = 160;
/** Candidates whose kind is looked up, so that long tool outputs, which hold many words by chance, do not crowd out what people said. */
const LOOKED_UP = 1500;

export function search(log: Prepared, decode: (rows: Row[]) => Stored[], text: string, filter: SearchFilter, limit: number): SearchAnswer {
  const query = parseQuery(text);
  if (query === undefined) throw new TidemarkError("QUERY_EMPTY", `Nothing in ${JSON.stringify(text)} can be searched for`);
  const newest = Number(log.sql("SELECT position FROM head").get()?.["position"] ?? 0);
  if (newest === 0) return { hits: [], path: "the log is empty", more: false };
  const within = withinOf(log, filter, newest);
  const { points, rarities, cut, total } = gather(log, query, filter, within, newest);
  const wanted = Math.max(READ, limit * 4);
  const best = keepMatching(log, filter, byKind(log, points), wanted);
  const stored = decode(log.sql(`SELECT ${EVENT_COLUMNS} FROM event WHERE position IN (SELECT value FROM json_each(?)) AND payload IS NOT NULL`).all(JSON.stringify(best)));
  const hits = rank(query, rarities, stored, newest);
  const path = `${query.terms.map(({ text: term }) => term).join(" OR ")}; ${total.toLocaleString("en-US")} candidates${cut ? ` (the newest ${PER_TERM.toLocaleString("en-US")} of each common word)` : ""}`;
  return { hits: hits.slice(0, limit), path, more: hits.length > limit || points.size > wanted };
}

/** Positions a session filter allows, as a range; the exact test follows on the rows. */
function withinOf(log: Prepared, filter: SearchFilter, newest: number): [number, number] {
  if (filter.session === undefined) return [1, newest];
  const row = log
    .sql("SELECT min(position) AS low, max(position) AS high FROM (SELECT position FROM event WHERE session = ?1 UNION ALL SELECT position FROM shared WHERE session = ?1)")
    .get(filter.session);
  return [Number(row?.["low"] ?? 0), Number(row?.["high"] ?? 0)];
}

interface Gathered {
  points: Map<number, number>;
  rarities: Map<string, number>;
  cut: boolean;
  total: number;
}

function gather(log: Prepared, query: Query, filter: SearchFilter, [low, high]: [number, number], newest: number): Gathered {
  const find = log.sql("SELECT rowid FROM words WHERE words MATCH ? AND rowid BETWEEN ? AND ? ORDER BY rowid DESC LIMIT ?");
  const points = new Map<number, number>();
  const rarities = new Map<string, number>();
  const tags = tagsOf(filter);
  const and = (terms: string): string => [`{body names} : (${terms})`, ...tags].join(" AND ");
  let cut = false;
  for (const { text, weight } of query.terms) {
    const rows = find.all(and(quote(text)), low, high, PER_TERM);
    const full = rows.length === PER_TERM;
    cut ||= full;
    const oldest = Number(rows.at(-1)?.["rowid"] ?? 0);
    // Cut short: the share among the newest stands for the whole.
    const found = full ? (PER_TERM / Math.max(1, high - oldest + 1)) * newest : rows.length;
    const value = rarity(Math.min(found, newest), newest);
    rarities.set(text, value);
    for (const row of rows) {
      const position = Number(row["rowid"]);
      points.set(position, (points.get(position) ?? 0) + weight * value);
    }
  }
  // Events that hold every term may be older than the newest of each.
  if (cut && query.terms.length > 1) {
    const sum = query.terms.reduce((all, { text, weight }) => all + weight * rarities.get(text)!, 0);
    const terms = query.terms.filter(({ weight }) => weight === 1).map(({ text }) => quote(text));
    for (const row of find.all(and(terms.join(" AND ")), low, high, 500)) points.set(Number(row["rowid"]), sum);
  }
  return { points, rarities, cut, total: points.size };
}

function tagsOf(filter: SearchFilter): string[] {
  const tags: string[] = [];
  if (filter.role !== undefined) tags.push(tag.role(filter.role));
  if (filter.tool !== undefined) tags.push(tag.tool(filter.tool));
  if (filter.agent !== undefined) tags.push(tag.agent(filter.agent));
  if (filter.project !== undefined) tags.push(tag.project(filter.project));
  const also = filter.also?.match(/[\p{L}\p{N}]+/gu) ?? [];
  return [...tags.map((word) => `tags : ${quote(word)}`), ...also.map((word) => `body : ${quote(word)}`)];
}

/** Walks candidates best first and keeps those that pass what the index cannot test, until there are enough. */
function keepMatching(log: Prepared, filter: SearchFilter, candidates: [number, number][], wanted: number): number[] {
  const { session, since, until } = filter;
  if (session === undefined && since === undefined && until === undefined) return candidates.slice(0, wanted).map(([position]) => position);
  const look = log.sql("SELECT time, session, EXISTS (SELECT 1 FROM shared WHERE shared.position = event.position AND shared.session = ?2) AS joined FROM event WHERE position = ?1");
  const kept: number[] = [];
  for (const [position] of candidates) {
    const row = look.get(position, session ?? "");
    if (row === undefined) continue;
    const time = Number(row["time"]);
    if (session !== undefined && row["session"] !== session && !row["joined"]) continue;
    if ((since !== undefined && time < since) || (until !== undefined && time > until)) continue;
    if (kept.push(position) >= wanted) break;
  }
  return kept;
}

function byKind(log: Prepared, points: ReadonlyMap<number, number>): [number, number][] {
  const sorted = [...points].sort((a, b) => b[1] - a[1] || b[0] - a[0]);
  const top = sorted.slice(0, LOOKED_UP);
  const tools = new Set(
    log
      .sql("SELECT position FROM event WHERE position IN (SELECT value FROM json_each(?)) AND type IN ('tool.called', 'tool.returned', 'tool.failed', 'raw')")
      .all(JSON.stringify(top.map(([position]) => position)))
      .map((row) => Number(row["position"])),
  );
  const weighed = top.map(([position, value]): [number, number] => [position, tools.has(position) ? value * 0.6 : value]);
  return [...weighed.sort((a, b) => b[1] - a[1] || b[0] - a[0]), ...sorted.slice(LOOKED_UP)];
}

function rank(query: Query, rarities: ReadonlyMap<string, number>, stored: Stored[], newest: number): Hit[] {
  const hits: Hit[] = [];
  for (const { position, event } of stored) {
    const text = searchable(event);
    if (!holdsPhrases(query, text)) continue;
    const role: Role = roleOf(event, event.payload);
    hits.push({ position, event, text, score: score(query, rarities, { text, role, recency: position / newest }) });
  }
  return inContext(hits);
}

function quote(word: string): string {
  return `"${word.replaceAll('"', '""')}"`;
}
