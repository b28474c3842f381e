/**
 * What happened to people with other tools (the issue threads are named in each), as it goes here. The tree is real and so
 * is the store; only the client is not.
 */
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { treeWorld, type TreeWorld } from "../tree-world.ts";

function world(options?: { git?: boolean }): TreeWorld {
  return treeWorld(onTestFinished, options);
}

/** A repository with a commit, long enough ago that git's stat data can be trusted. */
function repository(files: Record<string, string>): TreeWorld {
  const w = world();
  const past = new Date(Date.now() - 60_000);
  for (const [path, text] of Object.entries(files)) {
    w.write(path, text);
    utimesSync(join(w.root, path), past, past);
  }
  w.git("add", "-A");
  w.git("commit", "-qm", "begin");
  w.keeper.begin();
  return w;
}

test("shell-only edits leave no empty checkpoint: sed, rm, a new file and a move come back exactly (claude-code#94657, #34368)", () => {
  const w = repository({ "a.ts": "one\n", "b.ts": "two\n", "deep/c.ts": "three\n" });
  const before = w.tree();
  const sealed = w.shell("sed -i s/one/ONE/ a.ts; rm b.ts; echo new > n.ts; mv deep/c.ts deep/d.ts; mkdir -p x/y && echo z > x/y/z");
  expect(sealed.map(({ actor }) => actor.by)).toEqual(["agent"]);
  expect(w.store.changes(sealed[0]!.seq).map(({ path }) => path).sort()).toEqual(["a.ts", "b.ts", "deep/c.ts", "deep/d.ts", "n.ts", "x/y/z"]);
  const after = w.tree();
  expect(w.undo().conflicts).toEqual([]);
  expect(w.tree()).toEqual(before);
  expect(existsSync(join(w.root, "x"))).toBe(false);
  w.undo({ redo: true });
  expect(w.tree()).toEqual(after);
  w.undo();
  expect(w.tree()).toEqual(before);
});

test("git checkout . by the agent does not cost the work that was not committed (claude-code#11821, #55024)", () => {
  const w = repository({ "a.ts": "one\n" });
  w.write("a.ts", "my own work\n");
  w.shell("git checkout .");
  expect(w.read("a.ts")).toBe("one\n");
  w.undo();
  expect(w.read("a.ts")).toBe("my own work\n");
});

test("one session's undo leaves another's work (claude-code#28078, opencode#33940)", () => {
  const w = repository({ "a.ts": "one\n", "b.ts": "two\n" });
  w.edit("a.ts", "first session\n", { session: "s1" });
  w.edit("b.ts", "second session\n", { session: "s2" });
  w.edit("a.ts", "first session\nand the second\n", { session: "s2" });
  const { plan } = w.undo({ session: "s1" });
  expect(plan).toMatchObject([{ path: "a.ts", action: "keep", reason: expect.stringContaining("s2") }]);
  expect(w.read("a.ts")).toBe("first session\nand the second\n");
  expect(w.read("b.ts")).toBe("second session\n");
});

test("what I edited in between stays, and is said (claude-code#16023, copilot-cli#1675)", () => {
  const w = repository({ "a.ts": "one\n", "b.ts": "two\n" });
  w.edit("a.ts", "agent\n");
  w.edit("b.ts", "agent\n");
  w.write("a.ts", "agent\nmine\n");
  const { plan } = w.undo();
  expect(plan.map(({ path, action }) => [path, action])).toEqual([["b.ts", "write"], ["a.ts", "keep"]]);
  expect(w.read("a.ts")).toBe("agent\nmine\n");
  expect(w.read("b.ts")).toBe("two\n");
});

test("an edit of mine between two of the agent's is where the undo of both stops; a merge takes the agent's part out", () => {
  const lines = (...changed: string[]): string => ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"].map((line, i) => changed[i] ?? line).join("\n");
  const w = repository({ "a.ts": lines() });
  w.edit("a.ts", lines("AGENT"));
  w.write("a.ts", lines("AGENT", "two", "three", "four", "MINE"));
  w.prompt();
  w.edit("a.ts", lines("AGENT", "two", "three", "four", "MINE", "six", "seven", "eight", "AGENT"));
  w.undo({ n: 2 });
  expect(w.read("a.ts")).toBe(lines("AGENT", "two", "three", "four", "MINE"));
  w.undo({ mode: "merge" });
  expect(w.read("a.ts")).toBe(lines("one", "two", "three", "four", "MINE"));
});

