/** Payloads of a start, what is printed for one, sessions that run, and instruction files that hold in a folder. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { answerTo, askedBy, runningSessions } from "./start.ts";

function folder(files: Readonly<Record<string, string>>): string {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "tidemark-test-")));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
  return root;
}

test("only payloads of the events that take context are read, and only whole ones", () => {
  const start = { session_id: "s", cwd: "/w", hook_event_name: "SessionStart", source: "fork", transcript_path: "/t.jsonl", seconds_since_last_response: 2 };
  expect(askedBy(start)).toEqual({ event: "SessionStart", session: "s", cwd: "/w", source: "fork", transcript: "/t.jsonl", silent: 2000 });
  expect(askedBy({ session_id: "s", cwd: "/w", hook_event_name: "SubagentStart", agent_id: "a" })).toEqual({ event: "SubagentStart", session: "s", cwd: "/w", source: "startup", thread: "a" });
  for (const wrong of [undefined, [], "x", {}, { ...start, hook_event_name: "Stop" }, { ...start, session_id: "" }, { ...start, cwd: 3 }, { ...start, hook_event_name: "SubagentStart" }]) expect(askedBy(wrong)).toBeUndefined();
});

test("the answer is the client's own shape", () => {
  expect(JSON.parse(answerTo({ event: "SubagentStart" }, 'a "b"\n'))).toEqual({ hookSpecificOutput: { hookEventName: "SubagentStart", additionalContext: 'a "b"\n' } });
});

test("sessions run whose process lives; what a killed or half-written one left does not count", () => {
  const config = folder({
    "sessions/7.json": JSON.stringify({ pid: 7, sessionId: "a", cwd: "/nowhere/x", startedAt: 5 }),
    "sessions/8.json": JSON.stringify({ pid: 8, sessionId: "b", cwd: "/nowhere/x", startedAt: 5 }),
    "sessions/9.json": '{"pid": 9, "sess',
    "sessions/9.json.key": "secret",
    "sessions/10.json": JSON.stringify({ pid: "10", sessionId: "c", cwd: "/" }),
  });
  expect(runningSessions(config, (pid, since) => pid === 7 && since === 5)).toEqual([{ pid: 7, session: "a", cwd: "/nowhere/x" }]);
  expect(runningSessions(join(config, "none"), () => true)).toEqual([]);
});
