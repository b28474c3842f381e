/**
 * `npm run bench:capture -- DATA [--rounds 10]`: the start of a session with its brief, how soon what a hook leaves is in the
 * log, and what an idle engine costs. DATA is a folder with transcripts; the store holds all of them.
 *
 * The hook is run as the client runs it: by a shell, with the installed line. Beside each round stands an empty Node
 * process. Linux only: memory and CPU are read from /proc.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { cpus, loadavg, tmpdir, totalmem } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { hookEntries, spoolLine } from "../../src/agents/claude-code/hook-lines.ts";
import { backlog, barrierFolder, spoolFolder } from "../../src/operations/spool.ts";
import { wordsFolder } from "../../src/operations/tell.ts";
import { listSessions } from "../../src/operations/sessions.ts";
import { openSqliteStore } from "../../src/store/sqlite/store.ts";

const { values, positionals } = parseArgs({ allowPositionals: true, options: { rounds: { type: "string", default: "10" } } });
const data = positionals[0];
if (data === undefined) throw new Error("usage: npm run bench:capture -- DATA [--rounds N]");
const rounds = Number(values.rounds);
const cli = resolve("dist/tidemark.js");
const work = mkdtempSync(join(tmpdir(), "tidemark-capture-"));
const home = join(work, "state");
const config = join(work, "config");
mkdirSync(config);
const env = { ...process.env, TIDEMARK_HOME: home, CLAUDE_CONFIG_DIR: config };

const at = (numbers: readonly number[], share: number): number => [...numbers].sort((a, b) => a - b)[Math.min(numbers.length - 1, Math.floor(numbers.length * share))]!;
const list = (numbers: readonly number[]): string => numbers.map((ms) => ms.toFixed(0)).join(", ");

function timed(command: string, args: readonly string[], input = ""): Promise<{ ms: number; out: string }> {
  const from = performance.now();
  const child = spawn(command, args, { env, stdio: ["pipe", "pipe", "inherit"] });
  let out = "";
  child.stdout.on("data", (text: Buffer) => void (out += text.toString()));
  child.stdin.on("error", () => undefined).end(input);
  return new Promise((done) => child.on("close", () => done({ ms: performance.now() - from, out })));
}

console.log(`# Capture\n\n${new Date().toISOString().slice(0, 10)}, ${cpus().length} cores (${cpus()[0]?.model.trim()}), ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}, load ${loadavg()[0]!.toFixed(1)}\n`);
await timed(process.execPath, [cli, "import", data, "--json"]);
await benchStart();
await benchDrain();
rmSync(work, { recursive: true, force: true });

async function benchStart(): Promise<void> {
  const store = await openSqliteStore(home);
  const sessions = await listSessions(store);
  await store.close();
  // The project with most sessions, so that there is something to choose from.
  const counts = new Map<string, number>();
  for (const { project } of sessions) counts.set(project, (counts.get(project) ?? 0) + 1);
  const [project] = [...counts].sort((a, b) => b[1] - a[1])[0]!;
  const line = hookEntries({ node: process.execPath, script: cli, home, spool: spoolFolder(home), barrier: barrierFolder(home), words: wordsFolder(home) }).find(({ event }) => event === "SessionStart")!.command;
  console.log(`## Session start with its brief, a store of ${sessions.length} sessions, ${counts.get(project)} of the project\n`);
  const [starts, bare, resumes]: [number[], number[], number[]] = [[], [], []];
  let characters = 0;
  for (let round = 0; round < rounds; round++) {
    const id = `00000000-0000-4000-8000-${String(round).padStart(12, "0")}`;
    const payload = JSON.stringify({ session_id: id, transcript_path: join(config, "projects/none", `${id}.jsonl`), cwd: project, hook_event_name: "SessionStart", source: "startup" });
    const steps = [
      async (): Promise<void> => {
        const { ms, out } = await timed("/bin/sh", ["-c", line], payload);
        starts.push(ms);
        characters = (JSON.parse(out) as { hookSpecificOutput: { additionalContext: string } }).hookSpecificOutput.additionalContext.length;
      },
      async (): Promise<void> => void bare.push((await timed(process.execPath, ["-e", "0"])).ms),
      async (): Promise<void> => void resumes.push((await timed(process.execPath, [cli, "resume", sessions[round % sessions.length]!.id, "--json"])).ms),
    ];
    for (const step of round % 2 === 0 ? steps : steps.reverse()) await step();
  }
  console.log(`start: median ${at(starts, 0.5).toFixed(0)} ms (${list(starts)}), ${characters} characters given`);
  console.log(`resume, of other sessions: median ${at(resumes, 0.5).toFixed(0)} ms (${list(resumes)})`);
  console.log(`empty Node: median ${at(bare, 0.5).toFixed(0)} ms (${list(bare)})\n`);
}

async function benchDrain(): Promise<void> {
  await timed(process.execPath, [cli, "drain", "--json"]);
  const tree = join(work, "tree");
  mkdirSync(tree);
  const engine = spawn(process.execPath, [cli, "engine"], { cwd: tree, env, stdio: ["pipe", "ignore", "inherit"] });
  try {
    await sleep(2000);
    console.log("## From hook to log, an engine running; one in two sessions has a transcript\n");
    const taken: number[] = [];
    for (let n = 0; n < 200; n++) {
      const id = `10000000-0000-4000-8000-${String(n % 8).padStart(12, "0")}`;
      const path = join(work, `${id}.jsonl`);
      const payload = { session_id: id, transcript_path: path, cwd: tree, hook_event_name: "UserPromptSubmit", prompt: `words ${n}`, prompt_id: `${id}-${n}` };
      await timed("/bin/sh", ["-c", spoolLine(spoolFolder(home))], JSON.stringify(payload));
      const from = performance.now();
      if (n % 2 === 0) appendFileSync(path, `${JSON.stringify({ type: "user", uuid: `${id}-u${n}`, parentUuid: null, promptId: payload.prompt_id, sessionId: id, cwd: tree, timestamp: new Date().toISOString(), message: { role: "user", content: payload.prompt } })}\n`);
      while (backlog(home).waiting > 0) await sleep(5);
      taken.push(performance.now() - from);
      await sleep(20 + ((n * 37) % 150));
    }
    console.log(`p50 ${at(taken, 0.5).toFixed(0)} ms, p95 ${at(taken, 0.95).toFixed(0)} ms, p99 ${at(taken, 0.99).toFixed(0)} ms, longest ${Math.max(...taken).toFixed(0)} ms of 200\n`);
    await sleep(15_000);
    const before = cpuOf(engine);
    await sleep(30_000);
    console.log(`## Engine, idle\n\nCPU ${((cpuOf(engine) - before) * 1000).toFixed(0)} ms in 30 s; memory ${memoryOf(engine).toFixed(0)} MB\n`);
  } finally {
    engine.stdin!.end();
    await new Promise((done) => engine.once("close", done));
  }
}

function cpuOf({ pid }: ChildProcess): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function memoryOf({ pid }: ChildProcess): number {
  return existsSync(`/proc/${pid}/status`) ? Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1024 : Number.NaN;
}
