/**
 * Taking the bytes of what a look has found (scan.ts), and saying what that changes. The manifest is brought up to date
 * here and nowhere else. A file counts as read only if lstat says the same before and after; what cannot be kept is said,
 * with the reason, and is never taken for what stood there before.
 */
import { closeSync, constants, fstatSync, lstatSync, openSync, readlinkSync, readSync, type BigIntStats } from "node:fs";
import { createHash } from "node:crypto";
import type { Change, ContentId, State, TreePath } from "../checkpoint/model.ts";
import { nameOf, parentOf, type Manifest, type Slot } from "./manifest.ts";
import { onDisk } from "./names.ts";
import { indexOf, readBlobs } from "./repository.ts";
import { RACY, type Found, type ScanOptions } from "./scan.ts";

/** Where bytes go; both give their id. `putFile` gives undefined where the file changed under it. */
export interface Keep {
  readonly put: (bytes: Uint8Array) => ContentId;
  readonly putFile: (path: string | Buffer) => ContentId | undefined;
}

export interface Limits {
  /** Bytes of one file. */
  readonly file: number;
  /** Bytes taken in one go. */
  readonly all: number;
}

export const LIMITS: Limits = { file: 50 * 1024 * 1024, all: 500 * 1024 * 1024 };

export interface CaptureOptions {
  readonly limits?: Limits;
  /** Bytes are taken even where the repository has them. */
  readonly own?: boolean;
}

/** A change with what lstat said of the file as its bytes were taken. */
export interface Captured extends Change {
  readonly stamp?: { readonly mtime: bigint; readonly ctime: bigint; readonly inode: bigint };
  /** The file stood under another name before. Where a folder above it was renamed, its own times are older than that. */
  readonly moved?: boolean;
}

export interface Outcome {
  readonly changes: Captured[];
  /** What is not kept, newly so. */
  readonly skipped: { path: TreePath; reason: string }[];
}

/** From this size on a file is copied by the store and not held in memory, in bytes. */
const LARGE = 1024 * 1024;

const MEBIBYTE = 1024 * 1024;

export function capture(manifest: Manifest, found: Found, keep: Keep, options: ScanOptions, { limits = LIMITS, own = false }: CaptureOptions = {}): Outcome {
  return new Capture(manifest, found, keep, options, limits, own).run();
}

class Capture {
  readonly #manifest: Manifest;
  readonly #found: Found;
  readonly #keep: Keep;
  readonly #options: ScanOptions;
  readonly #limits: Limits;
  readonly #changes: Captured[] = [];
  readonly #skipped: { path: TreePath; reason: string }[] = [];
  readonly #own: boolean;
  #taken = 0;

  constructor(manifest: Manifest, found: Found, keep: Keep, options: ScanOptions, limits: Limits, own: boolean) {
    this.#own = own;
    this.#manifest = manifest;
    this.#found = found;
    this.#keep = keep;
    this.#options = options;
    this.#limits = limits;
  }

