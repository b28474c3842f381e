/** Commits linked to turns, over histories made by chance of which whose each line is is known. `bench/commits.ts` runs many. */
import { expect, onTestFinished, test } from "vitest";
import { commitHistory } from "../commit-history.ts";
import { count, score, type Score } from "../commit-score.ts";

test("through amends, rebases, squashes, picks, reverts, formatters and renames, links hold and few are missed", async () => {
  const all: Score[] = [];
  for (const seed of [101, 102]) all.push(await score(commitHistory(onTestFinished, seed, 15)));
  console.log(count(all));
  const sum = (of: "right" | "false" | "missed"): number => all.reduce((total, each) => total + each[of], 0);
  expect(sum("right")).toBeGreaterThan(15);
  // Of so few links a single one is more than one in a hundred; many histories are bench/commits.ts.
  expect(sum("false")).toBeLessThanOrEqual(1);
  expect(sum("missed")).toBeLessThanOrEqual(3);
}, 120_000);
