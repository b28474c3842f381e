/** Reading JSON with its places, and edits that leave everything else as it was, on texts of chance and by hand. */
import { describe, expect, test } from "vitest";
import { randomFrom } from "../../test/damage/batches.ts";
import { insertLast, isFault, memberOf, readJsonText, removeAt, replaceNode, valueOf, type JsonContainer, type JsonNode } from "./json-text.ts";

function chance(seed: number): (below: number) => number {
  const random = randomFrom(seed);
  return (below) => Math.floor(random() * below);
}

function anyValue(pick: (below: number) => number, depth = 0): unknown {
  const kinds: (() => unknown)[] = [
    () => pick(1000) - 500, () => pick(1000) / 7, () => 1e21, () => null, () => pick(2) === 0, () => "", () => 'a "quoted" \\ word\n\t\u2028 日本 \u0001', () => "//no comment /* */ , } ]",
    () => Array.from({ length: pick(4) }, () => anyValue(pick, depth + 1)),
    () => Object.fromEntries(Array.from({ length: pick(5) }, (_, i) => [["a", "b c", "", "x,y", "__proto__", "}"][pick(6)]! + i, anyValue(pick, depth + 1)])),
  ];
  return kinds[pick(depth > 3 ? 8 : kinds.length)]!();
}

const LAYOUTS: readonly ((value: unknown) => string)[] = [
  (value) => JSON.stringify(value),
  (value) => `${JSON.stringify(value, undefined, 2)}\n`,
  (value) => JSON.stringify(value, undefined, "\t"),
  (value) => `\uFEFF${JSON.stringify(value, undefined, 4).replaceAll("\n", "\r\n")}\r\n`,
];

function read(text: string): JsonNode {
  const node = readJsonText(text);
  if (isFault(node)) throw new Error(`${node.line}:${node.column} ${node.message} in ${text}`);
  return node;
}

function containersIn(node: JsonNode): JsonContainer[] {
  if (node.kind === "value") return [];
  const inner = node.kind === "object" ? node.members.map((member) => member.node) : node.items;
  return [node, ...inner.flatMap(containersIn)];
}

const count = (node: JsonContainer): number => (node.kind === "object" ? node.members : node.items).length;

describe("texts of chance", () => {
  test("are read as JSON.parse reads them, and cut short they are refused", () => {
    const pick = chance(1);
    for (let i = 0; i < 400; i++) {
      const text = LAYOUTS[i % LAYOUTS.length]!(anyValue(pick));
      const plain = text.replace("\uFEFF", "");
      expect(JSON.parse(JSON.stringify(valueOf(read(text))))).toEqual(JSON.parse(plain));
      const short = plain.trim().slice(0, pick(plain.trim().length));
      let whole = true;
      try {
        JSON.parse(short);
      } catch {
        whole = false;
      }
      expect(isFault(readJsonText(short)), short).toBe(!whole);
    }
  });

  test("what is put in at any place and taken out again leaves the same bytes, and nothing else of the value changes", () => {
    const pick = chance(2);
    for (let i = 0; i < 600; i++) {
      const text = LAYOUTS[i % LAYOUTS.length]!([anyValue(pick, 1), { own: anyValue(pick) }]);
      const places = containersIn(read(text));
      const at = pick(places.length);
      const place = places[at]!;
      const put = insertLast(text, place, { new: [1, "two"] }, place.kind === "object" ? "put in" : undefined);
      const after = containersIn(read(put))[at]!;
      expect(count(after)).toBe(count(place) + 1);
      const value = valueOf(after) as Record<string, unknown> | unknown[];
      expect(Array.isArray(value) ? value.at(-1) : value["put in"]).toMatchObject({ new: [1, "two"] });
      expect(removeAt(put, after, count(place))).toBe(text);
    }
  });

  test("an element taken out from anywhere leaves the others", () => {
    const pick = chance(3);
    for (let i = 0; i < 600; i++) {
      const text = LAYOUTS[i % LAYOUTS.length]!([anyValue(pick, 1), { own: anyValue(pick) }]);
      const places = containersIn(read(text)).filter((place) => count(place) > 0);
      if (places.length === 0) continue;
      const place = places[pick(places.length)]!;
      const out = pick(count(place));
      const rest = removeAt(text, place, out);
      const left = containersIn(read(rest)).find(({ start }) => start === place.start)!;
      const values = (node: JsonContainer): unknown[] => (node.kind === "object" ? node.members.map(({ key, node: each }) => [key, valueOf(each)]) : node.items.map(valueOf));
      expect(values(left)).toEqual(values(place).filter((_, n) => n !== out));
      expect(rest.slice(0, place.start)).toBe(text.slice(0, place.start));
      expect(rest.endsWith(text.slice(place.end))).toBe(true);
    }
  });
});

