/** What is merged and dropped: told cases, and random histories of which what is left must still be true. */
import { describe, expect, test } from "vitest";
import { randomFrom, seedOf } from "../../test/damage/batches.ts";
import { History } from "../../test/history.ts";
import { sameState, type Checkpoint, type Entry, type State } from "./model.ts";
import { plan, restoreTo, selectTurns } from "./plan.ts";
import { retain, type RetentionRules } from "./retention.ts";

const DAY = 86_400_000;
const NOW = 1000 * DAY;
const LARGE: RetentionRules = { maxCheckpoints: 50, maxBytes: 1e12, maxAge: 1e15 };
const BYTES = 100;

function checkpoint(seq: number, who: string | undefined, more: Partial<Checkpoint> = {}): Checkpoint {
  const [session = "", turn] = who?.split("/") ?? [];
  const actor = who === undefined ? { by: "outside" as const } : { by: "agent" as const, agent: "claude-code", session, ...(turn === undefined ? {} : { turn }), calls: [] };
  return { seq, id: `c${seq}`, tree: "tree", time: NOW - 400 * DAY + seq, kind: "call", actor, coverage: { skipped: [] }, pinned: false, tier: 1, ...more };
}

/** "s/1" is a call of turn 1 of session s, "-" the person, "!" before it pinned. */
function told(text: string, more: (seq: number) => Partial<Checkpoint> = () => ({})): Checkpoint[] {
  return text.split(" ").map((each, i) => checkpoint(i + 1, each.replace("!", "") === "-" ? undefined : each.replace("!", ""), { pinned: each.startsWith("!"), ...more(i + 1) }));
}

const apply = (checkpoints: readonly Checkpoint[], rules: Partial<RetentionRules>, bytes = checkpoints.length * BYTES): ReturnType<typeof retain> => retain(checkpoints, { bytes, of: () => BYTES }, { ...LARGE, ...rules }, NOW);

describe("merging", () => {
  const cases: readonly (readonly [string, string, number, readonly number[][]])[] = [
    ["turns beyond the newest", "s/1 s/1 s/2 s/2 s/3 s/3", 1, [[1, 2], [3, 4]]],
    ["none where there are few", "s/1 s/1 s/2 s/2", 2, []],
    ["counted for each session", "s/1 s/1 r/1 r/1 r/2 r/2", 1, [[3, 4]]],
    ["not across the person", "s/1 s/1 - s/1 s/1 s/1 s/2", 1, [[1, 2], [4, 5, 6]]],
    ["not across another session", "s/1 r/1 s/1 s/1 r/2 s/2", 1, [[3, 4]]],
    ["not across turns", "s/1 s/2 s/3", 1, []],
    ["what is pinned stays as it is, and so does what stood there", "s/1 s/1 !s/1 s/1 s/1 s/2", 1, [[1, 2], [4, 5]]],
    ["what belongs to no known turn", "s s s/1 s/2", 1, []],
    ["the newest turn is the one at work last", "s/1 s/2 s/2 s/1", 1, [[2, 3]]],
    ["all of them, where none is to be kept in full", "s/1 s/1", 0, [[1, 2]]],
  ];
  test.each(cases)("%s", (_, text, maxCheckpoints, merge) => expect(apply(told(text), { maxCheckpoints })).toEqual({ merge, drop: [], held: [] }));

  test("not what another session may have done, was asked for, or has a note", () => {
    const one = { by: "agent" as const, agent: "claude-code", session: "s", turn: "1", calls: [] };
    for (const more of [{ actor: { ...one, others: [{ session: "r", call: "x" }] } }, { kind: "manual" as const }, { kind: "baseline" as const }, { note: "before the rewrite" }]) {
      expect(apply(told("s/1 s/1 s/1 s/1 s/2", (seq) => (seq === 2 ? more : {})), { maxCheckpoints: 1 }).merge).toEqual([[3, 4]]);
    }
  });

  test("not with a neighbour that was undone without it", () => {
    const restore = (undoes: string[]): Checkpoint => checkpoint(5, undefined, { kind: "restore", actor: { by: "restore", verb: "undo", undoes } });
    const four = told("s/1 s/1 s/1 s/2");
    expect(apply([...four, restore(["c3"])], { maxCheckpoints: 1 }).merge).toEqual([[1, 2]]);
    expect(apply([...four, restore(["c1", "c2", "c3"])], { maxCheckpoints: 1 }).merge).toEqual([[1, 2, 3]]);
  });

  test("trees are apart, sessions are not", () => {
    const two = told("s/1 s/1 s/1 s/1 s/2", (seq) => ({ tree: seq % 2 === 0 ? "even" : "odd" }));
    expect(apply(two, { maxCheckpoints: 1 }).merge).toEqual([[1, 3], [2, 4]]);
  });
});

