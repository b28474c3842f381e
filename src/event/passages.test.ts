/** What of each event is a passage, and where long texts are parted. */
import { expect, test } from "vitest";
import { answer, event, prompt, returned } from "../../test/builders.ts";
import { passagesOf, speakerOf } from "./passages.ts";

const words = (count: number, word = "word"): string => `${word} `.repeat(count).trim();

test("a short text is one passage, an empty one none", () => {
  expect(passagesOf(answer("  Yes.\n"))).toEqual(["Yes."]);
  expect(passagesOf(answer(" \n "))).toEqual([]);
});

test("what somebody wrote is a passage, what tools printed and what was injected is not", () => {
  for (const kind of ["user", "command", "shell", "subagent"] as const) expect(passagesOf(event("prompt", { text: "hello", kind })), kind).toEqual(["hello"]);
  for (const kind of ["notification", "injected"] as const) expect(passagesOf(event("prompt", { text: "hello", kind })), kind).toEqual([]);
  expect(passagesOf(returned("hello"))).toEqual([]);
  expect(passagesOf(event("session.summarised", { text: "hello", by: "agent" }))).toEqual(["hello"]);
});

test("a long text is parted at blank lines, small paragraphs joined, nothing lost", () => {
  const paragraphs = Array.from({ length: 12 }, (_, i) => `${words(20)} ${i}`);
  const parts = passagesOf(answer(paragraphs.join("\n\n")));
  expect(parts.length).toBeGreaterThan(1);
  expect(parts.length).toBeLessThan(12);
  expect(parts.join("\n\n")).toBe(paragraphs.join("\n\n"));
});

test("a heading begins a passage and stays with what it stands over", () => {
  const parts = passagesOf(answer(`# First\n\n${words(100)}\n\n## Second\n\n${words(100)}`));
  expect(parts.map((part) => part.split("\n")[0])).toEqual(["# First", "## Second"]);
});

test("a fence of code is not parted at its blank lines", () => {
  const fence = `\`\`\`\n${words(40)}\n\n${words(40)}\n\`\`\``;
  expect(passagesOf(answer(`${words(120)}\n\n${fence}`))).toContain(fence);
});

test("a paragraph without end is cut between words and never within a character", () => {
  for (const part of passagesOf(answer(words(2000)))) expect(part).toMatch(/^word( word)*$/);
  const faces = passagesOf(answer("😀".repeat(3000)));
  expect(faces.join("")).toBe("😀".repeat(3000));
  for (const part of faces) expect(part.isWellFormed()).toBe(true);
});

test("of a text of a megabyte some hundred passages are kept", () => {
  expect(passagesOf(prompt(`${words(30)}\n\n`.repeat(8000))).length).toBe(200);
});

test("who speaks is told where the source names them", () => {
  expect(speakerOf(event("answer", { text: "x", speaker: "Ann" }))).toBe("Ann");
  expect(speakerOf(prompt("x"))).toBe("");
});
