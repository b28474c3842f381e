/** The passages against a rebuild from the log, and building them anew. Finds, never mends what it only compares. */
import type { Problem } from "../problems.ts";
import { SPACE } from "../recall-rank.ts";
import type { Stored } from "../store.ts";
import type { Row } from "./driver.ts";
import { Prepared } from "./files.ts";
import { PASSAGE_TABLES, passageHead, takePassages } from "./passages.ts";

type Decode = (rows: Row[]) => Stored[];
type Progress = (done: number, total: number) => void;

const PAGE = 2000;

/**
 * Builds passages a second time in temporary tables of the same names, which come before the others, as far as the log
 * was taken in, and compares both by events, never by keys: what was erased leaves a gap in one and none in the other.
 */
export function checkPassages(log: Prepared, decode: Decode, progress?: Progress): Problem[] {
  const { database } = log;
  const upTo = passageHead(log);
  const names = Object.keys(PASSAGE_TABLES);
  const drop = (): void => names.forEach((name) => database.exec(`DROP TABLE IF EXISTS temp.${name}`));
  drop();
  for (const [name, kind] of Object.entries(PASSAGE_TABLES)) {
    const { sql } = database.prepare("SELECT sql FROM main.sqlite_master WHERE name = ?").get(name) as { sql: string };
    database.exec(String(sql).replace(`CREATE ${kind} ${name}`, `CREATE ${kind} temp.${name}`));
  }
  try {
    // Statements of its own: those of the store were made for the tables of the log.
    const again = new Prepared(database);
    for (let at = 0; at < upTo; progress?.(at, upTo)) at = takePassages(again, decode, Math.min(PAGE, upTo - at));
    return [...checkRows(database), ...checkOrder(database), ...checkTerms(database)];
  } finally {
    drop();
  }
}

const ROWS = (schema: string): string =>
  `SELECT position, part, time, words, traits, speaker, session, thread, agent, project, branch FROM ${schema}.passage JOIN ${schema}.conversation ON number = key / ${SPACE}`;

function checkRows(database: Prepared["database"]): Problem[] {
  const differing = (a: string, b: string): Row[] => database.prepare(`${ROWS(a)} EXCEPT ${ROWS(b)} LIMIT 20`).all();
  const places = new Set([...differing("main", "temp"), ...differing("temp", "main")].map((row) => Number(row["position"])));
  return [...places].map((position) => ({ code: "INDEX_DIFFERS" as const, where: `passages of event ${position}`, message: "They are not those that a rebuild gives" }));
}

/** What was said one after the other must stand one after the other. */
function checkOrder(database: Prepared["database"]): Problem[] {
  const rows = database
    .prepare(
      `SELECT position FROM (SELECT position, position * 1024 + part AS at, lag(position * 1024 + part) OVER (PARTITION BY key / ${SPACE} ORDER BY key) AS earlier FROM main.passage)
       WHERE earlier >= at LIMIT 20`,
    )
    .all();
  return rows.map((row) => ({ code: "INDEX_DIFFERS" as const, where: `passages of event ${Number(row["position"])}`, message: "They stand out of order" }));
}

/** Per word and column the number of passages and the sum of their places, as for the text index (check.ts). */
function checkTerms(database: Prepared["database"]): Problem[] {
  for (const schema of ["main", "temp"]) database.exec(`CREATE VIRTUAL TABLE temp.${schema}_terms USING fts5vocab('${schema}', 'passage_words', 'instance')`);
  try {
    const side = (schema: string, want: number): string =>
      `SELECT term, col, ${want} AS want, ${1 - want} AS have, ${want === 1 ? "" : "-"}(position * 1024 + part + (doc % 2 <> traits / 2 % 2) * 7) AS place FROM temp.${schema}_terms LEFT JOIN ${schema}.passage ON key = doc / 2`;
    const rows = database
      .prepare(`SELECT term, sum(want) AS want, sum(have) AS have FROM (${side("temp", 1)} UNION ALL ${side("main", 0)}) GROUP BY term, col HAVING sum(want) <> sum(have) OR sum(place) IS NOT 0 OR count(place) <> count(*) LIMIT 20`)
      .all();
    return rows.map((row) => ({ code: "INDEX_DIFFERS" as const, where: `word "${String(row["term"])}" of passages`, message: `in ${Number(row["have"] ?? 0)}, a rebuild gives ${Number(row["want"] ?? 0)}` }));
  } finally {
    for (const schema of ["main", "temp"]) database.exec(`DROP TABLE IF EXISTS temp.${schema}_terms`);
  }
}

/** Inside the caller's transaction. */
export function rebuildPassages(log: Prepared, decode: Decode, progress?: Progress): void {
  log.database.exec("DELETE FROM conversation; DELETE FROM passage; DELETE FROM passage_vector; DELETE FROM passage_head; INSERT INTO passage_words(passage_words) VALUES ('delete-all')");
  const head = Number(log.sql("SELECT position FROM head").get()?.["position"] ?? 0);
  for (let at = 0; at < head; progress?.(at, head)) at = takePassages(log, decode, PAGE);
}
