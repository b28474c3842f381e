/** The commands about checkpoints, on the built command line, in trees where agents were at work. */
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { takeWords } from "../../src/operations/tell.ts";
import { ask, place, putTranscript, shell, tidemark, type Answer } from "../helpers.ts";
import { event } from "../builders.ts";
import { OTHER, SESSION, work, type Work } from "../work.ts";

/** Two turns of one session, one of another, and edits of the person's own. */
async function someWork(): Promise<Work> {
  const w = work(onTestFinished);
  const { world } = w;
  world.write("app.txt", "one\ntwo\nthree\n");
  world.write("README.md", "# App\n");
  world.git("add", "-A");
  world.git("commit", "-qm", "begin");
  world.keeper.begin();
  w.prompt("Add a greeting");
  w.edit("greet.txt", "Hello\n");
  w.edit("app.txt", "zero\none\ntwo\nthree\n");
  world.write("mine.txt", "my own\n");
  w.prompt("Make it friendlier");
  w.bash("sed -i s/Hello/Dear/ greet.txt; rm README.md");
  w.says("Bash", { command: "git push origin main" });
  w.prompt("Write a test", OTHER);
  w.bash("echo test > a.test.txt", { session: OTHER });
  await w.told();
  return w;
}

/** What undo and redo answer where there is nothing to take back. */
const NOTHING = { plan: [], irreversible: [], sealed: null, applied: false, conflicts: [], restore: null, turns: [], told: [] };

const actions = ({ data }: Answer): Record<string, string> => Object.fromEntries(data.plan.map(({ path, action }: { path: string; action: string }) => [path, action]));

test("undo takes back the last turn of whichever session, says which, and redo brings it back", async () => {
  const w = await someWork();
  const before = w.world.tree();
  const dry = await ask(w.at, ["undo", "--dry-run"]);
  expect(dry).toMatchObject({ code: 0, ok: true, data: { applied: false, restore: null, conflicts: [], irreversible: [], turns: [{ session: OTHER, n: 1, prompt: "Write a test" }] } });
  expect(dry.data.plan).toEqual([{ path: "a.test.txt", action: "delete", reason: "created by Bash", added: 0, removed: 1 }]);
  expect(w.world.tree()).toEqual(before);
  const plain = await tidemark(w.at, ["undo"]);
  expect(plain).toMatchObject({ code: 0, err: "" });
  expect(plain.out).toMatchInlineSnapshot(`
    "Undo turn 1 of claude-code 6113107f: Write a test

      deleted  a.test.txt  +0 -1
               created by Bash

    1 deleted. To take this back: tidemark redo
    "
  `);
  expect(existsSync(join(w.world.root, "a.test.txt"))).toBe(false);
  expect(await ask(w.at, ["redo"])).toMatchObject({ code: 0, data: { applied: true } });
  expect(w.world.tree()).toEqual(before);
  expect(await ask(w.at, ["redo"])).toEqual({ code: 0, schema: "tidemark/redo/1", ok: true, data: NOTHING, warnings: ["No undo or restore here is left to be taken back"] });
  expect(w.world.tree()).toEqual(before);
});

test("undo by number, session and turn; what cannot be undone comes first; what a person made stays", async () => {
  const w = await someWork();
  const turn = await ask(w.at, ["undo", "--turn", "2", "--session", "5972"]);
  expect(turn).toMatchObject({ code: 0, data: { applied: true, irreversible: [{ session: SESSION, turn: 2, tool: "Bash", what: "git: sent commits to a remote", input: "git push origin main" }] } });
  expect(actions(turn)).toEqual({ "README.md": "write", "greet.txt": "write" });
  expect(w.world.read("greet.txt")).toBe("Hello\n");
  expect(await ask(w.at, ["undo", "9"])).toMatchObject({ code: 0, warnings: ["only 2 turns here can be taken back"], data: { applied: true } });
  expect(Object.keys(w.world.tree())).toEqual(["README.md", "app.txt", "mine.txt"]);
  expect(w.world.read("app.txt")).toBe("one\ntwo\nthree\n");
  expect(await ask(w.at, ["undo"])).toEqual({ code: 0, schema: "tidemark/undo/1", ok: true, data: NOTHING, warnings: ["Every turn here is undone already"] });
  expect(await tidemark(w.at, ["undo", "--session", "5972"])).toEqual({ code: 0, err: "", out: "Every turn here of session 5972 is undone already.\n  tidemark redo    brings the last one back\n" });
  for (const named of [["--turn", "7"], ["--call", "nonesuch"]]) expect(await ask(w.at, ["undo", ...named])).toMatchObject({ code: 1, error: { code: "CHECKPOINT_UNKNOWN" } });
});

