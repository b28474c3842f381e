/**
 * The store on SQLite: the log in `log.db` (with everything derived from it), large texts in `objects.db`.
 *
 * Objects are committed before the events that refer to them; a crash between leaves an object nobody refers to,
 * which `doctor` removes. Left out: searching (search.ts) and checking (check.ts).
 */
import { statSync } from "node:fs";
import { join } from "node:path";
import { deflateRawSync, inflateRawSync } from "node:zlib";
import { asTidemarkError } from "../../base/errors.ts";
import type { Event, EventType } from "../../event/schema.ts";
import type { SessionSummary } from "../../session/summary.ts";
import type { Trace } from "../../session/trace.ts";
import type { Question } from "../question.ts";
import { recall } from "../recall.ts";
import type { Appended, Passage, PassageAnswer, PassageFilter, Position, SearchAnswer, SearchFilter, SourceState, Store, Stored } from "../store.ts";
import type { Problem } from "../problems.ts";
import { contentHash, encodePayload, envelopeOf, GENESIS, linkHash, newSalts, objectsOf } from "../encoding.ts";
import { byType } from "./by-type.ts";
import { checkPassages, rebuildPassages } from "./check-passages.ts";
import { checkIndex, checkLog, checkSummaryRows, rebuildIndex } from "./check.ts";
import type { Row } from "./driver.ts";
import { openFiles, type Files, type Prepared } from "./files.ts";
import { PassageCache } from "./passage-cache.ts";
import { checkVectors, dropVectors, near, putVectors, VectorCache, withoutVector } from "./vectors.ts";
import { forgetPassages, passageHead, passageSource, takePassages } from "./passages.ts";
import { EVENT_COLUMNS, pack, toStored, unpack } from "./rows.ts";
import { search } from "./search.ts";
import { addWords } from "./words.ts";

export async function openSqliteStore(folder: string): Promise<Store> {
  return new SqliteStore(openFiles(folder));
}

/** Other events are hung on these: they keep their payload. */
const STRUCTURAL = new Set(["session.started", "session.forked", "session.resumed"]);

const SUMMARY_COLUMNS = "up_to, ended, body";

class SqliteStore implements Store {
  readonly #files: Files;
  readonly #log: Prepared;
  readonly #passages = new PassageCache();
  readonly #vectors = new VectorCache();
  readonly #objects: Prepared;
  #closed = false;

  constructor(files: Files) {
    this.#files = files;
    this.#log = files.log;
    this.#objects = files.objects;
  }

