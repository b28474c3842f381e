/** `tidemark status`, and `tidemark` alone: where you left off here. */
import { clip, plural, printable } from "../../base/text.ts";
import { status } from "../../operations/status.ts";
import { projectOf } from "../../worktree/project.ts";
import type { CommandSpec } from "../command.ts";
import { age, ENDING_WORDS, endingStyle, sessionJson } from "../format.ts";
import { wrap } from "../terminal.ts";
import { shortId } from "./sessions.ts";

export const command: CommandSpec = {
  args: "",
  options: [],
  help: `
Show where you left off in this project

The latest session here, what it left open, what waits for you, and the next command to type.`,
  run: async (_, context) => {
    const { terminal, now } = context;
    const state = await status(await context.store(), projectOf(context.cwd));
    const { latest, open, waiting, command: line, ...more } = state;
    const data = { project: state.project, latest: latest === undefined ? null : sessionJson(latest), open, waiting, command: line ?? null, sessions_here: more.here, sessions: more.total, unfinished: more.unfinished.map(sessionJson) };
    terminal.answer(data, () => {
      if (state.total === 0) {
        terminal.line("Nothing is kept yet.");
        terminal.line("  tidemark import    takes in every session that agents have left on this machine");
        return;
      }
      terminal.line(`${terminal.style("bold", state.project)}  ${plural(state.here, "session")} here, ${state.total.toLocaleString("en-US")} in all`);
      if (latest === undefined) {
        terminal.line("No session of this project is kept yet.");
        terminal.line("  tidemark sessions  lists those of other projects");
        return;
      }
      const words = ENDING_WORDS[latest.ending];
      const style = endingStyle(words);
      terminal.line();
      terminal.line(`You left off ${age(latest.ended, now)} ago: ${terminal.style("bold", printable(latest.title))}`);
      terminal.line(`  ${terminal.style("cyan", shortId(latest.id))}  ${plural(latest.turns, "turn")}, ${plural(latest.files, "file")} changed, ${style === undefined ? words : terminal.style(style, words)}`);
      const list = (title: string, items: readonly string[]): void => {
        if (items.length === 0) return;
        terminal.line();
        terminal.line(title);
        for (const item of items) terminal.line(`  - ${wrap(clip(printable(item), 300), terminal.width - 4, "    ")}`);
      };
      list("Open", open);
      list("Waits for you", waiting);
      list("Other sessions here that did not finish", more.unfinished.map((each) => `${shortId(each.id)}  ${age(each.ended, now)} ago, ${ENDING_WORDS[each.ending]}: ${each.title}`));
      terminal.line();
      terminal.line("  tidemark resume    the brief for going on");
      if (line !== undefined) terminal.line(`  ${printable(line)}`);
    });
    return 0;
  },
};
