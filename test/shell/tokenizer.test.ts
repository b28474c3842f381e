/** The built command looks tokens up in a table of its own (scripts/ranks.mjs): it must count as the package does. */
import { countTokens } from "gpt-tokenizer/encoding/o200k_base";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ask, idOf, place, tidemark, type Name, type Place } from "../helpers.ts";

const NAMES: Name[] = ["330 typed", "goreleaser", "review", "root folder"];
const undo: (() => void)[] = [];
let at: Place;
beforeAll(async () => {
  at = place([...NAMES], (done) => undo.push(done));
  await tidemark(at, ["import"]);
});
afterAll(() => undo.forEach((done) => done()));

test.each(NAMES.flatMap((name) => [60, 300, 1500, 20_000].map((budget) => [name, budget] as const)))("the brief of %s within %d tokens has as many as it says", async (name, budget) => {
  const { data } = await ask(at, ["resume", idOf(name), "--budget", String(budget)]);
  expect(data.tokens).toBe(countTokens(data.text, { disallowedSpecial: new Set() }));
  expect(data.tokens).toBeLessThanOrEqual(budget);
});
