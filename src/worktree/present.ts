/**
 * What stands at a place now, and whether it is a version that is known: by its times where they can be trusted, by its
 * bytes otherwise. Never follows a link, changes nothing.
 */
import { createHash } from "node:crypto";
import { closeSync, constants, fstatSync, lstatSync, openSync, readlinkSync, readSync } from "node:fs";
import type { ContentId, Version } from "../checkpoint/model.ts";
import type { Place } from "./folder.ts";

/** As lstat says it, in nanoseconds since 1970. */
export interface Seen {
  readonly kind: "file" | "link" | "folder" | "other";
  /** 0 for a link, as in a Version. */
  readonly mode: number;
  readonly size: bigint;
  readonly mtime: bigint;
  readonly ctime: bigint;
  readonly inode: bigint;
  readonly device: bigint;
}

/** What lstat said when the bytes were captured. */
export type Stamp = Pick<Seen, "mtime" | "ctime" | "inode" | "size">;

export function look(place: Place): Seen | undefined {
  const about = lstatSync(place, { bigint: true, throwIfNoEntry: false });
  if (about === undefined) return undefined;
  const kind = about.isFile() ? "file" : about.isSymbolicLink() ? "link" : about.isDirectory() ? "folder" : "other";
  const mode = kind === "link" ? 0 : Number(about.mode & 0o7777n);
  return { kind, mode, size: about.size, mtime: about.mtimeNs, ctime: about.ctimeNs, inode: about.ino, device: about.dev };
}

/**
 * A write within the same tick of the file system's clock leaves the times as they were: what is younger than this is
 * read. Wide enough for a capture, and what a person takes to say yes, between the stamp and now.
 */
const RACY = 10_000_000_000n;

export const isRacy = (time: bigint, now: bigint): boolean => time >= now - RACY;

export function isStamped(seen: Seen, stamp: Stamp | undefined): boolean {
  return stamp !== undefined && seen.mtime === stamp.mtime && seen.ctime === stamp.ctime && seen.inode === stamp.inode && seen.size === stamp.size;
}

/** The same file with the same bytes, as far as its times tell; renaming and linking change only `ctime`. */
export function isUntouched(seen: Seen, before: Seen, now: bigint): boolean {
  return seen.inode === before.inode && seen.device === before.device && seen.size === before.size && seen.mtime === before.mtime && seen.mode === before.mode && !isRacy(seen.mtime, now);
}

/** Type, mode and size; the bytes are not looked at. */
export function looksLike(seen: Seen, version: Version): boolean {
  return seen.kind === version.type && (seen.kind === "link" || seen.mode === version.mode) && seen.size === BigInt(version.size);
}

/** Reads the bytes. Throws what the operating system says where it may not. */
export function isVersionAt(place: Place, seen: Seen, version: Version): boolean {
  return looksLike(seen, version) && contentAt(place, seen, version.content) === version.content;
}

const CHUNK = 256 * 1024;

/** The id of the bytes that stand there, of the kind that `like` is; undefined where it has become something else while it was read. */
export function contentAt(place: Place, seen: Seen, like: ContentId = "sha256:"): ContentId | undefined {
  const [kind = "", hex = ""] = like.split(":");
  const git = kind === "git";
  const hash = createHash(git && hex.length === 40 ? "sha1" : "sha256");
  if (git) hash.update(`blob ${seen.size}\0`);
  if (seen.kind === "link") return `${kind}:${hash.update(readlinkSync(place, { encoding: "buffer" })).digest("hex")}`;
  // A fifo put there in between must not be waited for.
  const descriptor = openSync(place, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const about = fstatSync(descriptor, { bigint: true });
    if (!about.isFile() || about.ino !== seen.inode) return undefined;
    const buffer = Buffer.allocUnsafe(Math.min(CHUNK, Number(about.size) + 1));
    for (let length = readSync(descriptor, buffer); length > 0; length = readSync(descriptor, buffer)) hash.update(buffer.subarray(0, length));
    return `${kind}:${hash.digest("hex")}`;
  } finally {
    closeSync(descriptor);
  }
}