  run(): Outcome {
    const { look, fresh, gone, away = [], blind, began, whole } = this.#found;
    const manifest = this.#manifest;
    for (const slot of gone) this.#leave(slot);
    for (const slot of away) this.#letGo(slot);
    for (const { slot, stat, lost } of look) this.#read(slot, stat, manifest.stateOf(slot), false, lost);
    // What was there before the last look, out of sight, is not this one's making: nothing may take it away again.
    for (const { slot, stat, earlier, moved } of fresh) this.#read(slot, stat, earlier ? "unknown" : "absent", true, false, moved);
    for (const each of blind) {
      if (manifest.reasons.get(each.path) === each.reason) continue;
      manifest.reasons.set(each.path, each.reason);
      this.#skipped.push(each);
    }
    this.#import();
    if (this.#changes.some(({ path }) => nameOf(path) === ".gitignore")) manifest.doubtFolders();
    else if (whole) manifest.doubtful = false;
    for (const known of manifest.repositories.values()) delete known.index;
    if (whole && began > manifest.scanned) manifest.scanned = began;
    return { changes: this.#changes, skipped: this.#skipped };
  }

  #leave(slot: Slot): void {
    const path = this.#manifest.pathOf(slot);
    if (path === undefined) return;
    this.#changes.push({ path, before: this.#manifest.stateOf(slot), after: "absent" });
    this.#manifest.remove(slot);
  }

  /** What stands there is for others to say. */
  #letGo(slot: Slot): void {
    const [path, before] = [this.#manifest.pathOf(slot), this.#manifest.stateOf(slot)];
    this.#manifest.remove(slot);
    // Another process has said it.
    if (before === "unknown") return;
    this.#changes.push({ path, before, after: "unknown" });
    this.#skipped.push({ path, reason: "in a linked worktree now, a tree of its own" });
  }

  #read(slot: Slot, seen: BigIntStats, before: State, isNew: boolean, lost = false, moved = false): void {
    const manifest = this.#manifest;
    const path = manifest.pathOf(slot);
    if (path === undefined) return;
    const wasPending = manifest.isPending(slot) && !isNew;
    // The baseline knew that it was there, and its bytes were still to be read: unless it changed meanwhile, these are they.
    const settling = wasPending && manifest.matches(slot, seen);
    const where = onDisk(this.#options.root, path);
    // Bytes that the repository holds are not kept a second time, unless its index has let go of them.
    const known = manifest.contentOf(slot);
    const blob = isNew || lost || this.#own ? undefined : wasPending ? this.#trackedAs(path) : known;
    let stat = seen;
    for (let tries = 0; tries < 3; tries++) {
      const content = this.#bytes(where, path, stat, blob, known);
      if (content === "again") {
        const now = lstatSync(where, { bigint: true, throwIfNoEntry: false });
        if (now === undefined || now.isDirectory()) return this.#leaveNew(slot, before, isNew);
        stat = now;
        continue;
      }
      if ("reason" in content) return this.#skip(slot, path, stat, before, content.reason, isNew || wasPending, content.later);
      const sameBytes = known !== undefined && (known === content.id || content.blob === known);
      manifest.stamp(slot, stat, this.#found.began - RACY);
      manifest.settle(slot, content.id);
      const after = manifest.stateOf(slot);
      if (settling) return;
      if (sameBytes && typeof before === "object" && typeof after === "object" && before.mode === after.mode && before.type === after.type) return;
      // By the name that its bytes will have as what stood before the next change, or the two would seem not to meet.
      if (content.bytes !== undefined) manifest.settle(slot, this.#keep.put(content.bytes));
      this.#changes.push({ path, before, after: manifest.stateOf(slot), stamp: manifest.stampOf(slot), ...(moved && { moved }) });
      return;
    }
    this.#skip(slot, path, stat, before, "changed while it was read", isNew || wasPending, true);
  }

  /** It was there a moment ago. */
  #leaveNew(slot: Slot, before: State, isNew: boolean): void {
    if (isNew) this.#manifest.remove(slot);
    else {
      this.#changes.push({ path: this.#manifest.pathOf(slot), before, after: "absent" });
      this.#manifest.remove(slot);
    }
  }

  /** `later`: the reason passes without a change of the file, so the next look tries again. */
  #skip(slot: Slot, path: TreePath, stat: BigIntStats, before: State, reason: string, isNew: boolean, later = false): void {
    const manifest = this.#manifest;
    const known = manifest.reasons.get(path);
    manifest.stamp(slot, stat, this.#found.began - RACY);
    manifest.skip(slot, reason);
    if (later) manifest.doubt(slot);
    if (known !== reason) this.#skipped.push({ path, reason });
    // Nothing was known before and nothing is now.
    if (isNew ? before === "absent" && this.#manifest.scanned !== 0n : typeof before === "object") this.#changes.push({ path, before, after: "unknown" });
  }

  /** `blob`: what the repository may hold it as; where that is so, it is not kept here. */
  #bytes(where: string | Buffer, path: TreePath, stat: BigIntStats, blob: ContentId | undefined, known?: ContentId): { id: ContentId; blob?: ContentId; /** Where the repository holds them. */ bytes?: Buffer } | { reason: string; later?: boolean } | "again" {
    const size = Number(stat.size);
    try {
      if (!stat.isSymbolicLink() && !stat.isFile()) return { reason: "no file (a pipe, socket or device)" };
      if (size > this.#limits.file) return { reason: `larger than ${Math.round(this.#limits.file / MEBIBYTE)} MiB` };
      const isBlob = blob?.startsWith("git:") === true || (known?.startsWith("git:") === true && size >= LARGE);
      if (!isBlob && this.#taken + size > this.#limits.all) return { reason: `beyond ${Math.round(this.#limits.all / MEBIBYTE)} MiB in one checkpoint`, later: true };
      if (stat.isFile() && size >= LARGE && !isBlob) {
        const id = this.#keep.putFile(where);
        const after = lstatSync(where, { bigint: true, throwIfNoEntry: false });
        if (id === undefined || after === undefined || !same(stat, after)) return "again";
        this.#taken += size;
        return { id };
      }
      const bytes = stat.isSymbolicLink() ? readlinkSync(where as string, { encoding: "buffer" }) : readWhole(where, stat);
      if (bytes === undefined) return "again";
      if (isBlob && gitBlob(bytes, this.#hashLength(path)) === blob) return { id: blob, bytes };
      this.#taken += size;
      const id = this.#keep.put(bytes);
      return known?.startsWith("git:") === true ? { id, blob: gitBlob(bytes, this.#hashLength(path)) } : { id };
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "ENOENT" || code === "ENOTDIR" || code === "ELOOP" || code === "EINVAL" || code === "ENXIO") return "again";
      if (code === "EACCES" || code === "EPERM") return { reason: "may not be read" };
      if (code === "EBUSY" || code === "ETXTBSY" || code === "ESTALE") return { reason: `cannot be read (${code})`, later: true };
      if (code === "EIO" || code === "EISDIR") return { reason: `cannot be read (${code})` };
      throw error;
    }
  }

  #hashLength(path: TreePath): 20 | 32 {
    const at = this.#manifest.folders.get(parentOf(path))?.repository;
    return (at === undefined ? undefined : this.#manifest.repositories.get(at)?.repository.hashLength) ?? 20;
  }

  #trackedAs(path: TreePath): ContentId | undefined {
    const at = this.#manifest.folders.get(parentOf(path))?.repository;
    const known = at === undefined ? undefined : this.#manifest.repositories.get(at);
    if (known === undefined || at === undefined) return undefined;
    // Where blobs may be missing, the file's own bytes are kept.
    if (!known.repository.whole) return undefined;
    if (!("index" in known)) known.index = indexOf(known.repository, this.#options.environment);
    const entry = known.index?.get(at === "" ? path : path.slice(at.length + 1));
    return entry === undefined ? undefined : `git:${entry.blob}`;
  }

  /** Both sides of every change are to be ours: bytes that only the user's repository holds are fetched now. */
  #import(): void {
    const wanted = new Map<TreePath, Map<string, number[]>>();
    for (const [i, { path, before }] of this.#changes.entries()) {
      if (typeof before !== "object" || !before.content.startsWith("git:")) continue;
      const repository = this.#repositoryOf(path);
      const blobs = wanted.get(repository) ?? new Map<string, number[]>();
      wanted.set(repository, blobs);
      blobs.set(before.content.slice(4), [...(blobs.get(before.content.slice(4)) ?? []), i]);
    }
    for (const [at, blobs] of wanted) {
      const known = this.#manifest.repositories.get(at);
      const found = known === undefined ? new Map<string, Buffer>() : readBlobs(known.repository, [...blobs.keys()], this.#options.environment);
      for (const [blob, places] of blobs) {
        const bytes = found.get(blob);
        for (const i of places) {
          const change = this.#changes[i]!;
          const before = change.before as Exclude<State, string>;
          if (bytes !== undefined) this.#changes[i] = { ...change, before: { ...before, content: this.#keep.put(bytes), size: bytes.length } };
          else {
            this.#changes[i] = { ...change, before: "unknown" };
            this.#skipped.push({ path: change.path, reason: "what it was before is no longer in the repository" });
          }
        }
      }
    }
  }

  #repositoryOf(path: TreePath): TreePath {
    for (let at = path.lastIndexOf("/"); at >= 0; at = path.lastIndexOf("/", at - 1)) if (this.#manifest.repositories.has(path.slice(0, at))) return path.slice(0, at);
    return "";
  }
}

/** The id of a blob with these bytes (gitdatamodel(7)). */
export function gitBlob(bytes: Uint8Array, hashLength: 20 | 32): ContentId {
  return `git:${createHash(hashLength === 20 ? "sha1" : "sha256").update(`blob ${bytes.length}\0`).update(bytes).digest("hex")}`;
}

/** Undefined where it changed meanwhile. */
function readWhole(where: string | Buffer, seen: BigIntStats): Buffer | undefined {
  // A pipe that took its place must not be waited for, nor a link followed.
  const file = openSync(where, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0));
  try {
    if (!same(seen, fstatSync(file, { bigint: true }))) return undefined;
    const bytes = Buffer.allocUnsafe(Number(seen.size));
    let at = 0;
    while (at < bytes.length) {
      const read = readSync(file, bytes, at, bytes.length - at, at);
      if (read === 0) return undefined;
      at += read;
    }
    return same(seen, fstatSync(file, { bigint: true })) ? bytes : undefined;
  } finally {
    closeSync(file);
  }
}

function same(a: BigIntStats, b: BigIntStats): boolean {
  return a.mtimeNs === b.mtimeNs && a.ctimeNs === b.ctimeNs && a.size === b.size && a.ino === b.ino && a.mode === b.mode;
}
