/**
 * `npm run bench -- DATA [--events 1000000] [--rounds 3]`: import, search, brief and size on real sessions.
 *
 * DATA is a folder with transcripts (*.jsonl or *.jsonl.gz). They are repeated under new ids until the store holds the
 * number of events asked for. Every round is printed; nothing is asserted here. The floor beside the import is reading
 * and JSON.parse of the same lines, alternating with it; the peer beside the search is a scan of the transcripts.
 */
import { spawn } from "node:child_process";
import { createReadStream } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { cpus, tmpdir, totalmem } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { gunzipSync } from "node:zlib";
import { loadTokenizer } from "../src/base/tokens.ts";
import { takeInPassages } from "../src/operations/passages.ts";
import { recall } from "../src/operations/recall.ts";
import { resume } from "../src/operations/resume.ts";
import { searchSessions } from "../src/operations/search.ts";
import { listSessions } from "../src/operations/sessions.ts";
import { openSqliteStore } from "../src/store/sqlite/store.ts";
import { driverName } from "../src/store/sqlite/driver.ts";
import { QUERIES } from "./queries.ts";

const { values, positionals } = parseArgs({ allowPositionals: true, options: { events: { type: "string", default: "1000000" }, rounds: { type: "string", default: "3" } } });
const data = positionals[0];
if (data === undefined) throw new Error("usage: npm run bench -- DATA [--events N] [--rounds N]");
const wantedEvents = Number(values.events);
const rounds = Number(values.rounds);
const cli = resolve("dist/tidemark.js");
const work = await mkdtemp(join(tmpdir(), "tidemark-bench-"));

console.log(`# Benchmarks\n\n${new Date().toISOString().slice(0, 10)}, ${cpus().length} cores (${cpus()[0]?.model.trim()}), ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}, ${driverName()}`);
const originals = await load(data);
if (originals.length === 0) throw new Error(`no *.jsonl or *.jsonl.gz in ${data}`);
const bytes = originals.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0);
console.log(`${originals.length} transcripts, ${(bytes / 1e6).toFixed(1)} MB\n`);

await benchImport();
const home = await grow();
await benchSearch(home);
await benchBrief(home);
await rm(work, { recursive: true, force: true });

async function load(folder: string): Promise<{ name: string; text: string }[]> {
  const found: { name: string; text: string }[] = [];
  for (const name of (await readdir(folder)).sort()) {
    if (!/\.jsonl(\.gz)?$/.test(name)) continue;
    const raw = await readFile(join(folder, name));
    found.push({ name: name.replace(/\.gz$/, ""), text: (name.endsWith(".gz") ? gunzipSync(raw) : raw).toString("utf8") });
  }
  return found;
}

/** The same sessions with other ids: every UUID and every id of a call, message or request. */
async function repeated(round: number): Promise<string> {
  const folder = join(work, `round-${round}`);
  await mkdir(folder, { recursive: true });
  const salt = (0x9e3779b9 * (round + 1)) >>> 0;
  const uuid = (id: string): string => ((Number.parseInt(id.slice(0, 8), 16) ^ salt) >>> 0).toString(16).padStart(8, "0") + id.slice(8);
  const change = (text: string): string => text.replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, uuid).replace(/\b(toolu|msg|req)_([A-Za-z0-9]{20,})/g, `$1_r${round}$2`);
  for (const { name, text } of originals) await writeFile(join(folder, change(name)), change(text));
  return folder;
}

interface Run {
  seconds: number;
  cpu: number;
  peakMb: number;
  output: string;
}

