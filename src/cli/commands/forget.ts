/** `tidemark forget`: erases text for good. */
import { TidemarkError } from "../../base/errors.ts";
import { clip, plural, printable } from "../../base/text.ts";
import { searchable } from "../../event/text.ts";
import { findForgettable, forget, stays } from "../../operations/forget.ts";
import type { CommandSpec } from "../command.ts";
import { shortId } from "./sessions.ts";

export const command: CommandSpec = {
  args: "[session]",
  options: [
    { flags: "--event <id>", text: "one event, by the id that search --json prints" },
    { flags: "--matching <text>", text: "every event that holds this text, letter for letter, in any session" },
    { flags: "--reason <text>", text: "noted with the erasure" },
    { flags: "--yes", text: "erase; without it, what would be erased is only listed" },
  ],
  help: `
Erase what should not be kept

Text leaves the log, the index, the large texts and the write-ahead log for good; its place in the hash chain stays, so
"verify" still passes, and importing the same transcript again does not bring it back. The agent's own files are not
touched: delete them there, too. Without --yes nothing is erased.`,
  run: async ({ args, options }, context) => {
    const { terminal } = context;
    const store = await context.store();
    const { event, matching, reason } = options;
    const target = {
      ...(args[0] === undefined ? {} : { session: args[0] }),
      ...(typeof event === "string" ? { event } : {}),
      ...(typeof matching === "string" ? { matching } : {}),
      ...(typeof reason === "string" ? { reason } : {}),
    };
    if ([args[0], event, matching].filter((each) => each !== undefined).length !== 1) throw new TidemarkError("FORGET_NEEDS_TARGET", "Name exactly one of a session, --event or --matching");
    const left = typeof matching === "string" && matching.trim() !== "" ? await stays(store, matching) : 0;
    if (left > 0) terminal.warn(`${plural(left, "event")} that say where a session began (folder, branch) hold this text and stay: what is kept of the session hangs on them. To be rid of it, delete the state folder and import anew without that transcript`);
    if (options["yes"] !== true) {
      const found = await findForgettable(store, target);
      if (found.length === 0) {
        terminal.answer({ events: 0, sessions: [], applied: false }, () => terminal.line("Nothing that can be erased holds that."));
        return 0;
      }
      if (!terminal.json) {
        terminal.line(`${plural(found.length, "event")} would be erased for good:`);
        for (const { event: each } of found.slice(0, 10)) terminal.line(`  ${shortId(each.session)}  ${each.type}  ${clip(printable(searchable(each)), 90)}`);
        if (found.length > 10) terminal.line(`  … and ${found.length - 10} more`);
      }
      throw new TidemarkError("FORGET_NEEDS_YES", `${plural(found.length, "event")} would be erased for good`);
    }
    const result = await forget(store, target, context.now);
    if (!result.scrubbed) terminal.warn("another process still reads old pages of the store, in which the text stands; when it has ended, `tidemark doctor` empties them");
    terminal.answer({ ...result, applied: true }, () => terminal.line(result.events === 0 ? "Nothing that can be erased held that." : `${plural(result.events, "event")} erased for good in ${plural(result.sessions.length, "session")}. The chain still verifies; the agent's own transcripts still hold the text.`));
    return 0;
  },
};
