/** How near vectors are, and that packing them changes next to nothing. */
import { expect, test } from "vitest";
import { cosine, nearest, packed } from "./vectors.ts";

/** The same for every run: a small generator of numbers between -1 and 1. */
function numbers(seed: number, count: number): Float32Array {
  let state = seed;
  return Float32Array.from({ length: count }, () => ((state = (state * 48271) % 2147483647) / 2147483647) * 2 - 1);
}

function exact(a: Float32Array, b: Float32Array): number {
  const dot = (x: Float32Array, y: Float32Array): number => x.reduce((sum, each, i) => sum + each * y[i]!, 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

test("a packed vector points where the whole one does, to less than a degree", () => {
  for (let seed = 1; seed <= 50; seed++) {
    const [a, b] = [numbers(seed, 384), numbers(seed + 1000, 384)];
    const angle = (value: number): number => (Math.acos(Math.min(1, value)) * 180) / Math.PI;
    expect(Math.abs(angle(cosine(packed(a), packed(b))) - angle(exact(a, b)))).toBeLessThan(1);
  }
});

test("length says nothing, and a vector of zeroes is near to nothing", () => {
  const a = numbers(7, 16);
  expect(cosine(packed(a), packed(a.map((each) => each * 1e-6)))).toBeCloseTo(1, 5);
  expect(cosine(packed(a), packed(new Float32Array(16)))).toBe(0);
});

test("an embedder that puts all texts near to each other finds no more than one that does not", () => {
  // Each is a large part that all have, and a small one of its own.
  const like = (n: number, common: number): Float32Array => Float32Array.from({ length: 41 }, (_, i) => (i === 40 ? common : i === n ? 1 : 0));
  for (const common of [0, 1, 3]) {
    const all = Array.from({ length: 40 }, (_, n) => [n, packed(like(n, common))] as const);
    expect(nearest(all, like(5, common), 10).map(({ key }) => key), String(common)).toEqual([5]);
  }
});

test("a single passage is found where it is near, and not where it is not", () => {
  const one = [["only", packed(Float32Array.from([1, 0.1]))]] as const;
  expect(nearest(one, Float32Array.from([1, 0]), 5).map(({ key }) => key)).toEqual(["only"]);
  expect(nearest(one, Float32Array.from([0, 1]), 5)).toEqual([]);
});
