/** Payloads of hooks that name what cannot be there: what the others say is taken in all the same. */
import { mkdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { told } from "../../src/agents/claude-code/calls.ts";
import { ask } from "../helpers.ts";
import { OTHER, SESSION, work } from "../work.ts";

const LONG = `${"x".repeat(300)}/${"y".repeat(5000)}`;

test.each([
  ["a NUL in the path", { file_path: "a\0b" }, {}],
  ["a NUL in the folder", { file_path: "a.txt" }, { cwd: "/tmp/a\0b" }],
  ["a path too long for any file", { file_path: LONG }, {}],
  ["a folder too long for any", { file_path: "a.txt" }, { cwd: `/${LONG}` }],
  ["a folder below a file", { file_path: "a.txt" }, { cwd: "/etc/passwd/x" }],
  ["a folder that is a file", { file_path: "a.txt" }, { cwd: "/etc/passwd" }],
  ["a path below a file", { file_path: "/etc/passwd/x/y" }, {}],
  ["no text for a path", { file_path: 7 }, {}],
])("%s", async (_, input, fields) => {
  const w = work(onTestFinished);
  const { world } = w;
  world.write("a.txt", "one\n");
  world.git("add", "-A");
  world.git("commit", "-qm", "begin");
  world.keeper.begin();
  world.keeper.save();
  const spool = join(world.home, "spool");
  mkdirSync(spool, { recursive: true, mode: 0o700 });
  let n = 0;
  const say = (event: string, session: string, more: object): void => {
    const file = join(spool, `100-${++n}.json`);
    writeFileSync(file, JSON.stringify({ hook_event_name: event, session_id: session, cwd: world.root, ...more }));
    const at = Date.now() / 1000 - 60 + n;
    utimesSync(file, at, at);
  };
  const odd = { tool_use_id: "toolu_odd", tool_name: "Write", tool_input: input, ...fields };
  say("PreToolUse", OTHER, odd);
  say("PostToolUse", OTHER, odd);
  const own = { tool_use_id: "toolu_own", tool_name: "Write", tool_input: { file_path: join(world.root, "b.txt") } };
  say("PreToolUse", SESSION, own);
  world.write("b.txt", "two\n");
  utimesSync(join(world.root, "b.txt"), Date.now() / 1000 - 56.5, Date.now() / 1000 - 56.5);
  say("PostToolUse", SESSION, own);
  expect(await ask(w.at, ["drain"])).toMatchObject({ code: 0, data: { taken: 4, damaged: 0 } });
  const paths = world.store.checkpoints(world.root).flatMap(({ seq }) => world.store.changes(seq).map(({ path }) => path));
  expect(paths).toContain("b.txt");
});

test("a folder with a NUL in its name concerns no files", () => {
  expect(told({ hook_event_name: "Stop", session_id: "s", cwd: "/tmp/a\0b" })).toBeUndefined();
});
