/** From commits to conversations and back, on the built command line. */
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { event } from "../builders.ts";
import { contents } from "../tree-world.ts";
import { ask, shell, tidemark } from "../helpers.ts";
import { OTHER, SESSION, work, type Work } from "../work.ts";

const FIRST = "export const first = greet();\n";
const SECOND = "export const second = greetAgain();\n";

/** Two sessions at work on one file, a person beside them, nothing committed of it yet. */
async function someWork(): Promise<Work> {
  const w = work(onTestFinished);
  const { world } = w;
  world.write("app.ts", "// The whole application\n");
  world.git("add", "-A");
  world.git("commit", "-qm", "begin");
  world.keeper.begin();
  w.prompt("Add a greeting");
  w.edit("app.ts", `// The whole application\n${FIRST}`);
  w.prompt("And again", OTHER);
  w.bash(`printf '${SECOND.replace("\n", "\\n")}' >> app.ts`, { session: OTHER });
  world.write("mine.ts", "export const mine = byHand();\n");
  await w.told();
  return w;
}

const turnsOf = (data: any): unknown[] => data.turns.map(({ session, turn, prompt, share }: any) => [session, turn, prompt, share]);
const BOTH = [[SESSION, 1, "Add a greeting", 0.333], [OTHER, 1, "And again", 0.333]];

test("a commit leads to the turns whose work it holds, with their share, by any name git has for it; and a session to its commits", async () => {
  const w = await someWork();
  w.world.git("add", "-A");
  w.world.git("commit", "-qm", "greetings");
  const sha = w.world.git("rev-parse", "HEAD");
  const { data } = await ask(w.at, ["show", sha.slice(0, 10)]);
  expect(data).toMatchObject({ commit: sha, subject: "greetings", lines: 3, files: 0, unread: 0, cut: false });
  expect(turnsOf(data)).toEqual(BOTH);
  expect((await ask(w.at, ["show", "main"])).data).toEqual(data);
  expect((await ask(w.at, ["show", "main~1"])).data.turns).toEqual([]);
  const plain = await tidemark(w.at, ["show", "HEAD"]);
  expect(plain).toMatchObject({ code: 0, err: "" });
  expect(plain.out).toContain(`${SESSION} turn 1  33 %: 1 line\n  Add a greeting\n  app.ts\n`);
  const of = await ask(w.at, ["show", SESSION, "--commits"]);
  expect(of.data.commits.map(({ commit }: { commit: string }) => commit)).toEqual([sha]);
  expect((await tidemark(w.at, ["show", SESSION, "--commits"])).out).toMatch(new RegExp(`^${sha.slice(0, 10)}  .*33 % of turn 1  greetings\\n$`));
});

test("they are found again after an amend, a rebase, a squash and a pick, also in parts, and a person's own commit is nobody's", async () => {
  const w = await someWork();
  const { git } = w.world;
  git("add", "mine.ts");
  git("commit", "-qm", "mine");
  expect((await ask(w.at, ["show", "HEAD"])).data.turns).toEqual([]);
  // Of the file the first line alone, as with git add -p.
  writeFileSync(join(w.at.home, "part"), `// The whole application\n${FIRST}`);
  git("update-index", "--cacheinfo", `100644,${git("hash-object", "-w", join(w.at.home, "part"))},app.ts`);
  git("commit", "-qm", "part");
  const found = async (name = "HEAD"): Promise<unknown[]> => (await ask(w.at, ["show", name])).data.turns.map(({ session }: { session: string }) => session);
  expect(await found()).toEqual([SESSION]);
  git("commit", "-qam", "rest");
  expect(await found()).toEqual([OTHER]);
  git("commit", "-q", "--amend", "-m", "another message", "--date", "2001-01-01T00:00:00Z");
  expect(await found()).toEqual([OTHER]);
  git("checkout", "-qb", "moved", "HEAD~3");
  w.world.write("elsewhere.ts", "export const elsewhere = byHand();\n");
  git("add", "-A");
  git("commit", "-qm", "main has moved");
  git("checkout", "-q", "main");
  git("rebase", "-q", "moved");
  expect(await Promise.all(["HEAD", "HEAD~1", "HEAD~2", "HEAD~3"].map(found))).toEqual([[OTHER], [SESSION], [], []]);
  git("reset", "-q", "--soft", "HEAD~3");
  git("commit", "-qm", "squashed");
  expect((await found()).sort()).toEqual([SESSION, OTHER].sort());
  git("checkout", "-qb", "picked", "moved~1");
  git("cherry-pick", "main");
  expect((await found()).sort()).toEqual([SESSION, OTHER].sort());
});

