/**
 * An ordinary commit of a tree as it was, written into the user's repository because the user asked for it: the only place
 * where anything is written there. Objects and one ref are added; index, HEAD, working tree, reflogs and configuration stay
 * as they are, no hook and no filter runs, and bytes are taken as they are.
 *
 * What git would not commit itself is left out and named: what it ignores (a checkpoint holds small local settings, which
 * may be secrets), repositories in the tree, and what a commit cannot hold.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { TidemarkError } from "../base/errors.ts";
import type { TreePath, Version } from "../checkpoint/model.ts";
import { bytesOf, pathOf } from "./names.ts";
import { withoutGit, type Environment } from "./state.ts";

export interface GitExport {
  /** The tree: a repository's working tree. */
  readonly root: string;
  /** "name" for refs/heads/name, or a whole one of a branch or tag. */
  readonly ref: string;
  readonly force: boolean;
  readonly message: string;
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly files: ReadonlyMap<TreePath, Version>;
  /** Files of repositories in the tree, which are theirs to commit. */
  readonly isInner: (path: TreePath) => boolean;
  /** Bytes of a content that is not a blob of this repository; undefined where they are gone. */
  readonly read: (path: TreePath, version: Version) => Uint8Array | undefined;
  /** A folder of ours for temporary files. */
  readonly scratch: string;
  readonly environment: Environment;
}

export interface GitExported {
  readonly ref: string;
  readonly commit: string;
  readonly parent?: string;
  readonly files: number;
  readonly leftOut: readonly { readonly path: TreePath; readonly reason: string }[];
}

