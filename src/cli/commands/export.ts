/** `tidemark export`: a session as a file, or a checkpoint as a commit. */
import { TidemarkError } from "../../base/errors.ts";
import { plural, printable } from "../../base/text.ts";
import { exportLines, exportMarkdown } from "../../operations/export.ts";
import { exportCheckpoint } from "../../operations/export-git.ts";
import { history, pointNamed } from "../../operations/history.ts";
import { sessionId, story } from "../../operations/sessions.ts";
import type { CommandSpec, Context, Input } from "../command.ts";
import { inThisTree } from "../trees.ts";

export const command: CommandSpec = {
  args: "[session]",
  options: [
    { flags: "--format <format>", text: "jsonl, which import takes back identically, or md for people", default: "jsonl" },
    { flags: "--git <ref>", text: "write a commit of the tree under this branch or ref instead; the argument is then a checkpoint, a turn or now" },
    { flags: "-m, --message <text>", text: "message of the commit" },
    { flags: "--force", text: "move a ref that is there already" },
  ],
  help: `
Write a session to standard output, or a checkpoint into git

A session as JSON lines, one event a line, which "tidemark import FILE" takes back identically on another machine; or as
Markdown. Secrets were taken out when the session was stored.

With --git an ordinary commit of all files as they were at a checkpoint, the beginning of an id, the end of a turn by its
number, or now if none is named, goes into the repository of this tree, on top of HEAD. It is the only time that Tidemark
writes into a repository: objects and that one ref are added; HEAD, index, working tree and hooks are left alone. The
bytes are those of the files, without git's filters. What git ignores, and repositories within the tree, are left out.
The data is {ref, commit, parent, files, from, left_out: [{path, reason}]}.`,
  run: async (input, context) => {
    const { args, options } = input;
    if (typeof options["git"] === "string") return toGit(options["git"], input, context);
    const [session] = args;
    if (session === undefined) throw new TidemarkError("USAGE", "missing required argument 'session'", { hint: "tidemark export SESSION, or tidemark export --git BRANCH for a commit" });
    const format = options["format"];
    if (format !== "jsonl" && format !== "md") throw new TidemarkError("BAD_VALUE", `--format takes jsonl or md, not "${String(format)}"`);
    const store = await context.store();
    const id = await sessionId(store, session);
    const text = format === "md" ? exportMarkdown(await story(store, id)) : (await exportLines(store, id)).join("\n");
    context.terminal.answer({ session: id, format, text }, () => (format === "md" ? context.terminal.line(text.trimEnd()) : context.terminal.document(text)));
    return 0;
  },
};

async function toGit(ref: string, { args, options }: Input, context: Context): Promise<number> {
  const { terminal } = context;
  const log = await context.caughtUp();
  return inThisTree(context, async (tree) => {
    tree.keeper.look("prompt");
    const all = await history(tree.store, log, tree.root);
    const point = pointNamed(all, args[0] ?? "now", true);
    const checkpoint = all.checkpoints.find(({ seq }) => seq === point.seq) ?? all.checkpoints.at(-1);
    const message = typeof options["message"] === "string" ? options["message"] : `Files as of ${point.words}${checkpoint?.note === undefined ? "" : `: ${checkpoint.note}`}\n`;
    const done = exportCheckpoint(tree, point, { ref, message, force: options["force"] === true, time: point.words === "now" ? context.now : (checkpoint?.time ?? context.now) });
    const ignored = done.leftOut.filter(({ reason }) => reason === "git ignores it").length;
    for (const { path, reason } of done.leftOut.filter((each) => each.reason !== "git ignores it").slice(0, 10)) terminal.warn(`${path.toWellFormed()} is left out: ${reason}`);
    const data = { ref: done.ref, commit: done.commit, parent: done.parent ?? null, files: done.files, from: point.words, left_out: done.leftOut };
    terminal.answer(data, () => {
      terminal.line(`${terminal.style("cyan", done.commit.slice(0, 10))}  ${plural(done.files, "file")}, ${printable(point.words)}, as ${printable(done.ref)}${ignored > 0 ? terminal.style("dim", ` (${ignored} ignored by git left out)`) : ""}`);
      terminal.line(terminal.style("dim", `git show --stat ${printable(done.ref.replace(/^refs\/heads\//, ""))}`));
    });
    return 0;
  });
}