test("nothing is written into the repository by any of it, and no program that it names is run", async () => {
  const w = await someWork();
  const { git, root } = w.world;
  git("commit", "-qam", "greetings");
  const evil = join(w.at.home, "evil.sh");
  writeFileSync(evil, `#!/bin/sh\ntouch ${join(w.at.home, "ran")}\ncat\n`);
  chmodSync(evil, 0o755);
  for (const key of ["core.fsmonitor", "core.pager", "pager.log", "pager.blame", "gpg.program", "diff.external", "diff.evil.textconv", "diff.evil.command", "filter.evil.clean", "filter.evil.smudge"]) git("config", key, evil);
  git("config", "log.showSignature", "true");
  w.world.write(".gitattributes", "*.ts diff=evil filter=evil\n");
  const before = JSON.stringify(contents(join(root, ".git")));
  for (const args of [["show", "HEAD"], ["show", SESSION, "--commits"], ["trailer"], ["blame", "app.ts"]]) expect((await ask(w.at, args)).ok).toBe(true);
  expect(JSON.stringify(contents(join(root, ".git")))).toBe(before);
  expect((await shell(w.at, `test -e ${join(w.at.home, "ran")}`)).code).toBe(1);
});

test("trailers say whose work is staged, and get into a message by git's own means", async () => {
  const w = await someWork();
  expect((await tidemark(w.at, ["trailer"])).out).toBe("");
  const hook = join(w.world.root, ".git/hooks/prepare-commit-msg");
  writeFileSync(hook, `#!/bin/sh\n$TIDEMARK trailer | while read -r line; do git interpret-trailers --in-place --if-exists addIfDifferent --trailer "$line" "$1"; done\n`);
  chmodSync(hook, 0o755);
  const commit = async (...args: string[]): Promise<string> => {
    const { code, err } = await shell(w.at, `git -c user.name=a -c user.email=a@example.org commit -q ${args.join(" ")}`);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    return w.world.git("log", "-1", "--format=%(trailers)").trim();
  };
  // With -a git gives the hook an index of its own.
  expect(await commit("-am", "greetings")).toBe(`Tidemark-Session: ${SESSION}/1\nTidemark-Session: ${OTHER}/1`);
  expect(await commit("--amend", "-C", "HEAD")).toBe(`Tidemark-Session: ${SESSION}/1\nTidemark-Session: ${OTHER}/1`);
  w.world.git("add", "mine.ts");
  expect(await commit("-m", "mine")).toBe("");
});

test("a name that is nothing is refused as before; a session goes before a commit, unless one is asked for", async () => {
  const w = await someWork();
  w.world.git("commit", "-qam", "greetings");
  w.world.git("branch", SESSION.slice(0, 8));
  for (const name of ["nonesuch", "HEAD:app.ts", "main..HEAD", "@{99}"]) expect(await ask(w.at, ["show", name]), name).toMatchObject({ code: 1, error: { code: "SESSION_UNKNOWN" } });
  expect(await ask(w.at, ["show", "--commit", "nonesuch"])).toMatchObject({ code: 1, error: { code: "COMMIT_UNKNOWN" } });
  expect((await ask(w.at, ["show", SESSION.slice(0, 8)])).data.session.id).toBe(SESSION);
  expect((await ask(w.at, ["show", "--commit", SESSION.slice(0, 8)])).data.subject).toBe("greetings");
  expect(await ask({ ...w.at, cwd: w.at.home }, ["trailer"])).toMatchObject({ code: 1, error: { code: "NO_REPOSITORY" } });
});

test("blame has the commit of each line, and of one that is older than checkpoints the turn whose edit wrote it", async () => {
  const w = work(onTestFinished);
  const { world } = w;
  world.write("app.ts", "// The whole application\n");
  world.git("add", "-A");
  world.git("commit", "-qm", "begin");
  // A session that only its transcript tells of, from the middle of a turn.
  const edited = { file_path: join(world.root, "app.ts"), old_string: "application\n", new_string: `application\n${FIRST}` };
  w.says("Edit", edited);
  w.event(event("files.touched", { call: "toolu_0002", files: [{ path: edited.file_path, change: "edited" }] }, { session: SESSION, time: Date.now() }));
  world.write("app.ts", `// The whole application\n${FIRST}`);
  world.git("commit", "-qam", "greeting");
  world.keeper.begin();
  w.prompt("And again", OTHER);
  w.edit("app.ts", `// The whole application\n${FIRST}${SECOND}`, { session: OTHER });
  await w.told();
  await ask(w.at, ["sessions"]);
  const [first, second] = [world.git("rev-parse", "HEAD~1"), world.git("rev-parse", "HEAD")];
  const lines = async (): Promise<unknown[]> => (await ask(w.at, ["blame", "app.ts"])).data.lines.map(({ by, commit, session, turn }: any) => [by, commit, session, turn]);
  expect(await lines()).toEqual([["before", first, null, null], ["before", second, SESSION, 1], ["agent", null, OTHER, 1]]);
  world.git("commit", "-qam", "again");
  expect((await lines())[2]).toEqual(["agent", world.git("rev-parse", "HEAD"), OTHER, 1]);
  expect((await tidemark(w.at, ["blame", "app.ts"])).out).toContain(`5972f1c9 turn 1, ${second.slice(0, 10)}`);
  expect(turnsOf((await ask(w.at, ["show", second])).data)).toEqual([[SESSION, 1, "", 1]]);
});
