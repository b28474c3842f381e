/**
 * What a call waits for: the real hook line, run by /bin/sh with a payload on standard input, beside a real engine of the built
 * command line, both children of this process as they are of an agent. Prints one JSON document.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { hookEntries, spoolLine } from "../../src/agents/claude-code/hook-lines.ts";
import { barrierFolder, spoolFolder } from "../../src/operations/spool.ts";
import { kept, prepareKept } from "./peers.ts";
import { memory, type Job } from "./resident.ts";
import { Editor, filesOf, gitEnvironment } from "./trees.ts";

export interface Hooks {
  /** Until the engine lets a call go at once, in milliseconds. */
  readonly ready: number;
  /** Wall milliseconds from starting the shell to its end, by kind. */
  readonly waits: Record<string, number[]>;
  readonly rssMb: number;
  readonly peakMb: number;
}

export const KINDS = {
  spool: "spooled, no barrier",
  idle: "barrier, nothing to wait for",
  edit: "barrier before an Edit",
  gap: "barrier 1 s after a command changed a file",
  none: "barrier at once after a command changed a file",
  git: "synchronous: git add -A and write-tree after a command changed a file",
} as const;

export async function hooks(job: Job): Promise<Hooks> {
  const { tree, work, rounds } = job;
  const home = join(work, "hooks");
  const script = resolve("dist/tidemark.js");
  for (const folder of [spoolFolder(home), barrierFolder(home)]) mkdirSync(folder, { recursive: true, mode: 0o700 });
  const environment = { ...gitEnvironment(), HOME: work, TIDEMARK_HOME: home, CLAUDE_CONFIG_DIR: join(work, "none"), NODE_EXTRA_CA_CERTS: "" };
  const wiring = { node: process.execPath, script, home, spool: spoolFolder(home), barrier: barrierFolder(home), words: join(home, "words") };
  const before = hookEntries(wiring).find(({ event }) => event === "PreToolUse")!.command;
  const after = hookEntries(wiring).find(({ event }) => event === "PostToolUse")!.command;
  if (work.startsWith(homedir())) throw new Error("the trees must not be in a home folder");

  let calls = 0;
  const payload = (event: "PreToolUse" | "PostToolUse", tool: string, input: object): string =>
    JSON.stringify({ session_id: "5bd9ee6a-0000-4000-8000-000000000001", transcript_path: join(work, "none.jsonl"), cwd: tree, prompt_id: "5bd9ee6a-0000-4000-8000-000000000002", hook_event_name: event, tool_name: tool, tool_input: input, tool_use_id: `toolu_${calls.toString().padStart(24, "0")}` });
  const run = async (line: string, input: string): Promise<number> => {
    const from = performance.now();
    const child = spawn("/bin/sh", ["-c", line], { cwd: tree, env: environment, stdio: ["pipe", "ignore", "ignore"] });
    child.stdin.end(input);
    await new Promise((done) => child.on("close", done));
    return performance.now() - from;
  };

  const started = performance.now();
  const engine = spawn(process.execPath, [script, "engine"], { cwd: tree, env: environment, stdio: ["pipe", "ignore", "inherit"] });
  const editor = new Editor(tree, filesOf(tree));
  const waits = Object.fromEntries(Object.keys(KINDS).map((kind) => [kind, [] as number[]]));
  const bash = { command: "make" };
  const preBash = async (): Promise<number> => run(before, payload("PreToolUse", "Bash", bash));
  const postBash = async (): Promise<number> => run(after, payload("PostToolUse", "Bash", bash));
  // A call that reads waits behind what was said before it: then everything that was said is done.
  const settled = async (): Promise<void> => {
    const from = performance.now();
    do await pause(100);
    while ((await run(before, payload("PreToolUse", "Read", {}))) > 100 && performance.now() - from < 30_000);
  };
  try {
    const presence = join(barrierFolder(home), `${process.pid}-${engine.pid}`);
    while (!existsSync(presence)) {
      if (performance.now() - started > 30_000) throw new Error("the engine does not serve hooks");
      await pause(10);
    }
    while ((await run(before, payload("PreToolUse", "Bash", bash))) > 500) calls += 1;
    const ready = performance.now() - started;
    const atFirst = memory(engine.pid!);
    prepareKept(join(work, "kept"), tree);

    const command = async (): Promise<void> => {
      calls += 1;
      await preBash();
      editor.edit(editor.pick(1));
    };
    const steps: Record<keyof typeof KINDS, () => Promise<number>> = {
      spool: async () => run(spoolLine(spoolFolder(home), script), payload("PostToolUse", "Read", {})),
      idle: async () => ((calls += 1), preBash()),
      edit: async () => ((calls += 1), run(before, payload("PreToolUse", "Edit", { file_path: join(tree, editor.pick(1)[0]!) }))),
      gap: async () => {
        await command();
        await postBash();
        await pause(1000);
        calls += 1;
        return preBash();
      },
      none: async () => {
        await command();
        await postBash();
        calls += 1;
        return preBash();
      },
      git: async () => {
        editor.edit(editor.pick(1));
        return run(kept(join(work, "kept"), tree), "");
      },
    };
    for (let round = 0; round < rounds; round++) {
      const kinds = Object.keys(KINDS) as (keyof typeof KINDS)[];
      for (const kind of round % 2 === 0 ? kinds : kinds.toReversed()) {
        await settled();
        waits[kind]!.push(await steps[kind]());
        if (kind !== "spool" && kind !== "git") await postBash();
      }
    }
    const { rssMb } = memory(engine.pid!);
    const { peakMb } = memory(engine.pid!);
    if (!existsSync(presence)) throw new Error("the engine has gone");
    return { ready, waits, rssMb: Math.max(rssMb, atFirst.rssMb), peakMb };
  } finally {
    engine.stdin.end();
    await new Promise((done) => engine.on("close", done));
    editor.undo();
  }
}
