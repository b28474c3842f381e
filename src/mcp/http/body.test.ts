/** What is taken for JSON, and what is refused before it is parsed. */
import { expect, test } from "vitest";
import { isDeeper, parse } from "./body.ts";

const of = (text: string) => parse(Buffer.from(text), 8);

test("JSON is given as its value, also when that is null", () => {
  expect(of('{"a":[1,"]}"]}')).toEqual({ value: { a: [1, "]}"] } });
  expect(of("null")).toEqual({ value: null });
});

test.each([["nothing", ""], ["half of it", '{"a":'], ["another thing after it", "{} {}"], ["words", "hello"], ["a comment", "{/* */}"]])("%s is a parse error that does not say back what was sent", (_, text) => {
  const body = of(text);
  expect(body).toEqual({ status: 400, code: -32700, message: "Parse error: the body is not valid JSON" });
});

test("bytes that are no UTF-8 are not guessed at", () => {
  expect(parse(Buffer.from([0x22, 0xff, 0xfe, 0x22]), 8)).toMatchObject({ status: 400, code: -32700 });
});

test("nesting is counted outside of strings, and a million brackets are refused without being parsed", () => {
  expect(isDeeper('{"a":["[[[[[[[[","\\"[[[[[[[[["]}', 2)).toBe(false);
  expect(isDeeper("[[[]]]", 3)).toBe(false);
  expect(isDeeper("[[[]]]", 2)).toBe(true);
  expect(isDeeper("[][][][][][]", 1)).toBe(false);
  expect(of("[".repeat(1_000_000))).toMatchObject({ status: 400, message: expect.stringContaining("deeper than 8 levels") });
});
