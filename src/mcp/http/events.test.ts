/** What is sent again after a stream broke, and what is no longer kept. */
import { expect, test } from "vitest";
import type { JSONRPCMessage } from "@modelcontextprotocol/server";
import { RecentEvents } from "./events.ts";

const note = (n: number, text = ""): JSONRPCMessage => ({ jsonrpc: "2.0", method: "notifications/progress", params: { progressToken: text, progress: n } });
const ROOMY = { events: 100, size: 100_000 };

async function after(events: RecentEvents, id: string): Promise<unknown[]> {
  const sent: unknown[] = [];
  await events.replayEventsAfter(id, { send: async (_, message) => void sent.push((message as unknown as { params: { progress: number } }).params.progress) });
  return sent;
}

test("what came after an event on its stream is sent again in order, and nothing of other streams", async () => {
  const events = new RecentEvents("s", ROOMY);
  const first = await events.storeEvent("a", {} as JSONRPCMessage);
  for (const [stream, n] of [["a", 1], ["b", 2], ["a", 3], ["b", 4]] as const) await events.storeEvent(stream, note(n));
  expect(await after(events, first)).toEqual([1, 3]);
  expect(await events.getStreamIdForEventId(first)).toBe("a");
});

test("what is stored while the past is being sent is sent as well", async () => {
  const events = new RecentEvents("s", ROOMY);
  const first = await events.storeEvent("a", note(0));
  await events.storeEvent("a", note(1));
  const sent: string[] = [];
  await events.replayEventsAfter(first, {
    send: async (id) => {
      sent.push(id);
      if (sent.length === 1) await events.storeEvent("a", note(2));
    },
  });
  expect(sent.length).toBe(2);
});

test("the oldest go when there are too many or they are too large; the newest always stays", async () => {
  const few = new RecentEvents("s", { events: 2, size: 100_000 });
  const ids: string[] = [];
  for (let n = 0; n < 4; n++) ids.push(await few.storeEvent("a", note(n)));
  expect(await Promise.all(ids.map((id) => few.getStreamIdForEventId(id)))).toEqual([undefined, undefined, "a", "a"]);
  const small = new RecentEvents("s", { events: 100, size: 300 });
  const before = await small.storeEvent("a", note(1));
  const large = await small.storeEvent("a", note(2, "x".repeat(1000)));
  expect(await small.getStreamIdForEventId(before)).toBeUndefined();
  expect(await small.getStreamIdForEventId(large)).toBe("a");
  // And it is counted: the next one pushes it out.
  const next = await small.storeEvent("a", note(3));
  expect(await small.getStreamIdForEventId(large)).toBeUndefined();
  expect(await small.getStreamIdForEventId(next)).toBe("a");
});

test("an id that was made up, or of another session, is not known", async () => {
  const [mine, other] = [new RecentEvents("mine", ROOMY), new RecentEvents("other", ROOMY)];
  await other.storeEvent("a", note(1));
  const id = await other.storeEvent("a", note(2));
  expect(await mine.getStreamIdForEventId(id)).toBeUndefined();
  await expect(mine.replayEventsAfter(id, { send: async () => {} })).rejects.toThrow(RangeError);
});
