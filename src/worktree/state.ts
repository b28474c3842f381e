/**
 * The state of a working tree now: branch, commit, how much is not committed. Git is only read: HEAD from its files at
 * once, the rest by one git command that may write nothing, runs no helper of the repository, and is not waited for
 * longer than `patience`. Leaves out which tree a folder belongs to (project.ts).
 */
import { execFile } from "node:child_process";
import { statSync } from "node:fs";
import { join, resolve } from "node:path";
import { treeOf } from "./project.ts";
import { readText } from "./read.ts";

export interface TreeState {
  /** Absent where HEAD is no branch, or where there is no git. */
  readonly branch?: string;
  readonly head?: string;
  /** Changed and untracked files, an untracked folder counted once; absent where git is not there or did not answer in time. */
  readonly uncommitted?: number;
}

export type Environment = Readonly<Record<string, string | undefined>>;

export async function treeState(cwd: string, environment: Environment, patience = 300): Promise<TreeState> {
  const tree = treeOf(cwd);
  const folder = gitFolder(tree);
  if (folder === undefined) return {};
  const head = readHead(folder);
  const answer = await gitStatus(tree, environment, patience);
  return answer === undefined ? head : { ...head, ...parseStatus(answer) };
}

/** Branch and commit alone: from the files of git, and from git where it keeps them in tables. It does not look at the tree, which takes git 10 ms and more. */
export async function headOf(cwd: string, environment: Environment): Promise<Pick<TreeState, "branch" | "head">> {
  const folder = gitFolder(treeOf(cwd));
  if (folder === undefined) return {};
  const head = readHead(folder);
  return Object.keys(head).length > 0 ? head : treeState(cwd, environment);
}

/** The branch that a folder's tree is on, and those whose work it holds, by name and without their remote's. */
export async function branchesOf(cwd: string, environment: Environment, patience = 300): Promise<{ readonly own: string | undefined; readonly merged: ReadonlySet<string> }> {
  const tree = treeOf(cwd);
  const folder = gitFolder(tree);
  if (folder === undefined) return { own: undefined, merged: new Set() };
  const { branch: own } = readHead(folder);
  const answer = await git(["for-each-ref", "--merged=HEAD", "--format=%(refname)", "refs/heads", "refs/remotes"], tree, environment, patience);
  const names = (answer ?? "").split("\n").flatMap((ref) => /^refs\/(?:heads|remotes\/[^/]+)\/(.+)$/.exec(ref)?.[1] ?? []);
  return { own, merged: new Set(names.filter((name) => name !== own && name !== "HEAD")) };
}

/** here: HEAD or before it. elsewhere: git knows it, and HEAD does not hold it. gone: git does not know it. unknown: git is not there or did not answer in time. */
export type CommitState = "here" | "elsewhere" | "gone" | "unknown";

/** `commit`: 7 to 40 hex digits. */
export function commitState(cwd: string, commit: string, environment: Environment, patience = 300): Promise<CommitState> {
  const tree = treeOf(cwd);
  if (gitFolder(tree) === undefined) return Promise.resolve("unknown");
  // 1 says no; 128 that there is no such commit.
  return ask(["merge-base", "--is-ancestor", `${commit}^{commit}`, "HEAD"], tree, environment, patience).then(({ code }) => (code === 0 ? "here" : code === 1 ? "elsewhere" : code === 128 ? "gone" : "unknown"));
}

/** What `git status --porcelain=v2 --branch -z` says. */
export function parseStatus(text: string): TreeState {
  const fields = text.split("\0");
  let [branch, head, uncommitted]: [string | undefined, string | undefined, number] = [undefined, undefined, 0];
  for (let i = 0; i < fields.length; i++) {
    const field = fields[i]!;
    if (field.startsWith("# branch.oid ") && !field.endsWith("(initial)")) head = field.slice("# branch.oid ".length);
    else if (field.startsWith("# branch.head ") && !field.endsWith("(detached)")) branch = field.slice("# branch.head ".length);
    else if (/^[12u?] /.test(field)) {
      uncommitted += 1;
      // A rename is followed by a field of its own, the name it had.
      if (field.startsWith("2 ")) i += 1;
    }
  }
  return { ...(branch === undefined ? {} : { branch }), ...(head === undefined ? {} : { head }), uncommitted };
}

function gitStatus(tree: string, environment: Environment, patience: number): Promise<string | undefined> {
  // Submodules would be a git process each.
  return git(["status", "--porcelain=v2", "--branch", "-z", "--untracked-files=normal", "--ignore-submodules=dirty"], tree, environment, patience);
}

/** Undefined where git is not installed, took too long, or will not speak of this tree (another user's, damaged). */
async function git(args: readonly string[], tree: string, environment: Environment, patience: number): Promise<string | undefined> {
  const { code, out } = await ask(args, tree, environment, patience);
  return code === 0 ? out : undefined;
}

/** `code` is undefined where git did not run to its end. */
function ask(args: readonly string[], tree: string, environment: Environment, patience: number): Promise<{ readonly code: number | undefined; readonly out: string }> {
  return new Promise((done) => {
    // A promisor remote would be asked for a commit that is not here.
    const env = { ...withoutGit(environment), GIT_OPTIONAL_LOCKS: "0", GIT_TERMINAL_PROMPT: "0", GIT_NO_LAZY_FETCH: "1" };
    // fsmonitor is a program that the repository's own configuration names.
    const all = ["--no-optional-locks", "-c", "core.fsmonitor=false", ...args];
    execFile("git", all, { cwd: tree, env, timeout: patience, killSignal: "SIGKILL", maxBuffer: 16 * 1024 * 1024, encoding: "utf8", windowsHide: true }, (error, out) => done({ code: error === null ? 0 : typeof error.code === "number" ? error.code : undefined, out }));
  });
}

/** An agent started from a git hook or alias has inherited which repository that was about. */
export function withoutGit(environment: Environment): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !/^GIT_(?:DIR|WORK_TREE|INDEX_FILE|COMMON_DIR|OBJECT_DIRECTORY|NAMESPACE|PREFIX|CEILING_DIRECTORIES)$/.test(name)));
}

function gitFolder(tree: string): string | undefined {
  const git = join(tree, ".git");
  const about = statSync(git, { throwIfNoEntry: false });
  if (about === undefined) return undefined;
  if (about.isDirectory()) return git;
  const named = /^gitdir: (.+?)\s*$/.exec(readText(git) ?? "")?.[1];
  return named === undefined ? undefined : resolve(tree, named);
}

function readHead(folder: string): TreeState {
  const text = readText(join(folder, "HEAD"))?.trim() ?? "";
  const ref = /^ref: (refs\/.+)$/.exec(text)?.[1];
  if (ref === undefined) return /^[0-9a-f]{40,64}$/.test(text) ? { head: text } : {};
  // Repositories that keep refs in tables have this name in place of the branch.
  if (ref === "refs/heads/.invalid") return {};
  const common = resolve(folder, readText(join(folder, "commondir"))?.trim() ?? ".");
  const head = readText(join(common, ref))?.trim() ?? packed(common, ref);
  return { branch: ref.replace(/^refs\/heads\//, ""), ...(head === undefined || head === "" ? {} : { head }) };
}

function packed(folder: string, ref: string): string | undefined {
  const line = readText(join(folder, "packed-refs"))?.split("\n").find((each) => each.endsWith(` ${ref}`));
  return line?.split(" ")[0];
}
