/**
 * What it costs to rank memories by use in a long log: what recall and a session start read for it, and what `memory why`
 * reads, over sessions that touched files and ran commands and were each given memories at their start.
 * Prints raw rounds in CPU time of all threads, since wall time on a shared machine says little.
 *
 *   node scripts/run.mjs bench/uses.ts [EVENTS] [EVENTS OF A SESSION]
 */
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import type { Event } from "../src/event/schema.ts";
import { memories, remember } from "../src/operations/memories.ts";
import { recallMemories } from "../src/operations/recall-memories.ts";
import { refreshSummaries } from "../src/operations/sessions.ts";
import { standing } from "../src/operations/standing.ts";
import { recordOf, usefulnessHere } from "../src/operations/uses.ts";
import { openSqliteStore } from "../src/store/sqlite/store.ts";

const [events = 1_000_000, each = 250] = process.argv.slice(2).map(Number);
const ROUNDS = 9;
const MEMORIES = 300;
const NOW = Date.UTC(2026, 10, 1);
const project = "/srv/app";
const here = { project, tree: "/nowhere", branch: "main" };

const folder = mkdtempSync(join(tmpdir(), "tidemark-bench-"));
try {
  const sessions = Math.floor(events / each);
  console.log(`${cpus()[0]?.model ?? "unknown"} × ${cpus().length}, load ${loadavg()[0]!.toFixed(1)}, Node ${process.version}; ${sessions} sessions of ${each} events, ${MEMORIES} memories`);
  const store = await openSqliteStore(folder);
  const ids: string[] = [];
  for (let i = 0; i < MEMORIES; i++) {
    const recipe = i % 10 === 0;
    const statement = recipe ? `\`npm run task${i}\`` : `The retry of part ${i} is in src/part${i % 60}/retry${i}.ts`;
    ids.push((await remember(store, { statement, kind: recipe ? "procedural" : "semantic", scope: { level: "project", project } }, NOW + i)).memory.id);
  }
  for (let i = 0; i < sessions; i += 4) await store.append([i, i + 1, i + 2, i + 3].filter((n) => n < sessions).flatMap((n) => session(n, ids)));
  await round("bring every summary and trace up to date, once", () => refreshSummaries(store), 1);
  const now = NOW + sessions * 3_600_000;
  const state = await memories(store);
  const usefulness = await usefulnessHere(store, state, project, now);
  await round("read and fold the memories", () => memories(store));
  await round("what a hundred sessions did", () => usefulnessHere(store, state, project, now));
  await round("rank for a question, without use", async () => recallMemories(state, "where is the retry of part 7", { here, now, limit: 20 }));
  await round("rank for a question, by use", async () => recallMemories(state, "where is the retry of part 7", { here, now, limit: 20, usefulness }));
  await round("choose those for a start", () => standing(store, here, { now, budget: 375, countTokens: (text) => text.length / 4 }));
  await round("all that memory why counts of one that every session was given", () => recordOf(store, state, state.memories.get(ids[0]!)!, { project, now }), 3);
  await store.close();
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function round(name: string, run: () => Promise<unknown>, rounds = ROUNDS): Promise<void> {
  const times: number[] = [];
  for (let i = 0; i < rounds; i++) {
    const from = process.cpuUsage();
    await run();
    const { user, system } = process.cpuUsage(from);
    times.push((user + system) / 1000);
  }
  console.log(`${name.padEnd(64)} ${times.map((ms) => ms.toFixed(1).padStart(8)).join("")}  ms CPU`);
}

/** Of ten events four are answers, three calls, three files; the first is the start with what was given. */
function session(n: number, ids: readonly string[]): Event[] {
  const id = `s${n}`;
  const at = NOW + n * 3_600_000;
  const base = (i: number): { id: string; time: number; session: string; agent: string } => ({ id: `${id}:${i}`, time: at + i * 1000, session: id, agent: "claude-code" });
  const lines = Array.from({ length: 60 }, (_, i) => `${n.toString(16)}-${i}`.padStart(12, "0"));
  return [
    { ...base(0), id: `${id}:started`, type: "session.started", payload: { project, cwd: project } },
    { ...base(0), id: `${id}:start:recalled`, type: "start.recalled", payload: { characters: 6000, tokens: 1500, lines, memories: [ids[0]!, ...ids.slice(n % 280, (n % 280) + 20)] } },
    { ...base(1), type: "prompt", payload: { text: `Go on with part ${n % 60}`, kind: "user" } },
    ...Array.from({ length: each - 3 }, (_, k): Event => {
      const i = k + 2;
      if (i % 10 < 4) return { ...base(i), type: "answer", payload: { text: `Part ${i} of ${n} is done, the retry of it waits for the parser.` } };
      if (i % 10 < 7) return { ...base(i), type: "tool.called", payload: { tool: "Bash", input: { command: `npm run task${(n + i) % 300} 2>&1 | tail -${i}` } } };
      return { ...base(i), type: "files.touched", payload: { call: `c${i}`, files: [{ path: `${project}/src/part${(n + i) % 60}/retry${(n * 7 + i) % 300}.ts`, change: "read" }] } };
    }),
  ];
}
