/**
 * The store for checkpoints in memory: for tests, and as the second implementation that shows what the port says and
 * what SQLite merely does. What was sealed lives in the place, not in the handle, so a place can be opened again and by
 * several.
 *
 * Left out: durability, deltas, and speed (a transaction begins with a copy of everything but the bytes).
 */
import { lstatSync, readFileSync } from "node:fs";
import { TidemarkError } from "../../base/errors.ts";
import { sha256Hex } from "../../base/hash.ts";
import type { Checkpoint, ContentId, State, Tier } from "../../checkpoint/model.ts";
import type { CheckpointStore, NewCheckpoint, RunningCall, Usage } from "../checkpoints.ts";
import type { Problem } from "../problems.ts";
import { byPath, checkpointId, contentIdOf, gitHash, GRACE, isWorthSealing, mergeRun, ownHash, refused, versionOf, type Member, type Sealed } from "../sealing.ts";

interface Kept {
  readonly checkpoint: Checkpoint;
  readonly previous: string;
  /** A path of it was forgotten. */
  readonly altered?: boolean;
  readonly changes: readonly Sealed[];
}

interface Memory {
  /** `fresh`: the generation it was put in, 0 once a checkpoint named it. */
  readonly contents: Map<ContentId, { readonly bytes: Uint8Array; readonly fresh: number }>;
  readonly checkpoints: Map<number, Kept>;
  readonly calls: Map<string, ReadonlyMap<string, RunningCall>>;
  seq: number;
  generation: number;
  began: number | undefined;
  readonly reached: Map<Tier, number>;
}

export interface CheckpointPlace {
  /** Replaced by an earlier one where a transaction fails; what it holds is never changed in place. */
  memory: Memory;
}

export function newCheckpointPlace(): CheckpointPlace {
  return { memory: { contents: new Map(), checkpoints: new Map(), calls: new Map(), seq: 0, generation: 1, began: undefined, reached: new Map() } };
}

export function openInProcessCheckpointStore(place: CheckpointPlace = newCheckpointPlace()): CheckpointStore {
  return new InProcessCheckpointStore(place);
}

class InProcessCheckpointStore implements CheckpointStore {
  readonly #place: CheckpointPlace;
  #depth = 0;

  constructor(place: CheckpointPlace) {
    this.#place = place;
  }

