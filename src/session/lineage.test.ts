/** Which session came from which, whatever was imported first. */
import { expect, test } from "vitest";
import { event, forked } from "../../test/builders.ts";
import { lineageOf, originOf } from "./lineage.ts";

const sessions = (...ids: string[]): { id: string; started: number }[] => ids.map((id, i) => ({ id, started: (i + 1) * 1000 }));
const ids = (from: number, to: number): string[] => Array.from({ length: to - from + 1 }, (_, i) => `e${from + i}`);
const told = (...of: Parameters<typeof lineageOf>): [string, string][] => [...lineageOf(...of)].map(([id, { parent, relation }]): [string, string] => [id, `${relation} ${parent}`]).sort();

test("of two sessions that share events the one begun later is the fork, whichever was recorded first", () => {
  for (const link of [forked("b", "a", ids(1, 3)), forked("a", "b", ids(1, 3))]) expect(told(sessions("a", "b"), [link])).toEqual([["b", "forked a"]]);
});

test("begun at once, the greater id is the fork", () => {
  const both = [{ id: "a", started: 5 }, { id: "b", started: 5 }];
  for (const link of [forked("b", "a", ["e1"]), forked("a", "b", ["e1"])]) expect(told(both, [link])).toEqual([["b", "forked a"]]);
});

test("a fork of a fork comes from the one it shares most with, in every order of import", () => {
  const chain = sessions("a", "b", "c");
  const expected = [["b", "forked a"], ["c", "forked b"]];
  // Imported a b c: what is shared with the first is known under the first.
  expect(told(chain, [forked("b", "a", ids(1, 4)), forked("c", "a", ids(1, 4)), forked("c", "b", ids(5, 6))])).toEqual(expected);
  // c b a: all of it under the last; a and b are linked only through it.
  expect(told(chain, [forked("b", "c", ids(1, 6)), forked("a", "c", ids(1, 4))])).toEqual(expected);
  expect(told(chain, [forked("c", "b", ids(1, 6)), forked("a", "b", ids(1, 4))])).toEqual(expected);
});

test("two forks that left at one point both come from where they left, not one from the other", () => {
  const three = sessions("a", "b", "c");
  const expected = [["b", "forked a"], ["c", "forked a"]];
  expect(told(three, [forked("b", "a", ids(1, 4)), forked("c", "a", ids(1, 4))])).toEqual(expected);
  expect(told(three, [forked("a", "b", ids(1, 4)), forked("c", "b", ids(1, 4))])).toEqual(expected);
});

test("a session resumed under a new id says so; nothing shared is nothing related", () => {
  expect(told(sessions("a", "b"), [event("session.resumed", { from: "a" }, { session: "b" })])).toEqual([["b", "resumed a"]]);
  expect(told(sessions("a", "b"), [])).toEqual([]);
});

test("a parent that is not kept is still named", () => {
  expect(told([{ id: "b", started: 5 }], [event("session.resumed", { from: "gone" }, { session: "b" })])).toEqual([["b", "resumed gone"]]);
});

test("an event was said in the session begun first of all that hold it", () => {
  const links = [forked("a", "c", ids(1, 2)), forked("b", "c", ids(1, 4))];
  const origin = (id: string): string => originOf({ id, session: "c" }, sessions("a", "b", "c"), links);
  expect(["e1", "e3", "e9"].map(origin)).toEqual(["a", "b", "c"]);
  expect(originOf({ id: "e1", session: "a" }, sessions("a", "b"), [forked("b", "a", ["e1"])])).toBe("a");
});
