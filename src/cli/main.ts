/**
 * The command line: turns arguments and environment into one command's input, and its outcome into an exit code
 * (0 done, 1 refused or problem found, 2 usage, 70 broken). Commands are loaded when they are called; that alone is why
 * they are named here and not imported.
 */
import { Command, CommanderError } from "commander";
import { asTidemarkError, exitCode, TidemarkError } from "../base/errors.ts";
import { isUnattended } from "../operations/spool.ts";
import type { Store } from "../store/store.ts";
import type { CommandSpec, Context, Input } from "./command.ts";
import { agentFolder, clock, stateHome } from "./environment.ts";
import { Terminal } from "./terminal.ts";

export const VERSION = "0.1.0";

export const COMMANDS: Record<string, () => Promise<{ command: CommandSpec }>> = {
  init: () => import("./commands/init.ts"),
  uninstall: () => import("./commands/uninstall.ts"),
  status: () => import("./commands/status.ts"),
  import: () => import("./commands/import.ts"),
  sessions: () => import("./commands/sessions.ts"),
  show: () => import("./commands/show.ts"),
  search: () => import("./commands/search.ts"),
  recall: () => import("./commands/recall.ts"),
  embedder: () => import("./commands/embedder.ts"),
  reranker: () => import("./commands/reranker.ts"),
  model: () => import("./commands/model.ts"),
  resume: () => import("./commands/resume.ts"),
  remember: () => import("./commands/remember.ts"),
  memory: () => import("./commands/memory.ts"),
  context: () => import("./commands/context.ts"),
  checkpoints: () => import("./commands/checkpoints.ts"),
  diff: () => import("./commands/diff.ts"),
  undo: () => import("./commands/undo.ts"),
  redo: () => import("./commands/redo.ts"),
  restore: () => import("./commands/restore.ts"),
  checkpoint: () => import("./commands/checkpoint.ts"),
  pin: () => import("./commands/pin.ts"),
  blame: () => import("./commands/blame.ts"),
  trailer: () => import("./commands/trailer.ts"),
  export: () => import("./commands/export.ts"),
  verify: () => import("./commands/verify.ts"),
  doctor: () => import("./commands/doctor.ts"),
  gc: () => import("./commands/gc.ts"),
  forget: () => import("./commands/forget.ts"),
  drain: () => import("./commands/drain.ts"),
  mcp: () => import("./commands/mcp.ts"),
  serve: () => import("./commands/serve.ts"),
  engine: () => import("./commands/engine.ts"),
  hook: () => import("./commands/hook.ts"),
  pause: () => import("./commands/pause.ts"),
  remote: () => import("./commands/remote.ts"),
};

const ABOUT = `Tidemark keeps the thread of long work with AI coding agents.

Every session that an agent has left on this machine is kept, can be found again, and is boiled down to a brief that is true of the working tree as it is now. Nothing leaves this machine, unless you name a folder for copies (tidemark remote), or an embedder, a re-ranker or a model elsewhere (tidemark embedder, reranker, model).`;

export async function main(argv: readonly string[], environment: NodeJS.ProcessEnv): Promise<number> {
  const asked = argv.find((word) => !word.startsWith("-"));
  const name = asked !== undefined && Object.hasOwn(COMMANDS, asked) ? asked : undefined;
  const json = argv.includes("--json");
  const terminal = new Terminal({ stdout: process.stdout, stderr: process.stderr, noColor: (environment["NO_COLOR"] ?? "") !== "" }, name ?? "status", json);
  let store: Store | undefined;
  try {
    const program = new Command("tidemark").description(ABOUT).version(VERSION, "-V, --version").exitOverride();
    program.configureOutput({ writeErr: (text) => void (json || process.stderr.write(text)) });
    program.helpCommand(false).showHelpAfterError("(tidemark --help lists the commands)");
    let outcome = 0;
    const home = stateHome(environment);
    const open = async (): Promise<Store> => {
      const { openSqliteStore } = await import("../store/sqlite/store.ts");
      return (store ??= await openSqliteStore(home));
    };
    const context: Context = {
      terminal,
      home,
      configDir: agentFolder(environment),
      cwd: process.cwd(),
      now: clock(environment),
      version: VERSION,
      environment,
      store: open,
      caughtUp: async () => {
        const opened = await open();
        const now = Date.now();
        // What takes it in is 20 ms of loading.
        if (isUnattended(home, now)) await takeInLeft(opened, home, now, environment);
        return opened;
      },
    };
    const cut = argv.indexOf("--");
    let paths: readonly string[] = [];
    let given = argv;
    for (const [each, load] of Object.entries(COMMANDS)) {
      // Only the command that is called is loaded; help lists all of them and may take its time.
      if (name !== undefined && each !== name) continue;
      const { command } = await load();
      if (each === name && command.paths === true && cut >= 0) [given, paths] = [argv.slice(0, cut), argv.slice(cut + 1)];
      declare(program, each, command, async (input) => void (outcome = await command.run({ ...input, paths }, context)));
    }
    const words = asked === undefined && !argv.some((word) => ["--help", "-h", "--version", "-V"].includes(word)) ? ["status", ...given] : [...given];
    await program.parseAsync(words, { from: "user" });
    return outcome;
  } catch (error) {
    // A hook never fails: an exit code of ours would be an order to the agent.
    if (name === "hook") return 0;
    return explain(error, terminal, json, environment);
  } finally {
    await store?.close();
  }
}

async function takeInLeft(store: Store, home: string, now: number, environment: NodeJS.ProcessEnv): Promise<void> {
  const [{ takeInOld }, { Afterwards }, { attendAfterwards }] = await Promise.all([import("../operations/drain.ts"), import("../operations/afterwards.ts"), import("./attending.ts")]);
  const afterwards = new Afterwards();
  await takeInOld(store, home, now, undefined, (payload, time) => afterwards.heed(payload, time));
  await attendAfterwards(afterwards, store, home, environment);
}

function declare(program: Command, name: string, spec: CommandSpec, run: (input: Omit<Input, "paths">) => Promise<void>): void {
  // Lines of a paragraph are joined: commander wraps them to the terminal's width itself.
  const help = spec.help.trim().replace(/([^\n])\n(?=[^\n])/g, "$1 ");
  const sub = program.command(name).summary(help.split("\n", 1)[0]!).description(help);
  if (spec.args !== "") for (const arg of spec.args.split(" ")) sub.argument(arg);
  for (const option of spec.options) sub.option(option.flags, option.text, option.default);
  if (spec.paths === true) sub.usage(["[options]", spec.args, "[-- path...]"].filter((part) => part !== "").join(" "));
  sub.option("--json", "print one JSON document instead of text");
  sub.action(async (...received: unknown[]) => {
    const args = received.slice(0, -2).flat().filter((arg): arg is string => typeof arg === "string");
    await run({ args, options: sub.opts() });
  });
}

function explain(error: unknown, terminal: Terminal, json: boolean, environment: NodeJS.ProcessEnv): number {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return 0;
    if (json) terminal.fail(new TidemarkError("USAGE", error.message.replace(/^error: /, "")));
    return 2;
  }
  const known = asTidemarkError(error);
  terminal.fail(known);
  if (known.kind === "internal" && (environment["TIDEMARK_TRACE"] ?? "") !== "") process.stderr.write(`${String((error as Error).stack)}\n`);
  return exitCode(known);
}
