/**
 * Trees that several processes look after at once, processes that are killed in the middle of a look, and a disk that is
 * full: no checkpoint is torn, nothing is taken for kept that is not, and the next process goes on. `TIDEMARK_KILLS=1000 npx
 * vitest run test/damage/looks` for the long run.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, realpathSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, describe, expect, onTestFinished, test } from "vitest";
import { treeWorld, type TreeWorld } from "../tree-world.ts";
import { Keeper, type KeeperOptions } from "../../src/operations/keeper.ts";
import { treeKey } from "../../src/operations/tree-place.ts";
import { isAlive } from "../../src/cli/processes.ts";
import { sha256Hex } from "../../src/base/hash.ts";
import { randomFrom, seedOf } from "./batches.ts";
import { locksIn, lookerScript, removeLooker, startLooker } from "./lookers.ts";
import { start } from "./processes.ts";

afterAll(removeLooker);

const KILLS = Number(process.env["TIDEMARK_KILLS"] ?? 16);

/** A tree whose keeper sees who is alive: here others are killed. */
function world(): TreeWorld {
  const w = treeWorld(onTestFinished, { git: false });
  const keeper = (): Keeper => new Keeper({ store: w.store, home: w.home, root: w.root, environment: { PATH: process.env["PATH"] ?? "" }, userHome: "/nonexistent", clock: Date.now, pid: process.pid, isAlive });
  w.keeper = keeper();
  return Object.assign(w, { reopen: () => void (w.keeper = keeper()) });
}

/** What the checkpoints say of each path, one after the other, is one story, and ends with what is there. */
function tellsTheTruth(w: TreeWorld): void {
  const last = new Map<string, string>();
  for (const { path, before, after } of w.store.changesAfter(w.root, 0)) {
    const id = (state: unknown): string => (typeof state === "string" ? state : (state as { content: string }).content);
    if (last.has(path)) expect([path, id(before)]).toEqual([path, last.get(path)]);
    last.set(path, id(after));
    for (const state of [before, after]) if (typeof state === "object") expect(w.store.has(state.content)).toBe(true);
  }
  for (const [path, text] of Object.entries(w.tree())) {
    const known = w.keeper.stateOf(path);
    expect([path, typeof known === "string" ? known : known.content]).toEqual([path, `sha256:${sha256Hex(Buffer.from(text.replace(/^\d+ /, ""), "latin1"))}`]);
  }
  expect(w.store.check()).toEqual([]);
}

describe("several at once", () => {
  test("three processes on one tree tell one story", { timeout: 90_000 }, async () => {
    const w = world();
    for (let i = 0; i < 50; i++) w.write(`there/${i}.txt`, `${i}`);
    // All of them find a tree that nobody has looked at.
    const at = String(Date.now() + 700);
    const ended = await Promise.all([1, 2, 3].map(async (n) => (await startLooker(["works", w.root, w.home, `lane-${n}`, String(n), "60", at])).ended));
    expect(ended.map(({ code, errors }) => ({ code, errors }))).toEqual([1, 2, 3].map(() => ({ code: 0, errors: "" })));
    expect(w.store.checkpoints(w.root).filter(({ kind }) => kind === "baseline")).toHaveLength(1);
    w.keeper.look("prompt");
    tellsTheTruth(w);
    expect(locksIn(w.home)).toEqual([]);
  });

  test("a holder that is killed is not waited for; of several that find its lock all go on", { timeout: 60_000 }, async () => {
    const w = world();
    w.write("a.txt", "a");
    w.keeper.begin();
    for (let round = 0; round < 3; round++) {
      const holder = await startLooker(["holds", w.root, w.home, "60000"]);
      await holder.firstLine;
      const at = String(Date.now() + 400);
      const others = [1, 2].map(async (n) => (await startLooker(["works", w.root, w.home, `lane-${n}`, String(round), "8", at])).ended);
      await sleep(500);
      const from = Date.now();
      holder.child.kill("SIGKILL");
      const ended = await Promise.all(others);
      expect(ended.map(({ code, errors }) => ({ code, errors }))).toEqual([{ code: 0, errors: "" }, { code: 0, errors: "" }]);
      expect(Date.now() - from).toBeLessThan(8000);
    }
    w.keeper.look("prompt");
    tellsTheTruth(w);
    expect(locksIn(w.home)).toEqual([]);
  });

  test("someone who is at work is waited for, and goes first", { timeout: 20_000 }, async () => {
    const w = world();
    w.write("a.txt", "a");
    w.keeper.begin();
    const holder = await startLooker(["holds", w.root, w.home, "800"]);
    await holder.firstLine;
    const from = Date.now();
    const second = await (await startLooker(["looks", w.root, w.home])).ended;
    expect(second.code).toBe(0);
    expect(Date.now() - from).toBeGreaterThan(500);
    await holder.ended;
  });

  test("locks of those who are gone, of another start of the machine, of nobody and of our own number are taken over; of someone at work it is said", { timeout: 60_000 }, () => {
    const w = world();
    w.write("a.txt", "a");
    w.keeper.begin();
    const lock = join(w.home, "trees", `${treeKey(w.root)}.lock`);
    const options: KeeperOptions = { store: w.store, home: w.home, root: w.root, environment: {}, userHome: "/nonexistent", clock: Date.now, pid: process.pid, isAlive, patience: 300 };
    const looks = (): void => void new Keeper(options).look("prompt");
    const dead = spawnSync("true").pid;
    writeFileSync(lock, String(dead));
    looks();
    // Alive, but this lock is older than the machine is up; and one that says nothing.
    for (const [text, old] of [[String(process.ppid), new Date(0)], ["", new Date(Date.now() - 5000)], [String(process.pid), new Date()], ["no number", new Date(Date.now() - 5000)]] as const) {
      writeFileSync(lock, text);
      utimesSync(lock, old, old);
      // Without waiting for longer than its patience.
      looks();
    }
    // One who died as he was about to take it over is in nobody's way for long.
    writeFileSync(lock, String(dead));
    writeFileSync(`${lock}.turn`, String(dead));
    utimesSync(`${lock}.turn`, new Date(Date.now() - 5000), new Date(Date.now() - 5000));
    looks();
    expect(locksIn(w.home)).toEqual([]);
    writeFileSync(lock, String(process.ppid));
    expect(looks).toThrow(expect.objectContaining({ code: "TREE_BUSY", kind: "environment" }));
    rmSync(lock);
  });
});

