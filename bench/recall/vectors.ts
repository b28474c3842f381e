/**
 * How long the nearest of many vectors takes to find, against the number of passages. Vectors are of chance, which costs
 * the same as those of an embedder; nothing is said about how well anything is found.
 *
 *   node scripts/run.mjs bench/recall/vectors.ts [PASSAGES] [DIMENSION]
 */
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import type { Event } from "../../src/event/schema.ts";
import { openSqliteStore } from "../../src/store/sqlite/store.ts";

const [passages, dimension] = [Number(process.argv[2] ?? 20_000), Number(process.argv[3] ?? 384)];
const ROUNDS = 7;

const folder = mkdtempSync(join(tmpdir(), "tidemark-bench-"));
try {
  const store = await openSqliteStore(folder);
  const vector = (): Float32Array => Float32Array.from({ length: dimension }, () => Math.random() - 0.5);
  for (let at = 0; at < passages; at += 1000) {
    const events = Array.from({ length: Math.min(1000, passages - at) }, (_, i): Event => ({ id: `e${at + i}`, time: at + i, session: `s${Math.floor((at + i) / 200)}`, agent: "bench", type: "prompt", payload: { text: `number ${at + i}`, kind: "user" } }) as Event);
    await store.append(events);
    await store.takePassages(1000);
    const { passages: fresh } = await store.withoutVector("bench", 1000);
    await store.putVectors("bench", fresh.map(({ position, part }) => ({ position, part, vector: vector() })));
  }
  const rounds: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const wanted = vector();
    const began = performance.now();
    await store.near("bench", wanted, {}, 20);
    rounds.push(Math.round(performance.now() - began));
  }
  const { left } = await store.withoutVector("bench", 1);
  console.log(JSON.stringify({ passages, dimension, left, firstMs: rounds[0], laterMs: rounds.slice(1), sizes: await store.sizes(), machine: cpus()[0]?.model, node: process.version }));
  await store.close();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
