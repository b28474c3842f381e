/**
 * What every store for checkpoints must do, in the five sentences of its port: order, atomicity, repetition, absence,
 * lifetime. Each test works on a place that can be opened again and by several handles at once.
 *
 * Left out: damage, sizes and what stands in files, which only a store on disk can get wrong.
 */
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Actor, Change, Checkpoint, ContentId, State, Version } from "../checkpoint/model.ts";
import type { CheckpointStore, NewCheckpoint, RunningCall, Stamp } from "./checkpoints.ts";

export interface CheckpointPlace {
  open(): CheckpointStore;
  remove(): void;
}

type Open = () => CheckpointStore;
type Check = (title: string, body: (open: Open) => void) => void;

export const HOUR = 3_600_000;
const NOW = 1_700_000_000_000;
const TREE = "/work/app";

export function agent(calls: string[] = ["call-1"], more: Partial<Actor & { by: "agent" }> = {}): Actor {
  return { by: "agent", agent: "claude-code", session: "session-1", turn: "turn-1", calls: calls.map((id) => ({ id, tool: "Edit" })), ...more };
}

export function file(store: CheckpointStore, text: string | Uint8Array, mode = 0o644): Version {
  const bytes = Buffer.from(text);
  return { type: "file", mode, size: bytes.length, content: store.put(bytes) };
}

export function sealing(changes: NewCheckpoint["changes"], more: Partial<NewCheckpoint> = {}): NewCheckpoint {
  return { tree: TREE, time: NOW, kind: "call", actor: agent(), coverage: { skipped: [] }, changes, ...more };
}

export function seal(store: CheckpointStore, changes: NewCheckpoint["changes"], more: Partial<NewCheckpoint> = {}): Checkpoint {
  return store.seal(sealing(changes, more))!;
}

export function collectAll(store: CheckpointStore, keep: readonly ContentId[] = [], now = NOW): { dropped: number; packed: number } {
  const sum = { dropped: 0, packed: 0 };
  for (let round = 0; round < 1000; round++) {
    const { dropped, packed, done } = store.collect(new Set(keep), { clock: () => now, ms: 0 });
    sum.dropped += dropped;
    sum.packed += packed;
    if (done) return sum;
  }
  throw new Error("collecting never ends");
}

/** One file through these texts, a checkpoint for each. */
export function edits(store: CheckpointStore, path: string, texts: readonly string[], more: Partial<NewCheckpoint> = {}): Checkpoint[] {
  let before: State = "absent";
  return texts.map((text, i) => {
    const after = file(store, text);
    const sealed = seal(store, [{ path, before, after }], { time: NOW + i, actor: agent([`call-${i}`]), ...more });
    before = after;
    return sealed;
  });
}

export function textOf(store: CheckpointStore, state: State | undefined): string | undefined {
  const bytes = typeof state === "object" ? store.content(state.content) : undefined;
  return bytes === undefined ? undefined : Buffer.from(bytes).toString("utf8");
}

const stamp = (n: bigint, ctime = n): Stamp => ({ mtime: 1_700_000_000_123_456_789n + n, ctime: 1_700_000_000_123_456_789n + ctime, inode: 2n ** 63n + n });
const seqs = (all: readonly { readonly seq: number }[]): number[] => all.map(({ seq }) => seq);
const paths = (all: readonly Change[]): string[] => all.map(({ path }) => path);
const call = (id: string, more: Partial<RunningCall> = {}): RunningCall => ({ id, tool: "Bash", session: "session-1", agent: "claude-code", started: NOW, ...more });

export function describeCheckpointStore(name: string, makePlace: () => CheckpointPlace): void {
  describe(`${name} as store for checkpoints`, () => {
    const check: Check = (title, body) =>
      test(title, () => {
        const place = makePlace();
        const handles: CheckpointStore[] = [];
        try {
          body(() => {
            const store = place.open();
            handles.push(store);
            return store;
          });
        } finally {
          for (const store of handles) store.close();
          place.remove();
        }
      });
    order(check);
    atomicity(check);
    repetition(check);
    absence(check);
    lifetime(check);
    sealed(check);
    files(check);
    calls(check);
    merging(check);
    forgetting(check);
    collecting(check);
  });
}