export function exportToGit(options: GitExport): GitExported {
  const git = new Git(options.root, options.environment);
  const ref = refOf(git, options.ref);
  const existing = refuse(git, ref, options.force);
  const leftOut: { path: TreePath; reason: string }[] = [];
  const wanted = [...options.files].filter(([path]) => {
    const inner = options.isInner(path);
    if (inner) leftOut.push({ path, reason: "it is in a repository of its own" });
    return !inner;
  });
  const ignored = ignoredBy(git, wanted.map(([path]) => path));
  const entries = wanted.filter(([path]) => {
    if (ignored.has(path)) leftOut.push({ path, reason: "git ignores it" });
    return !ignored.has(path);
  });
  const scratch = mkdtempSync(join(options.scratch, "export-"));
  try {
    const blobs = blobsOf(git, entries, options, scratch, leftOut);
    const own = entries.flatMap(([path, version]): Entry[] => {
      const blob = blobs.get(version.content);
      return blob === undefined ? [] : [{ path, blob, mode: version.type === "link" ? "120000" : (version.mode & 0o100) !== 0 ? "100755" : "100644" }];
    });
    const head = git.line(["rev-parse", "--verify", "--quiet", "HEAD^{commit}"]);
    const index = { GIT_INDEX_FILE: join(scratch, "index") };
    git.must(["read-tree", "--empty"], { env: index });
    const records = [...own, ...submodulesOf(git, head)].map(({ path, blob, mode }) => Buffer.concat([Buffer.from(`${mode} ${blob}\t`), bytesOf(path), Buffer.of(0)]));
    git.must(["update-index", "-z", "--index-info"], { env: index, input: Buffer.concat(records) });
    const tree = git.must(["write-tree"], { env: index });
    const commit = git.must(["commit-tree", tree, ...(head === undefined ? [] : ["-p", head]), "-F", "-"], { env: identity(git, options.time), input: options.message });
    // Only where it is still what it was a moment ago; no reflog is begun for it.
    git.must(["-c", "core.logAllRefUpdates=false", "update-ref", "--no-deref", ref, commit, existing ?? "0".repeat(commit.length)]);
    return { ref, commit, ...(head === undefined ? {} : { parent: head }), files: own.length, leftOut };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

interface Entry {
  readonly path: TreePath;
  readonly blob: string;
  readonly mode: string;
}

function refOf(git: Git, name: string): string {
  const ref = name.startsWith("refs/") ? name : `refs/heads/${name}`;
  const [, kind, own] = /^refs\/(heads|tags)\/(.*)$/s.exec(ref) ?? [];
  // What else lies there is kept by git for itself, or by others: the stash, notes, remote branches.
  if (kind === undefined || own === undefined) throw new TidemarkError("REF_REFUSED", `${name} is neither a branch nor a tag`, { hint: "Give the name of a branch, or a ref that begins with refs/heads/ or refs/tags/." });
  // A name that git reads as something else ("HEAD", "-b", "@{-1}") would be in the way of the user's commands.
  const isBranch = (): boolean => git.line(["check-ref-format", "--branch", own]) === own;
  if (["HEAD", "@"].includes(own) || own.startsWith("-") || git.run(["check-ref-format", ref]).status !== 0 || (kind === "heads" && !isBranch())) throw new TidemarkError("REF_REFUSED", `git does not allow "${name}" as the name of a branch or tag`);
  return ref;
}

/** Gives what the ref names now, which is to be replaced. */
function refuse(git: Git, ref: string, force: boolean): string | undefined {
  const checkedOut = git.must(["worktree", "list", "--porcelain"]).split("\n").filter((line) => line.startsWith("branch ")).map((line) => line.slice("branch ".length));
  // Whoever works on it would find all of the difference staged for its undoing.
  if (checkedOut.includes(ref)) throw new TidemarkError("REF_REFUSED", `${ref} is checked out; a commit that moved it would look like changes of yours`);
  // A branch to which HEAD points before it has a commit is checked out as well.
  if (git.line(["symbolic-ref", "--quiet", "HEAD"]) === ref) throw new TidemarkError("REF_REFUSED", `HEAD is on ${ref}`);
  const existing = git.line(["rev-parse", "--verify", "--quiet", ref]);
  if (existing !== undefined && !force) throw new TidemarkError("REF_REFUSED", `${ref} is there already (${existing.slice(0, 8)})`, { hint: "Give another name; with --force it is moved to the new commit." });
  return existing;
}

/** Before a name, so that none is taken for one with a meaning (":!x"); git gives back what it was given. */
const HERE = Buffer.from("./");

function ignoredBy(git: Git, paths: readonly TreePath[]): Set<TreePath> {
  if (paths.length === 0) return new Set();
  const input = Buffer.concat(paths.flatMap((path) => [HERE, bytesOf(path), Buffer.of(0)]));
  // What is tracked is not ignored, whatever the rules say: the user's index is read for it.
  const { status, stdout, stderr } = git.run(["check-ignore", "-z", "--stdin"], { input });
  if (status !== 0 && status !== 1) throw failed("check-ignore", stderr);
  const ignored = new Set<TreePath>();
  for (let at = 0; at < stdout.length; ) {
    const end = stdout.indexOf(0, at);
    ignored.add(pathOf(stdout.subarray(at + HERE.length, end)));
    at = end + 1;
  }
  return ignored;
}

/** Each content as a blob of the repository: those that are there by their name, the others written by one process. */
function blobsOf(git: Git, entries: readonly (readonly [TreePath, Version])[], { read }: GitExport, scratch: string, leftOut: { path: TreePath; reason: string }[]): Map<string, string> {
  const blobs = new Map<string, string>();
  const named = new Set(entries.flatMap(([, { content }]) => (content.startsWith("git:") ? [content.slice("git:".length)] : [])));
  const there = new Set(named.size === 0 ? [] : git.must(["cat-file", "--batch-check=%(objectname) %(objecttype)"], { input: `${[...named].join("\n")}\n` }).split("\n").filter((line) => line.endsWith(" blob")).map((line) => line.slice(0, line.indexOf(" "))));
  for (const blob of there) blobs.set(`git:${blob}`, blob);
  const gone = new Set<string>();
  let batch = new Map<string, Uint8Array>();
  let size = 0;
  const write = (): void => {
    if (batch.size > 0) for (const [content, blob] of written(git, batch, join(scratch, "marks"))) blobs.set(content, blob);
    [batch, size] = [new Map(), 0];
  };
  for (const [path, version] of entries) {
    const { content } = version;
    if (blobs.has(content) || batch.has(content)) continue;
    const bytes = gone.has(content) ? undefined : read(path, version);
    if (bytes === undefined) {
      gone.add(content);
      leftOut.push({ path, reason: "its bytes are no longer kept" });
      continue;
    }
    batch.set(content, bytes);
    size += bytes.length;
    if (size > TOGETHER) write();
  }
  write();
  return blobs;
}

/** Bytes that one process is handed. */
const TOGETHER = 64 * 1024 * 1024;

/** Hashes what it is handed as it is: no filter, no line ends. */
function written(git: Git, contents: ReadonlyMap<string, Uint8Array>, marks: string): [string, string][] {
  const names = [...contents.keys()];
  const stream = names.flatMap((name, i) => [Buffer.from(`blob\nmark :${i + 1}\ndata ${contents.get(name)!.length}\n`), contents.get(name)!, Buffer.from("\n")]);
  git.must(["fast-import", "--quiet", "--done", `--export-marks=${marks}`], { input: Buffer.concat([...stream, Buffer.from("done\n")]) });
  return readFileSync(marks, "utf8").split("\n").flatMap((line): [string, string][] => {
    const found = /^:(\d+) ([0-9a-f]+)$/.exec(line);
    return found === null ? [] : [[names[Number(found[1]) - 1]!, found[2]!]];
  });
}

/** Which commit of a submodule belongs to the tree is told by HEAD; its files are its own. */
function submodulesOf(git: Git, head: string | undefined): Entry[] {
  if (head === undefined) return [];
  const { status, stdout, stderr } = git.run(["ls-tree", "-r", "-z", "--full-tree", head]);
  if (status !== 0) throw failed("ls-tree", stderr);
  const entries: Entry[] = [];
  for (let at = 0; at < stdout.length; ) {
    const end = stdout.indexOf(0, at);
    const found = /^160000 commit ([0-9a-f]+)\t$/.exec(stdout.toString("latin1", at, stdout.indexOf(9, at) + 1));
    if (found !== null) entries.push({ path: pathOf(stdout.subarray(stdout.indexOf(9, at) + 1, end)), blob: found[1]!, mode: "160000" });
    at = end + 1;
  }
  return entries;
}

/** The user's own where git knows it. The commit is of when the files were so. */
function identity(git: Git, time: number): Record<string, string> {
  const known = git.run(["var", "GIT_COMMITTER_IDENT"]).status === 0 && git.run(["var", "GIT_AUTHOR_IDENT"]).status === 0;
  const nobody = { GIT_AUTHOR_NAME: "Tidemark", GIT_AUTHOR_EMAIL: "tidemark@localhost", GIT_COMMITTER_NAME: "Tidemark", GIT_COMMITTER_EMAIL: "tidemark@localhost" };
  return { ...(known ? {} : nobody), GIT_AUTHOR_DATE: `@${Math.floor(time / 1000)} +0000` };
}

interface Given {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string | Buffer;
}

class Git {
  readonly #root: string;
  readonly #env: NodeJS.ProcessEnv;

  constructor(root: string, environment: Environment) {
    this.#root = root;
    this.#env = { ...withoutGit(environment), GIT_TERMINAL_PROMPT: "0", GIT_NO_LAZY_FETCH: "1", LC_ALL: "C" };
  }

  run(args: readonly string[], { env = {}, input = "" }: Given = {}): { status: number | null; stdout: Buffer; stderr: Buffer } {
    // No hook, no monitor that the configuration names, no tidying up of the user's objects on this occasion, and no part of
    // the temporary index among them.
    const settings = ["core.fsmonitor=false", "core.hooksPath=/dev/null", "gc.auto=0", "maintenance.auto=false", "core.splitIndex=false", "feature.manyFiles=false"];
    const fixed = ["--no-replace-objects", ...settings.flatMap((setting) => ["-c", setting])];
    const { status, stdout, stderr, error } = spawnSync("git", [...fixed, ...args], { cwd: this.#root, env: { ...this.#env, ...env }, input, maxBuffer: 1024 * 1024 * 1024, windowsHide: true });
    if (error !== undefined && (error as NodeJS.ErrnoException).code === "ENOENT") throw new TidemarkError("GIT_FAILED", "git is not installed, or not on the PATH", { cause: error });
    return { status, stdout: stdout ?? Buffer.alloc(0), stderr: stderr ?? Buffer.alloc(0) };
  }

  /** What it prints, without the last line end; throws what it says where it fails. */
  must(args: readonly string[], given?: Given): string {
    const { status, stdout, stderr } = this.run(args, given);
    if (status !== 0) throw failed(args.find((word) => !word.startsWith("-") && !word.includes("="))!, stderr);
    return stdout.toString("utf8").trimEnd();
  }

  /** Undefined where there is no such thing. */
  line(args: readonly string[]): string | undefined {
    const { status, stdout } = this.run(args);
    const text = stdout.toString("utf8").trim();
    return status === 0 && text !== "" ? text : undefined;
  }
}

function failed(command: string, stderr: Buffer): TidemarkError {
  return new TidemarkError("GIT_FAILED", `git ${command} failed: ${stderr.toString("utf8").trim().split("\n").slice(-3).join(" ")}`);
}
