/**
 * Opening the files of a store, `log.db` and `objects.db`, also `checkpoints.db`, and the pragmas they need. `mmap_size` is never set:
 * it is a reported amplifier of WAL damage.
 */
import { chmodSync, closeSync, existsSync, mkdirSync, openSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { asTidemarkError, TidemarkError } from "../../base/errors.ts";
import { openDatabase, type Database, type Statement } from "./driver.ts";
import { LOG_STEPS, migrate, OBJECT_STEPS } from "./migrate.ts";

export interface Files {
  readonly log: Prepared;
  readonly objects: Prepared;
  readonly folder: string;
}

/** A database with its prepared statements kept by their text. */
export class Prepared {
  readonly database: Database;
  readonly #statements = new Map<string, Statement>();

  constructor(database: Database) {
    this.database = database;
  }

  sql(text: string): Statement {
    let statement = this.#statements.get(text);
    if (statement === undefined) this.#statements.set(text, (statement = this.database.prepare(text)));
    return statement;
  }

  /** Runs the body on one state of the database. Alone, each statement would find out anew what its index is made of. */
  read<T>(body: () => T): T {
    return this.#within("BEGIN", body);
  }

  /** Runs the body in one writing transaction. The lock is taken at once, so it cannot fail half-way for being busy. */
  write<T>(body: () => T): T {
    return this.#within("BEGIN IMMEDIATE", body);
  }

  #within<T>(begin: string, body: () => T): T {
    this.database.exec(begin);
    try {
      const result = body();
      this.database.exec("COMMIT");
      return result;
    } catch (error) {
      // After a full disk SQLite may have rolled back by itself; a second ROLLBACK then complains of no transaction.
      try {
        this.database.exec("ROLLBACK");
      } catch (second) {
        if (!/no transaction/i.test(String(second))) throw new AggregateError([error, second], "rollback failed");
      }
      throw error;
    }
  }
}

export function openFiles(folder: string): Files {
  prepareFolder(folder);
  const hint = `mv ${folder} ${folder}.damaged, then tidemark import`;
  const log = openOne(join(folder, "log.db"), LOG_STEPS, { synchronous: "NORMAL", hint });
  // FULL: the log must never refer to an object that a power cut took away.
  const objects = openOne(join(folder, "objects.db"), OBJECT_STEPS, { synchronous: "FULL", hint });
  return { log, objects, folder };
}

/** The state folder, for its owner alone. */
export function prepareFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    if (!statSync(folder).isDirectory()) throw new TidemarkError("HOME_UNWRITABLE", `${folder} is not a folder`);
    // A folder of ours that is open to others is closed; one that was there before with other things in it is not ours to
    // close, and the files of the store are for their owner alone anyway.
    const ours = existsSync(join(folder, "log.db")) || readdirSync(folder).length === 0;
    if (process.platform !== "win32" && ours && (statSync(folder).mode & 0o077) !== 0) chmodSync(folder, 0o700);
  } catch (error) {
    if (error instanceof TidemarkError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOSPC") throw asTidemarkError(error);
    throw new TidemarkError("HOME_UNWRITABLE", `The state folder ${folder} cannot be used (${code})`, { cause: error });
  }
}

/** How long a writer waits for another. Milliseconds. */
export const BUSY_TIMEOUT = 10_000;

export interface Opening {
  readonly synchronous: "NORMAL" | "FULL";
  /** What to do where nothing here can read it. */
  readonly hint: string;
  /** Further settings; they run first, since some hold only for a file that is not there yet. */
  readonly pragmas?: string;
}

export function openOne(path: string, steps: readonly string[], { synchronous, hint, pragmas }: Opening): Prepared {
  let database: Database | undefined;
  try {
    // Before SQLite makes it: the files that it puts beside it get the mode that this one has by then.
    if (!existsSync(path) && process.platform !== "win32") makePrivate(path);
    database = openDatabase(path);
    database.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT}`);
    if (pragmas !== undefined) patiently(database, pragmas);
    patiently(database, "PRAGMA journal_mode = WAL");
    database.exec(`PRAGMA synchronous = ${synchronous}`);
    database.exec("PRAGMA secure_delete = ON");
    database.exec("PRAGMA cache_size = -16000");
    migrate(database, steps, path);
    return new Prepared(database);
  } catch (error) {
    database?.close();
    const known = asTidemarkError(error);
    if (known.code !== "STORE_DAMAGED") throw known;
    // Nothing here can read it, so neither can verify or doctor; what the agent's files still hold can be taken in anew.
    throw new TidemarkError("STORE_DAMAGED", `${path} is damaged or no database: ${(error as Error).message}`, { cause: error, hint });
  }
}

function makePrivate(path: string): void {
  try {
    // Never one that is there: closing it here would drop the locks that another thread of this process has on it.
    closeSync(openSync(path, "wx", 0o600));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return;
    const known = asTidemarkError(error);
    throw known.code === "INTERNAL" ? new TidemarkError("HOME_UNWRITABLE", `${path} cannot be made (${(error as NodeJS.ErrnoException).code})`, { cause: error }) : known;
  }
}

/**
 * SQLite does not wait at this one: while another process recovers the log of one that was killed, or is the last to
 * close it, the answer is "locked" at once, whatever the busy timeout. Seen about once in a hundred kills.
 */
function patiently(database: Database, sql: string): void {
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  for (let left = 200; ; left--) {
    try {
      return database.exec(sql);
    } catch (error) {
      if (left === 0 || !/locked|busy/i.test(String(error))) throw error;
      Atomics.wait(sleeper, 0, 0, 50);
    }
  }
}
