/** Three-way merging: what comes out, byte for byte, and what is refused rather than guessed. */
import { describe, expect, test } from "vitest";
import { randomFrom, seedOf } from "../../test/damage/batches.ts";
import { mergeText } from "./merge.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
function merge(base: string, ours: string, theirs: string): string {
  const merged = mergeText(bytes(base), bytes(ours), bytes(theirs));
  return merged.ok ? new TextDecoder("utf-8", { ignoreBOM: true }).decode(merged.bytes) : `refused: ${merged.reason}`;
}
const CONFLICT = "refused: the same lines were changed on both sides";

describe("mergeText", () => {
  const cases: readonly (readonly [string, string, string, string, string])[] = [
    ["changes in two places", "a\nb\nc\nd\n", "a\nB\nc\nd\n", "a\nb\nc\nD\n", "a\nB\nc\nD\n"],
    ["the agent's insertion goes, the user's stays", "1\nagent\n2\n3\n", "1\nagent\n2\nuser\n3\n", "1\n2\n3\n", "1\n2\nuser\n3\n"],
    ["the same line", "a\nb\nc\n", "a\nB\nc\n", "a\nX\nc\n", CONFLICT],
    ["lines that touch", "a\nb\nc\nd\n", "a\nB\nc\nd\n", "a\nb\nC\nd\n", CONFLICT],
    ["deleted on one side, changed on the other", "a\nb\nc\n", "a\nc\n", "a\nB\nc\n", CONFLICT],
    ["the same change on both sides", "a\nb\nc\n", "a\nB\nc\n", "a\nB\nc\n", "a\nB\nc\n"],
    ["CRLF stays", "a\r\nb\r\nc\r\nd\r\n", "a\r\nB\r\nc\r\nd\r\n", "a\r\nb\r\nc\r\nD\r\n", "a\r\nB\r\nc\r\nD\r\n"],
    ["mixed ends stay as they are", "a\r\nb\nc\r\nd\n", "a\r\nB\nc\r\nd\n", "a\r\nb\nc\r\nd\r\n", "a\r\nB\nc\r\nd\r\n"],
    ["a lone CR is part of its line", "a\rb\nc\nd\ne\n", "a\rB\nc\nd\ne\n", "a\rb\nc\nd\nE\n", "a\rB\nc\nd\nE\n"],
    ["no end of the last line", "a\nb\nc", "A\nb\nc", "a\nb\nC", "A\nb\nC"],
    ["the end of the last line comes back", "a\nb\nc", "A\nb\nc", "a\nb\nc\n", "A\nb\nc\n"],
    ["appended on both sides", "a\n", "a\nuser\n", "a\nother\n", CONFLICT],
    ["appended on both sides without an end of line", "a", "a\nuser", "a\nother", CONFLICT],
    ["all gone on one side", "a\nb\n", "a\nb\n", "", ""],
    ["from nothing", "", "a\n", "", "a\n"],
    ["all three empty", "", "", "", ""],
    ["a byte order mark stays", "\uFEFFa\nb\nc\n", "\uFEFFa\nb\nC\n", "\uFEFFA\nb\nc\n", "\uFEFFA\nb\nC\n"],
    ["conflict markers that were there are text", "<<<<<<<\nb\n=======\nd\n", "<<<<<<<\nB\n=======\nd\n", "<<<<<<<\nb\n=======\nD\n", "<<<<<<<\nB\n=======\nD\n"],
    ["names of an object's own", "__proto__\nb\nconstructor\nd\n", "__proto__\nB\nconstructor\nd\n", "__proto__\nb\nconstructor\nD\n", "__proto__\nB\nconstructor\nD\n"],
  ];
  test.each(cases)("%s", (_, base, ours, theirs, expected) => {
    expect(merge(base, ours, theirs)).toBe(expected);
    // Which side is called which makes no difference to what comes out.
    expect(merge(base, theirs, ours)).toBe(expected);
  });

  test("what is no text is refused, on whichever side", () => {
    for (const bad of [Uint8Array.of(97, 0, 98), Uint8Array.of(0xff, 0xfe, 97), Uint8Array.of(0xed, 0xa0, 0x80)]) {
      for (const i of [0, 1, 2]) {
        const three = [bytes("a\n"), bytes("a\n"), bytes("a\n")] as [Uint8Array, Uint8Array, Uint8Array];
        three[i] = bad;
        expect(mergeText(...three)).toEqual({ ok: false, reason: "not a text" });
      }
    }
  });

  test("length alone is no obstacle, and what would take too long is refused at once", () => {
    const began = performance.now();
    const long = Array.from({ length: 200_000 }, (_, i) => (i % 7 === 0 ? "\n" : `line ${i}\n`));
    const at = (n: number, text: string): string => long.with(n, text).join("");
    expect(merge(long.join(""), at(10, "ours\n"), at(150_000, "theirs\n")) === long.with(10, "ours\n").with(150_000, "theirs\n").join("")).toBe(true);
    // No line tells where it belongs, but all that differs is in one place.
    const same = "\n".repeat(100_000);
    expect(merge(same, `${same}ours\n`, same) === `${same}ours\n`).toBe(true);
    const blank = "\n".repeat(9000);
    expect(merge(`x\n${blank}y\n`, `${blank}u\n`, `v\n${blank}`)).toBe("refused: too much of it differs to compare");
    const other = Array.from({ length: 30_000 }, (_, i) => `other ${i}\n`).join("");
    expect(merge(long.join(""), other, "")).toBe("refused: too much of it differs to compare");
    expect(performance.now() - began).toBeLessThan(8000);
  });

  test("a line that moved is no landmark", () => {
    expect(merge("A\nB\nC\nD\nE\n", "B\nC\nD\nE\nA\n", "A\nB\nx\nD\nE\n")).toBe("B\nx\nD\nE\nA\n");
    expect(merge("A\nB\nC\nD\nE\n", "E\nA\nB\nC\nD\n", "B\nC\nD\nE\nA\n")).toBe(CONFLICT);
  });

  test("random edits of separate stretches all come through, and one side alone is taken as it is", () => {
    const seed = seedOf("merge");
    for (let round = 0; round < 1000; round++) {
      const random = randomFrom(seed + round);
      const pick = (below: number): number => Math.floor(random() * below);
      const end = (): string => (random() < 0.3 ? "\r\n" : "\n");
      const [base, ours, theirs, expected]: [string[], string[], string[], string[]] = [[], [], [], []];
      let fresh = 0;
      for (let stretch = 0; stretch < 1 + pick(8); stretch++) {
        // Lines of their own keep stretches apart, so that what may touch is known.
        const apart = Array.from({ length: 1 + pick(3) }, () => `keep ${(fresh += 1)}${end()}`);
        for (const each of [base, ours, theirs, expected]) each.push(...apart);
        const before = Array.from({ length: pick(4) }, () => `${random() < 0.3 ? "" : `old ${(fresh += 1)}`}${end()}`);
        const after = Array.from({ length: pick(4) }, () => `${random() < 0.3 ? "" : `new ${(fresh += 1)}`}${end()}`);
        const who = pick(3);
        base.push(...before);
        ours.push(...(who === 0 ? after : before));
        theirs.push(...(who === 1 ? after : before));
        expected.push(...(who === 2 ? before : after));
      }
      if (random() < 0.5) for (const each of [base, ours, theirs, expected]) each.push("end");
      const label = `seed ${seed}, round ${round}`;
      const [o, a, b] = [base, ours, theirs].map((lines) => lines.join("")) as [string, string, string];
      const merged = merge(o, a, b);
      expect(merged, label).toBe(expected.join(""));
      expect(merge(o, b, a), label).toBe(merged);
      expect(merge(o, a, o), label).toBe(a);
      expect(merge(o, o, b), label).toBe(b);
      expect(merge(o, a, a), label).toBe(a);
    }
  });
});
