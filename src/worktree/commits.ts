/**
 * Commits as far as their content goes: which blobs stood at which paths before and after, and when it was committed. Read
 * from the user's repository by git's plumbing, which heeds neither pagers nor aliases nor signatures; no filter, no hook and
 * no text conversion runs, grafts and replacements are not believed. Names go through as bytes. Leaves out whose work it is.
 */
import { join } from "node:path";
import type { TreePath } from "../checkpoint/model.ts";
import { pathOf } from "./names.ts";
import { readText } from "./read.ts";
import { git, type Repository } from "./repository.ts";
import type { Environment } from "./state.ts";

export interface ChangedFile {
  readonly path: TreePath;
  /** The name it had, where git takes it for the same file. */
  readonly from?: TreePath;
  /** Blobs, one for each parent; undefined where there was no file. */
  readonly before: readonly (string | undefined)[];
  readonly after: string | undefined;
}

export interface Commit {
  readonly sha: string;
  readonly parents: readonly string[];
  /** Milliseconds since 1970. */
  readonly authored: number;
  readonly committed: number;
  readonly subject: string;
  /** Of a merge only those that differ from every parent. Submodules are left out. */
  readonly files: readonly ChangedFile[];
  /** Its parents are not in this shallow clone, so what it changed cannot be told. */
  readonly cut: boolean;
}

/** A commit by any name git has for it; undefined where there is none, or several. */
export function commitNamed(repository: Repository, name: string, environment: Environment): string | undefined {
  if (name.includes("\0")) return undefined;
  const { status, stdout } = git(repository.root, environment, ["rev-parse", "--verify", "--quiet", "--end-of-options", `${name}^{commit}`]);
  const sha = stdout.toString("latin1").trim();
  return status === 0 && SHA.test(sha) ? sha : undefined;
}

/** Every commit since then that branches, tags and HEAD lead to, newest first. Asking git for those of some paths takes longer than reading what all of them changed. */
export function commitsSince(repository: Repository, since: number, environment: Environment): string[] {
  const bound = since > 0 ? [`--since=${Math.floor(since / 1000)}`] : [];
  const head = commitNamed(repository, "HEAD", environment) === undefined ? [] : ["HEAD"];
  const { status, stdout } = git(repository.root, environment, ["rev-list", ...bound, "--branches", "--tags", "--remotes", ...head]);
  return status === 0 ? stdout.toString("latin1").split("\n").filter((line) => SHA.test(line)) : [];
}

export function readCommits(repository: Repository, shas: readonly string[], environment: Environment): Commit[] {
  if (shas.length === 0) return [];
  const heads = headersOf(repository, shas, environment);
  const files = filesOf(repository, shas.filter((sha) => heads.has(sha)), environment);
  const cut = new Set((readText(join(repository.common, "shallow")) ?? "").split("\n"));
  return shas.flatMap((sha) => {
    const head = heads.get(sha);
    if (head === undefined) return [];
    const isCut = cut.has(sha);
    return [{ sha, ...head, cut: isCut, files: isCut ? [] : (files.get(sha) ?? []) }];
  });
}

/** What the index holds that HEAD does not. `index`: the one that git names to a hook. */
export function stagedFiles(repository: Repository, environment: Environment): ChangedFile[] {
  const head = commitNamed(repository, "HEAD", environment);
  const named = environment["GIT_INDEX_FILE"];
  const { status, stdout } = git(repository.root, environment, ["diff-index", "--cached", "-z", "-r", "--raw", "-M", MOST_RENAMES, head ?? emptyTree(repository)], "", named === undefined || named === "" ? {} : { GIT_INDEX_FILE: named });
  return status === 0 ? (parseRaw(stdout).get("") ?? []) : [];
}

export interface Blame {
  /** The commit of each line, in order. */
  readonly commits: readonly string[];
  /** The committed text of each line, without its end. */
  readonly texts: readonly string[];
}

/** Of the file as HEAD has it; undefined where it has none, or it cannot be told. */
export function committedLines(repository: Repository, path: TreePath, environment: Environment): Blame | undefined {
  // A name that is no UTF-8 cannot be given as an argument.
  if (!path.isWellFormed()) return undefined;
  const { status, stdout } = git(repository.root, environment, ["-c", "blame.ignoreRevsFile=", "--literal-pathspecs", "blame", "--porcelain", "--no-progress", "--no-textconv", "HEAD", "--", path]);
  if (status !== 0) return undefined;
  const [commits, texts]: [string[], string[]] = [[], []];
  let commit = "";
  for (let at = 0, end = stdout.indexOf(10); end >= 0; at = end + 1, end = stdout.indexOf(10, at)) {
    if (stdout[at] === TAB) {
      commits.push(commit);
      texts.push(stdout.toString("utf8", at + 1, end));
    } else commit = /^([0-9a-f]{40,64}) \d+ \d+/.exec(stdout.toString("latin1", at, Math.min(end, at + 100)))?.[1] ?? commit;
  }
  return { commits, texts };
}

