/**
 * The only place that knows which SQLite there is. The shape is that of `node:sqlite`, cut to what the store uses.
 *
 * The built-in one is taken where it is safe: before 3.51.3 SQLite has a bug that can corrupt a WAL database when
 * two processes write and checkpoint at once, and Node before 22.16 has no FTS5. Elsewhere @photostructure/sqlite:
 * the same API, prebuilt binaries inside the npm package, no install script needed, Node 20 and up. Rejected:
 * better-sqlite3 (compiles for 90 s on Node 20), libsql (aborts the process on some binds; old SQLite), WASM builds
 * (no WAL).
 */
import { createRequire } from "node:module";
import { TidemarkError } from "../../base/errors.ts";

export type SqlValue = null | number | bigint | string | Uint8Array;
export type Row = Record<string, SqlValue>;

export interface Statement {
  run(...values: SqlValue[]): { changes: number | bigint; lastInsertRowid: number | bigint };
  get(...values: SqlValue[]): Row | undefined;
  all(...values: SqlValue[]): Row[];
  iterate(...values: SqlValue[]): IterableIterator<Row>;
}

export interface Database {
  exec(sql: string): void;
  prepare(sql: string): Statement;
  close(): void;
}

type Open = (path: string, readOnly: boolean) => Database;

interface SqliteModule {
  DatabaseSync: new (path: string, options: { readOnly?: boolean }) => Database;
}

const SAFE_VERSION = [3, 51, 3];

let opener: { open: Open; name: string } | undefined;

/** Name and version of the SQLite in use, for `doctor`. */
export function driverName(): string {
  return pick().name;
}

export function openDatabase(path: string, options: { readOnly?: boolean } = {}): Database {
  return pick().open(path, options.readOnly ?? false);
}

function pick(): { open: Open; name: string } {
  if (opener !== undefined) return opener;
  const require = createRequire(import.meta.url);
  const failures: unknown[] = [];
  for (const name of ["node:sqlite", "@photostructure/sqlite"]) {
    try {
      const module = quietly(() => require(name) as SqliteModule);
      const open: Open = (path, readOnly) => new module.DatabaseSync(path, readOnly ? { readOnly } : {});
      const version = probe(open);
      if (name === "node:sqlite" && !atLeast(version, SAFE_VERSION)) continue;
      opener = { open, name: `${name} (SQLite ${version})` };
      return opener;
    } catch (error) {
      failures.push(error);
    }
  }
  throw new TidemarkError("SQLITE_MISSING", "No usable SQLite was found", { cause: failures.at(-1) });
}

function probe(open: Open): string {
  const database = open(":memory:", false);
  database.exec("CREATE VIRTUAL TABLE probe USING fts5(text)");
  const row = database.prepare("SELECT sqlite_version() AS version").get();
  database.close();
  return String(row?.["version"]);
}

function atLeast(version: string, wanted: number[]): boolean {
  const have = version.split(".").map(Number);
  for (const [i, want] of wanted.entries()) if ((have[i] ?? 0) !== want) return (have[i] ?? 0) > want;
  return true;
}

/** Node 22 prints an ExperimentalWarning on loading node:sqlite; it would stand in every command's output. */
function quietly<T>(load: () => T): T {
  const emit = process.emitWarning;
  process.emitWarning = () => undefined;
  try {
    return load();
  } finally {
    process.emitWarning = emit;
  }
}
