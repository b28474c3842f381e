/** `verify` on SQLite: walks the chain, the objects, the memberships and the text index. Finds, never mends. */
import { inflateRawSync } from "node:zlib";
import { sha256 } from "../../base/hash.ts";
import type { Envelope, Event } from "../../event/schema.ts";
import type { Stored } from "../store.ts";
import type { Problem } from "../problems.ts";
import { contentHash, GENESIS, linkHash, objectsOf } from "../encoding.ts";
import type { Row, SqlValue } from "./driver.ts";
import type { Files, Prepared } from "./files.ts";
import { EVENT_COLUMNS, unpack } from "./rows.ts";
import { addWords } from "./words.ts";

type Progress = (done: number, total: number) => void;
type Decode = (rows: Row[]) => Stored[];

const PAGE = 500;

export function checkLog(files: Files, progress?: Progress): Problem[] {
  const problems: Problem[] = [];
  for (const [name, file] of [["log.db", files.log], ["objects.db", files.objects]] as const) {
    for (const row of file.database.prepare("PRAGMA integrity_check(20)").all()) {
      const message = String(Object.values(row)[0]);
      if (message !== "ok") problems.push({ code: "FILE_DAMAGED", where: name, message });
    }
  }
  const needed = new Map<string, Set<number>>();
  problems.push(...checkChain(files.log, needed, progress), ...checkObjects(files.objects, needed), ...checkUses(files.log, needed), ...checkShared(files.log), ...checkTips(files.log));
  return problems;
}

/** Objects by hash, each with the positions of the events that refer to it. */
type Needed = Map<string, Set<number>>;

function checkChain(log: Prepared, needed: Needed, progress?: Progress): Problem[] {
  const problems: Problem[] = [];
  const head = log.sql("SELECT position, link FROM head").get();
  const total = head === undefined ? 0 : Number(head["position"]);
  let before: Uint8Array = GENESIS;
  let position = 0;
  for (;;) {
    const rows = log
      .sql("SELECT position, id, time, type, session, agent, thread, record, parent, content, link, salt, payload FROM event WHERE position > ? ORDER BY position LIMIT ?")
      .all(position, PAGE);
    if (rows.length === 0) break;
    for (const row of rows) {
      const at = Number(row["position"]);
      if (at !== position + 1) problems.push({ code: "EVENT_MISSING", where: `positions ${position + 1} to ${at - 1}`, message: `${at - 1 - position} events are missing from the log` });
      position = at;
      const where = `event ${at} (${String(row["id"])}, session ${String(row["session"])})`;
      const problem = checkRow(row, before, where, needed);
      if (problem !== undefined) problems.push(problem);
      before = row["link"] as Uint8Array;
    }
    progress?.(position, total);
  }
  if (position < total) problems.push({ code: "TAIL_MISSING", where: `after event ${position}`, message: `The log once reached event ${total}` });
  else if (position !== total || (head !== undefined && !Buffer.from(before).equals(head["link"] as Uint8Array))) problems.push({ code: "CHAIN_BROKEN", where: `head at event ${total}`, message: "The last link is not the one noted as head" });
  return problems;
}

function checkRow(row: Row, before: Uint8Array, where: string, needed: Needed): Problem | undefined {
  const content = row["content"] as Uint8Array;
  if (row["payload"] !== null) {
    let json: string;
    try {
      json = unpack(row["payload"]!);
      for (const hash of objectsOf(json)) needed.set(hash, (needed.get(hash) ?? new Set()).add(Number(row["position"])));
    } catch (error) {
      return { code: "PAYLOAD_UNREADABLE", where, message: `The payload cannot be decoded: ${(error as Error).message}` };
    }
    if (row["salt"] === null || !contentHash(row["salt"] as Uint8Array, json).equals(content)) return { code: "PAYLOAD_CHANGED", where, message: "The payload is not the one that was recorded" };
  }
  const optional = (key: string): Record<string, string> => (row[key] === null ? {} : { [key]: String(row[key]) });
  const envelope = { id: row["id"], time: Number(row["time"]), type: row["type"], session: row["session"], agent: row["agent"], ...optional("thread"), ...optional("record"), ...optional("parent") } as Envelope;
  if (!linkHash(before, envelope, content).equals(row["link"] as Uint8Array)) return { code: "CHAIN_BROKEN", where, message: "The link does not follow from the event before it" };
  return undefined;
}

