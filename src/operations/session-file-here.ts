/**
 * CLAUDE.session.md in the tree, for who wants to see it there: a link to the one in the state folder, and a line in .gitignore.
 * Nothing is copied, so there is one file to edit. What is planned is shown first, and done when the user has said so.
 */
import { lstatSync, readFileSync, readlinkSync, symlinkSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { TidemarkError } from "../base/errors.ts";
import { isIgnored, withRules } from "../worktree/ignore.ts";
import { replaceInstructionFile } from "../worktree/instructions.ts";
import { kindOf } from "../worktree/repository.ts";
import { readSessionFile, SESSION_FILE } from "./session-file.ts";

export interface Here {
  readonly link: string;
  readonly target: string;
  /** What happens to the link and to the line in .gitignore; "kept" where a line of the user's own covers it, or none is needed. */
  readonly changes: { readonly link: "made" | "taken" | "kept"; readonly ignore: "added" | "taken" | "kept" };
  readonly applied: boolean;
}

const LINE = `/${SESSION_FILE}`;

/** Refused: SESSION_FILE where another file has the name, or there is no session yet. */
export function sessionFileHere(home: string, tree: string, { away, apply }: { readonly away: boolean; readonly apply: boolean }): Here {
  const target = readSessionFile(home, tree).path;
  const link = join(tree, SESSION_FILE);
  const there = linkAt(link, target);
  if (there === "other") throw new TidemarkError("SESSION_FILE", `${link} is a file of its own and no link of ours`, { hint: `Move it away; what stands in it can be put into ${target}` });
  const ignoreFile = join(tree, ".gitignore");
  const ignored = readText(ignoreFile);
  const lines = ignored === undefined ? [] : ignored.split(/(?<=\n)/);
  const own = lines.findIndex((line) => line.trimEnd() === LINE);
  if (away) {
    const changes = { link: there === "link" ? "taken" : "kept", ignore: own < 0 ? "kept" : "taken" } as const;
    if (apply && changes.link === "taken") unlinkSync(link);
    if (apply && changes.ignore === "taken") {
      const rest = lines.toSpliced(own, 1).join("");
      if (rest === "") unlinkSync(ignoreFile);
      else replace(ignoreFile, rest, ignored);
    }
    return { link, target, changes, applied: apply };
  }
  if (there !== "link" && readSessionFile(home, tree).text === undefined) throw new TidemarkError("SESSION_FILE", "There is no session file for this tree yet", { hint: "tidemark init --template feature    begins one; else the next session here does" });
  const covered = kindOf(tree) === undefined || isIgnored(withRules(undefined, "", ignored ?? ""), SESSION_FILE, false);
  const changes = { link: there === "link" ? "kept" : "made", ignore: covered ? "kept" : "added" } as const;
  // The line first: a commit at this moment must not take the link along.
  if (apply && changes.ignore === "added") replace(ignoreFile, `${ignored ?? ""}${ignored === undefined || ignored === "" || ignored.endsWith("\n") ? "" : "\n"}${LINE}\n`, ignored);
  if (apply && changes.link === "made") symlinkSync(target, link);
  return { link, target, changes, applied: apply };
}

/** An editor that saves by putting a new file in the place of the link has taken it away. */
export function isCutOff(home: string, tree: string): boolean {
  return linkAt(join(tree, SESSION_FILE), readSessionFile(home, tree).path) === "other";
}

function linkAt(path: string, target: string): "none" | "link" | "other" {
  const about = lstatSync(path, { throwIfNoEntry: false });
  if (about === undefined) return "none";
  return about.isSymbolicLink() && readlinkSync(path) === target ? "link" : "other";
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new TidemarkError("SESSION_FILE", `${path} cannot be read (${(error as NodeJS.ErrnoException).code})`, { cause: error });
  }
}

function replace(path: string, text: string, expected: string | undefined): void {
  if (!replaceInstructionFile(path, text, expected)) throw new TidemarkError("SESSION_FILE", `${path} was changed by another program at this moment, so it was left as it is`, { hint: "The same command again." });
}
