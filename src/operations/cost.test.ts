/** What is ready and what is not, and what was handed over. */
import { expect, test } from "vitest";
import { event, prompt, started } from "../../test/builders.ts";
import { freshStore } from "../../test/helpers.ts";
import type { Event } from "../event/schema.ts";
import { cost } from "./cost.ts";
import { takeInPassages } from "./passages.ts";
import { refreshSummaries } from "./sessions.ts";

test("what was worked out at an earlier position of the log is a miss until it is brought up to date", async () => {
  const store = await freshStore();
  const kept = async (): Promise<unknown> => {
    const { sessions, events } = await cost(store);
    return [sessions, events];
  };
  expect(await kept()).toEqual([{ hits: 0, misses: 0 }, { hits: 0, misses: 0 }]);
  await store.append([started("s1", "/work/app"), prompt("one"), prompt("two", { session: "s2" })]);
  expect(await kept()).toEqual([{ hits: 0, misses: 2 }, { hits: 0, misses: 3 }]);
  await refreshSummaries(store);
  await takeInPassages(store);
  expect(await kept()).toEqual([{ hits: 2, misses: 0 }, { hits: 3, misses: 0 }]);
  await store.append([prompt("three", { session: "s2" })]);
  expect(await kept()).toEqual([{ hits: 1, misses: 1 }, { hits: 3, misses: 1 }]);
});

test("what was handed over is summed up; a start that gave nothing is none", async () => {
  const store = await freshStore();
  const start = (characters: number, tokens: number): Event => event("start.recalled", { characters, tokens, lines: [] });
  const erased = start(10, 1000);
  await store.append([start(400, 100), start(0, 0), erased, event("context.given", { through: "mcp recall", tokens: 30, events: [], memories: [] })]);
  await store.erase([erased.id]);
  expect((await cost(store)).given).toEqual({ starts: 1, requests: 1, tokens: 130 });
});

test("what a model was asked is added up by model and purpose", async () => {
  const store = await freshStore();
  expect((await cost(store)).models).toEqual([]);
  const asked = (cost: number): Event => event("model.asked", { model: "ollama small", purpose: "extract", outcome: "answered", input: 100, output: 20, cost }, { session: "model:asked" });
  await store.append([asked(0.5), asked(0.25)]);
  expect((await cost(store)).models).toMatchObject([{ model: "ollama small", purpose: "extract", asked: 2, input: 200, output: 40, cost: 0.75 }]);
});