test("undo of one call, by the beginning of its id, and of one path", async () => {
  const w = await someWork();
  w.prompt("Greet all of them");
  const call = w.edit("greet.txt", "Dear all\n");
  await w.told();
  expect(actions(await ask(w.at, ["undo", "--call", call]))).toEqual({ "greet.txt": "write" });
  expect(w.world.read("greet.txt")).toBe("Dear\n");
  expect(await ask(w.at, ["undo", "--call", "toolu_"])).toMatchObject({ code: 1, error: { code: "CHECKPOINT_UNKNOWN", message: expect.stringContaining("begins the ids of") } });
  expect(await ask(w.at, ["undo", "--call", "nonesuch"])).toMatchObject({ code: 1, error: { code: "CHECKPOINT_UNKNOWN" } });
  expect(actions(await ask(w.at, ["undo", "--turn", "2", "--session", "5972", "--", "README.md"]))).toEqual({ "README.md": "write" });
  mkdirSync(join(w.world.root, "sub"));
  expect(await ask({ ...w.at, cwd: join(w.world.root, "sub") }, ["undo", "--turn", "1", "--session", "5972", "--dry-run", "--", "../app.txt"])).toMatchObject({ data: { plan: [{ path: "app.txt" }] } });
  expect(await ask(w.at, ["undo", "--", "/etc/passwd"])).toMatchObject({ code: 1, error: { code: "BAD_VALUE", message: expect.stringContaining("outside of") } });
});

test("what a person changed since is kept, with the next command; --merge and --force do as they say", async () => {
  const w = work(onTestFinished);
  w.world.write("a.txt", "1\n2\n3\n4\n5\n6\n7\n8\n");
  w.world.keeper.begin();
  w.prompt("change it");
  w.edit("a.txt", "1\ntwo\n3\n4\n5\n6\n7\n8\n");
  w.world.write("a.txt", "1\ntwo\n3\n4\n5\n6\nseven\n8\n");
  await w.told();
  const kept = await ask(w.at, ["undo"]);
  expect(kept).toMatchObject({ code: 1, ok: false, error: { code: "NOTHING_DONE", kind: "user", hint: expect.stringMatching(/^--merge .*--force /) }, data: { applied: false, plan: [{ path: "a.txt", action: "keep", reason: expect.stringContaining("you or another program") }] } });
  expect(await ask(w.at, ["undo", "--merge", "--force"])).toMatchObject({ code: 1, error: { code: "BAD_VALUE" } });
  expect(await ask(w.at, ["undo", "--merge"])).toMatchObject({ code: 0, data: { applied: true, plan: [{ action: "merge", added: 1, removed: 1 }] } });
  expect(w.world.read("a.txt")).toBe("1\n2\n3\n4\n5\n6\nseven\n8\n");
  await ask(w.at, ["redo"]);
  expect(await ask(w.at, ["undo", "--force"])).toMatchObject({ code: 0, data: { applied: true } });
  expect(w.world.read("a.txt")).toBe("1\n2\n3\n4\n5\n6\n7\n8\n");
});

test("agents at work in this tree, and the one whose work it was, are told which files went back, once", async () => {
  const w = await someWork();
  mkdirSync(join(w.at.config, "sessions"), { recursive: true });
  const running = (name: string, session: string, cwd: string): void => writeFileSync(join(w.at.config, "sessions", name), JSON.stringify({ pid: process.pid, sessionId: session, cwd, startedAt: Date.now() }));
  running("1.json", SESSION, w.world.root);
  running("2.json", "another-place", w.at.config);
  const { data } = await ask(w.at, ["undo"]);
  expect(data.told).toEqual([SESSION]);
  const word = { verb: "undo", session: OTHER, tree: w.world.root, time: expect.any(Number), files: [{ path: "a.test.txt", action: "delete" }] };
  expect(takeWords(w.at.home, SESSION)).toEqual([word]);
  expect(takeWords(w.at.home, SESSION)).toEqual([]);
  // When it is taken up again.
  expect(takeWords(w.at.home, OTHER)).toEqual([word]);
  expect(takeWords(w.at.home, "another-place")).toEqual([]);
  expect((await ask(w.at, ["verify"])).data.problems).toEqual([]);
});

test("that HEAD has moved since the session began is said, and it stays", async () => {
  const w = work(onTestFinished);
  w.world.write("a.txt", "1\n");
  w.world.git("add", "-A");
  w.world.git("commit", "-qm", "begin");
  w.world.keeper.begin();
  const head = w.world.git("rev-parse", "HEAD");
  w.event(event("start.discovered", { tree: w.world.root, project: w.world.root, head, instructions: [] }, { session: SESSION, time: Date.now() }));
  w.prompt("change and commit it");
  w.edit("a.txt", "2\n");
  w.bash("git commit -qam two");
  await w.told();
  const now = w.world.git("rev-parse", "HEAD");
  expect(await ask(w.at, ["undo"])).toMatchObject({ code: 0, data: { applied: true }, warnings: [expect.stringMatching(`^HEAD has moved from ${head.slice(0, 8)} to ${now.slice(0, 8)}`)] });
  expect(w.world.git("rev-parse", "HEAD")).toBe(now);
  expect(w.world.read("a.txt")).toBe("1\n");
});

