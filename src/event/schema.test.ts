/** What the log lets in. */
import { describe, expect, test } from "vitest";
import { parseEvent } from "./schema.ts";

const prompt = { id: "p1", time: 1, type: "prompt", session: "s1", agent: "claude-code", payload: { text: "hello", kind: "user" } };

describe("parseEvent", () => {
  test("takes a whole event as it is", () => {
    expect(parseEvent(prompt)).toBe(prompt);
  });

  test.each([
    ["an unknown type", { ...prompt, type: "prompted" }],
    ["a payload of another type", { ...prompt, payload: { to: "model" } }],
    ["a member the type does not have", { ...prompt, payload: { ...prompt.payload, mood: "good" } }],
    ["a member the envelope does not have", { ...prompt, project: "/x" }],
    ["a time that is no whole number", { ...prompt, time: 1.5 }],
    ["a time beyond what a date can be", { ...prompt, time: 9e15 }],
    ["an empty id", { ...prompt, id: "" }],
    ["an id without end", { ...prompt, id: "x".repeat(401) }],
    ["an id with NUL, at which SQLite would end it", { ...prompt, id: "a\0b" }],
    ["a session with half a surrogate pair, which UTF-8 cannot hold", { ...prompt, session: "a\ud800" }],
  ])("refuses %s, naming the event", (_, event) => {
    expect(() => parseEvent(event)).toThrow(/^Event .*: /);
  });
});
