/** Commits read from repositories as they come: odd names, submodules, shallow clones, grafts, large blobs. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { commitNamed, commitsSince, committedLines, headOf, readCommits, readSmallBlobs } from "./commits.ts";
import { openRepository, type Repository } from "./repository.ts";

const ENV = { PATH: process.env["PATH"] ?? "", HOME: "/nowhere", GIT_CONFIG_NOSYSTEM: "1", GIT_CONFIG_GLOBAL: "/dev/null", GIT_AUTHOR_NAME: "a", GIT_AUTHOR_EMAIL: "a@example.org", GIT_COMMITTER_NAME: "a", GIT_COMMITTER_EMAIL: "a@example.org" };

function repository(): { root: string; git: (...args: string[]) => string; commit: (message: string) => string; open: () => Repository } {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "tidemark-commits-")));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  const git = (...args: string[]): string => execFileSync("git", args, { cwd: root, env: ENV, encoding: "utf8", stdio: "pipe" }).trim();
  git("init", "-q", "-b", "main");
  const commit = (message: string): string => (git("add", "-A"), git("commit", "-q", "--allow-empty", "-m", message), git("rev-parse", "HEAD"));
  return { root, git, commit, open: () => openRepository(root, ENV)! };
}

test("names go through whatever bytes they hold, with the name a file had", () => {
  const { root, git, commit, open } = repository();
  const odd = ["new\nline.ts", ":000000 100644", "tab\there", "ä ö"];
  for (const name of odd) writeFileSync(join(root, name), `in ${name} are some words that tell it from others\n`);
  writeFileSync(Buffer.from(`${root}/na\xe4h`, "latin1"), "latin\n");
  const first = commit("odd names");
  git("mv", "tab\there", "moved");
  const second = commit("moved");
  const [one, two] = readCommits(open(), [first, second], ENV);
  expect(one!.files.map(({ path }) => path).sort()).toEqual([...odd, "na\udce4h"].sort());
  expect(two!.files).toMatchObject([{ path: "moved", from: "tab\there" }]);
  expect(commitsSince(open(), 0, ENV)).toEqual([second, first]);
  expect(commitsSince(open(), Date.now() + 3_600_000, ENV)).toEqual([]);
  expect(committedLines(open(), "ä ö", ENV)).toMatchObject({ commits: [first], texts: ["in ä ö are some words that tell it from others"] });
});

test("a merge has what differs from every parent, a submodule is left out, and so is a blob that is too large", () => {
  const { root, git, commit, open } = repository();
  const put = (text: string): void => writeFileSync(join(root, "a"), text);
  put("base\n");
  const base = commit("base");
  git("checkout", "-qb", "side");
  put("side\n");
  commit("side");
  git("checkout", "-q", "main");
  put("main\n");
  mkdirSync(join(root, "sub"));
  git("update-index", "--add", "--cacheinfo", `160000,${base},sub`);
  git("commit", "-qm", "main with a submodule", "-a");
  const main = git("rev-parse", "HEAD");
  expect(() => git("merge", "side")).toThrow();
  put("both\n");
  git("add", "a");
  git("commit", "-qm", "merged");
  const [merge, submodule] = readCommits(open(), [git("rev-parse", "HEAD"), main], ENV);
  expect(merge).toMatchObject({ subject: "merged", files: [{ path: "a", before: [expect.any(String), expect.any(String)] }] });
  expect(submodule!.files.map(({ path }) => path)).toEqual(["a"]);
  const blobs = merge!.files.flatMap(({ before, after }) => [after!, ...before.map((blob) => blob!)]);
  expect([...readSmallBlobs(open(), blobs, { most: 100, budget: 10 }, ENV).values()].map(String)).toEqual(["both\n", "main\n"]);
  expect(readSmallBlobs(open(), blobs, { most: 4, budget: 100 }, ENV).size).toBe(0);
  expect(readSmallBlobs(open(), ["0".repeat(40), ...blobs], { most: 100, budget: 100 }, ENV).size).toBe(3);
});

test("the last commit of a shallow clone is said to be cut, and a graft is not believed", () => {
  const { root, git, commit, open } = repository();
  for (const text of ["one\n", "two\n", "three\n"]) {
    writeFileSync(join(root, "a"), text);
    commit(text);
  }
  git("clone", "-q", "--depth", "1", `file://${root}`, join(root, "shallow"));
  const shallow = openRepository(join(root, "shallow"), ENV)!;
  expect(readCommits(shallow, [commitNamed(shallow, "HEAD", ENV)!], ENV)).toMatchObject([{ cut: true, files: [] }]);
  const [head, parent] = [git("rev-parse", "HEAD"), git("rev-parse", "HEAD~1")];
  const told = readCommits(open(), [head], ENV);
  mkdirSync(join(root, ".git/info"), { recursive: true });
  writeFileSync(join(root, ".git/info/grafts"), `${head}\n`);
  git("replace", parent, git("rev-parse", "HEAD"));
  expect(readCommits(open(), [head], ENV)).toEqual(told);
});

test("what is no commit is none: other names, other objects, ids that are not there, an empty repository", () => {
  const { root, git, commit, open } = repository();
  expect([commitNamed(open(), "HEAD", ENV), commitsSince(open(), 0, ENV)]).toEqual([undefined, []]);
  writeFileSync(join(root, "a"), "one\n");
  const sha = commit("one");
  git("tag", "-a", "-m", "a tag", "v1");
  expect(commitNamed(open(), "v1", ENV)).toBe(sha);
  for (const name of ["", "HEAD:a", "main..HEAD", "--all", "-x", "a\0b", "f".repeat(40), "^main"]) expect(commitNamed(open(), name, ENV), name).toBeUndefined();
  expect(readCommits(open(), ["f".repeat(40), sha], ENV).map((each) => each.sha)).toEqual([sha]);
});

test("a damaged header gives no time and no subject, and nothing fails", () => {
  expect(headOf(Buffer.from("tree x\nauthor nobody\n"))).toEqual({ parents: [], authored: 0, committed: 0, subject: "" });
  expect(headOf(Buffer.from("parent abc\nauthor a <b> 12 +0000\ncommitter a > 7 <b> 13 -0100\n\n\nwords\nmore\n"))).toEqual({ parents: ["abc"], authored: 12_000, committed: 13_000, subject: "words" });
});
