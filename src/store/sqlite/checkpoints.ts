/**
 * The store for checkpoints on SQLite: `checkpoints.db`, and large contents as files beside it. Left out: bytes
 * (contents.ts), what becomes of them later (packing.ts) and the shape of rows (checkpoint-rows.ts).
 *
 * A commit is in the page cache when it returns (WAL, synchronous=NORMAL): it survives the end of the process. `sync`
 * makes it survive that of the machine.
 */
import { statSync } from "node:fs";
import { join } from "node:path";
import { asTidemarkError, TidemarkError } from "../../base/errors.ts";
import type { Checkpoint, ContentId, State, Tier } from "../../checkpoint/model.ts";
import type { CheckpointStore, NewCheckpoint, RunningCall, Usage } from "../checkpoints.ts";
import type { Problem } from "../problems.ts";
import { byPath, checkpointId, isWorthSealing, mergeRun, refused, versionOf, type Member, type Sealed } from "../sealing.ts";
import {
  ALTERED, bufferOf, bytesToText, CHANGE_COLUMNS, CHANGE_TABLES, CHANGES, CHECKPOINT_COLUMNS, CHECKPOINT_TABLES, COMPACTED, OF_CHECKPOINT, packBody, packKind, packStamp, packState, PINNED, splitActor, textToBytes,
  toChange, toCheckpoint, UNKNOWN_STATE,
} from "./checkpoint-rows.ts";
import { Contents, type Transactions } from "./contents.ts";
import type { Row } from "./driver.ts";
import { BUSY_TIMEOUT, openOne, prepareFolder, type Prepared } from "./files.ts";
import { LargeFiles, syncFile, syncFolder } from "./large.ts";
import { CHECKPOINT_STEPS } from "./migrate.ts";
import { Packing } from "./packing.ts";

const NAME = "checkpoints.db";

/** How long emptying the -wal file waits for readers of other processes: where only room is at stake, and after forgetting. Milliseconds. */
const FOR_ROOM = 100;
const FOR_FORGETTING = 2000;

export function openCheckpointStore(home: string): CheckpointStore {
  prepareFolder(home);
  const path = join(home, NAME);
  const file = openOne(path, CHECKPOINT_STEPS, {
    synchronous: "NORMAL",
    hint: `mv ${path} ${path}.damaged; checkpoints then begin anew`,
    // Without it freed pages could only be given back by writing the whole file again, under a lock.
    pragmas: "PRAGMA auto_vacuum = INCREMENTAL",
  });
  return new SqliteCheckpointStore(file, home);
}

class SqliteCheckpointStore implements CheckpointStore {
  readonly #file: Prepared;
  readonly #home: string;
  readonly #large: LargeFiles;
  readonly #contents: Contents;
  readonly #packing: Packing;
  #depth = 0;
  /** What can only be done once the transaction has been committed. */
  #afterwards: (() => void)[] = [];
  /** SQLite gave up the whole transaction by itself, as it may on a full disk: what came after would be committed alone. */
  #isLost = false;
  /** Whether the names of the database's files have been synced. */
  #isNamed = false;
  #closed = false;

