/**
 * Bytes by their hash: small ones as rows of `content`, large ones as files beside the database. Left out: what is
 * taken out or packed later (packing.ts).
 *
 * A row is `fresh` from its put until a checkpoint names it: for that long another process may be about to seal it.
 */
import { readFileSync } from "node:fs";
import { brotliCompressSync, brotliDecompressSync, constants } from "node:zlib";
import { TidemarkError } from "../../base/errors.ts";
import { sha256 } from "../../base/hash.ts";
import type { ContentId } from "../../checkpoint/model.ts";
import type { Problem } from "../problems.ts";
import { contentIdOf, gitHash, ownHash, refused } from "../sealing.ts";
import { bufferOf, contentName } from "./checkpoint-rows.ts";
import { applyDelta } from "./delta.ts";
import type { Row } from "./driver.ts";
import type { Prepared } from "./files.ts";
import type { LargeFiles } from "./large.ts";

/** From here on a content is a file. */
export const LARGE = 1 << 20;

export const RAW = 0;
export const BROTLI = 1;
export const DELTA = 2;
export const FILE_UNSYNCED = 3;
export const FILE = 4;
/** A blob of git that a checkpoint named: no bytes. */
export const NAMED = 5;

/** Longest way from a delta to the whole bytes it rests on. */
export const CHAIN_LIMIT = 16;

/** Those of the store: a part of a transaction that is under way joins it. */
export interface Transactions {
  write<T>(body: () => T): T;
  read<T>(body: () => T): T;
}

export function isLarge(form: number): boolean {
  return form === FILE || form === FILE_UNSYNCED;
}

export class Contents {
  readonly #file: Prepared;
  readonly #large: LargeFiles;
  readonly #transactions: Transactions;

  constructor(file: Prepared, large: LargeFiles, transactions: Transactions) {
    this.#file = file;
    this.#large = large;
    this.#transactions = transactions;
  }

  put(bytes: Uint8Array): ContentId {
    const name = sha256(bytes);
    if (this.#refresh(name)) return contentIdOf(name.toString("hex"));
    if (bytes.length >= LARGE) this.#placeLarge(this.#large.write(bytes), name, bytes.length);
    else this.#insert(name, bytes.length, ...encodeWhole(bytes));
    return contentIdOf(name.toString("hex"));
  }

  putFile(path: string | Uint8Array): ContentId | undefined {
    const copy = this.#large.copy(path);
    if (copy === undefined) return undefined;
    try {
      if (copy.size < LARGE) return this.put(readFileSync(copy.path));
      const name = Buffer.from(copy.hash, "hex");
      if (!this.#refresh(name)) this.#placeLarge(copy.path, name, copy.size);
      return contentIdOf(copy.hash);
    } finally {
      this.#large.discard(copy.path);
    }
  }

  has(id: ContentId): boolean {
    const row = this.#row(id);
    return row !== undefined && this.#isThere(row);
  }

  content(id: ContentId): Uint8Array | undefined {
    return this.#transactions.read(() => {
      const row = this.#row(id);
      if (row === undefined) return undefined;
      // A file that is gone is absent: putting it again heals it, and `check` names it.
      const bytes = isLarge(Number(row["form"])) ? this.#large.read(hashOf(row)) : this.#decode(row);
      if (bytes !== undefined && !sha256(bytes).equals(bufferOf(row["name"]))) throw damaged(row);
      return bytes;
    });
  }

  /** The plain bytes of a row that is in the database; throws OBJECT_DAMAGED. */
  plain(id: number): Buffer {
    const row = this.rowOf(id);
    if (row === undefined || isLarge(Number(row["form"]))) throw new TidemarkError("OBJECT_DAMAGED", `Content ${id}, which others rest on, is missing`);
    const bytes = this.#decode(row);
    if (!sha256(bytes).equals(bufferOf(row["name"]))) throw damaged(row);
    return bytes;
  }

  rowOf(id: number): Row | undefined {
    return this.#file.sql("SELECT id, name, size, form, fresh FROM content WHERE id = ?").get(id);
  }

  find(name: Uint8Array): Row | undefined {
    const row = this.#file.sql(`SELECT id, size, form, fresh FROM content WHERE ${IS_NAMED}`).get(name);
    // Not asked for, since every blob that comes back is a buffer of its own.
    return row === undefined ? undefined : Object.assign(row, { name });
  }

  /** Under the write lock: what a content is kept as, in place of what it was. */
  setBody(id: number, form: number, bytes: Uint8Array, base?: number): void {
    this.deleteBody(id);
    this.#file.sql("UPDATE content SET form = ? WHERE id = ?").run(form, id);
    this.#insertBody(id, bytes, base);
  }

