/**
 * Git repositories as a tree meets them: where one begins, which of its blobs can stand for a file's bytes, and fetching
 * those. Git is only read, its helpers are not run, and without git everything works but is captured as bytes.
 */
import { spawnSync } from "node:child_process";
import { statSync } from "node:fs";
import { join, resolve } from "node:path";
import type { TreePath } from "../checkpoint/model.ts";
import type { GitIndex, IndexEntry } from "./git-index.ts";
import { readGitIndex } from "./git-index.ts";
import { pathOf } from "./names.ts";
import { isOdd, readText } from "./read.ts";
import { withoutGit, type Environment } from "./state.ts";

export interface Repository {
  /** Its working tree. */
  readonly root: string;
  /** Where its index is; of a linked worktree its own folder. */
  readonly folder: string;
  /** Where its objects and its info/exclude are. */
  readonly common: string;
  readonly hashLength: 20 | 32;
  /**
   * False where a blob may differ from the file: line ends or filters are configured, or blobs may be missing here. A
   * file is then compared by its hash before its blob is taken for it.
   */
  readonly plain: boolean;
  /** False where blobs would have to be fetched from elsewhere. */
  readonly whole: boolean;
  /** The user's own ignore file. */
  readonly excludes: string;
}

export type Kind = "repository" | "submodule" | "worktree" | undefined;

/** What `.git` in this folder makes of it. */
export function kindOf(root: string): Kind {
  const about = statSync(join(root, ".git"), { throwIfNoEntry: false });
  if (about === undefined) return undefined;
  if (about.isDirectory()) return "repository";
  const folder = gitFolder(root);
  return folder === undefined ? undefined : /[\\/]worktrees[\\/][^\\/]+$/.test(folder) ? "worktree" : "submodule";
}

export function openRepository(root: string, environment: Environment): Repository | undefined {
  const folder = gitFolder(root);
  if (folder === undefined) return undefined;
  const common = resolve(folder, readText(join(folder, "commondir"))?.trim() ?? ".");
  // Git would wait for these.
  if ([...["HEAD", "commondir", "config.worktree"].map((name) => join(folder, name)), ...["config", "packed-refs"].map((name) => join(common, name))].some(isOdd)) return undefined;
  const config = readConfig(root, environment);
  if (config === undefined) return undefined;
  // Where no other place is set (gitignore(5), gitattributes(5)).
  const own = join(environment["XDG_CONFIG_HOME"] || join(environment["HOME"] ?? "", ".config"), "git");
  const attributes = config.get("core.attributesfile") ?? join(own, "attributes");
  const converts = isTrueOrInput(config.get("core.autocrlf")) || [join(common, "info/attributes"), attributes].some((file) => changesBytes(readText(file) ?? ""));
  return {
    root, folder, common,
    hashLength: config.get("extensions.objectformat") === "sha256" ? 32 : 20,
    plain: !converts,
    whole: config.get("extensions.partialclone") === undefined,
    excludes: config.get("core.excludesfile") ?? join(own, "ignore"),
  };
}

/** What is tracked. Where the index cannot be read here, or blobs may be missing, it vouches for no file, but still says which there are. */
export function indexOf(repository: Repository, environment: Environment): GitIndex | undefined {
  const file = join(repository.folder, "index");
  const index = readGitIndex(file, repository.hashLength) ?? listedByGit(repository, environment);
  if (index === undefined || repository.whole) return index;
  return { ...index, get: (path) => uncertain(index.get(path)), vouched: () => undefined };
}

function uncertain(entry: IndexEntry | undefined): IndexEntry | undefined {
  return entry === undefined ? undefined : { ...entry, certain: false };
}

/** A split or sparse index, or one of a later format: git is asked. Nothing where there is no index. */
function listedByGit(repository: Repository, environment: Environment): GitIndex | undefined {
  const written = indexTime(repository);
  if (written === undefined || isOdd(join(repository.folder, "index"))) return undefined;
  const { status, stdout } = git(repository.root, environment, ["ls-files", "-s", "-z"]);
  if (status !== 0) return undefined;
  const entries = new Map<TreePath, IndexEntry>();
  for (let at = 0, end = stdout.indexOf(0); end >= 0; at = end + 1, end = stdout.indexOf(0, at)) {
    const tab = stdout.indexOf(9, at);
    const [mode = "", blob = ""] = stdout.toString("latin1", at, tab).split(" ");
    const path = pathOf(stdout.subarray(tab + 1, end));
    entries.set(path, { path, blob, mode: parseInt(mode, 8), size: 0, inode: 0, mtime: 0n, ctime: 0n, certain: false });
  }
  const holds = (folder: TreePath): boolean => [...entries.keys()].some((path) => path.startsWith(`${folder}/`));
  return { has: (path) => entries.has(path), get: (path) => entries.get(path), vouched: () => undefined, holds, paths: () => entries.keys(), written };
}

