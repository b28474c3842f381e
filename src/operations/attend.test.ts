/** Which calls make a look, what it takes, whose a change is that is found then, and when a call is over. On a real tree. */
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Checkpoint } from "../checkpoint/model.ts";
import { told, type Told } from "../agents/claude-code/calls.ts";
import { treeWorld, type TreeWorld } from "../../test/tree-world.ts";
import { Afterwards } from "./afterwards.ts";
import { Attendant, BUDGET } from "./attend.ts";

interface Scene extends TreeWorld {
  attendant: Attendant;
  /** A hook's payload, as it comes in now. */
  readonly say: (event: string, fields?: object, late?: number) => { sealed: readonly Checkpoint[]; looked: boolean };
  readonly calm: () => void;
}

let n = 0;

function scene(): Scene {
  const w = treeWorld(onTestFinished, { git: false });
  w.write("a.ts", "a");
  w.write("b.ts", "b");
  w.keeper.begin();
  w.keeper.look("prompt");
  const attendant = new Attendant(w.keeper, w.store);
  const s: Scene = Object.assign(w, {
    attendant,
    say: (event: string, fields: object = {}, late = 0) => s.attendant.take(payload(w.root, event, fields), Date.now() - late, Date.now()),
    // As a watcher that has seen nothing says it.
    calm: () => void s.attendant.look("prompt"),
  });
  return s;
}

function payload(cwd: string, event: string, fields: object = {}): Told {
  const what = told({ hook_event_name: event, session_id: "s1", cwd, prompt_id: "p1", tool_use_id: `toolu_of_this_test_${n}`, tool_name: "Bash", tool_input: {}, ...fields });
  if (what === undefined) throw new Error(`${event} says nothing`);
  return what;
}

/** A call from its beginning to its end. */
function run(s: Scene, tool: string, input: object, body: () => void, fields: object = {}): Checkpoint[] {
  n += 1;
  const call = { tool_name: tool, tool_input: input, tool_use_id: `toolu_of_this_test_${n}`, ...fields };
  const before = s.say("PreToolUse", call).sealed;
  body();
  return [...before, ...s.say("PostToolUse", call).sealed];
}

const bash = (command: string): object => ({ tool_name: "Bash", tool_input: { command } });
const who = (sealed: readonly Checkpoint[]): string[] => sealed.map(({ actor }) => (actor.by === "agent" ? actor.calls.map(({ id }) => id).join("+") : actor.by));
const actorsOf = (w: TreeWorld, path: string): string[] => w.store.checkpoints(w.root).flatMap((each) => (w.store.changes(each.seq).some((change) => change.path === path) ? who([each]) : []));

test("what an agent's call of our own undo puts back is the doing of the undo, and of no call", () => {
  const s = scene();
  const edited = run(s, "Edit", { file_path: join(s.root, "a.ts") }, () => s.write("a.ts", "A"));
  run(s, "mcp__tidemark__undo", { token: "u_1" }, () => void s.undo({ session: "s1" }));
  expect(s.read("a.ts")).toBe("a");
  expect(actorsOf(s, "a.ts").slice(-2)).toEqual([...who(edited), "restore"]);
  // What anyone else did meanwhile is not the call's either.
  run(s, "mcp__tidemark__recall", { query: "x" }, () => s.write("b.ts", "mine"));
  s.attendant.look("turn");
  expect(actorsOf(s, "b.ts").at(-1)).toBe("outside");
});

describe("what makes a look", () => {
  test.each([
    ["Bash", { command: "sed -i s/a/b/ a.ts" }, true, true],
    ["Bash", { command: "git status && ls -la" }, false, false],
    ["Bash", { command: "make test" }, true, true],
    ["Read", { file_path: "/x" }, false, false],
    ["Grep", { pattern: "x" }, false, false],
    ["mcp__files__write", { path: "a.ts" }, true, true],
    ["Write", { file_path: "a.ts", content: "x" }, false, false],
  ])("%s %j: before it, where something was touched: %s; after it: %s", (tool, input, before, after) => {
    const s = scene();
    s.attendant.touch();
    const call = { tool_name: tool, tool_input: input, tool_use_id: `toolu_of_this_test_${(n += 1)}` };
    expect(s.say("PreToolUse", call).looked).toBe(before);
    expect(s.say("PostToolUse", call).looked).toBe(after);
  });

  test("where nothing was touched none is made before a command, unless it could destroy something", () => {
    const s = scene();
    s.calm();
    expect(s.say("PreToolUse", bash("make")).looked).toBe(false);
    for (const command of ["git reset --hard", "git checkout -- .", "git clean -fd", "git stash", "git switch other", "git restore .", "rm -rf src"]) expect([command, s.say("PreToolUse", bash(command)).looked]).toEqual([command, true]);
    s.attendant.touch();
    expect(s.say("PreToolUse", bash("make")).looked).toBe(true);
  });

  test.each(["UserPromptSubmit", "Stop", "StopFailure", "SubagentStop", "SessionEnd", "SessionStart"])("%s makes one", (event) => {
    const s = scene();
    s.write("a.ts", "mine");
    const { sealed, looked } = s.say(event);
    expect([looked, who(sealed)]).toEqual([true, ["outside"]]);
  });

  test("a look that fails leaves it said that something was touched", () => {
    const s = scene();
    s.calm();
    rmSync(join(s.home, "trees"), { recursive: true });
    writeFileSync(join(s.home, "trees"), "");
    expect(() => s.attendant.look("prompt")).toThrow();
    expect(s.attendant.touched).toBe(true);
    rmSync(join(s.home, "trees"));
  });
});

