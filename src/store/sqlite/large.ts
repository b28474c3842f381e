/**
 * Large contents as files beside the database, `files/<ab>/<hash>`, and the temporary ones they begin as. A file is put in
 * its place and taken away only under the database's write lock, so that a row and its file come and go together for
 * every process. Left out: which contents are large, and the rows (contents.ts).
 */
import { chmodSync, closeSync, constants, copyFileSync, existsSync, fdatasyncSync, fsyncSync, lstatSync, mkdirSync, openSync, readdirSync, readFileSync, readSync, renameSync, rmSync, statSync, writeSync } from "node:fs";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { TidemarkError } from "../../base/errors.ts";

const TEMPORARY = "temp-";
const CHUNK = 1 << 20;

let made = 0;

export class LargeFiles {
  readonly #folder: string;

  constructor(home: string) {
    this.#folder = join(home, "files");
  }

  /** A new temporary file with these bytes. */
  write(bytes: Uint8Array): string {
    const path = this.#temporary();
    try {
      const fd = openSync(path, "r+");
      try {
        for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
      } finally {
        closeSync(fd);
      }
      return path;
    } catch (error) {
      this.discard(path);
      throw error;
    }
  }

  /** A temporary copy (a clone where the file system can), or undefined where the file was changed while it was copied. */
  copy(source: string | Uint8Array): { path: string; size: number; hash: string } | undefined {
    const from = typeof source === "string" ? source : Buffer.from(source);
    const path = this.#temporary();
    try {
      // Made before the first look at the source: its time is the file system's clock, against which "long ago" is judged.
      const began = lstatSync(path, { bigint: true }).ctimeNs;
      const before = lstatSync(from, { bigint: true, throwIfNoEntry: false });
      if (before?.isFile() !== true) return this.#none(path);
      // macOS clones only to where nothing is.
      this.discard(path);
      copyFileSync(from, path, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
      chmodSync(path, 0o600);
      const after = lstatSync(from, { bigint: true, throwIfNoEntry: false });
      const { size } = statSync(path);
      if (after === undefined || after.ino !== before.ino || after.size !== before.size || after.mtimeNs !== before.mtimeNs || after.ctimeNs !== before.ctimeNs || BigInt(size) !== before.size) return this.#none(path);
      const hash = hashFile(path);
      // Written within the same tick of that clock: a further write would not show in its times, so its bytes are asked.
      if (before.ctimeNs >= began && hashFile(from) !== hash) return this.#none(path);
      return { path, size, hash };
    } catch (error) {
      this.discard(path);
      const { code } = error as NodeJS.ErrnoException;
      if (code === "ENOENT") return undefined;
      if (code === "EACCES" || code === "EPERM") throw new TidemarkError("PATH_UNREADABLE", `${Buffer.from(from).toString("utf8")} cannot be read (${code})`, { cause: error });
      throw error;
    }
  }

  /** Under the write lock. */
  place(temporary: string, hash: string): void {
    mkdirSync(this.#folderOf(hash), { recursive: true, mode: 0o700 });
    renameSync(temporary, this.#pathOf(hash));
  }

  discard(temporary: string): void {
    rmSync(temporary, { force: true });
  }

  /** Undefined where it is missing. */
  read(hash: string): Buffer | undefined {
    try {
      return readFileSync(this.#pathOf(hash));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
  }

  /** Whether it is there in full; a power cut can leave the row without the file, or with part of it. */
  has(hash: string, size: number): boolean {
    return statSync(this.#pathOf(hash), { throwIfNoEntry: false })?.size === size;
  }

  /** Another one where the file was replaced. */
  identity(hash: string): string | undefined {
    const found = statSync(this.#pathOf(hash), { bigint: true, throwIfNoEntry: false });
    return found === undefined ? undefined : `${found.ino} ${found.ctimeNs}`;
  }

  /** Hex of what its bytes hash to, without holding them; undefined where it is missing. */
  hashOf(hash: string): string | undefined {
    return statSync(this.#pathOf(hash), { throwIfNoEntry: false }) === undefined ? undefined : hashFile(this.#pathOf(hash));
  }

  /** Under the write lock. */
  remove(hash: string): void {
    rmSync(this.#pathOf(hash), { force: true });
  }

  sync(hashes: readonly string[]): void {
    for (const hash of hashes) syncFile(this.#pathOf(hash));
    // One that somebody took away holds nothing that could be lost; `check` says so.
    for (const folder of new Set(hashes.map((hash) => this.#folderOf(hash)))) if (existsSync(folder)) syncFolder(folder);
    if (hashes.length > 0 && existsSync(this.#folder)) syncFolder(this.#folder);
  }

  /** Every large file with its hash, whether or not a row names it. */
  all(): string[] {
    return this.#list().flatMap((name) => (name.startsWith(TEMPORARY) ? [] : readdirSync(join(this.#folder, name))));
  }

  /** Removes temporary files not written to since this time, in milliseconds since 1970. */
  removeStray(before: number): number {
    let removed = 0;
    for (const path of this.#temporaries()) {
      if ((statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? before) >= before) continue;
      rmSync(path, { force: true });
      removed++;
    }
    return removed;
  }

  bytes(): number {
    const paths = [...this.all().map((hash) => this.#pathOf(hash)), ...this.#temporaries()];
    return paths.reduce((sum, path) => sum + (statSync(path, { throwIfNoEntry: false })?.size ?? 0), 0);
  }

  /** An empty one, for the owner alone. No two processes on one machine have the same name, and one in the way is an error. */
  #temporary(): string {
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    const path = join(this.#folder, `${TEMPORARY}${process.pid}-${process.hrtime.bigint()}-${made++}`);
    closeSync(openSync(path, "wx", 0o600));
    return path;
  }

  #none(temporary: string): undefined {
    this.discard(temporary);
    return undefined;
  }

  #temporaries(): string[] {
    return this.#list().flatMap((name) => (name.startsWith(TEMPORARY) ? [join(this.#folder, name)] : []));
  }

  #list(): string[] {
    try {
      return readdirSync(this.#folder);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
      throw error;
    }
  }

  #folderOf(hash: string): string {
    return join(this.#folder, hash.slice(0, 2));
  }

  #pathOf(hash: string): string {
    return join(this.#folderOf(hash), hash);
  }
}

/** The bytes of the file; nothing where it is gone. Opened for writing, which Windows asks of one who flushes. */
export function syncFile(path: string): void {
  try {
    const fd = openSync(path, "r+");
    try {
      fdatasyncSync(fd);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}

/** The names in a folder; Windows keeps them with the files. */
export function syncFolder(path: string): void {
  if (process.platform === "win32") return;
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function hashFile(path: string | Buffer): string {
  const hash = createHash("sha256");
  const chunk = Buffer.allocUnsafe(CHUNK);
  const fd = openSync(path, "r");
  try {
    for (let read; (read = readSync(fd, chunk, 0, CHUNK, null)) > 0; ) hash.update(chunk.subarray(0, read));
  } finally {
    closeSync(fd);
  }
  return hash.digest("hex");
}
