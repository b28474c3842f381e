/** `tidemark diff`: what differs between two points in the history of the files here. */
import { plural, printable } from "../../base/text.ts";
import { Bytes, changesBetween, diffFiles, within, type FileDiff } from "../../operations/compare.ts";
import { history, pointNamed } from "../../operations/history.ts";
import { treePaths } from "../../operations/tree-paths.ts";
import type { CommandSpec } from "../command.ts";
import { coloured, endOf, plusMinus } from "../taking-back.ts";
import { columnWidth, widestOf, type Style, type Terminal } from "../terminal.ts";
import { inKeptTree } from "../trees.ts";

export const command: CommandSpec = {
  args: "<a> [b]",
  options: [
    { flags: "--session <id>", text: "which session a turn's number is of, if not the latest with such a turn" },
    { flags: "--stat", text: "only which files, and how many lines" },
  ],
  paths: true,
  help: `
Show what changed between two checkpoints, turns, or now

A and B are each the beginning of a checkpoint's id, the number of a turn, or "now". A turn stands for its beginning as A
and for its end as B, so "diff 3 3" is what happened in turn 3; without B it is now. Everything that differs is shown,
whoever changed it. Paths after -- restrict it.

In a pipe the text is a patch that git apply takes, as far as the files are text in UTF-8. In the data each file has its own; change is
created, deleted, edited, mode or type; note says why there is nothing to show.`,
  run: async ({ args, options, paths }, context) => {
    const log = await context.caughtUp();
    return inKeptTree(context, async (tree) => {
      const only = within(treePaths(paths, tree.root, context.cwd));
      const [a = "", b = "now"] = args;
      // What was changed since the last look is part of now.
      if (a === "now" || b === "now") tree.keeper.look("prompt");
      const all = await history(tree.store, log, tree.root);
      const session = typeof options["session"] === "string" ? options["session"] : undefined;
      const [from, to] = [pointNamed(all, a, false, session), pointNamed(all, b, true, session)];
      const files = diffFiles(changesBetween(tree.store, tree.root, from.seq, to.seq).filter(({ path }) => only(path)), new Bytes(tree));
      for (const { path, note } of files) if (note !== undefined) context.terminal.warn(`${path.toWellFormed()}: ${note}`);
      context.terminal.answer({ files: files.map(fileJson), from: from.words, to: to.words }, () => (options["stat"] === true ? sayStat(context.terminal, files, `from ${spoken(from.words)} to ${spoken(to.words)}`) : sayPatches(context.terminal, files)));
      return 0;
    });
  },
};

function fileJson({ path, change, added, removed, patch, binary, exact, note }: FileDiff): Record<string, unknown> {
  return { path, change, added: added ?? null, removed: removed ?? null, patch, ...(binary ? { binary } : {}), ...(exact ? {} : { exact }), ...(note === undefined ? {} : { note }) };
}

function sayPatches(terminal: Terminal, files: readonly FileDiff[]): void {
  if (!terminal.shown) {
    for (const { patch } of files) terminal.exact(patch);
    return;
  }
  for (const { patch } of files) {
    let inHunk = false;
    for (const line of patch.replace(/\n$/, "").split("\n")) {
      if (line.startsWith("diff --git ")) inHunk = false;
      else if (line.startsWith("@@ ")) inHunk = true;
      // A line end of Windows' would not be seen, and the two sides would look the same.
      terminal.line(styled(terminal, line.replace(/\r$/, "^M"), inHunk));
    }
  }
}

function styled(terminal: Terminal, line: string, inHunk: boolean): string {
  if (!inHunk) return terminal.style("bold", line);
  if (line.startsWith("@@ ")) return terminal.style("cyan", line);
  if (line.startsWith("+")) return terminal.style("green", line);
  return line.startsWith("-") ? terminal.style("red", line) : line;
}

function spoken(point: string): string {
  return /^(?:beginning|end) /.test(point) ? `the ${point}` : point;
}

/** As wide as git makes it at most. */
const BARS = 40;

function sayStat(terminal: Terminal, files: readonly FileDiff[], between: string): void {
  if (files.length === 0) {
    terminal.line(`Nothing changed ${between}.`);
    return;
  }
  const counts = files.map((file) => file.note ?? plusMinus(file));
  const number = widestOf(counts);
  const bars = Math.max(8, Math.min(BARS, Math.floor(terminal.width / 3)));
  const room = Math.max(12, terminal.width - number - bars - 6);
  const names = files.map(({ path }) => endOf(printable(path.toWellFormed()), room));
  const widest = widestOf(names);
  const bar = (style: Style, sign: string, length: number): string => (length === 0 ? "" : terminal.style(style, sign.repeat(length)));
  const most = files.reduce((most, { added = 0, removed = 0 }) => Math.max(most, added + removed), 1);
  for (const [i, { added = 0, removed = 0 }] of files.entries()) {
    const scale = (lines: number): number => (lines === 0 ? 0 : most <= bars ? lines : Math.max(1, Math.round((lines * bars) / most)));
    const gap = " ".repeat(widest - columnWidth(names[i]!) + 2 + number - columnWidth(counts[i]!));
    terminal.line(` ${names[i]}${gap}${coloured(terminal, printable(counts[i]!))}${added + removed === 0 ? "" : "  "}${bar("green", "+", scale(added))}${bar("red", "-", scale(removed))}`);
  }
  const sum = (of: "added" | "removed"): string => files.reduce((total, file) => total + (file[of] ?? 0), 0).toLocaleString("en-US");
  terminal.line(` ${plural(files.length, "file")} changed ${between}: ${terminal.style("green", `+${sum("added")}`)} ${terminal.style("red", `-${sum("removed")}`)}`);
}
