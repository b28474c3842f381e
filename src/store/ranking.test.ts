/** How a query is understood, and which text comes first. */
import { describe, expect, test } from "vitest";
import type { Role } from "../event/text.ts";
import { excerpt, holdsPhrases, inContext, matches, parseQuery, score } from "./ranking.ts";

const terms = (text: string): string[] => parseQuery(text)!.terms.map(({ text: term }) => term);
const rate = (query: string, text: string, role: Role = "assistant"): number => score(parseQuery(query)!, new Map(), { text, role, recency: 0 });

describe("parseQuery", () => {
  test("drops words that say nothing, unless there are no others", () => {
    expect(terms("why did we move the uploader")).toEqual(["move", "uploader"]);
    expect(terms("what is it")).toEqual(["what", "is", "it"]);
  });

  test("leaves no single letter of a possessive or a contraction", () => {
    expect(terms("Ann's retry, don't and they\u2019ll")).toEqual(["ann", "retry", "don"]);
    expect(terms("plan s")).toEqual(["plan", "s"]);
  });

  test("splits names into their parts and keeps them whole", () => {
    expect(terms("parseConfigFile")).toEqual(["parseconfigfile", "parse", "config", "file"]);
    expect(terms("session_state")).toEqual(["session", "state"]);
  });

  test("has no query for punctuation, so that the caller can say so", () => {
    expect(parseQuery("?!… --")).toBeUndefined();
  });

  test("what an index would take for its own syntax are words", () => {
    expect(terms("NEAR(a b) OR body:* AND \"x\"")).toContain("near");
  });
});

describe("score", () => {
  test("more of the words beat one of them often", () => {
    expect(rate("retry delay", "The retry has a delay.")).toBeGreaterThan(rate("retry delay", "retry retry retry retry retry"));
  });

  test("words close together beat words far apart", () => {
    const far = `retry ${"filler ".repeat(80)} delay`;
    const near = `${"filler ".repeat(80)} retry delay`;
    expect(rate("retry delay", near)).toBeGreaterThan(rate("retry delay", far));
  });

  test("what the user said beats what a tool printed, for the same words", () => {
    expect(rate("retry delay", "retry delay", "user")).toBeGreaterThan(rate("retry delay", "retry delay", "tool"));
  });

  test("other forms of a word count, longer words that begin alike do not", () => {
    expect(rate("retries", "it retried")).toBeGreaterThan(0);
    expect(rate("cat", "concatenation categories")).toBe(0);
  });
});

test("a hit near a good one in its session is raised, one in another session is not", () => {
  const hit = (position: number, session: string, value: number): { position: number; text: string; score: number; event: { session: string } } => ({ position, text: `text ${position}`, score: value, event: { session } });
  const [first, second, third] = inContext([hit(10, "a", 5), hit(12, "a", 1), hit(11, "b", 1.2)]);
  expect([first!.position, second!.position, third!.position]).toEqual([10, 12, 11]);
});

test("a quoted phrase is met across line ends and not by its words apart", () => {
  const query = parseQuery("\"shadow branch\"")!;
  expect(holdsPhrases(query, "the Shadow\n  branch is")).toBe(true);
  expect(holdsPhrases(query, "a branch in the shadow")).toBe(false);
});

test("an excerpt holds the passage with the words, from the middle of a long text", () => {
  const text = `${"Nothing of interest here. ".repeat(60)}The retry delay is forty seconds. ${"More of nothing at all. ".repeat(60)}`;
  const found = excerpt(parseQuery("retry delay")!, text, 200);
  expect(found).toContain("The retry delay is forty seconds.");
  expect(found.length).toBeLessThanOrEqual(206);
});

test("an excerpt of a text without a sentence end is cut at words", () => {
  const found = excerpt(parseQuery("needle")!, `${"hay ".repeat(500)}needle ${"hay ".repeat(500)}`, 120);
  expect(found).toContain("needle");
  expect(found.length).toBeLessThanOrEqual(126);
});

test("matches are where the words stand, to be highlighted", () => {
  expect(matches(parseQuery("retry")!, "We retried, then Retry again")).toEqual([[3, 10], [17, 22]]);
});
