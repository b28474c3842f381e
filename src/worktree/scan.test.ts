/**
 * Looks at real trees and what is taken of them: everything that can stand in a folder, changing between two looks and while
 * one goes on. The tree, the store and the keeper are real (test/tree-world.ts).
 */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { chmodSync, existsSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, renameSync, rmSync, statSync, symlinkSync, truncateSync, unlinkSync, utimesSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, expect, onTestFinished, test } from "vitest";
import type { Checkpoint } from "../checkpoint/model.ts";
import { sha256Hex } from "../base/hash.ts";
import { Keeper } from "../operations/keeper.ts";
import { openCheckpointStore } from "../store/sqlite/checkpoints.ts";
import { nobodyIsKeptOut, removeLooker, runLooker } from "../../test/damage/lookers.ts";
import { treeWorld, type TreeWorld } from "../../test/tree-world.ts";
import { LIMITS } from "./capture.ts";
import { bytesOf, onDisk, pathOf } from "./names.ts";

afterAll(removeLooker);

const world = (options?: { git?: boolean }): TreeWorld => treeWorld(onTestFinished, options);

const PAST = new Date(Date.now() - 3_600_000);

/** A tree without git that was looked at, long enough ago that nothing in it is young. */
function old(files: Record<string, string>): TreeWorld {
  const w = world({ git: false });
  for (const [path, text] of Object.entries(files)) {
    w.write(path, text);
    utimesSync(join(w.root, path), PAST, PAST);
  }
  w.keeper.begin();
  return w;
}

const paths = (w: TreeWorld, sealed: readonly Checkpoint[]): string[] => sealed.flatMap(({ seq }) => w.store.changes(seq).map(({ path, before, after }) => `${path}: ${kind(before)} > ${kind(after)}`)).sort();
const kind = (state: unknown): string => (typeof state === "string" ? state : (state as { type: string }).type);
const contentOf = (w: TreeWorld, path: string): string | undefined => {
  const state = w.keeper.stateOf(path);
  return typeof state === "string" ? state : Buffer.from(w.store.content(state.content)!).toString();
};

test("nothing changed, nothing sealed, however often it is looked at", () => {
  const w = old({ "a.ts": "a", "deep/b.ts": "b" });
  for (let i = 0; i < 3; i++) expect(w.keeper.look("prompt")).toEqual([]);
  w.reopen();
  expect(w.keeper.look("prompt")).toEqual([]);
});

test("an edit of the same size with the same time is seen by its change time; by its inode where a file was replaced", () => {
  const w = old({ "a.ts": "aaaa", "b.ts": "bbbb" });
  writeFileSync(join(w.root, "a.ts"), "AAAA");
  utimesSync(join(w.root, "a.ts"), PAST, PAST);
  writeFileSync(join(w.root, "new"), "BBBB");
  utimesSync(join(w.root, "new"), PAST, PAST);
  renameSync(join(w.root, "new"), join(w.root, "b.ts"));
  expect(paths(w, w.keeper.look("prompt"))).toEqual(["a.ts: file > file", "b.ts: file > file"]);
  expect([contentOf(w, "a.ts"), contentOf(w, "b.ts")]).toEqual(["AAAA", "BBBB"]);
});

test("a young file whose times say nothing is read again until it is old", () => {
  const w = old({ "a.ts": "aaaa" });
  w.write("a.ts", "bbbb");
  w.keeper.look("prompt");
  // As a clock that ticks every two seconds would leave it: other bytes, and the times that were there. `touch` cannot set
  // the time of change, so what the manifest remembers is bent instead of the file.
  const stamp = statSync(join(w.root, "a.ts"), { bigint: true });
  writeFileSync(join(w.root, "a.ts"), "cccc");
  const now = statSync(join(w.root, "a.ts"), { bigint: true });
  expect(now.ino).toBe(stamp.ino);
  expect(paths(w, w.keeper.look("prompt"))).toEqual(["a.ts: file > file"]);
  expect(contentOf(w, "a.ts")).toBe("cccc");
});