describe("dropping", () => {
  test("the oldest first, until the bytes fit", () => {
    expect(apply(told("s/1 s/2 - s/3 s/4"), { maxBytes: 250 })).toEqual({ merge: [], drop: [1, 2, 3], held: [] });
    expect(apply(told("s/1 s/2 - s/3 s/4"), { maxBytes: 500 }).drop).toEqual([]);
  });

  test("by age", () => {
    const aged = told("s/1 s/2 - s/3 s/4", (seq) => ({ time: NOW - (10 - seq) * DAY }));
    expect(apply(aged, { maxAge: 7.5 * DAY }).drop).toEqual([1, 2]);
    // A turn that went on for long is as old as its end.
    expect(apply(told("s/1 s/1 s/2 s/3", (seq) => ({ time: NOW - [9, 1, 1, 1][seq - 1]! * DAY })), { maxAge: 7 * DAY }).drop).toEqual([]);
    // A clock that was set back: what came later is not dropped for looking older.
    expect(apply(told("s/1 s/2 s/3", (seq) => ({ time: NOW - [1, 9, 1][seq - 1]! * DAY })), { maxAge: 7 * DAY }).drop).toEqual([]);
  });

  test("a turn goes whole or not at all, with what lies between its parts", () => {
    expect(apply(told("s/1 s/1 - s/1 s/2 s/3"), { maxBytes: 550 }).drop).toEqual([1, 2, 3, 4]);
    expect(apply(told("s/1 s/1 !- s/1 s/2 s/3"), { maxBytes: 550 })).toEqual({ merge: [], drop: [], held: [{ seq: 3, because: "pinned" }] });
  });

  test("nothing from above a pinned one, since what stood there is told by what came later", () => {
    expect(apply(told("s/1 s/2 !s/3 s/4 s/5 s/6"), { maxBytes: 0 })).toEqual({ merge: [], drop: [1, 2], held: [{ seq: 3, because: "pinned" }] });
  });

  test("the newest of a tree stays", () => {
    expect(apply(told("s/1 s/2"), { maxBytes: 0 })).toEqual({ merge: [], drop: [1], held: [{ seq: 2, because: "newest" }] });
    expect(apply([], { maxBytes: 0 }, 10)).toEqual({ merge: [], drop: [], held: [] });
  });

  test("the newest turn of a session stays while it is at work, and not for ever", () => {
    const at = (time: number): ReturnType<typeof retain> => apply(told("s/1 r/1 r/2 s/2 r/3 r/4", (seq) => (seq === 4 ? { time } : {})), { maxBytes: 0 });
    expect(at(NOW - DAY / 2)).toEqual({ merge: [], drop: [1, 2, 3], held: [{ seq: 4, because: "recent" }] });
    expect(at(NOW - 2 * DAY).drop).toEqual([1, 2, 3, 4, 5]);
  });

  test("of several trees the oldest first", () => {
    const two = told("s/1 r/1 s/2 r/2 s/3 r/3", (seq) => ({ tree: seq % 2 === 0 ? "even" : "odd" }));
    expect(apply(two, { maxBytes: 350 }).drop).toEqual([1, 2, 3]);
  });

  test("a tree that is held leaves the others to be shortened", () => {
    const two = told("s/1 r/1 !s/2 r/2 s/3 r/3 s/4 r/4", (seq) => ({ tree: seq % 2 === 0 ? "even" : "odd" }));
    expect(apply(two, { maxBytes: 650 }).drop).toEqual([1, 2]);
    expect(apply(two, { maxBytes: 450 })).toEqual({ merge: [], drop: [1, 2, 4, 6], held: [{ seq: 3, because: "pinned" }] });
  });

  test("what is dropped is not merged as well", () => {
    const { merge, drop } = apply(told("s/1 s/1 s/2 s/2 s/3 s/4"), { maxBytes: 400, maxCheckpoints: 1 });
    expect([merge, drop]).toEqual([[[3, 4]], [1, 2]]);
  });
});

