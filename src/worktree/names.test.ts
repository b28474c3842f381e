/** Every name comes back as it was. */
import { describe, expect, test } from "vitest";
import { bytesOf, isEscaped, onDisk, pathOf } from "./names.ts";

describe("names", () => {
  test.each([
    ["plain", Buffer.from("src/a.ts")],
    ["beyond ASCII", Buffer.from("ä/日本/😀.txt")],
    ["Latin-1", Buffer.from([0x61, 0xe4, 0x2f, 0x62])],
    ["a torn character at the end", Buffer.from([0x62, 0xf0, 0x9f, 0x98])],
    ["the replacement character itself, and a bad byte", Buffer.concat([Buffer.from("�"), Buffer.of(0xff)])],
    ["a surrogate in UTF-8, which is none", Buffer.from([0xed, 0xb2, 0x80])],
  ])("%s", (_, bytes) => {
    expect(bytesOf(pathOf(bytes)).equals(bytes)).toBe(true);
  });

  test("a character of two halves is no escape", () => {
    expect(isEscaped("😀𝒀")).toBe(false);
    expect(onDisk("/r", "😀")).toBe("/r/😀");
    expect(onDisk("/r", pathOf(Buffer.of(0xff)))).toEqual(Buffer.from("/r/\xff", "latin1"));
  });

  test("every pair of bytes comes back", () => {
    for (let a = 1; a < 256; a++) for (let b = 1; b < 256; b += 3) expect(bytesOf(pathOf(Buffer.of(a, b))).equals(Buffer.of(a, b))).toBe(true);
  });
});