  get #memory(): Memory {
    return this.#place.memory;
  }

  write<T>(body: () => T): T {
    const memory = this.#memory;
    const before = { ...memory, contents: new Map(memory.contents), checkpoints: new Map(memory.checkpoints), calls: new Map(memory.calls), reached: new Map(memory.reached) };
    this.#depth++;
    try {
      return body();
    } catch (error) {
      this.#place.memory = before;
      throw error;
    } finally {
      this.#depth--;
    }
  }

  put(bytes: Uint8Array): ContentId {
    const id = contentIdOf(sha256Hex(bytes));
    this.#memory.contents.set(id, { bytes: this.#memory.contents.get(id)?.bytes ?? Uint8Array.from(bytes), fresh: this.#memory.generation });
    return id;
  }

  putFile(path: string | Uint8Array): ContentId | undefined {
    const from = typeof path === "string" ? path : Buffer.from(path);
    const before = lstatSync(from, { bigint: true, throwIfNoEntry: false });
    if (before?.isFile() !== true) return undefined;
    const bytes = readFileSync(from);
    const after = lstatSync(from, { bigint: true, throwIfNoEntry: false });
    return after?.ctimeNs === before.ctimeNs && BigInt(bytes.length) === before.size && readFileSync(from).equals(bytes) ? this.put(bytes) : undefined;
  }

  content(id: ContentId): Uint8Array | undefined {
    const bytes = this.#memory.contents.get(id)?.bytes;
    if (bytes !== undefined && contentIdOf(sha256Hex(bytes)) !== id) throw new TidemarkError("OBJECT_DAMAGED", `The bytes of ${id} are damaged`);
    return bytes === undefined ? undefined : Uint8Array.from(bytes);
  }

  has(id: ContentId): boolean {
    return this.#memory.contents.has(id);
  }

  seal(added: NewCheckpoint): Checkpoint | undefined {
    if (!isWorthSealing(added)) return undefined;
    const { tree, time, kind, actor, coverage, changes, note, model, tokens, confidence } = structuredClone(added);
    if (new Set(changes.map(({ path }) => path)).size < changes.length) throw refused("a path stands twice in one checkpoint");
    for (const content of changes.flatMap(contentsOf)) if (gitHash(content) === undefined && !this.has(content)) throw refused(`${content} is named by a change and was not put into the store`);
    for (const content of changes.flatMap(contentsOf)) this.#settle(content);
    const previous = this.#ofTree(tree).at(-1)?.checkpoint.id ?? "";
    const checkpoint: Checkpoint = {
      seq: ++this.#memory.seq,
      id: checkpointId(previous, { time, kind, actor, changes }),
      tree,
      time,
      kind,
      actor,
      coverage,
      ...(note !== undefined && { note }),
      pinned: false,
      tier: 1,
      ...(model !== undefined && { model }),
      ...(tokens !== undefined && { tokens }),
      ...(confidence !== undefined && { confidence }),
    };
    this.#memory.checkpoints.set(checkpoint.seq, { checkpoint, previous, changes: changes.map(plain).sort(byPath) });
    return this.#shown(checkpoint);
  }

  trees(): string[] {
    return [...new Set(this.#all().map(({ checkpoint }) => checkpoint.tree))].sort();
  }

  checkpoints(tree: string): Checkpoint[] {
    return this.#ofTree(tree).map(({ checkpoint }) => this.#shown(checkpoint));
  }

  changes(seq: number): Sealed[] {
    return structuredClone([...(this.#memory.checkpoints.get(seq)?.changes ?? [])]);
  }

  changesAfter(tree: string, seq: number, path?: string): (Sealed & { readonly seq: number })[] {
    const later = this.#ofTree(tree).filter(({ checkpoint }) => checkpoint.seq > seq);
    return structuredClone(later.flatMap(({ checkpoint, changes }) => changes.filter((change) => path === undefined || change.path === path).map((change) => ({ ...change, seq: checkpoint.seq }))));
  }

  newest(tree: string): number {
    return this.#ofTree(tree).at(-1)?.checkpoint.seq ?? 0;
  }

  pin(seq: number, pinned: boolean): void {
    this.#alter(seq, (kept) => ({ ...kept, checkpoint: { ...kept.checkpoint, pinned } }));
  }

  setTier(upTo: number, tier: Tier): void {
    this.#memory.reached.set(tier, Math.max(upTo, this.#memory.reached.get(tier) ?? 0));
  }

  dropTier(tier: 3): void {
    this.#memory.reached.delete(tier);
  }

  sync(): void {}

  callBegan(tree: string, call: RunningCall): void {
    const calls = this.#memory.calls.get(tree) ?? new Map<string, RunningCall>();
    if (!calls.has(call.id)) this.#memory.calls.set(tree, new Map([...calls, [call.id, structuredClone(call)]]));
  }

  callEnded(tree: string, id: string, time: number, background: boolean, started?: number): void {
    const call = this.#memory.calls.get(tree)?.get(id);
    if (call === undefined) return;
    const { background: _, ...rest } = call;
    this.#memory.calls.set(tree, new Map([...this.#memory.calls.get(tree)!, [id, { ...rest, ended: time, ...(background && { background }), ...(started !== undefined && { started }) }]]));
  }

  calls(tree: string): RunningCall[] {
    return structuredClone([...(this.#memory.calls.get(tree)?.values() ?? [])]);
  }

  dropCalls(tree: string, before: number): void {
    const left = this.calls(tree).filter(({ ended, background }) => ended === undefined || ended >= before || background === true);
    this.#memory.calls.set(tree, new Map(left.map((call) => [call.id, call])));
  }

  merge(runs: readonly (readonly number[])[]): void {
    this.write(() => {
      for (const run of runs) if (run.length > 1) this.#merge(run);
    });
  }

  drop(seqs: readonly number[]): void {
    for (const seq of seqs) this.#memory.checkpoints.delete(seq);
  }

  forgetPath(tree: string, path: string): number {
    let altered = 0;
    const named = new Set<ContentId>();
    for (const { checkpoint, changes } of this.#ofTree(tree)) {
      const change = changes.find((each) => each.path === path);
      if (change === undefined || (change.before === "unknown" && change.after === "unknown")) continue;
      for (const content of contentsOf(change)) named.add(content);
      this.#alter(checkpoint.seq, (kept) => ({ ...kept, altered: true, changes: kept.changes.map((each) => (each === change ? { path, before: "unknown", after: "unknown" } : each)) }));
      altered++;
    }
    const used = this.#used();
    for (const content of named) if (!used.has(content)) this.#memory.contents.delete(content);
    return altered;
  }

  collect(keep: ReadonlySet<ContentId>, { clock }: { readonly clock: () => number; readonly ms: number }): { dropped: number; packed: number; done: boolean } {
    if (this.#depth > 0) throw refused("collecting is many transactions and cannot be part of one");
    const memory = this.#memory;
    if (memory.began === undefined || clock() - memory.began >= GRACE) {
      if (memory.began !== undefined) memory.generation++;
      memory.began = clock();
    }
    const used = this.#used();
    let dropped = 0;
    for (const [id, { fresh }] of memory.contents) {
      if (used.has(id) || keep.has(id) || (fresh !== 0 && fresh + 2 > memory.generation)) continue;
      memory.contents.delete(id);
      dropped++;
    }
    return { dropped, packed: 0, done: true };
  }

  pack(): boolean {
    return false;
  }

  usage(): Usage {
    const bytes = [...this.#memory.contents.values()].reduce((sum, content) => sum + content.bytes.length, 0);
    return { bytes, contents: this.#memory.contents.size, checkpoints: this.#memory.checkpoints.size };
  }

  check(): Problem[] {
    const problems: Problem[] = [];
    for (const [id, { bytes }] of this.#memory.contents) {
      if (contentIdOf(sha256Hex(bytes)) !== id) problems.push({ code: "OBJECT_CHANGED", where: `content ${ownHash(id)!.slice(0, 12)}`, message: "The bytes do not have the hash they are filed under" });
    }
    for (const { checkpoint, previous, altered, changes } of this.#all()) {
      const where = `checkpoint ${checkpoint.seq}`;
      for (const content of changes.flatMap(contentsOf)) if (gitHash(content) === undefined && !this.has(content)) problems.push({ code: "OBJECT_MISSING", where, message: `${content} is gone` });
      if (checkpoint.compacted !== true && altered !== true && checkpointId(previous, { ...checkpoint, changes }) !== checkpoint.id) problems.push({ code: "CHECKPOINT_CHANGED", where, message: "Its id does not follow from what it says" });
    }
    return problems;
  }

  close(): void {}

  #all(): Kept[] {
    return [...this.#memory.checkpoints.values()];
  }

  #ofTree(tree: string): Kept[] {
    return this.#all().filter(({ checkpoint }) => checkpoint.tree === tree);
  }

  #used(): Set<ContentId> {
    return new Set(this.#all().flatMap(({ changes }) => changes.flatMap(contentsOf)));
  }

  #settle(id: ContentId): void {
    const content = this.#memory.contents.get(id);
    if (content !== undefined) this.#memory.contents.set(id, { ...content, fresh: 0 });
  }

  #alter(seq: number, change: (kept: Kept) => Kept): void {
    const kept = this.#memory.checkpoints.get(seq);
    if (kept !== undefined) this.#memory.checkpoints.set(seq, change(kept));
  }

  #merge(run: readonly number[]): void {
    const members: Member[] = run.map((seq) => {
      const kept = this.#memory.checkpoints.get(seq);
      if (kept === undefined) throw refused(`there is no checkpoint ${seq} to merge`);
      return kept;
    });
    const { changes, ...said } = mergeRun(members);
    const last = members.at(-1)!.checkpoint;
    const between = this.#ofTree(last.tree).find(
      ({ checkpoint: { seq }, changes: theirs }) =>
        seq < last.seq && !run.includes(seq) && members.some((member) => member.checkpoint.seq < seq && member.changes.some(({ path }) => theirs.some((each) => each.path === path))),
    );
    if (between !== undefined) throw refused(`checkpoint ${between.checkpoint.seq} changed a path between two that were to be merged`);
    this.drop(run.slice(0, -1));
    this.#alter(last.seq, (kept) => ({ ...kept, checkpoint: { ...last, ...said, compacted: true }, changes: changes.sort(byPath) }));
  }

  #shown(checkpoint: Checkpoint): Checkpoint {
    const { reached } = this.#memory;
    const { seq } = checkpoint;
    return { ...structuredClone(checkpoint), tier: seq <= (reached.get(3) ?? 0) ? 3 : seq <= (reached.get(2) ?? 0) ? 2 : 1 };
  }
}

function contentsOf({ before, after }: { readonly before: State; readonly after: State }): ContentId[] {
  return [before, after].flatMap((state) => versionOf(state)?.content ?? []);
}

function plain({ path, before, after, stamp }: Sealed): Sealed {
  return { path, before, after, ...(stamp !== undefined && { stamp }) };
}
