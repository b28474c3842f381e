/** A delta gives back what it was made of, whatever both are, and nothing else. */
import { expect, test } from "vitest";
import { sha256 } from "../../base/hash.ts";
import { applyDelta, encodeDelta } from "./delta.ts";

const noise = (seed: string, length: number): Buffer => Buffer.concat(Array.from({ length: Math.ceil(length / 32) }, (_, i) => sha256(`${seed} ${i}`))).subarray(0, length);
const number = (seed: string, below: number): number => sha256(seed).readUInt32LE(0) % below;

test("edited bytes come back", () => {
  for (let round = 0; round < 300; round++) {
    const base = noise(`base ${round}`, number(`length ${round}`, round % 10 === 0 ? 200_000 : 300));
    const at = number(`at ${round}`, base.length + 1);
    const removed = number(`removed ${round}`, 40);
    const target = Buffer.concat([base.subarray(0, at), noise(`added ${round}`, number(`added ${round}`, 40)), base.subarray(at + removed)]);
    const delta = encodeDelta(base, target);
    expect(applyDelta(base, delta, target.length).equals(target), `round ${round}`).toBe(true);
    expect(delta.length).toBeLessThan(70);
  }
});

test("the ends: nothing, the same, all repeated, and nothing in common", () => {
  const all = ["", "a", "aa", "aaa", "aaaaaaaaaa", "aab", "baa", "abcabc", "x".repeat(100_000)].map((text) => Buffer.from(text));
  for (const base of all) for (const target of all) expect(applyDelta(base, encodeDelta(base, target), target.length).equals(target), `${base.length} to ${target.length}`).toBe(true);
});

test("two edits far apart are found in the middle of the base", () => {
  const base = noise("base", 20_000);
  const target = Buffer.from(base);
  target[10] = ~target[10]! & 255;
  target[19_990] = ~target[19_990]! & 255;
  const delta = encodeDelta(base, target);
  expect(delta.length).toBeLessThan(1000);
  expect(applyDelta(base, delta, target.length).equals(target)).toBe(true);
});

test("a delta of another base, or half a one, is refused", () => {
  const delta = encodeDelta(Buffer.from("a long text with a middle"), Buffer.from("a long text with another middle"));
  expect(() => applyDelta(Buffer.from("short"), delta, 31)).toThrow("does not fit");
  for (const broken of [Buffer.alloc(0), Buffer.of(128), Buffer.of(1, 255), delta.subarray(0, delta.length - 3)]) expect(() => applyDelta(Buffer.from("a long text with a middle"), broken, 31)).toThrow();
});
