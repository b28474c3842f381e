/**
 * The hook before a call, its shell line run by real shells: with an engine's part played here, without one, with one that is
 * dead; and the built command line as the engine and as what the hook starts where there is none. `npm run build` first.
 */
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, describe, expect, test } from "vitest";
import { hookEntries, type HookEntry } from "../../src/agents/claude-code/hook-lines.ts";
import type { Told } from "../../src/agents/claude-code/calls.ts";
import { isAlive } from "../../src/cli/processes.ts";
import { Barrier } from "../../src/engine/barrier.ts";
import { treeKey } from "../../src/operations/tree-place.ts";
import { openCheckpointStore } from "../../src/store/sqlite/checkpoints.ts";
import { scratch } from "../helpers.ts";

const CLI = join(import.meta.dirname, "../../dist/tidemark.js");
const SHELLS = [["dash"], ["bash"], ["bash", "--posix"], ["busybox", "sh"], ["zsh"]].filter(([program, ...args]) => spawnSync(program!, [...args, "-c", "exit 0"]).status === 0);

interface Place {
  readonly home: string;
  readonly spool: string;
  readonly barrier: string;
  readonly note: string;
  readonly hook: HookEntry;
}

/** A home whose name tries the quoting. `script`: a Node script that notes how it was called, or the built command line. */
function place(script?: string): Place {
  const home = join(scratch(), `it's "a" $home`);
  const [spool, barrier, note, recorder] = [join(home, "spool"), join(home, "barrier"), join(home, "note"), join(home, "tidemark.js")];
  mkdirSync(spool, { recursive: true });
  mkdirSync(barrier);
  writeFileSync(recorder, `const fs = require("node:fs"); fs.appendFileSync(${JSON.stringify(note)}, JSON.stringify({ args: process.argv.slice(2), home: process.env.TIDEMARK_HOME, read: fs.existsSync(process.argv[5]) }) + "\\n"); console.log("noise"); console.error("noise"); process.exitCode = 2;`);
  return { home, spool, barrier, note, hook: hookEntries({ node: process.execPath, script: script ?? recorder, home, spool, barrier, words: join(home, "words") }).find(({ event }) => event === "PreToolUse")! };
}

interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly ms: number;
}

/** As the client runs it. */
function run(shell: readonly string[], { hook }: Place, payload: string, { cwd = "/", env = {} }: { cwd?: string; env?: Record<string, string> } = {}): Promise<Ran> {
  const from = performance.now();
  return new Promise((done, failed) => {
    const child = spawn(shell[0]!, [...shell.slice(1), "-c", hook.command], { cwd, env: { PATH: process.env["PATH"] ?? "", SHLVL: "1", HOME: "/nonexistent", ...env }, stdio: ["pipe", "pipe", "pipe"], detached: true });
    let out = "";
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text: string) => void (out += text));
    child.on("error", failed).on("close", (code) => done({ code, out, ms: performance.now() - from }));
    child.stdin.on("error", () => undefined).end(payload);
  });
}

const payload = (tool: string, input: object = {}, fields: object = {}): string => JSON.stringify({ session_id: "s1", transcript_path: "/nonexistent/t.jsonl", cwd: "/", permission_mode: "default", hook_event_name: "PreToolUse", tool_name: tool, tool_input: input, tool_use_id: "toolu_0000000000000001", ...fields });
const notes = ({ note }: Place): any[] => (existsSync(note) ? readFileSync(note, "utf8").trimEnd().split("\n").map((line) => JSON.parse(line)) : []);
const spooled = ({ spool }: Place): string[] => readdirSync(spool).map((name) => readFileSync(join(spool, name), "utf8"));

/** The engine's part, in this process, which is the shells' parent as the client would be. */
function engine(at: Place, serve: (told: Told) => Promise<unknown>): Barrier {
  const barrier = new Barrier({ home: at.home, client: process.pid, pid: process.pid, isAlive, serve, onTrouble: () => undefined });
  barrier.open();
  return barrier;
}

const QUICK = 1500;

