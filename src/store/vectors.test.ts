/** How near vectors are, and that packing them changes next to nothing. */
import { expect, test } from "vitest";
import { nearest, packed, VectorBlock } from "./vectors.ts";

/** The same for every run: a small generator of numbers between -1 and 1. */
function numbers(seed: number, count: number): Float32Array {
  let state = seed;
  return Float32Array.from({ length: count }, () => ((state = (state * 48271) % 2147483647) / 2147483647) * 2 - 1);
}

const cosine = (a: Int8Array, b: Int8Array): number => [...new VectorBlock([["b", b]], b.length).cosines(a, () => true)][0]![1];
const near = <K>(vectors: readonly (readonly [K, Int8Array])[], wanted: Float32Array, limit: number): K[] => nearest(new VectorBlock(vectors, wanted.length), wanted, limit).map(({ key }) => key);

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
    expect(near(all, like(5, common), 10), String(common)).toEqual([5]);
  }
});

test("a single passage is found where it is near, and not where it is not", () => {
  const one = [["only", packed(Float32Array.from([1, 0.1]))]] as const;
  expect(near(one, Float32Array.from([1, 0]), 5)).toEqual(["only"]);
  expect(near(one, Float32Array.from([0, 1]), 5)).toEqual([]);
});

test("a block of many gives each its own angle, leaves out what is of another length, and only those that pass", () => {
  const all = Array.from({ length: 300 }, (_, n) => [n, packed(numbers(n + 1, 16))] as const);
  const block = new VectorBlock([[-1, new Int8Array(15)], ...all, [-2, new Int8Array(17)]], 16);
  expect(block.keys).toEqual(all.map(([key]) => key));
  const wanted = numbers(77, 16);
  const found = [...block.cosines(packed(wanted), (key) => key % 3 === 0)];
  expect(found.map(([key]) => key)).toEqual(all.map(([key]) => key).filter((key) => key % 3 === 0));
  for (const [key, angle] of found) expect(angle).toBeCloseTo(exact(wanted, numbers(key + 1, 16)), 1);
  expect([...block.cosines(new Int8Array(8), () => true)]).toEqual([]);
});