/** What a store makes of it. `quiet`: paths of which a merged turn left all as it was, so that it no longer covers what lies below it. */
function carriedOut(h: History, { merge, drop }: ReturnType<typeof retain>): { paths: Map<string, Entry[]>; checkpoints: Checkpoint[]; quiet: Set<string> } {
  const into = new Map(merge.flatMap((run) => run.slice(0, -1).map((seq) => [seq, run.at(-1)!] as const)));
  const last = new Set(merge.map((run) => run.at(-1)!));
  const gone = new Set(drop);
  const checkpoints = h.checkpoints.filter(({ seq }) => !gone.has(seq) && !into.has(seq)).map((each) => (last.has(each.seq) ? { ...each, compacted: true } : each));
  const bySeq = new Map(checkpoints.map((each) => [each.seq, each]));
  const paths = new Map<string, Entry[]>();
  const quiet = new Set<string>();
  for (const [path, entries] of h.paths) {
    const left: Entry[] = [];
    for (const entry of entries) {
      const to = bySeq.get(into.get(entry.checkpoint.seq) ?? entry.checkpoint.seq);
      if (to === undefined) continue;
      const before = left.at(-1);
      if (before !== undefined && before.checkpoint === to) left[left.length - 1] = { ...before, after: entry.after };
      else left.push({ ...entry, checkpoint: to });
    }
    const telling = left.filter(({ before, after }) => !sameState(before, after));
    if (telling.length < left.length) quiet.add(path);
    paths.set(path, telling);
  }
  return { paths, checkpoints, quiet };
}

test("what is left is still true: each point comes back as it was, each turn goes back as it would have, and asking again changes nothing", () => {
  const seed = seedOf("retention");
  const PATHS = ["a", "b", "c"];
  let merged = 0;
  for (let round = 0; round < 250; round++) {
    const random = randomFrom(seed + round);
    const pick = (below: number): number => Math.floor(random() * below);
    const h = new History();
    const states: Map<string, State>[] = [];
    let value = 0;
    for (let step = 0; step < 40; step++) {
      const changes = Object.fromEntries(PATHS.filter(() => random() < 0.5).map((path) => [path, random() < 0.2 && h.present(path) !== "absent" ? 0 : (value += 1)]));
      const chance = random();
      // Turns follow each other, with two sessions at times.
      if (chance < 0.7) h.agent(chance < 0.6 ? "s1" : "s2", `t${Math.floor(step / 6)}`, changes);
      else if (chance < 0.85) h.outside(changes);
      else {
        const checkpoints = h.ofTurn("s1", `t${pick(1 + step / 6)}`);
        const done = Object.fromEntries(plan(h.paths, selectTurns([{ session: "s1", checkpoints }]).selected, { mode: "keep" }).filter(({ action }) => action === "write" || action === "delete").map(({ path, target }) => [path, target]));
        h.restore("undo", checkpoints.map(({ id }) => id), done);
      }
      if (random() < 0.05) h.checkpoints[h.checkpoints.length - 1] = Object.assign(h.checkpoints.at(-1)!, { pinned: true });
      states.push(new Map(PATHS.map((path) => [path, h.present(path)])));
    }
    const rules = { maxCheckpoints: 1 + pick(3), maxBytes: pick(45) * BYTES, maxAge: 1e15 };
    const sizes = { bytes: h.checkpoints.length * BYTES, of: () => BYTES };
    const found = retain(h.checkpoints, sizes, rules, NOW);
    const left = carriedOut(h, found);
    merged += found.merge.length;
    const label = `seed ${seed}, round ${round}`;
    for (const each of h.checkpoints) if (each.pinned) expect(left.checkpoints.some(({ id }) => id === each.id), label).toBe(true);
    for (const each of left.checkpoints) {
      const done = new Map(plan(left.paths, restoreTo(each, left.checkpoints, { force: true }).selected, { mode: "force" }).map(({ path, target }) => [path, target]));
      for (const path of PATHS) expect(done.get(path) ?? h.present(path), `${label}, back to ${each.id}`).toEqual(states[each.seq - 1]!.get(path));
    }
    for (const session of ["s1", "s2"]) {
      for (let t = 0; t < 7; t++) {
        // What is left of a turn bears ids that it had before.
        const { selected } = selectTurns([{ session, checkpoints: h.ofTurn(session, `t${t}`) }]);
        const is = left.checkpoints.some((each) => selected(each, "a"));
        const [was, now] = [h.paths, left.paths].map((paths) => plan(paths, selected, { mode: "keep" }).filter(({ path, action }) => !left.quiet.has(path) && (action === "write" || action === "delete")).map(({ path, target }) => [path, target]));
        expect(now, `${label}, ${session} t${t}`).toEqual(is ? was : []);
      }
    }
    expect(retain(left.checkpoints, { bytes: 0, of: () => BYTES }, rules, NOW), label).toEqual({ merge: [], drop: [], held: [] });
  }
  expect(merged).toBeGreaterThan(100);
});
