/**
 * Schema versions of the two files. Each step runs under BEGIN IMMEDIATE together with its mark, since several
 * processes may open a new store at once; a store from a newer version is left alone.
 */
import { TidemarkError } from "../../base/errors.ts";
import type { Database } from "./driver.ts";

export const LOG_STEPS: readonly string[] = [
  `
  CREATE TABLE event (
    position INTEGER PRIMARY KEY,
    id       TEXT NOT NULL UNIQUE,
    time     INTEGER NOT NULL,
    type     TEXT NOT NULL,
    session  TEXT NOT NULL,
    agent    TEXT NOT NULL,
    thread   TEXT,
    record   TEXT,
    parent   TEXT,
    content  BLOB NOT NULL,  -- sha256(salt, payload); stays when the payload is erased
    link     BLOB NOT NULL,  -- chain
    salt     BLOB,
    payload  ANY             -- TEXT: JSON; BLOB: deflated JSON; NULL: erased
  ) STRICT;
  CREATE INDEX event_time ON event (time);
  CREATE INDEX event_session ON event (session, position);
  -- Links between sessions are looked up on every listing; they are one event in a thousand.
  CREATE INDEX event_link ON event (type, position) WHERE type IN ('session.forked', 'session.resumed');
  CREATE TABLE head (only INTEGER PRIMARY KEY CHECK (only = 1), position INTEGER NOT NULL, link BLOB NOT NULL) STRICT;

  -- Derived from the log.
  CREATE TABLE tip (session TEXT PRIMARY KEY, position INTEGER NOT NULL) STRICT, WITHOUT ROWID;  -- newest event of each session
  CREATE TABLE object_use (hash BLOB NOT NULL, position INTEGER NOT NULL, PRIMARY KEY (hash, position)) STRICT, WITHOUT ROWID;
  CREATE TABLE shared (session TEXT NOT NULL, position INTEGER NOT NULL, PRIMARY KEY (session, position)) STRICT, WITHOUT ROWID;
  -- Events that a fork named before they were there.
  CREATE TABLE awaited (id TEXT NOT NULL, session TEXT NOT NULL, PRIMARY KEY (id, session)) STRICT, WITHOUT ROWID;
  CREATE TABLE summary (session TEXT PRIMARY KEY, up_to INTEGER NOT NULL, ended INTEGER NOT NULL, body TEXT NOT NULL) STRICT;
  CREATE VIRTUAL TABLE words USING fts5(body, names, tags, content='', contentless_delete=1, detail=column, tokenize='porter unicode61 remove_diacritics 2');

  -- The import's own notes.
  CREATE TABLE source (path TEXT PRIMARY KEY, size INTEGER NOT NULL, modified REAL NOT NULL, report TEXT NOT NULL) STRICT;
  `,
  // The newest session of a project is asked for at every start: with 3,000 sessions, reading every summary took 60 ms.
  `
  DROP TABLE summary;
  CREATE TABLE summary (session TEXT PRIMARY KEY, up_to INTEGER NOT NULL, ended INTEGER NOT NULL, project TEXT NOT NULL, turns INTEGER NOT NULL, body TEXT NOT NULL) STRICT;
  CREATE INDEX summary_newest ON summary (project, ended DESC, session) WHERE turns > 0;
  -- Of the last start in a project; one event in thousands.
  CREATE INDEX event_start ON event (type, position) WHERE type = 'start.discovered';
  CREATE TABLE lease (name TEXT PRIMARY KEY, holder TEXT NOT NULL, until INTEGER NOT NULL) STRICT;
  `,
];

export const OBJECT_STEPS: readonly string[] = [
  `
  CREATE TABLE object (
    hash BLOB NOT NULL UNIQUE,  -- sha256 of the plain bytes
    size INTEGER NOT NULL,      -- plain bytes
    body BLOB NOT NULL,
    deflated INTEGER NOT NULL
  ) STRICT;
  `,
];

export function migrate(database: Database, steps: readonly string[], name: string): void {
  const version = (): number => Number(database.prepare("PRAGMA user_version").get()?.["user_version"] ?? 0);
  if (version() === steps.length) return;
  database.exec("BEGIN IMMEDIATE");
  try {
    // Read again under the lock: another process may have migrated meanwhile.
    const from = version();
    if (from > steps.length) {
      throw new TidemarkError("STORE_NEWER", `${name} has schema ${from}; this version knows ${steps.length}`);
    }
    for (const step of steps.slice(from)) database.exec(step);
    database.exec(`PRAGMA user_version = ${steps.length}`);
    database.exec("COMMIT");
  } catch (error) {
    database.exec("ROLLBACK");
    throw error;
  }
}
