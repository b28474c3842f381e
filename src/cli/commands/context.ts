/** `tidemark context`: which instruction files an agent is given at a place, and what is wrong with them. */
import { resolve } from "node:path";
import { managedFolder } from "../../agents/claude-code/instructions.ts";
import { TidemarkError } from "../../base/errors.ts";
import { plural } from "../../base/text.ts";
import { AGENTS, contextAt, type AgentContext, type AgentName, type ContextFile } from "../../operations/context.ts";
import type { CommandSpec, Context } from "../command.ts";
import { userHome } from "../environment.ts";
import { aboutVersions } from "../instruction-versions.ts";
import { aboutSessionFile } from "../session-file.ts";
import { wrap } from "../terminal.ts";

export const command: CommandSpec = {
  args: "[path...]",
  options: [
    { flags: "--from <folder>", text: "where the agent is started, where that is not the path itself" },
    { flags: "--agent <name>", text: "claude-code, codex or gemini; claude-code@2.1.197 for a version of it", default: "claude-code" },
    { flags: "--here", text: "with session: put CLAUDE.session.md into the tree as a link, ignored by git" },
    { flags: "--away", text: "with session: take it out of the tree again" },
    { flags: "--yes", text: "with --here or --away: do it" },
  ],
  help: `
Show which instruction files an agent is given here, in order, and what is wrong with them

A folder stands for an agent that is started in it. A file stands for one that is started here and opens that file: rules
with paths and files of folders on the way are then loaded too. Each file has its size in tokens and the reason it is
loaded for, in the client's words: session_start, include (imported by another), nested_traversal and path_glob_match
(loaded when a file is opened).

Warnings: what looks like a secret; files that are too large or cut off; imports that are not loaded, and why; files that
are not read; the same text twice; two files that say the opposite; and files, scripts and targets that are named and are
no longer in the tree.

Every version of these files is kept: "context log FILE" lists them with who made each, "context diff FILE [A] [B]" shows
what changed from one to the other (the last two, where none is named), "context restore FILE N" brings one back, keeping
the present one first. (A folder of such a name is ./log.)

"context session" shows CLAUDE.session.md: goal, plan, decisions, dead ends and blockers of the session in this tree, kept up
to date while it works. Edit it at the path that is shown: what you change, add or delete stays as you leave it. It lies in the state folder; with --here
a link to it is put into the tree, and a line into .gitignore.

The data is {agent, from, open, files: [{path, kind, reason, tokens, bytes, warnings: [{code, line, message}], imported_by,
opened_for, paths}], tokens, others: [{path, warnings}]}; kind is managed, user, project, local or auto; others are not
loaded. Of log it is {path, versions: [{n, time, by, agent, sessions, turn, checkpoint, bytes, added, removed, missing}]},
by being agent, outside, restore or seen; of diff {path, a, b, patch}; of restore {path, n, written}; of session {path, session, text, left_alone}.`,
  run: async ({ args, options }, context) => {
    const [verb, ...rest] = args;
    if (verb === "log" || verb === "diff" || verb === "restore") return aboutVersions(verb, rest, context);
    if (verb === "session") return aboutSessionFile(rest, options, context);
    if (rest.length > 0) throw new TidemarkError("BAD_VALUE", `context takes one path, or log, diff or restore and a file, not "${args.join(" ")}"`);
    const [agent, version] = agentNamed(String(options["agent"]));
    const from = options["from"];
    const told = await contextAt({
      agent, ...(version === undefined ? {} : { version }),
      path: resolve(context.cwd, args[0] ?? "."), cwd: context.cwd,
      ...(typeof from === "string" ? { from: resolve(context.cwd, from) } : {}),
      home: userHome(), configDir: context.configDir, managedDir: managedFolder(process.platform), environment: context.environment,
    });
    context.terminal.answer({ ...told, open: told.open ?? null, files: told.files.map(fileJson) }, () => say(context, told));
    return 0;
  },
};

function agentNamed(text: string): [AgentName, string | undefined] {
  const [name = "", version] = text.split("@");
  const agent = AGENTS.find((each) => each === name);
  if (agent === undefined || (version !== undefined && !/^\d+(?:\.\d+){1,2}$/.test(version))) throw new TidemarkError("BAD_VALUE", `--agent takes ${AGENTS.join(", ")}, with a version as in claude-code@2.1.330, not "${text}"`);
  return [agent, version];
}

function fileJson({ importedBy, openedFor, patterns, ...file }: ContextFile): Record<string, unknown> {
  return { ...file, ...(importedBy === undefined ? {} : { imported_by: importedBy }), ...(openedFor === undefined ? {} : { opened_for: openedFor }), ...(patterns === undefined ? {} : { paths: patterns }) };
}

function say({ terminal }: Context, { agent, from, open, files, tokens, others }: AgentContext): void {
  const home = userHome();
  const shown = (path: string): string => (path.startsWith(`${from}/`) ? path.slice(from.length + 1) : path.startsWith(`${home}/`) ? `~${path.slice(home.length)}` : path);
  if (files.length === 0) terminal.line(`An agent (${agent}) started in ${from} is given no instruction files.`);
  else {
    terminal.line(`${agent} started in ${from}${open === undefined ? "" : `, opening ${shown(open)}`}`);
    terminal.line();
    terminal.table(
      [{ title: "tokens", align: "right" }, { title: "kind" }, { title: "file", flexible: true }, { title: "because", flexible: true, style: () => "dim" }],
      files.map((file) => [file.tokens.toLocaleString("en-US"), file.kind, shown(file.path), because(file, shown)]),
    );
    terminal.line();
    terminal.line(`${plural(files.length, "file")}, ${plural(tokens, "token")}`);
  }
  for (const { path, warnings } of [...files, ...others]) {
    if (warnings.length === 0) continue;
    terminal.line();
    terminal.line(terminal.style("yellow", shown(path)));
    for (const { code, line, message } of warnings) terminal.line(`  ${wrap(`${line === undefined ? "" : `line ${line}: `}${code}: ${message.replaceAll(`${from}/`, "")}`, terminal.width - 2, "    ")}`);
  }
}

function because({ reason, importedBy, patterns }: ContextFile, shown: (path: string) => string): string {
  switch (reason) {
    case "session_start":
      return "start";
    case "include":
      return `imported by ${shown(importedBy!)}`;
    case "nested_traversal":
      return "a file below is opened";
    case "path_glob_match":
      return `paths: ${patterns!.join(", ")}`;
  }
}
