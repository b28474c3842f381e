/** What the fuzzer of undo (test/fuzz/) found, each as short as it gets. The tree is real and so is the store. */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { DEFAULT_RULES } from "../../src/checkpoint/retention.ts";
import { collectGarbage } from "../../src/operations/checkpoint-gc.ts";
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

test("bytes that are gone from the store: the path is refused by name, and the tree goes on", () => {
  const large = (fill: number): string => String.fromCharCode(fill).repeat(1 << 20);
  const w = world({ "big.bin": large(65), "old.bin": large(66), "whole.bin": large(69), "small.txt": "one\n" }, { git: false });
  w.edit("old.bin", large(67));
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2500);
  w.keeper.look("prompt");
  rmSync(join(w.home, "files"), { recursive: true, force: true });
  w.shell("echo two > big.bin; echo two > small.txt");
  // Taken again before an edit writes over it.
  w.edit("whole.bin", "two\n");
  expect(w.store.checkpoints(w.root).flatMap(({ coverage }) => coverage.skipped)).toEqual([{ path: "big.bin", reason: "what it was before is no longer in the store" }]);
  w.reopen();
  const { plan, conflicts } = w.undo();
  expect(plan.map(({ path, action }) => [path, action])).toContainEqual(["big.bin", "refuse"]);
  expect(new Set([...plan.filter(({ action }) => action === "refuse"), ...conflicts].map(({ path }) => path))).toEqual(new Set(["big.bin", "old.bin"]));
  expect([w.read("small.txt"), w.read("big.bin"), w.read("old.bin") === large(67), w.read("whole.bin") === large(69)]).toEqual(["one\n", "two\n", true, true]);
});

test("checkpoints whose bytes are gone can still be merged", () => {
  const w = world({ "big.bin": "A".repeat(1 << 20) }, { git: false });
  w.edit("big.bin", "B".repeat(1 << 20));
  w.edit("big.bin", "small\n");
  rmSync(join(w.home, "files"), { recursive: true, force: true });
  const [first, second] = w.store.checkpoints(w.root).slice(-2);
  w.store.merge([[first!.seq, second!.seq]]);
  expect(w.store.changes(second!.seq)).toMatchObject([{ path: "big.bin", before: { size: 1 << 20 }, after: { size: 6 } }]);
});

/** As a background process does it, a few times in a day. */
function tidyForADay(w: TreeWorld): void {
  for (let hours = 0; hours <= 12; hours += 3) for (const _ of collectGarbage({ store: w.store, home: w.home, rules: DEFAULT_RULES, dryRun: false, clock: () => Date.now() + hours * 3_600_000, slice: 50, keeperOf: () => another(w) }));
}

test("a tree whose disk is away for a day is there as it was when it is back", () => {
  const w = world({ "a.txt": "my only copy\n".repeat(50) }, { git: false });
  w.keeper.save();
  tidyForADay(w);
  renameSync(w.root, `${w.root}.away`);
  tidyForADay(w);
  renameSync(`${w.root}.away`, w.root);
  w.reopen();
  w.shell("rm a.txt");
  w.undo();
  expect(w.read("a.txt")).toBe("my only copy\n".repeat(50));
});

test("what one process took of a file before an edit that came to nothing stays, whoever else saves and tidies", () => {
  const w = world({ "clean.txt": "committed\n".repeat(30) });
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2500);
  w.git("status");
  rmSync(join(w.home, "trees"), { recursive: true });
  w.reopen();
  w.keeper.begin();
  expect(w.keeper.stateOf("clean.txt")).toMatchObject({ content: expect.stringMatching(/^git:/) });
  w.keeper.lookAt("clean.txt", "prompt", { own: true });
  expect(w.keeper.stateOf("clean.txt")).toMatchObject({ content: expect.stringMatching(/^sha256:/) });
  const other = another(w);
  other.look("turn");
  other.save();
  tidyForADay(w);
  w.edit("clean.txt", "agent\n");
  w.undo();
  expect(w.read("clean.txt")).toBe("committed\n".repeat(30));
});

