/** Words that were mistyped, and words that a passage can lend to a question. */
import { expect, test } from "vitest";
import { contentWords, fours, framed, spelledLike } from "./recall-text.ts";

const FILED = ["reconcili", "record", "recipe", "parse", "parser", "pars", "redactor", "certif", "certificateauthority"];
const like = (word: string): string[] => spelledLike(word, (start) => FILED.filter((term) => term.startsWith(start)));

test("a mistyped word stands for what is a letter or two away, endings apart", () => {
  expect(like("reconcilliation")).toEqual(["reconcili"]);
  expect(like("recipees")).toEqual(["recipe"]);
  expect(like("redcator")).toEqual(["redactor"]);
  expect(like("parsr")[0]).toBe("pars");
});

test("the beginning of a longer name stands for it", () => {
  expect(like("certificateauth")[0]).toBe("certificateauthority");
});

test("a short word, a huge one, and one like nothing stand for nothing", () => {
  for (const word of ["par", "rec".repeat(200), "zebra", "rxxxxxxx"]) expect(like(word), word).toEqual([]);
});

test("a word is in groups of four with its ends, a short one whole", () => {
  expect(fours("flute")).toEqual([" flu", "flut", "lute", "ute "]);
  expect(fours("go")).toEqual([" go "]);
  expect(framed("Go, flute!")).toBe(" go flute ");
});

test("words that can be lent are neither stop words nor talk", () => {
  expect(contentWords("Yeah, I really love the kayak and my KAYAK trip!")).toEqual(["kayak", "kayak", "trip"]);
});