test.each(["/", "home", "above", "below"] as const)("checkpoints of %s are refused or not, with the reason", (which) => {
  const w = world();
  const home = join(w.root, "home/me");
  const root = { "/": "/", home, above: join(w.root, "home"), below: join(home, "project") }[which];
  const make = (): Keeper => new Keeper({ store: w.store, home: w.home, root, environment: {}, userHome: home, clock: Date.now, pid: process.pid, isAlive });
  if (which === "below") expect(make().root).toBe(root);
  else expect(make).toThrow(expect.objectContaining({ code: "TREE_REFUSED", kind: "user", message: expect.stringMatching({ "/": /the root of the file system/, home: /it is your home folder/, above: /your home folder is in it/ }[which]) }));
});

test(`${KILLS} kills in the middle of looks: no checkpoint is torn, the next one goes on, and an undo still works`, { timeout: 60_000 + KILLS * 2000 }, async () => {
  const seed = seedOf("looks");
  const random = randomFrom(seed);
  const w = world();
  for (let i = 0; i < 200; i++) w.write(`there/${i % 10}/${i}.txt`, `${i}`);
  let looked = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    const worker = await startLooker(["works", w.root, w.home, `lane-${kill % 3}`, String(seed + kill), "100000"]);
    // Some are killed at their first look, or before.
    if (random() < 0.8) await worker.firstLine;
    await sleep(random() * 300);
    worker.child.kill("SIGKILL");
    const { said, errors } = await worker.ended;
    expect(errors).toBe("");
    looked += said.filter((line) => "looked" in line).length;
    if (kill % 8 !== 7) continue;
    w.keeper.look("prompt");
    tellsTheTruth(w);
  }
  w.reopen();
  w.keeper.look("prompt");
  tellsTheTruth(w);
  const before = w.tree();
  w.shell("rm -r there/3; echo agent > there/1/1.txt; echo new > there/new.txt");
  w.undo();
  expect(w.tree()).toEqual(before);
  expect(w.store.check()).toEqual([]);
  console.log(`looks: ${KILLS} kills in ${looked} looks`);
});

test("a full disk in the middle of a look is said, and nothing is taken for kept: the look after tells it all", { timeout: 60_000 }, async (context) => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "tidemark-full-")));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const tree = join(folder, "tree");
  const state = join(folder, "disk");
  const mount = `mkdir '${tree}' '${state}' && echo a > '${tree}/a.txt' && mount -t tmpfs -o size=2m tmpfs '${state}'`;
  const inNamespace = (command: string): string[] => ["--map-root-user", "--mount", "sh", "-c", command];
  const possible = spawnSync("unshare", inNamespace("true"), { encoding: "utf8" });
  if (possible.status !== 0) {
    console.warn(`NOT TESTED: a full disk; no file system of its own can be mounted here: ${possible.error?.message ?? possible.stderr}`);
    context.skip("mounting is not permitted");
  }
  const script = await lookerScript();
  const { code, errors, said } = await start("unshare", inNamespace(`${mount} && exec '${process.execPath}' '${script}' full '${tree}' '${state}/home'`)).ended;
  expect({ code, errors }).toEqual({ code: 0, errors: "" });
  const all = ["a.txt", "new-0.bin", "new-1.bin", "new-2.bin", "new-3.bin", "new-4.bin"];
  expect(said).toEqual([
    { first: [] },
    { full: ["DISK_FULL", "DISK_FULL"] },
    { half: "DISK_FULL" },
    { another: "DISK_FULL" },
    { freed: all, problems: 0, states: 6 },
    { quiet: [], size: true },
  ]);
});
