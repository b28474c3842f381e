/** What each kind of hook tells, from the payloads recorded in both versions, and payloads that are none. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseEvent } from "../../event/schema.ts";
import { translateHook, type HookFacts } from "./hooks.ts";

type Json = Record<string, unknown>;
const recorded = (version: string): Json[] => readFileSync(join(import.meta.dirname, `../../../test/fixtures/claude-code/${version}/hooks.jsonl`), "utf8").trimEnd().split("\n").map((line) => JSON.parse(line) as Json);
const tell = (payload: unknown): HookFacts | undefined => translateHook(payload, 1_700_000_000_000, (cwd) => cwd);

describe.each(["2.1.197", "2.1.330"])("%s", (version) => {
  const payloads = recorded(version);

  test("every payload is one, and every event of it is valid", () => {
    for (const payload of payloads) {
      const told = tell(payload)!;
      expect(told, String(payload["hook_event_name"])).toMatchObject({ name: payload["hook_event_name"], session: payload["session_id"] });
      for (const event of [...told.facts, ...told.provisional]) expect(() => parseEvent(event)).not.toThrow();
    }
  });

  test("which kinds tell what", () => {
    const kinds = new Map<string, string[]>();
    for (const payload of payloads) {
      const { facts, provisional } = tell(payload)!;
      const types = [...facts.map(({ type }) => type), ...provisional.map(({ type }) => `${type}?`)].filter((type) => type !== "session.started?");
      const name = String(payload["hook_event_name"]);
      kinds.set(name, [...new Set([...(kinds.get(name) ?? []), ...types])]);
    }
    expect(Object.fromEntries([...kinds].filter(([, types]) => types.length > 0))).toEqual({
      SessionStart: ["session.opened"],
      InstructionsLoaded: ["instructions.loaded"],
      UserPromptSubmit: ["prompt?"],
      PreToolUse: ["tool.called?"],
      PostToolUse: ["tool.returned?", "files.touched?"],
      PostToolUseFailure: ["tool.failed?"],
      Stop: ["answer?"],
      SessionEnd: ["session.ended"],
    });
  });

  test("the same payload at the same time tells the same ids, at another time what is not from the source another", () => {
    const ended = payloads.find((payload) => payload["hook_event_name"] === "SessionEnd")!;
    expect(tell(ended)).toEqual(tell(structuredClone(ended)));
    expect(translateHook(ended, 1, String)!.facts[0]!.id).not.toBe(tell(ended)!.facts[0]!.id);
  });

  test("a report of a background subagent is no one's prompt", () => {
    const report = payloads.find((payload) => String(payload["prompt"] ?? "").startsWith("<task-notification>"));
    if (report !== undefined) expect(tell(report)!.provisional.at(-1)).toMatchObject({ type: "prompt", payload: { kind: "notification" } });
    else expect(version).toBe("2.1.197");
  });
});

test("a failure that is a limit is told as one", () => {
  const failed = (error: string): unknown => tell({ session_id: "s", hook_event_name: "StopFailure", cwd: "/a", error })!.provisional.at(-1)!.payload;
  expect(failed("rate_limit")).toMatchObject({ how: "limit" });
  expect(failed("server_error")).toMatchObject({ how: "error" });
});

test("ids that are numbered anew in each session tell nothing here", () => {
  expect(tell({ session_id: "s", hook_event_name: "PreToolUse", cwd: "/a", tool_name: "Bash", tool_input: {}, tool_use_id: "call_0" })!.provisional).toEqual([]);
});

test.each([null, 7, "x", [], {}, { session_id: "s" }, { hook_event_name: "Stop" }, { session_id: 7, hook_event_name: "Stop" }, { session_id: "", hook_event_name: "Stop" }])("%j is no payload", (value) => {
  expect(tell(value)).toBeUndefined();
});

test("fields of a wrong kind tell less and throw nothing", () => {
  for (const name of ["SessionStart", "SessionEnd", "InstructionsLoaded", "UserPromptSubmit", "PreToolUse", "PostToolUse", "PostToolUseFailure", "Stop", "StopFailure", "SubagentStop", "Invented"]) {
    const fields = ["source", "reason", "file_path", "prompt", "prompt_id", "tool_name", "tool_input", "tool_use_id", "tool_response", "error", "last_assistant_message", "duration_ms", "agent_id", "cwd"];
    for (const value of [null, 7, [], {}, true]) {
      const told = tell({ session_id: "s", hook_event_name: name, ...Object.fromEntries(fields.map((field) => [field, value])) })!;
      for (const event of [...told.facts, ...told.provisional]) expect(() => parseEvent(event), `${name} with ${JSON.stringify(value)}`).not.toThrow();
    }
  }
});
