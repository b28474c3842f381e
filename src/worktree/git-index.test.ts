/**
 * Indexes that git itself has written, in every format and state, read beside what git says is in them. What cannot be
 * relied on gives nothing, and no damage throws.
 */
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { parseIndex, readGitIndex, type GitIndex } from "./git-index.ts";
import { pathOf } from "./names.ts";

const GIT = { PATH: process.env["PATH"] ?? "", GIT_CONFIG_NOSYSTEM: "1", GIT_CONFIG_GLOBAL: "/dev/null", GIT_AUTHOR_NAME: "a", GIT_AUTHOR_EMAIL: "a@example.org", GIT_COMMITTER_NAME: "a", GIT_COMMITTER_EMAIL: "a@example.org" };

interface Repo {
  readonly root: string;
  readonly git: (...args: string[]) => Buffer;
  readonly put: (path: string, text: string) => void;
  readonly index: string;
  readonly read: () => GitIndex | undefined;
}

function repository(hash: "sha1" | "sha256" = "sha1"): Repo {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "tidemark-index-")));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  const git = (...args: string[]): Buffer => execFileSync("git", args, { cwd: root, env: { ...GIT, HOME: root }, stdio: ["ignore", "pipe", "pipe"] });
  git("init", "-q", "-b", "main", `--object-format=${hash}`);
  const index = join(root, ".git/index");
  return {
    root, git, index,
    put: (path, text) => {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    },
    read: () => readGitIndex(index, hash === "sha1" ? 20 : 32),
  };
}

/** Files of every kind: deep, long, with odd names, a link, one to be run. */
function filled(hash: "sha1" | "sha256" = "sha1"): Repo {
  const r = repository(hash);
  for (const path of ["a.ts", "a/b.ts", "a/b/c.ts", "a.b", "src/ä 日本/😀.ts", `long/${"n".repeat(200)}`, `${"d".repeat(120)}/${"e".repeat(120)}/${"f".repeat(120)}`, "tab\there", "line\nbreak", "run.sh", "empty"]) {
    r.put(path, path === "empty" ? "" : `${path}\n`);
  }
  writeFileSync(Buffer.concat([Buffer.from(`${r.root}/`), Buffer.from([0x6e, 0xe4, 0xff])]), "latin\n");
  symlinkSync("a.ts", join(r.root, "link"));
  execFileSync("chmod", ["755", join(r.root, "run.sh")]);
  r.git("add", "-A");
  r.git("commit", "-qm", "begin");
  return r;
}

interface Line {
  readonly mode: number;
  readonly blob: string;
  readonly stage: number;
  readonly path: string;
}

/** `git ls-files -s`, which reads the same file. */
function staged({ git }: Repo): Line[] {
  const lines: Line[] = [];
  let rest = git("ls-files", "-s", "-z");
  for (let end = rest.indexOf(0); end >= 0; rest = rest.subarray(end + 1), end = rest.indexOf(0)) {
    const tab = rest.indexOf(9);
    const [mode, blob, stage] = rest.toString("latin1", 0, tab).split(" ");
    lines.push({ mode: parseInt(mode!, 8), blob: blob!, stage: Number(stage), path: pathOf(rest.subarray(tab + 1, end)) });
  }
  return lines;
}

/** What git says that lstat said, by path; names are quoted as C strings there, so only plain ones are looked up. */
function debugged({ git }: Repo): Map<string, { ctime: bigint; mtime: bigint; inode: number; size: number }> {
  const time = (text: string): bigint => text.split(":").map(BigInt).reduce((sum, part, i) => sum + (i === 0 ? part * 1_000_000_000n : part), 0n);
  const found = new Map<string, { ctime: bigint; mtime: bigint; inode: number; size: number }>();
  for (const [, path, ctime, mtime, inode, size] of git("ls-files", "--debug").toString("utf8").matchAll(/^(\S.*)\n {2}ctime: (\S+)\n {2}mtime: (\S+)\n {2}dev: \d+\tino: (\d+)\n {2}uid: \d+\tgid: \d+\n {2}size: (\d+)/gm)) {
    found.set(path!, { ctime: time(ctime!), mtime: time(mtime!), inode: Number(inode), size: Number(size) });
  }
  return found;
}

