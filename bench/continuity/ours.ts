/**
 * Our brief for a cut: the raw past is imported into a store of its own, as a user's transcript would be, and the brief
 * is asked for through the same operation as `tidemark resume`. The project is not on this machine, so nothing is
 * checked against a tree.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { importSessions } from "../../src/operations/import.ts";
import { resume } from "../../src/operations/resume.ts";
import { openSqliteStore } from "../../src/store/sqlite/store.ts";
import type { Store } from "../../src/store/store.ts";

let last: { key: string; store: Store; folder: string } | undefined;

export async function tidemarkBrief(rawLines: string[], sid: string, budget: number): Promise<string> {
  const store = await storeOf(rawLines, sid);
  return (await resume(store, sid, budget)).text;
}

/** The budgets of one cut are asked for in a row: its store is kept for them. */
async function storeOf(rawLines: string[], sid: string): Promise<Store> {
  const key = `${sid}:${rawLines.length}`;
  if (last?.key === key) return last.store;
  await closeOurs();
  const folder = await mkdtemp(join(tmpdir(), "tidemark-continuity-"));
  const transcript = join(folder, `${sid}.jsonl`);
  await writeFile(transcript, `${rawLines.join("\n")}\n`);
  const store = await openSqliteStore(join(folder, "home"));
  await importSessions(store, { paths: [transcript], scratch: folder, places: { home: folder, environment: {}, platform: process.platform }, now: 0, withinDays: 0 });
  last = { key, store, folder };
  return store;
}

export async function closeOurs(): Promise<void> {
  if (last === undefined) return;
  await last.store.close();
  await rm(last.folder, { recursive: true, force: true });
  last = undefined;
}
