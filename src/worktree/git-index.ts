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
  /** The blob's hash of a file that git vouches for: its stat data is this, and is older than the index by a whole second; the entry is plain. */
  readonly vouched: (path: TreePath, stat: BigIntStats) => Uint8Array | undefined;
  /** Whether anything below a folder is tracked. */
  readonly holds: (folder: TreePath) => boolean;
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
  const vouched = (path: TreePath, stat: BigIntStats): Uint8Array | undefined => {
    const at = places.get(path);
    return at === undefined || !isSame(bytes, at, stat, writtenIn, hashLength) ? undefined : bytes.subarray(at + 40, at + 40 + hashLength);
  };
  const writtenIn = Number(written / NANO);
  return { has: (path) => places.has(path), get, vouched, holds: (folder) => places.holds(folder), paths: () => places.keys(), written };
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
 * Where the entry of each path begins. Entries stand in the order of their paths' bytes (gitformat-index(5)), so those of a
 * folder stand together and are searched there: a table of hashes took 94,000 of them 400 ms to fill and to ask, and a map
 * from texts was 25 MB.
 */
export class Places {
  /** What names are read from: the file itself, or what its compressed names were made into. */
  #bytes: Buffer;
  /** Of each entry: where it begins, and where its name does and ends. */
  readonly #starts: Uint32Array;
  readonly #names: Uint32Array;
  readonly #ends: Uint32Array;
  #count = 0;
  /** The first entry below each folder, which has a slash at its end. */
  readonly #folders = new Map<string, number>();
  /** The folder that was last asked about, and which entries are below it: files of one are asked for one after the other. */
  #folder: string | undefined;
  #bytesOfFolder = 0;
  #from = 0;
  #to = 0;

  constructor(bytes: Buffer, most: number) {
    this.#bytes = bytes;
    this.#starts = new Uint32Array(most);
    this.#names = new Uint32Array(most);
    this.#ends = new Uint32Array(most);
  }

  /** False where it does not come after the one before it: then this is no index of git's. The same path comes again where a merge left it. */
  add(start: number, name: number, end: number): boolean {
    const [bytes, n] = [this.#bytes, this.#count++];
    this.#starts[n] = start;
    this.#names[n] = name;
    this.#ends[n] = end;
    let shared = 0;
    if (n > 0) {
      const [before, most] = [this.#names[n - 1]!, Math.min(this.#ends[n - 1]! - this.#names[n - 1]!, end - name)];
      while (shared < most && bytes[before + shared] === bytes[name + shared]) shared += 1;
      if (shared === most ? this.#ends[n - 1]! - before > most : bytes[before + shared]! > bytes[name + shared]!) return false;
    }
    for (let at = name + shared; at < end; at++) if (bytes[at] === SLASH) this.#folders.set(pathOf(bytes.subarray(name, at + 1)), n);
    return true;
  }

  /** Names were put into another buffer, which has grown. */
  moved(bytes: Buffer): void {
    this.#bytes = bytes;
  }

  get size(): number {
    return this.#count;
  }

  /** Of several entries of a path, the last one. */
  get(path: TreePath): number | undefined {
    const cut = path.lastIndexOf("/") + 1;
    if (cut !== this.#folder?.length || !path.startsWith(this.#folder)) this.#enter(path.slice(0, cut));
    let [from, to] = [this.#from, this.#to];
    while (from < to) {
      const middle = (from + to) >>> 1;
      if (this.#compare(middle, path, cut) <= 0) from = middle + 1;
      else to = middle;
    }
    return from > this.#from && this.#compare(from - 1, path, cut) === 0 ? this.#starts[from - 1] : undefined;
  }

  has(path: TreePath): boolean {
    return this.get(path) !== undefined;
  }

  /** Whether anything is below a folder. */
  holds(folder: TreePath): boolean {
    return this.#folders.has(`${folder}/`);
  }

  *keys(): Generator<TreePath> {
    let last: Buffer = EMPTY;
    for (let n = 0; n < this.#count; n++) {
      const name = this.#bytes.subarray(this.#names[n], this.#ends[n]);
      if (!name.equals(last)) yield pathOf((last = name));
    }
  }

  #enter(folder: string): void {
    const first = folder === "" ? 0 : this.#folders.get(folder);
    this.#folder = folder;
    [this.#from, this.#to] = [first ?? 0, folder === "" ? this.#count : (first ?? 0)];
    if (first === undefined || folder === "") return void (this.#bytesOfFolder = 0);
    const prefix = bytesOf(folder);
    const isBelow = (n: number): boolean => n < this.#count && this.#ends[n]! - this.#names[n]! > prefix.length && this.#bytes.compare(prefix, 0, prefix.length, this.#names[n], this.#names[n]! + prefix.length) === 0;
    this.#bytesOfFolder = prefix.length;
    // Most folders hold a few: the step doubles until it is beyond them, and is then halved.
    let [within, step] = [first, 1];
    for (; isBelow(within + step); step *= 2) within += step;
    for (; step >= 1; step /= 2) if (isBelow(within + step)) within += step;
    this.#to = within + 1;
  }

  /** An entry of the folder that was entered, beside a path in it whose name begins at `cut`. */
  #compare(n: number, path: TreePath, cut: number): number {
    const end = this.#ends[n]!;
    let at = this.#names[n]! + this.#bytesOfFolder;
    for (let i = cut; i < path.length; i++, at++) {
      const code = path.charCodeAt(i);
      if (code > 0x7f) return this.#bytes.compare(bytesOf(path.slice(i)), 0, undefined, at, end);
      if (at === end) return -1;
      if (this.#bytes[at] !== code) return this.#bytes[at]! - code;
    }
    return end - at;
  }
}

const SLASH = 0x2f;
const EMPTY = Buffer.alloc(0);

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
      if (!places.add(start, previous, written)) return undefined;
      at = end + 1;
    } else {
      // Lengths of 4095 and more do not fit in beside the flags.
      const end = (flags & 0xfff) === 0xfff ? bytes.indexOf(0, at) : at + (flags & 0xfff);
      if (end < 0 || bytes[end] !== 0 || !places.add(start, at, end)) return undefined;
      // Padded with 1 to 8 zeros to a multiple of eight.
      at = start + ((end - start + 8) & ~7);
    }
  }
  // A split index names its other half in this extension.
  for (let next = at; next + 8 <= bytes.length - hashLength; next += 8 + bytes.readUInt32BE(next + 4)) if (bytes.toString("latin1", next, next + 4) === "link") return undefined;
  return places;
}