function order(check: Check): void {
  check("checkpoints of a tree stand in the order of sealing, whatever the clocks say", (open) => {
    const [a, b] = [open(), open()];
    const one = seal(a, [{ path: "x", before: "absent", after: file(a, "1") }], { time: NOW + 9000 });
    const other = seal(b, [{ path: "x", before: "absent", after: file(b, "1") }], { tree: "/work/other" });
    const two = seal(b, [{ path: "x", before: file(b, "1"), after: file(b, "2") }], { time: -5 });
    expect(seqs([one, other, two])).toEqual([...seqs([one, other, two])].sort((x, y) => x - y));
    const store = open();
    expect(store.checkpoints(TREE)).toEqual([one, two]);
    expect(store.newest(TREE)).toBe(two.seq);
    expect(store.trees()).toEqual([TREE, "/work/other"]);
    expect(two.time).toBe(-5);
  });

  check("a place is not given twice, also after the newest was dropped", (open) => {
    const store = open();
    const [one, two] = edits(store, "x", ["1", "2"]);
    store.drop([two!.seq]);
    expect(store.newest(TREE)).toBe(one!.seq);
    expect(seal(open(), [], { kind: "manual" }).seq).toBeGreaterThan(two!.seq);
  });

  check("changes stand by path, and those after a checkpoint by their checkpoint too", (open) => {
    const store = open();
    const text = file(store, "text");
    const first = seal(store, ["b", "a/z", "a", "é", "B"].map((path) => ({ path, before: "absent" as const, after: text })));
    const second = seal(store, ["b", "a"].map((path) => ({ path, before: text, after: "absent" as const })));
    expect(paths(open().changes(first.seq))).toEqual(["B", "a", "a/z", "b", "é"]);
    expect(store.changesAfter(TREE, 0).map(({ seq, path }) => [seq, path])).toEqual([...["B", "a", "a/z", "b", "é"].map((path) => [first.seq, path]), [second.seq, "a"], [second.seq, "b"]]);
    expect(paths(store.changesAfter(TREE, first.seq))).toEqual(["a", "b"]);
    expect(seqs(store.changesAfter(TREE, 0, "a"))).toEqual([first.seq, second.seq]);
    expect(seqs(store.changesAfter(TREE, first.seq, "a"))).toEqual([second.seq]);
  });

  check("an id follows from what is before it and from what changed", (open) => {
    const [here, there] = [open(), open()];
    const ids = edits(here, "x", ["1", "2", "1", "2"]).map(({ id }) => id);
    const elsewhere = edits(there, "x", ["1", "2", "1", "2"], { tree: "/work/other" }).map(({ id }) => id);
    expect(new Set(ids).size).toBe(4);
    expect(elsewhere).toEqual(ids);
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{16}$/);
    expect(here.check()).toEqual([]);
  });
}