export function indexTime(repository: Repository): bigint | undefined {
  return statSync(join(repository.folder, "index"), { bigint: true, throwIfNoEntry: false })?.mtimeNs;
}

/** Attributes that make git write other bytes than the blob's. `-text` and `binary` promise that it does not. */
export function changesBytes(attributes: string): boolean {
  return attributes.split("\n").some((line) => /^\s*[^#\s]\S*.*\s(?:text(?:=\S+)?|eol=\S+|crlf(?:=\S+)?|filter(?:=\S+)?|ident|working-tree-encoding=\S+)(?:\s|$)/.test(line));
}

/** The bytes of blobs that are there, by their hash. One process for all of them. */
export function readBlobs(repository: Repository, blobs: readonly string[], environment: Environment): Map<string, Buffer> {
  const found = new Map<string, Buffer>();
  if (blobs.length === 0) return found;
  const { status, stdout } = git(repository.root, environment, ["cat-file", "--batch"], `${blobs.join("\n")}\n`);
  if (status !== 0) return found;
  for (let at = 0; at < stdout.length; ) {
    const end = stdout.indexOf(10, at);
    if (end < 0) break;
    const [hash, type, size] = stdout.toString("latin1", at, end).split(" ");
    at = end + 1;
    if (type !== "blob") continue;
    found.set(hash!, Buffer.from(stdout.subarray(at, at + Number(size))));
    at += Number(size) + 1;
  }
  return found;
}

function readConfig(root: string, environment: Environment): Map<string, string> | undefined {
  const { status, stdout } = git(root, environment, ["config", "-z", "--type=path", "--get-regexp", "^(core\\.(autocrlf|attributesfile|excludesfile)|extensions\\.(objectformat|partialclone))$"]);
  // 1: none of them is set. Anything else: no git, or one that will not speak of this folder.
  if (status === 1) return new Map();
  if (status !== 0) return undefined;
  return new Map(stdout.toString("utf8").split("\0").filter((each) => each !== "").map((each) => {
    const end = each.indexOf("\n");
    return [each.slice(0, end).toLowerCase(), each.slice(end + 1)] as const;
  }));
}

/** The tree is locked meanwhile, and whatever git may be waiting for need not come, in milliseconds. */
const PATIENCE = 60_000;

/** Asks git, which may write nothing and run no program that the repository names. `more`: variables of git's own that are meant. */
export function git(root: string, environment: Environment, args: readonly string[], input: string | Uint8Array = "", more: Environment = {}): { status: number | null; stdout: Buffer } {
  // fsmonitor is a program that the repository's own configuration names; a missing blob must not be fetched over a network,
  // which versions before 2.44 know by no variable, but by a protocol that is not allowed. Grafts tell of parents that are none.
  const env = { ...withoutGit(environment), ...more, GIT_OPTIONAL_LOCKS: "0", GIT_TERMINAL_PROMPT: "0", GIT_NO_LAZY_FETCH: "1", GIT_GRAFT_FILE: "/dev/null", LC_ALL: "C" };
  const { status, stdout } = spawnSync("git", ["--no-optional-locks", "--no-replace-objects", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "protocol.allow=never", ...args], { cwd: root, env, input, maxBuffer: 1024 * 1024 * 1024, timeout: PATIENCE, killSignal: "SIGKILL", windowsHide: true });
  return { status, stdout: stdout ?? Buffer.alloc(0) };
}

function gitFolder(root: string): string | undefined {
  const path = join(root, ".git");
  const about = statSync(path, { throwIfNoEntry: false });
  if (about === undefined) return undefined;
  if (about.isDirectory()) return path;
  if (!about.isFile()) return undefined;
  const named = /^gitdir: (.+?)\s*$/.exec(readText(path) ?? "")?.[1];
  return named === undefined ? undefined : resolve(root, named);
}

function isTrueOrInput(value: string | undefined): boolean {
  return value !== undefined && !["", "false", "no", "off", "0"].includes(value.toLowerCase());
}