  async append(events: readonly Event[]): Promise<Appended> {
    return guarded(() => {
      const fresh = this.#unknown(events);
      if (fresh.length === 0) return { position: this.#head().position, added: 0, duplicates: events.length };
      const encoded = fresh.map((event) => encodePayload(event.payload));
      this.#putObjects(encoded.map(({ objects }) => objects));
      const salts = newSalts(fresh.length);
      const packed = encoded.map(({ json }) => pack(json));
      // Deflating and hashing of payloads is done by now: the write lock is held for the inserts alone.
      return this.#write(() => {
        // Again under the lock: another process may have erased the last event that held one of these texts meanwhile.
        this.#putObjects(encoded.map(({ objects }) => objects));
        let { position, link } = this.#head();
        let added = 0;
        const tips = new Map<string, number>();
        for (const [i, event] of fresh.entries()) {
          const { json, objects } = encoded[i]!;
          const salt = salts[i]!;
          const content = contentHash(salt, json);
          const next = linkHash(link, envelopeOf(event), content);
          const result = this.#log
            .sql(
              `INSERT INTO event (position, id, time, type, session, agent, thread, record, parent, content, link, salt, payload)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
            )
            .run(position + 1, event.id, event.time, event.type, event.session, event.agent, event.thread ?? null, event.record ?? null, event.parent ?? null, content, next, salt, packed[i]!);
          // Another process may have appended the same event between the look-up and the lock.
          if (Number(result.changes) === 0) continue;
          position += 1;
          link = next;
          added += 1;
          for (const hash of objects.keys()) this.#log.sql("INSERT OR IGNORE INTO object_use (hash, position) VALUES (?, ?)").run(Buffer.from(hash, "hex"), position);
          tips.set(event.session, position);
          this.#hand(event, position);
          if (event.type === "session.forked") this.#share(event.session, event.payload.records);
          addWords(this.#log, position, event, this.#projectOf(event));
          if (event.id === `${event.session}:started`) this.#tagEarlier(event, position);
        }
        for (const tip of tips) this.#log.sql("INSERT INTO tip (session, position) VALUES (?, ?) ON CONFLICT (session) DO UPDATE SET position = excluded.position").run(...tip);
        this.#log.sql("INSERT INTO head (only, position, link) VALUES (1, ?, ?) ON CONFLICT (only) DO UPDATE SET position = excluded.position, link = excluded.link").run(position, link);
        return { position, added, duplicates: events.length - added };
      });
    });
  }

  async known(ids: readonly string[]): Promise<Map<string, string>> {
    return guarded(() => {
      const find = this.#log.sql("SELECT session FROM event WHERE id = ?");
      const found = new Map<string, string>();
      for (const id of ids) {
        const row = find.get(id);
        if (row !== undefined) found.set(id, String(row["session"]));
      }
      return found;
    });
  }

  async read(session: string): Promise<Stored[]> {
    return guarded(() => {
      const rows = this.#log
        .sql(
          `SELECT ${EVENT_COLUMNS} FROM event WHERE session = ?1
           UNION ALL SELECT ${EVENT_COLUMNS} FROM shared JOIN event USING (position) WHERE shared.session = ?1
           ORDER BY 1`,
        )
        .all(session);
      return this.#decode(rows);
    });
  }

  async ofTypes(types: readonly EventType[], sessions?: readonly string[]): Promise<Stored[]> {
    const { sql, values } = byType(types, sessions);
    return guarded(() => this.#decode(this.#log.sql(sql).all(...values)));
  }

  async get(ids: readonly string[]): Promise<Stored[]> {
    return guarded(() => this.#decode(this.#log.sql(`SELECT ${EVENT_COLUMNS} FROM event WHERE id IN (SELECT value FROM json_each(?)) ORDER BY position`).all(JSON.stringify(ids))));
  }

  async scan(after: Position, limit: number): Promise<Stored[]> {
    return guarded(() => this.#decode(this.#log.sql(`SELECT ${EVENT_COLUMNS} FROM event WHERE position > ? ORDER BY position LIMIT ?`).all(after, limit)));
  }

  async erase(ids: readonly string[]): Promise<number> {
    return guarded(() => {
      const erased = this.#write(() => {
        const hashes = new Set<string>();
        const positions: number[] = [];
        for (const id of ids) {
          const row = this.#log.sql("SELECT position, type, payload FROM event WHERE id = ? AND payload IS NOT NULL").get(id);
          if (row === undefined || STRUCTURAL.has(String(row["type"]))) continue;
          const position = Number(row["position"]);
          this.#log.sql("UPDATE event SET salt = NULL, payload = NULL WHERE position = ?").run(position);
          this.#log.sql("DELETE FROM words WHERE rowid = ?").run(position);
          forgetPassages(this.#log, position);
          for (const hash of objectsOf(unpack(row["payload"]!))) hashes.add(hash);
          this.#log.sql("DELETE FROM object_use WHERE position = ?").run(position);
          positions.push(position);
        }
        const members = "SELECT session FROM event WHERE position IN (SELECT value FROM json_each(?1)) UNION SELECT session FROM shared WHERE position IN (SELECT value FROM json_each(?1))";
        this.#log.sql(`DELETE FROM summary WHERE session IN (${members})`).run(JSON.stringify(positions));
        // Before the log's commit and under its lock: a crash here leaves a text missing that was to go, never one that stays.
        this.#objects.write(() => {
          for (const hex of hashes) {
            const hash = Buffer.from(hex, "hex");
            if (this.#log.sql("SELECT 1 FROM object_use WHERE hash = ?").get(hash) === undefined) this.#objects.sql("DELETE FROM object WHERE hash = ?").run(hash);
          }
        });
        return positions.length;
      });
      if (ids.length > 0) this.#scrub();
      return erased;
    });
  }

  async scrub(): Promise<boolean> {
    return guarded(() => this.#emptyWal());
  }

  async heads(): Promise<Map<string, Position>> {
    return guarded(() => {
      const rows = this.#log.sql("SELECT session, position FROM tip").all();
      return new Map(rows.map((row) => [String(row["session"]), Number(row["position"])]));
    });
  }

  async head(): Promise<{ position: Position; link: string }> {
    const { position, link } = guarded(() => this.#head());
    return { position, link: Buffer.from(link).toString("hex") };
  }

  async check(progress?: (done: Position, total: Position) => void): Promise<Problem[]> {
    return guarded(() => checkLog(this.#files, progress));
  }

  async putSummary(summary: SessionSummary, upTo: Position, trace: Trace): Promise<void> {
    guarded(() =>
      this.#log
        .sql("INSERT OR REPLACE INTO summary (session, up_to, ended, project, turns, body, trace) VALUES (?, ?, ?, ?, ?, ?, ?)")
        .run(summary.id, upTo, summary.ended, summary.project, summary.turns, JSON.stringify(summary), JSON.stringify(trace)),
    );
  }

  async summaries(): Promise<{ summary: SessionSummary; upTo: Position }[]> {
    return guarded(() => this.#log.sql(`SELECT ${SUMMARY_COLUMNS} FROM summary ORDER BY ended DESC, session`).all().flatMap((row) => toSummary(row) ?? []));
  }

  async summary(session: string): Promise<{ summary: SessionSummary; upTo: Position } | undefined> {
    return guarded(() => {
      const row = this.#log.sql(`SELECT ${SUMMARY_COLUMNS} FROM summary WHERE session = ?`).get(session);
      return row === undefined ? undefined : toSummary(row);
    });
  }

  async newest(project: string): Promise<SessionSummary | undefined> {
    return guarded(() => {
      const row = this.#log.sql(`SELECT ${SUMMARY_COLUMNS} FROM summary WHERE project = ? AND turns > 0 ORDER BY ended DESC, session LIMIT 1`).get(project);
      return row === undefined ? undefined : toSummary(row)?.summary;
    });
  }

  async traces(project: string, limit: number): Promise<Trace[]> {
    return guarded(() => this.#log.sql("SELECT trace FROM summary WHERE project = ? AND turns > 0 ORDER BY ended DESC, session LIMIT ?").all(project, limit).flatMap((row) => toTrace(row) ?? []));
  }

  async trace(session: string): Promise<Trace | undefined> {
    return guarded(() => {
      const row = this.#log.sql("SELECT trace FROM summary WHERE session = ?").get(session);
      return row === undefined ? undefined : toTrace(row);
    });
  }

  async stale(): Promise<Map<string, Position>> {
    return guarded(() => {
      const rows = this.#log.sql("SELECT session, position FROM tip LEFT JOIN summary USING (session) WHERE up_to IS NOT position").all();
      return new Map(rows.map((row) => [String(row["session"]), Number(row["position"])]));
    });
  }

  async dropSummaries(): Promise<void> {
    guarded(() => this.#log.database.exec("DELETE FROM summary"));
  }

  async search(query: string, filter: SearchFilter, limit: number): Promise<SearchAnswer> {
    return guarded(() => search(this.#log, (rows) => this.#decode(rows), query, filter, limit));
  }

  async takePassages(limit: number): Promise<{ position: Position; head: Position }> {
    return guarded(() => {
      const { position: head } = this.#head();
      if (passageHead(this.#log) === head) return { position: head, head };
      return { position: this.#write(() => takePassages(this.#log, (rows) => this.#decodeSound(rows), limit)), head };
    });
  }

  async recall(question: Question, filter: PassageFilter, limit: number): Promise<PassageAnswer> {
    return guarded(() => this.#log.read(() => recall(passageSource(this.#log, (rows) => this.#decode(rows), filter, this.#passages), question, limit)));
  }

  async withoutVector(space: string, limit: number): ReturnType<Store["withoutVector"]> {
    return guarded(() => withoutVector(this.#log, (rows) => this.#decode(rows), space, limit));
  }

  async putVectors(space: string, vectors: Parameters<Store["putVectors"]>[1]): Promise<void> {
    guarded(() => this.#write(() => putVectors(this.#log, space, vectors)));
  }

  async near(space: string, vector: Float32Array, filter: PassageFilter, limit: number): Promise<Passage[]> {
    return guarded(() => this.#log.read(() => near(this.#log, (rows) => this.#decode(rows), this.#vectors, space, vector, filter, limit)));
  }

  async dropVectors(): Promise<void> {
    guarded(() => this.#write(() => dropVectors(this.#log)));
  }

  async source(path: string): Promise<SourceState | undefined> {
    return guarded(() => {
      const row = this.#log.sql("SELECT path, size, modified, report FROM source WHERE path = ?").get(path);
      return row === undefined ? undefined : { path, size: Number(row["size"]), modified: Number(row["modified"]), report: String(row["report"]) };
    });
  }

  async putSource(state: SourceState): Promise<void> {
    guarded(() =>
      this.#log
        .sql("INSERT INTO source (path, size, modified, report) VALUES (?, ?, ?, ?) ON CONFLICT (path) DO UPDATE SET size = excluded.size, modified = excluded.modified, report = excluded.report")
        .run(state.path, state.size, state.modified, state.report),
    );
  }

  async checkIndex(progress?: (done: Position, total: Position) => void): Promise<Problem[]> {
    return guarded(() => [...checkSummaryRows(this.#log), ...checkIndex(this.#log, (rows) => this.#decodeSound(rows), progress), ...checkPassages(this.#log, (rows) => this.#decodeSound(rows), progress), ...checkVectors(this.#log)]);
  }

  async rebuildIndex(progress?: (done: Position, total: Position) => void): Promise<void> {
    guarded(() => {
      this.#write(() => {
        rebuildIndex(this.#log, (rows) => this.#decodeSound(rows), progress);
        rebuildPassages(this.#log, (rows) => this.#decodeSound(rows), progress);
        const used = this.#log.sql("SELECT 1 FROM object_use WHERE hash = ?");
        this.#objects.write(() => {
          for (const row of this.#objects.sql("SELECT hash FROM object").all()) {
            if (used.get(row["hash"]!) === undefined) this.#objects.sql("DELETE FROM object WHERE hash = ?").run(row["hash"]!);
          }
        });
      });
      this.#scrub();
    });
  }

  async lease(name: string, holder: string, now: number, until: number): Promise<string> {
    return guarded(() =>
      this.#write(() => {
        this.#log
          .sql("INSERT INTO lease (name, holder, until) VALUES (?1, ?2, ?4) ON CONFLICT (name) DO UPDATE SET holder = ?2, until = ?4 WHERE holder = ?2 OR until <= ?3")
          .run(name, holder, now, until);
        return String(this.#log.sql("SELECT holder FROM lease WHERE name = ?").get(name)!["holder"]);
      }),
    );
  }

  async release(name: string, holder: string): Promise<void> {
    guarded(() => this.#log.sql("DELETE FROM lease WHERE name = ? AND holder = ?").run(name, holder));
  }

  async leases(now: number): Promise<{ name: string; holder: string }[]> {
    return guarded(() => this.#log.sql("SELECT name, holder FROM lease WHERE until > ? ORDER BY name").all(now).map((row) => ({ name: String(row["name"]), holder: String(row["holder"]) })));
  }

  async sizes(): Promise<Record<string, number>> {
    const sizes: Record<string, number> = {};
    for (const name of ["log.db", "log.db-wal", "objects.db", "objects.db-wal"]) {
      sizes[name] = statSync(join(this.#files.folder, name), { throwIfNoEntry: false })?.size ?? 0;
    }
    return sizes;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#log.database.close();
    this.#objects.database.close();
  }

  /** A writing transaction; what was remembered during one that failed is forgotten with it. */
  #write<T>(body: () => T): T {
    this.#passages.drop();
    this.#vectors.drop();
    try {
      return this.#log.write(body);
    } catch (error) {
      this.#projects.clear();
      throw error;
    }
  }

  /** Events whose ids the log does not have, each id once. */
  #unknown(events: readonly Event[]): Event[] {
    const find = this.#log.sql("SELECT 1 FROM event WHERE id = ?");
    const seen = new Set<string>();
    return events.filter(({ id }) => !seen.has(id) && seen.add(id) && find.get(id) === undefined);
  }

  #head(): { position: Position; link: Uint8Array } {
    const row = this.#log.sql("SELECT position, link FROM head").get();
    return row === undefined ? { position: 0, link: GENESIS } : { position: Number(row["position"]), link: row["link"] as Uint8Array };
  }

  #share(session: string, ids: readonly string[]): void {
    for (const id of ids) {
      const row = this.#log.sql("SELECT position, session FROM event WHERE id = ?").get(id);
      if (row === undefined) this.#log.sql("INSERT OR IGNORE INTO awaited (id, session) VALUES (?, ?)").run(id, session);
      else if (row["session"] !== session) this.#log.sql("INSERT OR IGNORE INTO shared (session, position) VALUES (?, ?)").run(session, row["position"]!);
    }
  }

  /** What forks named before it was there is theirs now. */
  #hand(event: Event, position: Position): void {
    for (const { session } of this.#log.sql("SELECT session FROM awaited WHERE id = ?").all(event.id)) {
      if (session !== event.session) this.#log.sql("INSERT OR IGNORE INTO shared (session, position) VALUES (?, ?)").run(session!, position);
      this.#log.sql("DELETE FROM summary WHERE session = ?").run(session!);
      this.#log.sql("DELETE FROM awaited WHERE id = ? AND session = ?").run(event.id, session!);
    }
  }

  readonly #projects = new Map<string, string>();

  /** The project a session began in: the index tags every event with it, so that a filter costs one more term. */
  #projectOf(event: Event): string {
    if (event.type === "session.started" && event.id === `${event.session}:started`) {
      const project = event.payload.project ?? "";
      this.#projects.set(event.session, project);
      return project;
    }
    let project = this.#projects.get(event.session);
    if (project === undefined) {
      const row = this.#log.sql("SELECT payload FROM event WHERE id = ?").get(`${event.session}:started`);
      // Events that come before their session's start have no project; the start may still come.
      if (row === undefined || row["payload"] === null) return "";
      project = (JSON.parse(unpack(row["payload"]!)) as { project?: string }).project ?? "";
      this.#projects.set(event.session, project);
    }
    return project;
  }

  /** Events that came before their session's start were tagged without its project. */
  #tagEarlier(start: Event, position: Position): void {
    const earlier = this.#log.sql(`SELECT ${EVENT_COLUMNS} FROM event WHERE session = ? AND position < ? AND payload IS NOT NULL`).all(start.session, position);
    for (const { event, position: at } of this.#decode(earlier)) {
      this.#log.sql("DELETE FROM words WHERE rowid = ?").run(at);
      addWords(this.#log, at, event, this.#projectOf(start));
    }
  }

  #putObjects(all: readonly ReadonlyMap<string, string>[]): void {
    const find = this.#objects.sql("SELECT 1 FROM object WHERE hash = ?");
    const fresh = new Map<string, string>();
    for (const objects of all) for (const [hash, text] of objects) if (!fresh.has(hash) && find.get(Buffer.from(hash, "hex")) === undefined) fresh.set(hash, text);
    if (fresh.size === 0) return;
    const rows = [...fresh].map(([hash, text]) => {
      const bytes = Buffer.from(text, "utf8");
      const packed = deflateRawSync(bytes, { level: 6 });
      const deflated = packed.length < bytes.length;
      return [Buffer.from(hash, "hex"), bytes.length, deflated ? packed : bytes, deflated ? 1 : 0] as const;
    });
    this.#objects.write(() => {
      for (const row of rows) this.#objects.sql("INSERT OR IGNORE INTO object (hash, size, body, deflated) VALUES (?, ?, ?, ?)").run(...row);
    });
  }

  #decode(rows: Parameters<typeof toStored>[0][]): Stored[] {
    return rows.map((row) => toStored(row, (hash) => this.#object(hash)));
  }

  /** For checking and rebuilding: rows that can no longer be read are left out; walking the chain names them. */
  #decodeSound(rows: Parameters<typeof toStored>[0][]): Stored[] {
    return rows.flatMap((row) => {
      try {
        return this.#decode([row]);
      } catch {
        return [];
      }
    });
  }

  #object(hash: string): string | undefined {
    const row = this.#objects.sql("SELECT body, deflated FROM object WHERE hash = ?").get(Buffer.from(hash, "hex"));
    if (row === undefined) return undefined;
    const body = row["body"] as Uint8Array;
    return (row["deflated"] ? inflateRawSync(body) : Buffer.from(body)).toString("utf8");
  }

  /** After erasing: merges the index, so that deleted terms leave it, and empties the WAL files as far as it can. */
  #scrub(): void {
    this.#log.database.exec("INSERT INTO words(words) VALUES ('optimize'); INSERT INTO passage_words(passage_words) VALUES ('optimize')");
    this.#emptyWal();
  }

  /** False while another process reads old pages. */
  #emptyWal(): boolean {
    return [this.#log, this.#objects].every(({ database }) => database.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get()?.["busy"] === 0);
  }
}

/** Undefined where the row is damaged: a summary is derived, so a damaged one is as good as none. */
function toSummary(row: Row): { summary: SessionSummary; upTo: Position } | undefined {
  try {
    const summary = JSON.parse(String(row["body"])) as SessionSummary;
    return summary.ended === Number(row["ended"]) ? { summary, upTo: Number(row["up_to"]) } : undefined;
  } catch {
    return undefined;
  }
}

/** As with summaries: `verify` names a damaged one. */
function toTrace(row: Row): Trace | undefined {
  try {
    return JSON.parse(String(row["trace"])) as Trace;
  } catch {
    return undefined;
  }
}

function guarded<T>(body: () => T): T {
  try {
    return body();
  } catch (error) {
    throw asTidemarkError(error);
  }
}
