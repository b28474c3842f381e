/** What stands in the lists, and that a word in another form finds its place there. */
import { expect, test } from "vitest";
import { alike, formsOf } from "./english.ts";

test("a word comes with its irregular forms, itself first, another alone", () => {
  expect(formsOf("went")).toEqual(["went", "go", "gone"]);
  expect(formsOf("painted")).toEqual(["painted"]);
});

test.each([["movie", "film"], ["movies", "film"], ["bought", "purchase"], ["hiking", "mountain"], ["deleted", "remove"]])("%s is alike to %s", (word, other) => {
  expect(alike(word)).toContain(other);
});

test("what is alike is never a form of the word, and most words have nothing alike", () => {
  expect(alike("children")).toEqual(["son", "daughter"]);
  expect(alike("certificate")).toEqual([]);
});
