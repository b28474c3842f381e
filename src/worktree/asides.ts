/**
 * What a restore took out of the tree, kept beside our own state for a while: a program that still holds such a file
 * open writes into it, and what it writes must not be gone. Later each is looked at again; one that is as it was is
 * removed, for its bytes are in the store.
 */
import { lstatSync, mkdirSync, readFileSync, renameSync, rmdirSync, statSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TreePath, Version } from "../checkpoint/model.ts";
import { codeOf, type Place } from "./folder.ts";
import { namesIn } from "./journal.ts";
import { isVersionAt, look, type Seen } from "./present.ts";

/** One file taken out, and what it was then. */
export interface Aside {
  readonly n: number;
  readonly path: TreePath;
  readonly version: Version;
}

/** One that was written to afterwards, and where its bytes are. */
export interface KeptAside {
  readonly id: string;
  readonly root: string;
  readonly path: TreePath;
  readonly file: string;
}

const INDEX = "index.json";

/** Makes room for them. False where they cannot be moved there: another device, or no space for the list. */
export function openAsides(holding: string, id: string, root: string, asides: readonly Aside[], device: bigint): boolean {
  const folder = join(holding, `${id}.asides`);
  if (statSync(holding, { bigint: true }).dev !== device) return false;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    // The list first: what is not on it could not be told apart later.
    writeFileSync(join(folder, INDEX), JSON.stringify({ root, asides }), { mode: 0o600 });
    return true;
  } catch (error) {
    codeOf(error);
    return false;
  }
}

/** False where it could not be moved and still stands where it was. */
export function keepAside(holding: string, id: string, n: number, place: Place): boolean {
  try {
    renameSync(place, join(holding, `${id}.asides`, String(n)));
    return true;
  } catch (error) {
    // The device is the same and yet it may be another mount of it.
    codeOf(error);
    return false;
  }
}

/** Removes what was taken out longer ago than that and is as it was; gives what is not, which stays. */
export function sweepAsides(holding: string, olderThanMs: number, now: number): KeptAside[] {
  const kept: KeptAside[] = [];
  for (const name of namesIn(holding)) {
    const id = /^([\w-]+)\.asides$/.exec(name)?.[1];
    const folder = join(holding, name);
    if (id === undefined || now - lstatSync(folder).mtimeMs < olderThanMs) continue;
    const left = sweepOne(folder, id);
    kept.push(...left);
    if (left.length === 0) removeFolder(folder);
  }
  return kept;
}

/** Removes what was taken out at these paths, though it may have been written to since. Gives how many. */
export function forgetAsides(holding: string, root: string, isMeant: (path: TreePath) => boolean): number {
  let gone = 0;
  for (const name of namesIn(holding)) {
    if (!/^[\w-]+\.asides$/.test(name)) continue;
    const folder = join(holding, name);
    const index = readIndex(folder);
    for (const { n, path } of index.root === root ? index.asides : []) {
      const file = join(folder, String(n));
      if (!isMeant(path) || look(file) === undefined) continue;
      unlinkSync(file);
      gone += 1;
    }
  }
  return gone;
}

function sweepOne(folder: string, id: string): KeptAside[] {
  const { root, asides } = readIndex(folder);
  return namesIn(folder).flatMap((name): KeptAside[] => {
    if (name === INDEX) return [];
    const file = join(folder, name);
    const aside = asides.find(({ n }) => String(n) === name);
    const seen = look(file);
    if (seen === undefined) return [];
    if (aside !== undefined && isUnchanged(file, seen, aside.version)) {
      unlinkSync(file);
      return [];
    }
    return [{ id, root, path: aside?.path ?? name, file }];
  });
}

/** Its mode may have been changed by whoever holds it; the bytes are what counts. */
function isUnchanged(file: string, seen: Seen, version: Version): boolean {
  return isVersionAt(file, seen, { ...version, mode: seen.mode });
}

/** Without a list, or with one that is damaged, nothing is known to be as it was. */
function readIndex(folder: string): { root: string; asides: readonly Aside[] } {
  try {
    return JSON.parse(readFileSync(join(folder, INDEX), "utf8")) as { root: string; asides: readonly Aside[] };
  } catch (error) {
    if (!(error instanceof SyntaxError) && codeOf(error) !== "ENOENT") throw error;
    return { root: "", asides: [] };
  }
}

function removeFolder(folder: string): void {
  if (look(join(folder, INDEX)) !== undefined) unlinkSync(join(folder, INDEX));
  try {
    rmdirSync(folder);
  } catch (error) {
    // One more was put into it just now.
    if (!["ENOTEMPTY", "EEXIST", "ENOENT"].includes(codeOf(error))) throw error;
  }
}