describe("an edit tool", () => {
  test("what it is about to write over is kept first, and what it wrote is its own", () => {
    const s = scene();
    s.write("a.ts", "mine, not yet seen");
    const sealed = run(s, "Write", { file_path: join(s.root, "a.ts") }, () => s.write("a.ts", "agent"));
    expect(who(sealed)).toEqual(["outside", `toolu_of_this_test_${n}`]);
    s.undo();
    expect(s.read("a.ts")).toBe("mine, not yet seen");
  });

  test.each([
    ["relative to where the agent is", (s: Scene) => [join(s.root, "sub"), "../a.ts"] as const],
    ["through a link to the tree", (s: Scene) => [s.root, join(dirname(s.root), "link-to-tree/a.ts")] as const],
    ["through a link within the tree", (s: Scene) => [s.root, join(s.root, "sub/up/a.ts")] as const],
  ])("a path %s is the path it leads to", (_, make) => {
    const s = scene();
    mkdirSync(join(s.root, "sub"));
    symlinkSync("..", join(s.root, "sub/up"));
    symlinkSync(s.root, join(dirname(s.root), "link-to-tree"));
    s.calm();
    const [cwd, path] = make(s);
    run(s, "Edit", { file_path: path }, () => s.write("a.ts", "agent"), { cwd });
    expect(actorsOf(s, "a.ts")).toEqual([`toolu_of_this_test_${n}`]);
    expect(s.say("Stop").sealed).toEqual([]);
    s.undo();
    expect(s.read("a.ts")).toBe("a");
  });

  test("a link is looked at with all that it could lead to, whether it is written through or replaced", () => {
    for (const replaced of [false, true]) {
      const s = scene();
      symlinkSync("a.ts", join(s.root, "link"));
      s.calm();
      run(s, "Write", { file_path: join(s.root, "link") }, () => {
        if (replaced) rmSync(join(s.root, "link"));
        writeFileSync(join(s.root, "link"), "agent");
      });
      expect(actorsOf(s, replaced ? "link" : "a.ts").at(-1)).toBe(`toolu_of_this_test_${n}`);
      s.undo();
      expect(s.read("a.ts")).toBe("a");
    }
  });

  test("what it makes in folders that are new is its own; what it names outside of the tree, or in .git, is not looked after", () => {
    const s = scene();
    // A folder's time of birth is up to a tick of the clock earlier than it is, and what is older than the look before stays.
    for (const from = Date.now(); Date.now() - from < 25; );
    run(s, "Write", { file_path: "new/er/n.ts" }, () => s.write("new/er/n.ts", "n"));
    expect(actorsOf(s, "new/er/n.ts")).toEqual([`toolu_of_this_test_${n}`]);
    const count = s.store.checkpoints(s.root).length;
    run(s, "Write", { file_path: join(dirname(s.root), "outside.ts") }, () => writeFileSync(join(dirname(s.root), "outside.ts"), "x"));
    run(s, "Write", { file_path: ".git/hooks/pre-commit" }, () => s.write(".git/hooks/pre-commit", "x"));
    expect(s.store.checkpoints(s.root)).toHaveLength(count);
    s.undo();
    expect([existsSync(join(s.root, "new")), existsSync(join(s.root, ".git/hooks/pre-commit"))]).toEqual([false, true]);
  });
});

describe("a call that was attended late", () => {
  test("the checkpoint says that it may lack something, and what is found is the call's", () => {
    for (const [tool, input] of [["Bash", { command: "make" }], ["Write", { file_path: "a.ts" }]] as const) {
      const s = scene();
      s.calm();
      const since = BUDGET + 500;
      n += 1;
      const call = { tool_name: tool, tool_input: input, tool_use_id: `toolu_of_this_test_${n}` };
      s.write("a.ts", "agent");
      const { sealed } = s.say("PreToolUse", call, since);
      expect(sealed.map(({ coverage }) => coverage.partial)).toEqual([`${tool} began before everything was saved`]);
      expect(who(sealed)).toEqual([`toolu_of_this_test_${n}`]);
      s.say("PostToolUse", call);
      s.undo();
      expect(s.read("a.ts")).toBe("a");
    }
  });

  test("within its time nothing is lacking", () => {
    const s = scene();
    s.write("a.ts", "mine");
    expect(s.say("PreToolUse", bash("make"), BUDGET - 500).sealed.map(({ coverage }) => coverage.partial)).toEqual([undefined]);
  });
});

