/** `tidemark export`: a session as a file. */
import { TidemarkError } from "../../base/errors.ts";
import { exportLines, exportMarkdown } from "../../operations/export.ts";
import { sessionId, story } from "../../operations/sessions.ts";
import type { CommandSpec } from "../command.ts";

export const command: CommandSpec = {
  args: "<session>",
  options: [{ flags: "--format <format>", text: "jsonl, which import takes back identically, or md for people", default: "jsonl" }],
  help: `
Write a session to standard output

As JSON lines, one event a line, which "tidemark import FILE" takes back identically on another machine; or as Markdown.
Secrets were taken out when the session was stored.`,
  run: async ({ args, options }, context) => {
    const format = options["format"];
    if (format !== "jsonl" && format !== "md") throw new TidemarkError("BAD_VALUE", `--format takes jsonl or md, not "${String(format)}"`);
    const store = await context.store();
    const id = await sessionId(store, args[0]!);
    const text = format === "md" ? exportMarkdown(await story(store, id)) : (await exportLines(store, id)).join("\n");
    context.terminal.answer({ session: id, format, text }, () => (format === "md" ? context.terminal.line(text.trimEnd()) : context.terminal.document(text)));
    return 0;
  },
};
