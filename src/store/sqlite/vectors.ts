/** Vectors of passages in SQLite, a blob for each beside its passage; a trigger takes it away with the passage. */
import type { Problem } from "../problems.ts";
import type { Passage, PassageFilter, PassagePlace, Stored } from "../store.ts";
import { nearest, packed, VectorBlock } from "../vectors.ts";
import type { Row } from "./driver.ts";
import type { Prepared } from "./files.ts";
import { passageFilter, readPassages } from "./passages.ts";

type Decode = (rows: Row[]) => Stored[];

/** How many are compared with a question, of the newest conversations. */
const COMPARED = 20_000;

/**
 * The vectors that were read for a question, kept for the next one of the same process. With 20,000 of 384 numbers
 * the first took 0.17 s of processor time, most of it reading, and the next ones 0.03 (bench/recall/vectors.ts). Dropped once anything was written, here or
 * by another process.
 */
export class VectorCache {
  #version: number | undefined;
  #block: VectorBlock<number> | undefined;
  /** Every vector that there is; else those of the newest conversations. */
  #whole = false;

  drop(): void {
    this.#block = undefined;
  }

  /** To be called within the transaction of the question. Undefined where the filter could let through one that is not kept. */
  block(log: Prepared, dimension: number, filtered: boolean): VectorBlock<number> | undefined {
    // Changes with every commit of another connection; what this one writes, the store tells by `drop`.
    const version = Number(log.sql("PRAGMA data_version").get()?.["data_version"]);
    if (version !== this.#version) this.drop();
    this.#version = version;
    if (this.#block === undefined) {
      this.#whole = Number(log.sql("SELECT count(*) AS n FROM passage_vector").get()?.["n"] ?? 0) <= COMPARED;
      if (filtered && !this.#whole) return undefined;
      this.#block = new VectorBlock(read(log.sql("SELECT key, vector FROM passage_vector ORDER BY key DESC LIMIT ?").iterate(COMPARED)), dimension);
    }
    return filtered && !this.#whole ? undefined : this.#block;
  }
}

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

export function near(log: Prepared, decode: Decode, cache: VectorCache, space: string, vector: Float32Array, filter: PassageFilter, limit: number): Passage[] {
  if (spaceOf(log) !== space) return [];
  const { sql, values } = passageFilter(filter);
  const filtered = sql("passage.key") !== "";
  const known = cache.block(log, vector.length, filtered);
  const few = (): VectorBlock<number> => {
    const rows = log.sql(`SELECT passage.key AS key, vector FROM passage_vector JOIN passage ON passage.key = passage_vector.key WHERE 1 ${sql("passage.key")} ORDER BY passage.key DESC LIMIT ?`).iterate(...values, COMPARED);
    return new VectorBlock(read(rows), vector.length);
  };
  const passing = (): Set<number> => new Set(JSON.parse(String(log.sql(`SELECT json_group_array(key) AS keys FROM passage WHERE 1 ${sql("passage.key")}`).get(...values)?.["keys"] ?? "[]")) as number[]);
  const keys = known !== undefined && filtered ? passing() : undefined;
  const scores = new Map(nearest(known ?? few(), vector, limit, keys === undefined ? undefined : (key) => keys.has(key)).map(({ key, score }) => [key, score]));
  return readPassages(log, decode, [...scores.keys()]).map(({ key, ...passage }) => ({ ...passage, score: scores.get(key)! }));
}

/** Vectors that belong to nothing or to another embedder than they count as. Whether one is right only its embedder could tell. */
export function checkVectors(log: Prepared): Problem[] {
  const problem = (where: string, message: string): Problem => ({ code: "INDEX_DIFFERS", where, message });
  const space = spaceOf(log);
  const dimension = Number(/ (\d+)$/.exec(space ?? "")?.[1] ?? NaN);
  const count = Number(log.sql("SELECT count(*) AS n FROM passage_vector").get()?.["n"] ?? 0);
  if (count > 0 && space === undefined) return [problem("vectors", `${count} are of no embedder`)];
  const orphans = log.sql("SELECT key FROM passage_vector WHERE NOT EXISTS (SELECT 1 FROM passage WHERE passage.key = passage_vector.key) LIMIT 20").all();
  const odd = Number.isNaN(dimension) ? [] : log.sql("SELECT key, length(vector) AS length FROM passage_vector WHERE length(vector) <> ? LIMIT 20").all(dimension);
  return [
    ...orphans.map((row) => problem(`vector ${Number(row["key"])}`, "It is of no passage")),
    ...odd.map((row) => problem(`vector ${Number(row["key"])}`, `It has ${Number(row["length"])} numbers, those of ${space} have ${dimension}`)),
  ];
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
