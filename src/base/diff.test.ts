/** Hunks as `diff -u` prints them, held against the texts they were made from. */
import { expect, test } from "vitest";
import { lineDiff } from "./diff.ts";

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
