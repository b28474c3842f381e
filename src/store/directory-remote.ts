/**
 * A remote that is a folder: another disk, or a share of another machine. Each name is a file, written as a temporary one,
 * flushed and renamed into place; folders are for the owner alone, and so are files. A share that is taken away leaves an
 * empty folder behind, or another one: the folder has to be the one that it was at first.
 */
import { constants, type Dirent } from "node:fs";
import { mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { TidemarkError } from "../base/errors.ts";
import { isRemoteName, type Remote } from "./remote.ts";

/** Files begin here; the same file system, so that they can be renamed into place. */
const TEMPORARY = "temp";

let made = 0;

/** The folder is looked at with the first thing that is asked of it. */
export function openDirectoryRemote(folder: string): DirectoryRemote {
  return new DirectoryRemote(folder);
}

export class DirectoryRemote implements Remote {
  readonly #folder: string;
  #identity: string | undefined;

  constructor(folder: string) {
    this.#folder = folder;
  }

  put(name: string, bytes: Uint8Array): Promise<void> {
    return this.#there(async () => {
      const path = this.#pathOf(name);
      const folders = [...(await this.#makeFolder(join(this.#folder, TEMPORARY))), ...(await this.#makeFolder(dirname(path)))];
      const part = join(this.#folder, TEMPORARY, `${process.pid}-${process.hrtime.bigint()}-${made++}`);
      try {
        const handle = await open(part, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
        try {
          await handle.writeFile(bytes);
          await handle.sync();
        } finally {
          await handle.close();
        }
        await rename(part, path);
      } catch (error) {
        await rm(part, { force: true }).catch(() => undefined);
        throw error;
      }
      // The name itself, and those of folders that were made for it.
      for (const each of new Set([dirname(path), ...folders.map((one) => dirname(one))])) await syncFolder(each);
    });
  }

  get(name: string): Promise<Uint8Array | undefined> {
    return this.#there(async () => orNone(readFile(this.#pathOf(name))));
  }

  has(name: string): Promise<boolean> {
    return this.#there(async () => (await orNone(stat(this.#pathOf(name))))?.isFile() === true);
  }

  list(folder: string): Promise<string[]> {
    return this.#there(async () => {
      const top = folder.replace(/\/$/, "");
      return (await this.#listIn(this.#pathOf(top), top)).sort();
    });
  }

  /** What was being written when its process died, last written before this time, in milliseconds since 1970. Gives how many. */
  removeStray(before: number): Promise<number> {
    return this.#there(async () => {
      let removed = 0;
      for (const name of (await orNone(readdir(join(this.#folder, TEMPORARY)))) ?? []) {
        const path = join(this.#folder, TEMPORARY, name);
        if (((await orNone(stat(path)))?.mtimeMs ?? before) >= before) continue;
        await rm(path, { force: true });
        removed += 1;
      }
      return removed;
    });
  }

  async #listIn(path: string, name: string): Promise<string[]> {
    const entries: Dirent[] = (await orNone(readdir(path, { withFileTypes: true }))) ?? [];
    const names: string[] = [];
    for (const entry of entries) {
      const below = `${name}/${entry.name}`;
      if (entry.isDirectory()) names.push(...(await this.#listIn(join(path, entry.name), below)));
      // Whatever a share's own server leaves lying about has other names.
      else if (entry.isFile() && isRemoteName(below)) names.push(below);
    }
    return names;
  }

  #pathOf(name: string): string {
    if (!isRemoteName(name) || name.split("/")[0] === TEMPORARY) throw new TidemarkError("INTERNAL", `${JSON.stringify(name)} is no name in a remote`);
    return join(this.#folder, ...name.split("/"));
  }

  /** Gives those that were not there. The remote's own folder is never made: it is the user's, and may be a mount. */
  async #makeFolder(path: string): Promise<string[]> {
    const parent = dirname(path);
    const above = path === this.#folder || parent === this.#folder ? [] : await this.#makeFolder(parent);
    try {
      await mkdir(path, { mode: 0o700 });
      return [...above, path];
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      return above;
    }
  }

  async #there<T>(body: () => Promise<T>): Promise<T> {
    try {
      const { dev, ino } = await this.#look();
      const identity = `${dev} ${ino}`;
      if ((this.#identity ??= identity) !== identity) throw new TidemarkError("REMOTE_GONE", `Another folder now stands at ${this.#folder}, where checkpoints were being copied to`);
      return await body();
    } catch (error) {
      throw this.#named(error);
    }
  }

  async #look() {
    const found = await stat(this.#folder, { bigint: true });
    if (found.isDirectory()) return found;
    throw new TidemarkError("REMOTE_GONE", `${this.#folder} is not a folder`);
  }

  #named(error: unknown): unknown {
    const { code } = error as NodeJS.ErrnoException;
    if (error instanceof TidemarkError || code === undefined) return error;
    const words = `${this.#folder}, where checkpoints are copied to,`;
    if (["EACCES", "EPERM", "EROFS"].includes(code)) return new TidemarkError("REMOTE_UNWRITABLE", `${words} may not be written (${code})`, { cause: error });
    if (["ENOSPC", "EDQUOT"].includes(code)) return new TidemarkError("REMOTE_UNWRITABLE", `${words} is full (${code})`, { cause: error, hint: "Free some space there, then `tidemark remote` goes on where it was." });
    return new TidemarkError("REMOTE_GONE", code === "ENOENT" || code === "ENOTDIR" ? `${words} is not there` : `${words} does not answer (${code})`, { cause: error });
  }
}

async function orNone<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (["ENOENT", "ENOTDIR", "EISDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) return undefined;
    throw error;
  }
}

/** The names in a folder. Windows keeps them with the files, and some shares cannot be told to. */
async function syncFolder(path: string): Promise<void> {
  if (process.platform === "win32") return;
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } catch (error) {
    if (!["EINVAL", "ENOTSUP", "ENOSYS"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
  } finally {
    await handle.close();
  }
}