test("restore goes back to a checkpoint, a turn's end, or by force to all of what was there", async () => {
  const w = await someWork();
  const first = w.world.store.checkpoints(w.world.root).find(({ actor }) => actor.by === "agent")!;
  expect(await ask(w.at, ["restore", first.id.slice(0, 6), "--dry-run"])).toMatchObject({ code: 0, data: { irreversible: [{ turn: 2 }], turns: [{ session: SESSION, n: 1 }, { session: SESSION, n: 2 }] } });
  expect(actions(await ask(w.at, ["restore", "1", "--session", "5972", "--", "greet.txt"]))).toEqual({ "greet.txt": "write" });
  const all = await ask(w.at, ["restore", first.id, "--force"]);
  expect(all.code).toBe(0);
  expect(Object.keys(w.world.tree())).toEqual(["README.md", "app.txt", "greet.txt"]);
  await ask(w.at, ["redo"]);
  expect(w.world.read("mine.txt")).toBe("my own\n");
  expect(await ask(w.at, ["restore", "ffffffff"])).toMatchObject({ code: 1, error: { code: "CHECKPOINT_UNKNOWN", hint: "tidemark checkpoints" } });
});

test("in a tree without checkpoints there is nothing to undo or list, and the next command is said; what is named and not there is refused", async () => {
  const at = place(["197 main"]);
  for (const begun of [false, true]) {
    expect(await ask(at, ["redo"]), String(begun)).toEqual({ code: 0, schema: "tidemark/redo/1", ok: true, data: NOTHING, warnings: ["No undo or restore here is left to be taken back"] });
    expect(await ask(at, ["checkpoints"])).toEqual({ code: 0, schema: "tidemark/checkpoints/1", ok: true, data: [], warnings: [`No checkpoint of ${at.cwd} is kept`] });
    if (!begun) expect(existsSync(join(at.home, "checkpoints.db"))).toBe(false);
    // This one opens the store.
    expect(await ask(at, ["undo"])).toEqual({ code: 0, schema: "tidemark/undo/1", ok: true, data: NOTHING, warnings: [`No agent has changed files in ${at.cwd} since checkpoints are kept`] });
  }
  expect(await tidemark(at, ["checkpoints"])).toEqual({ code: 0, err: "", out: `No checkpoint of ${at.cwd} is kept.\n  tidemark checkpoint    makes one now; tidemark init wires it into the agent\n` });
  for (const args of [["undo", "--turn", "1"], ["undo", "--call", "toolu_1"]]) expect(await ask(at, args)).toMatchObject({ code: 1, error: { code: "CHECKPOINT_UNKNOWN" } });
  for (const command of ["undo", "checkpoints"]) expect(await ask(at, [command, "--session", "nonesuch"])).toMatchObject({ code: 1, error: { code: "NO_SESSIONS" } });
  await ask(at, ["import"]);
  for (const command of ["undo", "checkpoints"]) expect(await ask(at, [command, "--session", "nonesuch"])).toMatchObject({ code: 1, error: { code: "SESSION_UNKNOWN" } });
  expect(await ask(at, ["diff", "1"])).toMatchObject({ code: 1, error: { code: "NO_CHECKPOINTS" } });
  expect(await ask(at, ["undo", "src/x.ts"])).toMatchObject({ code: 1, error: { code: "BAD_VALUE", hint: expect.stringContaining("tidemark undo -- src/x.ts") } });
});

test("checkpoints tells by turn who changed what, with lines; what is undone, from outside, taken back and marked stands between", async () => {
  const w = await someWork();
  await ask(w.at, ["undo", "--turn", "2", "--session", "5972"]);
  const { data, warnings } = await ask(w.at, ["checkpoints"]);
  expect(warnings).toEqual([]);
  expect(data.map(({ session, turn, kind, undone, actors }: any) => [session?.slice(0, 4) ?? null, turn, kind, undone, actors[0].by])).toEqual([
    ["5972", null, "restore", "no", "restore"],
    ["6113", 1, "call", "no", "agent"],
    ["5972", 2, "call", "yes", "agent"],
    [null, null, "prompt", "no", "outside"],
    ["5972", 1, "call", "no", "agent"],
    ["5972", 1, "call", "no", "agent"],
    [null, null, "baseline", "no", "outside"],
  ]);
  expect(data[2]).toMatchObject({
    id: expect.stringMatching(/^[0-9a-f]{16}$/), time: expect.stringMatching(/Z$/), calls: [{ id: expect.any(String), tool: "Bash" }], added: 1, removed: 2, prompt: "Make it friendlier", tier: "disk", pinned: false, note: null,
    files: [{ path: "README.md", change: "deleted", added: 0, removed: 1 }, { path: "greet.txt", change: "edited", added: 1, removed: 1 }], coverage: { skipped: [] },
  });
  expect((await ask(w.at, ["checkpoints", "--session", "6113"])).data).toHaveLength(1);
  expect((await ask(w.at, ["show", "5972"])).data.turns[1].checkpoint).toBe(data[2].id);
  const { out } = await tidemark(w.at, ["checkpoints"]);
  expect(out.replaceAll(w.world.root, "ROOT").replace(/[0-9a-f]{8}$/gm, "ID").replace(/ {2,}just now/g, "  just now")).toMatchInlineSnapshot(`
    "ROOT  7 checkpoints, 3 turns of agents

    ↶ undo of turn 2 (5972f1c9)  just now  ID
      on disk
      + README.md  +1 -0
      ~ greet.txt  +1 -1

    ● turn 1: Write a test  just now  ID
      claude-code 6113107f · Bash · on disk
      + a.test.txt  +1 -0

    ○ turn 2: Make it friendlier  just now  ID
      claude-code 5972f1c9 · Bash · undone · on disk
      - README.md  +0 -1
      ~ greet.txt  +1 -1

    ┆ you, or another program  just now  ID
      + mine.txt  +1 -0

    ● turn 1: Add a greeting  just now  ID
      claude-code 5972f1c9 · Write ×2 · on disk
      ~ app.txt    +1 -0
      + greet.txt  +1 -0

    ┴ the record begins  just now  ID
    "
  `);
});

