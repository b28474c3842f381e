/** `tidemark context session`: the file of the session in this tree. Loaded with the command `context`. */
import { TidemarkError } from "../base/errors.ts";
import { printable } from "../base/text.ts";
import { readSessionFile } from "../operations/session-file.ts";
import { treeOf } from "../worktree/project.ts";
import type { Context } from "./command.ts";

export async function aboutSessionFile(args: readonly string[], context: Context): Promise<number> {
  const { terminal, cwd, home } = context;
  if (args.length > 0) throw new TidemarkError("BAD_VALUE", `context session takes no more words, not "${args.join(" ")}"`, { hint: "tidemark context session" });
  await context.caughtUp();
  const { path, kept, text, why } = readSessionFile(home, treeOf(cwd));
  if (why !== undefined) terminal.warn(`${path} is left alone, and not kept up to date: ${why}. Mend it, or delete it for a new one`);
  terminal.answer({ path, session: kept?.session ?? null, text: text ?? null, left_alone: why ?? null }, () => {
    if (text !== undefined) for (const line of [path, "", ...printable(text).trimEnd().split("\n")]) terminal.line(line);
    else if (why === undefined) terminal.line("No session has worked in this tree since this is kept. tidemark init --template feature begins one.");
  });
  return 0;
}
