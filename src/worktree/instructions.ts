/**
 * Reading instruction files: plain ones only, to a limit, never waiting, and folders of rules in the system's own order,
 * which is the order in which the client loads them; and putting an older version of one back. Which files count is decided in context/instructions.ts.
 */
import { closeSync, constants, fstatSync, fsyncSync, mkdirSync, openSync, opendirSync, readSync, realpathSync, renameSync, rmSync, statSync, writeFileSync, type Dir } from "node:fs";
import { dirname, join } from "node:path";
import ignore from "ignore";

export interface FoundFile {
  readonly real: string;
  readonly bytes: number;
  readonly text?: string;
  readonly why?: string;
}

/** Undefined where no plain file stands there. */
export function readInstructionFile(path: string, most: number): FoundFile | undefined {
  let real: string;
  let bytes = 0;
  try {
    real = realpathSync.native(path);
    const about = statSync(real);
    if (!about.isFile()) return undefined;
    bytes = about.size;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR" || code === "ENAMETOOLONG" || code === "ERR_INVALID_ARG_VALUE") return undefined;
    return { real: path, bytes, why: reasonOf(code) };
  }
  if (bytes > most) return { real, bytes, why: `${bytes.toLocaleString("en-US")} bytes` };
  try {
    const file = openSync(real, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    try {
      if (!fstatSync(file).isFile()) return undefined;
      const buffer = Buffer.alloc(bytes);
      let at = 0;
      // It may grow or shrink meanwhile.
      for (let read = -1; at < bytes && read !== 0; at += read) read = readSync(file, buffer, at, bytes - at, at);
      return { real, bytes, text: buffer.subarray(0, at).toString("utf8") };
    } finally {
      closeSync(file);
    }
  } catch (error) {
    return { real, bytes, why: reasonOf((error as NodeJS.ErrnoException).code) };
  }
}

function reasonOf(code: string | undefined): string {
  if (code === "EACCES" || code === "EPERM") return "permission denied";
  return code === "ELOOP" ? "a link that leads to itself" : `cannot be read (${code})`;
}

/**
 * Writes beside the file and moves it into place, with the mode that it had; through a link, to where that leads. False where
 * by then another text stands there than the one expected (undefined: none): then nothing was replaced.
 */
export function replaceInstructionFile(path: string, text: string, expected: string | undefined): boolean {
  const found = readInstructionFile(path, Number.MAX_SAFE_INTEGER);
  const place = found?.real ?? path;
  mkdirSync(dirname(place), { recursive: true });
  const beside = `${place}.tidemark-${process.pid}`;
  try {
    const file = openSync(beside, "wx", found === undefined ? 0o666 : statSync(place).mode & 0o777);
    try {
      writeFileSync(file, text);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    if (readInstructionFile(path, Number.MAX_SAFE_INTEGER)?.text !== expected) return false;
    renameSync(beside, place);
    return true;
  } finally {
    rmSync(beside, { force: true });
  }
}

/** More than that many files in one folder of rules are no rules. */
const MOST_FILES = 2000;

/** Links are followed, each folder is entered once. */
export function listInstructionFiles(folder: string): { path: string; real: string }[] {
  const found: { path: string; real: string }[] = [];
  const entered = new Set<string>();
  const enter = (at: string): void => {
    let names: Dir;
    try {
      const real = realpathSync.native(at);
      if (entered.has(real)) return;
      entered.add(real);
      names = opendirSync(at);
    } catch {
      // Not there, or not to be looked into.
      return;
    }
    try {
      for (let entry = names.readSync(); entry !== null && found.length < MOST_FILES; entry = names.readSync()) {
        const path = join(at, entry.name);
        const place = placeOf(path);
        if (place?.kind === "folder") enter(path);
        else if (place?.kind === "file") found.push({ path, real: place.real });
      }
    } finally {
      names.closeSync();
    }
  };
  enter(folder);
  return found;
}

function placeOf(path: string): { real: string; kind: "file" | "folder" | "other" } | undefined {
  try {
    const real = realpathSync.native(path);
    const about = statSync(real);
    return { real, kind: about.isFile() ? "file" : about.isDirectory() ? "folder" : "other" };
  } catch {
    // A link to nowhere.
    return undefined;
  }
}

const MOST_STARS = 12;

/** Git's patterns, upper and lower case alike. */
export function matchesPatterns(patterns: readonly string[], path: string): boolean {
  // Each star can multiply the time that a pattern takes, and anyone may have written it.
  return ignore({ ignorecase: true }).add(patterns.filter((pattern) => pattern.split("*").length <= MOST_STARS)).ignores(path);
}
