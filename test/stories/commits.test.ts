/** Commits linked to turns, over histories made by chance of which whose each line is is known. `bench/commits.ts` runs many. */
import { expect, onTestFinished, test } from "vitest";
import { commitHistory } from "../commit-history.ts";
import { count, precision, recall, score, type Score } from "../commit-score.ts";

test("through amends, rebases, squashes, picks, reverts, formatters and renames, links hold and few are missed", async () => {
  const all: Score[] = [];
  for (const seed of [1, 2, 4]) all.push(await score(commitHistory(onTestFinished, seed, 25)));
  console.log(count(all));
  expect(all.reduce((sum, { right }) => sum + right, 0)).toBeGreaterThan(50);
  expect(precision(all)).toBeGreaterThanOrEqual(0.99);
  expect(recall(all)).toBeGreaterThanOrEqual(0.95);
}, 120_000);
