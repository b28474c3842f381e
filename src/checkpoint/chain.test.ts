/** Undos and redos taken for what they mean: told histories, and random ones against a model that keeps layers. */
import { describe, expect, test } from "vitest";
import { randomFrom, seedOf } from "../../test/damage/batches.ts";
import { History, numberOf, version } from "../../test/history.ts";
import { chainOf, lastUndo, stackOf, undoneBy } from "./chain.ts";

const P = "a.txt";
const idsOf = (h: History, path = P): string[] => stackOf(chainOf(h.entries(path))).map(({ checkpoint }) => checkpoint.id);

/** The same path all the way: [who, value, undoes]. */
type Told = readonly (readonly ["agent" | "outside" | "restore", number, ...string[]])[];
function tell(told: Told, first = 1): History {
  const h = new History({ [P]: first });
  for (const [who, value, ...undoes] of told) {
    if (who === "agent") h.agent("s1", "t1", { [P]: value });
    else if (who === "outside") h.outside({ [P]: value });
    else h.restore("undo", undoes, { [P]: value });
  }
  return h;
}

describe("stackOf", () => {
  const cases: readonly (readonly [string, Told, readonly string[]])[] = [
    ["nothing undone", [["agent", 2], ["outside", 3]], ["c1", "c2"]],
    ["an undo takes the change off", [["agent", 2], ["restore", 1, "c1"]], []],
    ["of several changes", [["agent", 2], ["agent", 3], ["restore", 1, "c1", "c2"]], []],
    ["of the upper one only, though both are named", [["agent", 2], ["outside", 3], ["agent", 4], ["restore", 3, "c1", "c3"]], ["c1", "c2"]],
    ["to nothing there", [["agent", 0], ["restore", 1, "c1"]], []],
    ["a redo puts it on again", [["agent", 2], ["restore", 1, "c1"], ["restore", 2, "c2"]], ["c1"]],
    ["an undo of the redo", [["agent", 2], ["restore", 1, "c1"], ["restore", 2, "c2"], ["restore", 1, "c3"]], []],
    ["an undo of what was redone", [["agent", 2], ["restore", 1, "c1"], ["restore", 2, "c2"], ["restore", 1, "c1"]], []],
    ["two undos, then both redone in one go", [["agent", 2], ["agent", 3], ["restore", 2, "c2"], ["restore", 1, "c1"], ["restore", 3, "c3", "c4"]], ["c1", "c2"]],
    ["two undos, the newer redone", [["agent", 2], ["agent", 3], ["restore", 2, "c2"], ["restore", 1, "c1"], ["restore", 2, "c4"]], ["c1"]],
    ["and then the older", [["agent", 2], ["agent", 3], ["restore", 2, "c2"], ["restore", 1, "c1"], ["restore", 2, "c4"], ["restore", 3, "c3"]], ["c1", "c2"]],
    ["an undo below which an earlier one stays in force", [["agent", 2], ["agent", 3], ["restore", 2, "c2"], ["agent", 4], ["restore", 1, "c1", "c4"]], []],
    ["a merged result is a change of its own", [["agent", 2], ["outside", 3], ["restore", 9, "c1"]], ["c1", "c2", "c3"]],
    ["an undo by force is one too, and comes off again", [["agent", 2], ["outside", 3], ["restore", 1, "c1"], ["restore", 3, "c3"]], ["c1", "c2"]],
    ["a redo after someone else's change stays on top", [["agent", 2], ["restore", 1, "c1"], ["outside", 3], ["restore", 2, "c2"]], ["c3", "c4"]],
    ["states that repeat: all that is named comes off", [["agent", 2], ["agent", 1], ["agent", 2], ["restore", 1, "c1", "c2", "c3"]], []],
    ["a change that is not named stays, though the states would fit", [["outside", 2], ["agent", 1], ["agent", 2], ["restore", 1, "c3"]], ["c1", "c2"]],
  ];
  test.each(cases)("%s", (_, told, stack) => expect(idsOf(tell(told))).toEqual(stack));

  test("bytes never kept are not taken for equal", () => {
    const h = new History({ [P]: "unknown" });
    h.agent("s1", "t1", { [P]: 2 });
    h.restore("undo", ["c1"], { [P]: "unknown" });
    expect(idsOf(h)).toEqual(["c1", "c2"]);
  });

  test("a change whose record is gone lets nothing cancel across it", () => {
    const h = tell([["agent", 2], ["agent", 3], ["agent", 4], ["restore", 1, "c1", "c2", "c3"]]);
    const left = h.entries(P).filter(({ checkpoint }) => checkpoint.id !== "c2");
    expect(stackOf(chainOf(left)).map(({ checkpoint }) => checkpoint.id)).toEqual(["c1", "c3", "c4"]);
  });

  test("a restore of something that is not on top, as far as the record tells, cancels nothing", () => {
    const h = tell([["agent", 2], ["outside", 3], ["restore", 1, "c1", "c2"]]);
    const left = h.entries(P).filter(({ checkpoint }) => checkpoint.id !== "c2");
    expect(stackOf(chainOf(left)).map(({ checkpoint }) => checkpoint.id)).toEqual(["c1", "c3"]);
  });

  test("nothing at all", () => expect(stackOf(chainOf([]))).toEqual([]));
});

