/**
 * Looking at a whole tree: every known file's lstat beside what the manifest says, and a listing of each folder whose own
 * times have changed. Finds what may have changed and reads no content (capture.ts does). Synchronous: for a worker, or a
 * command that has nothing else to do; `fs.promises` costs five times as much.
 *
 * A time within two seconds of the look is not trusted, since a further write may leave it as it is (the "racy" entries of
 * git; file systems tick every 4 ms to 2 s): such a file is read, and such a folder listed, at the next look again.
 */
import { lstatSync, readdirSync, type BigIntStats, type Dirent } from "node:fs";
import { join } from "node:path";
import type { TreePath } from "../checkpoint/model.ts";
import { isDependencies, isIgnored, isInnards, isLocalSettings, isOwnTemporary, LOCAL_SIZE, withRules } from "./ignore.ts";
import { Manifest, nameOf, parentOf, type Folder, type Known, type Slot } from "./manifest.ts";
import { onDisk, pathOf, REPLACED } from "./names.ts";
import type { GitIndex } from "./git-index.ts";
import { changesBytes, indexOf, indexTime, kindOf, openRepository } from "./repository.ts";
import { readPlain, readText } from "./read.ts";
import type { Environment } from "./state.ts";

export interface ScanOptions {
  readonly root: string;
  readonly environment: Environment;
  /** The machine's clock, in nanoseconds since 1970. */
  readonly now: () => bigint;
  /** Folders of ours inside the tree, absolute: never looked into. */
  readonly own: readonly string[];
}

export interface Found {
  /** When the look began. */
  readonly began: bigint;
  /** Whether it was the whole tree that was looked at. */
  readonly whole: boolean;
  /** Files whose bytes have to be read: their times differ, or are too young to trust, or they were never read. */
  readonly look: { readonly slot: Slot; readonly stat: BigIntStats; /** The repository may let go of its blob. */ readonly lost?: boolean }[];
  /** Not known before. `earlier`: they were there at the last look, out of sight: moved in from where nothing is kept, or no longer ignored. */
  readonly fresh: { readonly slot: Slot; readonly stat: BigIntStats; readonly earlier: boolean; /** A file that stood under another name at the last look. */ readonly moved: boolean }[];
  readonly gone: Slot[];
  /** Still there, but looked after no more: the folder above is a tree of its own by now. */
  readonly away?: Slot[];
  /** What could not be looked at. */
  readonly blind: { readonly path: TreePath; readonly reason: string }[];
}

/** Trusting a file's times needs this much between them and the look, in nanoseconds. */
export const RACY = 2_000_000_000n;

/** Clocks of files tick up to this much behind the machine's (Linux: every 1 to 10 ms): what is made right after a look seems older than it. */
const TICK = 20_000_000n;

const NOTHING: ReadonlySet<string> = new Set();

const STAT = { bigint: true, throwIfNoEntry: false } as const;

/** Beyond this many files a tree is not looked at to its end; what is left out is said. */
const MOST_FILES = 1_000_000;

export function scan(manifest: Manifest, options: ScanOptions): Found {
  return new Scan(manifest, options).run();
}

/**
 * The first look at a tree. What git vouches for is taken by its blob, unread; gives how many files are still to be read.
 * Vouched for: the index's stat data is the file's, and older than the index by a whole second (gitformat-index(5), "racy
 * git"); the entry is plain; nothing in the repository makes files differ from their blobs.
 */
export function firstLook(manifest: Manifest, options: ScanOptions): { found: Found; left: number } {
  const looking = new Scan(manifest, options, { first: true });
  return { found: looking.run(), left: looking.adopted() };
}

/** One path alone, as before and after an edit tool: nothing else is looked at. */
export function scanPath(manifest: Manifest, path: TreePath, options: ScanOptions): Found {
  return new Scan(manifest, options, { whole: false }).one(path);
}

class Scan {
  readonly #manifest: Manifest;
  readonly #options: ScanOptions;
  readonly #found: Found;
  /** Young enough not to be trusted from here on. */
  readonly #racyFrom: bigint;
  #inodes: Set<bigint> | undefined;
  /** What each folder left out when it was listed the time before. */
  readonly #leftBefore = new Map<TreePath, ReadonlySet<string> | undefined>();
  readonly #newFolders = new Set<TreePath>();
  readonly #first: boolean;

