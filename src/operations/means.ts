/**
 * What readers of agents' histories are given (agents/history.ts): which project a folder is of, and databases of agents, which
 * are read from a copy. Opening one in place takes locks, and in WAL mode writes a file beside it even to read.
 */
import { constants, copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { UnreadableSource, type Means, type Rows } from "../agents/history.ts";
import { openDatabase, type Database } from "../store/sqlite/driver.ts";
import { projectOf } from "../worktree/project.ts";

export interface OpenMeans extends Means {
  /** Closes the copies and takes them away. */
  close(): void;
}

/** Each folder's project is looked up once. */
export function projects(): (cwd: string) => string {
  const known = new Map<string, string>();
  return (cwd) => {
    let project = known.get(cwd);
    if (project === undefined) known.set(cwd, (project = projectOf(cwd)));
    return project;
  };
}

/** `scratch`: a folder of our own, made when it is needed. */
export function means(scratch: string): OpenMeans {
  const copies = new Map<string, { folder: string; database: Database }>();
  return {
    projectOf: projects(),
    async database(path) {
      let copy = copies.get(path);
      if (copy === undefined) {
        mkdirSync(scratch, { recursive: true, mode: 0o700 });
        const folder = mkdtempSync(join(scratch, "copy-"));
        removeLeftovers(scratch, statSync(folder).mtimeMs);
        try {
          copy = { folder, database: openDatabase(await copied(path, join(folder, "copy.db"))) };
        } catch (error) {
          rmSync(folder, { recursive: true, force: true });
          throw error;
        }
        copies.set(path, copy);
      }
      return rowsOf(copy.database);
    },
    close() {
      for (const { folder, database } of copies.values()) {
        database.close();
        rmSync(folder, { recursive: true, force: true });
      }
      copies.clear();
    },
  };
}

/** No import takes an hour over a copy; one that is older was left by an import that was killed. */
const LEFT = 3_600_000;

function removeLeftovers(scratch: string, now: number): void {
  for (const name of readdirSync(scratch)) {
    const about = statSync(join(scratch, name), { throwIfNoEntry: false });
    if (name.startsWith("copy-") && about !== undefined && now - about.mtimeMs > LEFT) rmSync(join(scratch, name), { recursive: true, force: true });
  }
}

/** What is not a database, or has other tables than this version knows, is a reason to read the next one. */
function rowsOf(database: Database): Rows {
  return (sql, ...values) => {
    try {
      return database.prepare(sql).all(...values);
    } catch (error) {
      throw new UnreadableSource(`a database that cannot be read here: ${(error as Error).message}`, { cause: error });
    }
  };
}

const TRIES = 5;

/** Database and log as they were together: a writer or a checkpoint in between shows in their sizes or times. */
async function copied(path: string, to: string): Promise<string> {
  for (let tried = 1; ; tried++) {
    const before = look(path);
    copyFileSync(path, to, constants.COPYFILE_FICLONE);
    rmSync(`${to}-wal`, { force: true });
    if (look(path).wal !== "") copyFileSync(`${path}-wal`, `${to}-wal`, constants.COPYFILE_FICLONE);
    const after = look(path);
    if (before.database === after.database && before.wal === after.wal) return to;
    if (tried === TRIES) throw new UnreadableSource("the agent is writing to it all the time; import again when it rests");
    await pause(100 * tried);
  }
}

function look(path: string): { database: string; wal: string } {
  const of = (name: string): string => {
    const about = statSync(name, { bigint: true, throwIfNoEntry: false });
    return about === undefined ? "" : `${about.ino} ${about.size} ${about.mtimeNs}`;
  };
  return { database: of(path), wal: of(`${path}-wal`) };
}