  deleteBody(id: number): void {
    this.#file.sql("DELETE FROM delta WHERE id = ?").run(id);
    this.#file.sql(`DELETE FROM part WHERE ${OF_CONTENT}`).run(id);
  }

  /** How many bytes it is kept in, where it is whole. */
  storedLength(id: number): number {
    return Number(this.#file.sql(`SELECT sum(length(bytes)) AS n FROM part WHERE ${OF_CONTENT}`).get(id)!["n"] ?? 0);
  }

  /** Under the write lock, for a change that is being sealed: the row of what it names, which from now on is not fresh. `again`: a change named it before, so whether its bytes are still there is not asked. */
  use(id: ContentId, again = false): number {
    const name = contentName(id);
    if (name === undefined) throw refused(`${id} is no name of a content`);
    let row = this.find(name);
    if (row === undefined && gitHash(id) !== undefined) {
      this.#file.sql("INSERT INTO content (name, size, form, fresh) VALUES (?, 0, ?, 0)").run(name, NAMED);
      row = this.find(name);
    }
    if (row === undefined || (!again && ownHash(id) !== undefined && !this.#isThere(row))) throw refused(`${id} is named by a change and was not put into the store`);
    if (row["fresh"] !== 0) this.#file.sql("UPDATE content SET fresh = 0 WHERE id = ?").run(row["id"]!);
    return Number(row["id"]);
  }

  sync(): void {
    const rows = this.#file.sql("SELECT id, name FROM content WHERE form = 3").all();
    if (rows.length === 0) return;
    const hashes = rows.map(hashOf);
    const before = hashes.map((hash) => this.#large.identity(hash));
    this.#large.sync(hashes);
    this.#transactions.write(() => {
      for (const [i, hash] of hashes.entries()) {
        // Another process may have taken it out and put it anew meanwhile.
        if (before[i] === undefined || this.#large.identity(hash) !== before[i]) continue;
        this.#file.sql("UPDATE content SET form = ? WHERE name = ? AND form = ?").run(FILE, rows[i]!["name"]!, FILE_UNSYNCED);
      }
    });
  }

  count(): number {
    return Number(this.#file.sql(`SELECT count(*) AS n FROM content WHERE form <> ${NAMED}`).get()!["n"]);
  }

  check(): Problem[] {
    const ids = this.#file.sql(`SELECT id FROM content WHERE form <> ${NAMED} ORDER BY id`).all();
    return ids.flatMap(({ id }) => this.#transactions.read(() => this.#checkOne(Number(id))) ?? []);
  }

  generation(): number {
    return Number(this.#file.sql(`SELECT ${GENERATION} AS value`).get()!["value"]);
  }

  #checkOne(id: number): Problem | undefined {
    const row = this.rowOf(id);
    // Gone since the list was made.
    if (row === undefined) return undefined;
    const where = `content ${hashOf(row).slice(0, 12)}`;
    try {
      if (!isLarge(Number(row["form"]))) return void this.plain(id);
      const hash = this.#large.hashOf(hashOf(row));
      if (hash === undefined) return { code: "OBJECT_MISSING", where, message: "Its file is gone" };
      return hash === hashOf(row) ? undefined : { code: "OBJECT_CHANGED", where, message: "The bytes of its file do not have the hash they are filed under" };
    } catch (error) {
      if (!(error instanceof TidemarkError) || error.code !== "OBJECT_DAMAGED") throw error;
      return { code: "OBJECT_CHANGED", where, message: error.message };
    }
  }

  /** Whether the bytes are there already; then they are as good as put now. */
  #refresh(name: Buffer): boolean {
    const row = this.find(name);
    if (row === undefined || !this.#isThere(row)) return false;
    const generation = this.generation();
    if (row["fresh"] === generation) return true;
    // Gone where another process took it out between the look and the lock.
    return this.#transactions.write(() => Number(this.#file.sql("UPDATE content SET fresh = ? WHERE id = ? AND name = ?").run(generation, row["id"]!, name).changes)) > 0;
  }

  #insert(name: Buffer, size: number, form: number, bytes: Uint8Array): void {
    this.#transactions.write(() => {
      const id = this.#insertRow(name, size, form);
      // Another process may have put it meanwhile.
      if (id === undefined) this.#refresh(name);
      else this.#insertBody(id, bytes);
    });
  }

  /** Undefined where there is one. */
  #insertRow(name: Buffer, size: number, form: number): number | undefined {
    const { changes, lastInsertRowid } = this.#file
      .sql(`INSERT INTO content (name, size, form, fresh) SELECT ?1, ?2, ?3, ${GENERATION} WHERE NOT EXISTS (SELECT 1 FROM content WHERE ${IS_NAMED})`)
      .run(name, size, form);
    return Number(changes) === 0 ? undefined : Number(lastInsertRowid);
  }

  #insertBody(id: number, bytes: Uint8Array, base?: number): void {
    if (base !== undefined) {
      this.#file.sql("INSERT INTO delta (id, base, bytes) VALUES (?, ?, ?)").run(id, base, bytes);
      return;
    }
    const length = bytes.length > SPLIT_UP_TO ? bytes.length : PART;
    for (let at = 0, n = 0; at < bytes.length; at += length, n++) this.#file.sql("INSERT INTO part (id, bytes) VALUES (?, ?)").run(id * PARTS + n, bytes.subarray(at, at + length));
  }