  constructor(manifest: Manifest, options: ScanOptions, { first = false, whole = true } = {}) {
    this.#first = first;
    this.#manifest = manifest;
    this.#options = options;
    const began = options.now();
    this.#racyFrom = began - RACY;
    this.#found = { began, whole, look: [], fresh: [], gone: [], away: [], blind: [] };
  }

  run(): Found {
    const manifest = this.#manifest;
    const top = manifest.folders.get("") ?? manifest.addFolder("", undefined);
    this.#rule();
    const root = this.#statOf(this.#options.root, "");
    if (root === "blind") return this.#found;
    if (root?.isDirectory() !== true) {
      this.#found.blind.push({ path: "", reason: "the folder is not there" });
      return this.#found;
    }
    this.#ruled();
    this.#lookAt(top);
    this.#missed();
    return this.#found;
  }

  /** Rules that stand in no folder of the tree: where they have changed, all folders are listed anew. */
  #ruled(): void {
    const { indexed, repositories } = this.#manifest;
    for (const [path, { repository: { excludes, common } }] of repositories) {
      const [own, shared] = [excludes, join(common, "info/exclude")].map((file) => lstatSync(file, STAT)?.mtimeNs ?? 0n);
      // No path has a name that ends so.
      const [key, time] = [`${path}\0rules`, own! * 3n + shared!];
      if (indexed.get(key) !== undefined && indexed.get(key) !== time) this.#manifest.doubtFolders();
      indexed.set(key, time);
    }
  }

  /** A blob that the index no longer names may go at the next `git gc`: what stands for it is read while it is there. */
  #missed(): void {
    const manifest = this.#manifest;
    const changed = new Set<TreePath>();
    for (const [path, { repository }] of manifest.repositories) {
      const written = indexTime(repository) ?? 0n;
      if (manifest.indexed.get(path) !== undefined && manifest.indexed.get(path) !== written) changed.add(path);
      manifest.indexed.set(path, written);
    }
    if (changed.size === 0) return;
    for (const folder of manifest.folders.values()) {
      if (folder.repository === undefined || !changed.has(folder.repository)) continue;
      const index = this.#index(folder.repository);
      const inside = folder.repository === "" ? 0 : folder.repository.length + 1;
      for (const slot of folder.files.values()) {
        const content = manifest.contentOf(slot);
        if (content?.startsWith("git:") !== true) continue;
        const path = manifest.pathOf(slot);
        if (index?.get(path.slice(inside))?.blob === content.slice(4)) continue;
        const stat = this.#stat(path);
        if (stat !== undefined && manifest.matches(slot, stat)) this.#found.look.push({ slot, stat, lost: true });
      }
    }
  }

  one(path: TreePath): Found {
    // Whoever names a file in there, it is the version control system's to undo.
    if (path.split("/").some(isInnards)) return this.#found;
    this.#rule();
    const slot = this.#manifest.slotOf(path);
    const stat = this.#statOf(onDisk(this.#options.root, path), path);
    if (stat === "blind") return this.#found;
    if (slot !== undefined) this.#compare(slot, stat);
    else if (stat !== undefined && (stat.isFile() || stat.isSymbolicLink())) {
      const past = this.#pastOf(path, stat);
      const made = this.#manifest.add(this.#manifest.folderFor(path), nameOf(path));
      this.#found.fresh.push({ slot: made, stat, ...past });
    }
    return this.#found;
  }

  /** Rules of known folders, after a manifest came from disk. */
  #rule(): void {
    const manifest = this.#manifest;
    if (manifest.ruled) return;
    for (const folder of manifest.folders.values()) {
      this.#ruleFolder(folder, folder.repository === folder.path, folder.files.has(".gitignore"));
    }
    manifest.ruled = true;
  }

  #lookAt(folder: Folder): void {
    const { root } = this.#options;
    const path = onDisk(root, folder.path);
    const stat = folder.path === "" ? lstatSync(root, STAT) : this.#statOf(path, folder.path);
    if (stat === "blind") return;
    if (stat === undefined || !stat.isDirectory()) {
      this.#found.gone.push(...this.#manifest.removeFolder(folder));
      return;
    }
    const same = stat.mtimeNs === folder.mtime && stat.ctimeNs === folder.ctime && stat.ino === folder.inode;
    const known = folder.files.values();
    if (folder.sparse) Object.assign(folder, { mtime: stat.mtimeNs, ctime: stat.ctimeNs, inode: stat.ino, racy: false });
    else if (!same || folder.racy) this.#list(folder, stat);
    if (this.#manifest.folders.get(folder.path) !== folder) return;
    // A name that is no UTF-8 makes bytes of the whole path; the others are put together as texts, which is quicker.
    const prefix = folder.path === "" ? `${root}/` : `${root}/${folder.path}/`;
    const plain = typeof path === "string" && !folder.path.includes("\uDC80");
    for (const slot of known) {
      const name = this.#manifest.nameAt(slot);
      if (name === undefined) continue;
      let about: BigIntStats | undefined;
      try {
        about = lstatSync(plain && !HALF.test(name) ? prefix + name : onDisk(root, this.#manifest.pathOf(slot)), STAT);
      } catch (error) {
        if (!isNoWay(error)) {
          this.#blind(this.#manifest.pathOf(slot), error);
          continue;
        }
      }
      this.#compare(slot, about);
    }
    for (const inner of folder.folders.values()) if (this.#manifest.folders.get(inner.path) === inner) this.#lookAt(inner);
  }

  #compare(slot: Slot, stat: BigIntStats | undefined): void {
    const manifest = this.#manifest;
    if (stat === undefined || stat.isDirectory()) this.#found.gone.push(slot);
    else if (!manifest.matches(slot, stat) || manifest.isRacy(slot) || manifest.isPending(slot)) this.#found.look.push({ slot, stat });
  }

  /** What is in it, beside what is known of it. */
  #list(folder: Folder, stat: BigIntStats): void {
    const manifest = this.#manifest;
    const entries = this.#entries(folder);
    if (entries === undefined) return;
    this.#forgetReasons(folder);
    const [listedBefore, wasRepository] = [folder.inode !== 0n, folder.repository === folder.path];
    Object.assign(folder, { mtime: stat.mtimeNs, ctime: stat.ctimeNs, inode: stat.ino, racy: stat.mtimeNs >= this.#racyFrom || stat.ctimeNs >= this.#racyFrom });
    this.#leftBefore.set(folder.path, folder.left);
    const leftOut = new Set<string>();
    // One for all that leave nothing out, as most do.
    folder.left = NOTHING;
    const own = this.#options.own.length > 0;
    let [isRepository, hasRules, hasAttributes] = [false, false, false];
    for (const { name } of entries) {
      if (name === ".git") isRepository = true;
      else if (name === ".gitignore") hasRules = true;
      else if (name === ".gitattributes") hasAttributes = true;
    }
    // A linked worktree inside this tree is a tree of its own.
    if (isRepository && folder.path !== "" && kindOf(join(this.#options.root, folder.path)) === "worktree") {
      this.#found.away!.push(...manifest.removeFolder(folder));
      return;
    }
    this.#ruleFolder(folder, isRepository, hasRules);
    // What is below goes by other rules from now on.
    if (listedBefore && wasRepository !== (folder.repository === folder.path)) manifest.doubtFolders();
    if (hasAttributes) this.#attributes(folder);
    // Most folders hold nothing that is ignored or left out: then what is tracked is not asked for.
    const tracked = (): GitIndex | undefined => this.#index(folder.repository);
    const inside = folder.repository === undefined || folder.repository === "" ? 0 : folder.repository.length + 1;
    for (const entry of entries) {
      const { name } = entry;
      if (isInnards(name) || isOwnTemporary(name)) continue;
      const path = folder.path === "" ? name : `${folder.path}/${name}`;
      if (entry.isDirectory()) {
        if (folder.folders.has(name)) {
          const inner = manifest.folders.get(path);
          if (inner?.sparse !== true) continue;
        }
        if (own && this.#options.own.includes(join(this.#options.root, path))) continue;
        const left = folder.closed || isDependencies(name) || isIgnored(folder.rules, path, true);
        if (left) folder.left = leftOut.add(name);
        if (left && tracked()?.holds(path.slice(inside)) !== true) continue;
        const known = manifest.folders.get(path);
        if (known === undefined) this.#newFolders.add(path);
        const inner = known ?? manifest.addFolder(path, folder);
        Object.assign(inner, { sparse: false, racy: true, closed: left || folder.closed });
        continue;
      }
      if (folder.files.has(name)) continue;
      if (!entry.isFile() && !entry.isSymbolicLink()) {
        this.#found.blind.push({ path, reason: "no file (a pipe, socket or device)" });
        continue;
      }
      const ignored = (folder.closed || isIgnored(folder.rules, path, false)) && tracked()?.has(path.slice(inside)) !== true;
      if (ignored && (folder.closed || !isLocalSettings(name))) {
        folder.left = leftOut.add(name);
        continue;
      }
      if (manifest.files >= MOST_FILES) {
        this.#found.blind.push({ path, reason: `more than ${MOST_FILES.toLocaleString("en-US")} files` });
        return;
      }
      const about = this.#stat(path);
      if (about === undefined || about.isDirectory()) continue;
      if (ignored && Number(about.size) > LOCAL_SIZE) {
        folder.left = leftOut.add(name);
        continue;
      }
      const slot = manifest.add(folder, name);
      // Kept for later, what lstat gives for 94,000 files would be 100 MB.
      if (this.#first) this.#adopt(slot, path, inside, folder, about);
      else this.#found.fresh.push({ slot, stat: about, ...this.#pastOf(path, about) });
    }
  }

  /** What could not be looked at in a folder is said anew when it is listed. */
  #forgetReasons(folder: Folder): void {
    const { reasons } = this.#manifest;
    for (const path of reasons.keys()) {
      if (path !== folder.path && parentOf(path) !== folder.path) continue;
      const slot = this.#manifest.slotOf(path);
      if (slot === undefined || this.#manifest.contentOf(slot) !== undefined) reasons.delete(path);
    }
  }

  #adopt(slot: Slot, path: TreePath, inside: number, folder: Folder, stat: BigIntStats): void {
    const manifest = this.#manifest;
    manifest.stamp(slot, stat, this.#racyFrom);
    const blob = this.#index(folder.repository)?.vouched(inside === 0 ? path : path.slice(inside), stat);
    if (blob !== undefined) manifest.settleBlob(slot, blob);
  }

  /** After the first look: how many files have to be read. Whether a repository converts is known once all of it was seen. */
  adopted(): number {
    const manifest = this.#manifest;
    let left = 0;
    for (const folder of manifest.folders.values()) {
      const converts = folder.repository !== undefined && manifest.repositories.get(folder.repository)?.converts === true;
      for (const slot of folder.files.values()) {
        if (converts) manifest.doubt(slot);
        if (manifest.isPending(slot)) left += 1;
      }
    }
    for (const { path, reason } of this.#found.blind) manifest.reasons.set(path, reason);
    for (const known of manifest.repositories.values()) delete known.index;
    manifest.scanned = this.#found.began;
    return left;
  }

  #entries(folder: Folder): Dirent[] | undefined {
    const path = onDisk(this.#options.root, folder.path);
    try {
      let entries = readdirSync(path as string, { withFileTypes: true });
      if (entries.some(({ name }) => name.includes(REPLACED))) {
        const bytes = readdirSync(path as string, { withFileTypes: true, encoding: "buffer" as never }) as unknown as { name: Buffer }[];
        entries = bytes.map((entry) => Object.assign(entry, { name: pathOf(entry.name) })) as unknown as typeof entries;
      }
      return entries;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // Gone between the look and the listing: the next look says so.
      if (code !== "ENOENT" && code !== "ENOTDIR") this.#blind(folder.path, error);
      return undefined;
    }
  }

  /** Of a file that is new to the manifest: whether it was on this disk before the last look, under another name or out of sight. */
  #pastOf(path: TreePath, { birthtimeNs, ctimeNs, ino }: BigIntStats): { earlier: boolean; moved: boolean } {
    const { scanned } = this.#manifest;
    // Where a file system keeps no time of birth, Node gives that of the last change, or 0.
    const born = birthtimeNs === 0n ? ctimeNs : birthtimeNs;
    if (scanned === 0n) return { earlier: false, moved: false };
    const left = this.#wasLeft(path);
    // Rewritten by way of another file, it is born anew, and is no less the one that was there.
    if (left === "yes") return { earlier: true, moved: false };
    if (born >= scanned) return { earlier: false, moved: false };
    const moved = (this.#inodes ??= this.#manifest.inodes()).has(ino);
    return { earlier: !moved && (born < scanned - TICK || left === "unknown"), moved };
  }

  /** Whether it, or a folder above it, was left out at the last look. Of one path alone, it is its own name that counts: what stood there was looked at before the tool wrote it. */
  #wasLeft(path: TreePath): "yes" | "no" | "unknown" {
    let known = true;
    for (let child = path; ; child = parentOf(child)) {
      const at = parentOf(child);
      const folder = this.#manifest.folders.get(at);
      if (folder !== undefined && !this.#newFolders.has(at)) {
        const left = this.#leftBefore.has(at) ? this.#leftBefore.get(at) : folder.left;
        if (left?.has(nameOf(child)) === true) return this.#found.whole || child === path ? "yes" : "unknown";
        if (left !== undefined) return known ? "no" : "unknown";
        // A folder of which single files alone are known: the one above may have left it out.
        known = false;
      }
      if (at === "") return "unknown";
    }
  }

  /** What holds inside a folder: what holds above it, then the repository's and its own rule file. */
  #ruleFolder(folder: Folder, isRepository: boolean, hasRules: boolean): void {
    const above = folder.path === "" ? undefined : this.#manifest.folders.get(parentOf(folder.path));
    folder.rules = above?.rules;
    folder.repository = above?.repository;
    const base = folder.path === "" ? "" : `${folder.path}/`;
    // The root of a tree that is no repository can lie inside one.
    const known = isRepository ? this.#known(folder.path) : undefined;
    if (known !== undefined) {
      folder.repository = folder.path;
      const { excludes, common } = known.repository;
      // Rules of the repository around it say nothing of what is in this one.
      folder.rules = undefined;
      for (const file of [excludes, join(common, "info/exclude")]) folder.rules = withRules(folder.rules, base, readText(file) ?? "");
    }
    if (!hasRules) return;
    try {
      folder.rules = withRules(folder.rules, base, readRules(onDisk(this.#options.root, `${base}.gitignore`)));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // A link is no rule file, as for git.
      if (code !== "ENOENT" && code !== "EISDIR" && code !== "ELOOP") this.#blind(`${base}.gitignore`, error);
    }
  }

  #known(path: TreePath | undefined): Known | undefined {
    if (path === undefined) return undefined;
    const { root, environment } = this.#options;
    let known = this.#manifest.repositories.get(path);
    if (known === undefined) {
      const repository = openRepository(path === "" ? root : join(root, path), environment);
      if (repository === undefined) return undefined;
      this.#manifest.repositories.set(path, (known = { repository, converts: !repository.plain }));
    }
    return known;
  }

  #index(path: TreePath | undefined): GitIndex | undefined {
    const known = this.#known(path);
    if (known !== undefined && !("index" in known)) known.index = indexOf(known.repository, this.#options.environment);
    return known?.index;
  }

  #attributes(folder: Folder): void {
    const known = this.#known(folder.repository);
    const path = onDisk(this.#options.root, folder.path === "" ? ".gitattributes" : `${folder.path}/.gitattributes`);
    if (known === undefined) return;
    try {
      if (changesBytes(readRules(path))) known.converts = true;
    } catch {
      // Not there any more, or not readable: git could not go by it either.
    }
  }

  /** Undefined where nothing is there, and where that cannot be told. */
  #stat(path: TreePath): BigIntStats | undefined {
    const stat = this.#statOf(onDisk(this.#options.root, path), path);
    return stat === "blind" ? undefined : stat;
  }

  #statOf(where: string | Buffer, path: TreePath): BigIntStats | "blind" | undefined {
    try {
      return lstatSync(where, STAT);
    } catch (error) {
      if (isNoWay(error)) return undefined;
      this.#blind(path, error);
      return "blind";
    }
  }

  #blind(path: TreePath, error: unknown): void {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    this.#found.blind.push({ path, reason: code === "EACCES" || code === "EPERM" ? "may not be read" : `cannot be looked at (${code})` });
  }
}

/** A link is not followed, as git does it. */
function readRules(path: string | Buffer): string {
  return readPlain(path, false) ?? "";
}

/** A file, or a link that leads nowhere, stands where a folder above it was. */
function isNoWay(error: unknown): boolean {
  return ["ENOTDIR", "ELOOP"].includes((error as NodeJS.ErrnoException).code ?? "");
}

/** Half a surrogate pair, as names that are not UTF-8 have; a whole character has one as well and takes the longer way. */
const HALF = /[\uDC80-\uDCFF]/;