function atomicity(check: Check): void {
  check("a throw rolls back everything", (open) => {
    const store = open();
    edits(store, "x", ["1"]);
    const before = { ...store.usage(), bytes: 0 };
    const error = new Error("the caller's own");
    const attempt = (): void =>
      store.write(() => {
        seal(store, [{ path: "y", before: "absent", after: file(store, "2") }]);
        file(store, "x".repeat(1 << 20));
        seal(store, [], { kind: "manual", tree: "/work/other" });
        store.callBegan(TREE, call("a"));
        store.pin(1, true);
        store.setTier(1, 3);
        store.forgetPath(TREE, "x");
        throw error;
      });
    expect(attempt).toThrow(error);
    for (const handle of [store, open()]) {
      expect({ ...handle.usage(), bytes: 0 }).toEqual(before);
      expect(handle.trees()).toEqual([TREE]);
      expect(handle.calls(TREE)).toEqual([]);
      expect(handle.checkpoints(TREE)).toMatchObject([{ pinned: false, tier: 1 }]);
      expect(textOf(handle, handle.changes(1)[0]?.after)).toBe("1");
      expect(handle.check()).toEqual([]);
    }
    edits(store, "z", ["3"]);
    expect(open().checkpoints(TREE)).toHaveLength(2);
  });

  check("a part that fails takes back only itself", (open) => {
    const store = open();
    const answer = store.write(() => {
      edits(store, "x", ["1"]);
      expect(() => store.write(() => [edits(store, "y", ["2"]), seal(store, [{ path: "z", before: "absent", after: { type: "file", mode: 0, size: 1, content: `sha256:${"0".repeat(64)}` } }])])).toThrow("was not put");
      store.write(() => edits(store, "z", ["3"]));
      return "the body's value";
    });
    expect(answer).toBe("the body's value");
    expect(paths(open().changesAfter(TREE, 0))).toEqual(["x", "z"]);
  });

  check("a checkpoint that refers to bytes that are not there is refused whole", (open) => {
    const store = open();
    const missing: Version = { type: "file", mode: 0o644, size: 3, content: `sha256:${"ab".repeat(32)}` };
    for (const change of [{ before: missing, after: "absent" }, { before: "absent", after: missing }] as const) {
      expect(() => seal(store, [{ path: "a", before: "absent", after: file(store, "there") }, { path: "b", ...change }])).toThrow(expect.objectContaining({ kind: "internal" }));
    }
    for (const content of ["", "sha256:", "sha256:xyz", "git:12", "md5:00"]) expect(() => seal(store, [{ path: "b", before: "absent", after: { ...missing, content } }]), content).toThrow("no");
    expect(() => seal(store, [{ path: "a", before: "absent", after: "unknown" }, { path: "a", before: "unknown", after: "absent" }])).toThrow();
    for (const handle of [store, open()]) expect([handle.trees(), handle.changesAfter(TREE, 0), handle.newest(TREE)]).toEqual([[], [], 0]);
  });

  check("several runs are merged together or not at all", (open) => {
    const store = open();
    const all = edits(store, "x", ["1", "2", "3"]);
    expect(() => store.merge([seqs(all.slice(0, 2)), [all[2]!.seq, 99]])).toThrow("no checkpoint 99");
    expect(open().checkpoints(TREE)).toEqual(all);
  });
}

