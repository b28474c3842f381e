/** What is kept of a hook's telling beside the transcript's, and where it stands. */
import { expect, test } from "vitest";
import { event, prompt, START } from "../../test/builders.ts";
import type { Event } from "../event/schema.ts";
import { foldSession } from "./fold.ts";
import { settle } from "./settle.ts";

const at = (seconds: number): { time: number } => ({ time: START + seconds * 1000 });
const told = (text: string, seconds: number): Event => prompt(text, { id: `${text}#0`, record: text, ...at(seconds) });
const hooked = (text: string, seconds: number): Event => event("prompt", { text, kind: "user", provisional: true, prompt_id: text }, { id: `${text}:prompt:hook`, ...at(seconds) });
const texts = (events: readonly Event[]): string[] => settle(events).flatMap((each) => (each.type === "prompt" ? [`${each.payload.text}${each.payload.provisional === true ? " (provisional)" : ""}`] : []));

test("without hooks nothing is changed", () => {
  const events = [told("one", 0), told("two", 10)];
  expect(settle(events)).toBe(events);
});

test("a prompt that the transcript has told, before or after, is told once", () => {
  expect(texts([told("one", 1), hooked("one", 0)])).toEqual(["one"]);
  expect(texts([hooked("one", 0), told("one", 1)])).toEqual(["one"]);
});

test("a prompt that the client words otherwise is known by its moment", () => {
  expect(texts([told("/review a.ts", 10), event("prompt", { text: "<x>/review</x>", kind: "user", provisional: true }, { id: "p:prompt:hook", ...at(10.4) })])).toEqual(["/review a.ts"]);
});

test("the same words given again later are another prompt", () => {
  expect(texts([told("continue", 0), hooked("continue", 60)])).toEqual(["continue", "continue"]);
});

test("what only a hook told stands in below what was said last, and is a turn like any other", () => {
  const { turns } = foldSession("s1", [
    told("one", 0),
    event("answer", { text: "done" }, { id: "a#0", record: "a", parent: "one", ...at(1) }),
    hooked("two", 30),
    event("tool.called", { tool: "Bash", input: {}, provisional: true }, { id: "toolu_0000000000000001:hook", ...at(31) }),
  ]);
  expect(turns.map((turn) => [turn.prompt, turn.ending, turn.calls.map(({ id, outcome }) => [id, outcome])])).toEqual([
    ["one", "completed", []],
    ["two", "crashed", [["toolu_0000000000000001", undefined]]],
  ]);
});

test("a result that only the hook told belongs to the call that the transcript told", () => {
  const { turns } = foldSession("s1", [
    told("one", 0),
    event("tool.called", { tool: "Bash", input: {} }, { id: "toolu_0000000000000001", record: "c", parent: "one", ...at(1) }),
    event("tool.called", { tool: "Bash", input: {}, provisional: true }, { id: "toolu_0000000000000001:hook", ...at(1) }),
    event("tool.returned", { call: "toolu_0000000000000001", output: "ok", provisional: true }, { id: "toolu_0000000000000001:result:hook", ...at(2) }),
  ]);
  expect(turns[0]!.calls.map(({ outcome, output }) => [outcome, output])).toEqual([["returned", "ok"]]);
});

test("an answer given whole by the hook is the one the transcript gives in blocks", () => {
  const events = [told("one", 0), event("answer", { text: "The first part is long enough." }, { id: "a#0", record: "a", parent: "one", ...at(1) }), event("answer", { text: "The first part is long enough.\n\nThe second.", provisional: true }, { id: "x:answer:hook", ...at(2) })];
  expect(settle(events).filter(({ type }) => type === "answer").length).toBe(1);
});

test("a failure is told once though the two times differ", () => {
  const failed = (id: string, seconds: number): Event => event("turn.ended", { how: "error", text: "API Error: 500" }, { id, ...at(seconds) });
  expect(settle([told("one", 0), failed("e#0", 5), failed("s1:failed:1:hook", 6)]).filter(({ type }) => type === "turn.ended").length).toBe(1);
  expect(settle([told("one", 0), failed("s1:failed:1:hook", 6)]).filter(({ type }) => type === "turn.ended").length).toBe(1);
});

test("a turn that only hooks told and that died is not gone back on when the session goes on", () => {
  const { turns, rewound } = foldSession("s1", [
    told("one", 0),
    event("answer", { text: "done" }, { id: "a#0", record: "a", parent: "one", ...at(1) }),
    hooked("two", 30),
    event("tool.called", { tool: "Bash", input: {}, provisional: true }, { id: "toolu_0000000000000001:hook", ...at(31) }),
    event("session.opened", { source: "resume" }, { id: "s1:opened:1", ...at(60) }),
    prompt("two", { id: "two-again#0", record: "two-again", parent: "a", ...at(70) }),
    event("answer", { text: "now it is" }, { id: "b#0", record: "b", parent: "two-again", ...at(75) }),
  ]);
  expect(rewound).toEqual([]);
  expect(turns.map((turn) => [turn.prompt, turn.ending, turn.calls.length])).toEqual([["one", "completed", 0], ["two", "crashed", 1], ["two", "completed", 0]]);
});

test("what the client injects at the same moment is no one's prompt", () => {
  const injected = event("prompt", { text: "Continue from where you left off.", kind: "injected" }, { id: "i#0", record: "i", ...at(30.2) });
  expect(texts([told("one", 0), injected, hooked("two", 30)])).toContain("two");
});
