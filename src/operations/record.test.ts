/** The only way into the log. */
import { expect, test } from "vitest";
import { answer, prompt, started } from "../../test/builders.ts";
import type { Event } from "../event/schema.ts";
import { openInProcessStore } from "../store/in-process/store.ts";
import { record } from "./record.ts";

const KEY = "AKIAIOSFODNN7EXAMPLQ";

test("secrets are taken out before anything is stored, and counted by family", async () => {
  const store = await openInProcessStore();
  const { added, redacted } = await record(store, [started("s1", "/app"), prompt(`use ${KEY} please`, { id: "p" }), answer("nothing here")]);
  expect([added, redacted]).toEqual([3, { "aws-access-key-id": 1 }]);
  const [kept] = await store.get(["p"]);
  expect(JSON.stringify(kept)).not.toContain(KEY);
  expect(kept!.event).toMatchObject({ payload: { text: expect.stringMatching(/^use .+ please$/) } });
});

test("one event of a wrong shape refuses the whole batch", async () => {
  const store = await openInProcessStore();
  const wrong = { ...prompt("x"), payload: { text: 7 } } as unknown as Event;
  await expect(record(store, [prompt("good"), wrong])).rejects.toMatchObject({ code: "EVENT_INVALID", message: expect.stringContaining("text") });
  expect((await store.head()).position).toBe(0);
});

test("recording the same again adds nothing", async () => {
  const store = await openInProcessStore();
  const events = [started("s1", "/app"), prompt(`with ${KEY}`)];
  await record(store, events);
  expect(await record(store, events)).toMatchObject({ added: 0, duplicates: 2 });
});