describe("layouts by hand", () => {
  test.each([
    ["{}\n", '{\n  "k": { "v": 1 }\n}\n'],
    ["{ }", '{\n  "k": { "v": 1 }\n}'],
    ["{\n}\n", '{\n  "k": { "v": 1 }\n}\n'],
    ['{"a":1}', '{"a":1,"k":{"v":1}}'],
    ['{ "a": 1 }', '{ "a": 1, "k": { "v": 1 } }'],
    ['{\n\t"a": [1,2]\n}', '{\n\t"a": [1,2],\n\t"k": { "v": 1 }\n}'],
    ['{\r\n  "a": 1\r\n}', '{\r\n  "a": 1,\r\n  "k": { "v": 1 }\r\n}'],
    ['{\n  "a": 1,\n}', '{\n  "a": 1,\n  "k": { "v": 1 },\n}'],
    ['{\n  "a": 1 // one, two\n}', '{\n  "a": 1, // one, two\n  "k": { "v": 1 }\n}'],
    ['{\n  "a": 1 /* , */, // x\n  // last\n}', '{\n  "a": 1 /* , */, // x\n  // last\n  "k": { "v": 1 },\n}'],
    ["{ // nothing yet\n}", '{ // nothing yet\n  "k": { "v": 1 }\n}'],
    ['/* head */ {"a":1} // tail', '/* head */ {"a":1,"k":{"v":1}} // tail'],
  ])("%j takes a member as %j", (text, wanted) => {
    const put = insertLast(text, read(text) as JsonContainer, { v: 1 }, "k");
    expect(put).toBe(wanted);
    const root = read(put) as JsonContainer;
    const out = removeAt(put, root, count(root) - 1);
    expect(out).toBe(/^\{\s*\}\s*$/.test(text) ? text.replace(/\{\s*\}/, "{}") : text);
  });

  test("a value is replaced in its place, in the manner of the text", () => {
    const text = '{\n  "a": {"b": [1,   2]}, // why\n  "c": 2\n}';
    expect(replaceNode(text, memberOf(read(text), "a")!.node, { d: [] })).toBe('{\n  "a": { "d": [] }, // why\n  "c": 2\n}');
  });

  test("of equal keys the last one counts, as for JSON.parse", () => {
    expect(valueOf(memberOf(read('{"a":1,"a":2}'), "a")!.node)).toBe(2);
  });
});

test.each([
  ["", 1, 1, /ends where a value was expected/],
  ["{\n  nonsense\n}", 2, 3, /key in double quotes/],
  ['{"a": 1\n "b": 2}', 2, 2, /"," or "}" was expected/],
  ['{"a" 1}', 1, 6, /":" was expected/],
  ["[1, 2", 1, 6, /ends before its "]"/],
  ["{} {}", 1, 4, /something follows/],
  ['\uFEFF{"a":01}', 1, 6, /value was expected/],
  ["[,]", 1, 2, /value was expected/],
  ['["\t"]', 1, 2, /value was expected/],
  ["[1.]", 1, 2, /value was expected/],
  ["[truer]", 1, 2, /value was expected/],
  ["[".repeat(100_000), 1, 258, /nested deeper/],
])("what is no JSON is refused with its place: %#", (text, line, column, message) => {
  expect(readJsonText(text)).toEqual({ line, column, message: expect.stringMatching(message) });
});
