/** Sums over passages agree with those of a plain map, also across pages and conversations. */
import { expect, test } from "vitest";
import { Tally, type Around } from "./recall-tally.ts";

const AROUND: Around = [[0, 1], [1, 0.5], [-2, 0.25]];

/** Keys spread over pages and conversations, some side by side, each times two. */
const places = (seed: number): number[] => Array.from({ length: 900 }, (_, i) => 2 * (2 + ((i * seed) % 400) + 2 ** 20 * (1 + (i % 3)))).filter((place, i, all) => all.indexOf(place) === i);

test("the best are those with the highest sums, the newest first among equals", () => {
  const tally = new Tally();
  const sums = new Map<number, number>();
  for (const seed of [7, 11, 13]) {
    tally.add(tally.spread(places(seed), () => AROUND), (weight) => weight * seed);
    for (const place of places(seed)) for (const [distance, weight] of AROUND) sums.set(place / 2 + distance, (sums.get(place / 2 + distance) ?? 0) + weight * seed);
  }
  const expected = [...sums].sort((a, b) => b[1] - a[1] || b[0] - a[0]).map(([key]) => key);
  for (const count of [1, 10, 300, 5000]) expect(tally.best(count)).toEqual(expected.slice(0, count));
  expect(tally.sumOf(expected[0]!)).toBe(sums.get(expected[0]!));
});

test("a word's weights come in the order of the passages asked for, 0 where it lends nothing", () => {
  const tally = new Tally();
  const word = tally.spread([20, 22], () => AROUND);
  expect(tally.of([11, 10, 9, 8, 500], [word]).map((row) => [...row])).toEqual([[1.5, 1, 0.25, 0.25, 0]]);
});

test("nothing was found where nothing was added", () => {
  expect(new Tally().best(5)).toEqual([]);
});
