/** One text for one value. */
import { expect, test } from "vitest";
import { canonicalJson, isRecord } from "./json.ts";

test("equal values have one text, whatever the order of their members", () => {
  expect(canonicalJson({ b: [{ d: 1, c: 2 }], a: { z: null, y: "é\u2028\ud800" } })).toBe('{"a":{"y":"é\u2028\\ud800","z":null},"b":[{"c":2,"d":1}]}');
  expect(canonicalJson({ a: 1, b: 2 })).toBe(canonicalJson({ b: 2, a: 1 }));
});

test("members are ordered by their code units, digits as text", () => {
  // An object puts whole numbers first whatever was asked; both sides of a comparison do, so the text is still one.
  expect(canonicalJson({ é: 1, z: 2, A: 3, a: 4 })).toBe('{"A":3,"a":4,"z":2,"é":1}');
  expect(canonicalJson(JSON.parse('{"b":1,"10":2,"9":3}'))).toBe(canonicalJson(JSON.parse('{"9":3,"10":2,"b":1}')));
});

test("a member named __proto__ is a member", () => {
  expect(canonicalJson(JSON.parse('{"b":{"__proto__":{"x":1}},"__proto__":2}'))).toBe('{"__proto__":2,"b":{"__proto__":{"x":1}}}');
  expect(({} as { x?: number }).x).toBeUndefined();
});

test("undefined members are left out, and numbers are written as JSON writes them", () => {
  expect(canonicalJson({ a: undefined, b: -0, c: 1e21, d: 0.1 })).toBe('{"b":0,"c":1e+21,"d":0.1}');
});

test("a record is an object that is no list", () => {
  expect([{}, [], null, "x", 1, undefined].map(isRecord)).toEqual([true, false, false, false, false, false]);
});
