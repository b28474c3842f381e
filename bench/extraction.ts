/**
 * What extraction takes from recorded sessions, for counting by hand how much of it is wrong: one line for each memory,
 * in an order that is random and the same each time, after the counts by kind and trust and the time it took.
 *
 *   node scripts/run.mjs bench/extraction.ts FOLDER [KIND]      FOLDER is a state folder that the sessions were imported into
 */
import { sha256Hex } from "../src/base/hash.ts";
import type { Candidate } from "../src/memory/consolidate.ts";
import { extract } from "../src/memory/extract.ts";
import { story } from "../src/operations/sessions.ts";
import { openSqliteStore } from "../src/store/sqlite/store.ts";

const [folder, kind] = process.argv.slice(2);
if (folder === undefined) throw new Error("usage: node scripts/run.mjs bench/extraction.ts FOLDER [KIND]");
const store = await openSqliteStore(folder);
const found: Candidate[] = [];
let [sessions, prompts, folding, extracting] = [0, 0, 0, 0];
for (const session of (await store.heads()).keys()) {
  const from = performance.now();
  const told = await story(store, session);
  folding += performance.now() - from;
  if (told.turns.length === 0) continue;
  sessions += 1;
  prompts += told.turns.filter((turn) => turn.kind === "user").length;
  const begun = performance.now();
  found.push(...extract(told).filter(({ onlyKnown }) => onlyKnown !== true));
  extracting += performance.now() - begun;
}
await store.close();
const counts = new Map<string, number>();
for (const each of found) counts.set(`${each.kind} ${each.trust}`, (counts.get(`${each.kind} ${each.trust}`) ?? 0) + 1);
console.log(`${sessions} sessions, ${prompts} prompts of the user; read and folded in ${folding.toFixed(0)} ms, extracted in ${extracting.toFixed(0)} ms`);
for (const [name, count] of [...counts].sort()) console.log(`${String(count).padStart(6)}  ${name}`);
for (const { statement, trust, kind: of, runs } of found.filter((each) => kind === undefined || each.kind === kind).sort((a, b) => (sha256Hex(a.statement) < sha256Hex(b.statement) ? -1 : 1))) {
  console.log(`${of} ${trust}${runs === undefined ? "" : ` ${runs.filter(({ passed }) => passed).length}/${runs.length}`} | ${statement}`);
}