describe("undone, and what redo takes back", () => {
  const h = new History();
  h.agent("s1", "t1", { x: 1 });
  h.agent("s1", "t2", { y: 1 });
  h.restore("undo", ["c2"], { y: 0 });
  h.restore("undo", ["c1"], { x: 0 });
  const restores = (): typeof h.checkpoints => h.checkpoints;

  test("step by step", () => {
    expect([...undoneBy(restores()).keys()].sort()).toEqual(["c1", "c2"]);
    expect(lastUndo(restores())?.id).toBe("c4");
    h.restore("redo", ["c4"], { x: 1 });
    expect(undoneBy(restores()).has("c1")).toBe(false);
    expect(undoneBy(restores()).has("c2")).toBe(true);
    expect(lastUndo(restores())?.id).toBe("c3");
    h.restore("undo", ["c5"], { x: 0 });
    expect(undoneBy(restores()).has("c1")).toBe(true);
    // The undo of the redo is in force, and so is the first undo again: the newest of them is to be taken back first.
    expect(lastUndo(restores())?.id).toBe("c6");
    h.restore("redo", ["c6"], { x: 1 });
    h.restore("redo", ["c3"], { y: 1 });
    expect(undoneBy(restores()).has("c2")).toBe(false);
    expect(lastUndo(restores())).toBeUndefined();
  });

  test("the order they are given in does not matter", () => {
    expect([...undoneBy(restores().toReversed()).keys()].sort()).toEqual([...undoneBy(restores()).keys()].sort());
  });
});

describe("random histories", () => {
  const seed = seedOf("chain");

  test(`whatever restores claim to undo, the stack ends in what stands there (seed ${seed})`, () => {
    for (let round = 0; round < 800; round++) {
      const random = randomFrom(seed + round);
      const pick = (below: number): number => Math.floor(random() * below);
      const h = new History({ [P]: pick(4) });
      for (let step = 0; step < 14; step++) {
        // Few states, so that they repeat and restores fit in more places than one.
        let next = pick(4);
        if (next === numberOf(h.present(P))) next = (next + 1) % 4;
        const chance = random();
        if (chance < 0.35) h.agent("s1", "t1", { [P]: next });
        else if (chance < 0.5) h.outside({ [P]: next });
        else h.restore("undo", h.checkpoints.filter(() => random() < 0.5).map(({ id }) => id), { [P]: next });
        const stack = stackOf(chainOf(h.entries(P)));
        const label = `seed ${seed}, round ${round}, step ${step}`;
        expect(stack.at(-1)?.after ?? h.entries(P)[0]!.before, label).toEqual(h.present(P));
        for (const [i, entry] of stack.entries()) if (i > 0) expect(entry.before, label).toEqual(stack[i - 1]!.after);
      }
    }
  });

  test(`undo and redo in any order leave the layers that a person would count (seed ${seed})`, () => {
    for (let round = 0; round < 500; round++) {
      const random = randomFrom(seed * 31 + round);
      const h = new History({ [P]: 1 });
      let value = 1;
      const layers: { id: string; value: number }[] = [];
      const undone: { restore: string; layers: { id: string; value: number }[] }[] = [];
      for (let step = 0; step < 30; step++) {
        const chance = random();
        if (chance < 0.4 || (layers.length === 0 && undone.length === 0)) {
          const { id } = h.agent("s1", "t1", { [P]: (value += 1) });
          layers.push({ id, value });
          undone.length = 0;
        } else if ((chance < 0.7 && layers.length > 0) || undone.length === 0) {
          const off = layers.splice(layers.length - 1 - Math.floor(random() * Math.min(3, layers.length)));
          const { id } = h.restore("undo", off.map((layer) => layer.id), { [P]: version(layers.at(-1)?.value ?? 1) });
          undone.push({ restore: id, layers: off });
        } else {
          // One undo is redone, or the last few at once.
          const back = undone.splice(undone.length - 1 - Math.floor(random() * Math.min(2, undone.length))).reverse();
          layers.push(...back.flatMap((each) => each.layers));
          h.restore("redo", back.map(({ restore }) => restore), { [P]: version(layers.at(-1)!.value) });
        }
        expect(idsOf(h), `seed ${seed}, round ${round}, step ${step}`).toEqual(layers.map(({ id }) => id));
      }
    }
  });
});
