/**
 * Hooks and engines are killed at random moments while a client works: shell hooks run as the client runs them, an
 * engine serves the tree, transcripts grow or never come. Afterwards every hook that returned is told exactly once, and
 * the store is sound. `TIDEMARK_KILLS=1000 npx vitest run test/damage/capture` for the long run.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { appendFileSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, expect, test } from "vitest";
import { spoolLine } from "../../src/agents/claude-code/hook-lines.ts";
import { drainAll } from "../../src/operations/drain.ts";
import { spoolFolder } from "../../src/operations/spool.ts";
import { story } from "../../src/operations/sessions.ts";
import { verify } from "../../src/operations/verify.ts";
import { openSqliteStore } from "../../src/store/sqlite/store.ts";
import { scratch } from "../helpers.ts";
import { randomFrom, seedOf } from "./batches.ts";

const KILLS = Number(process.env["TIDEMARK_KILLS"] ?? 100);
const CLI = join(import.meta.dirname, "../../dist/tidemark.js");
/** The client gives a hook five seconds (agents/claude-code/install.ts). */
const DEADLINE = 5000;

const engines = new Set<ChildProcess>();
afterAll(() => {
  for (const engine of engines) engine.kill("SIGKILL");
});

function startEngine(home: string, cwd: string): ChildProcess {
  const engine = spawn(process.execPath, [CLI, "engine"], { cwd, env: { ...process.env, TIDEMARK_HOME: home }, stdio: ["pipe", "ignore", "ignore"] });
  engine.stdin!.on("error", () => undefined);
  engines.add(engine);
  engine.once("close", () => engines.delete(engine));
  return engine;
}

interface Hooked {
  readonly acknowledged: boolean;
  readonly ms: number;
}

/** Runs the hook's line as the client does; `killAfter` milliseconds it is killed with all it started. */
function runHook(line: string, payload: object, killAfter: number | undefined): Promise<Hooked> {
  const from = performance.now();
  const child = spawn("/bin/sh", ["-c", line], { stdio: ["pipe", "ignore", "ignore"], detached: true });
  child.stdin.on("error", () => undefined).end(JSON.stringify(payload));
  if (killAfter !== undefined) {
    setTimeout(() => {
      try {
        process.kill(-child.pid!, "SIGKILL");
      } catch {
        // It was quicker.
      }
    }, killAfter);
  }
  return new Promise((done) => child.once("exit", (code) => done({ acknowledged: code === 0, ms: performance.now() - from })));
}

/** One session of the client: what it told by hooks that returned, and what must be found again. */
class Session {
  readonly id: string;
  readonly prompts: string[] = [];
  readonly calls: string[] = [];
  readonly results: string[] = [];
  readonly #transcript: string;
  readonly #transcribed: boolean;
  readonly #cwd: string;
  #n = 0;
  #last: string | null = null;

