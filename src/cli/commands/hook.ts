/**
 * `tidemark hook`: takes what the agent tells, and at the start of a context answers with what it should know. It stands in
 * the agent's way, so it ends with 0 whatever happens and at the latest at its deadline, and says nothing on standard
 * error. The payload is safe in the spool before anything else is tried.
 */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { spool } from "../../operations/spool.ts";
import type { CommandSpec } from "../command.ts";
import { agentFolder, clock, stateHome, type Variables } from "../environment.ts";

const DEADLINE = 3000;

export const command: CommandSpec = {
  args: "[event]",
  options: [{ flags: "--deadline <ms>", text: "end at the latest after this many milliseconds", default: String(DEADLINE) }],
  help: `
Take what an agent's hook tells (called by the agent)

The payload comes on standard input and is kept until it is taken in. For SessionStart and SubagentStart the answer is
the context that the agent should begin with, if there is any. Exits 0 whatever happens; with TIDEMARK_TRACE it says on
standard error what did.`,
  run: async ({ args, options }) => runHook([...args, "--deadline", String(options["deadline"])], process.env),
};

const ANSWERED = new Set(["SessionStart", "SubagentStart", "UserPromptSubmit"]);

/** Reads its own words: one that it does not know, of another version's wiring, must not cost the payload. */
export async function runHook(words: readonly string[], environment: Variables): Promise<number> {
  const event = words.find((word, i) => !word.startsWith("-") && words[i - 1] !== "--deadline");
  const asked = words.includes("--deadline") ? Number(words[words.indexOf("--deadline") + 1]) : DEADLINE;
  const deadline = Number.isFinite(asked) && asked > 0 ? asked : DEADLINE;
  const trace = (words: string): void => void ((environment["TIDEMARK_TRACE"] ?? "") !== "" && process.stderr.write(`tidemark hook: ${words}\n`));
  const spooled = words.includes("--spooled") ? words[words.indexOf("--spooled") + 1] : undefined;
  if (spooled !== undefined) return await beforeCall(spooled, words, environment, trace);
  let held = "";
  const timer = setTimeout(() => {
    trace(`${deadline} ms are over`);
    void print(held).then(() => process.exit(0));
  }, deadline);
  try {
    const early = event !== undefined && ANSWERED.has(event) ? loadAnswer() : undefined;
    const bytes = await readInput();
    if (bytes.length === 0) return 0;
    const home = stateHome(environment);
    try {
      spool(home, bytes);
    } catch (error) {
      trace(`not kept: ${String(error)}`);
    }
    if (early === undefined && (event !== undefined || !ANSWERED.has(nameIn(bytes)))) return 0;
    const { answer } = await (early ?? loadAnswer());
    const settings = { home, configDir: agentFolder(environment), now: clock(environment), began: performance.timeOrigin, environment, callers: callers(environment), deadline };
    held = await answer(bytes.toString("utf8"), settings, (text) => void (held = text));
    await print(held);
  } catch (error) {
    trace(String((error as Error).stack));
    // It could not be recorded, on a full disk for one: better twice than not at all.
    await print(held);
  } finally {
    clearTimeout(timer);
  }
  return 0;
}

/**
 * Without an engine the call waits for this process. The first look at a tree can take longer than a call may be kept: a
 * process of its own does it then, and goes on with it when the call no longer waits.
 */
async function beforeCall(spooled: string, words: readonly string[], environment: Variables, trace: (words: string) => void): Promise<number> {
  try {
    const { attendCall } = await import("../attending.ts");
    if (!attendCall(spooled, stateHome(environment), environment, words.includes("--all"))) {
      const child = spawn(process.execPath, [process.argv[1]!, "hook", ...words, "--all"], { detached: true, stdio: "ignore", env: environment });
      child.unref();
      await Promise.race([new Promise((done) => child.once("exit", done)), sleep(FIRST_LOOK)]);
    }
  } catch (error) {
    trace(String((error as Error).stack));
  }
  return 0;
}

/** As long as a hook waits for an engine, in milliseconds. */
const FIRST_LOOK = 2000;

/** Only where there is something to answer. */
const loadAnswer = (): Promise<typeof import("../answer.ts")> => import("../answer.ts");

/** One write, so that it is whole or not there. */
function print(text: string): Promise<void> {
  if (text === "") return Promise.resolve();
  // A client that is gone reads nothing, and that is no failure.
  process.stdout.on("error", () => undefined);
  return new Promise((done) => void process.stdout.write(`${text}\n`, () => done()));
}

async function readInput(): Promise<Buffer> {
  if (process.stdin.isTTY) return Buffer.alloc(0);
  const parts: Buffer[] = [];
  for await (const part of process.stdin) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

function nameIn(bytes: Buffer): string {
  try {
    return String((JSON.parse(bytes.toString("utf8")) as { hook_event_name?: unknown } | null)?.hook_event_name);
  } catch {
    return "";
  }
}

/** Processes above this one, as far as the system tells: the client, perhaps with a shell between. */
function callers(environment: Variables): number[] {
  const found = [process.ppid, Number(environment["CLAUDE_PID"])].filter((pid) => Number.isInteger(pid) && pid > 0);
  for (let at = process.ppid, left = 20; at > 1 && left > 0; left--) {
    try {
      // proc(5): the name in brackets can hold anything; state and parent follow it.
      at = Number(/^.*\) \S (\d+) /s.exec(readFileSync(`/proc/${at}/stat`, "utf8"))?.[1] ?? 0);
      found.push(at);
    } catch {
      // Not Linux, or the process is another user's.
      break;
    }
  }
  return found;
}
