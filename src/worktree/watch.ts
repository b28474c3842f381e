/**
 * A hint that something was touched in a tree: a watch on each folder that is looked into. It only ever makes a look come
 * sooner, or tells that none is needed before a command; what changed is told by the look. Watches of single folders that
 * are known miss nothing that happens in them (0 of 1,000 edits); it is the recursive ones that lose new folders, 31 to 45 %
 * of their files, and a new folder shows in the one above. Where there are too many folders, the system refuses, or files
 * may be written from elsewhere, `sure` is false, and the caller has to assume that something was touched.
 */
import { statfsSync, watch, type FSWatcher } from "node:fs";
import { basename } from "node:path";
import { bytesOf, isEscaped } from "./names.ts";

/** Linux allows 65,536 for all programs of a user as a rule, and a watch is 10 microseconds and 0.5 KiB. */
const MOST = 25_000;

/**
 * Linux file systems (statfs(2)) whose files others can write without this system being told: nfs, smb, cifs, smb2, 9p, fuse
 * (sshfs, virtiofs), vboxsf, vmhgfs, prlfs, afs, kafs, ceph, coda, ncp, lustre, gpfs, gfs2, ocfs2, beegfs, ecryptfs.
 */
const DEAF = new Set([0x6969, 0x517b, 0xff534d42, 0xfe534d42, 0x01021997, 0x65735546, 0x786f4256, 0xbacbacbc, 0x7c7c6673, 0x5346414f, 0x6b414653, 0x00c36400, 0x73757245, 0x564c, 0x0bd00bd0, 0x47504653, 0x01161970, 0x7461636f, 0x19830326, 0xf15f]);

export class Watcher {
  readonly #onTouch: () => void;
  readonly #typeOf: (folder: string | Buffer) => number;
  readonly #watches = new Map<string, FSWatcher>();
  #followed: ReadonlySet<string> | undefined;
  #refused = false;

  /** `typeOf`: what kind of file system a folder is on; 0 where that does not matter. */
  constructor(onTouch: () => void, typeOf: (folder: string | Buffer) => number = fileSystem) {
    this.#onTouch = onTouch;
    this.#typeOf = typeOf;
  }

  /** Whether every folder is watched. */
  get sure(): boolean {
    return !this.#refused && this.#watches.size > 0;
  }

  /** These folders, absolute, and no others. The same set again is nothing to do. */
  follow(folders: ReadonlySet<string>): void {
    if (this.#refused || folders === this.#followed) return;
    this.#followed = folders;
    if (folders.size > MOST) return this.#refuse();
    for (const [path, watcher] of this.#watches) {
      if (folders.has(path)) continue;
      watcher.close();
      this.#watches.delete(path);
    }
    let added = false;
    for (const path of folders) {
      if (this.#watches.has(path)) continue;
      try {
        const place = isEscaped(path) ? bytesOf(path) : path;
        // Each, since another file system may be mounted anywhere; it is a third of what the watch takes.
        if (DEAF.has(this.#typeOf(place) >>> 0)) return this.#refuse();
        const watcher = watch(place, { persistent: false }, (event, name) => {
          // A folder that goes takes its watch with it, and another one may stand there before anyone looks: the system says
          // it by the folder's own name, which one of its files may have as well. Then it is watched anew for nothing.
          if (event === "rename" && name === basename(path)) this.#drop(path);
          else this.#onTouch();
        });
        watcher.on("error", () => this.#drop(path));
        this.#watches.set(path, watcher);
        added = true;
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        // Gone meanwhile.
        if (code === "ENOENT" || code === "ENOTDIR") continue;
        return this.#refuse();
      }
    }
    // What happened between the look that found them and now, no one has told.
    if (added) this.#onTouch();
  }

  close(): void {
    for (const watcher of this.#watches.values()) watcher.close();
    this.#watches.clear();
  }

  #drop(path: string): void {
    this.#watches.get(path)?.close();
    this.#watches.delete(path);
    this.#followed = undefined;
    this.#onTouch();
  }

  #refuse(): void {
    this.close();
    this.#refused = true;
    this.#onTouch();
  }
}

function fileSystem(folder: string | Buffer): number {
  return process.platform === "linux" ? statfsSync(folder).type : 0;
}