/** Bytes of blobs up to `most` each and `budget` in all, in the order given; the others are left out. */
export function readSmallBlobs(repository: Repository, blobs: readonly string[], { most, budget }: { readonly most: number; readonly budget: number }, environment: Environment): Map<string, Buffer> {
  const unique = [...new Set(blobs)];
  const found = new Map<string, Buffer>();
  if (unique.length === 0) return found;
  const sizes = git(repository.root, environment, ["cat-file", "--batch-check=%(objectname) %(objecttype) %(objectsize)"], `${unique.join("\n")}\n`);
  let left = budget;
  const wanted = sizes.stdout.toString("latin1").split("\n").flatMap((line) => {
    const [blob, type, size] = line.split(" ");
    if (type !== "blob" || Number(size) > most || Number(size) > left) return [];
    left -= Number(size);
    return [blob!];
  });
  if (wanted.length === 0) return found;
  for (const { name, type, bytes } of batch(repository, wanted, environment)) if (type === "blob") found.set(name, Buffer.from(bytes));
  return found;
}

const SHA = /^[0-9a-f]{40}(?:[0-9a-f]{24})?$/;
const TAB = 9;
/** Files among which renames are looked for: it costs the square. */
const MOST_RENAMES = "-l400";

/** Git's id of a tree without files, by the format of ids. */
function emptyTree({ hashLength }: Repository): string {
  return hashLength === 20 ? "4b825dc642cb6eb9a060e54bf8d69288fbee4904" : "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321";
}

function* batch(repository: Repository, names: readonly string[], environment: Environment): Generator<{ readonly name: string; readonly type: string; readonly bytes: Buffer }> {
  const { stdout } = git(repository.root, environment, ["cat-file", "--batch"], `${names.join("\n")}\n`);
  for (let at = 0; at < stdout.length; ) {
    const end = stdout.indexOf(10, at);
    if (end < 0) return;
    const [name = "", type = "", size] = stdout.toString("latin1", at, end).split(" ");
    at = end + 1;
    // "missing": nothing follows.
    if (size === undefined) continue;
    yield { name, type, bytes: stdout.subarray(at, at + Number(size)) };
    at += Number(size) + 1;
  }
}

type Head = Pick<Commit, "parents" | "authored" | "committed" | "subject">;

function headersOf(repository: Repository, shas: readonly string[], environment: Environment): Map<string, Head> {
  const heads = new Map<string, Head>();
  for (const { name, type, bytes } of batch(repository, shas, environment)) if (type === "commit") heads.set(name, headOf(bytes));
  return heads;
}

/** A commit object (gitformat-commit): headers, an empty line, the message. */
export function headOf(bytes: Buffer): Head {
  const end = bytes.indexOf("\n\n");
  const lines = bytes.toString("latin1", 0, end < 0 ? bytes.length : end).split("\n");
  const time = (name: string): number => Number(/> (-?\d+) [+-]\d+$/.exec(lines.find((line) => line.startsWith(`${name} `)) ?? "")?.[1] ?? 0) * 1000;
  const message = end < 0 ? "" : bytes.toString("utf8", end + 2, Math.min(bytes.length, end + 2 + 4000)).trimStart();
  return { parents: lines.flatMap((line) => /^parent ([0-9a-f]+)$/.exec(line)?.[1] ?? []), authored: time("author"), committed: time("committer"), subject: message.split("\n", 1)[0]!.trim() };
}

function filesOf(repository: Repository, shas: readonly string[], environment: Environment): Map<string, ChangedFile[]> {
  // Renames are told by content: where blobs may be missing, only those of the same blob are.
  const renames = repository.whole ? ["-M", MOST_RENAMES] : ["-M100%"];
  const { status, stdout } = git(repository.root, environment, ["diff-tree", "--stdin", "-z", "-r", "--root", "--raw", "-c", ...renames], `${shas.join("\n")}\n`);
  return status === 0 ? parseRaw(stdout) : new Map();
}

/** What diff-tree prints with -z: a commit's id, then for each file ":modes blobs status", its name, and of a rename the new one. */
export function parseRaw(bytes: Buffer): Map<string, ChangedFile[]> {
  const commits = new Map<string, ChangedFile[]>();
  let files: ChangedFile[] = [];
  commits.set("", files);
  let at = 0;
  const field = (): Buffer => {
    const end = bytes.indexOf(0, at);
    const part = bytes.subarray(at, end < 0 ? bytes.length : end);
    at = end < 0 ? bytes.length : end + 1;
    return part;
  };
  while (at < bytes.length) {
    const words = field().toString("latin1").trim();
    const colons = /^:+/.exec(words)?.[0].length ?? 0;
    if (colons === 0) {
      commits.set(words, (files = []));
      continue;
    }
    const [modes, blobs, status] = splitRaw(words.slice(colons).split(" "), colons);
    const first = pathOf(field());
    const renamed = colons === 1 && /^[RC]/.test(status);
    const path = renamed ? pathOf(field()) : first;
    if (modes.includes("160000")) continue;
    const there = blobs.map((blob) => (/^0+$/.test(blob) ? undefined : blob));
    files.push({ path, ...(renamed ? { from: first } : {}), before: there.slice(0, -1), after: there.at(-1) });
  }
  return commits;
}

function splitRaw(words: readonly string[], parents: number): [modes: readonly string[], blobs: readonly string[], status: string] {
  return [words.slice(0, parents + 1), words.slice(parents + 1, 2 * parents + 2), words[2 * parents + 2] ?? ""];
}
