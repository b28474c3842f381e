/** Small text helpers. */
import { describe, expect, test } from "vitest";
import { baseName, clip, oneLine, plural, printable } from "./text.ts";

test("a clipped text is one line of at most that length and says that something was cut", () => {
  expect(clip(" a\n b\tc ", 10)).toBe("a b c");
  expect(clip("abcdefghij", 5)).toBe("abcd…");
  expect(clip("abc  def", 6)).toBe("abc d…");
});

test("a clipped text never holds half a character", () => {
  for (let length = 1; length < 12; length++) expect(clip("a😀b😀c😀d", length).isWellFormed(), `${length}`).toBe(true);
});

describe("what a terminal would obey is taken out", () => {
  test.each([
    ["colours", "\u001b[31;1mred\u001b[0m", "red"],
    ["titles", "\u001b]0;title\u0007x\u001b]2;t\u001b\\y", "xy"],
    ["links", "\u001b]8;;http://evil\u0007text\u001b]8;;\u0007", "text"],
    ["cursor moves and clearing", "a\u001b[2J\u001b[1;1Hb\u001b[?25lc", "abc"],
    ["one-byte controls", "a\u009b31mb\u0008c\rd\u007f", "a31mbcd"],
    ["turned directions", "a\u202Eb\u2066c", "abc"],
    ["a lone escape", "a\u001b", "a"],
    ["an escape that is made by taking another out", "\u001b\u001b[0m[31mx", "[31mx"],
  ])("%s", (_, text, left) => expect(printable(text)).toBe(left));

  test("and the rest stays: tabs, line feeds, any script", () => expect(printable("a\tb\nc é 中 😀 ‏")).toBe("a\tb\nc é 中 😀 ‏"));
});

test("names, lines and counts", () => {
  expect([baseName("/a/b.ts"), baseName("C:\\a\\b.ts"), baseName("b.ts"), baseName("/a/")]).toEqual(["b.ts", "b.ts", "b.ts", ""]);
  expect(oneLine("  a \n\n b ")).toBe("a b");
  expect([plural(1, "file"), plural(0, "file"), plural(1234, "entry", "entries")]).toEqual(["1 file", "0 files", "1,234 entries"]);
});
