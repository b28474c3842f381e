/** Reading small files that whoever wrote the tree may have put there: only plain ones, never waiting, never without end. */
import { closeSync, constants, fstatSync, openSync, readFileSync, statSync } from "node:fs";

/** No rule file, ref or pointer of git's is larger, in bytes; packed-refs of a repository with 100,000 refs has 7 MB. */
const MOST = 32 * 1024 * 1024;

/** Undefined where no plain file stands there. Throws as the system does, for what is too large as well. */
export function readPlain(path: string | Buffer, follow: boolean): string | undefined {
  // Opening some devices does something.
  if (follow && !statSync(path).isFile()) return undefined;
  const file = openSync(path, constants.O_RDONLY | (follow ? 0 : (constants.O_NOFOLLOW ?? 0)) | (constants.O_NONBLOCK ?? 0));
  try {
    const about = fstatSync(file);
    if (!about.isFile()) return undefined;
    if (about.size > MOST) throw Object.assign(new Error("too large"), { code: "EFBIG" });
    return readFileSync(file, "utf8");
  } finally {
    closeSync(file);
  }
}

/** Undefined where it is not there, not readable, or no plain file: then nothing is known of it. */
export function readText(path: string): string | undefined {
  try {
    return readPlain(path, true);
  } catch {
    return undefined;
  }
}

/** Something stands there that is neither a file nor a folder: git, too, would wait for it. */
export function isOdd(path: string): boolean {
  const about = statSync(path, { throwIfNoEntry: false });
  return about !== undefined && !about.isFile() && !about.isDirectory();
}
