/** Parts of JSON texts, found where they stand. */
import { describe, expect, test } from "vitest";
import { elementsOf, endOf, membersOf, splice } from "./splice.ts";

const TEXTS = [
  '{"a":1}', '{ "a" : [1, {"b":"}]"}] , "c":null }', '{}', '{ }', '{"\\u0061":"\\"","n":-1.5e+10,"t":true}', '{"a":"\\\\","b":"\\\\\\"{"}', '{"ü":"\u{1f600}","":{}}', '\t{"a":\n1}',
];

describe("members", () => {
  test.each(TEXTS)("of %s are what JSON.parse gives", (text) => {
    const found = [...membersOf(text)].map(([name, { start, end }]) => [name, JSON.parse(text.slice(start, end)) as unknown]);
    expect(found).toEqual(Object.entries(JSON.parse(text) as object));
  });

  test("given twice: the last counts, as for JSON.parse", () => {
    const text = '{"a":1,"a":2}';
    const { start, end } = membersOf(text).get("a")!;
    expect(text.slice(start, end)).toBe("2");
  });
});

test.each(["[]", "[ ]", "[1]", '[ "a,]" , [2,[3]] ,{"b":[]},null ]'])("elements of %s", (text) => {
  expect(elementsOf(text).map(({ start, end }) => JSON.parse(text.slice(start, end)) as unknown)).toEqual(JSON.parse(text));
});

test("a value that does not close has no end; nesting has no limit", () => {
  expect([endOf('{"a":"', 0), endOf('{"a":[1}', 0), endOf('"a\\"', 0), endOf("[[]", 0)]).toEqual([undefined, undefined, undefined, undefined]);
  const deep = `${"[".repeat(200_000)}${"]".repeat(200_000)}`;
  expect(endOf(`x${deep} `, 1)).toBe(deep.length + 1);
});

test("splicing keeps everything else", () => {
  const text = '{ "a" : 1,  "b":"two" }';
  const members = membersOf(text);
  expect(splice(text, [{ span: members.get("b")!, by: "2" }, { span: members.get("a")!, by: '"one"' }])).toBe('{ "a" : "one",  "b":2 }');
  expect(splice(text, [])).toBe(text);
});
