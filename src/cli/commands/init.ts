/** `tidemark init`: wires the agent, so that sessions are kept as they happen. */
import { TidemarkError } from "../../base/errors.ts";
import { clip, printable } from "../../base/text.ts";
import { init, type InitReport } from "../../operations/init.ts";
import { beginFromTemplate, findTemplate, type Begun } from "../../operations/templates.ts";
import { treeOf } from "../../worktree/project.ts";
import type { CommandSpec } from "../command.ts";
import { sayChanges } from "../changed-files.ts";
import { CLAUDE_CODE, initOther } from "../init-client.ts";
import { machineOf } from "../machine.ts";
import type { Terminal } from "../terminal.ts";

export const command: CommandSpec = {
  args: "",
  options: [
    { flags: "--agent <name>", text: "claude-code, codex, gemini, opencode, cursor, vscode or windsurf", default: CLAUDE_CODE },
    { flags: "--print", text: "print what would be put into the settings, to be put in by hand" },
    { flags: "--dry-run", text: "show what would be changed and change nothing" },
    { flags: "--template <name>", text: "begin a piece of work in this tree: feature, bugfix, refactor, research, incident, or your own" },
    { flags: "--memory-file", text: "with --template: a CLAUDE.md to fill in as well, where there is none" },
    { flags: "--force", text: "install in CI as well, where otherwise only the plan is shown" },
  ],
  help: `
Have sessions kept as they happen, and the next one briefed

Adds hooks to the agent's settings.json and one MCP server to its account file, both of yours alone and for all projects.
What changes is shown, the bytes from before are kept, and "tidemark uninstall" gives them back. Other entries are not
touched. Running it again changes nothing, or brings the entries up to date after Tidemark or Node has moved.

Another agent is named with --agent: its settings get the MCP server "tidemark mcp", by which it can resume, recall, remember
and undo. Codex, Gemini CLI, opencode, Cursor, VS Code and Windsurf are known; --print gives the entry for any other.

With --template the next session in this tree begins with a CLAUDE.session.md of that kind: goal, plan and questions. It lies
in the state folder; "tidemark context session" shows it. Your own templates are Markdown files in .tidemark/templates of the
repository; such a file is shown when it is used, since whoever wrote the repository wrote it. Nothing is overwritten.

In CI, and where no agent is found, nothing is changed and the plan is shown.`,
  run: async ({ options }, context) => {
    const { terminal } = context;
    if (options["agent"] !== CLAUDE_CODE || options["print"] === true) return initOther(String(options["agent"]), options, context);
    const name = options["template"];
    if (name === undefined && options["memoryFile"] === true) throw new TidemarkError("BAD_VALUE", "--memory-file goes with --template");
    const tree = treeOf(context.cwd);
    // A name that is not known is refused before anything is written.
    const template = typeof name === "string" ? findTemplate(tree, name) : undefined;
    const machine = machineOf(context);
    const report = init(machine, { dryRun: options["dryRun"] === true, force: options["force"] === true });
    for (const warning of report.warnings) terminal.warn(warning);
    const { warnings: _, state, reason, ...more } = report;
    const dryRun = options["dryRun"] === true;
    const begun = template === undefined ? undefined : await beginFromTemplate(context.store, context.home, tree, template, { memory: options["memoryFile"] === true, dryRun, now: context.now });
    terminal.answer({ state, reason: reason ?? null, ...more, ...(begun === undefined ? {} : { template: begun }) }, () => {
      if (begun !== undefined) sayBegun(terminal, begun, dryRun);
      say(terminal, report, machine.configDir);
    });
    return 0;
  },
};

function say(terminal: Terminal, { state, reason, files, hooks }: InitReport, configDir: string): void {
  if (state === "already") {
    terminal.line("Already installed: nothing to do.");
    terminal.line("  tidemark uninstall  takes it back");
    return;
  }
  sayChanges(terminal, files);
  if (state === "planned") {
    terminal.line();
    if (files.every(({ change }) => change === "none")) terminal.line("Already installed: nothing would be changed.");
    else if (reason === "no-agent") terminal.line(`Nothing was changed: no agent is here (no ${configDir}, no "claude" on the PATH). Start claude once, then tidemark init.`);
    else if (reason === "ci") terminal.line("Nothing was changed: this is CI. tidemark init --force installs here as well.");
    else terminal.line("Nothing was changed. tidemark init does it.");
    return;
  }
  terminal.line();
  terminal.line(`${terminal.style("green", state === "updated" ? "Brought up to date" : "Installed")}: ${hooks.length} hooks and the engine, for all your projects.`);
  for (const { path, backup } of files) if (backup !== null) terminal.line(`  ${path}, as it was before: ${backup}`);
  terminal.line();
  terminal.line("  claude              start it as always; sessions that run now are taken up at their next start");
  terminal.line("  tidemark status     shows what is kept");
  terminal.line("  tidemark uninstall  takes it back");
}

function sayBegun(terminal: Terminal, { name, text, from, files }: Begun, dryRun: boolean): void {
  if (from !== null) {
    terminal.line(`${from}, as the repository has it:`);
    for (const line of printable(text).split("\n").slice(0, SHOWN)) terminal.line(terminal.style("dim", `  | ${clip(line, terminal.width - 4)}`));
  }
  for (const { path, kind, change } of files) {
    terminal.line(change === "kept" ? `${path} is there and stays as it is.` : `${path}: ${dryRun ? "would be " : ""}written${kind === "session" ? `, from the template ${name}; the next session here begins with it.` : "."}`);
  }
  terminal.line();
}

/** Lines of a template that are shown. */
const SHOWN = 60;
