/** `tidemark context session`: the file of the session in this tree. Loaded with the command `context`. */
import { TidemarkError } from "../base/errors.ts";
import { printable } from "../base/text.ts";
import { isCutOff, sessionFileHere } from "../operations/session-file-here.ts";
import { readSessionFile } from "../operations/session-file.ts";
import { treeOf } from "../worktree/project.ts";
import type { Context, Input } from "./command.ts";

export async function aboutSessionFile(args: readonly string[], options: Input["options"], context: Context): Promise<number> {
  const { terminal, cwd, home } = context;
  if (args.length > 0) throw new TidemarkError("BAD_VALUE", `context session takes no more words, not "${args.join(" ")}"`, { hint: "tidemark context session" });
  await context.caughtUp();
  if (options["here"] === true || options["away"] === true) return putHere(options, context);
  const { path, kept, text, why } = readSessionFile(home, treeOf(cwd));
  if (why !== undefined) terminal.warn(`${path} is left alone, and not kept up to date: ${why}. Mend it, or delete it for a new one`);
  if (isCutOff(home, treeOf(cwd))) terminal.warn("the CLAUDE.session.md in this tree is a file of its own and no link to this one: what is written there is not taken in");
  terminal.answer({ path, session: kept?.session ?? null, text: text ?? null, left_alone: why ?? null }, () => {
    if (text !== undefined) for (const line of [path, "", ...printable(text).trimEnd().split("\n")]) terminal.line(line);
    else if (why === undefined) terminal.line("No session has worked in this tree since this is kept. tidemark init --template feature begins one.");
  });
  return 0;
}

async function putHere({ here, away, yes }: Input["options"], { terminal, cwd, home }: Context): Promise<number> {
  if (here === true && away === true) throw new TidemarkError("BAD_VALUE", "--here puts the file into the tree and --away takes it out: give one of them");
  const plan = sessionFileHere(home, treeOf(cwd), { away: away === true, apply: false });
  const { link, target, changes } = plan;
  const nothing = changes.link === "kept" && changes.ignore === "kept";
  const told = { made: `${link} → ${target}`, taken: `${link} goes; the file itself stays`, kept: "" }[changes.link];
  const lines = [told, { added: ".gitignore gets the line /CLAUDE.session.md", taken: "the line /CLAUDE.session.md goes out of .gitignore", kept: "" }[changes.ignore]].filter((line) => line !== "");
  if (!nothing && yes !== true) {
    if (!terminal.json) for (const line of lines) terminal.line(printable(line));
    throw new TidemarkError("NEEDS_YES", "Nothing was changed in your tree yet", { hint: `tidemark context session ${away === true ? "--away" : "--here"} --yes` });
  }
  const done = nothing ? plan : sessionFileHere(home, treeOf(cwd), { away: away === true, apply: true });
  terminal.answer({ ...done }, () => {
    for (const line of lines) terminal.line(printable(line));
    if (nothing) terminal.line(away === true ? "It is not in this tree." : `It is there already: ${link}`);
  });
  return 0;
}
