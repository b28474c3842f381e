/**
 * Checkpoints copied to a place elsewhere (store/remote.ts), as far as one was named: each content once, under its hash,
 * then one sheet per checkpoint with what it changed. A checkpoint whose sheet is there is there whole; so copying can be
 * stopped anywhere and taken up again, and two processes at it do no harm. It goes on in the background of the engine, in
 * slices, and waits for nobody.
 *
 * What was copied stays: neither retention nor `forget` reach it. Left out: whole trees. Files that did not change since
 * they are looked after are in no checkpoint, and so in no copy.
 */
import { existsSync } from "node:fs";
import { mkdir, readdir, realpath, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { isDeepStrictEqual, promisify } from "node:util";
import { deflate, inflate } from "node:zlib";
import { TidemarkError } from "../base/errors.ts";
import { sha256Hex } from "../base/hash.ts";
import { shellWord } from "../base/shell.ts";
import { isVersion, sameState, type Change, type Checkpoint, type ContentId, type TreePath } from "../checkpoint/model.ts";
import type { CheckpointStore } from "../store/checkpoints.ts";
import { openDirectoryRemote, type DirectoryRemote } from "../store/directory-remote.ts";
import type { Problem } from "../store/problems.ts";
import type { Remote } from "../store/remote.ts";
import { gitBlob } from "../worktree/capture.ts";
import { treeOf } from "../worktree/project.ts";
import { Bytes } from "./compare.ts";
import { inTree, treeKey } from "./tree-place.ts";
import { readRemote, writeRemote } from "./settings.ts";

type Environment = Readonly<Record<string, string | undefined>>;

// ---- which place it is ----

/** In the remote: that it is one, and whose. An empty mount point has none. */
const MARKER = "tidemark.json";

const ABOUT = "Copies of checkpoints kept by Tidemark. trees/ has a sheet for each checkpoint, objects/ and blobs/ what its files held: a line that says how, then the bytes.";

/** The remote that was named, if one was. Throws REMOTE_GONE where it is not the one that was named. */
export async function openRemote(home: string): Promise<{ readonly remote: DirectoryRemote; readonly folder: string } | undefined> {
  const setting = readRemote(home);
  if (setting?.folder === undefined) return undefined;
  const remote = openDirectoryRemote(setting.folder);
  if ((await markerOf(remote)) !== setting.id) throw new TidemarkError("REMOTE_GONE", `${setting.folder} is not the folder that checkpoints were copied to: ${MARKER} is not in it, or is another one's`);
  return { remote, folder: setting.folder };
}

/** Names a folder, absolute. `fresh`: an id unlike any other, taken where this store has none yet. */
export async function nameRemote(folder: string, fresh: string, { store, home, unique }: { readonly store: CheckpointStore; readonly home: string; readonly unique: string }): Promise<string> {
  const place = await placeOf(folder);
  const homeIn = await realpath(home);
  const within = (outer: string, inner: string): boolean => inner === outer || inTree(outer, inner) !== undefined;
  if (within(homeIn, place)) throw refused(place, "it is in the state folder itself");
  if (within(place, homeIn)) throw refused(place, "the state folder is in it");
  const tree = store.trees().find((each) => within(each, place)) ?? (existsSync(join(treeOf(place), ".git")) ? treeOf(place) : undefined);
  if (tree !== undefined) throw refused(place, `it is in ${tree}, and would be looked after, committed or deleted with it`);
  const id = readRemote(home)?.id ?? fresh;
  const remote = openDirectoryRemote(place);
  if (await make(place)) {
    const marker = await markerOf(remote);
    if (marker !== undefined && marker !== id) throw refused(place, "another machine, or another state folder, copies its checkpoints there");
    if (marker === undefined && (await readdir(place)).length > 0) throw refused(place, "it holds something else already", `tidemark remote ${shellWord(join(place, "tidemark"))}`);
  }
  await remote.put(MARKER, Buffer.from(`${JSON.stringify({ format: 1, store: id, about: ABOUT }, undefined, 2)}\n`));
  writeRemote(home, { folder: place, id }, unique);
  // Whether they are in this one is found out anew.
  store.dropTier(3);
  return place;
}

/** What was copied stays where it is. Gives the folder, if one was named. */
export function endRemote({ store, home, unique }: { readonly store: CheckpointStore; readonly home: string; readonly unique: string }): string | undefined {
  const setting = readRemote(home);
  if (setting?.folder === undefined) return undefined;
  writeRemote(home, { id: setting.id }, unique);
  store.dropTier(3);
  return setting.folder;
}

function refused(folder: string, why: string, hint?: string): TidemarkError {
  return new TidemarkError("REMOTE_REFUSED", `Checkpoints are not copied to ${folder}: ${why}`, hint === undefined ? {} : { hint });
}

/** Its real place, also before it is there; what it is in has to be. */
async function placeOf(folder: string): Promise<string> {
  try {
    return await realpath(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw gone(folder, error);
  }
  try {
    return join(await realpath(dirname(folder)), basename(folder));
  } catch (error) {
    throw gone(dirname(folder), error);
  }
}

function gone(folder: string, cause: unknown): TidemarkError {
  return new TidemarkError("REMOTE_GONE", `${folder} is not there (${(cause as NodeJS.ErrnoException).code})`, { cause, hint: "Make the folder, or mount the disk or share that it is on, then repeat the command." });
}

/** Whether it was there already. */
async function make(place: string): Promise<boolean> {
  try {
    await mkdir(place, { mode: 0o700 });
    return false;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "EEXIST") throw new TidemarkError("REMOTE_UNWRITABLE", `${place} cannot be made (${code})`, { cause: error });
    if (!(await stat(place)).isDirectory()) throw refused(place, "it is not a folder");
    return true;
  }
}

async function markerOf(remote: Remote): Promise<string | undefined> {
  const marker = parsed(await remote.get(MARKER)) as { format?: unknown; store?: unknown } | undefined;
  if (marker === undefined) return undefined;
  return marker.format === 1 && typeof marker.store === "string" ? marker.store : "";
}

// ---- copying ----

export interface CopyOptions {
  /** Milliseconds, from any beginning. */
  readonly clock: () => number;
  /** About how long; at least one content is copied, where any is left. */
  readonly ms: number;
  readonly environment: Environment;
  /** Whether to leave off, asked whenever something took time; the store is not touched afterwards. */
  readonly stopped?: () => boolean;
  /** What is there already is read and held against its name, not only looked for. */
  readonly read?: boolean;
}

export interface Copied {
  readonly copied: number;
  /** Checkpoints that are on the disk here and not there yet. */
  readonly left: number;
  /** Contents of those copied that are no longer to be had here; the sheets name them. */
  readonly missing: number;
}

/** Goes on where it was left, the oldest first. Only what is safe on the disk here is copied, since a power cut may give the places of others anew. */
export async function copyOut(store: CheckpointStore, remote: Remote, options: CopyOptions): Promise<Copied> {
  const waiting = store.trees().flatMap((tree) => store.checkpoints(tree)).filter(({ tier }) => tier === 2).sort((a, b) => a.seq - b.seq);
  const copy = new Copy(store, remote, options);
  let [copied, missing] = [0, 0];
  for (const checkpoint of waiting) {
    const lacking = await copy.one(checkpoint);
    if (lacking === undefined) break;
    store.setTier(checkpoint.seq, 3);
    copied += 1;
    missing += lacking;
    if (copy.isOver()) break;
  }
  return { copied, left: waiting.length - copied, missing };
}

class Copy {
  readonly #store: CheckpointStore;
  readonly #remote: Remote;
  readonly #options: CopyOptions;
  readonly #began: number;
  /** Known to be there. */
  readonly #there = new Set<ContentId>();
  readonly #bytes = new Map<string, Bytes>();

  constructor(store: CheckpointStore, remote: Remote, options: CopyOptions) {
    this.#store = store;
    this.#remote = remote;
    this.#options = options;
    this.#began = options.clock();
  }

  isOver(): boolean {
    return this.#isStopped() || this.#options.clock() - this.#began >= this.#options.ms;
  }

  /** How many of its contents are not to be had; undefined where there was no time to finish. */
  async one(checkpoint: Checkpoint): Promise<number | undefined> {
    const { seq, tree } = checkpoint;
    if (this.#isStopped()) return undefined;
    let changes = this.#changes(seq);
    for (;;) {
      const missing: Missing[] = [];
      for (const [content, path] of contentsOf(changes)) {
        if (this.#there.has(content)) continue;
        const there = await this.#isThere(content);
        if (this.#isStopped()) return undefined;
        const bytes = there ? undefined : this.#read(tree, path, content);
        if (bytes !== undefined && "reason" in bytes) missing.push({ content, reason: bytes.reason });
        if (bytes !== undefined && !("reason" in bytes)) await this.#remote.put(objectName(content), await pack(bytes));
        if (this.#isStopped()) return undefined;
        if (there || bytes instanceof Uint8Array) this.#there.add(content);
        if (bytes instanceof Uint8Array && this.isOver()) return undefined;
      }
      const again = this.#changes(seq);
      if (isDeepStrictEqual(again, changes)) {
        await this.#remote.put(sheetName(checkpoint), Buffer.from(`${JSON.stringify(sheetOf(checkpoint, changes, missing))}\n`));
        return this.#isStopped() ? undefined : missing.length;
      }
      // Merged with others or forgotten meanwhile, which is why something may be missing.
      changes = again;
    }
  }

  #changes(seq: number): Change[] {
    return this.#store.changes(seq).map(({ path, before, after }) => ({ path, before, after }));
  }

  async #isThere(content: ContentId): Promise<boolean> {
    const name = objectName(content);
    if (this.#options.read !== true) return this.#remote.has(name);
    const object = await this.#remote.get(name);
    return object !== undefined && (await isWhole(content, object));
  }

  #read(tree: string, path: TreePath, content: ContentId): Uint8Array | { readonly reason: string } {
    let bytes = this.#bytes.get(tree);
    if (bytes === undefined) this.#bytes.set(tree, (bytes = new Bytes({ store: this.#store, root: tree, environment: this.#options.environment })));
    const side = bytes.side(path, { type: "file", mode: 0, size: 0, content });
    if (side instanceof Uint8Array) return side;
    return { reason: side?.missing ?? "its bytes are no longer kept" };
  }

  #isStopped(): boolean {
    return this.#options.stopped?.() === true;
  }
}

function contentsOf(changes: readonly Change[]): Map<ContentId, TreePath> {
  return new Map(changes.flatMap(({ path, before, after }) => [before, after].flatMap((state): [ContentId, TreePath][] => (isVersion(state) ? [[state.content, path]] : []))));
}

// ---- in the background ----

/** Of one slice, in milliseconds; only what is computed counts for others, not what is waited for. */
const SLICE = 50;
/** The next slice comes at the earliest after so many times the last one's length. */
const SHARE = 10;
const AT_LEAST = 2_000;
/** After a failure: the share may come back. */
const PAUSE = 60_000;

/**
 * Copies while its owner goes on: `round` begins a slice where one is due and returns at once. What fails is tried again
 * later; how far it has come is told by the checkpoints' tier, and why it does not get on by `tidemark remote`, which
 * tries it itself.
 */
export class BackgroundCopy {
  readonly #options: { readonly home: string; readonly clock: () => number; readonly environment: Environment };
  #due = true;
  #notBefore = 0;
  #running = false;
  #stopped = false;

  constructor(options: { readonly home: string; readonly clock: () => number; readonly environment: Environment }) {
    this.#options = options;
  }

  /** Something was sealed, and is on the disk. */
  wake(): void {
    this.#due = true;
  }

  round(store: CheckpointStore): void {
    if (!this.#due || this.#running || this.#stopped || this.#options.clock() < this.#notBefore) return;
    void this.slice(store);
  }

  /** Before the store is closed. */
  stop(): void {
    this.#stopped = true;
  }

  async slice(store: CheckpointStore): Promise<void> {
    const { home, clock, environment } = this.#options;
    this.#running = true;
    this.#due = false;
    const began = clock();
    try {
      const opened = await openRemote(home);
      if (opened === undefined || this.#stopped) return;
      const stopped = (): boolean => this.#stopped || readRemote(home)?.folder !== opened.folder;
      const { left } = await copyOut(store, opened.remote, { clock, ms: SLICE, environment, stopped });
      if (left > 0) this.#due = true;
      this.#notBefore = clock() + Math.max(left > 0 ? 0 : AT_LEAST, (clock() - began) * SHARE);
    } catch {
      this.#due = true;
      this.#notBefore = clock() + PAUSE;
    } finally {
      this.#running = false;
    }
  }
}

// ---- checking ----

export interface RemoteCheck {
  /** Sheets there. */
  readonly checkpoints: number;
  readonly contents: number;
  /** Bytes of the files that they are the contents of. */
  readonly bytes: number;
  /** Contents that were no longer to be had when they were to be copied. */
  readonly missing: number;
  readonly problems: Problem[];
}

/** Reads all that was copied: every sheet, every content that one names, and whether each checkpoint that counts as copied has its own. */
export async function checkRemote(store: CheckpointStore, remote: Remote, progress: (done: number, total: number) => void): Promise<RemoteCheck> {
  const problems: Problem[] = [];
  const here = new Map(store.trees().flatMap((tree) => store.checkpoints(tree)).filter(({ tier }) => tier === 3).map((each) => [sheetName(each), each]));
  const names = (await remote.list("trees/")).filter((name) => name.endsWith(".json"));
  const named = new Set(names);
  for (const [name, { id }] of here) if (!named.has(name)) problems.push({ code: "CHECKPOINT_MISSING", where: name, message: `Checkpoint ${id} counts as copied and is not there` });
  const seen = new Map<ContentId, boolean>();
  let [bytes, missing] = [0, 0];
  for (const [i, name] of names.entries()) {
    progress(i, names.length);
    const sheet = readSheet(await remote.get(name));
    if (sheet === undefined) {
      problems.push({ code: "CHECKPOINT_CHANGED", where: name, message: "It is not the sheet of a checkpoint" });
      continue;
    }
    const own = here.get(name);
    if (own !== undefined && !agrees(sheet, own, store)) problems.push({ code: "CHECKPOINT_CHANGED", where: name, message: `It does not say what checkpoint ${own.id} says` });
    const lacking = new Set(sheet.missing.map(({ content }) => content));
    for (const content of contentsOf(sheet.changes).keys()) {
      if (seen.has(content) || lacking.has(content)) continue;
      const object = await remote.get(objectName(content));
      const found = object === undefined ? undefined : await unpack(object);
      const whole = found !== undefined && isNamed(content, found);
      seen.set(content, whole);
      if (whole) bytes += found.length;
      else problems.push(object === undefined ? { code: "OBJECT_MISSING", where: objectName(content), message: `It is named by ${name} and is not there` } : { code: "OBJECT_CHANGED", where: objectName(content), message: "It does not hold what its name says" });
    }
    missing += lacking.size;
  }
  return { checkpoints: names.length, contents: [...seen.values()].filter((whole) => whole).length, bytes, missing, problems };
}

/** What was merged with others here since, or forgotten, still stands there as it was. */
function agrees(sheet: Sheet, own: Checkpoint, store: CheckpointStore): boolean {
  if (sheet.checkpoint.id !== own.id || sheet.tree !== own.tree) return false;
  if (own.compacted === true) return true;
  const changes = store.changes(own.seq);
  return changes.length === sheet.changes.length && changes.every(({ path, before, after }, i) => {
    const there = sheet.changes[i]!;
    return there.path === path && (before === "unknown" || sameState(before, there.before)) && (after === "unknown" || sameState(after, there.after));
  });
}

// ---- what is written ----

interface Missing {
  readonly content: ContentId;
  readonly reason: string;
}

/** Of one checkpoint. What may still change of it here is left out. */
interface Sheet {
  readonly format: 1;
  readonly tree: string;
  readonly checkpoint: Omit<Checkpoint, "tree" | "tier" | "pinned">;
  readonly changes: readonly Change[];
  readonly missing: readonly Missing[];
}

function sheetOf({ tree, tier: _tier, pinned: _pinned, ...checkpoint }: Checkpoint, changes: readonly Change[], missing: readonly Missing[]): Sheet {
  return { format: 1, tree, checkpoint, changes, missing };
}

function sheetName({ tree, seq, id }: Checkpoint): string {
  return `trees/${treeKey(tree)}/${String(seq).padStart(10, "0")}-${id}.json`;
}

function readSheet(bytes: Uint8Array | undefined): Sheet | undefined {
  const sheet = parsed(bytes) as Partial<Sheet> | undefined;
  return sheet?.format === 1 && typeof sheet.tree === "string" && typeof sheet.checkpoint?.id === "string" && Array.isArray(sheet.changes) && Array.isArray(sheet.missing) ? (sheet as Sheet) : undefined;
}

/** Undefined where there is nothing, or no JSON. */
function parsed(bytes: Uint8Array | undefined): unknown {
  if (bytes === undefined) return undefined;
  try {
    return JSON.parse(Buffer.from(bytes).toString("utf8")) ?? undefined;
  } catch {
    return undefined;
  }
}

/** "objects/" for those of the store's own, "blobs/" for what only the user's repository holds. */
function objectName(content: ContentId): string {
  const [kind, hash] = content.split(":") as [string, string];
  return `${kind === "git" ? "blobs" : "objects"}/${hash.slice(0, 2)}/${hash}`;
}

/** A line that says how and how many, then the bytes: to be read without anything of ours. */
export async function pack(bytes: Uint8Array): Promise<Buffer> {
  const packed = await promisify(deflate)(bytes);
  return packed.length < bytes.length ? Buffer.concat([Buffer.from(`tidemark deflate ${bytes.length}\n`), packed]) : Buffer.concat([Buffer.from(`tidemark raw ${bytes.length}\n`), bytes]);
}

/** Undefined where it is not whole. */
export async function unpack(object: Uint8Array): Promise<Uint8Array | undefined> {
  const head = /^tidemark (raw|deflate) (\d{1,12})\n/.exec(Buffer.from(object.subarray(0, 40)).toString("latin1"));
  if (head === null) return undefined;
  const [body, size] = [object.subarray(head[0].length), Number(head[2])];
  try {
    const bytes = head[1] === "raw" ? body : await promisify(inflate)(body, { maxOutputLength: Math.max(1, size) });
    return bytes.length === size ? bytes : undefined;
  } catch {
    return undefined;
  }
}

async function isWhole(content: ContentId, object: Uint8Array): Promise<boolean> {
  const bytes = await unpack(object);
  return bytes !== undefined && isNamed(content, bytes);
}

function isNamed(content: ContentId, bytes: Uint8Array): boolean {
  const hash = content.slice(content.indexOf(":") + 1);
  return content.startsWith("git:") ? gitBlob(bytes, hash.length === 64 ? 32 : 20) === content : sha256Hex(bytes) === hash;
}