  constructor(file: Prepared, home: string) {
    this.#file = file;
    this.#home = home;
    this.#large = new LargeFiles(home);
    const transactions: Transactions = { write: (body) => this.#write(body), read: (body) => this.#read(body) };
    this.#contents = new Contents(file, this.#large, transactions);
    this.#packing = new Packing(file, this.#large, this.#contents, transactions);
  }

  write<T>(body: () => T): T {
    let own: { readonly error: unknown } | undefined;
    try {
      return this.#write(() => {
        try {
          return body();
        } catch (error) {
          own = { error };
          throw error;
        }
      });
    } catch (error) {
      // What the body threw is the caller's, and is left as it is.
      throw own?.error === error ? error : asTidemarkError(error);
    }
  }

  put(bytes: Uint8Array): ContentId {
    return guarded(() => this.#contents.put(bytes));
  }

  putFile(path: string | Uint8Array): ContentId | undefined {
    return guarded(() => this.#contents.putFile(path));
  }

  content(id: ContentId): Uint8Array | undefined {
    return guarded(() => this.#contents.content(id));
  }

  has(id: ContentId): boolean {
    return guarded(() => this.#contents.has(id));
  }

  seal(checkpoint: NewCheckpoint): Checkpoint | undefined {
    if (!isWorthSealing(checkpoint)) return undefined;
    return guarded(() =>
      this.#write(() => {
        const { time, kind, actor, coverage } = checkpoint;
        const tree = this.#treeId(checkpoint.tree);
        const newest = this.#file.sql("SELECT id FROM checkpoint WHERE tree = ? ORDER BY seq DESC LIMIT 1").get(tree);
        const previous = newest === undefined ? Buffer.alloc(0) : bufferOf(newest["id"]);
        const id = checkpointId(previous.toString("hex"), checkpoint);
        const { origin, rest } = splitActor(actor);
        const row = { tree: textToBytes(checkpoint.tree), id: Buffer.from(id, "hex"), time, kind: packKind(kind), flags: 0, origin, body: packBody(rest, coverage, checkpoint) };
        const { lastInsertRowid } = this.#file
          .sql("INSERT INTO checkpoint (tree, id, previous, time, kind, flags, origin, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
          .run(tree, row.id, previous, time, row.kind, row.flags, this.#originId(origin), row.body);
        const seq = Number(lastInsertRowid);
        this.#insertChanges(seq, tree, checkpoint.changes);
        return toCheckpoint({ ...row, seq }, () => 1);
      }),
    );
  }

  trees(): string[] {
    return guarded(() => this.#file.sql("SELECT name FROM tree WHERE id IN (SELECT tree FROM checkpoint)").all().map((row) => bytesToText(row["name"])).sort());
  }

  checkpoints(tree: string): Checkpoint[] {
    return guarded(() => {
      const tierOf = this.#tiers();
      return this.#file.sql(`SELECT ${CHECKPOINT_COLUMNS} FROM ${CHECKPOINT_TABLES} WHERE checkpoint.tree = (SELECT id FROM tree WHERE name = ?) ORDER BY checkpoint.seq`).all(textToBytes(tree)).map((row) => toCheckpoint(row, tierOf));
    });
  }

  changes(seq: number): Sealed[] {
    return guarded(() => this.#changes(seq));
  }

  changesAfter(tree: string, seq: number, path?: string): (Sealed & { readonly seq: number })[] {
    return guarded(() => {
      const from = (seq + 1) * CHANGES;
      const rows =
        path === undefined
          ? this.#file
              .sql(`SELECT ${CHANGE_COLUMNS} FROM ${CHANGE_TABLES} JOIN checkpoint ON checkpoint.seq = change.id >> 20 WHERE checkpoint.tree = (SELECT id FROM tree WHERE name = ?) AND change.id >= ?`)
              .all(textToBytes(tree), from)
          : this.#file
              .sql(`SELECT ${CHANGE_COLUMNS} FROM ${CHANGE_TABLES} WHERE change.path = (SELECT id FROM path WHERE tree = (SELECT id FROM tree WHERE name = ?) AND name = ?) AND change.id >= ?`)
              .all(textToBytes(tree), textToBytes(path), from);
      return rows.map((row) => ({ seq: Number(row["seq"]), ...toChange(row) })).sort((a, b) => a.seq - b.seq || byPath(a, b));
    });
  }

  newest(tree: string): number {
    return guarded(() => Number(this.#file.sql("SELECT seq FROM checkpoint WHERE tree = (SELECT id FROM tree WHERE name = ?) ORDER BY seq DESC LIMIT 1").get(textToBytes(tree))?.["seq"] ?? 0));
  }

  pin(seq: number, pinned: boolean): void {
    guarded(() => this.#write(() => this.#file.sql(`UPDATE checkpoint SET flags = (flags & ~${PINNED}) | ? WHERE seq = ?`).run(pinned ? PINNED : 0, seq)));
  }

  setTier(upTo: number, tier: Tier): void {
    guarded(() =>
      this.#write(() => this.#file.sql("INSERT INTO note (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)").run(`tier_${tier}`, upTo)),
    );
  }

  dropTier(tier: 3): void {
    guarded(() => this.#write(() => this.#file.sql("DELETE FROM note WHERE name = ?").run(`tier_${tier}`)));
  }

  /**
   * By flushing the -wal file, not by a checkpoint of SQLite's: every commit stands in it whole, and those that no longer
   * do were flushed into the database before they left it. That is one flush, with no lock. A checkpoint is two and a
   * write per page, and gives up without flushing anything while another process is at one.
   *
   * The file holds no lock of SQLite's. Opening the database or the -shm file a second time here would drop all locks
   * that this process has on it, once closed.
   */
  sync(): void {
    guarded(() =>
      this.#onceCommitted(() => {
        this.#contents.sync();
        syncFile(join(this.#home, `${NAME}-wal`));
        if (!this.#isNamed) syncFolder(this.#home);
        this.#isNamed = true;
      }),
    );
  }

  callBegan(tree: string, call: RunningCall): void {
    guarded(() => this.#writeOne(() => this.#file.sql("INSERT INTO call (tree, id, body) VALUES (?, ?, ?) ON CONFLICT DO NOTHING").run(this.#treeId(tree), call.id, JSON.stringify(call))));
  }

  callEnded(tree: string, id: string, time: number, background: boolean, started?: number): void {
    guarded(() =>
      this.#writeOne(() => {
        const row = this.#file.sql("SELECT rowid, body FROM call WHERE tree = (SELECT id FROM tree WHERE name = ?) AND id = ?").get(textToBytes(tree), id);
        if (row === undefined) return;
        const { background: _, ...rest } = JSON.parse(String(row["body"])) as RunningCall;
        this.#file.sql("UPDATE call SET body = ? WHERE rowid = ?").run(JSON.stringify({ ...rest, ended: time, ...(background && { background }), ...(started !== undefined && { started }) }), row["rowid"]!);
      }),
    );
  }

  calls(tree: string): RunningCall[] {
    return guarded(() => this.#calls(tree));
  }

  dropCalls(tree: string, before: number): void {
    guarded(() =>
      this.#writeOne(() => {
        // One that left something running has returned, but is not over.
        this.#file
          .sql("DELETE FROM call WHERE tree = (SELECT id FROM tree WHERE name = ?) AND json_extract(body, '$.ended') < ? AND coalesce(json_extract(body, '$.background'), 0) = 0")
          .run(textToBytes(tree), before);
      }),
    );
  }

  merge(runs: readonly (readonly number[])[]): void {
    guarded(() =>
      this.#write(() => {
        for (const run of runs) if (run.length > 1) this.#merge(run);
      }),
    );
  }

  drop(seqs: readonly number[]): void {
    guarded(() => this.#write(() => seqs.forEach((seq) => this.#drop(seq))));
  }

  forgetPath(tree: string, path: string): number {
    return guarded(() => {
      const { altered, files } = this.#write(() => {
        const changes = this.#file
          .sql("SELECT id, before_content, after_content FROM change WHERE path = (SELECT id FROM path WHERE tree = (SELECT id FROM tree WHERE name = ?) AND name = ?) AND (before <> ? OR after <> ?)")
          .all(textToBytes(tree), textToBytes(path), UNKNOWN_STATE, UNKNOWN_STATE);
        for (const { id } of changes) {
          this.#file.sql("UPDATE change SET before = ?, after = ?, before_content = NULL, after_content = NULL, stamp = NULL WHERE id = ?").run(UNKNOWN_STATE, UNKNOWN_STATE, id!);
          this.#file.sql(`UPDATE checkpoint SET flags = flags | ${ALTERED} WHERE seq = ? >> 20`).run(id!);
        }
        const named = new Set(changes.flatMap((row) => [row["before_content"], row["after_content"]]).filter((id) => typeof id === "number"));
        const used = this.#file.sql("SELECT before_content AS id FROM change WHERE before_content IN (SELECT value FROM json_each(?1)) UNION SELECT after_content FROM change WHERE after_content IN (SELECT value FROM json_each(?1))");
        if (named.size > 0) for (const row of used.all(JSON.stringify([...named]))) named.delete(Number(row["id"]));
        return { altered: changes.length, files: this.#packing.removeAll([...named]) };
      });
      this.#onceCommitted(() => {
        this.#packing.removeFiles(files);
        // Old pages stand in the -wal file until it is emptied.
        if (!this.#emptyWal(FOR_FORGETTING)) throw new TidemarkError("STORE_BUSY", "It is forgotten, but another process still reads old pages, so its bytes still stand in the store's -wal file");
      });
      return altered;
    });
  }

  collect(keep: ReadonlySet<ContentId>, { clock, ms }: { readonly clock: () => number; readonly ms: number }): { dropped: number; packed: number; done: boolean } {
    if (this.#depth > 0) throw refused("collecting is many transactions and cannot be part of one");
    return guarded(() => {
      const result = this.#packing.collect(keep, clock, ms);
      // The database is cut only as its pages are written back.
      this.#emptyWal(FOR_ROOM);
      return result;
    });
  }

  pack({ clock, ms }: { readonly clock: () => number; readonly ms: number }): boolean {
    return guarded(() => this.#packing.packSome(clock, ms));
  }

  usage(): Usage {
    return guarded(() => {
      const bytes = ["", "-wal", "-shm"].reduce((sum, suffix) => sum + (statSync(join(this.#home, NAME + suffix), { throwIfNoEntry: false })?.size ?? 0), this.#large.bytes());
      return { bytes, contents: this.#contents.count(), checkpoints: Number(this.#file.sql("SELECT count(*) AS n FROM checkpoint").get()!["n"]) };
    });
  }

  check(): Problem[] {
    return guarded(() => {
      const problems: Problem[] = [];
      for (const row of this.#file.database.prepare("PRAGMA integrity_check(20)").all()) {
        const message = String(Object.values(row)[0]);
        if (message !== "ok") problems.push({ code: "FILE_DAMAGED", where: NAME, message });
      }
      problems.push(...this.#contents.check());
      for (const { seq } of this.#file.sql("SELECT seq FROM checkpoint ORDER BY seq").all()) problems.push(...this.#read(() => this.#checkOne(Number(seq))));
      return problems;
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#file.database.close();
  }

  #write<T>(body: () => T): T {
    if (this.#depth > 0) return this.#within(body);
    this.#depth = 1;
    this.#isLost = false;
    let afterwards: (() => void)[];
    let result: T;
    try {
      result = this.#file.write(body);
    } finally {
      this.#depth = 0;
      afterwards = this.#afterwards;
      this.#afterwards = [];
    }
    for (const each of afterwards) each();
    return result;
  }

  /** Of one statement that writes, or several that may each stand alone: within a transaction a savepoint would cost more than they do. */
  #writeOne<T>(body: () => T): T {
    if (this.#depth === 0) return this.#write(body);
    if (this.#isLost) throw new TidemarkError("DISK_FULL", "The transaction was given up");
    try {
      return body();
    } catch (error) {
      // Whether SQLite gave up all of it cannot be told, so nothing more goes into it.
      this.#isLost = true;
      throw error;
    }
  }

  /** All of it from one moment: another process may rest a delta on something else between two looks. */
  #read<T>(body: () => T): T {
    if (this.#depth > 0) return body();
    this.#file.sql("BEGIN").run();
    try {
      return body();
    } finally {
      this.#file.sql("COMMIT").run();
    }
  }

  /** A part of a transaction that can fail without the whole. */
  #within<T>(body: () => T): T {
    if (this.#isLost) throw new TidemarkError("DISK_FULL", "The transaction was given up");
    const scheduled = this.#afterwards.length;
    this.#file.sql("SAVEPOINT part").run();
    this.#depth++;
    try {
      const result = body();
      this.#file.sql("RELEASE part").run();
      return result;
    } catch (error) {
      this.#afterwards.length = scheduled;
      try {
        this.#file.database.exec("ROLLBACK TO part; RELEASE part");
      } catch (second) {
        if (!/no such savepoint|no transaction/i.test(String(second))) throw new AggregateError([error, second], "rollback failed");
        this.#isLost = true;
      }
      throw error;
    } finally {
      this.#depth--;
    }
  }

  #onceCommitted(action: () => void): void {
    if (this.#depth > 0) this.#afterwards.push(action);
    else action();
  }

  /** False while another process reads old pages. */
  #emptyWal(patience: number): boolean {
    const { database } = this.#file;
    database.exec(`PRAGMA busy_timeout = ${patience}`);
    try {
      return database.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get()?.["busy"] === 0;
    } finally {
      database.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT}`);
    }
  }

  #get(seq: number): Checkpoint | undefined {
    const row = this.#row(seq);
    return row === undefined ? undefined : toCheckpoint(row, this.#tiers());
  }

  #row(seq: number): Row | undefined {
    return this.#file.sql(`SELECT ${CHECKPOINT_COLUMNS} FROM ${CHECKPOINT_TABLES} WHERE checkpoint.seq = ?`).get(seq);
  }

  #changes(seq: number): Sealed[] {
    return this.#file.sql(`SELECT ${CHANGE_COLUMNS} FROM ${CHANGE_TABLES} WHERE ${OF_CHECKPOINT}`).all(seq).map(toChange).sort(byPath);
  }

  #calls(tree: string): RunningCall[] {
    return this.#file.sql("SELECT body FROM call WHERE tree = (SELECT id FROM tree WHERE name = ?) ORDER BY rowid").all(textToBytes(tree)).map((row) => JSON.parse(String(row["body"])) as RunningCall);
  }

  /** A tier is reached by all up to some checkpoint, so two numbers say it of all. */
  #tiers(): (seq: number) => Tier {
    const reached = new Map(this.#file.sql("SELECT name, value FROM note WHERE name IN ('tier_2', 'tier_3')").all().map((row) => [String(row["name"]), Number(row["value"])]));
    const [second, third] = [reached.get("tier_2") ?? 0, reached.get("tier_3") ?? 0];
    return (seq) => (seq <= third ? 3 : seq <= second ? 2 : 1);
  }

  #treeId(tree: string): number {
    return this.#idOf("SELECT id FROM tree WHERE name = ?", "INSERT INTO tree (name) VALUES (?)", textToBytes(tree));
  }

  #pathId(tree: number, path: string): number {
    return this.#idOf("SELECT id FROM path WHERE tree = ? AND name = ?", "INSERT INTO path (tree, name) VALUES (?, ?)", tree, textToBytes(path));
  }

  /** One of the last few, or a new one: an index to find them all would be as large as what they save. */
  #originId(text: string): number {
    return this.#idOf("SELECT id FROM (SELECT id, text FROM origin ORDER BY id DESC LIMIT 16) WHERE text = ?", "INSERT INTO origin (text) VALUES (?)", text);
  }

  /** Under the write lock. Not kept between transactions: another process may take unused ones out. */
  #idOf(find: string, insert: string, ...values: (string | number | Uint8Array)[]): number {
    const row = this.#file.sql(find).get(...values);
    return row === undefined ? Number(this.#file.sql(insert).run(...values).lastInsertRowid) : Number(row["id"]);
  }

  #insertChanges(seq: number, tree: number, changes: readonly Sealed[], again = false): void {
    if (changes.length > CHANGES || new Set(changes.map(({ path }) => path)).size < changes.length) throw refused("too many changes for one checkpoint, or two of one path");
    const insert = this.#file.sql("INSERT INTO change (id, path, before, after, before_content, after_content, stamp) VALUES (?, ?, ?, ?, ?, ?, ?)");
    for (const [i, { path, before, after, stamp }] of changes.entries()) insert.run(seq * CHANGES + i, this.#pathId(tree, path), packState(before), packState(after), this.#use(before, again), this.#use(after, again), packStamp(stamp));
  }

  #use(state: State, again: boolean): number | null {
    const version = versionOf(state);
    return version === undefined ? null : this.#contents.use(version.content, again);
  }

  #merge(run: readonly number[]): void {
    const members: Member[] = run.map((seq) => {
      const checkpoint = this.#get(seq);
      if (checkpoint === undefined) throw refused(`there is no checkpoint ${seq} to merge`);
      return { checkpoint, changes: this.#changes(seq) };
    });
    const { actor, coverage, changes } = mergeRun(members);
    const last = members.at(-1)!.checkpoint;
    // Its change would then stand before one that came first.
    const between = this.#file
      .sql(
        `SELECT id >> 20 AS seq FROM change WHERE id > ?1 AND id < ?2 AND id >> 20 NOT IN (SELECT value FROM json_each(?3))
         AND EXISTS (SELECT 1 FROM change AS earlier WHERE earlier.path = change.path AND earlier.id < change.id AND earlier.id >> 20 IN (SELECT value FROM json_each(?3))) LIMIT 1`,
      )
      .get(run[0]! * CHANGES, last.seq * CHANGES, JSON.stringify(run));
    if (between !== undefined) throw refused(`checkpoint ${Number(between["seq"])} changed a path between two that were to be merged`);
    for (const seq of run.slice(0, -1)) this.#drop(seq);
    this.#deleteChanges(last.seq);
    this.#insertChanges(last.seq, this.#treeId(last.tree), changes, true);
    const { origin, rest } = splitActor(actor);
    this.#file.sql(`UPDATE checkpoint SET flags = flags | ${COMPACTED}, origin = ?, body = ? WHERE seq = ?`).run(this.#originId(origin), packBody(rest, coverage, last), last.seq);
  }

  #drop(seq: number): void {
    this.#deleteChanges(seq);
    this.#file.sql("DELETE FROM checkpoint WHERE seq = ?").run(seq);
  }

  #deleteChanges(seq: number): void {
    this.#file.sql(`DELETE FROM change WHERE ${OF_CHECKPOINT}`).run(seq);
  }

  #checkOne(seq: number): Problem[] {
    const where = `checkpoint ${seq}`;
    try {
      const flags = this.#file.sql("SELECT flags, previous FROM checkpoint WHERE seq = ?").get(seq);
      // Gone since the list was made.
      if (flags === undefined) return [];
      const checkpoint = this.#get(seq);
      if (checkpoint === undefined) return [{ code: "CHECKPOINT_CHANGED", where, message: "Its tree or its actor is missing" }];
      if (this.#file.sql(`SELECT 1 FROM change WHERE ${OF_CHECKPOINT} AND (before_content NOT IN (SELECT id FROM content) OR after_content NOT IN (SELECT id FROM content))`).get(seq) !== undefined)
        return [{ code: "OBJECT_MISSING", where, message: "A content it refers to is gone" }];
      const changes = this.#changes(seq);
      const problems = changes.flatMap(({ path, before, after }) =>
        [before, after].flatMap((state): Problem[] => {
          const content = versionOf(state)?.content;
          if (content === undefined || content.startsWith("git:") || this.#contents.has(content)) return [];
          return [{ code: "OBJECT_MISSING", where, message: `The bytes of ${path.toWellFormed()} are gone` }];
        }),
      );
      const changed = (Number(flags["flags"]) & (COMPACTED | ALTERED)) === 0 && checkpointId(bufferOf(flags["previous"]).toString("hex"), { ...checkpoint, changes }) !== checkpoint.id;
      return changed ? [...problems, { code: "CHECKPOINT_CHANGED", where, message: "Its id does not follow from what it says" }] : problems;
    } catch (error) {
      return [{ code: "CHECKPOINT_CHANGED", where, message: `It cannot be read: ${(error as Error).message}` }];
    }
  }
}

function guarded<T>(body: () => T): T {
  try {
    return body();
  } catch (error) {
    throw asTidemarkError(error);
  }
}
