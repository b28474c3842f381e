/** A short run of the fuzzer of undo (fuzz.ts), with a seed that stays: the long one is `npm run fuzz`. */
import { resolve } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { bundleChild } from "./bundle.ts";
import { installFaults } from "./faults.ts";
import { fuzz } from "./fuzz.ts";

const SEED = 20260731;

test("people, agents and undo at work in one tree by turns: nothing is lost, nothing restored wrongly", { timeout: 120_000 }, async () => {
  console.log(`fuzz: seed ${SEED}`);
  const child = await bundleChild(resolve(import.meta.dirname, "../.."));
  onTestFinished(child.remove);
  const faults = installFaults();
  onTestFinished(faults.remove);
  const { steps, counts } = fuzz({ seed: SEED, steps: 200, child: child.script, faults, timed: false });
  expect(steps).toBe(200);
  for (const kind of ["edit", "shell", "person", "undo keep", "undo force", "redo keep", "race", "kill in capture", "kill in restore"]) expect(counts.get(kind), kind).toBeGreaterThan(0);
});