test("file, link and folder in each other's place", () => {
  const w = old({ file: "f", "folder/in/side": "i", "folder/b": "b", other: "o" });
  symlinkSync("other", join(w.root, "link"));
  symlinkSync("nowhere", join(w.root, "dangling"));
  symlinkSync("folder", join(w.root, "to-folder"));
  expect(paths(w, w.keeper.look("prompt"))).toEqual(["dangling: absent > link", "link: absent > link", "to-folder: absent > link"]);
  const before = w.tree();
  const sealed = w.shell("rm file && mkdir -p file/x && echo 1 > file/x/y; rm -r folder && echo 2 > folder; rm link && cp other link; rm dangling && ln -s elsewhere dangling; rm to-folder && mkdir to-folder && echo 3 > to-folder/z");
  expect(paths(w, sealed)).toEqual([
    "dangling: link > link", "file/x/y: absent > file", "file: file > absent", "folder/b: file > absent", "folder/in/side: file > absent", "folder: absent > file",
    "link: link > file", "to-folder/z: absent > file", "to-folder: link > absent",
  ]);
  w.undo();
  expect(w.tree()).toEqual(before);
  const again = w.shell("rm -r folder && ln -s other folder; rm link && mkdir link && echo 4 > link/l");
  expect(paths(w, again)).toEqual(["folder/b: file > absent", "folder/in/side: file > absent", "folder: absent > link", "link/l: absent > file", "link: link > absent"]);
  w.undo();
  expect(w.tree()).toEqual(before);
});

test("a pipe and a socket are said and not read, new or in a file's place, and said no longer once they are gone", { timeout: 10_000 }, async () => {
  const w = old({ "a.ts": "a", "b.ts": "b", "deep/c.ts": "c" });
  const server = createServer().listen(join(w.root, "deep/socket"));
  onTestFinished(() => void server.close());
  await new Promise((done) => server.once("listening", done));
  execFileSync("mkfifo", [join(w.root, "pipe")]);
  unlinkSync(join(w.root, "b.ts"));
  execFileSync("mkfifo", [join(w.root, "b.ts")]);
  const [reason, from] = ["no file (a pipe, socket or device)", Date.now()];
  const sealed = w.shell("echo agent > a.ts");
  expect(Date.now() - from).toBeLessThan(3000);
  expect(w.keeper.uncovered().sort((a, b) => (a.path < b.path ? -1 : 1))).toEqual(["b.ts", "deep/socket", "pipe"].map((path) => ({ path, reason })));
  // A folder that is young is listed again, and says again what cannot be looked at in it.
  expect([...new Set(w.store.checkpoints(w.root).flatMap(({ coverage }) => coverage.skipped.map(({ path }) => path)))].sort()).toEqual(["b.ts", "deep/socket", "pipe"]);
  expect(sealed.at(-1)!.actor.by).toBe("agent");
  w.undo();
  expect(w.read("a.ts")).toBe("a");
  expect(lstatSync(join(w.root, "b.ts")).isFIFO()).toBe(true);
  for (const name of ["pipe", "b.ts"]) rmSync(join(w.root, name));
  w.keeper.look("prompt");
  expect(w.keeper.uncovered()).toEqual([{ path: "deep/socket", reason }]);
  rmSync(join(w.root, "deep"), { recursive: true });
  w.keeper.look("prompt");
  expect(w.keeper.uncovered()).toEqual([]);
});

test("files over the limit are said and never taken away; one that grows beyond it, and comes back, is as well", () => {
  const w = old({ "a.ts": "a", "grows.bin": "small" });
  writeFileSync(join(w.root, "huge.bin"), "");
  truncateSync(join(w.root, "huge.bin"), LIMITS.file + 1);
  truncateSync(join(w.root, "grows.bin"), LIMITS.file + 1);
  w.keeper.look("prompt");
  const reason = "larger than 50 MiB";
  expect(w.keeper.uncovered()).toEqual([{ path: "grows.bin", reason }, { path: "huge.bin", reason }]);
  w.shell("printf agent > a.ts; printf x >> huge.bin; printf shrunk > grows.bin");
  expect(w.keeper.uncovered()).toEqual([{ path: "huge.bin", reason }]);
  const { plan } = w.undo();
  expect(w.read("a.ts")).toBe("a");
  expect(statSync(join(w.root, "huge.bin")).size).toBe(LIMITS.file + 2);
  // What it was before is not known, so it cannot come back, and it is said.
  expect(w.read("grows.bin")).toBe("shrunk");
  expect(plan.find(({ path }) => path === "grows.bin")?.action).not.toBe("write");
});