test("a file of mine whose name begins as a restore's own do is looked after", () => {
  const w = world({ ".tidemark-notes.md": "mine\n" }, { git: false });
  w.shell("rm .tidemark-notes.md");
  w.undo();
  expect(w.tree()).toEqual({ ".tidemark-notes.md": "644 mine\n" });
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

test("a folder that a command makes the root of a linked worktree is not gone: what became of its files is not known, and is said", () => {
  const w = world({ "docs/notes.md": "mine\n", "docs/deep/more.md": "mine\n" });
  w.shell(`mkdir -p .git/worktrees/docs; echo "gitdir: ${w.root}/.git/worktrees/docs" > docs/.git; echo agent > docs/notes.md`);
  const [last] = w.store.checkpoints(w.root).slice(-1);
  const paths = ["docs/deep/more.md", "docs/notes.md"];
  expect(w.store.changes(last!.seq).map(({ path, after }) => [path, after]).sort()).toEqual(paths.map((path) => [path, "unknown"]));
  expect(last!.coverage.skipped.map(({ path, reason }) => [path, reason]).sort()).toEqual(paths.map((path) => [path, "in a linked worktree now, a tree of its own"]));
  expect(w.undo().plan.map(({ path, action }) => [path, action]).sort()).toEqual(paths.map((path) => [path, "refuse"]));
  expect(w.tree()).toMatchObject({ "docs/notes.md": "644 agent\n", "docs/deep/more.md": "644 mine\n" });
  w.prompt();
  expect(w.store.checkpoints(w.root).at(-1)!.seq).toBe(last!.seq);
});

describe("a clock that is set back an hour", () => {
  function clocked(): { w: TreeWorld; setBack: () => void } {
    const w = treeWorld(onTestFinished, { git: false });
    let ahead = 3_600_000;
    w.keeper = new Keeper({ store: w.store, home: w.home, root: w.root, environment: {}, userHome: "/nobody", clock: () => Date.now() + ahead, pid: process.pid, isAlive: () => true });
    w.write("a.txt", "one\n");
    w.keeper.look("prompt");
    return { w, setBack: () => void (ahead = 0) };
  }
  const told = (w: TreeWorld): unknown => w.store.checkpoints(w.root).slice(1).map(({ seq, actor, coverage }) => [actor.by, w.store.changes(seq).map(({ path, before }) => [path, typeof before === "object" ? "known" : before]), coverage.partial?.slice(0, 22)]);
  const wanted = [["agent", [["a.txt", "known"], ["b.txt", "absent"]], "the clock was set back"]];

  test("before a command: what the agent does is the agent's, and goes with the undo", () => {
    const { w, setBack } = clocked();
    setBack();
    w.shell("echo two > a.txt; echo new > b.txt");
    expect(told(w)).toEqual(wanted);
    w.undo();
    expect(w.tree()).toEqual({ "a.txt": "644 one\n" });
    // From here on there is nothing to be said.
    w.prompt();
    w.shell("echo three > a.txt");
    expect(w.store.checkpoints(w.root).at(-1)).toMatchObject({ actor: { by: "agent" }, coverage: { skipped: [] } });
    expect(w.store.checkpoints(w.root).at(-1)!.coverage.partial).toBeUndefined();
  });

  test("and no look before it", () => {
    const { w, setBack } = clocked();
    setBack();
    w.keeper.callBegan({ id: "c", tool: "Bash", session: "s1", agent: "claude-code", started: Date.now() });
    w.write("a.txt", "two\n");
    w.write("b.txt", "new\n");
    w.keeper.callEnded("c", Date.now(), false);
    w.keeper.look("call");
    expect(told(w)).toEqual(wanted);
  });

  test("while a command runs: what it changed is its doing, and what is deleted later is not", () => {
    const { w, setBack } = clocked();
    w.keeper.callBegan({ id: "c", tool: "Bash", session: "s1", agent: "claude-code", started: Date.now() + 3_600_000 });
    setBack();
    w.write("a.txt", "two\n");
    w.keeper.callEnded("c", Date.now(), false);
    w.keeper.look("call");
    rmSync(join(w.root, "a.txt"));
    w.keeper.look("prompt");
    expect(told(w)).toEqual([["agent", [["a.txt", "known"]], "the clock was set back"], ["outside", [["a.txt", "known"]], undefined]]);
  });
});
