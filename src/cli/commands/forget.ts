/** `tidemark forget`: erases text for good. */
import { TidemarkError } from "../../base/errors.ts";
import { clip, plural, printable } from "../../base/text.ts";
import { searchable } from "../../event/text.ts";
import { findForgettable, findForgettableMemories, forget, stays } from "../../operations/forget.ts";
import { forgetSessionFiles } from "../../operations/session-file.ts";
import { forgettable, forgetPaths, keptElsewhere } from "../../operations/forget-path.ts";
import { memories } from "../../operations/memories.ts";
import { readRemote } from "../../operations/settings.ts";
import { treePaths } from "../../operations/tree-paths.ts";
import type { CommandSpec, Context } from "../command.ts";
import { inKeptTree } from "../trees.ts";
import { shortId } from "./sessions.ts";

export const command: CommandSpec = {
  args: "[session]",
  options: [
    { flags: "--event <id>", text: "one event, by the id that search --json prints" },
    { flags: "--matching <text>", text: "every event that holds this text, letter for letter, in any session" },
    { flags: "--memory <id>", text: "one memory, by its id or key, with all that was ever edited of it" },
    { flags: "--reason <text>", text: "noted with the erasure" },
    { flags: "--yes", text: "erase; without it, what would be erased is only listed" },
  ],
  paths: true,
  help: `
Erase what should not be kept

Text leaves the log, the index, the large texts and the write-ahead log for good; its place in the hash chain stays, so
"verify" still passes, and importing the same transcript again does not bring it back. The agent's own files are not
touched: delete them there, too. Without --yes nothing is erased.

Memories that were taken from nothing but what is erased, or that hold the text, go with it. What only no longer holds
need not be erased: tidemark memory end ID.

Paths after -- are erased from the checkpoints of this tree instead: the bytes of every version that is kept, for good;
that there was something and when it changed stays. A file that still stands in the tree is kept again by the next
checkpoint, so delete or move it first. What git ignores is not kept, but for small local settings such as .env and what
an edit tool has written.`,
  run: async ({ args, options, paths }, context) => {
    const { terminal } = context;
    if (paths.length > 0) {
      if (args[0] !== undefined || ["event", "matching", "memory"].some((each) => options[each] !== undefined)) throw new TidemarkError("FORGET_NEEDS_TARGET", "Paths are erased from checkpoints, sessions and events from the log: name one kind at a time", { hint: "tidemark forget -- PATH" });
      return forgetInTree(paths, options["yes"] === true, context);
    }
    const store = await context.store();
    const { event, matching, memory, reason } = options;
    const target = {
      ...(args[0] === undefined ? {} : { session: args[0] }),
      ...(typeof event === "string" ? { event } : {}),
      ...(typeof matching === "string" ? { matching } : {}),
      ...(typeof memory === "string" ? { memory } : {}),
      ...(typeof reason === "string" ? { reason } : {}),
    };
    if ([args[0], event, matching, memory].filter((each) => each !== undefined).length !== 1) throw new TidemarkError("FORGET_NEEDS_TARGET", "Name exactly one of a session, --event, --matching or --memory, or paths after --");
    const left = typeof matching === "string" && matching.trim() !== "" ? await stays(store, matching) : 0;
    if (left > 0) terminal.warn(`${plural(left, "event")} that say where a session began (folder, branch) hold this text and stay: what is kept of the session hangs on them. To be rid of it, delete the state folder and import anew without that transcript`);
    if (options["yes"] !== true) {
      const found = await findForgettable(store, target);
      const unwanted = await findForgettableMemories(store, target, found);
      if (found.length + unwanted.length === 0) {
        terminal.answer({ events: 0, sessions: [], memories: 0, applied: false }, () => terminal.line("Nothing that can be erased holds that."));
        return 0;
      }
      const what = [...(found.length === 0 ? [] : [plural(found.length, "event")]), ...(unwanted.length === 0 ? [] : [plural(unwanted.length, "memory", "memories")])].join(" and ");
      if (!terminal.json) {
        terminal.line(`${what} would be erased for good:`);
        for (const { event: each } of found.slice(0, 10)) terminal.line(`  ${shortId(each.session)}  ${each.type}  ${clip(printable(searchable(each)), 90)}`);
        if (found.length > 10) terminal.line(`  … and ${found.length - 10} more`);
        const known = (await memories(store)).memories;
        for (const id of unwanted.slice(0, 10)) terminal.line(`  ${id}  memory  ${clip(known.get(id)?.statement ?? "(an earlier version)", 90)}`);
        if (unwanted.length > 10) terminal.line(`  … and ${unwanted.length - 10} more`);
      }
      throw new TidemarkError("FORGET_NEEDS_YES", `${what} would be erased for good`);
    }
    const result = await forget(store, target, context.now);
    forgetSessionFiles(context.home, result.sessions);
    if (!result.scrubbed) terminal.warn("another process still reads old pages of the store, in which the text stands; when it has ended, `tidemark doctor` empties them");
    terminal.answer({ ...result, applied: true }, () => terminal.line(result.events + result.memories === 0 ? "Nothing that can be erased held that." : `${[...(result.events === 0 ? [] : [`${plural(result.events, "event")} erased for good in ${plural(result.sessions.length, "session")}`]), ...(result.memories === 0 ? [] : [`${plural(result.memories, "memory", "memories")} erased for good`])].join(", ")}. The chain still verifies; the agent's own transcripts still hold the text.`));
    return 0;
  },
};

