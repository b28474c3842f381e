/** Checkpoints as another program uses them: attribution, comparing, reverting, being told, saving by itself, and values that are none. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { scratch } from "../../test/helpers.ts";
import { treeWorld } from "../../test/tree-world.ts";
import { takeWords } from "../operations/tell.ts";
import { openCheckpointStore } from "../store/sqlite/checkpoints.ts";
import { openCheckpoints, type Checkpoint, type Checkpoints, type OpenOptions } from "./checkpoints.ts";

interface Opened {
  readonly tree: Checkpoints;
  readonly folder: string;
  readonly home: string;
  readonly write: (path: string, text: string | undefined) => void;
  readonly read: (path: string) => string;
}

function opened(options: Partial<OpenOptions> = {}, before: (folder: string) => void = () => undefined): Opened {
  const place = scratch();
  const [folder, home] = [join(place, "project"), join(place, "state")];
  mkdirSync(folder);
  writeFileSync(join(folder, "there.txt"), "one\ntwo\nthree\n");
  before(folder);
  const tree = openCheckpoints({ folder, home, ...options });
  onTestFinished(() => tree.close());
  const write = (path: string, text: string | undefined): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    if (text === undefined) rmSync(join(folder, path));
    else writeFileSync(join(folder, path), text);
  };
  return { tree, folder, home, write, read: (path) => readFileSync(join(folder, path), "utf8") };
}

const agent = { agent: "my-agent", session: "s1", turn: "t1" };
const until = async (condition: () => boolean): Promise<void> => {
  for (let i = 0; i < 600 && !condition(); i++) await new Promise((done) => setTimeout(done, 5));
  expect(condition()).toBe(true);
};

describe("creating", () => {
  test("the first look is a checkpoint; the next holds what changed since, with all that was said of it", () => {
    const { tree, write } = opened();
    expect(tree.listCheckpoints()).toMatchObject([{ kind: "baseline", by: "outside", files: 0, tier: 2, pinned: false, skipped: [] }]);
    write("new.txt", "1\n");
    write("there.txt", undefined);
    const made = tree.createCheckpoint({ ...agent, call: "c1", tool: "Bash", note: "n", model: "m", tokens: 7, confidence: 0.25 });
    expect(made).toEqual({ id: expect.stringMatching(/^[0-9a-f]{16}$/), time: expect.any(Number), kind: "call", by: "agent", agent: "my-agent", session: "s1", turn: "t1", calls: ["c1"], note: "n", model: "m", tokens: 7, confidence: 0.25, files: 2, pinned: false, tier: 2, skipped: [] });
    expect(tree.listCheckpoints({ limit: 1 })).toEqual([made]);
  });

  test("without an agent it is the person's, and without a change it stands for itself", () => {
    const { tree, write } = opened();
    write("new.txt", "1\n");
    expect(tree.createCheckpoint({ note: "mine" })).toMatchObject({ kind: "manual", by: "outside", note: "mine", files: 1, calls: [] });
    expect(tree.createCheckpoint({ note: "again" })).toMatchObject({ kind: "manual", by: "outside", note: "again", files: 0 });
    expect(tree.createCheckpoint(agent)).toMatchObject({ kind: "manual", by: "agent", session: "s1", files: 0 });
    expect(tree.createCheckpoint(agent)).not.toHaveProperty("note");
    expect(tree.listCheckpoints()).toHaveLength(5);
  });

  test("what changes during a call is the call's, whoever looks in between; what is said of it stands with it alone", () => {
    const { tree, write, folder } = opened();
    write("person.txt", "1\n");
    const call = tree.beginCall({ ...agent, call: "c1", tool: "Bash" });
    write("agent.txt", "1\n");
    expect(tree.compareCheckpoints(tree.listCheckpoints().at(-1)!, "now").map(({ path }) => path)).toEqual(["agent.txt", "person.txt"]);
    write("agent.txt", "2\n");
    expect(call.end({ confidence: 0.5, tokens: 3 })).toMatchObject({ by: "agent", calls: ["c1"], confidence: 0.5, tokens: 3, files: 1 });
    expect(call.end()).toBeUndefined();
    const one = tree.beginCall({ ...agent, call: "c2", tool: "Edit", path: join(folder, "there.txt") });
    write("there.txt", "changed\n");
    write("person.txt", "2\n");
    expect(one.end({ model: "m" })).toMatchObject({ by: "agent", calls: ["c2"], model: "m", files: 1 });
    const last = tree.createCheckpoint({ note: "rest" });
    expect(last).toMatchObject({ by: "outside", note: "rest", files: 1 });
    expect(tree.listCheckpoints().map(({ by, calls, files, model }) => [by, calls.join(), files, model])).toEqual([
      ["outside", "", 1, undefined], ["agent", "c2", 1, "m"], ["agent", "c1", 1, undefined], ["agent", "c1", 1, undefined], ["outside", "", 1, undefined], ["outside", "", 0, undefined],
    ]);
  });

  test("calls that run at once share what either may have done, and neither's words stand with it", () => {
    const { tree, write } = opened();
    const calls = ["c1", "c2"].map((call) => tree.beginCall({ ...agent, call, tool: "Bash" }));
    write("either.txt", "1\n");
    expect(calls[0]!.end({ confidence: 1 })).toMatchObject({ by: "agent", calls: ["c1", "c2"], files: 1 });
    expect(tree.listCheckpoints({ limit: 1 })[0]).not.toHaveProperty("confidence");
    // Its own words do not go to what others did either.
    write("later.txt", "1\n");
    expect(tree.createCheckpoint({ note: "mine" })).toMatchObject({ kind: "manual", by: "outside", note: "mine", files: 0 });
    expect(tree.listCheckpoints({ limit: 2 })[1]).toMatchObject({ by: "agent", calls: ["c2"], files: 1 });
    expect(tree.listCheckpoints({ limit: 2 })[1]).not.toHaveProperty("note");
    expect(calls[1]!.end()).toBeUndefined();
  });

  test("a call that was never ended is over with the tree, or with the next turn of its session", () => {
    const { tree, write, folder, home } = opened();
    tree.beginCall({ ...agent, call: "c1", tool: "Bash" });
    tree.close();
    write("a.txt", "1\n");
    const second = openCheckpoints({ folder, home });
    expect(second.createCheckpoint()).toMatchObject({ by: "outside", files: 1 });
    second.beginCall({ ...agent, call: "c2", tool: "Bash" });
    // Its program was killed; another one goes on with the session.
    const third = openCheckpoints({ folder, home });
    third.createCheckpoint({ ...agent, turn: "t2" });
    write("a.txt", "2\n");
    expect(third.createCheckpoint()).toMatchObject({ by: "outside", files: 1 });
    third.close();
    second.close();
  });

  test("a call whose end was refused can be ended again", () => {
    const { tree, write } = opened();
    const call = tree.beginCall({ ...agent, call: "c1", tool: "Bash" });
    write("a.txt", "1\n");
    expect(() => call.end({ confidence: 2 })).toThrow("confidence");
    expect(call.end({ confidence: 1 })).toMatchObject({ calls: ["c1"], confidence: 1 });
  });

  test("one after an edit of a named path is the agent's that is named", () => {
    const { tree, write } = opened();
    const call = tree.beginCall({ ...agent, call: "c1", tool: "Edit", path: "there.txt" });
    write("there.txt", "changed\n");
    call.end();
    write("more.txt", "1\n");
    expect(tree.createCheckpoint({ agent: "other", session: "s2" })).toMatchObject({ agent: "other", session: "s2", files: 1, kind: "turn" });
  });
});

describe("comparing", () => {
  test("tells files with counts and patches, in either direction, of some paths", () => {
    const { tree, write, folder } = opened();
    const [start] = tree.listCheckpoints();
    write("there.txt", "one\n2\nthree\n");
    write("lib/new.ts", "export {};\n");
    writeFileSync(join(folder, "odd.bin"), Buffer.from([0, 1, 2]));
    const later = tree.createCheckpoint();
    const changes = tree.compareCheckpoints(start!, later.id);
    expect(changes.map(({ path, change, added, removed, binary }) => ({ path, change, added, removed, binary }))).toEqual([
      { path: "lib/new.ts", change: "created", added: 1, removed: 0, binary: false },
      { path: "odd.bin", change: "created", added: undefined, removed: undefined, binary: true },
      { path: "there.txt", change: "edited", added: 1, removed: 1, binary: false },
    ]);
    expect(changes[2]!.patch).toBe("diff --git a/there.txt b/there.txt\n--- a/there.txt\n+++ b/there.txt\n@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n");
    expect(tree.compareCheckpoints(later, start!).map(({ path, change }) => `${path} ${change}`)).toEqual(["lib/new.ts deleted", "odd.bin deleted", "there.txt edited"]);
    expect(tree.compareCheckpoints(start!, later, { paths: ["lib"] }).map(({ path }) => path)).toEqual(["lib/new.ts"]);
    expect(tree.compareCheckpoints(later)).toEqual([]);
    write("there.txt", undefined);
    expect(tree.compareCheckpoints(later.id.slice(0, 8), "now", { paths: [join(folder, "there.txt")] })).toMatchObject([{ change: "deleted", added: 0, removed: 3 }]);
  });

  test("has the bytes that only the repository holds", () => {
    const { tree, write } = opened({}, (folder) => {
      const git = (...args: string[]): void => void execFileSync("git", ["-c", "user.name=a", "-c", "user.email=a@example.org", ...args], { cwd: folder, stdio: "pipe" });
      git("init", "-q");
      git("add", ".");
      git("commit", "-q", "-m", "1");
    });
    const [start] = tree.listCheckpoints();
    write("there.txt", "one\n");
    expect(tree.compareCheckpoints(start!)).toMatchObject([{ path: "there.txt", added: 0, removed: 2 }]);
  });
});

describe("reverting", () => {
  function worked(): Opened & { start: Checkpoint } {
    const all = opened();
    const start = all.tree.createCheckpoint({ note: "start" });
    const call = all.tree.beginCall({ ...agent, call: "c1", tool: "Bash" });
    all.write("there.txt", "one\n2\nthree\n");
    all.write("made.txt", "agent\n");
    call.end();
    all.write("mine.txt", "person\n");
    return { ...all, start };
  }

  test("takes the agent's back and leaves the person's; that can be reverted", () => {
    const { tree, start, read, folder, home } = worked();
    expect(tree.revertToCheckpoint(start, { dryRun: true })).toMatchObject({ plan: [{ path: "made.txt", action: "delete" }, { path: "there.txt", action: "write", reason: expect.stringMatching(/\w/) }], applied: false, conflicts: [], checkpoint: undefined });
    expect(read("there.txt")).toContain("2");
    const done = tree.revertToCheckpoint(start.id);
    expect(done).toMatchObject({ applied: true, conflicts: [], checkpoint: { kind: "restore", by: "restore", files: 2 } });
    expect([read("there.txt"), existsSync(join(folder, "made.txt")), read("mine.txt")]).toEqual(["one\ntwo\nthree\n", false, "person\n"]);
    // The agent that made them is told.
    expect(takeWords(home, "s1")).toMatchObject([{ verb: "restore", tree: tree.root, files: [{ path: "made.txt", action: "delete" }, { path: "there.txt", action: "write" }] }]);
    expect(tree.revertToCheckpoint(done.before!, { mode: "force" }).applied).toBe(true);
    expect([read("there.txt"), read("made.txt"), read("mine.txt")]).toEqual(["one\n2\nthree\n", "agent\n", "person\n"]);
  });

  test("keeps, merges or forces what the person changed since", () => {
    const { tree, start, read, write } = worked();
    write("there.txt", "ONE\n2\nthree\nfour\n");
    expect(tree.revertToCheckpoint(start, { paths: ["there.txt"] })).toMatchObject({ plan: [{ path: "there.txt", action: "keep" }], applied: false });
    write("there.txt", "one\n2\nthree\n\nfour\nfive\n");
    expect(tree.revertToCheckpoint(start, { paths: ["there.txt"], mode: "merge" })).toMatchObject({ plan: [{ action: "merge" }], applied: true });
    expect(read("there.txt")).toBe("one\ntwo\nthree\n\nfour\nfive\n");
    expect(tree.revertToCheckpoint(start, { mode: "force" }).applied).toBe(true);
    expect(read("there.txt")).toBe("one\ntwo\nthree\n");
    expect(() => read("mine.txt")).toThrow("ENOENT");
  });
});

describe("being told", () => {
  test("of its own at once and of other processes' soon, each once and in order, until it is ended", async () => {
    const { tree, write, folder, home } = opened();
    const [told, other]: string[][] = [[], []];
    const stop = tree.onCheckpoint(({ by, files, note }) => told!.push(`${by} ${files} ${note ?? ""}`));
    const stopOther = tree.onCheckpoint(({ id }) => other!.push(id));
    write("a.txt", "1");
    tree.createCheckpoint({ note: "own" });
    expect(told).toEqual(["outside 1 own"]);
    const second = openCheckpoints({ folder, home });
    write("a.txt", "2");
    second.createCheckpoint({ ...agent, note: "other's" });
    await until(() => told!.length === 2);
    expect(told![1]).toBe("agent 1 other's");
    stop();
    stop();
    second.createCheckpoint({ note: "not heard" });
    second.close();
    await until(() => other!.length === 3);
    expect(told).toHaveLength(2);
    stopOther();
    const late: Checkpoint[] = [];
    tree.createCheckpoint({ note: "between" });
    tree.onCheckpoint((checkpoint) => void late.push(checkpoint));
    tree.createCheckpoint({ note: "after" });
    expect(late.map(({ note }) => note)).toEqual(["after"]);
  });

  test("a listener may seal something itself, and one that throws harms nobody", () => {
    const errors: unknown[] = [];
    const { tree } = opened({ onError: (error) => errors.push(error) });
    const told: (string | undefined)[] = [];
    tree.onCheckpoint(() => {
      throw new Error("a listener's");
    });
    tree.onCheckpoint(({ note }) => {
      told.push(note);
      if (note === "1") tree.createCheckpoint({ note: "2" });
    });
    expect(tree.createCheckpoint({ note: "1" })).toMatchObject({ note: "1" });
    expect(told).toEqual(["1", "2"]);
    expect(errors).toEqual([expect.objectContaining({ message: "a listener's" }), expect.objectContaining({ message: "a listener's" })]);
  });

  test("without onError the next call says what went wrong meanwhile, once", () => {
    const { tree } = opened();
    tree.onCheckpoint(() => {
      throw new Error("a listener's");
    });
    tree.createCheckpoint();
    expect(() => tree.listCheckpoints()).toThrow("a listener's");
    expect(tree.listCheckpoints()).toHaveLength(2);
  });
});

describe("saving by itself", () => {
  test("seals what changed, and nothing where nothing did", async () => {
    const { tree, write } = opened({ autoSave: 100 });
    await new Promise((done) => setTimeout(done, 250));
    expect(tree.listCheckpoints()).toHaveLength(1);
    write("a.txt", "1");
    await until(() => tree.listCheckpoints().length === 2);
    expect(tree.listCheckpoints()[0]).toMatchObject({ by: "outside", kind: "prompt", files: 1, tier: 2 });
    const call = tree.beginCall({ ...agent, call: "c", tool: "Bash" });
    mkdirSync(join(tree.root, "deep/er"), { recursive: true });
    write("deep/er/b.txt", "1");
    await until(() => tree.listCheckpoints().length === 3);
    expect(tree.listCheckpoints()[0]).toMatchObject({ by: "agent", calls: ["c"] });
    expect(call.end()).toBeUndefined();
  });

  test("says what keeps it from doing so", async () => {
    const onError = vi.fn();
    const { tree, home, write } = opened({ autoSave: 100, onError });
    rmSync(join(home, "trees"), { recursive: true });
    writeFileSync(join(home, "trees"), "in the way");
    write("a.txt", "1");
    await until(() => onError.mock.calls.length > 0);
    rmSync(join(home, "trees"));
    await until(() => tree.listCheckpoints().length === 2);
  });

  test("a program that does nothing else ends", () => {
    const { folder, home } = opened();
    const program = `import { openCheckpoints } from ${JSON.stringify(join(import.meta.dirname, "checkpoints.ts"))}; openCheckpoints({ folder: ${JSON.stringify(folder)}, home: ${JSON.stringify(home)}, autoSave: 100 }).onCheckpoint(() => undefined); console.log("open");`;
    const runner = join(import.meta.dirname, "../../scripts/run.mjs");
    const file = join(scratch(), "program.ts");
    writeFileSync(file, program);
    expect(execFileSync(process.execPath, [runner, file], { cwd: join(import.meta.dirname, "../.."), encoding: "utf8", timeout: 15_000 })).toBe("open\n");
  });
});

describe("staying within bounds", () => {
  function turns({ tree, write }: Opened): void {
    for (const turn of ["t1", "t2", "t3"]) {
      for (const n of [1, 2]) {
        const call = tree.beginCall({ ...agent, turn, call: `${turn}-${n}`, tool: "Bash" });
        write("a.txt", `${turn} ${n}\n`);
        call.end();
      }
    }
  }

  test("older turns are merged behind everyone's back, and can be reverted to all the same", () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval"] });
    onTestFinished(() => void vi.useRealTimers());
    const all = opened({ maxCheckpoints: 1 });
    turns(all);
    const { tree } = all;
    expect(tree.listCheckpoints()).toHaveLength(7);
    vi.advanceTimersByTime(65_000);
    expect(tree.listCheckpoints().map(({ turn, calls }) => [turn, calls.join()])).toEqual([["t3", "t3-2"], ["t3", "t3-1"], ["t2", "t2-1,t2-2"], ["t1", "t1-1,t1-2"], [undefined, ""]]);
    tree.revertToCheckpoint(tree.listCheckpoints()[3]!);
    expect(all.read("a.txt")).toBe("t1 2\n");
    // Only once something has come.
    vi.advanceTimersByTime(1_300_000);
    expect(tree.listCheckpoints()).toHaveLength(6);
    tree.close();
    vi.advanceTimersByTime(1_300_000);
  });

  test("so many turns keep everything as were asked for", () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval"] });
    onTestFinished(() => void vi.useRealTimers());
    const all = opened({ maxCheckpoints: Infinity });
    turns(all);
    vi.advanceTimersByTime(65_000);
    expect(all.tree.listCheckpoints()).toHaveLength(7);
  });
});

describe("with others at work on the tree", () => {
  test("what the engine's keeper sealed is there, and the other way round", () => {
    const at = treeWorld(onTestFinished);
    at.write("a.txt", "1\n");
    at.keeper.begin();
    at.edit("a.txt", "2\n", { call: "c1" });
    const tree = openCheckpoints({ folder: at.root, home: at.home });
    onTestFinished(() => tree.close());
    expect(tree.listCheckpoints()).toMatchObject([{ by: "agent", agent: "claude-code", session: "s1", calls: ["c1"] }, { kind: "baseline" }]);
    at.write("b.txt", "by hand\n");
    tree.createCheckpoint({ note: "from the editor" });
    expect(at.undo()).toMatchObject({ applied: true });
    expect([at.read("a.txt"), at.read("b.txt")]).toEqual(["1\n", "by hand\n"]);
    expect(tree.listCheckpoints()[0]).toMatchObject({ kind: "restore", by: "restore", session: "s1" });
  });

  test("a restore that another process broke off is finished first", () => {
    const { tree, folder, home, write } = opened();
    write("there.txt", "changed\n");
    tree.createCheckpoint(agent);
    tree.close();
    mkdirSync(join(home, "restores"), { recursive: true });
    writeFileSync(join(home, "restores/x.undo"), JSON.stringify({ pid: 2 ** 22 + 1, tree: folder, actor: { by: "restore", verb: "undo", undoes: [] }, paths: ["there.txt"] }));
    const again = openCheckpoints({ folder, home });
    again.close();
    expect(existsSync(join(home, "restores/x.undo"))).toBe(false);
  });
});

describe("values that are none", () => {
  test.each<[string, (tree: any) => unknown, string]>([
    ["a session without an agent", (tree) => tree.createCheckpoint({ session: "s" }), "go together"],
    ["an agent without a session", (tree) => tree.createCheckpoint({ agent: "a" }), "go together"],
    ["a call without an agent", (tree) => tree.createCheckpoint({ call: "c" }), "an agent's"],
    ["a note that is no text", (tree) => tree.createCheckpoint({ note: 5 }), "note"],
    ["a confidence above 1", (tree) => tree.createCheckpoint({ confidence: 1.5 }), "confidence"],
    ["a confidence that is no number", (tree) => tree.createCheckpoint({ confidence: NaN }), "confidence"],
    ["tokens below 0", (tree) => tree.createCheckpoint({ tokens: -1 }), "tokens"],
    ["a call without a tool", (tree) => tree.beginCall({ agent: "a", session: "s", call: "c" }), "tool"],
    ["a path outside", (tree) => tree.beginCall({ agent: "a", session: "s", call: "c", tool: "t", path: "../x" }), "not a path in"],
    ["the tree as a path", (tree) => tree.revertToCheckpoint(tree.listCheckpoints()[0], { paths: ["."] }), "not a path in"],
    ["a mode that is none", (tree) => tree.revertToCheckpoint(tree.listCheckpoints()[0], { mode: "hard" }), "mode"],
    ["half a limit", (tree) => tree.listCheckpoints({ limit: 0.5 }), "limit"],
    ["no listener", (tree) => tree.onCheckpoint(), "function"],
    ["no checkpoint", (tree) => tree.compareCheckpoints(undefined), "checkpoint"],
  ])("%s is refused", (_, body, words) => {
    const { tree } = opened();
    expect(() => body(tree)).toThrow(expect.objectContaining({ code: "BAD_VALUE", kind: "user", message: expect.stringContaining(words), hint: expect.stringMatching(/\w/) }));
    expect(tree.listCheckpoints()).toHaveLength(1);
  });

  test("a checkpoint that is not there is named", () => {
    const { tree } = opened();
    expect(() => tree.revertToCheckpoint("0123456789abcdef")).toThrow(expect.objectContaining({ code: "CHECKPOINT_UNKNOWN" }));
    expect(() => tree.compareCheckpoints("")).toThrow(expect.objectContaining({ code: "BAD_VALUE" }));
    expect(tree.listCheckpoints({ limit: 0 })).toEqual([]);
  });

  test("so are options, folders that are none, and trees that are too large", () => {
    const place = scratch();
    const home = join(place, "state");
    const code = (options: object): unknown => {
      try {
        openCheckpoints({ home, folder: place, ...options } as OpenOptions).close();
        return "opened";
      } catch (error) {
        return (error as { code?: string }).code;
      }
    };
    writeFileSync(join(place, "file"), "");
    expect([code({ folder: join(place, "gone") }), code({ folder: join(place, "file") }), code({ folder: "/" }), code({ folder: 5 }), code({ autoSave: 5 }), code({ autoSave: true }), code({ maxCheckpoints: 0 })]).toEqual(["PATH_MISSING", "PATH_MISSING", "TREE_REFUSED", "BAD_VALUE", "BAD_VALUE", "BAD_VALUE", "BAD_VALUE"]);
    // What was refused keeps nothing.
    const store = openCheckpointStore(home);
    expect(store.trees()).toEqual([]);
    store.close();
  });

  test("a folder further in, or a link to it, is the same tree", () => {
    const { tree, folder, home } = opened({}, (path) => {
      execFileSync("git", ["init", "-q"], { cwd: path, stdio: "pipe" });
      mkdirSync(join(path, "src"));
    });
    symlinkSync(join(folder, "src"), join(dirname(folder), "link"));
    for (const each of [join(folder, "src"), join(dirname(folder), "link")]) {
      const same = openCheckpoints({ folder: each, home });
      expect(same.root).toBe(tree.root);
      same.close();
    }
  });

  test("what is closed says so, and may be closed again", () => {
    const { tree } = opened({ autoSave: 100 });
    tree.close();
    tree.close();
    for (const body of [() => tree.createCheckpoint(), () => tree.listCheckpoints(), () => tree.onCheckpoint(() => undefined)]) expect(body).toThrow(expect.objectContaining({ code: "CLOSED" }));
  });
});
