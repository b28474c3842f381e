/** What is known of a tree from git's files and from `git status`, without writing anything. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { headOf, parseStatus, treeState } from "./state.ts";

const OID = "0123456789abcdef0123456789abcdef01234567";

describe("what git status says", () => {
  test("branch, commit, and each changed or untracked file once", () => {
    const text = [`# branch.oid ${OID}`, "# branch.head main", "1 .M N... 100644 100644 100644 a b src/a.ts", "2 R. N... 100644 100644 100644 a b R100 new name.ts", "1 looks like an entry", "u UU N... 1 2 3 4 a b c both.ts", "? untracked/", ""].join("\0");
    expect(parseStatus(text)).toEqual({ branch: "main", head: OID, uncommitted: 4 });
  });
  test("a branch without a commit, a commit without a branch", () => {
    expect(parseStatus("# branch.oid (initial)\0# branch.head main\0")).toEqual({ branch: "main", uncommitted: 0 });
    expect(parseStatus(`# branch.oid ${OID}\0# branch.head (detached)\0`)).toEqual({ head: OID, uncommitted: 0 });
  });
});

function repository(): { tree: string; git: (...args: string[]) => string; env: NodeJS.ProcessEnv } {
  const tree = realpathSync(mkdtempSync(join(tmpdir(), "tidemark-test-")));
  onTestFinished(() => rmSync(tree, { recursive: true, force: true }));
  const env = { PATH: process.env["PATH"] ?? "", HOME: tree, GIT_CONFIG_NOSYSTEM: "1", GIT_AUTHOR_NAME: "a", GIT_AUTHOR_EMAIL: "a@example.org", GIT_COMMITTER_NAME: "a", GIT_COMMITTER_EMAIL: "a@example.org" };
  const git = (...args: string[]): string => execFileSync("git", args, { cwd: tree, env, encoding: "utf8" }).trim();
  git("init", "-q", "-b", "main");
  writeFileSync(join(tree, "a.txt"), "a\n");
  git("add", "a.txt");
  git("commit", "-qm", "a");
  return { tree, git, env };
}

describe("a repository", () => {
  test("its branch, commit and uncommitted files, seen from a folder inside", async () => {
    const { tree, git, env } = repository();
    mkdirSync(join(tree, "sub"));
    writeFileSync(join(tree, "sub/new.txt"), "new\n");
    writeFileSync(join(tree, "a.txt"), "b\n");
    expect(await treeState(join(tree, "sub"), env, 5000)).toEqual({ branch: "main", head: git("rev-parse", "HEAD"), uncommitted: 2 });
  });

  test("without git's answer HEAD is read from its files: loose, packed, detached, in a linked worktree", async () => {
    const { tree, git } = repository();
    const nothing = { PATH: "/nowhere" };
    const head = git("rev-parse", "HEAD");
    expect(await treeState(tree, nothing)).toEqual({ branch: "main", head });
    git("pack-refs", "--all");
    expect(await treeState(tree, nothing)).toEqual({ branch: "main", head });
    git("worktree", "add", "-q", "-b", "side/way", join(tree, "linked"));
    expect(await treeState(join(tree, "linked"), nothing)).toEqual({ branch: "side/way", head });
    git("checkout", "-q", "--detach");
    expect(await treeState(tree, nothing)).toEqual({ head });
    expect(await headOf(tree, nothing)).toEqual({ head });
  });

  test("the index is not rewritten, though its times are stale; which repository the caller was about does not matter", async () => {
    const { tree, env } = repository();
    const [index, other] = [join(tree, ".git/index"), repository()];
    utimesSync(join(tree, "a.txt"), new Date(), new Date(Date.now() - 60_000));
    const [before, at] = [readFileSync(index), statSync(index).mtimeMs];
    expect(await treeState(tree, { ...env, GIT_DIR: join(other.tree, ".git"), GIT_INDEX_FILE: "/nowhere" }, 5000)).toMatchObject({ uncommitted: 0 });
    expect(readFileSync(index).equals(before)).toBe(true);
    expect(statSync(index).mtimeMs).toBe(at);
  });

  test("a program that the repository names as its file monitor is not run", async () => {
    const { tree, git, env } = repository();
    const mark = join(tree, "ran");
    writeFileSync(join(tree, "monitor.sh"), `#!/bin/sh\ntouch ${mark}\n`, { mode: 0o755 });
    git("config", "core.fsmonitor", join(tree, "monitor.sh"));
    expect(await treeState(tree, env, 5000)).toMatchObject({ uncommitted: 1 });
    expect(statSync(mark, { throwIfNoEntry: false })).toBeUndefined();
  });
});

test("where refs are kept in tables, git is asked for branch and commit", async (context) => {
  const tree = realpathSync(mkdtempSync(join(tmpdir(), "tidemark-state-")));
  onTestFinished(() => rmSync(tree, { recursive: true, force: true }));
  try {
    execFileSync("git", ["init", "-q", "--ref-format=reftable", "-b", "main", tree], { stdio: "pipe" });
  } catch {
    return context.skip("this git has no tables of refs");
  }
  expect(await headOf(tree, process.env)).toEqual({ branch: "main", uncommitted: 0 });
});

test("a folder without git has no state", async () => {
  const folder = mkdtempSync(join(tmpdir(), "tidemark-test-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  expect(await treeState(folder, {})).toEqual({});
});
