/** Four processes write to one store at once, partly the same events: no errors, nothing lost, one chain. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openSqliteStore } from "../../src/store/sqlite/store.ts";
import { batchOf, seedOf } from "./batches.ts";
import { bundleWriter, start, type Bundle } from "./processes.ts";

const WRITERS = ["a", "b", "c", "d"];
const BATCHES = 60;

let bundle: Bundle;
beforeAll(async () => void (bundle = await bundleWriter()));
afterAll(() => bundle.remove());

test("four processes writing at once lose nothing and break nothing", { timeout: 60_000 }, async () => {
  const seed = seedOf("writers");
  const folder = await mkdtemp(join(tmpdir(), "tidemark-writers-"));
  const together = String(Date.now() + 400);
  const writers = WRITERS.map((writer, i) => start(process.execPath, [bundle.script, "some", folder, writer, String(seed + i), String(BATCHES), together]));
  const ended = await Promise.all(writers.map((writer) => writer.ended));
  expect(ended.map(({ code, errors }) => ({ code, errors }))).toEqual(WRITERS.map(() => ({ code: 0, errors: "" })));

  const store = await openSqliteStore(folder);
  const { position } = await store.head();
  // What each was told it added is what the log holds: an event that two processes brought was added by one of them.
  expect(ended.reduce((sum, { said }) => sum + Number(said[0]!["added"]), 0)).toBe(position);
  const stored = await store.scan(0, position);
  expect(stored.map((one) => one.position)).toEqual(Array.from({ length: position }, (_, i) => i + 1));
  for (const [i, writer] of WRITERS.entries()) {
    const wanted = Array.from({ length: BATCHES }, (_, n) => batchOf(writer, seed + i, n)).flat();
    const own = stored.filter(({ event: { id } }) => id.startsWith(`${writer}:`) || id === `session-${writer}-0:started`);
    expect(own.map(({ event }) => event.id), `order of ${writer}`).toEqual(wanted.map(({ id }) => id));
    for (const [at, { event, erased }] of own.entries()) if (!erased) expect(event).toEqual(wanted[at]);
    expect(own.filter(({ erased }) => erased)).toHaveLength(BATCHES / 10);
  }
  expect((await store.read("common")).map(({ event }) => event.id).sort()).toEqual(Array.from({ length: BATCHES }, (_, n) => `common:${n}`).sort());
  expect(await store.check()).toEqual([]);
  expect(await store.checkIndex()).toEqual([]);
  await store.close();
  await rm(folder, { recursive: true });
});

test("a long text that one process appends while another erases the same one is not lost", { timeout: 60_000 }, async () => {
  for (let round = 0; round < 5; round++) {
    const folder = await mkdtemp(join(tmpdir(), "tidemark-same-"));
    const together = String(Date.now() + 300);
    const ended = await Promise.all(["a", "b", "c"].map((writer) => start(process.execPath, [bundle.script, "same", folder, writer, "100", together]).ended));
    await rm(folder, { recursive: true });
    expect(ended.map(({ said, errors }) => ({ said, errors }))).toEqual(ended.map(() => ({ said: [{ missing: 0 }], errors: "" })));
  }
});

test("processes that open a new store at the same moment all succeed", { timeout: 60_000 }, async () => {
  for (let round = 0; round < 5; round++) {
    const folder = join(await mkdtemp(join(tmpdir(), "tidemark-open-")), "state");
    const together = String(Date.now() + 300);
    const ended = await Promise.all(Array.from({ length: 6 }, () => start(process.execPath, [bundle.script, "open", folder, together]).ended));
    expect(ended.map(({ code, said, errors }) => ({ code, said, errors }))).toEqual(ended.map(() => ({ code: 0, said: [{ opened: true }], errors: "" })));
    const store = await openSqliteStore(folder);
    expect((await store.head()).position).toBe(6);
    expect(await store.check()).toEqual([]);
    await store.close();
    await rm(join(folder, ".."), { recursive: true });
  }
});
