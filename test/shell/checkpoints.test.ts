/** The commands about checkpoints, on the built command line, in trees where agents were at work. */
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { takeWords } from "../../src/operations/tell.ts";
import { ask, place, tidemark, type Answer } from "../helpers.ts";
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
  expect(await ask(w.at, ["redo"])).toMatchObject({ code: 1, error: { code: "NOTHING_TO_UNDO" } });
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
  expect(await ask(w.at, ["undo"])).toMatchObject({ code: 1, error: { code: "NOTHING_TO_UNDO", message: "Every turn here is undone already", hint: expect.stringContaining("tidemark redo") } });
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
  expect(kept).toMatchObject({ code: 1, ok: false, error: { code: "NOTHING_DONE", kind: "user", hint: expect.stringMatching(/--merge.*--force/) }, data: { applied: false, plan: [{ path: "a.txt", action: "keep", reason: expect.stringContaining("you or another program") }] } });
  expect(await ask(w.at, ["undo", "--merge", "--force"])).toMatchObject({ code: 1, error: { code: "BAD_VALUE" } });
  expect(await ask(w.at, ["undo", "--merge"])).toMatchObject({ code: 0, data: { applied: true, plan: [{ action: "merge", added: 1, removed: 1 }] } });
  expect(w.world.read("a.txt")).toBe("1\n2\n3\n4\n5\n6\nseven\n8\n");
  await ask(w.at, ["redo"]);
  expect(await ask(w.at, ["undo", "--force"])).toMatchObject({ code: 0, data: { applied: true } });
  expect(w.world.read("a.txt")).toBe("1\n2\n3\n4\n5\n6\n7\n8\n");
});

test("agents at work in this tree are told which files went back, once, and nobody else", async () => {
  const w = await someWork();
  mkdirSync(join(w.at.config, "sessions"), { recursive: true });
  const running = (name: string, session: string, cwd: string): void => writeFileSync(join(w.at.config, "sessions", name), JSON.stringify({ pid: process.pid, sessionId: session, cwd, startedAt: Date.now() }));
  running("1.json", SESSION, w.world.root);
  running("2.json", "another-place", w.at.config);
  const { data } = await ask(w.at, ["undo"]);
  expect(data.told).toEqual([SESSION]);
  expect(takeWords(w.at.home, SESSION)).toEqual([{ verb: "undo", session: OTHER, tree: w.world.root, time: expect.any(Number), files: [{ path: "a.test.txt", action: "delete" }] }]);
  expect(takeWords(w.at.home, SESSION)).toEqual([]);
  expect(takeWords(w.at.home, OTHER)).toEqual([]);
  expect((await ask(w.at, ["verify"])).data.problems).toEqual([]);
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

test("in a tree without checkpoints each command says so and what to do", async () => {
  const at = place();
  expect(await ask(at, ["redo"])).toMatchObject({ code: 1, error: { code: "NO_CHECKPOINTS" } });
  expect(await ask(at, ["undo"])).toMatchObject({ code: 1, error: { code: "NOTHING_TO_UNDO" } });
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
