/**
 * From the first request of a session alone, which files will it change, knowing only sessions that had ended before:
 * the share of those that were changed before at all, within the first 5, 10 and 20 guesses.
 *
 *   node scripts/run.mjs bench/recall/files.ts DATA
 *
 * DATA holds index.json and <session>.jsonl.gz of {k, text, tool, input} lines. The first half of the cases in time is
 * what weights were set on, the second is held out. The branch is that of the session's start; a row without it is beside.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { likelyFiles, type PastSession, type Request } from "../../src/context/likely.ts";
import type { Event } from "../../src/event/schema.ts";
import { fitOf } from "../../src/operations/likely.ts";
import { takeInPassages } from "../../src/operations/passages.ts";
import { record } from "../../src/operations/record.ts";
import { openSqliteStore } from "../../src/store/sqlite/store.ts";

interface About {
  readonly sid: string;
  readonly branch?: string;
  readonly t0: string;
  readonly t1: string;
}

interface Line {
  readonly k: string;
  readonly t: string;
  readonly text?: string;
  readonly tool?: string;
  readonly input?: { readonly file_path?: string };
}

interface Session extends PastSession {
  readonly from: number;
  readonly to: number;
  readonly request: string | undefined;
}

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error("usage: files.ts DATA");
const index = (JSON.parse(readFileSync(join(folder, "index.json"), "utf8")) as About[]).sort((a, b) => (a.t0 < b.t0 ? -1 : 1));
const home = mkdtempSync(join(tmpdir(), "tidemark-files-"));
const store = await openSqliteStore(home);
const sessions: Session[] = [];
for (const about of index) sessions.push(await read(about));
await takeInPassages(store);

/** The first forty only make a past. */
const cases = sessions.slice(40).flatMap((session) => {
  const past = sessions.filter(({ to }) => to < session.from);
  const known = new Set(past.flatMap(({ changed }) => [...changed.keys()]));
  const gold = [...session.changed.keys()].filter((path) => known.has(path));
  return session.request === undefined || gold.length === 0 ? [] : [{ session, past, gold, request: session.request }];
});
const half = Math.floor(cases.length / 2);
console.log(`${cases.length} sessions with a request that changed files known before, ${(cases.reduce((sum, { gold }) => sum + gold.length, 0) / cases.length).toFixed(1)} such files each\n`);
console.log("| guess | first half @5 | @10 | @20 | held out @5 | @10 | @20 | any in 10 |\n|---|---|---|---|---|---|---|---|");
const found = new Map<string, ReadonlyMap<string, number>>();
for (const { session, request } of cases) found.set(session.id, await fitOf(store, request, { until: session.from - 1, now: session.from }));

type Guess = (request: Request, past: readonly PastSession[]) => readonly string[];
const lately: Guess = (_, past) => [...new Set([...past].reverse().flatMap(({ changed }) => [...changed.keys()]))].slice(0, 20);
const ours: Guess = (request, past) => likelyFiles(request, past, 20).map(({ path }) => path);
const withoutBranch: Guess = ({ text, found: like }, past) => ours({ text, found: like }, past);
for (const [name, guess] of [["changed most lately", lately], ["likely files, branch unknown", withoutBranch], ["likely files", ours]] as const) {
  const cells = [cases.slice(0, half), cases.slice(half)].flatMap((some, held) => {
    const rows = some.map(({ session, past, gold, request }) => {
      const paths = guess({ text: request, found: found.get(session.id)!, ...(session.branch === undefined ? {} : { branch: session.branch }) }, past);
      return [5, 10, 20].map((k) => gold.filter((path) => paths.slice(0, k).includes(path)).length / gold.length);
    });
    const mean = (values: readonly number[]): string => ((values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length)) * 100).toFixed(1);
    const any = held === 1 ? [mean(rows.map(([, ten]) => (ten! > 0 ? 1 : 0)))] : [];
    return [0, 1, 2].map((i) => mean(rows.map((row) => row[i]!))).concat(any);
  });
  console.log(`| ${name} | ${cells.join(" | ")} |`);
}
await store.close();
rmSync(home, { recursive: true, force: true });

async function read({ sid, branch, t0, t1 }: About): Promise<Session> {
  const lines = gunzipSync(readFileSync(join(folder!, `${sid}.jsonl.gz`))).toString().split("\n").filter((line) => line !== "").map((line) => JSON.parse(line) as Line);
  const changed = new Map<string, number>();
  const seen = new Set<string>();
  const events: Event[] = [{ id: `${sid}:started`, time: Date.parse(t0), type: "session.started", session: sid, agent: "claude-code", payload: { project: "/project", ...(branch === undefined ? {} : { branch }) } }];
  for (const [i, { k, t, text, tool = "", input }] of lines.entries()) {
    const envelope = { id: `${sid}:${i}`, time: Date.parse(t), session: sid, agent: "claude-code" };
    if (k === "user" && text !== undefined && typed(text)) events.push({ ...envelope, type: "prompt", payload: { text, kind: "user" } });
    if (k === "assistant" && text !== undefined) events.push({ ...envelope, type: "answer", payload: { text } });
    if (k !== "use" || input?.file_path === undefined) continue;
    const path = inProject(input.file_path);
    if (/Edit|Write/.test(tool)) changed.set(path, (changed.get(path) ?? 0) + 1);
    else if (tool === "Read") seen.add(path);
  }
  await record(store, events);
  const request = lines.find(({ k, text }) => k === "user" && text !== undefined && text.length > 25 && typed(text))?.text?.slice(0, 800);
  return { id: sid, ...(branch === undefined ? {} : { branch }), changed, read: seen, from: Date.parse(t0), to: Date.parse(t1), request };
}

function typed(text: string): boolean {
  return !/^<(command|local|system)|^\[Request|^Caveat|^Base directory/.test(text);
}

/** The sessions ran in several clones of one repository: a path counts from its top folder on. */
function inProject(path: string): string {
  return path.replace(/^.*?\/(?=(?:cmd|docs|internal|pkg|scripts|redact|e2e|\.claude|\.github|\.entire)\/|[^/]+$)/, "");
}