  #placeLarge(temporary: string, name: Buffer, size: number): void {
    try {
      this.#transactions.write(() => {
        if (this.#refresh(name)) return;
        this.#large.place(temporary, name.toString("hex"));
        if (this.#insertRow(name, size, FILE_UNSYNCED) === undefined) this.#file.sql(`UPDATE content SET form = ?2, fresh = ${GENERATION} WHERE ${IS_NAMED}`).run(name, FILE_UNSYNCED);
      });
    } finally {
      this.#large.discard(temporary);
    }
  }

  #wholeBody(id: number): Buffer {
    const parts = this.#file.sql(`SELECT bytes FROM part WHERE ${OF_CONTENT} ORDER BY id`).all(id).map((row) => bufferOf(row["bytes"]));
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
  }

  #row(id: ContentId): Row | undefined {
    const hash = ownHash(id);
    return hash === undefined ? undefined : this.find(Buffer.from(hash, "hex"));
  }

  #isThere(row: Row): boolean {
    return isLarge(Number(row["form"])) ? this.#large.has(hashOf(row), Number(row["size"])) : Number(row["form"]) !== NAMED;
  }

  #decode(row: Row, steps = 0): Buffer {
    const size = Number(row["size"]);
    const form = Number(row["form"]);
    const id = Number(row["id"]);
    try {
      if (form === RAW) return this.#wholeBody(id);
      if (form === BROTLI) return brotliDecompressSync(this.#wholeBody(id), { maxOutputLength: Math.max(1, size) });
      const delta = form === DELTA && steps < CHAIN_LIMIT ? this.#file.sql("SELECT base, bytes FROM delta WHERE id = ?").get(id) : undefined;
      const base = delta === undefined ? undefined : this.rowOf(Number(delta["base"]));
      if (delta === undefined || base === undefined) throw new Error("what it is a delta of is missing");
      return applyDelta(this.#decode(base, steps + 1), bufferOf(delta["bytes"]), size);
    } catch (error) {
      if (steps > 0) throw error;
      throw damaged(row, error);
    }
  }
}

const GENERATION = "coalesce((SELECT value FROM note WHERE name = 'generation'), 1)";
/** Of the one with this name, which is the first value of the statement; the beginning of it is what the index has. */
const IS_NAMED = "substr(content.name, 1, 8) = substr(?1, 1, 8) AND content.name = ?1";

const PARTS = 2048;
const OF_CONTENT = `id >= ?1 * ${PARTS} AND id < (?1 + 1) * ${PARTS}`;
/**
 * Four to a page of 4 KiB, whatever the sizes of what they are parts of: a row of 2,100 bytes would have a page to itself.
 * Larger ones have pages of their own anyway.
 */
const PART = 1000;
const SPLIT_UP_TO = 16 * 1024;

/** Brotli at its quickest, where it makes them fewer. */
export function encodeWhole(bytes: Uint8Array): [form: number, body: Uint8Array] {
  // A window of the text's own size: the default sets up memory for 4 MiB each time, which doubles the cost of a small text.
  const window = Math.min(22, Math.max(10, 32 - Math.clz32(bytes.length)));
  const packed = brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 1, [constants.BROTLI_PARAM_LGWIN]: window, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } });
  return packed.length < bytes.length ? [BROTLI, packed] : [RAW, bytes];
}

export function hashOf(row: Row): string {
  return bufferOf(row["name"]).toString("hex");
}

function damaged(row: Row, cause?: unknown): TidemarkError {
  const why = cause instanceof Error ? cause.message : `they hash to something else`;
  return new TidemarkError("OBJECT_DAMAGED", `The bytes of content ${hashOf(row).slice(0, 12)} are damaged: ${why}`, { cause });
}

