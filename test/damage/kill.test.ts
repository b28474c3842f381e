/**
 * Writers on a real store are killed at random moments: while opening, migrating, appending, erasing. Afterwards
 * every event that was acknowledged is there as it was, no batch is there in part, what was erased stays erased, and
 * nothing of the store is damaged. `TIDEMARK_KILLS=1000 npx vitest run test/damage/kill` for the long run.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openSqliteStore } from "../../src/store/sqlite/store.ts";
import type { Store } from "../../src/store/store.ts";
import { batchOf, randomFrom, seedOf } from "./batches.ts";
import { bundleWriter, start, type Bundle } from "./processes.ts";

const KILLS = Number(process.env["TIDEMARK_KILLS"] ?? 100);
/** Kills after which a new store is begun, so that checking stays quick and opening a new one is killed as well. */
const KILLS_PER_STORE = 10;

let bundle: Bundle;
beforeAll(async () => void (bundle = await bundleWriter()));
afterAll(() => bundle.remove());

/** What a killed writer left behind. */
interface Victim {
  readonly writer: string;
  readonly seed: number;
  /** Batches it said were appended; the one after them may be there or not. */
  readonly acknowledged: number;
  readonly erased: readonly string[];
  readonly erasing: readonly string[];
}

async function killOne(folder: string, writer: string, seed: number, random: () => number): Promise<Victim> {
  const { child, lines, ended } = start(process.execPath, [bundle.script, "endless", folder, writer, String(seed), "0"]);
  // A third at any moment from the start on, the others once it has written some: by the clock alone, on a busy machine, none would have.
  if (random() < 1 / 3) await sleep(random() * 250);
  else await lines(1 + Math.floor(random() * 5)).then(() => sleep(random() * 40));
  child.kill("SIGKILL");
  const { said, signal, errors } = await ended;
  expect({ signal, errors }).toEqual({ signal: "SIGKILL", errors: "" });
  const all = (key: string): string[] => said.flatMap((line) => (line[key] === undefined ? [] : String(line[key])));
  return { writer, seed, acknowledged: all("appended").length, erased: all("erased"), erasing: all("erasing") };
}

/**
 * Killed in the middle of erasing: the event is as it was, erased, or stands without its long text, which goes first so that none is
 * left behind. Erasing again, as a person would, brings it to its end.
 */
async function eraseAgain(store: Store, { erased, erasing }: Victim): Promise<void> {
  for (const id of erasing.filter((each) => !erased.includes(each))) await store.erase([id]);
}

async function checkVictim(store: Store, { writer, seed, acknowledged, erased, erasing }: Victim): Promise<void> {
  for (let n = 0; n <= acknowledged + 1; n++) {
    const batch = batchOf(writer, seed, n);
    const stored = await store.get(batch.map(({ id }) => id));
    const where = `batch ${n} of ${writer}, ${acknowledged} acknowledged`;
    if (n < acknowledged) expect(stored.length, where).toBe(batch.length);
    else if (n === acknowledged) expect([0, batch.length], where).toContain(stored.length);
    else expect(stored.length, where).toBe(0);
    for (const [i, one] of stored.entries()) {
      const { id } = one.event;
      if (erased.includes(id)) expect(one.erased, `${id} was erased`).toBe(true);
      if (one.erased) expect(erasing).toContain(id);
      else expect(one.event).toEqual(batch[i]);
    }
  }
}

test(`after ${KILLS} kills nothing acknowledged is lost and nothing is damaged`, { timeout: KILLS * 6000 }, async () => {
  const seed = seedOf("kill");
  const random = randomFrom(seed);
  let [batches, unacknowledged] = [0, 0];
  for (let kills = 0; kills < KILLS; ) {
    const folder = await mkdtemp(join(tmpdir(), "tidemark-kill-"));
    const victims: Victim[] = [];
    for (let inStore = 0; inStore < KILLS_PER_STORE && kills < KILLS; inStore += 2, kills += 2) {
      // Two at once: each is killed while the other may be in the middle of something.
      const pair = await Promise.all([0, 1].map((lane) => killOne(folder, `w${kills + lane}`, seed + kills + lane, random)));
      victims.push(...pair);
      const store = await openSqliteStore(folder);
      for (const victim of pair) await eraseAgain(store, victim);
      for (const victim of victims) await checkVictim(store, victim);
      expect(await store.check()).toEqual([]);
      expect(await store.checkIndex()).toEqual([]);
      const { position } = await store.head();
      const written = victims.reduce((sum, { writer, seed: own, acknowledged }) => sum + Array.from({ length: acknowledged }, (_, n) => batchOf(writer, own, n).length).reduce((a, b) => a + b, 0), 0);
      if (position > written) unacknowledged += 1;
      await store.close();
    }
    batches += victims.reduce((sum, { acknowledged }) => sum + acknowledged, 0);
    await rm(folder, { recursive: true });
  }
  console.log(`${KILLS} kills, ${batches} batches acknowledged, ${unacknowledged} times a batch was there that nobody had acknowledged`);
  // Kills that all came too early would prove nothing.
  expect(batches).toBeGreaterThan(KILLS);
});
