/**
 * Passages in SQLite: taking them from the log page by page, saying which hold a word, forgetting them, and comparing
 * them with a rebuild. They are never written while events are appended, so no hook and no import waits for them.
 */
import type { Event } from "../../event/schema.ts";
import { PASSAGE_TYPES, passagesOf, speakerOf } from "../../event/passages.ts";
import { nameParts, roleOf, type Role } from "../../event/text.ts";
import { onlyAsks, tellsTime } from "../question.ts";
import { FIRST_PLACE, SPACE, type Key, type Listed, type PassageSource } from "../recall-rank.ts";
import type { PassageFilter, Position, Stored } from "../store.ts";
import type { Row, SqlValue, Statement } from "./driver.ts";
import type { Prepared } from "./files.ts";
import type { PassageCache } from "./passage-cache.ts";
import { EVENT_COLUMNS, unpack } from "./rows.ts";

type Decode = (rows: Row[]) => Stored[];

const TYPES = [...PASSAGE_TYPES, "session.started"].map((type) => `'${type}'`).join(", ");
/** What passages are kept in, for those who build them a second time. */
export const PASSAGE_TABLES = { conversation: "TABLE", passage: "TABLE", passage_head: "TABLE", passage_words: "VIRTUAL TABLE" } as const;

/** Names that are known of those who speak; in a log with more of them some are words like any other. */
const SPEAKERS = 200;

const TELLS_TIME = 1;
const ASKS = 2;
const ONLY_ASKS = 4;
const ROLE: Readonly<Record<Role, number>> = { user: 8, assistant: 16, tool: 32, system: 64 };

/** Takes in the next `count` positions of the log, inside the caller's transaction. Returns how far it is then. */
export function takePassages(log: Prepared, decode: Decode, count: number): Position {
  const from = passageHead(log);
  const head = Number(log.sql("SELECT position FROM head").get()?.["position"] ?? 0);
  const to = Math.min(head, from + count);
  if (to === from) return from;
  const rows = log.sql(`SELECT ${EVENT_COLUMNS} FROM event WHERE position > ? AND position <= ? AND type IN (${TYPES}) AND payload IS NOT NULL ORDER BY position`).all(from, to);
  for (const { event, position } of decode(rows)) addPassages(log, event, position);
  log.sql("INSERT INTO passage_head (only, position) VALUES (1, ?) ON CONFLICT (only) DO UPDATE SET position = excluded.position").run(to);
  return to;
}

export function passageHead(log: Prepared): Position {
  return Number(log.sql("SELECT position FROM passage_head").get()?.["position"] ?? 0);
}

function addPassages(log: Prepared, event: Event, position: Position): void {
  if (event.type === "session.started") {
    // The start may come after what was said.
    if (event.id === `${event.session}:started`) log.sql("UPDATE conversation SET project = ?, branch = ? WHERE session = ?").run(event.payload.project ?? "", event.payload.branch ?? "", event.session);
    return;
  }
  const texts = passagesOf(event);
  if (texts.length === 0) return;
  const { number, passages } = conversationOf(log, event, position);
  const role = roleOf(event, event.payload);
  for (const [part, text] of texts.entries()) {
    const key = number * SPACE + FIRST_PLACE + passages + part;
    const asks = text.includes("?");
    log
      .sql("INSERT INTO passage (key, position, part, time, words, traits, speaker) VALUES (?, ?, ?, ?, ?, ?, ?)")
      .run(key, position, part, event.time, text.split(/\s+/).length, (tellsTime(text) ? TELLS_TIME : 0) + (asks ? ASKS : 0) + (onlyAsks(text) ? ONLY_ASKS : 0) + ROLE[role], speakerOf(event));
    log.sql("INSERT INTO passage_words (rowid, body, names) VALUES (?, ?, ?)").run(key * 2 + (asks ? 1 : 0), text, nameParts(text));
  }
  log.sql("UPDATE conversation SET passages = ? WHERE number = ?").run(passages + texts.length, number);
}

