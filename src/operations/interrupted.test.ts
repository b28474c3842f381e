/** An undo whose process is gone, whoever comes first afterwards and whatever number that process had. */
import fs, { existsSync, readdirSync, readFileSync, renameSync, utimesSync, writeFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { treeWorld, type TreeWorld } from "../../test/tree-world.ts";
import { Keeper } from "./keeper.ts";

/** A file changed and a file made by an agent, and the undo of both cut off once the nth was moved aside. */
function cutOff(at: number): TreeWorld {
  const w = treeWorld(onTestFinished);
  w.write("a.txt", "mine\n");
  w.git("add", "-A");
  w.git("commit", "-qm", "begin");
  w.keeper.look("prompt");
  w.edit("a.txt", "agent's\n");
  w.edit("b.txt", "agent's, too\n");
  const rename = fs.renameSync;
  let n = 0;
  fs.renameSync = (from, to) => {
    rename(from, to);
    if (String(to).endsWith(".aside") && ++n === at) throw new Error("power cut");
  };
  syncBuiltinESMExports();
  try {
    expect(() => w.undo()).toThrow("power cut");
  } finally {
    fs.renameSync = rename;
    syncBuiltinESMExports();
  }
  return w;
}

const holding = (w: TreeWorld): string => join(w.home, "restores");
const waiting = (w: TreeWorld): string[] => readdirSync(holding(w)).filter((name) => /\.(?:undo|json)$/.test(name));

/** As if the undo had been a process of that number. */
function madeBy(w: TreeWorld, pid: number): void {
  for (const name of waiting(w)) {
    const file = join(holding(w), name);
    if (name.endsWith(".undo")) writeFileSync(file, readFileSync(file, "utf8").replace(`"pid":${process.pid}`, `"pid":${pid}`));
    else renameSync(file, join(holding(w), name.replace(`.${process.pid}.`, `.${pid}.`)));
  }
}

const keeperOf = (w: TreeWorld, isAlive: (pid: number, since?: number) => boolean): Keeper => new Keeper({ store: w.store, home: w.home, root: w.root, environment: { PATH: process.env["PATH"] ?? "" }, userHome: "/nobody", clock: Date.now, pid: process.pid, isAlive });

test.each([1, 2])("one who was there all the time finishes it before it looks, so that it can be redone: cut off at file %i", (at) => {
  const w = cutOff(at);
  madeBy(w, 4711);
  w.keeper.look("prompt");
  expect(w.tree()).toEqual({ "a.txt": "644 mine\n" });
  expect(waiting(w)).toEqual([]);
  expect(w.store.checkpoints(w.root).at(-1)!.actor).toMatchObject({ by: "restore", verb: "undo" });
  expect(w.undo({ redo: true }).applied).toBe(true);
  expect(w.tree()).toEqual({ "a.txt": "644 agent's\n", "b.txt": "644 agent's, too\n" });
});

test("a look at one path finishes it, too", () => {
  const w = cutOff(1);
  madeBy(w, 4711);
  w.keeper.lookAt("other.txt", "prompt");
  expect(w.tree()).toEqual({ "a.txt": "644 mine\n" });
});

test("the number of its process belongs to another one by now", () => {
  const w = cutOff(2);
  madeBy(w, 1);
  const old = new Date("2020-01-01");
  for (const name of waiting(w)) utimesSync(join(holding(w), name), old, old);
  // As cli/processes.ts tells it: what began before the machine did is gone.
  keeperOf(w, (_, since = Infinity) => since > old.getTime() + 1000).recover();
  expect(w.tree()).toEqual({ "a.txt": "644 mine\n" });
  expect(waiting(w)).toEqual([]);
});

test("whoever does not hold the lock leaves it to one that is alive; whoever holds it need not ask", () => {
  const w = cutOff(2);
  madeBy(w, 1);
  const keeper = keeperOf(w, () => true);
  keeper.recover();
  expect(existsSync(join(w.root, "a.txt"))).toBe(false);
  keeper.begin();
  expect(w.tree()).toEqual({ "a.txt": "644 mine\n" });
});

test("what was begun in another tree is left to the one who looks at that tree", () => {
  const w = cutOff(1);
  madeBy(w, 4711);
  const other = treeWorld(onTestFinished);
  const keeper = new Keeper({ store: w.store, home: w.home, root: other.root, environment: { PATH: process.env["PATH"] ?? "" }, userHome: "/nobody", clock: Date.now, pid: process.pid, isAlive: () => false });
  keeper.recover();
  keeper.look("prompt");
  expect(waiting(w)).toHaveLength(2);
  keeperOf(w, () => false).recover();
  expect(w.tree()).toEqual({ "a.txt": "644 mine\n" });
});
