/** Answers that are remembered for a moment: asked once, asked anew when they are old or failed. */
import { expect, test } from "vitest";
import { recently } from "./recent.ts";

test("who asks again at once gets the same answer, later a new one, and each folder its own", async () => {
  let [now, asked] = [0, 0];
  const ask = recently(async (cwd) => `${cwd} ${(asked += 1)}`, () => now);
  expect(await Promise.all([ask("a"), ask("a"), ask("b")])).toEqual(["a 1", "a 1", "b 2"]);
  now = 1999;
  expect(await ask("a")).toBe("a 1");
  now = 2000;
  expect(await ask("a")).toBe("a 3");
});

test("a failure is not remembered", async () => {
  let asked = 0;
  const ask = recently(() => ((asked += 1) === 1 ? Promise.reject(new Error("no")) : Promise.resolve(asked)), () => 0);
  await expect(ask("a")).rejects.toThrow("no");
  expect(await ask("a")).toBe(2);
});

test("many folders do not add up", async () => {
  let asked = 0;
  const ask = recently(() => Promise.resolve((asked += 1)), () => 0);
  for (let n = 0; n < 60; n++) await ask(String(n));
  await ask("0");
  expect(asked).toBe(61);
});