async function run(args: string[], homeFolder: string): Promise<Run> {
  const started = performance.now();
  const child = spawn(process.execPath, [cli, ...args], { env: { ...process.env, TIDEMARK_HOME: homeFolder, CLAUDE_CONFIG_DIR: join(work, "none") }, stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  let peakMb = 0;
  let cpu = 0;
  const look = async (): Promise<void> => {
    try {
      const status = await readFile(`/proc/${child.pid}/status`, "utf8");
      peakMb = Math.max(peakMb, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024);
      const fields = (await readFile(`/proc/${child.pid}/stat`, "utf8")).split(") ")[1]!.split(" ");
      cpu = (Number(fields[11]) + Number(fields[12])) / 100;
    } catch {
      // Not Linux, or it has just ended.
    }
  };
  const timer = setInterval(() => void look(), 25);
  const code = await new Promise<number | null>((done) => child.on("close", done));
  clearInterval(timer);
  if (code !== 0) throw new Error(`tidemark ${args.join(" ")} exited with ${code}: ${output}`);
  return { seconds: (performance.now() - started) / 1000, cpu, peakMb, output };
}

async function benchImport(): Promise<void> {
  console.log("## Import, indexed, into an empty store; floor: read and JSON.parse of the same lines\n");
  console.log("| round | import s | GB/min | CPU s | peak RSS MB | floor s | store MB | of transcripts |\n|---|---|---|---|---|---|---|---|");
  const rates: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const folder = await repeated(round);
    const store = join(work, `import-${round}`);
    let floor = 0;
    let result: Run | undefined;
    const steps = [async () => (floor = await parseOnly(folder)), async () => (result = await run(["import", folder, "--json"], store))];
    for (const step of round % 2 === 0 ? steps : steps.reverse()) await step();
    const size = await sizeOf(store);
    const rate = (bytes / 1e9 / result!.seconds) * 60;
    rates.push(rate);
    console.log(`| ${round + 1} | ${result!.seconds.toFixed(1)} | ${rate.toFixed(2)} | ${result!.cpu.toFixed(1)} | ${result!.peakMb.toFixed(0)} | ${floor.toFixed(1)} | ${(size / 1e6).toFixed(1)} | ${((size / bytes) * 100).toFixed(1)} % |`);
    await rm(folder, { recursive: true });
    await rm(store, { recursive: true });
  }
  console.log(`\nMedian ${median(rates).toFixed(2)} GB/min.\n`);
}

async function parseOnly(folder: string): Promise<number> {
  const started = performance.now();
  for (const name of await readdir(folder)) for await (const line of createInterface({ input: createReadStream(join(folder, name)) })) JSON.parse(line);
  return (performance.now() - started) / 1000;
}

async function grow(): Promise<string> {
  const store = join(work, "grown");
  let events = 0;
  let total = 0;
  const started = performance.now();
  let last: Run | undefined;
  for (let round = 100; events < wantedEvents; round++) {
    const folder = await repeated(round);
    last = await run(["import", folder, "--json"], store);
    events += (JSON.parse(last.output) as { data: { added: number } }).data.added;
    total += bytes;
    await rm(folder, { recursive: true });
  }
  const seconds = (performance.now() - started) / 1000;
  console.log(`## A store of ${events.toLocaleString("en-US")} events\n`);
  console.log(`${(total / 1e9).toFixed(2)} GB of transcripts in ${seconds.toFixed(0)} s, copies written meanwhile; the last ${(bytes / 1e6).toFixed(0)} MB at ${((bytes / 1e9 / last!.seconds) * 60).toFixed(2)} GB/min with a peak of ${last!.peakMb.toFixed(0)} MB; ${((await sizeOf(store)) / 1e6).toFixed(0)} MB on disk (large texts are equal in the copies, so this is not the share to quote).\n`);
  return store;
}

async function benchSearch(homeFolder: string): Promise<void> {
  const store = await openSqliteStore(homeFolder);
  const project = (await listSessions(store))[0]!.project;
  await benchQueries("Search", (text, here) => searchSessions(store, text, { limit: 10, length: 480, ...(here ? { project } : {}) }));
  const now = Date.now();
  await takeInPassages(store);
  await benchQueries("Recall", (text, here) => recall(store, text, { now, limit: 10, tokens: 1500, length: 480, ...(here ? { project } : {}) }));
  await store.close();
  for (const command of ["search", "recall"]) {
    const cold: number[] = [];
    for (let round = 0; round < rounds; round++) cold.push((await run([command, QUERIES[round % QUERIES.length]!.text, "--json"], homeFolder)).seconds * 1000);
    console.log(`\nFrom a cold command, ${command}: ${cold.map((ms) => ms.toFixed(0)).join(", ")} ms.\n`);
  }
}

async function benchQueries(name: string, ask: (text: string, here: boolean) => Promise<unknown>): Promise<void> {
  console.log(`## ${name}, ${QUERIES.length} queries (bench/queries.ts) × ${rounds} rounds, in process; warm\n`);
  console.log("| round | p50 ms | p95 ms | p99 ms | max ms | slowest |\n|---|---|---|---|---|---|");
  for (let round = 0; round <= rounds; round++) {
    const times: [number, string][] = [];
    for (const { text, here = false } of round % 2 === 0 ? QUERIES : QUERIES.toReversed()) {
      const from = performance.now();
      await ask(text, here);
      times.push([performance.now() - from, text]);
    }
    times.sort((a, b) => a[0] - b[0]);
    const at = (share: number): string => times[Math.min(times.length - 1, Math.floor(times.length * share))]![0].toFixed(1);
    console.log(`| ${round === 0 ? "cold cache" : round} | ${at(0.5)} | ${at(0.95)} | ${at(0.99)} | ${times.at(-1)![0].toFixed(1)} | ${times.at(-1)![1]} |`);
  }
  console.log();
}

async function benchBrief(homeFolder: string): Promise<void> {
  const store = await openSqliteStore(homeFolder);
  const all = await listSessions(store);
  const here = all.filter(({ project }) => project === all[0]!.project);
  const countTokens = await loadTokenizer();
  console.log(`## Brief, a project of ${here.length} sessions (${all.length.toLocaleString("en-US")} in the store); in process, tokenizer loaded\n`);
  console.log("| round | p50 ms | p95 ms | max ms |\n|---|---|---|---|");
  // Every size of session, not only the newest.
  const some = all.slice(0, originals.length);
  for (let round = 0; round < rounds; round++) {
    const times: number[] = [];
    for (const { id } of some) {
      const from = performance.now();
      await resume(store, id, 1500, countTokens);
      times.push(performance.now() - from);
    }
    times.sort((a, b) => a - b);
    console.log(`| ${round + 1} | ${times[Math.floor(times.length / 2)]!.toFixed(1)} | ${times[Math.floor(times.length * 0.95)]!.toFixed(1)} | ${times.at(-1)!.toFixed(1)} |`);
  }
  await store.close();
  const typical = some[Math.floor(some.length / 2)]!;
  const cold: number[] = [];
  for (let round = 0; round < rounds * 3; round++) cold.push((await run(["resume", typical.id, "--json"], homeFolder)).seconds * 1000);
  const bare: number[] = [];
  for (let round = 0; round < rounds * 3; round++) {
    const from = performance.now();
    await new Promise((done) => spawn(process.execPath, ["-e", "0"]).on("close", done));
    bare.push(performance.now() - from);
  }
  console.log(`\nFrom a cold command: median ${median(cold).toFixed(0)} ms (${cold.map((ms) => ms.toFixed(0)).join(", ")}); an empty Node process beside it ${median(bare).toFixed(0)} ms.`);
}

async function sizeOf(folder: string): Promise<number> {
  let sum = 0;
  for (const name of await readdir(folder)) sum += (await stat(join(folder, name))).size;
  return sum;
}

function median(list: readonly number[]): number {
  const sorted = list.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}
