/** Which memories a start reads: of many days with few passes all, counted from what is kept beside the log. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { NOW, freshStore, scratch } from "../../test/helpers.ts";
import { remember } from "./memories.ts";
import { placeOf } from "./recall-memories.ts";
import { refreshSummaries } from "./sessions.ts";
import { standing } from "./standing.ts";

const DAY = 24 * 3_600_000;

test("a demand from many days back still stands, though something was remembered on each day since", async () => {
  const root = scratch();
  mkdirSync(join(root, ".git"));
  writeFileSync(join(root, ".git/HEAD"), "ref: refs/heads/main\n");
  const here = await placeOf(root, { PATH: process.env["PATH"] });
  const store = await freshStore();
  const scope = { level: "project" as const, project: here.project };
  await remember(store, { statement: "Never push on Fridays", kind: "constraint", scope }, NOW);
  for (let day = 1; day <= 30; day++) await remember(store, { statement: `Fact number ${day}`, kind: "semantic", scope }, NOW + day * DAY);
  await refreshSummaries(store);
  const lines = await standing(store, here, { now: NOW + 31 * DAY, budget: 400, countTokens: (text) => text.length / 4 });
  expect(lines.map(({ statement }) => statement)).toContain("Never push on Fridays");
});