function forgetInTree(given: readonly string[], yes: boolean, context: Context): Promise<number> {
  const { terminal, cwd, home } = context;
  return inKeptTree(context, async (tree) => {
    const paths = treePaths(given, tree.root, cwd);
    if (paths.length === 0) throw new TidemarkError("FORGET_NEEDS_TARGET", "All files of the tree at once are not forgotten", { hint: `Delete the state folder (${home}) to be rid of everything.` });
    tree.keeper.look("prompt");
    const found = forgettable(tree, paths);
    const data = { paths: found.map(({ path, changes, there }) => ({ path, changes, there })), changes: found.reduce((sum, { changes }) => sum + changes, 0) };
    if (found.length === 0) {
      terminal.answer({ ...data, applied: false }, () => terminal.line("No checkpoint of this tree holds that."));
      return 0;
    }
    const there = found.filter((each) => each.there);
    if (there.length > 0) terminal.warn(`${there.length === 1 ? "one file" : `${there.length} files`} of this still ${there.length === 1 ? "stands" : "stand"} in the tree, and the next checkpoint keeps ${there.length === 1 ? "it" : "them"} again: delete or move ${there.length === 1 ? "it" : "them"} first, or have git ignore ${there.length === 1 ? "it" : "them"}`);
    const others = keptElsewhere(tree, found);
    if (others.length > 0) terminal.warn(`the same bytes are kept under ${others.slice(0, 10).map((path) => printable(path.toWellFormed())).join(", ")}${others.length > 10 ? ` and ${others.length - 10} more` : ""} as well, and stay there: name ${others.length === 1 ? "it" : "them"}, too`);
    const { folder } = readRemote(home) ?? {};
    if (folder !== undefined) terminal.warn(`copies in ${folder} are not reached: delete them there`);
    if (!yes) {
      if (!terminal.json) {
        terminal.line(`The bytes of ${plural(found.length, "file")} would be erased from the checkpoints for good:`);
        for (const { path, changes, there: stands } of found.slice(0, 20)) terminal.line(`  ${printable(path.toWellFormed())}  ${terminal.style("dim", `${plural(changes, "change")}${stands ? ", still there" : ""}`)}`);
        if (found.length > 20) terminal.line(`  … and ${found.length - 20} more`);
      }
      throw new TidemarkError("FORGET_NEEDS_YES", `The bytes of ${plural(found.length, "file")} would be erased for good`);
    }
    const altered = forgetPaths(tree, found, Date.now());
    tree.keeper.save();
    terminal.answer({ ...data, changes: altered, applied: true }, () => terminal.line(`${plural(found.length, "file")} erased from the checkpoints for good, in ${plural(altered, "change")}. Transcripts and the log may still tell of them: tidemark forget --matching TEXT.`));
    return 0;
  });
}