test("diff between turns, checkpoints and now is a patch that git applies; --stat counts; links, modes and bytes are said as git says them", async () => {
  const w = work(onTestFinished);
  const { world } = w;
  world.write("a.txt", "one\r\ntwo\n");
  world.write("gone.txt", "last line without an end");
  world.write("run.sh", "true\n");
  world.git("add", "-A");
  world.git("commit", "-qm", "begin");
  world.keeper.begin();
  w.prompt("do it");
  w.edit("a.txt", "one\r\nTWO\nthree \u001b[31mred\n");
  w.bash("rm gone.txt; chmod +x run.sh; ln -s a.txt link; printf 'a\\0b' > bytes.bin; printf 'x\\n' > 'a name.txt'");
  await w.told();
  const { data } = await ask(w.at, ["diff", "1"]);
  expect(data.files.map(({ path, change, added, removed }: any) => [path, change, added, removed])).toEqual([
    ["a name.txt", "created", 1, 0], ["a.txt", "edited", 2, 1], ["bytes.bin", "created", null, null], ["gone.txt", "deleted", 0, 1], ["link", "created", 1, 0], ["run.sh", "mode", 0, 0],
  ]);
  expect(data.files[2].patch).toBe("diff --git a/bytes.bin b/bytes.bin\nnew file mode 100644\nBinary files /dev/null and b/bytes.bin differ\n");
  expect(data.files[5].patch).toBe("diff --git a/run.sh b/run.sh\nold mode 100644\nnew mode 100755\n");
  // Backwards it is what leads back.
  const back = await tidemark(w.at, ["diff", "now", world.store.checkpoints(world.root)[0]!.id, "--", "a.txt", "gone.txt", "run.sh", "link", "a name.txt"]);
  writeFileSync(join(w.at.home, "patch"), back.out);
  world.git("apply", join(w.at.home, "patch"));
  rmSync(join(world.root, "bytes.bin"));
  expect(world.git("status", "--porcelain")).toBe("");
  const stat = await tidemark(w.at, ["diff", "1", "1", "--stat"]);
  expect(stat.out).toMatchInlineSnapshot(`
    " a name.txt   +1 -0  +
     a.txt        +2 -1  ++-
     bytes.bin   binary
     gone.txt     +0 -1  -
     link         +1 -0  +
     run.sh        mode
     6 files changed from the beginning of turn 1 to the end of turn 1: +4 -2
    "
  `);
  expect(await ask(w.at, ["diff", "7"])).toMatchObject({ code: 1, error: { code: "CHECKPOINT_UNKNOWN" } });
  expect((await ask(w.at, ["diff", "now"])).data).toEqual({ files: [], from: "now", to: "now" });
});

test("a checkpoint is made with a note, pinned, and shown; the status says how many there are and how far they have come", async () => {
  const w = await someWork();
  chmodSync(join(w.world.root, "mine.txt"), 0o200);
  const made = await ask(w.at, ["checkpoint", "-m", "before lunch"]);
  expect(made).toMatchObject({ code: 0, data: { id: expect.stringMatching(/^[0-9a-f]{16}$/), tree: w.world.root, note: "before lunch", files: 4, tier: "disk" } });
  expect(await ask(w.at, ["pin", made.data.id.slice(0, 5)])).toMatchObject({ code: 0, data: { id: made.data.id, pinned: true } });
  expect((await ask(w.at, ["checkpoints"])).data[0]).toMatchObject({ id: made.data.id, kind: "manual", note: "before lunch", pinned: true, files: [], tier: "disk" });
  expect((await tidemark(w.at, ["checkpoints"])).out).toMatch(/◆ before lunch .*\n {2}pinned · on disk\n/);
  expect(await ask(w.at, ["pin", made.data.id, "--off"])).toMatchObject({ code: 0, data: { pinned: false } });
  expect(await ask(w.at, ["pin", "now"])).toMatchObject({ code: 1, error: { code: "CHECKPOINT_UNKNOWN" } });
  const { data } = await ask(w.at, ["status"]);
  expect(data.checkpoints).toMatchObject({ here: data.checkpoints.total, tiers: { page_cache: 0, disk: data.checkpoints.total, remote: 0 }, bytes: expect.any(Number), uncovered: 0 });
  expect((await tidemark(w.at, ["status"])).out).toMatch(/\d+ checkpoints here, the last just now: \d+ on disk\n/);
  expect((await ask(place(), ["status"])).data.checkpoints).toBeNull();
  // A home folder is no tree, and asking about it makes none.
  expect(await ask({ ...w.at, cwd: w.at.env["HOME"]! }, ["checkpoint"])).toMatchObject({ code: 1, error: { code: "TREE_REFUSED" } });
  expect(await ask({ ...w.at, cwd: w.at.env["HOME"]! }, ["status"])).toMatchObject({ code: 0, data: { checkpoints: { here: 0 } } });
});

