/**
 * Memories as Markdown that people can read and edit, and back. Pure. A heading for each kind, an item for each memory;
 * behind the statement a comment says what else there is to know. What is not touched comes back as it was, byte for byte.
 *
 *     - Use pnpm, not npm. <!-- m1a2b3c4d5e; key instead-of:npm; said by user; since 2026-01-31T12:00:00.000Z -->
 *
 * Left out: how often a command passed, where a memory was taken from: `memory show --json` has them.
 */
import { TidemarkError } from "../base/errors.ts";
import { MEMORY_KINDS } from "../event/schema.ts";
import type { Kind, Memory, Scope, Trust } from "./model.ts";
import { keyOf, scopeName, scopeOf, statementOf, type Place } from "./statement.ts";

const HEADINGS: Readonly<Record<Kind, string>> = { constraint: "Constraints", decision: "Decisions", procedural: "Commands and recipes", semantic: "Facts", episodic: "What was done", working: "Under way" };
const TRUST: Readonly<Record<Trust, string>> = { user: "user", inferred: "nobody, worked out", tool: "a tool" };

export interface Item {
  /** Line of the file, from 1. */
  readonly line: number;
  readonly kind: Kind;
  readonly statement: string;
  readonly id?: string;
  readonly key?: string;
  readonly scope?: Scope;
  readonly trust?: Trust;
  readonly valid_from?: number;
}

export function toMarkdown(memories: readonly Memory[], { project }: Place): string {
  const parts = [`# Memory`, `Of ${escaped(project)}. Statements may be changed, added and removed; \`tidemark memory import FILE\` takes that in, and can be taken back.`];
  for (const kind of MEMORY_KINDS) {
    const items = memories.filter((memory) => memory.kind === kind).sort((a, b) => a.valid_from - b.valid_from || (a.id < b.id ? -1 : 1));
    if (items.length > 0) parts.push(`## ${HEADINGS[kind]}`, items.map(itemOf).join("\n"));
  }
  return `${parts.join("\n\n")}\n`;
}

function itemOf({ id, key, scope, statement, trust, valid_from }: Memory): string {
  const name = scopeName(scope);
  const notes = [id, `key ${key}`, ...(name === "project" ? [] : [`for ${escaped(name)}`]), `said by ${TRUST[trust]}`, `since ${new Date(valid_from).toISOString()}`];
  return `- ${statement} <!-- ${notes.join("; ")} -->`;
}

/** A name may be anything; marks that end a note are written as a URL would write them. */
function escaped(text: string): string {
  return text.replace(/[%;<>\n]/g, (mark) => `%${mark.charCodeAt(0).toString(16).padStart(2, "0").toUpperCase()}`);
}

function unescaped(text: string): string {
  return text.replace(/%(25|3B|3C|3E|0A)/g, (_, code: string) => String.fromCharCode(parseInt(code, 16)));
}

/** Throws MEMORY_FILE with the line that cannot be read. Text before the first heading of a kind is left alone. */
export function fromMarkdown(text: string, place: Place): Item[] {
  const items: Item[] = [];
  const seen = new Set<string>();
  let kind: Kind | undefined;
  for (const [i, raw] of text.replace(/^\ufeff/, "").split(/\r?\n/).entries()) {
    const line = i + 1;
    const heading = /^##\s+(.+?)\s*$/.exec(raw)?.[1];
    if (heading !== undefined) {
      kind = MEMORY_KINDS.find((each) => HEADINGS[each].toLowerCase() === heading.toLowerCase());
      if (kind === undefined) throw unreadable(line, `there is no kind of memory called "${heading}"; there are ${Object.values(HEADINGS).join(", ")}`);
      continue;
    }
    if (kind === undefined || raw.trim() === "") continue;
    const words = /^[-*]\s+(.*)$/.exec(raw)?.[1];
    if (words === undefined) throw unreadable(line, "it is neither a heading nor an item that begins with a dash");
    const item = itemFrom(words, kind, line, place);
    if (item.id !== undefined && seen.has(item.id)) throw unreadable(line, `${item.id} stands there twice`);
    if (item.id !== undefined) seen.add(item.id);
    items.push(item);
  }
  // With --replace a file of something else would end everything.
  if (kind === undefined && !/^# Memory\s*$/m.test(text)) throw unreadable(1, `there is no heading of a kind of memory in the whole file: ${Object.values(HEADINGS).map((each) => `## ${each}`).join(", ")}`);
  return items;
}

function itemFrom(words: string, kind: Kind, line: number, place: Place): Item {
  const noted = /^(.*?)\s*<!-- (m[0-9a-f]{10}(?:; (?:(?!<!--).)*)?) -->\s*$/.exec(words);
  try {
    if (noted === null && /<!-- m[0-9a-f]{10}\b/.test(words)) throw new TidemarkError("MEMORY_FILE", "the comment behind the statement is damaged; without any comment it counts as a new memory");
    if (noted === null) return { line, kind, statement: statementOf(words).statement };
    const [id, ...notes] = noted[2]!.split("; ");
    const found: { key?: string; scope?: Scope; trust?: Trust; valid_from?: number } = {};
    for (const note of notes) {
      const [, name, value] = /^(key|for|said by|since) (.+)$/.exec(note) ?? [];
      if (name === "key") found.key = keyOf(value!);
      else if (name === "for") found.scope = scopeOf(unescaped(value!), place);
      else if (name === "said by") found.trust = trustOf(value!);
      else if (name === "since") found.valid_from = timeOf(value!);
      else throw new TidemarkError("MEMORY_FILE", `"${note}" is not one of: key, for, said by, since`);
    }
    return { line, kind, id: id!, ...found, statement: statementOf(noted[1]!).statement };
  } catch (error) {
    throw error instanceof TidemarkError ? unreadable(line, error.message) : error;
  }
}

function trustOf(text: string): Trust {
  const found = (Object.keys(TRUST) as Trust[]).find((each) => TRUST[each] === text);
  if (found === undefined) throw new TidemarkError("MEMORY_FILE", `"said by" is one of: ${Object.values(TRUST).join("; ")}`);
  return found;
}

function timeOf(text: string): number {
  const time = Date.parse(text);
  if (!Number.isFinite(time)) throw new TidemarkError("MEMORY_FILE", `"${text}" is no time such as 2026-01-31T12:00:00.000Z`);
  return time;
}

function unreadable(line: number, why: string): TidemarkError {
  return new TidemarkError("MEMORY_FILE", `Line ${line}: ${why}`);
}