test("a large file is copied, not held, and comes back", () => {
  const w = old({ "a.ts": "a" });
  const bytes = Buffer.alloc(3 * 1024 * 1024, "large file ");
  w.write("large.bin", bytes);
  w.keeper.look("prompt");
  w.shell("printf changed | dd of=large.bin bs=1 seek=2000000 conv=notrunc status=none; cp large.bin copy.bin");
  w.undo();
  expect(readFileSync(join(w.root, "large.bin")).equals(bytes)).toBe(true);
  expect(existsSync(join(w.root, "copy.bin"))).toBe(false);
  expect(w.store.check()).toEqual([]);
});

test("names that are no UTF-8, of files and of folders, come back to the byte", () => {
  const w = old({ "a.ts": "a" });
  const at = (...bytes: number[]): Buffer => Buffer.concat([Buffer.from(`${w.root}/`), Buffer.from(bytes)]);
  mkdirSync(at(0x64, 0xe4, 0xff));
  mkdirSync(at(0x64, 0xe4, 0xff, 0x2f, 0x80));
  writeFileSync(at(0x64, 0xe4, 0xff, 0x2f, 0x80, 0x2f, 0xc3), "deep\n");
  writeFileSync(at(0x64, 0xe4, 0xff, 0x2f, 0x61), "plain\n");
  writeFileSync(at(0x64, 0xe4, 0xff, 0x2f, 0x2e, 0x67, 0x69, 0x74, 0x69, 0x67, 0x6e, 0x6f, 0x72, 0x65), "*.log\n");
  writeFileSync(at(0x64, 0xe4, 0xff, 0x2f, 0x78, 0x2e, 0x6c, 0x6f, 0x67), "left out\n");
  symlinkSync(Buffer.from([0xff]), at(0x6c, 0xfe));
  w.keeper.look("prompt");
  const folder = pathOf(Buffer.from([0x64, 0xe4, 0xff]));
  expect([...w.keeper.states().keys()].sort()).toEqual(["a.ts", `${folder}/.gitignore`, `${folder}/a`, `${folder}/${pathOf(Buffer.from([0x80]))}/${pathOf(Buffer.from([0xc3]))}`, pathOf(Buffer.from([0x6c, 0xfe]))].sort());
  const before = w.tree();
  w.reopen();
  expect(w.keeper.look("prompt")).toEqual([]);
  w.shell("rm -rf d* l*");
  w.undo();
  expect(w.tree()).toEqual({ ...before, [Object.keys(before).find((name) => name.endsWith("x.log"))!]: undefined });
  expect(bytesOf(folder)).toEqual(Buffer.from([0x64, 0xe4, 0xff]));
  expect(lstatSync(onDisk(w.root, folder)).isDirectory()).toBe(true);
});

test("folders three hundred deep, and deeper than a path may be long", () => {
  const w = old({ "a.ts": "a" });
  const deep = Array.from({ length: 300 }, () => "d").join("/");
  w.write(`${deep}/bottom.ts`, "bottom");
  const far = Array.from({ length: 60 }, () => "n".repeat(100)).join(" ").split(" ");
  execFileSync("bash", ["-c", `for name in ${far.join(" ")}; do mkdir "$name" && cd "$name" || exit 1; done; echo x > x`], { cwd: w.root });
  onTestFinished(() => void spawnSync("rm", ["-rf", join(w.root, far[0]!)]));
  w.keeper.look("prompt");
  expect(contentOf(w, `${deep}/bottom.ts`)).toBe("bottom");
  expect(w.keeper.uncovered().map(({ reason }) => reason)).toEqual(["cannot be looked at (ENAMETOOLONG)"]);
  w.shell("rm -r d; echo agent > a.ts");
  w.undo();
  expect(w.read(`${deep}/bottom.ts`)).toBe("bottom");
  expect(w.read("a.ts")).toBe("a");
});

test("a folder that is renamed takes its files along, both ways, and is taken back whole", () => {
  const w = old({ "src/a.ts": "a", "src/deep/b.ts": "b", "src/deep/er/c.ts": "c" });
  const before = w.tree();
  const sealed = w.shell("mv src lib && mv lib/deep lib/flat");
  expect(paths(w, sealed)).toEqual(["lib/a.ts: absent > file", "lib/flat/b.ts: absent > file", "lib/flat/er/c.ts: absent > file", "src/a.ts: file > absent", "src/deep/b.ts: file > absent", "src/deep/er/c.ts: file > absent"]);
  w.undo();
  expect(w.tree()).toEqual(before);
});