test("files that cannot be kept are said, with the reason, in the timeline and the status", async () => {
  const w = work(onTestFinished);
  w.world.write("a.txt", "a\n");
  w.world.keeper.begin();
  w.prompt("make something that cannot be read");
  w.bash("mkfifo pipe; truncate -s 51M huge.bin");
  await w.told();
  const { data } = await ask(w.at, ["checkpoints"]);
  expect(data[0].coverage.skipped).toContainEqual({ path: "huge.bin", reason: "larger than 50 MiB" });
  expect((await tidemark(w.at, ["checkpoints"])).out).toMatch(/Not kept: \d files? \(.*1 larger than 50 MiB.*\)/);
  expect((await ask(w.at, ["status"])).data.checkpoints.uncovered).toBeGreaterThan(0);
  expect((await tidemark(w.at, ["status"])).out).toContain("not kept and could not be brought back");
});

test("blame tells of each line which session, turn and command wrote it, also what an undo brought back", async () => {
  const w = await someWork();
  w.world.write("greet.txt", "Dear\nand mine\n");
  const lines = async (path: string): Promise<unknown[]> => (await ask(w.at, ["blame", path])).data.lines.map(({ line, text, by, session, turn, tool, input }: any) => [line, text, by, session?.slice(0, 4) ?? null, turn, tool, ...(input === undefined ? [] : [input])]);
  const first = [1, "zero", "agent", "5972", 1, "Write", join(w.world.root, "app.txt")];
  const old = [[2, "one"], [3, "two"], [4, "three"]].map((line) => [...line, "before", null, null, null]);
  expect(await lines("app.txt")).toEqual([first, ...old]);
  expect(await lines("greet.txt")).toEqual([[1, "Dear", "agent", "5972", 2, "Bash", "sed -i s/Hello/Dear/ greet.txt; rm README.md"], [2, "and mine", "outside", null, null, null]]);
  await ask(w.at, ["undo", "--turn", "1", "--session", "5972", "--", "app.txt"]);
  expect(await lines("app.txt")).toEqual(old.map(([n, ...rest]) => [(n as number) - 1, ...rest]));
  await ask(w.at, ["redo"]);
  expect(await lines("app.txt")).toEqual([first, ...old]);
  expect((await tidemark(w.at, ["blame", "greet.txt"])).out).toMatchInlineSnapshot(`
    "5972f1c9 turn 2 now $ sed -i s/Hello/De… 1  Dear
    you or a program now                     2  and mine
    "
  `);
  expect(await ask(w.at, ["blame", "README.md"])).toMatchObject({ code: 1, error: { code: "PATH_MISSING", hint: expect.stringContaining("restore") } });
  w.world.write("bytes.bin", Buffer.from([0, 1, 2]));
  expect(await ask(w.at, ["blame", "bytes.bin"])).toMatchObject({ code: 1, error: { code: "NOT_TEXT" } });
});

test("gc drops what is beyond its bounds and says what holds the rest; afterwards everything that is left still holds", async () => {
  const w = work(onTestFinished);
  w.world.write("a.txt", "0\n");
  w.world.keeper.begin();
  for (let turn = 1; turn <= 4; turn++) {
    w.prompt(`turn ${turn}`);
    for (let call = 1; call <= 3; call++) w.edit("a.txt", `${turn} ${call} ${"x".repeat(3000 * turn)}\n`);
  }
  await w.told();
  const count = async (): Promise<number> => (await ask(w.at, ["checkpoints", "--all"])).data.length;
  expect(await count()).toBe(13);
  expect(await ask(w.at, ["gc", "--max-checkpoints", "2", "--dry-run"])).toMatchObject({ code: 0, data: { dry_run: true, merged: 4, dropped: 0, kept: 9 } });
  expect(await count()).toBe(13);
  expect(await ask(w.at, ["gc", "--max-checkpoints", "2"])).toMatchObject({ code: 0, data: { merged: 4, dropped: 0, kept: 9, before: { checkpoints: 13 }, after: { checkpoints: 9 } } });
  const small = await ask(w.at, ["gc", "--max-bytes", "1"]);
  expect(small).toMatchObject({ code: 0, data: { held: [{ tree: w.world.root, because: "recent" }], kept: 3 } });
  expect(small.data.freed).toBe(Math.max(0, small.data.before.bytes - small.data.after.bytes));
  expect((await ask(w.at, ["verify"])).data).toMatchObject({ problems: [], checkpoints: 3 });
  expect(await ask(w.at, ["undo"])).toMatchObject({ code: 0, data: { applied: true } });
  expect(w.world.read("a.txt")).toMatch(/^3 3 /);
  expect(await ask(w.at, ["gc", "--max-bytes", "lots"])).toMatchObject({ code: 1, error: { code: "BAD_VALUE" } });
  expect(await ask(place(), ["gc"])).toMatchObject({ code: 0, data: { freed: 0, kept: 0 } });
});