function agrees(r: Repo): void {
  const index = r.read();
  expect(index).toBeDefined();
  const lines = staged(r);
  expect([...index!.paths()].sort()).toEqual([...new Set(lines.map(({ path }) => path))].sort());
  for (const { path, mode, blob, stage } of lines) {
    expect(index!.has(path)).toBe(true);
    if (stage !== 0) continue;
    expect({ path, mode: index!.get(path)!.mode, blob: index!.get(path)!.blob }).toEqual({ path, mode, blob });
  }
  let compared = 0;
  for (const [path, { ctime, mtime, inode, size }] of debugged(r)) {
    const entry = index!.get(path);
    if (entry === undefined || lines.some((line) => line.path === path && line.stage !== 0)) continue;
    compared += 1;
    expect({ path, ctime: entry.ctime, mtime: entry.mtime, inode: entry.inode, size: entry.size }).toEqual({ path, ctime, mtime, inode, size });
  }
  expect(compared).toBeGreaterThan(3);
  expect(index!.has("not/there")).toBe(false);
  expect(index!.get("not/there")).toBeUndefined();
  expect(index!.written).toBe(statSync(r.index, { bigint: true }).mtimeNs);
}

const version = ({ index }: Repo): number => readFileSync(index).readUInt32BE(4);

describe("what git has written", () => {
  test("version 2", () => {
    const r = filled();
    expect(version(r)).toBe(2);
    agrees(r);
    const about = statSync(join(r.root, "a.ts"), { bigint: true });
    expect(r.read()!.get("a.ts")).toMatchObject({ certain: true, mtime: about.mtimeNs, ctime: about.ctimeNs, size: Number(about.size), mode: 0o100644 });
    expect([r.read()!.get("run.sh")!.mode, r.read()!.get("link")!.mode]).toEqual([0o100755, 0o120000]);
  });

  test("version 3: what is only intended to be added, or left out by a sparse checkout, is not vouched for", () => {
    const r = filled();
    r.put("intended.ts", "x\n");
    r.git("add", "-N", "intended.ts");
    r.git("update-index", "--skip-worktree", "a.ts");
    expect(version(r)).toBe(3);
    agrees(r);
    expect(["intended.ts", "a.ts", "a.b"].map((path) => r.read()!.get(path)!.certain)).toEqual([false, false, true]);
  });

  test.each(["sha1", "sha256"] as const)("version 4, whose names are cut short by what they share, with %s", (hash) => {
    const r = filled(hash);
    r.git("config", "index.version", "4");
    r.git("update-index", "--index-version", "4");
    // Names that share more than 127 and more than 16,511 bytes are not possible; several that share nothing, little and most are.
    for (let i = 0; i < 300; i++) r.put(`many/${"x".repeat(i % 150)}/${i}.ts`, `${i}`);
    r.git("add", "-A");
    expect(version(r)).toBe(4);
    agrees(r);
    r.git("update-index", "--skip-worktree", "a.ts", "many//0.ts");
    agrees(r);
    expect(r.read()!.get("a.ts")!.certain).toBe(false);
  });

  test("a repository that names objects by sha256", () => {
    const r = filled("sha256");
    agrees(r);
    expect(r.read()!.get("a.ts")!.blob).toHaveLength(64);
  });

  test("a merge that was left with conflicts: every stage is one path, none is vouched for", () => {
    const r = filled();
    r.git("checkout", "-qb", "other");
    r.put("a.ts", "theirs\n");
    r.put("deleted-here.ts", "theirs\n");
    r.git("add", "-A");
    r.git("commit", "-qm", "theirs");
    r.git("checkout", "-q", "main");
    r.put("a.ts", "ours\n");
    r.git("commit", "-qam", "ours");
    expect(() => r.git("merge", "-q", "other")).toThrow();
    expect(staged(r).filter(({ path }) => path === "a.ts").map(({ stage }) => stage)).toEqual([1, 2, 3]);
    agrees(r);
    expect(r.read()!.get("a.ts")!.certain).toBe(false);
    expect(r.read()!.get("a.b")!.certain).toBe(true);
  });

  test("a file that git was told to take for unchanged is not vouched for", () => {
    const r = filled();
    r.git("update-index", "--assume-unchanged", "a.ts");
    agrees(r);
    expect([r.read()!.get("a.ts")!.certain, r.read()!.get("a.b")!.certain]).toEqual([false, true]);
  });

  test("a submodule is an entry with a commit", () => {
    const [r, inner] = [filled(), filled()];
    r.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", inner.root, "sub");
    agrees(r);
    expect(r.read()!.get("sub")!.mode).toBe(0o160000);
  });

  test("extensions of the index do no harm: untracked cache, end of entries, trees", () => {
    const r = filled();
    r.git("config", "index.threads", "2");
    r.git("update-index", "--force-untracked-cache");
    r.git("status");
    agrees(r);
  });

  test("an index without a single file, and a repository without an index", () => {
    const r = repository();
    expect(r.read()).toBeUndefined();
    r.put("a.ts", "x");
    r.git("add", "a.ts");
    r.git("rm", "-q", "--cached", "a.ts");
    expect([...r.read()!.paths()]).toEqual([]);
  });
});