function checkObjects(objects: Prepared, needed: Needed): Problem[] {
  const problems: Problem[] = [];
  const present = new Set<string>();
  for (const row of objects.database.prepare("SELECT hash, body, deflated FROM object").iterate()) {
    const hash = Buffer.from(row["hash"] as Uint8Array).toString("hex");
    present.add(hash);
    if (!matches(row, hash)) problems.push({ code: "OBJECT_CHANGED", where: `object ${hash.slice(0, 16)}`, message: "Its bytes do not have the hash it is filed under" });
  }
  for (const hash of needed.keys()) if (!present.has(hash)) problems.push({ code: "OBJECT_MISSING", where: `object ${hash.slice(0, 16)}`, message: "The log refers to it" });
  return problems;
}

function matches(row: Row, hash: string): boolean {
  try {
    const body = row["body"] as Uint8Array;
    return sha256(row["deflated"] ? inflateRawSync(body) : body).toString("hex") === hash;
  } catch {
    // Bytes that do not inflate are the damage being looked for.
    return false;
  }
}

/** The `object_use` table against what the payloads refer to: an erasure goes by it. */
function checkUses(log: Prepared, needed: Needed): Problem[] {
  let [known, strange] = [0, 0];
  for (const row of log.database.prepare("SELECT hash, position FROM object_use").iterate()) {
    if (needed.get(Buffer.from(row["hash"] as Uint8Array).toString("hex"))?.has(Number(row["position"])) === true) known += 1;
    else strange += 1;
  }
  const expected = [...needed.values()].reduce((sum, positions) => sum + positions.size, 0);
  if (known === expected && strange === 0) return [];
  return [{ code: "INDEX_DIFFERS", where: "object_use", message: `${known + strange} uses of large texts are noted, the log has ${expected}` }];
}

function checkTips(log: Prepared): Problem[] {
  const rows = log
    .sql("SELECT session, max(position) AS position FROM event GROUP BY session EXCEPT SELECT session, position FROM tip")
    .all()
    .concat(log.sql("SELECT session, position FROM tip EXCEPT SELECT session, max(position) FROM event GROUP BY session").all());
  return rows.map((row) => ({ code: "MEMBERSHIP_DIFFERS" as const, where: `session ${String(row["session"])}`, message: "Its newest event is not the one noted" }));
}

/** The `shared` table against what the log's `session.forked` events say. */
function checkShared(log: Prepared): Problem[] {
  const problems: Problem[] = [];
  const expected = new Map<string, Set<number>>();
  for (const row of log.sql("SELECT session, payload FROM event WHERE type = 'session.forked' AND payload IS NOT NULL").all()) {
    const session = String(row["session"]);
    const positions = expected.get(session) ?? new Set<number>();
    expected.set(session, positions);
    const records = recordsOf(row["payload"]!);
    for (const found of log.sql("SELECT position FROM event WHERE id IN (SELECT value FROM json_each(?)) AND session <> ?").all(JSON.stringify(records), session)) positions.add(Number(found["position"]));
  }
  const actual = new Map<string, Set<number>>();
  for (const row of log.sql("SELECT session, position FROM shared").all()) {
    const session = String(row["session"]);
    const positions = actual.get(session) ?? new Set<number>();
    actual.set(session, positions.add(Number(row["position"])));
  }
  for (const session of new Set([...expected.keys(), ...actual.keys()])) {
    const want = expected.get(session) ?? new Set();
    const have = actual.get(session) ?? new Set();
    if (want.size !== have.size || [...want].some((position) => !have.has(position))) problems.push({ code: "MEMBERSHIP_DIFFERS", where: `session ${session}`, message: `${have.size} shared events, the log names ${want.size}` });
  }
  return problems;
}

/** Ids that a fork's note names; none where it cannot be read, which checkRow reports. */
function recordsOf(payload: SqlValue): string[] {
  try {
    const { records } = JSON.parse(unpack(payload)) as { records?: string[] };
    return Array.isArray(records) ? records : [];
  } catch {
    return [];
  }
}

const FILED: Record<string, string> = { ended: "time", project: "project", turns: "number of turns" };

/** Summaries that can no longer be read, or stand in the wrong place; what they say is compared by `verify`. */
export function checkSummaryRows(log: Prepared): Problem[] {
  const problems: Problem[] = [];
  for (const row of log.sql("SELECT session, ended, project, turns, body, trace FROM summary").all()) {
    const where = `session ${String(row["session"])}`;
    try {
      const body = JSON.parse(String(row["body"])) as Record<string, unknown>;
      JSON.parse(String(row["trace"]));
      for (const column of ["ended", "project", "turns"]) {
        if (body[column] !== row[column]) problems.push({ code: "SUMMARY_DIFFERS", where, message: `It is filed under another ${FILED[column]} than its own` });
      }
    } catch {
      problems.push({ code: "SUMMARY_DIFFERS", where, message: "It can no longer be read" });
    }
  }
  return problems;
}

