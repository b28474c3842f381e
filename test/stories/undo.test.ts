/** What the fuzzer of undo (test/fuzz/) found, each as short as it gets. The tree is real and so is the store. */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { Keeper } from "../../src/operations/keeper.ts";
import { treeWorld, type TreeWorld } from "../tree-world.ts";
import { installFaults } from "../fuzz/faults.ts";

function world(files: Record<string, string>, options?: { git?: boolean }): TreeWorld {
  const w = treeWorld(onTestFinished, options);
  for (const [path, text] of Object.entries(files)) w.write(path, text);
  if (options?.git !== false) {
    w.git("add", "-A");
    w.git("commit", "-qm", "begin", "--allow-empty");
  }
  w.keeper.begin();
  return w;
}

/** Another process that looks after the same tree. */
function another(w: TreeWorld): Keeper {
  return new Keeper({ store: w.store, home: w.home, root: w.root, environment: { PATH: process.env["PATH"] ?? "" }, userHome: join(w.home, "nobody"), clock: Date.now, pid: process.pid, isAlive: () => true });
}

test("a folder that a command moved goes back whole, although its files' own times are older than the command", () => {
  const w = world({ "src/a.ts": "one\n", "src/b/c.ts": "two\n" }, { git: false });
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60);
  const before = w.tree();
  w.shell("mv src lib");
  w.undo();
  expect(w.tree()).toEqual(before);
});

test("what a command makes in the very moment of the look before it goes with the undo", () => {
  const w = world({ "a.ts": "one\n" }, { git: false });
  const before = w.tree();
  for (let n = 0; n < 5; n++) {
    w.keeper.look("forced");
    w.keeper.callBegan({ id: `c${n}`, tool: "Bash", session: "s1", agent: "claude-code", turn: "t", started: Date.now() });
    w.write(`new-${n}.ts`, "new\n");
    w.keeper.callEnded(`c${n}`, Date.now(), false);
    w.keeper.look("call");
  }
  w.undo();
  expect(w.tree()).toEqual(before);
});

test("a folder put in the place of a file, and what is in it, come back with the redo", () => {
  const w = world({ x: "file\n" }, { git: false });
  w.shell("rm x; mkdir x; echo inside > x/y");
  const after = w.tree();
  w.undo();
  expect(w.tree()).toEqual({ x: "644 file\n" });
  w.undo({ redo: true });
  expect(w.tree()).toEqual(after);
});

test("permissions changed and then bytes: both are taken back, whoever holds the bytes", () => {
  const w = world({ "run.sh": "one\n" });
  const before = w.tree();
  w.shell("chmod 755 run.sh");
  w.shell("echo two > run.sh");
  expect(w.undo().plan.map(({ action }) => action)).toEqual(["write"]);
  expect(w.tree()).toEqual(before);
});

test("what I write into a file just as it was undone is mine, and the redo leaves it", () => {
  const faults = installFaults();
  onTestFinished(faults.remove);
  const w = world({ "a.ts": "one\n", "b.ts": "two\n" }, { git: false });
  w.edit("a.ts", "agent\n");
  w.edit("b.ts", "agent\n");
  // The journal goes once everything stands in its place.
  faults.arm((name) => {
    if (name !== "rmSync" || w.read("a.ts") !== "one\n" || w.read("b.ts") !== "two\n") return false;
    w.write("a.ts", "mine\n");
    return true;
  });
  w.undo();
  faults.disarm();
  expect([w.read("a.ts"), w.read("b.ts")]).toEqual(["mine\n", "two\n"]);
  w.undo({ redo: true });
  expect([w.read("a.ts"), w.read("b.ts")]).toEqual(["mine\n", "agent\n"]);
});

test("a file that I delete or write right after a call is not laid at its door by another process", () => {
  const w = world({ "a.ts": "one\n", "b.ts": "two\n" }, { git: false });
  const other = another(w);
  other.begin();
  w.shell("echo agent > b.ts");
  w.edit("c.ts", "agent\n");
  rmSync(join(w.root, "a.ts"));
  w.write("c.ts", "mine\n");
  expect(other.look("prompt").map(({ actor }) => actor.by)).toEqual(["outside"]);
  w.undo();
  expect(existsSync(join(w.root, "a.ts"))).toBe(false);
  expect(readFileSync(join(w.root, "c.ts"), "utf8")).toBe("mine\n");
});

test("ignore rules that one process saw change hold for the other", () => {
  const w = world({ ".gitignore": "*.log\n", "a.log": "mine\n" });
  const other = another(w);
  other.begin();
  mkdirSync(join(w.root, "sub"));
  renameSync(join(w.root, "a.log"), join(w.root, "sub/a.log"));
  w.keeper.look("prompt");
  other.look("prompt");
  w.write(".gitignore", "\n");
  w.keeper.look("prompt");
  other.look("prompt");
  expect(other.stateOf("sub/a.log")).toMatchObject({ type: "file" });
});

test("an ignored file of the user's that a command writes anew and stops ignoring is not its making: the undo does not delete it", () => {
  const w = world({ ".gitignore": "*.dat\nown/\n" });
  w.write("thesis.dat", "last year\n");
  w.write("own/notes", "last year\n");
  w.keeper.look("prompt");
  w.shell("sed -i s/year/week/ thesis.dat own/notes; echo > .gitignore; echo new > made.dat");
  w.undo();
  expect(w.tree()).toEqual({ ".gitignore": "644 *.dat\nown/\n", "thesis.dat": "644 last week\n", "own/notes": "644 last week\n" });
});
