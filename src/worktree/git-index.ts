/**
 * What a repository's index says of its files: path, blob, and what lstat said when git last looked. Read from the file
 * itself: starting git for it costs 2 ms and more, and the stat data would have to be parsed from text meant for people.
 * Formats 2 to 4 (gitformat-index(5)). Undefined where it cannot be relied on: no index, another version, split or sparse
 * indexes; what git knows is then simply not used.
 */
import { readFileSync, statSync, type BigIntStats } from "node:fs";
import type { TreePath } from "../checkpoint/model.ts";
import { bytesOf, pathOf } from "./names.ts";

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
  /** The blob of a file that git vouches for: its stat data is this, and is older than the index by a whole second; the entry is plain. */
  readonly vouched: (path: TreePath, stat: BigIntStats) => string | undefined;
  readonly paths: () => Iterable<TreePath>;
  /** Of the index file. A file that is not older could have been written after git looked. */
  readonly written: bigint;
}

export function readGitIndex(file: string, hashLength: 20 | 32): GitIndex | undefined {
  let [bytes, written]: [Buffer, bigint] = [Buffer.alloc(0), 0n];
  try {
    // The time first: an index that is replaced in between then only looks older than it is.
    const about = statSync(file, { bigint: true });
    // A pipe of that name would be waited for.
    if (!about.isFile()) return undefined;
    written = about.mtimeNs;
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
  const vouched = (path: TreePath, stat: BigIntStats): string | undefined => {
    const at = places.get(path);
    return at === undefined || !isSame(bytes, at, stat, writtenIn, hashLength) ? undefined : bytes.toString("hex", at + 40, at + 40 + hashLength);
  };
  const writtenIn = Number(written / NANO);
  return { has: (path) => places.has(path), get, vouched, paths: () => places.keys(), written };
}

/** By numbers alone: the big integers of an entry would be a third of what a first look spends on the index. */
function isSame(bytes: Buffer, start: number, stat: BigIntStats, written: number, hashLength: number): boolean {
  const [ctime, mtime, flags] = [bytes.readUInt32BE(start), bytes.readUInt32BE(start + 8), bytes.readUInt16BE(start + 40 + hashLength)];
  const mode = Number(stat.mode);
  const kind = (mode & 0o170000) === 0o120000 ? 0o120000 : (mode & 0o100) !== 0 ? 0o100755 : 0o100644;
  return mtime < written
    && isTime(mtime, bytes.readUInt32BE(start + 12), stat.mtimeNs) && isTime(ctime, bytes.readUInt32BE(start + 4), stat.ctimeNs)
    && bytes.readUInt32BE(start + 20) === low(stat.ino) && bytes.readUInt32BE(start + 36) === low(stat.size) && bytes.readUInt32BE(start + 24) === kind
    && (flags & 0xb000) === 0 && ((flags & 0x4000) === 0 || (bytes.readUInt16BE(start + 42 + hashLength) & 0x6000) === 0);
}

/** Equal in the lower 32 bits, and nearly so in all: as floating point numbers times of this century are off by 128 ns at most. */
function isTime(seconds: number, rest: number, nanoseconds: bigint): boolean {
  return low(nanoseconds) === (Math.imul(seconds, 1e9) + rest) >>> 0 && Math.abs(Number(nanoseconds) - (seconds * 1e9 + rest)) < 1024;
}

function low(number: bigint): number {
  return Number(BigInt.asUintN(32, number));
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

/**
 * Where the entry of each path begins, by a table of hashes over the bytes of the file itself. As a map from texts, 94,000
 * entries were 25 MB and 120 ms more.
 */
export class Places {
  /** What names are read from: the file itself, or what its compressed names were made into. */
  #bytes: Buffer;
  /** Of each entry: where it begins, and where its name does and ends. */
  readonly #starts: Uint32Array;
  readonly #names: Uint32Array;
  readonly #ends: Uint32Array;
  /** Which entry has this hash, counted from 1, or the next free place after it. */
  readonly #table: Uint32Array;
  #count = 0;

  constructor(bytes: Buffer, most: number) {
    this.#bytes = bytes;
    this.#starts = new Uint32Array(most);
    this.#names = new Uint32Array(most);
    this.#ends = new Uint32Array(most);
    this.#table = new Uint32Array(2 ** Math.ceil(Math.log2(most * 2 + 2)));
  }

  /** A name that is there already, as a merge leaves it, goes to its last entry. */
  add(start: number, name: number, end: number): void {
    const bytes = this.#bytes;
    let hash = BASIS;
    for (let i = name; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, PRIME);
    const place = this.#placeOf(hash, (n) => this.#ends[n]! - this.#names[n]! === end - name && bytes.compare(bytes, name, end, this.#names[n], this.#ends[n]) === 0);
    const n = this.#table[place]! === 0 ? this.#count++ : this.#table[place]! - 1;
    this.#table[place] = n + 1;
    this.#starts[n] = start;
    this.#names[n] = name;
    this.#ends[n] = end;
  }

  /** Names were put into another buffer, which has grown. */
  moved(bytes: Buffer): void {
    this.#bytes = bytes;
  }

  get size(): number {
    return this.#count;
  }

  get(path: TreePath): number | undefined {
    let hash = BASIS;
    for (let i = 0; i < path.length; i++) {
      const code = path.charCodeAt(i);
      if (code > 0x7f) return this.#find(bytesOf(path));
      hash = Math.imul(hash ^ code, PRIME);
    }
    const n = this.#table[this.#placeOf(hash, (each) => this.#isText(each, path))]!;
    return n === 0 ? undefined : this.#starts[n - 1];
  }

  has(path: TreePath): boolean {
    return this.get(path) !== undefined;
  }

  *keys(): Generator<TreePath> {
    for (let n = 0; n < this.#count; n++) yield pathOf(this.#bytes.subarray(this.#names[n], this.#ends[n]));
  }

  #find(name: Buffer): number | undefined {
    let hash = BASIS;
    for (const byte of name) hash = Math.imul(hash ^ byte, PRIME);
    const n = this.#table[this.#placeOf(hash, (each) => this.#bytes.subarray(this.#names[each], this.#ends[each]).equals(name))]!;
    return n === 0 ? undefined : this.#starts[n - 1];
  }

  #isText(n: number, ascii: string): boolean {
    const from = this.#names[n]!;
    if (this.#ends[n]! - from !== ascii.length) return false;
    // The end first: paths that lie beside one another begin alike.
    for (let i = ascii.length - 1; i >= 0; i--) if (this.#bytes[from + i] !== ascii.charCodeAt(i)) return false;
    return true;
  }

  #placeOf(hash: number, isIt: (n: number) => boolean): number {
    const mask = this.#table.length - 1;
    for (let place = (hash ^ (hash >>> 15)) & mask; ; place = (place + 1) & mask) {
      const n = this.#table[place]!;
      if (n === 0 || isIt(n - 1)) return place;
    }
  }
}

/** FNV-1a's, of 32 bits. */
const BASIS = 0x811c9dc5;
const PRIME = 0x01000193;

export function parseIndex(bytes: Buffer, hashLength: 20 | 32): Places | undefined {
  if (bytes.length < 12 + hashLength || bytes.toString("latin1", 0, 4) !== "DIRC") return undefined;
  const version = bytes.readUInt32BE(4);
  if (version < 2 || version > 4) return undefined;
  const count = bytes.readUInt32BE(8);
  // No entry is shorter than this: a damaged number is not to be taken for a size.
  if (count * (42 + hashLength) > bytes.length) return undefined;
  // Of format 4 each name begins as the one before it did: they are written out, into a buffer that doubles.
  let whole = version === 4 ? Buffer.allocUnsafe(bytes.length * 2) : bytes;
  const places = new Places(whole, count);
  let [at, written, previous] = [12, 0, 0];
  for (let left = count; left > 0; left--) {
    const start = at;
    if (start + 42 + hashLength > bytes.length) return undefined;
    const flags = bytes.readUInt16BE(start + 40 + hashLength);
    at = start + 42 + hashLength + (version >= 3 && (flags & 0x4000) !== 0 ? 2 : 0);
    // A folder of a sparse index stands for files that are not listed.
    if (bytes.readUInt32BE(start + 24) === 0o040000) return undefined;
    if (version === 4) {
      let strip = bytes[at]! & 0x7f;
      // The varint of packs' offsets (gitformat-pack(5)): each byte that goes on adds one.
      while ((bytes[at++]! & 0x80) !== 0) strip = ((strip + 1) << 7) | (bytes[at]! & 0x7f);
      const end = bytes.indexOf(0, at);
      const length = written - previous;
      if (end < 0 || strip < 0 || strip > length) return undefined;
      const more = length - strip + end - at;
      if (written + more > whole.length) {
        whole = Buffer.concat([whole.subarray(0, written)], Math.max(whole.length * 2, written + more));
        places.moved(whole);
      }
      whole.copyWithin(written, previous, written - strip);
      bytes.copy(whole, written + length - strip, at, end);
      [previous, written] = [written, written + more];
      places.add(start, previous, written);
      at = end + 1;
    } else {
      let end = at;
      while (end < bytes.length && bytes[end] !== 0) end++;
      if (end === bytes.length) return undefined;
      places.add(start, at, end);
      // Padded with 1 to 8 zeros to a multiple of eight.
      at = start + ((end - start + 8) & ~7);
    }
  }
  // A split index names its other half in this extension.
  for (let next = at; next + 8 <= bytes.length - hashLength; next += 8 + bytes.readUInt32BE(next + 4)) if (bytes.toString("latin1", next, next + 4) === "link") return undefined;
  return places;
}