/** Builds the index a second time beside the first and compares both term by term. */
export function checkIndex(log: Prepared, decode: Decode, progress?: Progress): Problem[] {
  const { database } = log;
  database.exec("DROP TABLE IF EXISTS temp.again");
  database.exec("CREATE VIRTUAL TABLE temp.again USING fts5(body, names, tags, content='', contentless_delete=1, detail=column, tokenize='porter unicode61 remove_diacritics 2')");
  database.exec("CREATE VIRTUAL TABLE temp.again_terms USING fts5vocab('temp', 'again', 'instance')");
  database.exec("CREATE VIRTUAL TABLE temp.words_terms USING fts5vocab('main', 'words', 'instance')");
  try {
    fill(log, decode, "temp.again", progress);
    const rows = database
      .prepare(
        // Per word and column the number of events and the sums of their positions and of the squares: words moved from
        // one event to another change a sum. Not a FULL JOIN: rowids of fts5vocab begin anew with every look-up.
        `SELECT term, sum(want) AS want, sum(have) AS have FROM (
           SELECT term, col, 1 AS want, 0 AS have, doc AS place, doc * doc % 1000003 AS square FROM temp.again_terms
           UNION ALL SELECT term, col, 0, 1, -doc, -(doc * doc % 1000003) FROM temp.words_terms)
         GROUP BY term, col HAVING sum(want) <> sum(have) OR sum(place) <> 0 OR sum(square) <> 0 LIMIT 20`,
      )
      .all();
    return rows.map((row) => ({ code: "INDEX_DIFFERS" as const, where: `word "${String(row["term"])}"`, message: `in ${Number(row["have"] ?? 0)} events, a rebuild gives ${Number(row["want"] ?? 0)}` }));
  } finally {
    for (const table of ["again_terms", "words_terms", "again"]) database.exec(`DROP TABLE IF EXISTS temp.${table}`);
  }
}

/** Inside the caller's transaction. Rows that cannot be read are left out of what is built. */
export function rebuildIndex(log: Prepared, decode: Decode, progress?: Progress): void {
  log.database.exec("INSERT INTO words(words) VALUES ('delete-all')");
  fill(log, decode, "words", progress);
  log.database.exec("DELETE FROM shared; DELETE FROM object_use; DELETE FROM tip;");
  log.database.exec("INSERT INTO tip (session, position) SELECT session, max(position) FROM event GROUP BY session");
  for (const row of log.sql("SELECT session, payload FROM event WHERE type = 'session.forked' AND payload IS NOT NULL").all()) {
    const records = recordsOf(row["payload"]!);
    log.sql("INSERT OR IGNORE INTO shared (session, position) SELECT ?1, position FROM event WHERE id IN (SELECT value FROM json_each(?2)) AND session <> ?1").run(String(row["session"]), JSON.stringify(records));
  }
  for (const row of log.database.prepare("SELECT position, payload FROM event WHERE payload IS NOT NULL").iterate()) {
    for (const hash of usesOf(row["payload"]!)) log.sql("INSERT OR IGNORE INTO object_use (hash, position) VALUES (?, ?)").run(Buffer.from(hash, "hex"), Number(row["position"]));
  }
}

function usesOf(payload: SqlValue): string[] {
  try {
    return objectsOf(unpack(payload));
  } catch {
    return [];
  }
}

function fill(log: Prepared, decode: Decode, table: "words" | "temp.again", progress?: Progress): void {
  const target = table === "words" ? log : redirected(log, table);
  const projects = new Map<string, string>();
  for (const { event } of decode(log.sql(`SELECT ${EVENT_COLUMNS} FROM event WHERE type = 'session.started' AND payload IS NOT NULL`).all())) {
    if (event.type === "session.started" && event.id === `${event.session}:started`) projects.set(event.session, event.payload.project ?? "");
  }
  const total = Number(log.sql("SELECT position FROM head").get()?.["position"] ?? 0);
  for (let after = 0; ; ) {
    const rows = log.sql(`SELECT ${EVENT_COLUMNS} FROM event WHERE position > ? ORDER BY position LIMIT ?`).all(after, PAGE);
    const last = rows.at(-1);
    if (last === undefined) return;
    for (const { event, position, erased } of decode(rows)) if (!erased) addWords(target, position, event as Event, projects.get(event.session) ?? "");
    after = Number(last["position"]);
    progress?.(after, total);
  }
}

/** The same statements against another table: `addWords` stays the one place that says what is indexed. */
function redirected(log: Prepared, table: string): Prepared {
  return Object.assign(Object.create(log) as Prepared, { sql: (text: string) => log.sql(text.replace("INTO words", `INTO ${table}`)) });
}