describe.each(SHELLS.map((shell) => [shell.join(" "), shell] as const))("the hook before a call, run by %s", (_, shell) => {
  test("waits until it is served, and no longer; what comes in is in the spool to the byte", async () => {
    const at = place();
    const served: string[] = [];
    const barrier = engine(at, async ({ call }) => {
      await sleep(250);
      served.push(call!.id);
    });
    const large = payload("Bash", { command: "it's \"quoted\" $HOME `x` \\ 日本 \u0000".repeat(9000) });
    const { code, out, ms } = await run(shell, at, large);
    expect([code, out, served]).toEqual([0, "", ["toolu_0000000000000001"]]);
    expect(ms).toBeGreaterThan(240);
    expect(ms).toBeLessThan(QUICK);
    expect([spooled(at), notes(at)]).toEqual([[large], []]);
    // Several at once, each with a file of its own, in turn.
    const all = await Promise.all([1, 2, 3].map((n) => run(shell, at, payload("Bash", {}, { tool_use_id: `another_call_no_${n}` }))));
    expect(all.map(({ code: each, out: said }) => [each, said])).toEqual([[0, ""], [0, ""], [0, ""]]);
    expect(served.toSorted()).toEqual(["another_call_no_1", "another_call_no_2", "another_call_no_3", "toolu_0000000000000001"]);
    expect(readdirSync(at.barrier).filter((name) => name.startsWith("w-"))).toEqual([]);
    await barrier.close();
    expect(readdirSync(at.barrier)).toEqual([]);
  });

  test("gives up after two seconds where the engine does not answer", async () => {
    const at = place();
    writeFileSync(join(at.barrier, `${process.pid}-${process.pid}`), "");
    const { code, out, ms } = await run(shell, at, payload("Bash"));
    expect([code, out]).toEqual([0, ""]);
    expect(ms).toBeGreaterThan(1500);
    expect(ms).toBeLessThan(4500);
    expect([spooled(at).length, notes(at)]).toEqual([1, []]);
  });

  test("a payload that says nothing of files, and one whose service fails, are let go as well", async () => {
    const at = place();
    const barrier = engine(at, () => Promise.reject(new Error("no disk")));
    for (const text of [payload("Bash"), JSON.stringify({ hook_event_name: "PreToolUse" })]) expect((await run(shell, at, text)).ms).toBeLessThan(QUICK);
    await barrier.close();
  });

  test("without an engine Node is asked, with the payload in the spool; not about what changes no file; an engine that is dead is none", async () => {
    const at = place();
    const dead = spawnSync("true").pid;
    writeFileSync(join(at.barrier, `${process.pid}-${dead}`), "");
    // Of another client.
    writeFileSync(join(at.barrier, `1-${process.pid}`), "");
    for (const [tool, input, asked] of [
      ["Read", { file_path: "/x" }, false], ["Grep", {}, false], ["TodoWrite", {}, false], ["TaskCreate", {}, false],
      ["Bash", { command: "x" }, true], ["Edit", { file_path: "/x" }, true], ["mcp__any__thing", {}, true],
      // What its input says is not what it is.
      ["mcp__gateway__call", { tool_name: "Read", hook_event_name: "PreToolUse" }, true], ["Bash", { command: '"tool_name":"Read"' }, true], ["ReadWrite", {}, true],
    ] as const) {
      rmSync(at.note, { force: true });
      const { code, out, ms } = await run(shell, at, payload(tool, input));
      expect([tool, code, out, notes(at).length]).toEqual([tool, 0, "", asked ? 1 : 0]);
      expect(ms).toBeLessThan(QUICK);
      if (asked) expect(notes(at)[0]).toMatchObject({ args: ["hook", "PreToolUse", "--spooled", expect.stringMatching(/\/spool\/\d+-\d+\.json$/)], home: at.home, read: true });
    }
    expect(readdirSync(at.barrier).filter((name) => name.startsWith("w-"))).toEqual([]);
  });

  test("folders that are missing, closed or none, and names that are taken: it ends with 0 and holds nobody up", async () => {
    for (const spoil of [
      (at: Place) => rmSync(at.barrier, { recursive: true }),
      (at: Place) => rmSync(at.spool, { recursive: true }),
      (at: Place) => (rmSync(at.spool, { recursive: true }), writeFileSync(at.spool, "x")),
      (at: Place) => (rmSync(at.spool, { recursive: true }), symlinkSync("/nonexistent", at.spool)),
      (at: Place) => (rmSync(at.barrier, { recursive: true }), writeFileSync(at.barrier, "x")),
      // A disk without room: what is written is lost, and nobody is waited for.
      (at: Place) => (rmSync(at.spool, { recursive: true }), symlinkSync("/dev", at.spool)),
    ]) {
      const at = place();
      writeFileSync(join(at.barrier, `${process.pid}-${process.pid}`), "");
      spoil(at);
      expect(await run(shell, at, payload("Read", { content: "x".repeat(200_000) }))).toMatchObject({ code: 0, out: "" });
    }
  });

  test("on a full disk nobody is waited for", async (context) => {
    const at = place();
    const script = `mount -t tmpfs -o size=64k,nr_inodes=100 tmpfs "$SPOOL" && dd if=/dev/zero of="$SPOOL/ballast" bs=1k 2>/dev/null; exec "$@"`;
    const args = ["--map-root-user", "--mount", "sh", "-c", script, "sh", ...shell, "-c", at.hook.command];
    if (spawnSync("unshare", ["--map-root-user", "--mount", "sh", "-c", "mount -t tmpfs tmpfs /mnt"]).status !== 0) {
      console.warn("NOT TESTED: a full disk; no file system of its own can be mounted here");
      context.skip("mounting is not permitted");
    }
    // The engine of whoever is above the shell, wherever that is: this process, since all of them are replaced one by the other.
    writeFileSync(join(at.barrier, `${process.pid}-${process.pid}`), "");
    const from = performance.now();
    const child = spawn("unshare", args, { env: { PATH: process.env["PATH"] ?? "", SPOOL: at.spool, HOME: "/nonexistent" }, stdio: ["pipe", "pipe", "pipe"] });
    let out = "";
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text: string) => void (out += text));
    child.stdin.on("error", () => undefined).end(payload("Bash", { command: "x".repeat(300_000) }));
    const code = await new Promise((done) => child.once("close", done));
    expect([code, out]).toEqual([0, ""]);
    expect(performance.now() - from).toBeLessThan(QUICK);
  });
});

