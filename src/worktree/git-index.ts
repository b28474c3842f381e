/**
 * What a repository's index says of its files: path, blob, and what lstat said when git last looked. Read from the file
 * itself: starting git for it costs 2 ms and more, and the stat data would have to be parsed from text meant for people.
 * Formats 2 to 4 (gitformat-index(5)). Undefined where it cannot be relied on: no index, another version, split or sparse
 * indexes; what git knows is then simply not used.
 */
import { readFileSync, statSync } from "node:fs";
import type { TreePath } from "../checkpoint/model.ts";
import { pathOf } from "./names.ts";

export interface IndexEntry {
  readonly path: TreePath;
  /** Hex. */
  readonly blob: string;
  /** 0o100644, 0o100755, 0o120000 or 0o160000. */
  readonly mode: number;
  /** The lower 32 bits. */
  readonly size: number;
  readonly inode: number;
  readonly mtime: bigint;
  readonly ctime: bigint;
  /** False where git was told not to look at the file, or where a merge left several versions of it. */
  readonly certain: boolean;
}

export interface GitIndex {
  readonly has: (path: TreePath) => boolean;
  readonly get: (path: TreePath) => IndexEntry | undefined;
  readonly paths: () => Iterable<TreePath>;
  /** Of the index file. A file that is not older could have been written after git looked. */
  readonly written: bigint;
}

export function readGitIndex(file: string, hashLength: 20 | 32): GitIndex | undefined {
  let [bytes, written]: [Buffer, bigint] = [Buffer.alloc(0), 0n];
  try {
    // The time first: an index that is replaced in between then only looks older than it is.
    written = statSync(file, { bigint: true }).mtimeNs;
    bytes = readFileSync(file);
  } catch {
    // None yet, or it is another user's.
    return undefined;
  }
  const places = parseIndex(bytes, hashLength);
  if (places === undefined) return undefined;
  const get = (path: TreePath): IndexEntry | undefined => {
    const at = places.get(path);
    return at === undefined ? undefined : entryAt(bytes, at, path, hashLength);
  };
  return { has: (path) => places.has(path), get, paths: () => places.keys(), written };
}

const NANO = 1_000_000_000n;

function entryAt(bytes: Buffer, start: number, path: TreePath, hashLength: number): IndexEntry {
  const flags = bytes.readUInt16BE(start + 40 + hashLength);
  const extended = (flags & 0x4000) === 0 ? 0 : bytes.readUInt16BE(start + 42 + hashLength);
  return {
    path,
    blob: bytes.toString("hex", start + 40, start + 40 + hashLength),
    mode: bytes.readUInt32BE(start + 24),
    size: bytes.readUInt32BE(start + 36),
    inode: bytes.readUInt32BE(start + 20),
    ctime: BigInt(bytes.readUInt32BE(start)) * NANO + BigInt(bytes.readUInt32BE(start + 4)),
    mtime: BigInt(bytes.readUInt32BE(start + 8)) * NANO + BigInt(bytes.readUInt32BE(start + 12)),
    // Stage bits, assume-unchanged, and skip-worktree and intent-to-add of the extended flags.
    certain: (flags & 0xb000) === 0 && (extended & 0x6000) === 0,
  };
}

/** Where the entry of each path begins. 94,000 entries as objects would be 25 MB more than their places. */
export function parseIndex(bytes: Buffer, hashLength: 20 | 32): Map<TreePath, number> | undefined {
  if (bytes.length < 12 + hashLength || bytes.toString("latin1", 0, 4) !== "DIRC") return undefined;
  const version = bytes.readUInt32BE(4);
  if (version < 2 || version > 4) return undefined;
  const places = new Map<TreePath, number>();
  let at = 12;
  let previous: Buffer = Buffer.alloc(0);
  for (let left = bytes.readUInt32BE(8); left > 0; left--) {
    const start = at;
    if (start + 42 + hashLength > bytes.length) return undefined;
    const flags = bytes.readUInt16BE(start + 40 + hashLength);
    at = start + 42 + hashLength + (version >= 3 && (flags & 0x4000) !== 0 ? 2 : 0);
    let name: Buffer;
    if (version === 4) {
      let strip = bytes[at]! & 0x7f;
      // The varint of packs' offsets (gitformat-pack(5)): each byte that goes on adds one.
      while ((bytes[at++]! & 0x80) !== 0) strip = ((strip + 1) << 7) | (bytes[at]! & 0x7f);
      const end = bytes.indexOf(0, at);
      if (end < 0 || strip > previous.length) return undefined;
      name = Buffer.concat([previous.subarray(0, previous.length - strip), bytes.subarray(at, end)]);
      previous = name;
      at = end + 1;
    } else {
      const end = bytes.indexOf(0, at);
      if (end < 0) return undefined;
      name = bytes.subarray(at, end);
      // Padded with 1 to 8 zeros to a multiple of eight.
      at = start + ((end - start + 8) & ~7);
    }
    // A folder of a sparse index stands for files that are not listed.
    if (bytes.readUInt32BE(start + 24) === 0o040000) return undefined;
    places.set(pathOf(name), start);
  }
  // A split index names its other half in this extension.
  for (let next = at; next + 8 <= bytes.length - hashLength; next += 8 + bytes.readUInt32BE(next + 4)) if (bytes.toString("latin1", next, next + 4) === "link") return undefined;
  return places;
}