describe("what cannot be relied on", () => {
  test("a split index says nothing", () => {
    const r = filled();
    r.git("update-index", "--split-index");
    r.put("later.ts", "x");
    r.git("add", "later.ts");
    expect(readFileSync(r.index).includes("link", 12, "latin1")).toBe(true);
    expect(r.read()).toBeUndefined();
  });

  test("a sparse index, in which a folder stands for its files, says nothing", () => {
    const r = filled();
    r.git("sparse-checkout", "init", "--cone", "--sparse-index");
    r.git("sparse-checkout", "set", "a");
    const modes = r.git("ls-files", "--sparse", "-s").toString();
    expect(modes).toContain("040000");
    expect(r.read()).toBeUndefined();
  });

  test("cut off anywhere, with any byte changed, or of another kind: nothing or an index, never an error", () => {
    for (const indexVersion of ["2", "4"]) {
      const r = filled();
      r.git("update-index", "--index-version", indexVersion);
      const whole = readFileSync(r.index);
      const entries = [...parseIndex(whole, 20)!.keys()].length;
      for (let length = 0; length < whole.length; length += length < 200 ? 1 : 7) {
        const places = parseIndex(whole.subarray(0, length), 20);
        // Cut within its extensions or its hash, every entry is still there.
        if (places !== undefined) expect(places.size).toBe(entries);
      }
      for (let at = 0; at < whole.length; at += 3) {
        for (const value of [0, 0xff, whole[at]! ^ 0x40]) {
          const bent = Buffer.from(whole);
          bent[at] = value;
          writeFileSync(`${r.index}.bent`, bent);
          const index = at % 30 === 0 ? readGitIndex(`${r.index}.bent`, 20) : undefined;
          for (const path of index?.paths() ?? []) index!.get(path);
          parseIndex(bent, 20);
          parseIndex(bent, 32);
        }
      }
    }
  });

  test("another program's file, a later version, a folder", () => {
    const r = filled();
    const place = join(r.root, "odd");
    for (const bytes of [Buffer.alloc(0), Buffer.from("DIRC"), Buffer.alloc(200, 1), Buffer.concat([Buffer.from("DIRC"), Buffer.from([0, 0, 0, 5, 0, 0, 0, 0]), Buffer.alloc(20)])]) {
      writeFileSync(place, bytes);
      expect(readGitIndex(place, 20)).toBeUndefined();
    }
    expect(readGitIndex(r.root, 20)).toBeUndefined();
    copyFileSync(r.index, place);
    expect(readGitIndex(place, 20)).toBeDefined();
  });
});
