/** What was done since a time, of recorded sessions. */
import { expect, test } from "vitest";
import { idOf, storeWith } from "../../test/helpers.ts";
import { doneSince } from "./standup.ts";

test("tells sessions of a project that were at work since, by what was asked and changed", async () => {
  const store = await storeWith("197 main", "197 fork", "error handling");
  const done = await doneSince(store, "/tmp/demo", 0);
  expect(done.map(({ session }) => session).sort()).toEqual([idOf("197 fork"), idOf("197 main")].sort());
  const main = done.find(({ session }) => session === idOf("197 main"))!;
  expect(main.asked.map(({ text }) => text)).toEqual(expect.arrayContaining(["Make it friendlier RUN:sample2"]));
  expect(main.asked.every(({ event }) => event !== "")).toBe(true);
  expect(main.files).toContain("/tmp/demo/greet.txt");
  expect(await doneSince(store, "/tmp/demo", Math.max(...done.map(({ ended }) => ended)) + 1)).toEqual([]);
  expect(await doneSince(store, "/no/such", 0)).toEqual([]);
});
