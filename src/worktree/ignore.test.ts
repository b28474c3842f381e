/**
 * Which files a look takes up, beside what git itself says is tracked, ignored or new, on trees with rules of every kind;
 * and where we differ on purpose: local settings are kept though ignored, dependencies are not though they are not.
 */
import { execFileSync } from "node:child_process";
import { appendFileSync, mkdirSync, mkdtempSync, realpathSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { isIgnored, isLocalSettings, withRules } from "./ignore.ts";
import { Manifest } from "./manifest.ts";
import { firstLook, scan, type ScanOptions } from "./scan.ts";
import { capture } from "./capture.ts";
import { randomFrom } from "../../test/damage/batches.ts";

interface Tree {
  readonly root: string;
  readonly base: string;
  readonly manifest: Manifest;
  readonly git: (args: readonly string[], cwd?: string) => string;
  readonly put: (path: string, text?: string) => void;
  /** The paths that are looked after, at the first look and at every later one. */
  readonly look: () => string[];
  readonly blind: { path: string; reason: string }[];
}

function tree({ git: hasGit = true } = {}): Tree {
  const base = realpathSync(mkdtempSync(join(tmpdir(), "tidemark-ignore-")));
  onTestFinished(() => rmSync(base, { recursive: true, force: true }));
  const root = join(base, "tree");
  mkdirSync(root);
  const environment = { PATH: process.env["PATH"] ?? "", HOME: base, GIT_CONFIG_NOSYSTEM: "1", GIT_AUTHOR_NAME: "a", GIT_AUTHOR_EMAIL: "a@example.org", GIT_COMMITTER_NAME: "a", GIT_COMMITTER_EMAIL: "a@example.org" };
  const git = (args: readonly string[], cwd = root): string => execFileSync("git", args, { cwd, env: environment, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  if (hasGit) git(["init", "-q", "-b", "main"]);
  // Ten seconds later: no folder is listed only because it is young.
  const options: ScanOptions = { root, environment, now: () => BigInt(Date.now() + 10_000) * 1_000_000n, own: [] };
  const manifest = new Manifest();
  const blind: { path: string; reason: string }[] = [];
  const keep = { put: (bytes: Uint8Array) => `sha256:${Buffer.from(bytes).toString("hex")}`, putFile: () => "sha256:large" };
  const take = (found: ReturnType<typeof scan>): void => {
    blind.push(...found.blind);
    capture(manifest, found, keep, options);
  };
  return {
    root, base, manifest, git, blind,
    put: (path, text = `${path}\n`) => {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    },
    look: () => {
      if (manifest.scanned === 0n) blind.push(...firstLook(manifest, options).found.blind);
      take(scan(manifest, options));
      if (manifest.doubtful) take(scan(manifest, options));
      return [...manifest.slots()].map((slot) => manifest.pathOf(slot)).sort();
    },
  };
}

/** What git tracks or calls new: everything that is not ignored. */
function byGit({ git }: Tree, cwd?: string): string[] {
  return [...new Set(git(["ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd).split("\0").filter((path) => path !== ""))].sort();
}

describe("rules", () => {
  test("the nearest rule file decides, negations and all; case counts, as for git", () => {
    const top = withRules(undefined, "", "*.log\n!keep.log\nBuild/\n/only-here\n");
    const inner = withRules(top, "a/", "!*.log\nkeep.log\n");
    expect(isIgnored(top, "x.log", false)).toBe(true);
    expect(isIgnored(top, "keep.log", false)).toBe(false);
    expect(isIgnored(inner, "a/x.log", false)).toBe(false);
    expect(isIgnored(inner, "a/keep.log", false)).toBe(true);
    expect(isIgnored(top, "Build", true)).toBe(true);
    expect(isIgnored(top, "build", true)).toBe(false);
    expect(isIgnored(top, "only-here", false)).toBe(true);
    expect(isIgnored(inner, "a/only-here", false)).toBe(false);
    expect(withRules(undefined, "", "# a comment\n\n  \n")).toBeUndefined();
  });

  test.each([[".env", true], [".env.production", true], [".envrc", true], ["settings.local.json", true], ["local.properties", true], [".npmrc", true], ["env", false], ["x.env", false], ["locals.json", false]])("%s holds local settings: %s", (name, is) => {
    expect(isLocalSettings(name)).toBe(is);
  });

  test("random rules and paths: the same as git check-ignore, which reads the same files", { timeout: 60_000 }, () => {
    const t = tree();
    const random = randomFrom(Number(process.env["TIDEMARK_SEED"] ?? 11));
    const pick = <T>(of: readonly T[]): T => of[Math.floor(random() * of.length)]!;
    // Without letters beyond ASCII: `?` and `[!a]` are of bytes for git, and of characters for the package.
    const names = ["a", "b", "A", "build", "x.log", "keep.log", "foo bar", "[x]", "dist", "a.b", "...", "-", "#hash", "!bang", "end "];
    const patterns = ["*.log", "!keep.log", "build", "build/", "/a", "a/", "a/b", "**/b", "a/**", "a/**/b", "*", "!*/", "foo bar", "\\[x\\]", "[ab]", "[!a]", "?", "A", "\\#hash", "\\!bang", "end\\ ", "dist/**", "!dist/keep.log", "/*/b", "*.[ab]", "...", "!a", "a/*/x.log", "**"];
    const folders = ["", "a/", "build/", "a/b/"];
    for (let round = 0; round < 25; round++) {
      const files = new Map(folders.filter(() => random() < 0.6).map((folder) => [folder, Array.from({ length: 1 + Math.floor(random() * 4) }, () => pick(patterns)).join("\n")]));
      rmSync(t.root, { recursive: true });
      mkdirSync(t.root);
      t.git(["init", "-q"]);
      for (const folder of folders) mkdirSync(join(t.root, folder), { recursive: true });
      for (const [folder, text] of files) t.put(`${folder}.gitignore`, `${text}\n`);
      for (let i = 0; i < 25; i++) {
        try {
          t.put(`${pick([...folders, "A/", "dist/", "b/a/"])}${pick(names)}`);
        } catch {
          // A file stands where a folder is needed, or the other way round.
        }
      }
      const manifest = new Manifest();
      const options: ScanOptions = { root: t.root, environment: { PATH: process.env["PATH"] ?? "", HOME: t.base, GIT_CONFIG_NOSYSTEM: "1" }, now: () => 0n, own: [] };
      firstLook(manifest, options);
      const ours = [...manifest.slots()].map((slot) => manifest.pathOf(slot)).sort();
      expect({ rules: [...files], paths: ours }).toEqual({ rules: [...files], paths: byGit(t) });
    }
  });
});

describe("a tree", () => {
  test("rules of the repository, of its info/exclude and of the user's own file; tracked files though ignored", () => {
    const t = tree();
    writeFileSync(join(t.base, "mine"), "*.mine\n");
    t.git(["config", "core.excludesFile", "~/mine"]);
    appendFileSync(join(t.root, ".git/info/exclude"), "\n*.private\n!not.private\n");
    t.put(".gitignore", "*.log\n/out/\nvendor/\n!important.log\n");
    t.put("src/.gitignore", "!*.log\ngenerated/*\n!generated/kept.ts\n");
    for (const path of ["a.ts", "a.log", "important.log", "a.mine", "a.private", "not.private", "src/a.log", "src/generated/x.ts", "src/generated/kept.ts", "out/o.js", "out/tracked.js", "out/deep/tracked.js", "vendor/v.js", "src/vendor/v.js", "tracked.log"]) t.put(path);
    t.git(["add", "-f", "out/tracked.js", "out/deep/tracked.js", "tracked.log"]);
    t.git(["add", "-A"]);
    t.put("new.ts");
    const expected = byGit(t);
    expect(expected).toEqual([".gitignore", "a.ts", "important.log", "new.ts", "not.private", "out/deep/tracked.js", "out/tracked.js", "src/.gitignore", "src/a.log", "src/generated/kept.ts", "tracked.log"]);
    expect(t.look()).toEqual(expected);
    // In a folder that is left out but for what is tracked in it, what is new stays left out.
    t.put("out/later.js");
    t.put("out/deep/later.js");
    t.put("src/later.log");
    expect(t.look()).toEqual(byGit(t));
  });

  test("local settings are looked after though ignored, unless they are large or in a folder that is left out", () => {
    const t = tree();
    t.put(".gitignore", ".env*\n*.local.json\nout/\nbig.local\n");
    for (const path of [".env", ".env.production", "conf/settings.local.json", "out/.env", "a.ts"]) t.put(path);
    t.put("big.local", "x".repeat(64 * 1024 + 1));
    expect(t.look()).toEqual([".env", ".env.production", ".gitignore", "a.ts", "conf/settings.local.json"]);
  });

  test("dependencies are left out though no rule names them, but for what is tracked in them", () => {
    const t = tree();
    for (const path of ["node_modules/a/index.js", "node_modules/patched/index.js", "sub/node_modules/b/x.js", ".venv/bin/python", "a.ts"]) t.put(path);
    t.git(["add", "-f", "node_modules/patched/index.js", "a.ts"]);
    expect(t.look()).toEqual(["a.ts", "node_modules/patched/index.js"]);
  });

  test("a repository inside has rules of its own; those around it do not reach in", () => {
    const t = tree();
    t.put(".gitignore", "*.log\nsecret\n");
    for (const path of ["a.ts", "a.log", "inner/i.ts", "inner/i.log", "inner/i.tmp", "inner/.gitignore", "inner/deep/secret"]) t.put(path, path.endsWith(".gitignore") ? "*.tmp\n" : "x\n");
    t.git(["init", "-q"], join(t.root, "inner"));
    const inner = byGit(t, join(t.root, "inner")).map((path) => `inner/${path}`);
    expect(inner).toEqual(["inner/.gitignore", "inner/deep/secret", "inner/i.log", "inner/i.ts"]);
    expect(t.look()).toEqual([".gitignore", "a.ts", ...inner]);
  });

  test("a submodule is looked into, a linked worktree is not", () => {
    const [t, other] = [tree(), tree()];
    other.put("s.ts");
    other.git(["add", "-A"]);
    other.git(["commit", "-qm", "s"]);
    t.put("a.ts");
    t.git(["-c", "protocol.file.allow=always", "submodule", "add", "-q", other.root, "sub"]);
    t.git(["add", "-A"]);
    t.git(["commit", "-qm", "a"]);
    t.git(["worktree", "add", "-q", "linked"]);
    t.put("sub/new.ts");
    expect(t.look()).toEqual([".gitmodules", "a.ts", "sub/new.ts", "sub/s.ts"]);
    t.git(["worktree", "add", "-q", "deep/er"]);
    expect(t.look()).toEqual([".gitmodules", "a.ts", "sub/new.ts", "sub/s.ts"]);
    // One that was looked into and becomes a linked worktree is let go of.
    mkdirSync(join(t.root, "becoming"));
    t.put("becoming/b.ts");
    expect(t.look()).toContain("becoming/b.ts");
    rmSync(join(t.root, "becoming"), { recursive: true });
    t.git(["worktree", "add", "-q", "becoming"]);
    expect(t.look()).not.toContain("becoming/a.ts");
  });

  test("the innards of version control are never looked into, also where a tool names a file in them", () => {
    const t = tree({ git: false });
    for (const path of [".git/config", ".hg/store", "sub/.svn/entries", ".jj/x", "a.ts"]) t.put(path);
    expect(t.look()).toEqual(["a.ts"]);
  });

  test("git init later: its rules hold from then on, in folders that were known before", () => {
    const t = tree({ git: false });
    for (const path of ["a.ts", "deep/er/b.ts"]) t.put(path);
    expect(t.look()).toEqual(["a.ts", "deep/er/b.ts"]);
    t.git(["init", "-q"]);
    appendFileSync(join(t.root, ".git/info/exclude"), "\n*.private\nout/\n");
    t.put("deep/er/out/tracked.ts");
    t.git(["add", "-f", "deep/er/out/tracked.ts"]);
    t.put("deep/er/x.private");
    t.put("deep/er/c.ts");
    expect(t.look()).toEqual(byGit(t));
  });

  test("rules that change bring into sight what they no longer name; what they name from then on stays looked after", () => {
    const t = tree();
    t.put(".gitignore", "*.tmp\nhidden/\n");
    for (const path of ["a.tmp", "b.ts", "hidden/h.ts", "deep/er/x.tmp"]) t.put(path);
    expect(t.look()).toEqual([".gitignore", "b.ts"]);
    t.put(".gitignore", "b.ts\n");
    expect(t.look()).toEqual([".gitignore", "a.tmp", "b.ts", "deep/er/x.tmp", "hidden/h.ts"]);
    t.put("sub/.gitignore", "*\n");
    t.put("sub/s.ts");
    expect(t.look()).toEqual([".gitignore", "a.tmp", "b.ts", "deep/er/x.tmp", "hidden/h.ts"]);
    renameSync(join(t.root, "sub/.gitignore"), join(t.root, "sub/gone"));
    expect(t.look()).toEqual([".gitignore", "a.tmp", "b.ts", "deep/er/x.tmp", "hidden/h.ts", "sub/gone", "sub/s.ts"]);
  });

  test("so do info/exclude and the user's own file", () => {
    const t = tree();
    writeFileSync(join(t.base, "mine"), "*.mine\n");
    t.git(["config", "core.excludesFile", join(t.base, "mine")]);
    writeFileSync(join(t.root, ".git/info/exclude"), "*.private\n");
    for (const path of ["a.ts", "deep/a.mine", "deep/a.private"]) t.put(path);
    expect(t.look()).toEqual(["a.ts"]);
    writeFileSync(join(t.root, ".git/info/exclude"), "# nothing any more\n");
    expect(t.look()).toEqual(["a.ts", "deep/a.private"]);
    writeFileSync(join(t.base, "mine"), "# nothing\n");
    expect(t.look()).toEqual(["a.ts", "deep/a.mine", "deep/a.private"]);
  });

  test("rule files that are no files hold nothing up", () => {
    const t = tree();
    t.put("a.ts");
    mkdirSync(join(t.root, "folder/.gitignore"), { recursive: true });
    mkdirSync(join(t.root, "pipe"));
    for (const name of [".gitignore", ".gitattributes"]) execFileSync("mkfifo", [join(t.root, "pipe", name)]);
    mkdirSync(join(t.root, "link"));
    symlinkSync("nowhere", join(t.root, "link/.gitignore"));
    for (const path of ["folder/b.ts", "pipe/c.ts", "link/d.ts"]) t.put(path);
    expect(t.look()).toEqual(["a.ts", "folder/b.ts", "link/.gitignore", "link/d.ts", "pipe/c.ts"]);
    expect(t.blind).toContainEqual({ path: "pipe/.gitignore", reason: "no file (a pipe, socket or device)" });
  });

  test("where the index cannot be used, tracked files are looked after all the same", () => {
    for (const [setting, value] of [["core.splitIndex", "true"], ["extensions.partialClone", "origin"]] as const) {
      const t = tree();
      t.put(".gitignore", "*.log\n");
      t.put("tracked.log");
      t.git(["add", "-A", "-f"]);
      t.git(["commit", "-qm", "a"]);
      if (setting === "extensions.partialClone") t.git(["config", "core.repositoryFormatVersion", "1"]);
      t.git(["config", setting, value]);
      t.put("untracked.log");
      t.put("b.ts");
      if (setting === "core.splitIndex") t.git(["add", "b.ts"]);
      expect(t.look()).toEqual([".gitignore", "b.ts", "tracked.log"]);
    }
  });
});
