/**
 * Which tree and which project a directory belongs to. A tree is what git calls a working tree, found by looking for
 * `.git` on the way up; git is not run for it. A project is the tree, or for a linked worktree the main one, so that
 * sessions in worktrees are sessions of the same project. Without git both are the directory itself.
 */
import { existsSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { readText } from "./read.ts";

export function treeOf(cwd: string): string {
  const start = real(resolve(cwd));
  for (let at = start; ; at = dirname(at)) {
    if (existsSync(join(at, ".git"))) return at;
    if (dirname(at) === at) return start;
  }
}

export function projectOf(cwd: string): string {
  const tree = treeOf(cwd);
  const git = join(tree, ".git");
  try {
    if (!statSync(git).isFile()) return tree;
    // gitrepository-layout: a linked worktree's .git is a file "gitdir: <main>/.git/worktrees/<name>".
    const main = /^gitdir: (.+)\/\.git\/worktrees\/[^/]+\s*$/.exec(readText(git) ?? "")?.[1];
    return main === undefined ? tree : real(resolve(tree, main));
  } catch {
    // Not there, or not readable: then the tree speaks for itself.
    return tree;
  }
}

/** Where a file really is that need not be there: links on the way to it are followed, itself it may be one. */
export function realPlace(path: string): string {
  for (let [folder, rest] = [dirname(path), basename(path)]; ; [folder, rest] = [dirname(folder), join(basename(folder), rest)]) {
    try {
      return join(realpathSync.native(folder), rest);
    } catch {
      // Not there yet: the one above is.
      if (dirname(folder) === folder) return path;
    }
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
