/**
 * What happens to contents later: those that nothing refers to go, old versions become deltas of the next newer one, and
 * the file gives back its free pages. In short transactions, so that it can stop at any of them and go on another time.
 *
 * A delta's base is never taken from it: before a content goes, what rests on it is rested on something else.
 */
import { TidemarkError } from "../../base/errors.ts";
import type { ContentId } from "../../checkpoint/model.ts";
import { GRACE, ownHash } from "../sealing.ts";
import { CHANGES } from "./checkpoint-rows.ts";
import { BROTLI, CHAIN_LIMIT, DELTA, encodeWhole, hashOf, isLarge, NAMED, RAW, type Contents, type Transactions } from "./contents.ts";
import { applyDelta, encodeDelta } from "./delta.ts";
import type { Row } from "./driver.ts";
import type { Prepared } from "./files.ts";
import type { LargeFiles } from "./large.ts";

/** For how long one step holds the write lock before it looks at the clock. Milliseconds. */
const STEP = 20;
/** Changes looked at, contents taken out or pages given back at most in one step. */
const BATCH = 64;
const PAGES = 256;

export interface Collected {
  dropped: number;
  packed: number;
  done: boolean;
}

interface Mark {
  /** What is sealed after this refers to more than is marked. */
  readonly upTo: number;
  readonly dead: number[];
  /** The newest version of some path, or kept by the caller: stays whole, since it is the one that is asked for. */
  readonly whole: ReadonlySet<number>;
}

export class Packing {
  readonly #file: Prepared;
  readonly #large: LargeFiles;
  readonly #contents: Contents;
  readonly #transactions: Transactions;

  constructor(file: Prepared, large: LargeFiles, contents: Contents, transactions: Transactions) {
    this.#file = file;
    this.#large = large;
    this.#contents = contents;
    this.#transactions = transactions;
  }

