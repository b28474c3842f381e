/**
 * What may be remembered: one statement on one line, a key, a scope; and how they are written in commands and Markdown.
 * Pure. Refuses with MEMORY_REFUSED what is none.
 */
import { TidemarkError } from "../base/errors.ts";
import { sha256Hex } from "../base/hash.ts";
import { oneLine, printable } from "../base/text.ts";
import { KEY_SHAPE, MEMORY_KINDS, STATEMENT_MOST } from "../event/schema.ts";
import { contentOf } from "./likeness.ts";
import type { Kind, Scope } from "./model.ts";

/** Without line breaks and without what a terminal would obey or only a model would read. `cleaned`: something was taken out. */
export function statementOf(text: string): { readonly statement: string; readonly cleaned: boolean } {
  const visible = printable(text.toWellFormed());
  const statement = oneLine(visible);
  if (statement === "") throw new TidemarkError("MEMORY_REFUSED", "There is no statement to remember");
  if (statement.length > STATEMENT_MOST) {
    throw new TidemarkError("MEMORY_REFUSED", `A statement of ${statement.length.toLocaleString("en-US")} characters is too long: ${STATEMENT_MOST.toLocaleString("en-US")} at most`, { hint: "Keep the text in a file and remember where it is and what it is about." });
  }
  return { statement, cleaned: visible !== text };
}

export function keyOf(text: string): string {
  const key = text.trim();
  if (!KEY_SHAPE.test(key) || printable(key) !== key) throw new TidemarkError("MEMORY_REFUSED", `"${printable(text).slice(0, 80)}" is no key: one line of at most 200 characters without ; < and >`);
  return key;
}

const USE_NOT = /\buse\s+[`"']?([\w@./-]+)[`"']?\s*(?:,\s*)?(?:\(?not|instead of|rather than|over|and not|never)\s+[`"']?([\w@./-]+)/i;

/** The key of a statement that was given none: what "use X, not Y" chooses against, else the statement itself. */
export function defaultKey(statement: string): string {
  const against = USE_NOT.exec(statement)?.[2]?.replace(/[.,/-]+$/, "").toLowerCase();
  return against === undefined || against === "" ? `says:${sha256Hex(contentOf(statement)).slice(0, 12)}` : `instead-of:${against}`;
}

export function kindOf(text: string): Kind {
  if (!(MEMORY_KINDS as readonly string[]).includes(text)) throw new TidemarkError("BAD_VALUE", `--kind takes ${MEMORY_KINDS.join(", ")}, not "${text}"`);
  return text as Kind;
}

/** Where a memory is asked about or remembered from. */
export interface Place {
  readonly project: string;
  readonly branch?: string;
}

/** `user`, `team`, `project`, `branch`, `branch NAME` or `path PATH`. */
export function scopeOf(text: string, { project, branch }: Place): Scope {
  const [, level = "", name = ""] = /^(\w+)(?:[\s:=]+(.*))?$/s.exec(text.trim()) ?? [];
  if (level === "user" || level === "team") return { level };
  if (level === "project") return { level, project };
  if (level === "branch") {
    const named = name === "" ? branch : name;
    if (named === undefined) throw new TidemarkError("BAD_VALUE", "There is no branch here to remember this for", { hint: 'Name it: --scope "branch NAME"' });
    return { level, project, branch: named };
  }
  if (level === "path" && name !== "") return { level, project, path: name.replace(/^\.\//, "").replace(/\/+$/, "") };
  throw new TidemarkError("BAD_VALUE", `--scope takes user, team, project, branch, "branch NAME" or "path PATH", not "${text}"`);
}

/** The same, written so that `scopeOf` reads it in the same project. */
export function scopeName({ level, branch, path, user, agent, run }: Scope): string {
  if (level === "owner") return Object.entries({ user, agent, run }).flatMap(([name, id]) => (id === undefined ? [] : [`${name} ${id}`])).join(", ");
  return level === "branch" ? `branch ${branch ?? ""}` : level === "path" ? `path ${path ?? ""}` : level;
}

/** Whether a memory of this scope is to be seen from there. Those a program keeps for its own users are for it alone. Its branch does not hide it: it is said (rank.ts). */
export function isSeenFrom({ level, project }: Scope, place: Place): boolean {
  return level === "user" || level === "team" || project === place.project;
}
