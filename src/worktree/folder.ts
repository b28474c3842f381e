/**
 * A folder of the tree, entered part by part without following a link, so that nothing is ever written outside of the
 * tree through one. On Linux the folder is then held open and what is done in it goes through its descriptor: a folder
 * that becomes a link a moment later changes nothing any more. Elsewhere the way is looked at again each time.
 */
import { closeSync, constants, existsSync, fsyncSync, lstatSync, mkdirSync, openSync } from "node:fs";
import type { TreePath } from "../checkpoint/model.ts";
import { onDisk } from "./names.ts";

export type Place = string | Buffer;

export interface Folder {
  /** What node:fs takes for a name in it. */
  at(name: string): Place;
  leave(): void;
}

/** missing: part of the way is not there. refused: something else stands on it, said in words; `nothing`: a file, below which nothing can be. */
export type Entered = Folder | "missing" | { readonly refused: string; readonly nothing: boolean };

/** Linux's O_PATH, which Node does not name: a descriptor to go on from, for which the folder need not be readable. */
export const O_PATH = 0o10000000;
export const HOLDS = process.platform === "linux" && existsSync("/proc/self/fd");

export const parentOf = (path: TreePath): TreePath => path.slice(0, Math.max(0, path.lastIndexOf("/")));
export const nameOf = (path: TreePath): string => path.slice(path.lastIndexOf("/") + 1);
export const below = (folder: TreePath, name: string): TreePath => (folder === "" ? name : `${folder}/${name}`);

/** `made`: what is missing is made, and noted there. The root is taken as it is; that it is no link is the caller's to see. */
export function enter(root: string, path: TreePath, made?: TreePath[], holds = HOLDS): Entered {
  let here: Folder | undefined;
  let passed: TreePath = "";
  for (const part of path === "" ? [undefined] : [undefined, ...path.split("/")]) {
    const place = part === undefined ? root : here!.at(part);
    if (part !== undefined) passed = below(passed, part);
    try {
      const next = hold(root, passed, place, holds, part === undefined ? undefined : made);
      here?.leave();
      here = next;
    } catch (error) {
      const refused = refusal(place, passed, error);
      here?.leave();
      return refused;
    }
  }
  return here!;
}

function hold(root: string, passed: TreePath, place: Place, holds: boolean, made: TreePath[] | undefined): Folder {
  try {
    return holds ? holdOpen(place) : holdByName(root, passed, place);
  } catch (error) {
    if (made === undefined || codeOf(error) !== "ENOENT") throw error;
  }
  try {
    mkdirSync(place);
    made.push(passed);
  } catch (error) {
    // Made by someone else in between.
    if (codeOf(error) !== "EEXIST") throw error;
  }
  return holds ? holdOpen(place) : holdByName(root, passed, place);
}

function holdOpen(place: Place): Folder {
  const descriptor = openSync(place, O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  return { at: (name) => onDisk(`/proc/self/fd/${descriptor}`, name), leave: () => closeSync(descriptor) };
}

function holdByName(root: string, passed: TreePath, place: Place): Folder {
  if (!lstatSync(place).isDirectory()) throw Object.assign(new Error("not a folder"), { code: "ENOTDIR" });
  return { at: (name) => onDisk(root, below(passed, name)), leave: () => undefined };
}

function refusal(place: Place, passed: TreePath, error: unknown): Entered {
  const code = codeOf(error);
  if (code === "ENOENT") return "missing";
  if (code !== "ENOTDIR" && code !== "ELOOP") return { refused: `${passed} cannot be entered: ${wordsOf(error)}`, nothing: false };
  const link = lstatSync(place, { throwIfNoEntry: false })?.isSymbolicLink() === true;
  return { refused: link ? `a folder on the way is a link now: ${passed}` : `a file stands where a folder should be: ${passed}`, nothing: !link };
}

/** Makes names that were added to a folder or taken from it survive a power cut, where the file system can. */
export function syncFolder(folder: Folder): void {
  let descriptor: number;
  try {
    descriptor = openSync(folder.at("."), constants.O_RDONLY | constants.O_DIRECTORY);
  } catch (error) {
    // A folder that may be written but not read.
    if (["EACCES", "EPERM", "ENOENT"].includes(codeOf(error))) return;
    throw error;
  }
  try {
    fsyncSync(descriptor);
  } catch (error) {
    // File systems that know no such thing for folders.
    if (!["EINVAL", "ENOTSUP", "EOPNOTSUPP", "EBADF", "EPERM", "EROFS"].includes(codeOf(error))) throw error;
  } finally {
    closeSync(descriptor);
  }
}

/** The operating system's name of a failure; an error that has none is a mistake in the program, and thrown on. */
export function codeOf(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  if (typeof code !== "string") throw error;
  return code;
}

const WORDS: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EPERM: "permission denied",
  EROFS: "the file system is read-only",
  ENOSPC: "the disk is full",
  EDQUOT: "the disk quota is used up",
  ENAMETOOLONG: "the name is too long",
  EBUSY: "it is in use",
  EIO: "the disk failed",
};

export function wordsOf(error: unknown): string {
  const code = codeOf(error);
  return WORDS[code] ?? code;
}