describe("with the built command line", () => {
  const engines = new Set<ChildProcess>();
  afterAll(() => {
    for (const each of engines) each.kill("SIGKILL");
  });
  const SHELL = SHELLS[0]!;

  function work(): Place & { tree: string; env: Record<string, string>; say: (tool: string, input: object, id: string) => Promise<Ran> } {
    const at = place(CLI);
    const tree = join(at.home, "..", "tree");
    mkdirSync(tree);
    writeFileSync(join(tree, "a.txt"), "mine\n");
    const env = { HOME: at.home, GIT_CONFIG_NOSYSTEM: "1" };
    return Object.assign(at, { tree, env, say: (tool: string, input: object, id: string) => run(SHELL, at, payload(tool, input, { cwd: tree, tool_use_id: id, prompt_id: "p1" }), { cwd: tree, env }) });
  }

  /** Up to its first look at the tree: on a busy machine a call would wait for that longer than its two seconds. */
  async function startEngine(at: ReturnType<typeof work>): Promise<ChildProcess> {
    const child = spawn(process.execPath, [CLI, "engine"], { cwd: at.tree, env: { PATH: process.env["PATH"] ?? "", TIDEMARK_HOME: at.home, ...at.env }, stdio: ["pipe", "ignore", "pipe"] });
    engines.add(child);
    child.stdin!.on("error", () => undefined);
    const looked = join(at.home, "trees", `${treeKey(at.tree)}.manifest`);
    for (let tries = 0; !existsSync(join(at.barrier, `${process.pid}-${child.pid}`)) || !existsSync(looked); tries++) {
      if (tries > 500) throw new Error("the engine does not say that it is there and has looked");
      await sleep(30);
    }
    return child;
  }

  const gone = (child: ChildProcess): Promise<unknown> => new Promise((done) => (child.exitCode !== null || child.signalCode !== null ? done(undefined) : child.once("exit", done)));

  /** What is kept of a file, by the last checkpoint that speaks of it or by the first look. */
  function kept(at: ReturnType<typeof work>, path: string): { befores: (string | undefined)[]; calls: string[] } {
    const store = openCheckpointStore(at.home);
    try {
      const text = (state: unknown): string | undefined => (typeof state === "string" ? state : Buffer.from(store.content((state as { content: string }).content)!).toString());
      const changes = store.changesAfter(at.tree, 0, path);
      return { befores: changes.map(({ before }) => text(before)), calls: store.calls(at.tree).map(({ id }) => id).sort() };
    } finally {
      store.close();
    }
  }

  test("without an engine a command's tree is captured before it runs, and an edit's file; a Read starts nothing", { timeout: 30_000 }, async () => {
    const at = work();
    expect(await at.say("Read", { file_path: join(at.tree, "a.txt") }, "read")).toMatchObject({ code: 0, out: "" });
    expect(existsSync(join(at.home, "checkpoints.db"))).toBe(false);
    expect(await at.say("Bash", { command: "make" }, "toolu_of_the_call_first")).toMatchObject({ code: 0, out: "" });
    writeFileSync(join(at.tree, "a.txt"), "agent\n");
    // Between two calls, by hand: kept before the next one.
    await at.say("Bash", { command: "make" }, "toolu_of_the_call_second");
    writeFileSync(join(at.tree, "a.txt"), "agent again\n");
    await at.say("Edit", { file_path: join(at.tree, "a.txt") }, "toolu_of_the_call_third");
    expect(kept(at, "a.txt")).toEqual({ befores: ["mine\n", "agent\n"], calls: ["toolu_of_the_call_first", "toolu_of_the_call_second", "toolu_of_the_call_third"] });
    expect(readdirSync(at.spool).filter((name) => name.endsWith(".json"))).toHaveLength(4);
  });

  /** At once: an engine may look at this very moment, and would find the file empty in between. */
  function put(at: ReturnType<typeof work>, text: string): void {
    const part = join(at.home, "..", "part");
    writeFileSync(part, text);
    renameSync(part, join(at.tree, "a.txt"));
  }

  test("an engine serves the hooks of its parent; killed, the next hook does without; started again, it serves again; two on one tree do no harm", { timeout: 60_000 }, async () => {
    const at = work();
    const first = await startEngine(at);
    expect(await at.say("Bash", { command: "make" }, "one")).toMatchObject({ code: 0, out: "" });
    put(at, "agent\n");
    await at.say("Bash", { command: "rm -rf x" }, "two");
    expect(kept(at, "a.txt").befores).toEqual(["mine\n"]);
    first.kill("SIGKILL");
    await gone(first);
    put(at, "while no engine is there\n");
    expect(await at.say("Bash", { command: "make" }, "three")).toMatchObject({ code: 0, out: "" });
    expect(kept(at, "a.txt").befores).toEqual(["mine\n", "agent\n"]);
    const [second, third] = [await startEngine(at), await startEngine(at)];
    // The mark and the presence of the one that was killed are gone.
    expect(readdirSync(at.barrier).sort()).toEqual([`${process.pid}-${second.pid}`, `${process.pid}-${third.pid}`].sort());
    put(at, "with two engines\n");
    const { code, ms } = await at.say("Bash", { command: "rm -rf y" }, "four");
    expect(code).toBe(0);
    expect(ms).toBeLessThan(QUICK);
    expect(kept(at, "a.txt").befores).toEqual(["mine\n", "agent\n", "while no engine is there\n"]);
    second.stdin!.end();
    third.kill("SIGTERM");
    await Promise.all([gone(second), gone(third)]);
    expect(readdirSync(at.barrier)).toEqual([]);
    const store = openCheckpointStore(at.home);
    expect(store.check()).toEqual([]);
    store.close();
  });

  test("a session without an engine beside one that has one: its calls come to an end, and what is mine afterwards is mine", { timeout: 60_000 }, async () => {
    const at = work();
    const engine = await startEngine(at);
    await at.say("Read", { file_path: "/x" }, "with");
    // Another client, whose hooks no engine serves: a shell between this process and the hook's.
    const other = (event: string, fields: object): Promise<unknown> => {
      const line = hookEntries({ node: process.execPath, script: CLI, home: at.home, spool: at.spool, barrier: at.barrier, words: join(at.home, "words") }).find((each) => each.event === event)!.command;
      const child = spawn("bash", ["-c", 'printf %s "$PAYLOAD" | dash -c "$LINE"; exit 0'], { cwd: at.tree, env: { PATH: process.env["PATH"] ?? "", ...at.env, LINE: line, PAYLOAD: JSON.stringify({ ...JSON.parse(payload("Bash", { command: "make" })), session_id: "s2", cwd: at.tree, tool_use_id: "toolu_of_the_call_without", hook_event_name: event, ...fields }) }, stdio: "ignore" });
      return new Promise((done) => child.once("exit", done));
    };
    await other("PreToolUse", {});
    expect(kept(at, "a.txt").calls).toContain("toolu_of_the_call_without");
    put(at, "by the other\n");
    await other("PostToolUse", { tool_response: { stdout: "" } });
    for (let tries = 0; kept(at, "a.txt").befores.length === 0 || kept(at, "a.txt").calls.includes("toolu_of_the_call_without"); tries++) {
      if (tries > 100) throw new Error("the call of the other session does not come to an end");
      await sleep(100);
    }
    put(at, "mine, afterwards\n");
    await at.say("Bash", { command: "rm -rf z" }, "later");
    const store = openCheckpointStore(at.home);
    const [theirs, mine] = store.changesAfter(at.tree, 0, "a.txt").map(({ seq }) => store.checkpoints(at.tree).find((each) => each.seq === seq)!.actor);
    store.close();
    expect(theirs).toMatchObject({ by: "agent", session: "s2", calls: [{ id: "toolu_of_the_call_without" }] });
    expect(JSON.stringify(mine)).not.toContain("toolu_of_the_call_without");
    engine.stdin!.end();
    await gone(engine);
  });

  test("what goes wrong between two calls is said by the engine, once, and tried again until it works", { timeout: 60_000 }, async () => {
    const at = work();
    const engine = await startEngine(at);
    let said = "";
    engine.stderr!.setEncoding("utf8").on("data", (text: string) => void (said += text));
    const trees = join(at.home, "trees");
    const until = async (what: string, body: () => boolean): Promise<void> => {
      for (let tries = 0; !body(); tries++) {
        if (tries > 400) throw new Error(`${what}: not in 20 s`);
        await sleep(50);
      }
    };
    // It looks by itself, and is not in the middle of it.
    put(at, "touched\n");
    await until("a look", () => kept(at, "a.txt").befores.length === 1 && !readdirSync(trees).some((name) => name.endsWith(".lock")));
    renameSync(trees, `${trees}.aside`);
    writeFileSync(trees, "");
    put(at, "touched again\n");
    await until("a word", () => said !== "");
    // It is tried every 200 ms.
    await sleep(1500);
    expect(said.trimEnd().split("\n")).toEqual([expect.stringMatching(/^tidemark engine: ENOTDIR.*\.lock'$/)]);
    rmSync(trees);
    renameSync(`${trees}.aside`, trees);
    await until("another look", () => kept(at, "a.txt").befores.length === 2);
    engine.stdin!.end();
    await gone(engine);
    expect(said.trimEnd().split("\n")).toHaveLength(1);
  });

  test("a home that cannot be written to costs the agent nothing", { timeout: 20_000 }, async () => {
    const at = work();
    writeFileSync(join(at.home, "checkpoints.db"), "no database at all, but long enough to look at".repeat(100));
    expect(await at.say("Bash", { command: "make" }, "one")).toMatchObject({ code: 0, out: "" });
    rmSync(at.barrier, { recursive: true });
    writeFileSync(at.barrier, "");
    const child = spawn(process.execPath, [CLI, "engine"], { cwd: at.tree, env: { PATH: process.env["PATH"] ?? "", TIDEMARK_HOME: at.home, ...at.env }, stdio: ["pipe", "ignore", "pipe"] });
    engines.add(child);
    await sleep(1200);
    // Without its barrier it still takes in what hooks leave.
    expect([child.exitCode, child.signalCode]).toEqual([null, null]);
    child.stdin!.end();
    await gone(child);
    chmodSync(at.spool, 0o700);
  });
});
