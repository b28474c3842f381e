/**
 * Schema versions of the files. Each step runs under BEGIN IMMEDIATE together with its mark, since several
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
  // Memories are folded from these events whenever they are asked for; in a log of 100,000 events, 1,000 of them took 110 ms without it and take 6.
  `
  CREATE INDEX event_memory ON event (type, position) WHERE type IN ('memory.revised', 'memory.reverted', 'memory.filed');
  `,
  // Empty in a log that is there already: passages are taken in page by page when they are next asked for.
  `
  CREATE TABLE conversation (
    number   INTEGER PRIMARY KEY,
    session  TEXT NOT NULL,
    thread   TEXT NOT NULL,    -- subagent, or empty
    agent    TEXT NOT NULL,
    project  TEXT NOT NULL,
    branch   TEXT NOT NULL,
    passages INTEGER NOT NULL, -- places given, those of erased ones included
    UNIQUE (session, thread)
  ) STRICT;
  CREATE TABLE passage (
    key      INTEGER PRIMARY KEY, -- conversation * 2^20 + its place: what was said before and after it stands beside it
    position INTEGER NOT NULL,
    part     INTEGER NOT NULL,
    time     INTEGER NOT NULL,
    words    INTEGER NOT NULL,
    traits   INTEGER NOT NULL,
    speaker  TEXT NOT NULL
  ) STRICT;
  CREATE INDEX passage_position ON passage (position);
  CREATE INDEX passage_time ON passage (time);
  CREATE INDEX passage_speaker ON passage (speaker) WHERE speaker <> '';
  -- rowid = key * 2 + whether it asks something: an answer is found by the words of its question.
  CREATE VIRTUAL TABLE passage_words USING fts5(body, names, content='', contentless_delete=1, detail=none, tokenize='porter unicode61 remove_diacritics 2');
  CREATE VIRTUAL TABLE passage_vocabulary USING fts5vocab(passage_words, row);
  CREATE VIRTUAL TABLE passage_instance USING fts5vocab(passage_words, instance);
  CREATE TABLE passage_head (only INTEGER PRIMARY KEY CHECK (only = 1), position INTEGER NOT NULL) STRICT;
  `,
  // Filled where an embedder is named. What is erased or rebuilt takes its vector with it: a vector tells much of its text.
  `
  CREATE TABLE vector_space (only INTEGER PRIMARY KEY CHECK (only = 1), name TEXT NOT NULL) STRICT;  -- embedder and dimension
  CREATE TABLE passage_vector (key INTEGER PRIMARY KEY, vector BLOB NOT NULL) STRICT;                 -- a signed byte for each number
  CREATE TRIGGER passage_vector_gone AFTER DELETE ON passage BEGIN DELETE FROM passage_vector WHERE key = old.key; END;
  `,
  // What a session touched and ran stands beside its summary and has its life: of how much use memories are is worked out from
  // that, since reading a hundred sessions took seconds. Last in its row, so that reading summaries does not read it.
  `
  DROP TABLE summary;
  CREATE TABLE summary (session TEXT PRIMARY KEY, up_to INTEGER NOT NULL, ended INTEGER NOT NULL, project TEXT NOT NULL, turns INTEGER NOT NULL, body TEXT NOT NULL, trace TEXT NOT NULL) STRICT;
  CREATE INDEX summary_newest ON summary (project, ended DESC, session) WHERE turns > 0;
  `,
  // One index for every type that is asked for by itself (by-type.ts): with one for each group most questions used none and
  // read the whole log.
  `
  DROP INDEX event_link;
  DROP INDEX event_start;
  DROP INDEX event_memory;
  CREATE INDEX event_rare ON event (type, position) WHERE type IN ('session.forked', 'session.resumed', 'session.ended', 'start.discovered', 'start.recalled', 'context.given', 'instructions.kept', 'memory.revised', 'memory.reverted', 'memory.filed');
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

export const CHECKPOINT_STEPS: readonly string[] = [
  `
  CREATE TABLE tree (id INTEGER PRIMARY KEY, name BLOB NOT NULL UNIQUE) STRICT;
  CREATE TABLE path (id INTEGER PRIMARY KEY, tree INTEGER NOT NULL, name BLOB NOT NULL, UNIQUE (tree, name)) STRICT;
  -- Agent, session and turn of an actor: many checkpoints in a row have the same.
  CREATE TABLE origin (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;
  -- No index by tree: what is asked for most is the newest, found from the end.
  CREATE TABLE checkpoint (
    seq      INTEGER PRIMARY KEY AUTOINCREMENT,  -- never given twice, also after the newest was dropped
    tree     INTEGER NOT NULL,
    id       BLOB NOT NULL,
    previous BLOB NOT NULL,     -- id of the one before it when it was sealed, or empty
    time     INTEGER NOT NULL,
    kind     INTEGER NOT NULL,
    flags    INTEGER NOT NULL,
    origin   INTEGER NOT NULL,
    body     TEXT NOT NULL      -- JSON: the rest
  ) STRICT;
  CREATE TABLE change (
    id             INTEGER PRIMARY KEY,  -- seq * 2^20 + its place: rows added at the end leave no page half empty
    path           INTEGER NOT NULL,
    before         INTEGER NOT NULL,     -- size, mode and type in one number
    after          INTEGER NOT NULL,
    before_content INTEGER,
    after_content  INTEGER,
    stamp          BLOB
  ) STRICT;
  CREATE INDEX change_path ON change (path);
  CREATE TABLE content (
    id    INTEGER PRIMARY KEY,
    name  BLOB NOT NULL,     -- sha256 of the plain bytes; "g" and the hash for a blob of git whose bytes are not here
    size  INTEGER NOT NULL,  -- plain bytes
    form  INTEGER NOT NULL,
    fresh INTEGER NOT NULL   -- 0 once a checkpoint named it; before that the generation it was put in
  ) STRICT;
  -- Of the whole name it would be as large as the table.
  CREATE INDEX content_name ON content (substr(name, 1, 8));
  CREATE INDEX content_unsynced ON content (form) WHERE form = 3;
  -- Whole contents, apart from the rest: SQLite joins half-empty pages where rows go, not where they shrink.
  CREATE TABLE part (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
  CREATE TABLE delta (id INTEGER PRIMARY KEY, base INTEGER NOT NULL, bytes BLOB NOT NULL) STRICT;
  CREATE INDEX delta_base ON delta (base);
  CREATE TABLE call (tree INTEGER NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (tree, id)) STRICT;
  -- Numbers about the whole: how far each tier and packing have come, and the generation of contents.
  CREATE TABLE note (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
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
