/**
 * Whose work it is, where a client tells less than one would like: a call that never ran, a client that was killed, an edit
 * that failed. What a person does meanwhile must not be put down to an agent, since an undo would take it away.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import type { Told } from "../../src/agents/claude-code/calls.ts";
import { Attendant } from "../../src/operations/attend.ts";
import { GONE, treeWorld, type TreeWorld } from "../tree-world.ts";

/** Clocks of files tick every few milliseconds. */
const TICK = 30;

function scene(client?: number): { w: TreeWorld; say: (kind: Told["kind"], more?: Partial<Told>) => void } {
  const w = treeWorld(onTestFinished);
  w.write("a.txt", "user one\n");
  // Each session has an engine of its own.
  const attendants = new Map([["s1", new Attendant(w.keeper, w.store, client)]]);
  const say = (kind: Told["kind"], more: Partial<Told> = {}): void => {
    const session = more.session ?? "s1";
    const attendant = attendants.get(session) ?? new Attendant(w.keeper, w.store, process.pid);
    attendants.set(session, attendant);
    attendant.touch();
    attendant.take({ kind, agent: "claude-code", session: "s1", cwd: w.root, turn: "t1", ...more }, Date.now(), Date.now());
  };
  say("start");
  say("prompt");
  return { w, say };
}

const bash = (id: string, command: string): Partial<Told> => ({ call: { id, tool: "Bash", input: { command } } });

test("a call that was asked about and never ran owns nothing that I did until my next prompt", async () => {
  const { w, say } = scene();
  await sleep(TICK);
  say("before", bash("c1", "npm run build"));
  await sleep(TICK);
  w.write("novel.md", "three hours of my own work\n");
  w.write("a.txt", "user two\n");
  await sleep(TICK);
  say("prompt", { turn: "t2" });
  expect(() => w.undo()).not.toThrow();
  expect(w.read("novel.md")).toBe("three hours of my own work\n");
  expect(w.read("a.txt")).toBe("user two\n");
});

test("what I do while I am asked is mine, also where a look comes in between, and what the call does when it runs is its own", async () => {
  const { w, say } = scene();
  await sleep(TICK);
  say("before", bash("c1", "make"));
  say("ask", { call: { id: "", tool: "Bash", input: { command: "make" } } });
  await sleep(TICK);
  w.write("mine.md", "while I was asked\n");
  w.keeper.look("prompt");
  await sleep(400);
  w.write("late.md", "also while I was asked\n");
  await sleep(400);
  w.write("made.txt", "by the call\n");
  await sleep(TICK);
  say("after", { ...bash("c1", "make"), ms: 50 });
  w.undo();
  expect(existsSync(join(w.root, "made.txt"))).toBe(false);
  expect([w.read("mine.md"), w.read("late.md")]).toEqual(["while I was asked\n", "also while I was asked\n"]);
});

test.each([["whose process is known to be gone", GONE], ["of which no process is known", undefined]])("a killed client %s owns nothing that comes after", async (_, client) => {
  const { w, say } = scene(client);
  await sleep(TICK);
  say("before", bash("c1", "npm test"));
  await sleep(TICK);
  say("start", { session: "s2", turn: "u1" });
  say("prompt", { session: "s2", turn: "u1" });
  await sleep(TICK);
  w.write("novel.md", "mine\n");
  say("prompt", { session: "s2", turn: "u2" });
  say("end", { session: "s2", turn: "u2" });
  w.write("later.md", "mine, next week\n");
  say("start", { session: "s3", turn: "v1" });
  await sleep(TICK);
  say("before", { ...bash("c9", "make"), session: "s3", turn: "v1" });
  await sleep(TICK);
  w.write("made.txt", "by the third session\n");
  await sleep(TICK);
  say("after", { ...bash("c9", "make"), session: "s3", turn: "v1" });
  expect(w.undo({ session: "s3" }).plan.map(({ path, action }) => [path, action])).toEqual([["made.txt", "delete"]]);
  expect([w.read("novel.md"), w.read("later.md")]).toEqual(["mine\n", "mine, next week\n"]);
});

test("an edit that failed, because I had changed the file, does not own what I wrote", async () => {
  const { w, say } = scene();
  await sleep(TICK);
  const edit: Partial<Told> = { call: { id: "e1", tool: "Edit", input: { file_path: join(w.root, "a.txt") } } };
  say("before", edit);
  await sleep(TICK);
  w.write("a.txt", "user two\n");
  await sleep(TICK);
  say("after", { ...edit, failed: true });
  say("stop");
  w.undo();
  expect(w.read("a.txt")).toBe("user two\n");
});
