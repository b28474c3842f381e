/** News are asked for while somebody listens, once for all of a principal's streams. */
import { expect, test } from "vitest";
import type { ServerEvent } from "@modelcontextprotocol/server";
import { NewsBus } from "./news.ts";

const NEWS: ServerEvent = { kind: "resources_list_changed" };

test("the first listener begins it, the last to go ends it, and it can begin again", () => {
  const begun: ((event: ServerEvent) => void)[] = [];
  let ended = 0;
  const bus = new NewsBus((tell) => {
    begun.push(tell);
    return () => ended++;
  }, () => {});
  const heard: number[] = [];
  const [first, second] = [bus.subscribe(() => heard.push(1)), bus.subscribe(() => heard.push(2))];
  expect(begun.length).toBe(1);
  begun[0]!(NEWS);
  first();
  first();
  begun[0]!(NEWS);
  expect([heard, ended]).toEqual([[1, 2, 2], 0]);
  second();
  second();
  expect(ended).toBe(1);
  bus.subscribe(() => heard.push(3));
  begun[1]!(NEWS);
  expect([begun.length, ended, heard]).toEqual([2, 1, [1, 2, 2, 3]]);
});