test("forget -- PATH erases the bytes of every version, and work goes on; a file that is there is kept again, which is said", async () => {
  const w = work(onTestFinished);
  const word = "hunter2-hunter2-hunter2";
  w.world.keeper.begin();
  w.prompt("write secrets");
  w.edit("gone.txt", `${word}\n`);
  w.edit("there.txt", `${word} once\n`);
  w.edit("other.txt", "fine\n");
  w.edit("there.txt", "harmless now\n");
  rmSync(join(w.world.root, "gone.txt"));
  w.world.keeper.look("prompt");
  await w.told();
  const asked = await ask(w.at, ["forget", "--", "gone.txt", "there.txt"]);
  expect(asked).toMatchObject({ code: 1, error: { code: "FORGET_NEEDS_YES" }, warnings: [expect.stringContaining("keeps it again")] });
  expect(await ask(w.at, ["forget", "--yes", "--", "gone.txt", "there.txt"])).toMatchObject({ code: 0, data: { applied: true, paths: [{ path: "gone.txt", there: false }, { path: "there.txt", there: true }] } });
  for (const path of [["diff", "1", "1"], ["checkpoints", "--all"]]) expect(JSON.stringify((await ask(w.at, path)).data)).not.toContain(word);
  const store = readdirSync(w.at.home).filter((name) => name.startsWith("checkpoints.db"));
  for (const name of store) expect(readFileSync(join(w.at.home, name)).includes(word), name).toBe(false);
  // The keeper of another process, which knows the old bytes by name, and the next command go on.
  w.prompt("go on");
  w.edit("there.txt", "more\n");
  await w.told();
  expect(await ask(w.at, ["undo"])).toMatchObject({ code: 0, data: { plan: [{ path: "there.txt", action: "write" }] } });
  expect(w.world.read("there.txt")).toBe("harmless now\n");
  expect(await ask(w.at, ["undo", "--turn", "1", "--", "there.txt"])).toMatchObject({ code: 1, data: { applied: false } });
  expect((await ask(w.at, ["verify"])).data.problems).toEqual([]);
  // The same bytes under another name, and copies somewhere else: neither is reached, and both are said.
  w.edit("one.txt", "token-token\n");
  w.edit("two.txt", "token-token\n");
  await w.told();
  const elsewhere = join(w.world.root, "..", "copies");
  mkdirSync(elsewhere);
  expect(await ask(w.at, ["remote", elsewhere])).toMatchObject({ code: 0 });
  const { warnings } = await ask(w.at, ["forget", "--", "one.txt"]);
  expect(warnings).toEqual([expect.stringContaining("keeps it again"), expect.stringContaining("under two.txt"), expect.stringContaining(elsewhere)]);
  expect(await ask(w.at, ["forget", "--yes", "--", "nonesuch"])).toMatchObject({ code: 0, data: { applied: false, paths: [] } });
  expect(await ask(w.at, ["forget", "--yes", "--", "."])).toMatchObject({ code: 1, error: { code: "FORGET_NEEDS_TARGET" } });
});

