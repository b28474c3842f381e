/** The tokenizer is a real one and takes any text. */
import { expect, test } from "vitest";
import { loadTokenizer } from "./tokens.ts";

test("texts are counted as o200k counts them", async () => {
  const count = await loadTokenizer();
  expect(["", "hello", "hello world", "parseHTTPResponse", "日本語"].map(count)).toEqual([0, 1, 2, 3, 2]);
});

test("what looks like a control token is text, and half characters do not stop it", async () => {
  const count = await loadTokenizer();
  expect(count("<|endoftext|>")).toBeGreaterThan(1);
  expect(count("a\ud800b")).toBeGreaterThan(0);
});