test("a restore is not from a stale baseline: what was dirty before the agent came is what comes back (opencode#26893)", () => {
  const w = world();
  w.write("a.ts", "committed\n");
  w.git("add", "-A");
  w.git("commit", "-qm", "begin");
  w.write("a.ts", "dirty before any session\n");
  w.write("untracked.ts", "never added\n");
  w.keeper.begin();
  w.shell("echo agent > a.ts; rm untracked.ts");
  w.undo();
  expect(w.read("a.ts")).toBe("dirty before any session\n");
  expect(w.read("untracked.ts")).toBe("never added\n");
});

test("a nested repository, with and without a commit, is looked after like the rest (Roo-Code#8164, cline#2868)", () => {
  const w = repository({ "a.ts": "one\n" });
  w.write("inner/i.ts", "inner\n");
  w.shell("cd inner && git init -q && git add -A && git commit -qm inner; cd .. && mkdir empty && cd empty && git init -q && echo e > e.ts");
  w.prompt();
  const before = w.tree();
  w.shell("echo changed > inner/i.ts; rm empty/e.ts");
  w.undo();
  expect(w.tree()).toEqual(before);
  expect(existsSync(join(w.root, "inner/.git/HEAD"))).toBe(true);
});

test("the first checkpoint deletes nothing and writes nothing in the tree or its .git (Kilo-Org/kilocode#1670)", () => {
  const w = world();
  for (const path of ["a.ts", "keep/me.txt", ".env"]) w.write(path, path);
  w.write(".gitignore", ".env\nbuild/\n");
  w.write("build/out.js", "built\n");
  w.git("add", "-A");
  const [before, index] = [w.tree(), readFileSync(join(w.root, ".git/index"))];
  w.keeper.begin();
  w.keeper.mark({ note: "first" });
  expect(w.tree()).toEqual(before);
  expect(readFileSync(join(w.root, ".git/index")).equals(index)).toBe(true);
});

test("undo of a turn that changed .gitignore deletes nothing that was there before (cline#14367)", () => {
  const w = repository({ ".gitignore": "secret.txt\nlogs/\n", "a.ts": "one\n" });
  w.write("secret.txt", "mine\n");
  w.write("logs/run.log", "long\n");
  w.keeper.look("prompt");
  w.shell("echo '# nothing' > .gitignore");
  w.shell("echo two > a.ts");
  w.undo();
  expect(w.read("secret.txt")).toBe("mine\n");
  expect(w.read("logs/run.log")).toBe("long\n");
  expect(w.read("a.ts")).toBe("one\n");
  expect(w.read(".gitignore")).toBe("secret.txt\nlogs/\n");
});

test("an edit of the same size within the same second is seen, five times of five", () => {
  const w = repository({ "a.ts": "aaaa\n" });
  for (const text of ["bbbb\n", "cccc\n", "dddd\n", "eeee\n", "ffff\n"]) {
    const sealed = w.shell(`printf '${text.trim()}\\n' > a.ts`);
    expect(sealed).toHaveLength(1);
  }
  w.undo();
  expect(w.read("a.ts")).toBe("aaaa\n");
});

test("a file that may not be read is said, and costs the rest nothing", () => {
  const w = repository({ "a.ts": "one\n" });
  // A file system that answers with an error is as good as one that forbids: root may read everything.
  symlinkSync("loop", join(w.root, "loop"));
  const huge = join(w.root, "huge.bin");
  writeFileSync(huge, "");
  truncateSync(huge, 60 * 1024 * 1024);
  w.keeper.look("prompt");
  w.shell("echo agent > a.ts");
  expect(w.keeper.uncovered()).toEqual([{ path: "huge.bin", reason: "larger than 50 MiB" }]);
  w.undo();
  expect(w.read("a.ts")).toBe("one\n");
  expect(statSync(huge).size).toBe(60 * 1024 * 1024);
});

test("the user's git gc --prune=now after a checkpoint takes no undo away", () => {
  const w = repository({ "a.ts": "one\n", "b.ts": "two\n" });
  w.write("c.ts", "staged only\n");
  w.git("add", "c.ts");
  w.keeper.look("prompt");
  w.git("rm", "-q", "--cached", "a.ts", "c.ts");
  w.git("commit", "-qm", "less", "--amend");
  w.keeper.look("prompt");
  w.git("reflog", "expire", "--expire=now", "--all");
  w.git("gc", "--prune=now", "-q");
  w.shell("echo x > a.ts; echo x > b.ts; echo x > c.ts");
  w.git("gc", "--prune=now", "-q");
  w.undo();
  expect([w.read("a.ts"), w.read("b.ts"), w.read("c.ts")]).toEqual(["one\n", "two\n", "staged only\n"]);
});