test("export --git writes one commit under one ref, byte for byte, and changes nothing else in the repository", async () => {
  const w = work(onTestFinished);
  const { world } = w;
  world.write(".gitignore", ".env\n");
  world.write(".gitattributes", "*.txt text eol=crlf\n*.up filter=upper\n");
  world.git("config", "filter.upper.clean", "tr a-z A-Z");
  world.git("config", "core.autocrlf", "true");
  world.git("config", "core.splitIndex", "true");
  world.write("a.txt", "committed\n");
  world.git("add", "-A");
  world.git("commit", "-qm", "begin");
  writeFileSync(join(world.root, ".git/hooks/reference-transaction"), "#!/bin/sh\ntouch hooked\n", { mode: 0o755 });
  world.write(".env", "SECRET=1\n");
  world.keeper.begin();
  w.prompt("work");
  w.edit("a.txt", "one\r\ntwo\n");
  w.edit("b.up", "lower\n");
  w.bash("chmod +x b.up; ln -s a.txt link; printf 'x\\0y' > ':odd name'; git init -q inner; echo i > inner/i.txt");
  await w.told();
  const seen = (): Record<string, string> => Object.fromEntries(readdirSync(join(world.root, ".git"), { recursive: true, encoding: "utf8" }).filter((name) => !name.startsWith("objects") && statSync(join(world.root, ".git", name)).isFile()).map((name) => [name, readFileSync(join(world.root, ".git", name), "latin1")]));
  const [before, head] = [seen(), world.git("rev-parse", "HEAD")];
  const done = await ask(w.at, ["export", "--git", "saved", "-m", "as it was"]);
  expect(done).toMatchObject({ code: 0, data: { ref: "refs/heads/saved", parent: head, from: "now", left_out: [{ path: ".env", reason: "git ignores it" }, { path: "inner/i.txt", reason: "it is in a repository of its own" }] } });
  const { "refs/heads/saved": commit, ...after } = seen();
  expect(commit!.trim()).toBe(done.data.commit);
  expect(after).toEqual(before);
  expect(world.git("ls-tree", "-r", "--format=%(objectmode) %(path)", "saved").split("\n")).toEqual(["100644 .gitattributes", "100644 .gitignore", "100644 :odd name", "100644 a.txt", "100755 b.up", "120000 link"]);
  expect(world.git("cat-file", "-p", "saved:b.up")).toBe("lower");
  expect(world.git("cat-file", "-s", "saved:a.txt")).toBe("9");
  expect(world.git("log", "--format=%s", "saved")).toBe("as it was\nbegin");
  expect(await ask(w.at, ["export", "--git", "saved"])).toMatchObject({ code: 1, error: { code: "REF_REFUSED", hint: expect.stringContaining("--force") } });
  expect(await ask(w.at, ["export", "--git", "main", "--force"])).toMatchObject({ code: 1, error: { code: "REF_REFUSED", message: expect.stringContaining("checked out") } });
  expect(await ask(w.at, ["export", "--git", "a..b"])).toMatchObject({ code: 1, error: { code: "REF_REFUSED" } });
  const first = w.world.store.checkpoints(world.root)[0]!.id;
  expect(await ask(w.at, ["export", "--git", "refs/tags/first", first])).toMatchObject({ code: 0, data: { ref: "refs/tags/first" } });
  expect(world.git("diff-tree", "-r", "--name-only", "HEAD", "refs/tags/first")).toBe("");
  expect(await ask(place(), ["export", "--git", "x"])).toMatchObject({ code: 1, error: { code: "NO_REPOSITORY" } });
  expect(await tidemark(w.at, ["export"])).toMatchObject({ code: 2 });
});

test.each(["HEAD", "refs/heads/HEAD", "refs/tags/HEAD", "refs/heads/-b", "@{-1}", "@", "refs/stash", "refs/keep/first", "refs/notes/commits", "refs/remotes/origin/main", "refs/", "refs/heads/", "a\nb", ""])("export --git does not write the ref %j, which git keeps for itself or takes for something else", async (ref) => {
  const w = work(onTestFinished);
  const { world } = w;
  world.write("a.txt", "one\n");
  world.git("add", "-A");
  world.git("commit", "-qm", "begin");
  world.git("checkout", "-qb", "other");
  world.write("a.txt", "stashed\n");
  world.git("stash");
  world.keeper.begin();
  w.prompt("work");
  w.edit("a.txt", "two\n");
  await w.told();
  const before = world.git("for-each-ref");
  expect((await ask(w.at, ["export", "--git", ref, "--force"])).ok).toBe(false);
  expect(world.git("for-each-ref")).toBe(before);
});

test("verify and doctor name damage in the checkpoints, and a diff over it says so", async () => {
  const w = work(onTestFinished);
  w.world.keeper.begin();
  w.prompt("large");
  w.edit("large.txt", "line\n".repeat(300_000));
  w.edit("large.txt", "other\n".repeat(300_000));
  await w.told();
  expect((await ask(w.at, ["verify"])).data).toMatchObject({ problems: [], checkpoints: 3 });
  const [large] = readdirSync(w.at.home, { recursive: true, encoding: "utf8" }).map((name) => join(w.at.home, name)).filter((path) => statSync(path).isFile() && statSync(path).size === 1_500_000);
  const bytes = readFileSync(large!);
  bytes[700_000] = 0x58;
  chmodSync(large!, 0o600);
  writeFileSync(large!, bytes);
  const found = await ask(w.at, ["verify"]);
  expect(found).toMatchObject({ code: 1, data: { problems: [{ code: "OBJECT_CHANGED" }] } });
  expect(await ask(w.at, ["doctor"])).toMatchObject({ code: 1, data: { left: [{ code: "OBJECT_CHANGED" }], checkpoints: { problems: 1 } } });
  const diff = await ask(w.at, ["diff", "1", "now"]);
  expect(diff).toMatchObject({ code: 0 });
  const undone = await ask(w.at, ["undo", "--call", "toolu_0004"]);
  expect(undone).toMatchObject({ code: 1, data: { applied: false, plan: [{ action: "refuse", reason: expect.stringContaining("damaged") }] } });
});

