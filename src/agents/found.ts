/** Files of agents below a folder, and how they begin. Everything is only read. */
import { open, readdir, realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import { TidemarkError } from "../base/errors.ts";

export interface FoundFile {
  readonly path: string;
  readonly size: number;
  readonly modified: number;
}

export interface Found {
  readonly files: FoundFile[];
  /** Folders and files that could not be looked into. */
  readonly refused: { path: string; reason: string }[];
}

/** All files below a folder that are wanted by their path, or the file itself, whatever it is called. */
export async function findFiles(path: string, wanted: (path: string) => boolean): Promise<Found> {
  const files: FoundFile[] = [];
  const refused: { path: string; reason: string }[] = [];
  // Links are followed (people keep these folders in a synced place), each folder once, so that a loop ends.
  const visited = new Set<string>();
  const visit = async (at: string, named: boolean): Promise<void> => {
    try {
      const about = await stat(at);
      if (about.isDirectory()) {
        const place = await realpath(at);
        if (visited.has(place)) return;
        visited.add(place);
      }
      if (about.isFile()) {
        if (named || wanted(at)) files.push({ path: at, size: about.size, modified: about.mtimeMs });
      } else if (about.isDirectory()) {
        // Files before folders: a session's transcript comes before those of its subagents, and says when it began.
        const entries = (await readdir(at, { withFileTypes: true })).sort((a, b) => Number(a.isDirectory()) - Number(b.isDirectory()) || (a.name < b.name ? -1 : 1));
        for (const entry of entries) {
          if (entry.isDirectory() || entry.isSymbolicLink() || wanted(join(at, entry.name))) await visit(join(at, entry.name), false);
        }
      } else if (named) refused.push({ path: at, reason: "neither a file nor a folder" });
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (named && code === "ENOENT") throw new TidemarkError("PATH_MISSING", `${at} does not exist`, { cause: error });
      refused.push({ path: at, reason: code === "EACCES" || code === "EPERM" ? "permission denied" : `cannot be read (${code})` });
    }
  };
  await visit(path, true);
  return { files, refused };
}

/** Enough to tell whose a file is. */
const HEAD = 4096;

/** How a file begins; empty where it cannot be read, which is said when it is read whole. */
export async function headOf(path: string): Promise<Buffer> {
  try {
    const file = await open(path, "r");
    try {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(HEAD), 0, HEAD, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  } catch {
    return Buffer.alloc(0);
  }
}
