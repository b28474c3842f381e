/** `tidemark blame`: which session, turn and call last wrote each line. */
import { clip, printable } from "../../base/text.ts";
import { blame, type BlamedLine } from "../../operations/blame.ts";
import { treePaths } from "../../operations/tree-paths.ts";
import { withCommit } from "../../operations/blame-commits.ts";
import { openRepository } from "../../worktree/repository.ts";
import type { CommandSpec, Context } from "../command.ts";
import { age, iso } from "../format.ts";
import { columnWidth, widestOf } from "../terminal.ts";
import { inKeptTree } from "../trees.ts";
import { TidemarkError } from "../../base/errors.ts";
import { shortId } from "./sessions.ts";

export const command: CommandSpec = {
  args: "<path>",
  options: [],
  help: `
Show which session, turn and command last wrote each line

Shell commands and subagents included; what you or another program wrote is told apart, and lines that are older than
the first checkpoint are "before". What an undo brought back is whose it was. Where several calls ran at the same time,
all of them are named.

A line that is committed as it stands has its commit. Of lines older than the first checkpoint, those that a session's own
edits wrote have its session and turn, too; by stays "before".

The data is {path, lines: [{line, text, by, commit, session, turn, call, calls, tool, input, time, checkpoint}], exact}; by is
agent, outside, restore, before or unknown: while its bytes could not be kept, or where the record is gone.`,
  run: async ({ args }, context) => {
    const log = await context.caughtUp();
    return inKeptTree(context, async (tree) => {
      const [path] = treePaths(args, tree.root, context.cwd);
      if (path === undefined) throw new TidemarkError("BAD_VALUE", "blame takes a file, not the whole tree");
      tree.keeper.look("prompt");
      const known = await blame(tree, log, path, tree.keeper.stateOf(path));
      const repository = openRepository(tree.root, tree.environment);
      const blamed = repository === undefined ? known : await withCommit({ ...tree, log, repository }, known);
      if (!blamed.exact) context.terminal.warn("two versions differ in so many lines that some may be laid at the wrong door");
      context.terminal.answer({ ...blamed, lines: blamed.lines.map(lineJson) }, () => say(context, blamed.lines));
      return 0;
    });
  },
};

function lineJson({ time, commit, session, turn, call, tool, ...rest }: BlamedLine): Record<string, unknown> {
  return { ...rest, commit: commit ?? null, session: session ?? null, turn: turn ?? null, call: call ?? null, tool: tool ?? null, time: iso(time ?? 0) };
}

const MOST_WHO = 40;

/** Who and when stand at the first line of each stretch; what was run is told in full below it where there is room. */
function say({ terminal, now }: Context, lines: readonly BlamedLine[]): void {
  const number = String(lines.length).length;
  const rows = lines.map((line, i) => {
    const above = lines[i - 1];
    const isFirst = above === undefined || key(above) !== key(line);
    const isSecond = !isFirst && (lines[i - 2] === undefined || key(lines[i - 2]!) !== key(line));
    return { line, who: isFirst ? whoWrote(line, now) : isSecond && line.tool === "Bash" && line.input !== undefined ? `  ${line.input}` : "" };
  });
  const widest = Math.min(MOST_WHO, widestOf(rows.map(({ who }) => who)), Math.floor(terminal.width / 2));
  for (const { line, who } of rows) {
    const shown = clipped(printable(who), widest);
    const style = who.startsWith("  ") ? "dim" : line.by === "agent" ? "cyan" : line.by === "outside" ? "yellow" : "dim";
    const gap = " ".repeat(widest - columnWidth(shown));
    terminal.line(`${shown === "" ? "" : terminal.style(style, shown)}${gap} ${terminal.style("dim", String(line.line).padStart(number))}  ${printable(line.text).replaceAll("\t", "  ")}`);
  }
}

function clipped(text: string, width: number): string {
  const indent = text.startsWith("  ") ? "  " : "";
  return indent + clip(text, width - indent.length);
}

function key({ by, checkpoint, commit, session, turn }: BlamedLine): string {
  return by === "before" ? `${by} ${commit} ${session} ${turn}` : `${by} ${checkpoint}`;
}

function whoWrote({ by, commit, session, turn, tool, input, time = 0 }: BlamedLine, now: number): string {
  const when = age(time, Math.max(now, time));
  switch (by) {
    case "agent":
      return `${shortId(session!)} ${turn === undefined ? "" : `turn ${turn} `}${when} ${tool === "Bash" && input !== undefined ? `$ ${input}` : (tool ?? "")}`;
    case "outside":
      return `you or a program ${when}`;
    case "restore":
      return `${tool} ${when}`;
    case "before":
      return [session === undefined ? "before" : `${shortId(session)}${turn === undefined ? "" : ` turn ${turn}`}`, ...(commit === undefined ? [] : [commit.slice(0, 10)])].join(", ");
    case "unknown":
      return "not recorded";
  }
}
