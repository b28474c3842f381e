/** Which memories a model is asked about, and what its verdicts come to. */
import { expect, test } from "vitest";
import { Passes, saying, type Given } from "../../test/memories.ts";
import { foldMemories, type MemoryState } from "./fold.ts";
import { pairName, pairsOf, pairsText, replacementOf, verdictsFrom, type Pair } from "./judging.ts";

/** Statements each under a key of its own, the later ones the newer. */
function stateOf(...statements: readonly (string | readonly [string, Given])[]): MemoryState {
  const passes = new Passes();
  for (const [i, each] of statements.entries()) {
    const [statement, given] = typeof each === "string" ? [each, {}] : each;
    passes.pass([saying(statement, { id: `m${i + 1}`, key: `k${i + 1}`, valid_from: i * 1000, ...given })]);
  }
  return foldMemories(passes.events);
}
const pairs = (state: MemoryState, judged: readonly string[] = []): Pair[] => pairsOf(state, [...state.memories.values()], new Set(judged));
const names = (found: readonly Pair[]): string[] => found.map(({ a, b }) => pairName(a.id, b.id));
const ALIKE = ["Deploy the service with make release", "Deploy the service with docker push"] as const;

test("those that share half of their words are asked about once, the newest first", () => {
  const state = stateOf(...ALIKE, "Lines end with a newline", "Deploy the service with make release twice");
  expect(names(pairs(state))).toEqual(["m1 m4", "m2 m4", "m1 m2"]);
  expect(names(pairs(state, ["m1 m4", "m1 m2"]))).toEqual(["m2 m4"]);
  expect(pairsText(pairs(state).slice(0, 1))).toBe('{"pair":1,"a":"Deploy the service with make release","b":"Deploy the service with make release twice"}');
});

test("other places, what happened, what is over and two that both wait are no pairs", () => {
  for (const given of [{ scope: { level: "user" } }, { kind: "episodic" }, { status: "ended" }, { status: "rejected" }, { replaces: { old: "m1", by: "m9" } }] as const satisfies Given[]) expect(pairs(stateOf(ALIKE[0], [ALIKE[1], given])), JSON.stringify(given)).toEqual([]);
  expect(pairs(stateOf([ALIKE[0], { status: "inbox" }], [ALIKE[1], { status: "inbox" }]))).toEqual([]);
  expect(pairs(stateOf(ALIKE[0], [ALIKE[1], { status: "inbox" }]))).toHaveLength(1);
});

test("what is known to contradict is asked about though it shares no word", () => {
  const state = stateOf(["Use tabs", { key: "indent" }], ["Four blanks", { key: "indent", trust: "inferred", valid_from: 5000 }]);
  expect(state.contradictions).toMatchObject([{ why: "weaker" }]);
  expect(names(pairs(state))).toEqual(["m1 m2"]);
});

test("thousands of statements with one word in common are no reason to compare all", () => {
  const state = stateOf(...Array.from({ length: 3000 }, (_, i) => `Service number${i} talks to port${i} of host${i}`));
  const began = performance.now();
  expect(pairs(state)).toEqual([]);
  expect(performance.now() - began).toBeLessThan(3000);
});

test("verdicts are read by pair; what was not asked, or is no verdict, is left out", () => {
  const [pair] = pairs(stateOf(...ALIKE)) as [Pair];
  const read = (verdicts: unknown): unknown => verdictsFrom(JSON.stringify({ verdicts }), [pair]).map(({ verdict }) => verdict);
  expect(read([{ pair: 1, verdict: "contradicts" }])).toEqual(["contradicts"]);
  expect(read([{ pair: 0, verdict: "same" }, { pair: 2, verdict: "same" }, { pair: "1", verdict: "same" }, { pair: 1, verdict: "delete" }, null, 4, { pair: 1.5, verdict: "same" }])).toEqual([]);
  expect(() => verdictsFrom('{"verdicts":"none"}', [pair])).toThrow(expect.objectContaining({ code: "MODEL_GARBLED" }));
});

test("of two that exclude each other the newer stays, unless the user said the older", () => {
  const replaced = (first: Given, second: Given, verdict: "same" | "contradicts" | "unrelated" = "contradicts"): unknown => {
    const [pair] = pairs(stateOf([ALIKE[0], first], [ALIKE[1], second])) as [Pair];
    return replacementOf({ ...pair, verdict })?.replaces;
  };
  expect(replaced({}, {})).toEqual({ old: "m1", by: "m2" });
  expect(replaced({}, { trust: "inferred" })).toEqual({ old: "m2", by: "m1" });
  expect(replaced({}, { status: "inbox", trust: "inferred" }, "same")).toEqual({ old: "m2", by: "m1" });
  expect(replaced({}, { status: "inbox" })).toBeUndefined();
  expect(replaced({}, {}, "unrelated")).toBeUndefined();
});

test("a proposal to replace holds none of the words: who forgets a memory forgets them all", () => {
  const [pair] = pairs(stateOf(...ALIKE)) as [Pair];
  const proposal = replacementOf({ ...pair, verdict: "same" })!;
  expect(proposal).toMatchObject({ statement: "m2 takes the place of m1: it says the same", trust: "inferred", proposal: true });
  expect(JSON.stringify(proposal)).not.toContain("Deploy");
});