function repetition(check: Check): void {
  check("putting bytes again changes nothing, whatever their size", (open) => {
    const [store, other] = [open(), open()];
    for (const bytes of [Buffer.alloc(0), Buffer.from("text"), Buffer.alloc(1 << 20, "large"), Buffer.alloc((1 << 20) - 1)]) {
      const id = store.put(bytes);
      const { contents } = store.usage();
      expect([store.put(Uint8Array.from(bytes)), other.put(bytes), other.usage().contents]).toEqual([id, id, contents]);
      expect(Buffer.from(other.content(id)!).equals(bytes)).toBe(true);
      expect(store.has(id)).toBe(true);
    }
    expect(store.put(Buffer.from("abc"))).toBe("sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  });

  check("what was put stays what it was when the caller changes its buffer", (open) => {
    const store = open();
    const bytes = Buffer.from("as it was");
    const id = store.put(bytes);
    bytes.fill("x");
    store.content(id)!.fill(0);
    expect(Buffer.from(open().content(id)!).toString()).toBe("as it was");
  });

  check("a call that began again or never began changes nothing", (open) => {
    const store = open();
    store.callBegan(TREE, call("a"));
    store.callEnded(TREE, "a", NOW + 5, false);
    store.callBegan(TREE, call("a", { started: NOW + 9 }));
    store.callEnded(TREE, "never", NOW, false);
    expect(open().calls(TREE)).toEqual([{ ...call("a"), ended: NOW + 5 }]);
  });

  check("pins, tiers, drops and forgetting may be repeated", (open) => {
    const store = open();
    const [one, two] = edits(store, "x", ["1", "2"]);
    for (let i = 0; i < 2; i++) {
      store.pin(one!.seq, true);
      store.setTier(one!.seq, 3);
      store.setTier(two!.seq, 2);
      // What is further stays further.
      store.setTier(two!.seq, 1);
      store.setTier(0, 3);
    }
    expect(open().checkpoints(TREE)).toMatchObject([{ pinned: true, tier: 3 }, { pinned: false, tier: 2 }]);
    store.dropTier(3);
    store.dropTier(3);
    expect(open().checkpoints(TREE)).toMatchObject([{ tier: 2 }, { tier: 2 }]);
    store.setTier(one!.seq, 3);
    expect(open().checkpoints(TREE)).toMatchObject([{ tier: 3 }, { tier: 2 }]);
    expect([store.forgetPath(TREE, "x"), store.forgetPath(TREE, "x")]).toEqual([2, 0]);
    store.pin(one!.seq, false);
    store.drop([two!.seq, two!.seq]);
    store.drop([two!.seq]);
    expect(open().checkpoints(TREE)).toMatchObject([{ pinned: false }]);
    store.sync();
    store.sync();
  });
}

function absence(check: Check): void {
  check("an empty store answers every question with nothing", (open) => {
    const store = open();
    expect([store.trees(), store.checkpoints(TREE), store.changes(1), store.changesAfter(TREE, 0), store.calls(TREE), store.check()]).toEqual([[], [], [], [], [], []]);
    expect(store.newest(TREE)).toBe(0);
    expect(store.usage()).toMatchObject({ contents: 0, checkpoints: 0 });
    expect(collectAll(store)).toEqual({ dropped: 0, packed: 0 });
    store.sync();
  });

  check("unknown ids, trees and paths give nothing, not an error", (open) => {
    const store = open();
    edits(store, "x", ["1"]);
    for (const id of [`sha256:${"0".repeat(64)}`, `git:${"0".repeat(40)}`, "", "nonsense"]) expect([store.content(id), store.has(id)], id).toEqual([undefined, false]);
    expect(store.changesAfter(TREE, 0, "unknown")).toEqual([]);
    expect(store.changesAfter("unknown", 0, "x")).toEqual([]);
    expect(store.changesAfter(TREE, 99)).toEqual([]);
    expect(store.forgetPath(TREE, "unknown")).toBe(0);
    expect(store.forgetPath("unknown", "x")).toBe(0);
    store.pin(99, true);
    store.drop([99]);
    store.merge([[], [99]]);
    store.dropCalls("unknown", NOW);
    expect(store.checkpoints(TREE)).toHaveLength(1);
    expect(store.trees()).toEqual([TREE]);
  });

  check("where nothing changed there is no checkpoint, unless it stands for itself or may lack something", (open) => {
    const store = open();
    for (const kind of ["prompt", "call", "turn", "forced", "restore"] as const) expect(store.seal(sealing([], { kind })), kind).toBeUndefined();
    expect(open().checkpoints(TREE)).toEqual([]);
    for (const more of [{ kind: "baseline" }, { kind: "manual" }, { kind: "turn", coverage: { skipped: [], partial: "out of time" } }] as const) expect(store.seal(sealing([], more)), more.kind).toBeDefined();
    expect(open().checkpoints(TREE)).toHaveLength(3);
  });
}

function lifetime(check: Check): void {
  check("what was sealed is there after reopening, field for field", (open) => {
    const first = open();
    const odd = "na\udce4me/\udcff";
    const sealed = [
      seal(first, [], { kind: "baseline", actor: { by: "outside" }, coverage: { skipped: [{ path: odd, reason: "larger than 50 MiB" }], more: 3, partial: "out of time" } }),
      seal(first, [{ path: odd, before: { type: "file", mode: 0o644, size: 12, content: `git:${"0123456789abcdef".repeat(4)}` }, after: { ...file(first, "target", 0), type: "link" } }], {
        kind: "restore",
        actor: { by: "restore", verb: "undo", undoes: ["call-1"], session: "s" },
        note: "Grüße",
        model: "m",
        tokens: 12,
        confidence: 0.5,
      }),
      seal(first, [{ path: "set", before: file(first, "", 0o7777), after: "unknown", stamp: stamp(1n) }], { kind: "prompt", actor: { by: "outside", maybe: [{ session: "s", call: "c" }] } }),
      seal(first, [{ path: "x\0y", before: "absent", after: { type: "file", mode: 0o755, size: 2 ** 38, content: `git:${"ab".repeat(20)}` }, stamp: stamp(2n, 3n) }], {
        actor: agent(["a", "b"], { others: [{ session: "s2", call: "c2" }] }),
      }),
    ];
    const changes = sealed.map(({ seq }) => first.changes(seq));
    first.close();
    const second = open();
    expect(second.checkpoints(TREE)).toEqual(sealed);
    expect(sealed.map(({ seq }) => second.changes(seq))).toEqual(changes);
    expect(sealed[0]).toMatchObject({ kind: "baseline", actor: { by: "outside" }, coverage: { more: 3, partial: "out of time", skipped: [{ path: odd }] }, tier: 1, pinned: false });
    expect(sealed[1]).toMatchObject({ note: "Grüße", model: "m", tokens: 12, confidence: 0.5, actor: { by: "restore", verb: "undo", undoes: ["call-1"], session: "s" } });
    expect(changes[1]).toMatchObject([{ path: odd, before: { size: 12, content: `git:${"0123456789abcdef".repeat(4)}` }, after: { type: "link", mode: 0, size: 6 } }]);
    expect(changes[2]).toEqual([{ path: "set", before: { type: "file", mode: 0o7777, size: 0, content: expect.any(String) }, after: "unknown", stamp: stamp(1n) }]);
    expect(changes[3]).toMatchObject([{ path: "x\0y", after: { size: 2 ** 38, mode: 0o755 }, stamp: stamp(2n, 3n) }]);
    expect(second.check()).toEqual([]);
    expect(second.forgetPath(TREE, odd)).toBe(1);
  });

  check("names that differ only in a byte that is no text are two", (open) => {
    const store = open();
    const names = ["a\udc80", "a\udc81", "a�", "\udcff"];
    for (const name of names) edits(store, name, [name], { tree: name });
    expect(open().trees()).toEqual([...names].sort());
    for (const name of names) expect(paths(store.changesAfter(name, 0, name))).toEqual([name]);
  });

  check("two handles seal in turn and both see everything", (open) => {
    const handles = [open(), open()];
    let before: State = "absent";
    for (let i = 0; i < 20; i++) {
      const store = handles[i % 2]!;
      const after = file(store, `version ${i}`);
      seal(store, [{ path: "x", before, after }]);
      before = after;
    }
    for (const store of [...handles, open()]) {
      expect(store.changesAfter(TREE, 0, "x").map(({ after }) => textOf(store, after))).toEqual(Array.from({ length: 20 }, (_, i) => `version ${i}`));
      expect(store.check()).toEqual([]);
    }
  });

  check("closing twice is harmless and leaves other handles at work", (open) => {
    const [a, b] = [open(), open()];
    edits(a, "x", ["1"]);
    a.close();
    a.close();
    edits(b, "y", ["2"]);
    b.sync();
    b.close();
    expect(paths(open().changesAfter(TREE, 0))).toEqual(["x", "y"]);
  });
}

function sealed(check: Check): void {
  check("one checkpoint with thousands of changes is no problem", (open) => {
    const store = open();
    const text = file(store, "the same everywhere");
    const { seq } = seal(store, Array.from({ length: 3000 }, (_, i) => ({ path: `f/${String(i).padStart(4, "0")}`, before: "absent" as const, after: text })));
    expect(paths(open().changes(seq))).toEqual(Array.from({ length: 3000 }, (_, i) => `f/${String(i).padStart(4, "0")}`));
  });

  check("what is kept does not follow later changes of the caller's values", (open) => {
    const store = open();
    const undoes = ["a"];
    const given = sealing([], { kind: "manual", actor: { by: "restore", verb: "redo", undoes } });
    const answer = store.seal(given)!;
    undoes.push("b");
    expect(answer.actor).toMatchObject({ undoes: ["a"] });
    expect(open().checkpoints(TREE)[0]?.actor).toMatchObject({ undoes: ["a"] });
  });
}

function files(check: Check): void {
  check("a file is put as its bytes are, small or large", (open) => {
    const folder = mkdtempSync(join(tmpdir(), "tidemark-put-"));
    try {
      const store = open();
      for (const bytes of [Buffer.alloc(0), Buffer.from("small"), Buffer.alloc(3 << 20, "large")]) {
        const path = join(folder, "file");
        writeFileSync(path, bytes, { mode: 0o400 });
        expect(store.putFile(path)).toBe(store.put(bytes));
        expect(store.putFile(Buffer.from(path))).toBe(store.put(bytes));
        expect(Buffer.from(open().content(store.putFile(path)!)!).equals(bytes)).toBe(true);
        rmSync(path);
      }
      expect(store.usage().contents).toBe(3);
      symlinkSync("nowhere", join(folder, "link"));
      for (const name of ["gone", "gone/below", "link", "."]) expect(store.putFile(join(folder, name)), name).toBeUndefined();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
}

function calls(check: Check): void {
  check("a call is there from its start until it is over and dropped", (open) => {
    const store = open();
    store.callBegan(TREE, call("shell", { turn: "t", thread: "sub" }));
    store.callBegan(TREE, call("edit", { tool: "Edit", path: "a\udc80" }));
    store.callBegan(TREE, call("runs on"));
    store.callBegan("/work/other", call("shell"));
    store.callEnded(TREE, "edit", NOW + 10, false);
    store.callEnded(TREE, "runs on", NOW + 10, true);
    const left = [call("shell", { turn: "t", thread: "sub" }), { ...call("runs on"), ended: NOW + 10, background: true }];
    expect(open().calls(TREE)).toEqual([left[0], { ...call("edit", { tool: "Edit", path: "a\udc80" }), ended: NOW + 10 }, left[1]]);
    store.dropCalls(TREE, NOW + 10);
    expect(store.calls(TREE)).toHaveLength(3);
    store.dropCalls(TREE, NOW + 11);
    expect(open().calls(TREE)).toEqual(left);
    store.callEnded(TREE, "runs on", NOW + 20, false);
    store.dropCalls(TREE, NOW + 21);
    expect(open().calls(TREE)).toEqual([left[0]]);
    expect(store.calls("/work/other")).toEqual([call("shell")]);
  });
}

function merging(check: Check): void {
  check("a run becomes its last: first before, last after, and what cancels out goes", (open) => {
    const store = open();
    const [a, b, c, d] = ["a", "b", "c", "d"].map((text) => file(store, text)) as [Version, Version, Version, Version];
    const outside = seal(store, [{ path: "kept", before: "absent", after: a }], { kind: "prompt", actor: { by: "outside" } });
    const run = [
      seal(store, [{ path: "x", before: a, after: b, stamp: stamp(1n) }, { path: "there and back", before: a, after: b }, { path: "new", before: "absent", after: a }], { actor: agent(["1"], { others: [{ session: "s2", call: "o" }] }), coverage: { skipped: [{ path: "big", reason: "size" }], partial: "late" } }),
      seal(store, [{ path: "x", before: b, after: c, stamp: stamp(2n) }, { path: "there and back", before: b, after: a }, { path: "odd", before: "unknown", after: a }], { actor: agent(["2"]) }),
      seal(store, [{ path: "x", before: c, after: d, stamp: stamp(3n) }, { path: "new", before: a, after: { ...a, mode: 0o755 } }, { path: "odd", before: a, after: "unknown" }], { kind: "turn", actor: agent(["2", "3"], { others: [{ session: "s2", call: "o" }] }), note: "n" }),
    ];
    const later = seal(store, [{ path: "x", before: d, after: "absent" }]);
    store.merge([seqs(run)]);
    for (const handle of [store, open()]) {
      expect(handle.checkpoints(TREE)).toEqual([
        outside,
        { ...run[2], compacted: true, actor: agent(["1", "2", "3"], { others: [{ session: "s2", call: "o" }] }), coverage: { skipped: [{ path: "big", reason: "size" }] } },
        later,
      ]);
      expect(handle.changes(run[2]!.seq)).toEqual([
        { path: "new", before: "absent", after: { ...a, mode: 0o755 } },
        { path: "odd", before: "unknown", after: "unknown" },
        { path: "x", before: a, after: d, stamp: stamp(3n) },
      ]);
      expect(handle.check()).toEqual([]);
    }
  });

  check("a run that cancels out altogether stays as an empty checkpoint", (open) => {
    const store = open();
    const [a, b] = [file(store, "a"), file(store, "b")];
    const run = [seal(store, [{ path: "x", before: a, after: b }]), seal(store, [{ path: "x", before: b, after: a }])];
    store.merge([seqs(run), [run[1]!.seq]]);
    expect(open().checkpoints(TREE)).toEqual([{ ...run[1], compacted: true }]);
    expect(store.changesAfter(TREE, 0)).toEqual([]);
  });

  check("what would not be true of all is refused, and nothing is merged", (open) => {
    const store = open();
    const one = edits(store, "x", ["1"])[0]!;
    const two = (more: Partial<NewCheckpoint>): number[] => [one.seq, seal(store, [{ path: "y", before: "absent", after: "unknown" }], more).seq];
    for (const actor of [agent(["2"], { session: "session-2" }), agent(["2"], { turn: "turn-2" }), agent(["2"], { agent: "codex" }), { by: "outside" } as const]) expect(() => store.merge([two({ actor })])).toThrow("one turn");
    expect(() => store.merge([two({ tree: "/work/other" })])).toThrow("one tree");
    expect(() => store.merge([two({}).reverse()])).toThrow("in order");
    expect(() => store.merge([[one.seq, one.seq]])).toThrow("in order");
    const first = seal(store, [{ path: "z", before: "absent", after: "unknown" }]);
    seal(store, [{ path: "z", before: "unknown", after: "absent" }], { actor: agent(["9"], { session: "session-2" }) });
    const third = seal(store, [{ path: "z", before: "absent", after: "unknown" }]);
    expect(() => store.merge([[first.seq, third.seq]])).toThrow("changed a path between");
    store.pin(first.seq, true);
    expect(() => store.merge([[first.seq, third.seq]])).toThrow("pinned");
    expect(open().checkpoints(TREE).filter(({ compacted }) => compacted)).toEqual([]);
    // On other paths others may stand between.
    store.merge([[one.seq, third.seq]]);
    expect(open().changes(third.seq).map(({ path }) => path)).toEqual(["x", "z"]);
  });
}

function forgetting(check: Check): void {
  check("a forgotten path is unknown wherever it stood, and its bytes are gone at once", (open) => {
    const store = open();
    const shared = file(store, "also elsewhere");
    const large = file(store, Buffer.alloc(1 << 20, "secret"));
    const all = edits(store, "secret", ["first secret", "second secret"]);
    const last = seal(store, [{ path: "secret", before: store.changes(all[1]!.seq)[0]!.after, after: large, stamp: stamp(1n) }, { path: "public", before: "absent", after: shared }]);
    seal(store, [{ path: "secret", before: large, after: shared }], { kind: "turn" });
    seal(store, [{ path: "secret", before: "absent", after: shared }], { tree: "/work/other" });
    const contents = store.changesAfter(TREE, 0, "secret").flatMap(({ after }) => (typeof after === "object" && after.content !== shared.content ? [after.content] : []));
    expect(contents).toHaveLength(3);
    expect(open().forgetPath(TREE, "secret")).toBe(4);
    for (const handle of [store, open()]) {
      expect(handle.changesAfter(TREE, 0, "secret")).toMatchObject(Array.from({ length: 4 }, () => ({ before: "unknown", after: "unknown" })));
      expect(handle.changes(last.seq)).toEqual([{ path: "public", before: "absent", after: shared }, { path: "secret", before: "unknown", after: "unknown" }]);
      for (const id of contents) expect([handle.has(id), handle.content(id)]).toEqual([false, undefined]);
      expect(textOf(handle, shared)).toBe("also elsewhere");
      expect(paths(handle.changesAfter("/work/other", 0))).toEqual(["secret"]);
      expect(handle.changesAfter("/work/other", 0)).toMatchObject([{ after: shared }]);
      expect(handle.check()).toEqual([]);
    }
    expect(textOf(store, file(store, "first secret"))).toBe("first secret");
  });
}

function collecting(check: Check): void {
  check("what no change and no keeper names goes, the rest stays", (open) => {
    const store = open();
    const all = edits(store, "x", ["1", "2", "3", "L".repeat(1 << 20)]);
    const contents = store.changesAfter(TREE, 0).flatMap(({ after }) => (typeof after === "object" ? [after.content] : []));
    store.drop([all[0]!.seq, all[1]!.seq, all[3]!.seq]);
    expect(collectAll(open(), [contents[0]!, `git:${"0".repeat(40)}`, `sha256:${"0".repeat(64)}`])).toMatchObject({ dropped: 1 });
    expect(contents.map((id) => store.has(id))).toEqual([true, true, true, false]);
    expect(collectAll(store)).toMatchObject({ dropped: 1 });
    expect(contents.map((id) => open().has(id))).toEqual([false, true, true, false]);
    expect(store.check()).toEqual([]);
    expect(store.usage()).toMatchObject({ contents: 2, checkpoints: 1 });
  });

  check("what was put and not yet sealed is left alone for an hour at least, for another process may be about to", (open) => {
    const [capturing, collector] = [open(), open()];
    const [small, large] = [file(capturing, "small"), file(capturing, Buffer.alloc(1 << 20))];
    expect(collectAll(collector)).toMatchObject({ dropped: 0 });
    expect(collectAll(collector, [], NOW + HOUR - 1)).toMatchObject({ dropped: 0 });
    const sealed = seal(capturing, [{ path: "a", before: "absent", after: small }, { path: "b", before: "absent", after: large }]);
    capturing.drop([sealed.seq]);
    // Put once more, for another checkpoint.
    file(capturing, "small");
    expect(collectAll(collector, [], NOW + HOUR)).toMatchObject({ dropped: 1 });
    expect([collector.has(small.content), collector.has(large.content)]).toEqual([true, false]);
    expect(collectAll(collector, [], NOW + 2 * HOUR - 1)).toMatchObject({ dropped: 0 });
    expect(collectAll(collector, [], NOW + 2 * HOUR)).toMatchObject({ dropped: 1 });
    // Whoever keeps it is not the only one who may need it: another process has put it as well, and seals it later.
    const kept = file(capturing, "kept");
    expect(collectAll(collector, [kept.content], NOW + 2 * HOUR)).toMatchObject({ dropped: 0 });
    expect(collectAll(collector, [], NOW + 2 * HOUR)).toMatchObject({ dropped: 0 });
    expect(collectAll(collector, [], NOW + 4 * HOUR)).toMatchObject({ dropped: 0 });
    expect(collectAll(collector, [], NOW + 6 * HOUR)).toMatchObject({ dropped: 1 });
  });

  check("every version reads as it was after packing, also when newer ones were dropped or forgotten", (open) => {
    const store = open();
    const texts = Array.from({ length: 40 }, (_, i) => `${Array.from({ length: 200 }, (_, n) => `line ${n} of ${n === i * 3 ? `edit ${i}` : n * n}`).join("\n")}\n`);
    const all = edits(store, "x", texts);
    edits(store, "back and forth", [texts[3]!, texts[2]!, texts[3]!, texts[2]!, texts[39]!]);
    const holds = (handle: CheckpointStore, which: (i: number) => boolean): void => {
      for (const [i, { seq }] of all.entries()) if (which(i)) expect(textOf(handle, handle.changes(seq)[0]!.after), `version ${i}`).toBe(texts[i]);
    };
    collectAll(store);
    holds(open(), () => true);
    store.drop(seqs(all.filter((_, i) => i % 3 === 1 || i > 30)));
    expect(collectAll(open()).dropped).toBeGreaterThan(5);
    holds(store, (i) => i % 3 !== 1 && i <= 30);
    store.forgetPath(TREE, "back and forth");
    holds(open(), (i) => i % 3 !== 1 && i <= 30);
    store.merge([seqs(all.filter((_, i) => i % 3 !== 1 && i > 5 && i <= 30))]);
    collectAll(store);
    holds(open(), (i) => i % 3 !== 1 && (i <= 5 || i === 30));
    expect(store.check()).toEqual([]);
  });

  check("collecting is no part of a transaction", (open) => {
    const store = open();
    expect(() => store.write(() => store.collect(new Set(), { clock: () => NOW, ms: 10 }))).toThrow("cannot be part");
    expect(collectAll(store)).toEqual({ dropped: 0, packed: 0 });
  });
}
