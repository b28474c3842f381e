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
/** Texts read for a quoted phrase, at most, and how many at a time. */
const PHRASE_TEXTS = 6000;
const PAGE = 300;

export function search(log: Prepared, decode: (rows: Row[]) => Stored[], text: string, filter: SearchFilter, limit: number): SearchAnswer {
  const query = parseQuery(text);
  if (query === undefined) throw new TidemarkError("QUERY_EMPTY", `Nothing in ${JSON.stringify(text)} can be searched for`);
  // Two look-ups in the index; asked for together they would be one walk over all of it.
  const span = log.sql("SELECT (SELECT min(time) FROM event) AS first, (SELECT max(time) FROM event) AS last").get();
  const newest = Number(log.sql("SELECT position FROM head").get()?.["position"] ?? 0);
  if (newest === 0) return { hits: [], path: "the log is empty", more: false };
  const find = finder(log, filter);
  const { points, rarities, cut, total } = gather(find, query, newest);
  const wanted = Math.max(READ, limit * 4);
  const read = (positions: readonly number[]): Stored[] => decode(log.sql(`SELECT ${EVENT_COLUMNS} FROM event WHERE position IN (SELECT value FROM json_each(?)) AND payload IS NOT NULL`).all(JSON.stringify(positions)));
  const phrases = query.phrases.length === 0 ? undefined : holdingPhrases(find, query, read, Math.max(40, limit * 2));
  const stored = phrases?.found ?? read(byKind(log, points).slice(0, wanted).map(([position]) => position));
  const hits = rank(query, rarities, stored, (time) => (time - Number(span?.["first"])) / Math.max(1, Number(span?.["last"]) - Number(span?.["first"])));
  const notes = [cut ? `the newest ${PER_TERM.toLocaleString("en-US")} of each common word` : "", phrases?.stopped === true ? `phrases looked for in the newest ${PHRASE_TEXTS.toLocaleString("en-US")} texts that hold their words` : ""].filter((note) => note !== "");
  const path = `${query.terms.map(({ text: term }) => term).join(" OR ")}; ${total.toLocaleString("en-US")} candidates${notes.length > 0 ? ` (${notes.join("; ")})` : ""}`;
  return { hits: hits.slice(0, limit), path, more: hits.length > limit || (phrases === undefined ? points.size > wanted : phrases.stopped) };
}

/** Newest positions, at most `limit` and below `before`, that match an FTS expression and pass the filter. */
type Find = (match: string, limit: number, before?: number) => number[];

/** Session and time are tested row by row within the index's own order, so that old events are found behind new ones. */
function finder(log: Prepared, filter: SearchFilter): Find {
  const tests: string[] = [];
  const values: (string | number)[] = [];
  if (filter.session !== undefined) {
    tests.push("(event.session = ? OR EXISTS (SELECT 1 FROM shared WHERE shared.position = event.position AND shared.session = ?))");
    values.push(filter.session, filter.session);
  }
  for (const [test, value] of [["event.time >= ?", filter.since], ["event.time <= ?", filter.until]] as const) {
    if (value === undefined) continue;
    tests.push(test);
    values.push(value);
  }
  const join = tests.length === 0 ? "" : "CROSS JOIN event ON event.position = words.rowid";
  const statement = log.sql(`SELECT words.rowid AS position FROM words ${join} WHERE words MATCH ? AND words.rowid < ? ${tests.map((test) => `AND ${test}`).join(" ")} ORDER BY words.rowid DESC LIMIT ?`);
  const tags = tagsOf(filter);
  return (match, limit, before = Number.MAX_SAFE_INTEGER) => statement.all([`{body names} : (${match})`, ...tags].join(" AND "), before, ...values, limit).map((row) => Number(row["position"]));
}

interface Gathered {
  points: Map<number, number>;
  rarities: Map<string, number>;
  cut: boolean;
  total: number;
}

function gather(find: Find, query: Query, newest: number): Gathered {
  const points = new Map<number, number>();
  const rarities = new Map<string, number>();
  let cut = false;
  for (const { text, weight } of query.terms) {
    const found = find(quote(text), PER_TERM);
    const full = found.length === PER_TERM;
    cut ||= full;
    // Cut short: the share among the newest stands for the whole.
    const times = full ? (PER_TERM / Math.max(1, newest - found.at(-1)! + 1)) * newest : found.length;
    const value = rarity(Math.min(times, newest), newest);
    rarities.set(text, value);
    for (const position of found) points.set(position, (points.get(position) ?? 0) + weight * value);
  }
  // Events that hold every term may be older than the newest of each.
  if (cut && query.terms.length > 1) {
    const sum = query.terms.reduce((all, { text, weight }) => all + weight * rarities.get(text)!, 0);
    const terms = query.terms.filter(({ weight }) => weight === 1).map(({ text }) => quote(text));
    for (const position of find(terms.join(" AND "), 500)) points.set(position, sum);
  }
  return { points, rarities, cut, total: points.size };
}

/** Texts that hold the quoted phrases. The index keeps no places of words, so those that hold their words are read, newest first. */
function holdingPhrases(find: Find, query: Query, read: (positions: readonly number[]) => Stored[], wanted: number): { found: Stored[]; stopped: boolean } {
  const words = query.phrases.flatMap((phrase) => phrase.match(/[\p{L}\p{N}]+/gu) ?? []);
  const match = [...new Set(words)].map(quote).join(" AND ");
  const found: Stored[] = [];
  let before: number | undefined;
  for (let looked = 0; looked < PHRASE_TEXTS; looked += PAGE) {
    const positions = find(match, PAGE, before);
    found.push(...read(positions).filter(({ event }) => holdsPhrases(query, searchable(event))));
    if (positions.length < PAGE) return { found, stopped: false };
    if (found.length >= wanted) break;
    before = positions.at(-1);
  }
  return { found, stopped: true };
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

function rank(query: Query, rarities: ReadonlyMap<string, number>, stored: Stored[], recency: (time: number) => number): Hit[] {
  const hits: Hit[] = [];
  for (const { position, event } of stored) {
    const text = searchable(event);
    if (!holdsPhrases(query, text)) continue;
    const role: Role = roleOf(event, event.payload);
    hits.push({ position, event, text, score: score(query, rarities, { text, role, recency: recency(event.time) }) });
  }
  return inContext(hits);
}

function quote(word: string): string {
  return `"${word.replaceAll('"', '""')}"`;
}