test("CRLF, and mixed line ends under eol=crlf and autocrlf, come back to the byte", () => {
  const w = world();
  w.write(".gitattributes", "*.txt text eol=crlf\n");
  w.git("config", "core.autocrlf", "true");
  w.write("crlf.txt", "a\r\nb\r\n");
  w.write("mixed.txt", "a\r\nb\nc\r\n");
  w.git("add", "-A");
  w.git("commit", "-qm", "begin");
  w.keeper.begin();
  const before = w.tree();
  w.shell("printf 'x\\n' > crlf.txt; rm mixed.txt");
  w.undo();
  expect(w.tree()).toEqual(before);
});

test("a binary comes back to the byte on undo and on redo (ccundo: 2,000 bytes became 3,607)", () => {
  const w = repository({ "a.ts": "one\n" });
  const bytes = Uint8Array.from({ length: 2000 }, (_, i) => (i * 7) % 256);
  w.edit("image.bin", bytes);
  w.prompt();
  w.edit("image.bin", bytes.map((byte) => 255 - byte));
  const after = w.tree();
  w.undo({ n: 2 });
  expect(existsSync(join(w.root, "image.bin"))).toBe(false);
  w.undo({ redo: true });
  expect(w.tree()).toEqual(after);
});

test("a parent that became a link to somewhere else is not written through", () => {
  const w = repository({ "dir/a.ts": "one\n" });
  const outside = join(w.home, "..", "outside");
  mkdirSync(outside);
  writeFileSync(join(outside, "a.ts"), "not yours\n");
  w.edit("dir/a.ts", "agent\n");
  renameSync(join(w.root, "dir"), join(w.root, "elsewhere"));
  symlinkSync(outside, join(w.root, "dir"));
  w.undo({ mode: "force" });
  expect(readFileSync(join(outside, "a.ts"), "utf8")).toBe("not yours\n");
  expect(w.read("elsewhere/a.ts")).toBe("agent\n");
});

test("an index.lock that someone holds is in nobody's way (opencode#42597)", () => {
  const w = repository({ "a.ts": "one\n" });
  writeFileSync(join(w.root, ".git/index.lock"), "");
  w.shell("echo agent > a.ts");
  w.undo();
  expect(w.read("a.ts")).toBe("one\n");
  rmSync(join(w.root, ".git/index.lock"));
});

test("permissions, links and names that are no UTF-8 come back", () => {
  const w = repository({ "run.sh": "#!/bin/sh\n" });
  chmodSync(join(w.root, "run.sh"), 0o755);
  symlinkSync("run.sh", join(w.root, "link"));
  writeFileSync(Buffer.concat([Buffer.from(`${w.root}/`), Buffer.from([0x6e, 0xe4])]), "latin\n");
  w.keeper.look("prompt");
  const before = w.tree();
  w.shell("chmod 644 run.sh; ln -sfn elsewhere link; rm -f n*");
  w.undo();
  expect(w.tree()).toEqual(before);
  expect(readFileSync(Buffer.concat([Buffer.from(`${w.root}/`), Buffer.from([0x6e, 0xe4])]), "utf8")).toBe("latin\n");
});

test("another process goes on from what this one left, with and without its manifest", () => {
  const w = repository({ "a.ts": "one\n", "b.ts": "two\n" });
  w.edit("a.ts", "agent\n");
  w.reopen();
  w.write("b.ts", "mine\n");
  w.keeper.look("prompt");
  w.undo();
  expect([w.read("a.ts"), w.read("b.ts")]).toEqual(["one\n", "mine\n"]);
  rmSync(join(w.home, "trees"), { recursive: true });
  w.write("b.ts", "mine, later\n");
  w.reopen();
  w.undo({ redo: true });
  expect([w.read("a.ts"), w.read("b.ts")]).toEqual(["agent\n", "mine, later\n"]);
});

test("without git, and in a folder that git leaves out, an edit tool's file is looked after", () => {
  const w = world({ git: false });
  w.write("notes.txt", "one\n");
  w.write("node_modules/pkg/index.js", "theirs\n");
  w.keeper.begin();
  w.edit("node_modules/pkg/index.js", "patched\n");
  w.shell("echo two > notes.txt");
  w.undo();
  expect([w.read("notes.txt"), w.read("node_modules/pkg/index.js")]).toEqual(["one\n", "theirs\n"]);
});
