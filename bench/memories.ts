/**
 * What it costs to keep memories in the log alone: folding them at use, finding some, remembering one more, with and
 * without the index by type. Prints raw rounds.
 *
 *   node scripts/run.mjs bench/memories.ts [MEMORIES] [OTHER EVENTS]
 */
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import type { Event } from "../src/event/schema.ts";
import { foldMemories } from "../src/memory/fold.ts";
import { memories, memoryEvents, remember } from "../src/operations/memories.ts";
import { recallMemories } from "../src/operations/recall-memories.ts";
import { standing } from "../src/operations/standing.ts";
import { openDatabase } from "../src/store/sqlite/driver.ts";
import { openSqliteStore } from "../src/store/sqlite/store.ts";

const [count = 50_000, others = 100_000] = process.argv.slice(2).map(Number);
const ROUNDS = 5;
const NOW = Date.UTC(2026, 10, 1);
const WORDS = "server client parser retry timeout branch release index schema worker queue cache token session build lint deploy config handler filter".split(" ");
const project = "/srv/app";

const folder = mkdtempSync(join(tmpdir(), "tidemark-bench-"));
try {
  console.log(`${cpus()[0]?.model ?? "unknown"} × ${cpus().length}, Node ${process.version}; ${count} memories, ${others} other events`);
  const store = await openSqliteStore(folder);
  for (let i = 0; i < others; i += 500) await store.append(Array.from({ length: 500 }, (_, j) => other(i + j)));
  for (let i = 0; i < count; i += 100) await store.append([pass(i)]);
  const round = async (name: string, run: () => Promise<unknown>): Promise<void> => {
    const times: number[] = [];
    for (let i = 0; i < ROUNDS; i++) {
      const from = performance.now();
      await run();
      times.push(performance.now() - from);
    }
    console.log(`${name.padEnd(44)} ${times.map((ms) => ms.toFixed(0).padStart(6)).join("")}  ms`);
  };
  const state = await memories(store);
  const here = { project, tree: folder, branch: "main" };
  await round("read the passes", () => memoryEvents(store));
  const read = await memoryEvents(store);
  await round("fold them", async () => foldMemories(read));
  await round("read and fold", () => memories(store));
  await round("rank for a question of four words", async () => recallMemories(state, "retry timeout of the parser", { here, now: NOW, limit: 20 }));
  await round("choose those for a start", () => standing(store, here, { now: NOW + count, budget: 375, countTokens: (text) => text.length / 4 }));
  let more = 0;
  await round("remember one more", () => remember(store, { statement: `A statement of its own, ${(more += 1)}`, kind: "semantic", scope: { level: "project", project } }, NOW + more));
  await store.close();
  const database = openDatabase(join(folder, "log.db"));
  database.exec("DROP INDEX event_rare");
  database.close();
  const without = await openSqliteStore(folder);
  await round("read the passes, without the index by type", () => memoryEvents(without));
  await without.close();
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function other(i: number): Event {
  return { id: `e${i}`, time: NOW + i, type: "answer", session: `s${i % 300}`, agent: "claude-code", payload: { text: Array.from({ length: 70 }, (_, j) => WORDS[(i * 7 + j * 3) % WORDS.length]).join(" ") } };
}

function pass(from: number): Event {
  const changes = Array.from({ length: 100 }, (_, j) => {
    const i = from + j;
    const statement = `${WORDS[i % 20]} and ${WORDS[(i >> 2) % 20]} of module ${i} go through ${WORDS[(i >> 4) % 20]}`;
    return { id: `m${i.toString(16).padStart(10, "0")}`, now: { key: `k${i % (count * 0.8)}`, kind: "semantic" as const, statement, scope: { level: "project" as const, project }, status: "active" as const, trust: "user" as const, confidence: 1, valid_from: NOW + i, sources: [`e${i}`] } };
  });
  return { id: `memory:${from}`, time: NOW + from, type: "memory.revised", session: "memory:2026-11-01", agent: "tidemark", payload: { by: "user", what: "bench", changes } };
}
