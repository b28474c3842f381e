/** Copying to a remote killed at any moment: what is there is whole, nothing counts as copied that is not, and it goes on. */
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { build } from "esbuild";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { copyOut, checkRemote, nameRemote, openRemote } from "../../src/operations/remote.ts";
import { openCheckpointStore } from "../../src/store/sqlite/checkpoints.ts";
import type { State } from "../../src/checkpoint/model.ts";
import { scratch } from "../helpers.ts";
import { randomFrom } from "./batches.ts";
import { start } from "./processes.ts";

const cache = join(import.meta.dirname, "../../node_modules/.cache");
const script = join(cache, `copier-${process.pid}.mjs`);
beforeAll(async () => {
  mkdirSync(cache, { recursive: true });
  await build({ entryPoints: [join(import.meta.dirname, "copier.ts")], outfile: script, bundle: true, format: "esm", platform: "node", target: "node20.19", packages: "external" });
});
afterAll(() => rmSync(script, { force: true }));

const SEED = 20261123;
const CHECKPOINTS = 80;

test("a copy that is killed again and again is never torn, never claimed, and whole in the end", async () => {
  const random = randomFrom(SEED);
  const [home, folder] = [scratch(), join(scratch(), "copies")];
  const store = openCheckpointStore(home);
  onTestFinished(() => store.close());
  let before: State = "absent";
  for (let i = 0; i < CHECKPOINTS; i++) {
    const bytes = Buffer.from(`${i} `.repeat(1 + Math.floor(random() * (i % 20 === 0 ? 200_000 : 4000))));
    const after: State = { type: "file", mode: 0o644, size: bytes.length, content: store.put(bytes) };
    store.seal({ tree: "/work/app", time: i, kind: "call", actor: { by: "outside" }, coverage: { skipped: [] }, changes: [{ path: "file", before, after }] });
    before = after;
  }
  store.sync();
  store.setTier(store.newest("/work/app"), 2);
  await nameRemote(folder, "id", { store, home, unique: "t" });
  const { remote } = (await openRemote(home))!;
  const copied = (): number => store.checkpoints("/work/app").filter(({ tier }) => tier === 3).length;

  let killed = 0;
  const reached: number[] = [];
  for (let round = 0; round < 8 && copied() < CHECKPOINTS; round++) {
    const process = start(globalThis.process.execPath, [script, home]);
    await process.firstLine;
    await sleep(random() * 60);
    process.child.kill("SIGKILL");
    const { signal, said, errors } = await process.ended;
    expect(errors).toBe("");
    expect(said[0], `seed ${SEED}, round ${round}`).toEqual({ began: true });
    if (signal === "SIGKILL") killed += 1;
    expect((await checkRemote(store, remote, () => undefined)).problems, `seed ${SEED}, round ${round}`).toEqual([]);
    reached.push(copied());
  }
  expect(killed).toBeGreaterThan(0);
  expect(reached).toEqual([...reached].sort((a, b) => a - b));
  expect(await copyOut(store, remote, { clock: () => 0, ms: 1, environment: {} })).toMatchObject({ left: 0, missing: 0 });
  expect(await checkRemote(store, remote, () => undefined)).toMatchObject({ checkpoints: CHECKPOINTS, contents: CHECKPOINTS, problems: [] });
  await remote.removeStray(Infinity);
  expect(readdirSync(join(folder, "temp"))).toEqual([]);
}, 60_000);
