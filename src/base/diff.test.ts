/** Hunks as `diff -u` prints them and counts as git has them, held against the texts they were made from. */
import { expect, test } from "vitest";
import { compareLines, countLines, lineDiff, unifiedDiff } from "./diff.ts";

test("hunks have their places, changes their signs, and lines around them stand for orientation", () => {
  const before = "one\ntwo\nthree\nfour\nfive\nsix\nseven\n";
  expect(lineDiff(before, before.replace("two", "2").replace("six\n", ""), 1)).toEqual(["@@ -1,3 +1,3 @@", " one", "-two", "+2", " three", "@@ -5,3 +5,2 @@", " five", "-six", " seven"]);
  expect(lineDiff(before, before)).toEqual([]);
});

test("an empty side is said to stand after the line before it", () => {
  expect(lineDiff("", "a\nb\n")).toEqual(["@@ -0,0 +1,2 @@", "+a", "+b"]);
  expect(lineDiff("a\n", "")).toEqual(["@@ -1,1 +0,0 @@", "-a"]);
  expect(lineDiff("a\nb\n", "a\nx\nb\n", 0)).toEqual(["@@ -1,0 +2,1 @@", "+x"]);
});

test("whatever changed, the hunks lead from one text to the other", () => {
  let state = 7;
  const pick = (below: number): number => (state = (state * 1_664_525 + 1_013_904_223) >>> 0) % below;
  for (let i = 0; i < 300; i++) {
    const text = (): string[] => Array.from({ length: pick(30) }, () => "abcd"[pick(4)]!);
    const [before, after] = [text(), text()];
    const diff = lineDiff(before.map((line) => `${line}\n`).join(""), after.map((line) => `${line}\n`).join(""), pick(3));
    const result: string[] = [];
    let at = 0;
    for (const line of diff) {
      const place = /^@@ -(\d+),(\d+) /.exec(line);
      if (place !== null) {
        const start = Number(place[1]) - (place[2] === "0" ? 0 : 1);
        result.push(...before.slice(at, start));
        at = start;
      } else {
        if (line[0] !== "+") expect(before[at++]).toBe(line.slice(1));
        if (line[0] !== "-") result.push(line.slice(1));
      }
    }
    expect([...result, ...before.slice(at)]).toEqual(after);
  }
});

test("two long texts with nothing in common are shown whole, without comparing every pair", () => {
  const [before, after] = ["a", "b"].map((letter) => Array.from({ length: 5000 }, (_, i) => `${letter}${i}\n`).join(""));
  expect(lineDiff(before!, after!).length).toBe(10_001);
});

test("counts are those of git diff --numstat, and a last line without its end is another line", () => {
  expect(countLines("a\nb\nc\n", "a\nx\ny\nc\n")).toEqual({ added: 2, removed: 1, exact: true });
  expect(countLines("", "a\nb")).toEqual({ added: 2, removed: 0, exact: true });
  expect(countLines("a", "a\n")).toEqual({ added: 1, removed: 1, exact: true });
  expect(unifiedDiff("a\nb", "a\nb\n")).toEqual(["@@ -1,2 +1,2 @@", " a", "-b", "\\ No newline at end of file", "+b"]);
  expect(unifiedDiff("", "one\n")).toEqual(["@@ -0,0 +1 @@", "+one"]);
  expect(unifiedDiff("a\r\n", "a\n")).toEqual(["@@ -1 +1 @@", "-a\r", "+a"]);
});

test("many scattered changes in a long text are still found one by one", () => {
  const before = Array.from({ length: 20_000 }, (_, i) => `line ${i}\n`);
  const after = before.map((line, i) => (i % 8 === 0 ? `changed ${i}\n` : line));
  expect(countLines(before.join(""), after.join(""))).toEqual({ added: 2500, removed: 2500, exact: true });
});

test("where the fewest changes are not looked for, that is said, and the runs still lead from one text to the other", () => {
  const [before, after] = ["a", "b"].map((letter) => Array.from({ length: 3000 }, (_, i) => `${letter}${i % 1500}\n`));
  const { runs, exact } = compareLines(before!, after!);
  expect(exact).toBe(false);
  expect(runs.filter(({ sign }) => sign !== "+").flatMap(({ lines }) => lines)).toEqual(before);
  expect(runs.filter(({ sign }) => sign !== "-").flatMap(({ lines }) => lines)).toEqual(after);
});