test("a session without checkpoints is undone by its transcript, after the present was made a checkpoint, and redone", async () => {
  const at = place();
  const file = join(at.cwd, "a.txt");
  const session = "11111111-2222-4333-8444-555555555555";
  const said = { sessionId: session, cwd: at.cwd };
  const records = [
    { ...said, type: "user", uuid: "u1", parentUuid: null, timestamp: "2026-11-30T10:00:00Z", message: { role: "user", content: "write it" } },
    { ...said, type: "assistant", uuid: "a1", parentUuid: "u1", timestamp: "2026-11-30T10:00:01Z", message: { role: "assistant", content: [{ type: "tool_use", id: "toolu_00000000000001", name: "Write", input: { file_path: file, content: "new\n" } }] } },
    { ...said, type: "user", uuid: "r1", parentUuid: "a1", timestamp: "2026-11-30T10:00:02Z", message: { role: "user", content: [{ type: "tool_result", tool_use_id: "toolu_00000000000001", content: "ok" }] }, toolUseResult: { type: "update", filePath: file, content: "new\n", originalFile: "old\n", structuredPatch: [] } },
    { ...said, type: "assistant", uuid: "a2", parentUuid: "r1", timestamp: "2026-11-30T10:00:03Z", message: { role: "assistant", content: [{ type: "tool_use", id: "toolu_00000000000002", name: "Bash", input: { command: "rm b.txt" } }] } },
    { ...said, type: "user", uuid: "r2", parentUuid: "a2", timestamp: "2026-11-30T10:00:04Z", message: { role: "user", content: [{ type: "tool_result", tool_use_id: "toolu_00000000000002", content: "ok" }] }, toolUseResult: { stdout: "", stderr: "" } },
  ];
  putTranscript(join(at.config, "projects/x", `${session}.jsonl`), records);
  writeFileSync(file, "new\n");
  await ask(at, ["import"]);
  expect((await tidemark(at, ["undo"])).out).toMatch(/^No agent has changed files in .*\n {2}tidemark undo --session 11111111 --dry-run {4}what its transcript can take back\n$/s);
  const dry = await ask(at, ["undo", "--session", "1111", "--dry-run"]);
  expect(dry).toMatchObject({ code: 0, data: { applied: false, plan: [{ path: "a.txt", action: "write", added: 1, removed: 1 }], irreversible: [{ call: "toolu_00000000000002", tool: "Bash", turn: 1, what: expect.stringContaining("not in a transcript"), input: "rm b.txt" }] } });
  expect(await ask(at, ["undo", "--session", "1111"])).toMatchObject({ code: 0, data: { applied: true, sealed: expect.any(String), restore: expect.any(String) } });
  expect(readFileSync(file, "utf8")).toBe("old\n");
  expect(await ask(at, ["redo"])).toMatchObject({ code: 0, data: { applied: true } });
  expect(readFileSync(file, "utf8")).toBe("new\n");
  expect(await ask(at, ["undo", "--session", "1111", "--call", "toolu_00000000000001"])).toMatchObject({ code: 0, data: { applied: true } });
  expect(await ask(at, ["checkpoints", "--session", "1111"])).toMatchObject({ code: 0, data: [], warnings: [`Session 11111111 has no checkpoint in ${at.cwd}`] });
  expect(await ask(at, ["undo", "--session", "nonesuch"])).toMatchObject({ code: 1, error: { code: "SESSION_UNKNOWN" } });
});

test("on a terminal of 80 columns every line fits, in colour, and in a pipe there is none", async () => {
  const w = await someWork();
  const long = `${"a-long-folder/".repeat(6)}a file with a long name.txt`;
  w.prompt("Do something of which the words go on and on, so that they need more than one line of a terminal of eighty columns, and more than two", SESSION);
  w.edit(long, "x\n".repeat(1200));
  w.world.write(long, "y\n");
  await w.told();
  const commands = ["checkpoints", "checkpoints --all", "diff 1 --session 5972 --stat", "undo --dry-run", "undo 3 --dry-run", "blame greet.txt", "status", "gc --dry-run", "restore 1 --session 5972 --dry-run"];
  for (const { out, err } of await Promise.all(commands.map((command) => tidemark(w.at, command.split(" "))))) expect(out + err).not.toContain("\u001b");
  if (spawnSync("script", ["-qec", "stty cols 80", "/dev/null"]).status !== 0) return console.warn("NOT TESTED: output on a terminal; `script` is not here or cannot open one");
  for (const command of commands) {
    const { out } = await shell(w.at, `script -qec "stty cols 80 rows 24; $TIDEMARK ${command}" /dev/null`);
    expect(out).toContain("\u001b[");
    // eslint-disable-next-line no-control-regex
    for (const line of out.replace(/\u001b\[[0-9;]*[mK]/g, "").split(/\r?\n|\r/)) if (!line.includes("claude --resume")) expect([...line].length, `${command}: ${line}`).toBeLessThanOrEqual(80);
  }
}, 60_000);