/** Inside the caller's transaction. */
export function forgetPassages(log: Prepared, position: Position): void {
  for (const { key, traits } of log.sql("SELECT key, traits FROM passage WHERE position = ?").all(position)) log.sql("DELETE FROM passage_words WHERE rowid = ?").run(Number(key) * 2 + ((Number(traits) & ASKS) === 0 ? 0 : 1));
  log.sql("DELETE FROM passage WHERE position = ?").run(position);
}

function conversationOf(log: Prepared, event: Event, position: Position): { number: number; passages: number } {
  const known = log.sql("SELECT number, passages FROM conversation WHERE session = ? AND thread = ?").get(event.session, event.thread ?? "");
  if (known !== undefined) return { number: Number(known["number"]), passages: Number(known["passages"]) };
  const row = log.sql("SELECT payload FROM event WHERE id = ? AND position < ?").get(`${event.session}:started`, position);
  const start = row === undefined || row["payload"] === null ? {} : (JSON.parse(unpack(row["payload"]!)) as { project?: string; branch?: string });
  const { lastInsertRowid } = log
    .sql("INSERT INTO conversation (session, thread, agent, project, branch, passages) VALUES (?, ?, ?, ?, ?, 0)")
    .run(event.session, event.thread ?? "", event.agent, start.project ?? "", start.branch ?? "");
  return { number: Number(lastInsertRowid), passages: 0 };
}

/** What is said about passages that pass the filter. */
export function passageSource(log: Prepared, decode: Decode, filter: PassageFilter, cache: PassageCache): PassageSource {
  cache.refresh(log);
  const { sql, values, joined } = passageFilter(filter);
  const { total, speakers } = cache.about(() => ({ total: Number(log.sql("SELECT sum(passages) AS n FROM conversation").get()?.["n"] ?? 0), speakers: speakersOf(log) }));
  const test = JSON.stringify([sql("key"), values]);
  const join = joined ? "CROSS JOIN passage ON passage.key = passage_words.rowid / 2" : "";
  const key = joined ? "passage.key" : "passage_words.rowid / 2";
  // As one text: a row for each place took four times as long as finding them.
  const gathered = (select: string): Statement => log.sql(`SELECT json_group_array(place) AS places FROM (${select})`);
  const placesOf = (row: Row | undefined): number[] => JSON.parse(String(row?.["places"] ?? "[]")) as number[];
  const match = gathered(`SELECT passage_words.rowid AS place FROM passage_words ${join} WHERE passage_words MATCH ? ${sql(key)} ORDER BY passage_words.rowid DESC LIMIT ?`);
  // A query would take another ending off words that have lost theirs.
  const filed = gathered(
    `SELECT DISTINCT doc AS place FROM passage_instance ${join.replaceAll("passage_words.rowid", "doc")} WHERE term IN (SELECT value FROM json_each(?)) ${sql(joined ? "passage.key" : "doc / 2")} ORDER BY doc DESC LIMIT ?`,
  );
  const matching = (expression: string, limit: number): number[] => placesOf(match.get(expression, ...values, limit));
  return {
    total,
    holding: (forms, limit) => {
      const expression = forms.map(quote).join(" OR ");
      return cache.places(`${limit} ${expression} ${test}`, () => matching(expression, limit));
    },
    speakers: () => speakers,
    within: (from, to, limit) =>
      log
        .sql(`SELECT key FROM passage WHERE time >= ? AND time < ? ${sql("passage.key")} ORDER BY time DESC LIMIT ?`)
        .all(from, to, ...values, limit)
        .map((row) => Number(row["key"])),
    vocabulary: (start) => log.sql("SELECT term FROM passage_vocabulary WHERE term >= ? AND term < ?").all(start, `${start}\u{10ffff}`).map((row) => String(row["term"])),
    filedUnder: (terms, limit) => placesOf(filed.get(JSON.stringify(terms), ...values, limit)),
    list: (keys) => {
      const row = log
        .sql(`SELECT json_group_array(json_array(key, time, words, traits, speaker)) AS rows FROM passage WHERE key IN (SELECT value FROM json_each(?)) ${sql("passage.key")}`)
        .get(JSON.stringify(keys), ...values);
      return (JSON.parse(String(row?.["rows"] ?? "[]")) as [number, number, number, number, string][]).map(listed);
    },
    read: (keys) => {
      const unknown = keys.filter((key) => cache.text(key) === undefined);
      const found = new Map((unknown.length === 0 ? [] : readPassages(log, decode, unknown)).map((passage) => [passage.key, passage]));
      const all = keys.flatMap((key) => cache.text(key) ?? found.get(key) ?? []);
      for (const passage of found.values()) cache.keep(passage);
      return all;
    },
  };
}

