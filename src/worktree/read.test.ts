/** Pipes and huge files under names that git's own files have: a look does not wait for them, and goes by what is left. */
import { execFileSync, spawn } from "node:child_process";
import { closeSync, ftruncateSync, mkdirSync, openSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { treeWorld, type TreeWorld } from "../../test/tree-world.ts";
import { projectOf } from "./project.ts";
import { treeState } from "./state.ts";

const SOON = 2500;

/** In the place of a file. Someone opens it after a while, so that a reader who waits for that fails and does not hang. */
function pipe(w: TreeWorld, ...paths: string[]): void {
  for (const path of paths) {
    rmSync(join(w.root, path), { force: true, recursive: true });
    execFileSync("mkfifo", [join(w.root, path)]);
  }
  const opener = spawn("sh", ["-c", `sleep ${SOON / 1000}; for i in 1 2 3 4 5 6 7 8 9; do for each; do exec 3<>"$each"; exec 3>&-; done; sleep 0.2; done`, "sh", ...paths.map((path) => join(w.root, path))], { stdio: "ignore" });
  onTestFinished(() => void opener.kill());
}

/** How long it takes, in milliseconds. */
function timed(work: () => void): number {
  const from = Date.now();
  work();
  return Date.now() - from;
}

test.each([
  [".git at the top", [".git"]],
  [".git in a folder", ["sub/.git"]],
  ["its own rules and attributes", [".git/info/exclude", ".git/info/attributes"]],
  ["HEAD", [".git/HEAD"]],
  ["the configuration", [".git/config"]],
  ["the index", [".git/index"]],
  ["commondir", [".git/commondir"]],
  ["the rules and attributes of a folder", ["sub/.gitignore", "sub/.gitattributes"]],
])("a pipe for %s", { timeout: 20_000 }, (_, paths) => {
  const w = treeWorld(onTestFinished);
  w.write("sub/x.txt", "x\n");
  w.write("a.txt", "a\n");
  w.git("add", "a.txt");
  mkdirSync(join(w.root, ".git/info"), { recursive: true });
  pipe(w, ...paths);
  expect(timed(() => {
    w.keeper.begin();
    w.write("sub/x.txt", "longer\n");
    w.keeper.look("prompt");
  })).toBeLessThan(SOON);
  expect(w.keeper.stateOf("sub/x.txt")).toMatchObject({ size: 7 });
});

test("a pipe that comes in the place of what was read before", { timeout: 20_000 }, () => {
  const w = treeWorld(onTestFinished);
  w.write("sub/x.txt", "x\n");
  w.git("add", "-A");
  w.git("commit", "-qm", "begin");
  w.keeper.begin();
  pipe(w, ".git/info/exclude", ".git/index", "sub/.git");
  expect(timed(() => w.keeper.look("prompt"))).toBeLessThan(SOON);
});

test("a pipe for what a hook reads: project, branch and commit", { timeout: 20_000 }, async () => {
  const w = treeWorld(onTestFinished);
  renameSync(join(w.root, ".git"), join(w.home, "git"));
  pipe(w, ".git");
  const from = Date.now();
  expect(projectOf(w.root)).toBe(w.root);
  await treeState(w.root, { PATH: process.env["PATH"] });
  expect(Date.now() - from).toBeLessThan(SOON);
});

test("a file of some gigabytes in the place of a pointer or of rules is not read", () => {
  const w = treeWorld(onTestFinished);
  w.write("sub/x.txt", "x\n");
  for (const path of ["sub/.git", ".gitignore"]) {
    const file = openSync(join(w.root, path), "w");
    ftruncateSync(file, 3 * 1024 ** 3);
    closeSync(file);
  }
  expect(timed(() => w.keeper.begin())).toBeLessThan(SOON);
  expect(w.keeper.stateOf("sub/x.txt")).toMatchObject({ size: 2 });
  expect(w.keeper.uncovered()).toContainEqual({ path: ".gitignore", reason: expect.stringMatching(/EFBIG|larger/) });
});