  collect(keep: ReadonlySet<ContentId>, clock: () => number, ms: number): Collected {
    const end = clock() + ms;
    const result: Collected = { dropped: 0, packed: 0, done: false };
    this.#beginGeneration(clock());
    this.#large.removeStray(clock() - GRACE);
    this.#removeOrphans();
    const mark = this.#mark(keep);
    const steps = [() => this.#sweepStep(mark, result, clock), () => this.#forgetNames(), () => this.#packStep(mark.whole, result, clock, STEP), () => this.#shrinkStep()];
    for (const step of steps) {
      while (step()) if (clock() >= end) return result;
    }
    result.done = true;
    return result;
  }

  /** Between two calls. What is the newest version of another path as well is not spared here: looking for that is a walk through all changes, and it only takes longer to read. */
  packSome(clock: () => number, ms: number): boolean {
    return this.#packStep(new Set(), { packed: 0 }, clock, ms);
  }

  /** Takes out these contents, which no change names any more, at once. Gives the hashes of those whose file is to go after the commit. */
  removeAll(ids: readonly number[]): string[] {
    const dying = new Set(ids);
    // All of them before the first goes, since they may rest on one another.
    for (const id of ids) this.#release(id, dying, this.#dependents(id).filter((dependent) => !dying.has(dependent)));
    return ids.flatMap((id) => this.#delete(id));
  }

  /** After the commit that took out their rows. */
  removeFiles(hashes: readonly string[]): void {
    if (hashes.length === 0) return;
    this.#transactions.write(() => {
      for (const hash of hashes) if (this.#contents.find(Buffer.from(hash, "hex")) === undefined) this.#large.remove(hash);
    });
  }

  /** What is fresh for two generations, each an hour at least, is not about to be sealed any more. */
  #beginGeneration(now: number): void {
    const began = this.#note("began");
    if (began !== undefined && now - began < GRACE) return;
    this.#transactions.write(() => {
      if (began !== undefined) this.#setNote("generation", this.#contents.generation() + 1);
      this.#setNote("began", now);
    });
  }

  /** Files whose row was rolled back, or whose removal was cut short. */
  #removeOrphans(): void {
    this.removeFiles(this.#large.all().filter((hash) => this.#contents.find(Buffer.from(hash, "hex")) === undefined));
  }

  #mark(keep: ReadonlySet<ContentId>): Mark {
    const upTo = Number(this.#file.sql("SELECT max(seq) AS seq FROM checkpoint").get()?.["seq"] ?? 0);
    const live = this.#ids("SELECT before_content AS id FROM change UNION SELECT after_content FROM change");
    const whole = this.#ids("SELECT after_content AS id, max(change.id) FROM change GROUP BY path");
    for (const id of keep) {
      const hash = ownHash(id);
      const row = hash === undefined ? undefined : this.#contents.find(Buffer.from(hash, "hex"));
      if (row === undefined) continue;
      live.add(Number(row["id"]));
      whole.add(Number(row["id"]));
    }
    const generation = this.#contents.generation();
    const fresh = this.#file.sql("SELECT fresh FROM content WHERE id = ?");
    const dead = [...this.#ids("SELECT id FROM content")].filter((id) => !live.has(id) && isOver(Number(fresh.get(id)?.["fresh"] ?? generation), generation));
    // The oldest is taken first, so that a delta mostly goes before its base and need not be rested elsewhere.
    return { upTo, dead: dead.sort((a, b) => b - a), whole };
  }

  #sweepStep({ upTo, dead }: Mark, result: Collected, clock: () => number): boolean {
    if (dead.length === 0) return false;
    const began = clock();
    const files: string[] = [];
    let gone = 0;
    this.#transactions.write(() => {
      const generation = this.#contents.generation();
      const named = this.#ids("SELECT before_content AS id FROM change WHERE id >= ?1 UNION SELECT after_content FROM change WHERE id >= ?1", (upTo + 1) * CHANGES);
      const dying = new Set(dead);
      while (dead.length > 0 && (gone === 0 || (gone < BATCH && clock() - began < STEP))) {
        const id = dead.pop()!;
        dying.delete(id);
        const row = this.#file.sql("SELECT fresh, form FROM content WHERE id = ?").get(id);
        // Taken up again since it was marked, or taken out by another process.
        if (row === undefined || named.has(id) || !isOver(Number(row["fresh"]), generation)) continue;
        if (!this.#release(id, dying, this.#dependents(id))) continue;
        files.push(...this.#delete(id));
        gone++;
        if (Number(row["form"]) !== NAMED) result.dropped++;
      }
    });
    this.removeFiles(files);
    return gone > 0;
  }

  /**
   * Under the write lock: rests elsewhere what rests on this content, so that it can go. False where some of it cannot be
   * read, which is then left as it is. The new base is the next one of the chain that is not to go too.
   */
  #release(id: number, dying: ReadonlySet<number>, dependents: readonly number[]): boolean {
    const baseOf = this.#file.sql("SELECT base FROM delta WHERE id = ?");
    let support = baseOf.get(id)?.["base"];
    while (typeof support === "number" && dying.has(support)) support = baseOf.get(support)?.["base"];
    for (const dependent of dependents) {
      try {
        this.#rest(dependent, typeof support === "number" ? support : undefined);
      } catch (error) {
        if (!isDamage(error)) throw error;
        return false;
      }
    }
    return true;
  }

  /** Gives the hash of the file that is to go after the commit, if it has one. */
  #delete(id: number): string[] {
    const row = this.#file.sql("SELECT name, form FROM content WHERE id = ?").get(id);
    this.#contents.deleteBody(id);
    this.#file.sql("DELETE FROM content WHERE id = ?").run(id);
    return row !== undefined && isLarge(Number(row["form"])) ? [hashOf(row)] : [];
  }

  #dependents(id: number): number[] {
    return [...this.#ids("SELECT id FROM delta WHERE base = ?", id)];
  }

  /** Encodes a content anew: as a delta of that one, or whole where there is none or it would save nothing. */
  #rest(id: number, base: number | undefined): void {
    const bytes = this.#contents.plain(id);
    const [form, body] = encodeWhole(bytes);
    const delta = base === undefined ? undefined : encodeDelta(this.#contents.plain(base), bytes);
    if (delta !== undefined && delta.length < body.length) this.#contents.setBody(id, DELTA, delta, base);
    else this.#contents.setBody(id, form, body);
  }

  /** Names of paths, trees and actors that only dropped checkpoints had. */
  #forgetNames(): false {
    const unused = [
      ["path", "NOT EXISTS (SELECT 1 FROM change WHERE change.path = path.id)"],
      ["origin", "id NOT IN (SELECT origin FROM checkpoint)"],
      ["tree", "id NOT IN (SELECT tree FROM checkpoint) AND NOT EXISTS (SELECT 1 FROM path WHERE path.tree = tree.id) AND NOT EXISTS (SELECT 1 FROM call WHERE call.tree = tree.id)"],
    ] as const;
    for (const [table, condition] of unused) {
      // Looked for without the lock; most of the time there are none.
      const ids = [...this.#ids(`SELECT id FROM ${table} WHERE ${condition}`)];
      if (ids.length > 0) this.#transactions.write(() => this.#file.sql(`DELETE FROM ${table} WHERE id IN (SELECT value FROM json_each(?)) AND ${condition}`).run(JSON.stringify(ids)));
    }
    return false;
  }

  /** Every change is looked at once: what it replaced as a delta of what it brought. */
  #packStep(whole: ReadonlySet<number>, result: Pick<Collected, "packed">, clock: () => number, ms: number): boolean {
    const began = clock();
    const next = (): Row[] => this.#file.sql("SELECT id, before_content, after_content FROM change WHERE id > ? ORDER BY id LIMIT ?").all(this.#note("packed") ?? 0, BATCH);
    // Mostly there are none, and then nobody need wait.
    if (next().length === 0) return false;
    return this.#transactions.write(() => {
      const rows = next();
      let last: (typeof rows)[number] | undefined;
      for (const row of rows) {
        if (last !== undefined && clock() - began >= ms) break;
        last = row;
        const [older, newer] = [row["before_content"], row["after_content"]];
        if (typeof older === "number" && typeof newer === "number" && older !== newer && !whole.has(older) && this.#pack(older, newer)) result.packed++;
      }
      if (last === undefined) return false;
      this.#setNote("packed", Number(last["id"]));
      return true;
    });
  }

  #pack(older: number, newer: number): boolean {
    const [row, base] = [this.#contents.rowOf(older), this.#contents.rowOf(newer)];
    if (row === undefined || base === undefined || (row["form"] !== RAW && row["form"] !== BROTLI) || Number(base["form"]) > DELTA) return false;
    const support = this.#ids("WITH RECURSIVE chain (id) AS (SELECT ? UNION SELECT base FROM delta JOIN chain USING (id)) SELECT id FROM chain", newer);
    if (support.has(older)) return false;
    const height = Number(
      this.#file
        .sql("WITH RECURSIVE above (id, n) AS (SELECT ?, 0 UNION ALL SELECT delta.id, n + 1 FROM delta JOIN above ON delta.base = above.id) SELECT max(n) AS n FROM above")
        .get(older)!["n"],
    );
    if (height + support.size > CHAIN_LIMIT) return false;
    try {
      const [whole, bytes] = [this.#contents.plain(newer), this.#contents.plain(older)];
      const delta = encodeDelta(whole, bytes);
      // The whole bytes are given up only for what is known to give them back.
      if (delta.length >= this.#contents.storedLength(older) || !applyDelta(whole, delta, bytes.length).equals(bytes)) return false;
      this.#contents.setBody(older, DELTA, delta, newer);
      return true;
    } catch (error) {
      if (!isDamage(error)) throw error;
      return false;
    }
  }

  #shrinkStep(): boolean {
    const free = (): number => Number(this.#file.sql("PRAGMA freelist_count").get()!["freelist_count"]);
    const before = free();
    if (before === 0) return false;
    this.#file.database.exec(`PRAGMA incremental_vacuum(${PAGES})`);
    return free() < before;
  }

  #ids(sql: string, ...values: number[]): Set<number> {
    const ids = new Set<number>();
    for (const row of this.#file.sql(sql).all(...values)) if (row["id"] !== null) ids.add(Number(row["id"]));
    return ids;
  }

  #note(name: string): number | undefined {
    const value = this.#file.sql("SELECT value FROM note WHERE name = ?").get(name)?.["value"];
    return value === undefined ? undefined : Number(value);
  }

  #setNote(name: string, value: number): void {
    this.#file.sql("INSERT INTO note (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value").run(name, value);
  }
}

function isOver(fresh: number, generation: number): boolean {
  return fresh === 0 || fresh + 2 <= generation;
}

function isDamage(error: unknown): boolean {
  return error instanceof TidemarkError && error.code === "OBJECT_DAMAGED";
}