test("what comes in from where nothing is kept, or is no longer ignored, is never deleted by an undo", async () => {
  const w = world();
  w.write(".gitignore", "out/\n*.log\n");
  w.write("a.ts", "a");
  w.write("out/precious.txt", "mine, for years\n");
  w.write("node_modules/pkg/patched.js", "mine as well\n");
  w.write("run.log", "a week of it\n");
  w.write("deep/run.log", "another\n");
  const outside = mkdtempSync(join(realpathSync(tmpdir()), "tidemark-outside-"));
  onTestFinished(() => rmSync(outside, { recursive: true, force: true }));
  writeFileSync(join(outside, "elsewhere.txt"), "from elsewhere\n");
  // What is made within a tick of the clock before a look cannot be told from what is made right after it.
  await sleep(60);
  w.keeper.begin();
  w.keeper.look("prompt");
  w.shell(`mv out/precious.txt kept.txt; mv node_modules/pkg vendored; mv run.log run.txt; mv ${outside}/elsewhere.txt .; echo > .gitignore; echo new > made.txt`);
  const { plan } = w.undo();
  expect([w.read("kept.txt"), w.read("vendored/patched.js"), w.read("run.txt"), w.read("deep/run.log")]).toEqual(["mine, for years\n", "mine as well\n", "a week of it\n", "another\n"]);
  expect(plan.filter(({ action }) => action === "delete").map(({ path }) => path)).not.toContain("deep/run.log");
  expect(existsSync(join(w.root, "elsewhere.txt"))).toBe(true);
  expect(existsSync(join(w.root, "made.txt"))).toBe(false);
  expect(w.read(".gitignore")).toBe("out/\n*.log\n");
});

test("a file that is written to while it is read is whole or said, and once it rests it is taken as it is", { timeout: 60_000 }, async () => {
  const w = old({ "a.ts": "a" });
  const [small, large] = [join(w.root, "small.txt"), join(w.root, "large.bin")];
  const script = `
    const fs = require("node:fs");
    for (let n = 0; ; n++) {
      const letter = String.fromCharCode(97 + n % 26);
      const file = fs.openSync(process.argv[1], "r+"), big = fs.openSync(process.argv[2], "r+");
      for (let at = 0; at < 400_000; at += 50_000) fs.writeSync(file, letter.repeat(50_000), at);
      fs.ftruncateSync(file, 300_000 + n % 7 * 10_000);
      for (let at = 0; at < 2_000_000; at += 100_000) fs.writeSync(big, letter.repeat(100_000), at);
      fs.closeSync(file); fs.closeSync(big);
    }`;
  for (const file of [small, large]) writeFileSync(file, "");
  const writer = spawn(process.execPath, ["-e", script, small, large], { stdio: ["ignore", "ignore", "inherit"] });
  await sleep(150);
  let torn = 0;
  for (const until = Date.now() + 2500; Date.now() < until; ) {
    w.keeper.look("prompt");
    torn += w.keeper.uncovered().filter(({ reason }) => reason === "changed while it was read").length;
    for (const path of ["small.txt", "large.bin"]) {
      const state = w.keeper.stateOf(path);
      if (typeof state === "object") expect(w.store.content(state.content)!.length).toBe(state.size);
    }
  }
  writer.kill("SIGKILL");
  await new Promise((done) => writer.once("exit", done));
  w.keeper.look("prompt");
  expect(w.keeper.uncovered()).toEqual([]);
  for (const path of ["small.txt", "large.bin"]) expect((w.keeper.stateOf(path) as { content: string }).content).toBe(`sha256:${sha256Hex(readFileSync(join(w.root, path)))}`);
  expect(w.store.check()).toEqual([]);
  if (torn === 0) console.warn("the writer was never met while it wrote");
});

