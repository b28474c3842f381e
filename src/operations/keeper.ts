/**
 * The one who looks after a tree: holds its manifest, looks at it when something may have changed, and seals what has. Any
 * process can be it: each step takes the tree's lock, first takes over what others have sealed meanwhile, and leaves
 * everything on disk from which the next one goes on. Synchronous, for a worker of the engine or a command.
 *
 * Leaves out when to look (engine/), what an undo does (undo.ts), and whose a change is (checkpoint/attribute.ts).
 */
import { appendFileSync, closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { TidemarkError } from "../base/errors.ts";
import { attribute } from "../checkpoint/attribute.ts";
import type { Actor, Checkpoint, Coverage, Kind, State, TreePath } from "../checkpoint/model.ts";
import { sameState } from "../checkpoint/model.ts";
import type { CheckpointStore, NewCheckpoint, RunningCall } from "../store/checkpoints.ts";
import { capture, type Captured, type Outcome } from "../worktree/capture.ts";
import { Manifest, nameOf, type Slot } from "../worktree/manifest.ts";
import { firstLook, scan, scanPath, type Found, type ScanOptions } from "../worktree/scan.ts";
import { finishInterrupted, isInterrupted, isLeftOpen } from "./interrupted.ts";
import { letGo, takeLock, type LockOptions } from "./tree-lock.ts";
import { treeKey, whyRefused } from "./tree-place.ts";

export interface KeeperOptions extends LockOptions {
  readonly store: CheckpointStore;
  /** The state folder. */
  readonly home: string;
  /** The tree: its real path. */
  readonly root: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The user's home folder: too large to be looked after, and not a project. */
  readonly userHome: string;
  /** Milliseconds since 1970; the machine's own, since it is held against files' times. */
  readonly clock: () => number;
}

/** What a person or a program adds to a checkpoint that it asks for. */
export interface Asked {
  readonly note?: string;
  readonly actor?: Actor;
  readonly model?: string;
  readonly tokens?: number;
  readonly confidence?: number;
  /** Of which call model, tokens and confidence are told: they stand with what it alone has done. */
  readonly call?: string;
  /** Why it may lack changes. */
  readonly partial?: string;
}

/** No call of an agent goes on for so long, in milliseconds, where it is not known whose process it is. */
const ABANDONED = 6 * 3_600_000;

const SECOND = 1000;

/** How many contents one transaction may take: each is written while other trees wait. */
const TOGETHER = 200;

export class Keeper {
  readonly root: string;
  readonly #options: KeeperOptions;
  readonly #store: CheckpointStore;
  readonly #scan: ScanOptions;
  readonly #files: { readonly lock: string; readonly manifest: string; readonly held: string };
  #manifest: Manifest | undefined;
  #locked = 0;
  #unsaved = 0;
  #listed: { readonly at: number; readonly paths: ReadonlySet<string> } | undefined;
  /** What is in the file of contents that only the manifest stands for. */
  readonly #held = new Set<string>();
  /** Calls whose changes have been sealed: what a slow clock puts into their time is of the next one. */
  readonly #over = new Set<string>();
  /** To be said with what is sealed next. */
  #setBack: string | undefined;

  /** Throws TREE_REFUSED for a tree that is none. */
  constructor(options: KeeperOptions) {
    const reason = whyRefused(options.root, options.userHome);
    if (reason !== undefined) throw new TidemarkError("TREE_REFUSED", `Checkpoints are not kept for ${options.root}, ${reason}`);
    this.root = options.root;
    this.#options = options;
    this.#store = options.store;
    const key = join(options.home, "trees", treeKey(options.root));
    this.#files = { lock: `${key}.lock`, manifest: `${key}.manifest`, held: `${key}.held` };
    this.#scan = { root: options.root, environment: options.environment, now: () => BigInt(Math.floor(options.clock() * 1000)) * 1000n, own: [options.home] };
  }

  /** Whether it has been looked at before, by any process. */
  get begun(): boolean {
    return this.#manifest !== undefined || existsSync(this.#files.manifest);
  }

  /** Every folder that is looked into, or of which single files are, absolute; the same set until one comes or goes. */
  folders(): ReadonlySet<string> {
    const manifest = this.#manifest;
    if (manifest === undefined) return new Set();
    if (this.#listed?.at !== manifest.folderChanges) {
      const paths = new Set<string>();
      for (const { path } of manifest.folders.values()) paths.add(path === "" ? this.root : join(this.root, path));
      this.#listed = { at: manifest.folderChanges, paths };
    }
    return this.#listed.paths;
  }

  get files(): number {
    return this.#locking(() => this.#current().files);
  }

  /** What stands at a path now, by the last look. */
  stateOf(path: TreePath): State {
    return this.#locking(() => {
      const manifest = this.#current();
      const slot = manifest.slotOf(path);
      return slot === undefined ? "absent" : manifest.stateOf(slot);
    });
  }

  stampOf(path: TreePath): { mtime: bigint; ctime: bigint; inode: bigint; size: number } | undefined {
    return this.#locking(() => {
      const slot = this.#current().slotOf(path);
      return slot === undefined ? undefined : this.#current().stampOf(slot);
    });
  }

  /** All files with what stands there. */
  states(): Map<TreePath, State> {
    return this.#locking(() => {
      const manifest = this.#current();
      const all = new Map<TreePath, State>();
      for (const slot of manifest.slots()) all.set(manifest.pathOf(slot), manifest.stateOf(slot));
      return all;
    });
  }

  /** Everything that is not kept at present, with the reason. */
  uncovered(): { path: TreePath; reason: string }[] {
    return this.#locking(() => [...this.#current().reasons].map(([path, reason]) => ({ path, reason })));
  }

  /** Makes sure that the tree has been looked at once, and that all its bytes are safe: here, or in its repository. */
  begin(): void {
    this.#locking(() => void this.#current());
  }

  /** Looks at the whole tree and seals what has changed, by who changed it. Gives what was sealed, possibly nothing. */
  look(kind: Kind, asked: Asked = {}): Checkpoint[] {
    return this.#locking(() => {
      const manifest = this.#current();
      const { since, ahead } = this.#before(manifest);
      const sealed = this.#take(scan(manifest, this.#scan), kind, since, asked);
      // The rules of what is looked after were changed by what was found.
      if (manifest.doubtful) sealed.push(...this.#take(scan(manifest, this.#scan), kind, since, asked));
      // What ended by a clock that was ahead would be over in the future.
      for (const id of ahead) this.callFailed(id);
      const began = Number(manifest.scanned / 1_000_000n);
      for (const { id, ended, background } of this.#store.calls(this.root)) if (ended !== undefined && ended <= began && background !== true) this.#over.add(id);
      // Gone from the store as well: another process knows nothing of what is over here.
      this.#store.dropCalls(this.root, began + 1);
      this.#savedNow(false);
      return sealed;
    });
  }

  /** The same for one path. `own`: its bytes are taken even where the repository has them, since they are about to be written over. `call`: the one that has written it, which has no other path. */
  lookAt(path: TreePath, kind: Kind, { own = false, call, asked = {} }: { own?: boolean; call?: string; asked?: Asked } = {}): Checkpoint[] {
    return this.#locking(() => {
      const manifest = this.#current();
      const { since } = this.#before(manifest);
      const sealed = this.#take(scanPath(manifest, path, this.#scan), kind, since, asked);
      const slot = manifest.slotOf(path);
      if (call !== undefined) {
        this.#over.add(call);
        // For other processes: whatever comes later is not its doing, however slow a file's clock.
        this.#store.callEnded(this.root, call, 0, false);
        // And out of the list that each later call goes through: after 400 edits that was 6 ms of 9.
        this.#store.dropCalls(this.root, 1);
      }
      const content = own && slot !== undefined ? manifest.contentOf(slot) : undefined;
      // What the store has lost is still there to be taken again.
      if (content !== undefined && (content.startsWith("git:") || !this.#store.has(content))) this.#own([slot!]);
      return sealed;
    });
  }

  /** By the clock that calls and files are held against. */
  now(): number {
    return this.#options.clock();
  }

  /** A call that can change files begins. */
  callBegan(call: RunningCall): void {
    this.#store.callBegan(this.root, call);
  }

  /** `started`: when it really began: a call may have waited for someone to allow it. */
  callEnded(id: string, time: number, background: boolean, started?: number): void {
    this.#store.callEnded(this.root, id, time, background, started);
  }

  /** It has changed nothing, whatever was changed in its time. */
  callFailed(id: string): void {
    this.#over.add(id);
    this.#store.callEnded(this.root, id, 0, false);
  }

  /** A checkpoint that stands for itself, whether or not anything changed. */
  mark(asked: Asked): Checkpoint {
    return this.#locking(() => {
      this.look("prompt");
      const sealed = this.#seal({ kind: "manual", actor: asked.actor ?? { by: "outside" }, changes: [], coverage: this.#coverage([]), ...rest(asked) });
      if (sealed === undefined) throw new TidemarkError("INTERNAL", "a manual checkpoint was not sealed");
      return sealed;
    });
  }

  /** Says that the look before may have been too late for a call. */
  doubt(partial: string): Checkpoint[] {
    return this.#locking(() => {
      this.#current();
      const sealed = this.#seal({ kind: "forced", actor: { by: "outside" }, changes: [], coverage: { skipped: [], partial } });
      return sealed === undefined ? [] : [sealed];
    });
  }

  /** What a restore of ours has written, by path. Where something else stands by now, that is someone else's, and no redo may take it away. */
  restored(actor: Actor, written: ReadonlyMap<TreePath, State>): Checkpoint | undefined {
    return this.#locking(() => {
      const manifest = this.#current();
      this.#before(manifest);
      let first: Checkpoint | undefined;
      const [own, others]: [Captured[], Captured[]] = [[], []];
      const skipped: { path: TreePath; reason: string }[] = [];
      this.#store.write(() => {
        for (const [path, target] of written) {
          const outcome = this.#captured(scanPath(manifest, path, this.#scan));
          for (const change of outcome.changes) (sameState(change.after, target) ? own : others).push(change);
          skipped.push(...outcome.skipped);
        }
        first = this.#seal({ kind: "restore", actor, changes: own, coverage: this.#coverage(skipped) });
        if (others.length > 0) this.#seal({ kind: "prompt", actor: { by: "outside" }, changes: others, coverage: { skipped: [] } });
      });
      return first;
    });
  }

  /** Finishes what a restore of this tree left half done, if its process is gone. Whoever looks at the tree does so anyway, and first. */
  recover(): void {
    if (this.#locked > 0 || isInterrupted(this.#options)) this.#locking(() => this.#finish(true));
  }

  /** Runs something while no other process looks at or restores this tree. */
  exclusively<T>(body: () => T): T {
    return this.#locking(() => {
      this.#current();
      return body();
    });
  }

  /**
   * A step of a moment, in one commit. Where nobody holds the tree, the store's own lock is enough for it: whoever takes the
   * tree's lock waits for that one first (`#locking`). Making and removing the file twice was a third of what an edit costs.
   */
  briefly<T>(body: () => T): T {
    const lone = (): T => this.#store.write(body);
    if (this.#locked > 0) return lone();
    // What has to be looked at, or finished, first takes longer than a moment.
    const done = this.#manifest === undefined ? undefined : this.#keeping(() => this.#store.write(() => (existsSync(this.#files.lock) || isLeftOpen(this.#options) ? undefined : { value: this.#within(body) })));
    return done === undefined ? this.#locking(() => (this.#current(), lone())) : done.value;
  }

  /** Writes the manifest down, where it is known here, so that the next process need not look at everything. */
  save(): void {
    this.#locking(() => this.#savedNow(true));
  }

  /** Contents that only the manifest, or a file that is about to be written over, stands for. */
  needed(): Set<string> {
    return this.#locking(() => {
      const all = contentsOf(this.#current());
      for (const line of readLines(this.#files.held)) all.add(heldId(line));
      return all;
    });
  }

  // ---- inside ----

  /**
   * When the look before was, in milliseconds since 1970. A clock that has been set back since does not tell: then it was
   * before any call that is known of by the clock as it is now, and at the latest now. `ahead`: calls that ended by the other.
   */
  #before(manifest: Manifest): { since: number; ahead: readonly string[] } {
    const [{ scanned }, now] = [manifest, this.#scan.now()];
    if (scanned <= now) return { since: Number(scanned / 1_000_000n), ahead: [] };
    const [behind, today] = [Number((scanned - now) / 1_000_000_000n), this.#options.clock()];
    if (behind > 0) this.#setBack = `the clock was set back by ${behind} s or more: whose a change is may be wrong`;
    const calls = this.#store.calls(this.root).filter(({ id }) => !this.#over.has(id));
    const first = calls.reduce((least, { started }) => Math.min(least, started), today);
    manifest.scanned = BigInt(Math.floor(first)) * 1_000_000n;
    return { since: 0, ahead: calls.flatMap(({ id, ended, background }) => (ended !== undefined && ended > today && background !== true ? [id] : [])) };
  }

  #take(found: Found, kind: Kind, since: number, asked: Asked): Checkpoint[] {
    if (found.look.length + found.fresh.length + found.gone.length + (found.away?.length ?? 0) + found.blind.length === 0) return [];
    const work = (): Checkpoint[] => {
      const { changes, skipped } = this.#captured(found);
      const calls = changes.length === 0 ? [] : this.#running();
      const groups = attribute(changes.map((change) => ({ ...change, ...(change.stamp === undefined ? {} : { ctime: change.stamp.ctime }) })), calls, since);
      const sealed: Checkpoint[] = [];
      const changed = new Set(changes.map(({ path }) => path));
      for (const [i, { actor, changes: made }] of groups.entries()) {
        const paths = new Set(made.map(({ path }) => path));
        // What could not be looked at is nobody's change: it is said by the last of them.
        const own = skipped.filter(({ path }) => paths.has(path) || (i === groups.length - 1 && !changed.has(path)));
        const whose = asked.actor !== undefined && actor.by === "outside" ? asked.actor : actor;
        const one = this.#seal({ kind: whose.by === "outside" && kind === "call" ? "prompt" : kind, actor: whose, changes: made, coverage: this.#coverage(own, asked.partial ?? this.#setBack), ...(isMeant(whose, asked) ? rest(asked) : {}) });
        if (one !== undefined) sealed.push(one);
      }
      if (sealed.length > 0) this.#setBack = undefined;
      return sealed;
    };
    return found.look.length + found.fresh.length <= TOGETHER ? this.#store.write(work) : work();
  }

  /** One whose agent is gone, or that was begun very long ago, may have made a change, and so may anyone since. */
  #running(): RunningCall[] {
    const { clock, isAlive } = this.#options;
    return this.#store.calls(this.root).filter(({ id }) => !this.#over.has(id)).map((call) => {
      const { client, ended } = call;
      // The clock was set back while it ran: it began before all that it did.
      const started = call.started > Math.min(ended ?? Infinity, clock()) + SECOND ? 0 : call.started;
      const lost = ended === undefined && (client === undefined ? clock() - call.started > ABANDONED : !isAlive(client, call.started));
      if (lost) this.#store.callEnded(this.root, call.id, clock(), false);
      return { ...call, ...(started !== call.started && { started }), ...(lost && { background: true }) };
    });
  }

  #captured(found: Found): Outcome {
    const manifest = this.#manifest!;
    const settled: string[] = [];
    const outcome = capture(manifest, found, {
      put: (bytes) => {
        const id = this.#store.put(bytes);
        settled.push(id);
        return id;
      },
      putFile: (path) => {
        const id = this.#store.putFile(path);
        if (id !== undefined) settled.push(id);
        return id;
      },
    }, this.#scan);
    // What was taken without a change to show for it is known to the manifest alone.
    const shown = new Set(outcome.changes.flatMap(({ before, after }) => [before, after]).map((state) => (typeof state === "object" ? state.content : "")));
    this.#hold(settled.filter((id) => !shown.has(id)));
    return outcome;
  }

  #own(slots: readonly Slot[]): void {
    const manifest = this.#manifest!;
    for (const slot of slots) manifest.doubt(slot);
    const found: Found = { ...EMPTY, began: this.#scan.now(), look: [] };
    for (const slot of slots) found.look.push(...scanPath(manifest, manifest.pathOf(slot), this.#scan).look);
    const outcome = capture(manifest, found, { put: (bytes) => this.#holding(this.#store.put(bytes)), putFile: (path) => this.#holding(this.#store.putFile(path)) }, this.#scan, { own: true });
    if (outcome.changes.length > 0) this.#seal({ kind: "prompt", actor: { by: "outside" }, changes: outcome.changes, coverage: this.#coverage(outcome.skipped) });
  }

  #seal(checkpoint: Omit<NewCheckpoint, "tree" | "time">): Checkpoint | undefined {
    const sealed = this.#store.seal({ ...this.#onlyKept(checkpoint), tree: this.root, time: this.#options.clock() });
    if (sealed !== undefined) {
      this.#manifest!.seq = sealed.seq;
      this.#unsaved += 1;
    }
    return sealed;
  }

  /** Where the store has lost what stood there before, that is said, and everything else goes on. */
  #onlyKept<C extends Pick<NewCheckpoint, "changes" | "coverage">>(checkpoint: C): C {
    const lost = new Set(checkpoint.changes.filter(({ before }) => typeof before === "object" && !before.content.startsWith("git:") && !this.#store.has(before.content)));
    if (lost.size === 0) return checkpoint;
    const { skipped, more = 0, partial } = checkpoint.coverage;
    const all = this.#coverage([...[...lost].map(({ path }) => ({ path, reason: "what it was before is no longer in the store" })), ...skipped], partial);
    return { ...checkpoint, changes: checkpoint.changes.map((change) => (lost.has(change) ? { ...change, before: "unknown" as const } : change)), coverage: more === 0 ? all : { ...all, more: (all.more ?? 0) + more } };
  }

  #coverage(skipped: readonly { path: TreePath; reason: string }[], partial?: string): Coverage {
    return { skipped: skipped.slice(0, 100), ...(skipped.length > 100 ? { more: skipped.length - 100 } : {}), ...(partial === undefined ? {} : { partial }) };
  }

  /** The manifest as it is now, with what other processes have sealed. */
  #current(): Manifest {
    const newest = this.#store.newest(this.root);
    if (this.#manifest === undefined) this.#manifest = this.#fromDisk(newest) ?? this.#baseline();
    const manifest = this.#manifest;
    if (manifest.seq < newest) {
      for (const { path, after, stamp } of this.#store.changesAfter(this.root, manifest.seq)) {
        // Its folders' times need not tell of it, and the one who saw it was another.
        if (nameOf(path) === ".gitignore") manifest.doubtFolders();
        const slot = manifest.slotOf(path);
        if (after === "absent") {
          if (slot !== undefined) manifest.remove(slot);
          continue;
        }
        const at = slot ?? manifest.add(manifest.folderFor(path), path.slice(path.lastIndexOf("/") + 1));
        if (stamp !== undefined) manifest.restamp(at, stamp, after);
        else manifest.doubt(at);
      }
      manifest.seq = newest;
    }
    return manifest;
  }

  #fromDisk(newest: number): Manifest | undefined {
    let bytes: Buffer;
    try {
      bytes = readFileSync(this.#files.manifest);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
    const manifest = Manifest.decode(bytes);
    // One that knows more than the store is of another store.
    return manifest === undefined || manifest.seq > newest ? undefined : manifest;
  }

  #baseline(): Manifest {
    const manifest = new Manifest();
    this.#manifest = manifest;
    manifest.seq = this.#store.newest(this.root);
    const { found, left } = firstLook(manifest, this.#scan);
    const before = this.#latest();
    if (left > 0 || before.size > 0) {
      for (const path of before.keys()) {
        const slot = manifest.slotOf(path);
        if (slot !== undefined && manifest.contentOf(slot)?.startsWith("git:") === true) manifest.doubt(slot);
      }
      this.#settle(before.size > 0);
    }
    const missed: Captured[] = [];
    for (const [path, state] of before) {
      const slot = manifest.slotOf(path);
      const now = slot === undefined ? "absent" : manifest.stateOf(slot);
      if (!sameState(state, now) && !(state === "unknown" && now === "unknown")) missed.push({ path, before: state, after: now, ...(slot === undefined ? {} : { stamp: manifest.stampOf(slot) }) });
    }
    const skipped = [...manifest.reasons].map(([path, reason]) => ({ path, reason }));
    this.#store.write(() => {
      if (missed.length > 0) this.#seal({ kind: "prompt", actor: { by: "outside" }, changes: missed, coverage: { skipped: [] } });
      this.#seal({ kind: "baseline", actor: { by: "outside" }, changes: [], coverage: { ...this.#coverage(skipped), ...(found.blind.some(({ path }) => path === "") ? { partial: "the folder could not be read" } : {}) } });
    });
    this.#savedNow(true);
    return manifest;
  }

  /** Reads what the first look left to be read. */
  #settle(always: boolean): void {
    const manifest = this.#manifest!;
    let batch: Slot[] = [];
    const flush = (): void => {
      if (batch.length === 0) return;
      const found: Found = { ...EMPTY, began: manifest.scanned, look: [] };
      for (const slot of batch) found.look.push(...scanPath(manifest, manifest.pathOf(slot), this.#scan).look);
      this.#store.write(() => capture(manifest, found, { put: (bytes) => this.#store.put(bytes), putFile: (path) => this.#store.putFile(path) }, this.#scan, { own: always }));
      batch = [];
    };
    for (const slot of [...manifest.slots()].filter((each) => manifest.isPending(each))) {
      batch.push(slot);
      if (batch.length >= TOGETHER) flush();
    }
    flush();
  }

  /** What the last checkpoints say of every path they speak of. */
  #latest(): Map<TreePath, State> {
    const latest = new Map<TreePath, State>();
    for (const { path, after } of this.#store.changesAfter(this.root, 0)) latest.set(path, after);
    return latest;
  }

  #holding<Id extends string | undefined>(id: Id): Id {
    if (id !== undefined) this.#hold([id]);
    return id;
  }

  #hold(ids: readonly string[]): void {
    const fresh = ids.filter((id) => !this.#held.has(id));
    if (fresh.length === 0) return;
    appendFileSync(this.#files.held, fresh.map((id) => `${id} ${this.#options.pid}\n`).join(""), { mode: 0o600 });
    for (const id of fresh) this.#held.add(id);
  }

  /** How many checkpoints may come before the manifest is written down again: another process has to read them. */
  #savedNow(now: boolean): void {
    const manifest = this.#manifest;
    if (manifest === undefined || (!now && this.#unsaved < Math.max(100, manifest.files / 50))) return;
    writeWhole(this.#files.manifest, manifest.encode(), this.#options.pid);
    this.#letGo(manifest);
    this.#unsaved = 0;
  }

  #finish(always: boolean): void {
    finishInterrupted({ ...this.#options, always, restored: (actor, written) => this.restored(actor, written) });
  }

  /** Out of the file of contents goes what is written down by now, and what was of processes that are gone. The others' manifests are in their memory. */
  #letGo(manifest: Manifest): void {
    const [lines, own] = [readLines(this.#files.held), new Set(this.#held)];
    this.#held.clear();
    if (lines.length === 0) return;
    const named = contentsOf(manifest);
    const { pid, isAlive } = this.#options;
    const left = lines.filter((line) => {
      const [id, holder] = [heldId(line), Number(line.split(" ")[1])];
      return !named.has(id) && (holder === pid ? !own.has(id) : holder > 0 && isAlive(holder));
    });
    if (left.length === 0) rmSync(this.#files.held, { force: true });
    else if (left.length < lines.length) writeWhole(this.#files.held, Buffer.from(left.map((line) => `${line}\n`).join("")), pid);
  }

  #locking<T>(body: () => T): T {
    if (this.#locked > 0) return this.#within(body);
    takeLock(this.#files.lock, this.#options);
    try {
      return this.#keeping(() => {
        // Who found the tree free before the lock was taken is at work in a transaction: it is over once this one can begin.
        this.#store.write(() => undefined);
        return this.#within(() => {
          this.#finish(false);
          return body();
        });
      });
    } finally {
      letGo(this.#files.lock);
    }
  }

  #within<T>(body: () => T): T {
    this.#locked += 1;
    try {
      return body();
    } finally {
      this.#locked -= 1;
    }
  }

  /** What was taken before something broke may not have been kept: the manifest is read again from what is on disk. */
  #keeping<T>(body: () => T): T {
    try {
      return body();
    } catch (error) {
      if (!(error instanceof TidemarkError && error.kind === "user")) [this.#manifest, this.#listed] = [undefined, undefined];
      throw error;
    }
  }
}

/** Everything that was committed survives a power cut from here on, and says so. */
export function syncCheckpoints(store: CheckpointStore): void {
  const upTo = store.trees().reduce((most, tree) => Math.max(most, store.newest(tree)), 0);
  store.sync();
  store.setTier(upTo, 2);
}

/** What `needed` says, of a tree whose folder is not there now: from what is on disk, without a look. */
export function neededUnseen(home: string, root: string): Set<string> {
  const key = join(home, "trees", treeKey(root));
  // First, since it gets shorter once the manifest is written.
  const held = readLines(`${key}.held`);
  const manifest = existsSync(`${key}.manifest`) ? Manifest.decode(readFileSync(`${key}.manifest`)) : undefined;
  const all = manifest === undefined ? new Set<string>() : contentsOf(manifest);
  for (const line of held) all.add(heldId(line));
  return all;
}

function contentsOf(manifest: Manifest): Set<string> {
  const all = new Set<string>();
  for (const slot of manifest.slots()) {
    const content = manifest.contentOf(slot);
    if (content !== undefined) all.add(content);
  }
  return all;
}

/** Of a line of the file of contents: after it stands who holds it. */
function heldId(line: string): string {
  return line.split(" ")[0]!;
}

const EMPTY: Found = { began: 0n, whole: false, look: [], fresh: [], gone: [], blind: [] };

/** Whether what was asked for was said of this one's changes, and not of what others did at the same time. */
function isMeant(actor: Actor, { actor: wanted, call }: Asked): boolean {
  if (call !== undefined) return actor.by === "agent" && actor.calls.length === 1 && actor.calls[0]!.id === call && (actor.others ?? []).length === 0;
  return wanted === undefined ? actor.by === "outside" : actor === wanted;
}

function rest({ note, model, tokens, confidence }: Asked): Partial<NewCheckpoint> {
  return { ...(note === undefined ? {} : { note }), ...(model === undefined ? {} : { model }), ...(tokens === undefined ? {} : { tokens }), ...(confidence === undefined ? {} : { confidence }) };
}

function readLines(file: string): string[] {
  try {
    return readFileSync(file, "utf8").split("\n").filter((line) => line !== "");
  } catch {
    // Gone meanwhile, which is as good as empty.
    return [];
  }
}

function writeWhole(file: string, bytes: Buffer, pid: number): void {
  const part = `${file}.${pid}.part`;
  const handle = openSync(part, "w", 0o600);
  try {
    writeFileSync(handle, bytes);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  renameSync(part, file);
}
