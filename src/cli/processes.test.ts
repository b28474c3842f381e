/** Which process numbers still stand for the process that was meant. */
import { expect, test } from "vitest";
import { isAlive } from "./processes.ts";

test("a process that is there is alive, and one that says it began before the machine did is another", () => {
  expect(isAlive(process.pid)).toBe(true);
  expect(isAlive(process.pid, Date.now())).toBe(true);
  expect(isAlive(process.pid, 1)).toBe(false);
  expect(isAlive(2 ** 30)).toBe(false);
});