describe("when a call is over", () => {
  const begin = (s: Scene, id: string, fields: object = {}): void => {
    s.say("PreToolUse", { ...bash("make"), tool_use_id: id, ...fields });
    // What comes next comes later.
    for (const from = Date.now(); Date.now() === from; );
  };
  const running = (s: Scene): string[] => s.store.calls(s.root).filter(({ ended }) => ended === undefined).map(({ id }) => id).sort();

  test("one whose end was never told is over with the next prompt of its session, and what comes then is not its doing", () => {
    const s = scene();
    begin(s, "broken-off");
    begin(s, "toolu_of_another_session", { session_id: "s2" });
    s.say("UserPromptSubmit");
    expect(running(s)).toEqual(["toolu_of_another_session"]);
    s.say("SessionEnd", { session_id: "s2" });
    expect(running(s)).toEqual([]);
    s.write("a.ts", "mine");
    expect(who(s.say("Stop").sealed)).toEqual(["outside"]);
  });

  test("an answer ends the calls of the main thread, and not those of subagents that go on; a subagent's end ends its own", () => {
    const s = scene();
    begin(s, "toolu_of_the_main_thread");
    begin(s, "first", { agent_id: "agent-1" });
    begin(s, "toolu_of_a_subagent", { agent_id: "agent-2" });
    s.say("SubagentStop", { agent_id: "agent-1" });
    expect(running(s)).toEqual(["toolu_of_a_subagent", "toolu_of_the_main_thread"]);
    s.say("Stop");
    expect(running(s)).toEqual(["toolu_of_a_subagent"]);
    s.write("a.ts", "by the second, after the answer");
    const { sealed } = s.say("PostToolUse", { ...bash("make"), tool_use_id: "toolu_of_a_subagent", agent_id: "agent-2" });
    expect(sealed.map(({ actor }) => (actor.by === "agent" ? actor.calls : actor))).toEqual([[{ id: "toolu_of_a_subagent", tool: "Bash", thread: "agent-2" }]]);
  });

  test("a command that goes on in the background has returned, and may still be who writes: nobody's for certain", () => {
    for (const fields of [{ tool_input: { command: "npm run dev", run_in_background: true } }, { tool_input: { command: "npm run dev" }, tool_response: { backgroundTaskId: "b1" } }, { tool_input: { command: "npm run dev &" } }]) {
      const s = scene();
      const call = { tool_name: "Bash", tool_use_id: `toolu_of_this_test_${(n += 1)}`, ...fields };
      s.say("PreToolUse", call);
      s.say("PostToolUse", call);
      s.write("a.ts", "built");
      const [sealed] = s.say("UserPromptSubmit").sealed;
      expect(sealed!.actor).toEqual({ by: "outside", maybe: [{ session: "s1", call: `toolu_of_this_test_${n}` }] });
      s.say("SessionEnd");
      s.write("a.ts", "mine, later");
      expect(s.say("UserPromptSubmit", { session_id: "s2" }).sealed.map(({ actor }) => actor)).toEqual([{ by: "outside" }]);
    }
  });

  test("two that run at once are both named", () => {
    const s = scene();
    begin(s, "toolu_of_the_call_one");
    begin(s, "toolu_of_the_call_two", { session_id: "s2" });
    s.write("a.ts", "whose?");
    const { sealed } = s.say("PostToolUse", { ...bash("make"), tool_use_id: "toolu_of_the_call_one" });
    expect(sealed[0]!.actor).toMatchObject({ by: "agent", session: "s1", calls: [{ id: "toolu_of_the_call_one" }], others: [{ session: "s2", call: "toolu_of_the_call_two" }] });
  });
});

test("what hooks said while nobody attended is set down with its times, and found changes are theirs", async () => {
  const s = scene();
  const afterwards = new Afterwards();
  const raw = (event: string, fields: object): object => ({ hook_event_name: event, session_id: "s1", cwd: s.root, prompt_id: "p1", tool_use_id: "toolu_of_the_call_later", tool_name: "Bash", tool_input: { command: "make" }, ...fields });
  const from = Date.now();
  await new Promise((done) => setTimeout(done, 40));
  s.write("a.ts", "agent");
  await new Promise((done) => setTimeout(done, 40));
  const to = Date.now();
  await new Promise((done) => setTimeout(done, 40));
  s.write("b.ts", "mine");
  afterwards.heed(raw("PreToolUse", {}), from);
  afterwards.heed(raw("PostToolUse", {}), to);
  afterwards.heed({ hook_event_name: "InstructionsLoaded" }, to);
  afterwards.heed("no payload", to);
  afterwards.heed(raw("Stop", { cwd: "/somewhere/else" }), to);
  afterwards.attend((cwd) => (cwd === s.root ? { attendant: s.attendant, keeper: s.keeper } : undefined));
  expect([actorsOf(s, "a.ts"), actorsOf(s, "b.ts")]).toEqual([["toolu_of_the_call_later"], ["outside"]]);
  s.undo();
  expect([s.read("a.ts"), readFileSync(join(s.root, "b.ts"), "utf8")]).toEqual(["a", "mine"]);
});
