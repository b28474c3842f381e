/**
 * Which project a directory belongs to: the real path of the git toplevel it lies in, else the directory itself.
 * Git is not run for this: `.git` is looked for on the way up, which a linked worktree has as a file.
 */
import { existsSync, realpathSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

export function projectOf(cwd: string): string {
  const start = real(resolve(cwd));
  for (let at = start; ; at = dirname(at)) {
    if (existsSync(join(at, ".git"))) return at;
    if (dirname(at) === at) return start;
  }
}

/** A directory that is not on this machine keeps the name it had. */
function real(path: string): string {
  try {
    return realpathSync.native(path);
  } catch {
    return path;
  }
}
