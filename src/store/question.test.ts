/** How questions are read: words and their forms, days that are named, and texts that are no question at all. */
import { expect, test } from "vitest";
import { onlyAsks, spansOf, tellsTime, understand } from "./question.ts";

/** A Thursday. */
const NOW = Date.UTC(2026, 4, 14, 15);
const days = (text: string): string[] => spansOf(text, NOW).map(({ from, to }) => `${new Date(from).toISOString().slice(0, 10)} ${(to - from) / 86_400_000}`);

test("nothing that is typed is refused", () => {
  for (const text of ["", "   ", '"', '""', "AND OR NOT", "((", "🎉", "*".repeat(10_000), "\0\ud800", "a".repeat(10_000)]) expect(() => understand(text, NOW), text.slice(0, 20)).not.toThrow();
  expect(understand("🎉", NOW)).toMatchObject({ words: [], text: "🎉" });
});

test("of a long text the first words ask", () => {
  expect(understand(Array.from({ length: 5000 }, (_, i) => `word${i}`).join(" "), NOW).words).toHaveLength(40);
});

test("possessives and contractions leave no single letters behind", () => {
  expect(understand("Ann's car, don't and we\u2019ll", NOW).words.map(({ text }) => text)).toEqual(["ann", "car", "don"]);
});

test("irregular forms are asked for together, others alone", () => {
  expect(understand("went", NOW).words[0]!.forms.toSorted()).toEqual(["go", "gone", "went"]);
  expect(understand("painted", NOW).words[0]!.forms).toEqual(["painted"]);
});

test("a question for a time is one", () => {
  for (const text of ["When did it break?", "how long has it run", "what year was that"]) expect(understand(text, NOW).asksWhen, text).toBe(true);
  for (const text of ["what happened when it broke", "how many"]) expect(understand(text, NOW).asksWhen, text).toBe(false);
});

test.each([
  ["on 4 March 2025", ["2025-03-04 1"]],
  ["March 4th, 2025", ["2025-03-04 1"]],
  ["the 4th of March 2025", ["2025-03-04 1"]],
  ["2025-03-04", ["2025-03-04 1"]],
  ["in February 2024", ["2024-02-01 29"]],
  ["in 2024", ["2024-01-01 366"]],
  ["last May", ["2026-05-01 31", "2025-05-01 31", "2024-05-01 31", "2023-05-01 31"]],
  ["may I march on", []],
  ["yesterday", ["2026-05-13 1"]],
  ["3 days ago", ["2026-05-11 1"]],
  ["last Tuesday", ["2026-05-12 1"]],
  ["last Thursday", ["2026-05-07 1"]],
  ["last week", ["2026-05-04 7"]],
  ["last month", ["2026-04-01 30"]],
  ["port 2024x and nothing else", []],
])("%s names the days it names", (text, expected) => {
  expect(days(text)).toEqual(expected);
});

test.each([
  ["last Tuesday afternoon", "2026-05-12T12 6"],
  ["on 2026-03-04 in the morning", "2026-03-04T05 7"],
  ["last night", "2026-05-13T20 9"],
  ["this morning", "2026-05-14T05 7"],
  // A week has no afternoon, and a morning routine no day.
  ["last week in the afternoon", "2026-05-04T00 168"],
  ["the morning routine", ""],
])("%s is that part of the day", (text, expected) => {
  expect(spansOf(text, NOW).map(({ from, to }) => `${new Date(from).toISOString().slice(0, 13)} ${(to - from) / 3_600_000}`).join()).toBe(expected);
});

test("a question for what was worked at is told from one that has a subject", () => {
  for (const text of ["What was I doing last Tuesday afternoon?", "what did we work on in May", "hey, what were we up to 3 days ago?"]) expect(understand(text, NOW).asksDoing, text).toBe(true);
  for (const text of ["What did we do with the cache last Tuesday?", "What was decided on Tuesday?", "doing it on Tuesday"]) expect(understand(text, NOW).asksDoing, text).toBe(false);
});

test("texts that tell a time, and texts that only ask", () => {
  for (const text of ["We met last week", "since March", "it took 3 hours", "in 2019"]) expect(tellsTime(text), text).toBe(true);
  for (const text of ["We met at the lake", "it may rain"]) expect(tellsTime(text), text).toBe(false);
  expect(onlyAsks("Really? What then? ")).toBe(true);
  expect(onlyAsks("Really? Then yes.")).toBe(false);
});