test("a file and a folder that may not be read are said, cost the rest nothing, and are never taken for gone", async ({ skip }) => {
  const why = await nobodyIsKeptOut();
  if (why !== undefined) process.stderr.write(`\n*** SKIPPED: files that may not be read: ${why}\n\n`);
  skip(why !== undefined, why);
  const w = old({ "a.ts": "a", "secret/in.ts": "in", "half/in.ts": "half", "b.ts": "b" });
  const secret = [join(w.root, "secret"), join(w.root, "b.ts")];
  for (const path of secret) chmodSync(path, 0);
  chmodSync(join(w.root, "half"), 0o444);
  writeFileSync(join(w.root, "a.ts"), "changed");
  const said = await runLooker(["looks", w.root, w.home], { asNobody: true });
  expect(said).toEqual({
    // It was changed to what cannot be read, and is not taken for what it was; in folders that are closed nothing is known to have changed.
    sealed: [["a.ts", "b.ts"]],
    uncovered: ["b.ts", "half/in.ts", "secret", "secret/in.ts"].map((path) => ({ path, reason: "may not be read" })),
    states: { "a.ts": "file", "b.ts": "unknown", "half/in.ts": "file", "secret/in.ts": "file" },
  });
  for (const [path, mode] of [["secret", 0o755], ["b.ts", 0o644], ["half", 0o755]] as const) chmodSync(join(w.root, path), mode);
  expect(await runLooker(["looks", w.root, w.home], { asNobody: true })).toEqual({ sealed: [["b.ts"]], uncovered: [], states: { "a.ts": "file", "b.ts": "file", "half/in.ts": "file", "secret/in.ts": "file" } });
});

test("another process's checkpoints are caught up with, not looked for again", () => {
  const w = old({ "a.ts": "a", "folder/b.ts": "b", "gone/c.ts": "c" });
  const other = new Keeper({ store: w.store, home: w.home, root: w.root, environment: { PATH: process.env["PATH"] ?? "" }, userHome: "/nonexistent", clock: Date.now, pid: process.pid, isAlive: () => true });
  other.begin();
  w.shell("echo A > a.ts; rm -r gone; echo f > gone; mkdir -p new/er; echo n > new/er/n.ts; rm -r folder; ln -s a.ts folder; chmod 755 a.ts");
  expect([...other.states()].sort()).toEqual([...w.keeper.states()].sort());
  expect(other.look("prompt")).toEqual([]);
  // Both go on, in turns.
  for (let i = 0; i < 6; i++) {
    w.write(i % 3 === 0 ? "a.ts" : `turn-${i}/x.ts`, `turn ${i}\n`);
    expect((i % 2 === 0 ? other : w.keeper).look("prompt")).toHaveLength(1);
    expect((i % 2 === 0 ? w.keeper : other).look("prompt")).toEqual([]);
  }
  other.save();
  expect([...other.states()].sort()).toEqual([...w.keeper.states()].sort());
});

test("a manifest that is torn, of another store or gone: everything is taken up anew, and what was changed is told", () => {
  for (const damage of ["torn", "bent", "gone", "another's"] as const) {
    const w = old({ "a.ts": "a", "b.ts": "b" });
    w.edit("a.ts", "agent");
    w.keeper.save();
    const folder = join(w.home, "trees");
    const file = join(folder, execFileSync("ls", [folder], { encoding: "utf8" }).split("\n").find((name) => name.endsWith(".manifest"))!);
    const bytes = readFileSync(file);
    if (damage === "torn") writeFileSync(file, bytes.subarray(0, bytes.length / 2));
    if (damage === "bent") writeFileSync(file, Buffer.from(bytes).fill(0x20, 40, 60));
    if (damage === "gone") rmSync(file);
    w.write("b.ts", "mine, while nobody looked");
    if (damage === "another's") {
      const home = join(w.home, "second");
      const store = openCheckpointStore(home);
      onTestFinished(() => store.close());
      mkdirSync(join(home, "trees"));
      writeFileSync(join(home, "trees", file.slice(file.lastIndexOf("/") + 1)), bytes);
      const keeper = new Keeper({ store, home, root: w.root, environment: {}, userHome: "/nonexistent", clock: Date.now, pid: process.pid, isAlive: () => true });
      keeper.look("prompt");
      expect(store.checkpoints(w.root).map(({ kind: what }) => what)).toEqual(["baseline"]);
      continue;
    }
    w.reopen();
    w.keeper.begin();
    w.keeper.look("prompt");
    w.undo();
    expect([damage, w.read("a.ts"), w.read("b.ts")]).toEqual([damage, "a", "mine, while nobody looked"]);
  }
});