export function readPassages(log: Prepared, decode: Decode, keys: readonly Key[]): ReturnType<PassageSource["read"]> {
  const rows = log
    .sql(
      `SELECT passage.key, position, part, project, branch FROM json_each(?) AS wanted JOIN passage ON passage.key = wanted.value
       JOIN conversation ON conversation.number = passage.key / ${SPACE} ORDER BY wanted.key`,
    )
    .all(JSON.stringify(keys));
  const stored = decode(log.sql(`SELECT ${EVENT_COLUMNS} FROM event WHERE position IN (SELECT value FROM json_each(?))`).all(JSON.stringify(rows.map((row) => row["position"]!))));
  // Split once: several pieces of a long text are often asked for together.
  const events = new Map(stored.map(({ position, event }) => [position, { event, texts: passagesOf(event) }]));
  return rows.flatMap((row) => {
    const [position, part] = [Number(row["position"]), Number(row["part"])];
    const { event, texts } = events.get(position) ?? {};
    const text = texts?.[part];
    return event === undefined || text === undefined ? [] : [{ key: Number(row["key"]), event, position, part, text, project: String(row["project"]), branch: String(row["branch"]) }];
  });
}

function listed([key, time, words, traits, speaker]: [number, number, number, number, string]): Listed {
  return { key, time, words, speaker, tellsTime: (traits & TELLS_TIME) !== 0, onlyAsks: (traits & ONLY_ASKS) !== 0 };
}

/** From one name to the next: they are few among many passages. */
function speakersOf(log: Prepared): string[] {
  const next = log.sql("SELECT min(speaker) AS speaker FROM passage WHERE speaker <> '' AND speaker > ?");
  const found: string[] = [];
  for (let name: SqlValue | undefined = ""; found.length < SPEAKERS; found.push(String(name))) {
    name = next.get(name)?.["speaker"];
    if (name === null || name === undefined) break;
  }
  return found;
}

/** The filter as SQL over a passage's key. Conversations are few: which of them pass is found once for a question. */
export function passageFilter(filter: PassageFilter): { sql: (key: string) => string; values: SqlValue[]; joined: boolean } {
  const conversations: string[] = [];
  const rows: string[] = [];
  const values: SqlValue[] = [];
  const add = (to: string[], test: string, ...given: readonly (SqlValue | undefined)[]): void => {
    if (given[0] === undefined) return;
    to.push(test);
    values.push(...(given as SqlValue[]));
  };
  add(conversations, "project = ?", filter.project);
  add(conversations, "agent = ? COLLATE NOCASE", filter.agent);
  add(conversations, "branch = ?", filter.branch);
  add(rows, "passage.time >= ?", filter.since);
  add(rows, "passage.time <= ?", filter.until);
  add(rows, "passage.traits & ? <> 0", filter.role === undefined ? undefined : ROLE[filter.role]);
  add(rows, `(passage.key / ${SPACE} IN (SELECT number FROM conversation WHERE session = ?) OR passage.position IN (SELECT position FROM shared WHERE session = ?))`, filter.session, filter.session);
  const sql = (key: string): string =>
    [conversations.length === 0 ? "" : `AND ${key} / ${SPACE} IN (SELECT number FROM conversation WHERE ${conversations.join(" AND ")})`, ...rows.map((test) => `AND ${test}`)].join(" ");
  return { sql, values, joined: rows.length > 0 };
}

function quote(word: string): string {
  return `"${word.replaceAll('"', '""')}"`;
}