  constructor(n: number, folder: string, cwd: string) {
    this.id = `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;
    this.#transcript = join(folder, `${this.id}.jsonl`);
    // One in three is not kept by its agent.
    this.#transcribed = n % 3 !== 0;
    this.#cwd = cwd;
  }

  async step(line: string, random: () => number, kill: () => number | undefined): Promise<number> {
    const n = (this.#n += 1);
    const common = { session_id: this.id, transcript_path: this.#transcript, cwd: this.#cwd, prompt_id: `${this.id}-${n}` };
    const call = `toolu_${this.id.slice(-4)}${String(n).padStart(20, "0")}`;
    const tool = { tool_name: "Bash", tool_input: { command: `echo ${n}` }, tool_use_id: call };
    let slowest = 0;
    const tell = async (payload: object, into: string[], what: string): Promise<void> => {
      const { acknowledged, ms } = await runHook(line, { ...common, ...payload }, kill());
      slowest = Math.max(slowest, ms);
      if (acknowledged) into.push(what);
    };
    await tell({ hook_event_name: "UserPromptSubmit", prompt: `do step ${n}` }, this.prompts, `do step ${n}`);
    this.#write({ type: "user", promptId: common.prompt_id, message: { role: "user", content: `do step ${n}` } }, random);
    await tell({ hook_event_name: "PreToolUse", ...tool }, this.calls, call);
    this.#write({ type: "assistant", message: { id: `msg_${call}`, role: "assistant", model: "m", content: [{ type: "tool_use", id: call, name: "Bash", input: tool.tool_input }] } }, random);
    await tell({ hook_event_name: "PostToolUse", ...tool, tool_response: { stdout: String(n), stderr: "" } }, this.results, call);
    this.#write({ type: "user", promptId: common.prompt_id, message: { role: "user", content: [{ type: "tool_result", tool_use_id: call, content: String(n) }] } }, random);
    return slowest;
  }

  /** Sometimes a record comes in two pieces, as a write may. */
  #write(record: object, random: () => number): void {
    if (!this.#transcribed) return;
    const uuid = `${this.id}-r${Math.floor(random() * 1e12)}`;
    const text = `${JSON.stringify({ ...record, uuid, parentUuid: this.#last, sessionId: this.id, cwd: this.#cwd, timestamp: new Date().toISOString() })}\n`;
    this.#last = uuid;
    const cut = random() < 0.2 ? Math.floor(text.length / 2) : text.length;
    appendFileSync(this.#transcript, text.slice(0, cut));
    if (cut < text.length) appendFileSync(this.#transcript, text.slice(cut));
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

test(`${KILLS} kills of hooks and engines: every hook that returned is told once, and none holds the client up`, async () => {
  const seed = seedOf("capture");
  const random = randomFrom(seed);
  const [home, cwd, folder] = [scratch(), scratch(), scratch()];
  mkdirSync(spoolFolder(home), { recursive: true, mode: 0o700 });
  const line = spoolLine(spoolFolder(home));
  const sessions: Session[] = [];
  let [kills, slowest] = [0, 0];
  let engine = startEngine(home, cwd);
  const killing = (async () => {
    while (kills < KILLS) {
      await sleep(50 + random() * 700);
      engine.kill("SIGKILL");
      kills += 1;
      engine = startEngine(home, cwd);
    }
  })();
  while (kills < KILLS) {
    const session = new Session(sessions.length, folder, cwd);
    sessions.push(session);
    for (let step = 0; step < 5 && kills < KILLS; step++) {
      slowest = Math.max(slowest, await session.step(line, random, () => (random() < 0.15 ? ((kills += 1), random() * 12) : undefined)));
    }
  }
  await killing;
  engine.kill("SIGKILL");

  const store = await openSqliteStore(home);
  await drainAll(store, home, { clock: Date.now, grace: 1000, patience: 4000, sleep });
  let told = 0;
  for (const { id, prompts, calls, results } of sessions) {
    const { turns } = await story(store, id);
    const allCalls = turns.flatMap((turn) => turn.calls);
    for (const prompt of prompts) expect(turns.filter((turn) => turn.prompt === prompt).length, `${prompt} of ${id}`).toBe(1);
    for (const call of calls) expect(allCalls.filter((each) => each.id === call).length, `${call} of ${id}`).toBe(1);
    // A result whose call's hook was killed and whose transcript never came has nothing to hang on.
    for (const call of results.filter((each) => calls.includes(each))) expect(allCalls.find((each) => each.id === call)?.outcome, `result of ${call}`).toBe("returned");
    told += prompts.length + calls.length + results.length;
  }
  expect((await verify(store)).problems).toEqual([]);
  await store.close();
  // What is left is half a payload of a hook that was killed a moment ago.
  expect(readdirSync(spoolFolder(home)).filter((name) => name.endsWith(".json") && isJson(readFileSync(join(spoolFolder(home), name), "utf8")))).toEqual([]);
  expect(slowest).toBeLessThan(DEADLINE);
  console.log(`capture: ${kills} kills, ${told} hooks returned in ${sessions.length} sessions, 0 lost, 0 doubled; the slowest hook took ${slowest.toFixed(0)} ms`);
}, 60_000 + KILLS * 2000);
