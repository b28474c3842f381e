/** `tidemark resume`: the brief, and the agent's own command for going on. */
import { printable } from "../../base/text.ts";
import { newestHandoff } from "../../operations/handoff.ts";
import { placeOf } from "../../operations/recall-memories.ts";
import { DEFAULT_BUDGET, resume } from "../../operations/resume.ts";
import { latestHere, sessionId } from "../../operations/sessions.ts";
import { projectOf } from "../../worktree/project.ts";
import type { CommandSpec } from "../command.ts";
import { count } from "../options.ts";

export const command: CommandSpec = {
  args: "[session]",
  options: [{ flags: "--budget <tokens>", text: "most tokens the brief may have", default: String(DEFAULT_BUDGET) }],
  help: `
Print the brief for taking up work again

Of the session given, else of the latest one in this project. Made without a model from the
session's own words: goal, constraints, decisions, dead ends, files with the names that matter in them, commands, state
and next step. Each line says which turn it comes from, and files are checked against the tree as it is now; what is
gone is not stated as fact. Never more than the budget, less when there is little worth saying.`,
  run: async ({ args, options }, context) => {
    const store = await context.caughtUp();
    const budget = count(options["budget"], "--budget");
    const wanted = args[0];
    const id = wanted !== undefined ? await sessionId(store, wanted) : (await latestHere(store, projectOf(context.cwd))).id;
    const found = await newestHandoff(store, projectOf(context.cwd), () => placeOf(context.cwd, context.environment), context.environment, context.now);
    // Of an older session only what was handed over from it.
    const handed = found !== undefined && (wanted === undefined || found.of === id) ? { handoff: found, now: context.now } : undefined;
    const { session, text, tokens, lines, left_out, command: line } = await resume(store, id, budget, undefined, handed);
    context.terminal.answer({ session, text, tokens, lines, left_out, command: line ?? null }, () => {
      if (text === "") context.terminal.line("There is nothing worth saying of this session within the budget.");
      else context.terminal.line(printable(text));
      // Beside the brief and not in it: standard output holds what goes to an agent and nothing else.
      const { terminal } = context;
      const skipped = Object.values(left_out).reduce((sum, number) => sum + number, 0);
      terminal.aside(`\n${tokens} tokens${skipped > 0 ? `, ${skipped.toLocaleString("en-US")} facts left out (--budget)` : ""}.${line === undefined ? "" : ` To go on in the session itself:\n${line}`}`);
    });
    return 0;
  },
};
