/** Vectors of passages in SQLite, a blob for each beside its passage; a trigger takes it away with the passage. */
import type { Passage, PassageFilter, PassagePlace, Stored } from "../store.ts";
import { nearest, packed } from "../vectors.ts";
import type { Row } from "./driver.ts";
import type { Prepared } from "./files.ts";
import { passageFilter, readPassages } from "./passages.ts";

type Decode = (rows: Row[]) => Stored[];

/** How many are compared with a question, of the newest conversations: 20,000 of 384 numbers took 0.3 to 0.5 s on a busy machine (bench/recall/vectors.ts). */
const COMPARED = 20_000;

export function withoutVector(log: Prepared, decode: Decode, space: string, limit: number): { passages: (PassagePlace & { text: string })[]; left: number } {
  const same = spaceOf(log) === space;
  const counted = (table: string): number => Number(log.sql(`SELECT count(*) AS n FROM ${table}`).get()?.["n"]);
  const left = counted("passage") - (same ? counted("passage_vector") : 0);
  if (left <= 0) return { passages: [], left: 0 };
  const missing = same ? "WHERE NOT EXISTS (SELECT 1 FROM passage_vector WHERE passage_vector.key = passage.key)" : "";
  const keys = log.sql(`SELECT key FROM passage ${missing} ORDER BY position DESC, part LIMIT ?`).all(limit).map((row) => Number(row["key"]));
  return { passages: readPassages(log, decode, keys).map(({ position, part, text }) => ({ position, part, text })), left };
}

/** Inside the caller's transaction. */
export function putVectors(log: Prepared, space: string, vectors: readonly (PassagePlace & { readonly vector: Float32Array })[]): void {
  if (spaceOf(log) !== space) {
    dropVectors(log);
    log.sql("INSERT INTO vector_space (only, name) VALUES (1, ?)").run(space);
  }
  const put = log.sql("INSERT OR REPLACE INTO passage_vector (key, vector) SELECT key, ? FROM passage WHERE position = ? AND part = ?");
  for (const { position, part, vector } of vectors) put.run(new Uint8Array(packed(vector).buffer), position, part);
}

export function near(log: Prepared, decode: Decode, space: string, vector: Float32Array, filter: PassageFilter, limit: number): Passage[] {
  if (spaceOf(log) !== space) return [];
  const { sql, values } = passageFilter(filter);
  const rows = log.sql(`SELECT passage.key AS key, vector FROM passage_vector JOIN passage ON passage.key = passage_vector.key WHERE 1 ${sql("passage.key")} ORDER BY passage.key DESC LIMIT ?`).iterate(...values, COMPARED);
  const scores = new Map(nearest(read(rows), vector, limit).map(({ key, score }) => [key, score]));
  return readPassages(log, decode, [...scores.keys()]).map(({ key, ...passage }) => ({ ...passage, score: scores.get(key)! }));
}

/** Inside the caller's transaction. */
export function dropVectors(log: Prepared): void {
  log.database.exec("DELETE FROM passage_vector; DELETE FROM vector_space");
}

function* read(rows: Iterable<Row>): Generator<readonly [number, Int8Array]> {
  for (const { key, vector } of rows) {
    const bytes = vector as Uint8Array;
    yield [Number(key), new Int8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)];
  }
}

function spaceOf(log: Prepared): string | undefined {
  const name = log.sql("SELECT name FROM vector_space").get()?.["name"];
  return name === undefined ? undefined : String(name);
}
