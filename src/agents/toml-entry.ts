/**
 * One table of ours in a TOML file that others keep, such as `[mcp_servers.tidemark]` of Codex: put at the end, renewed in its
 * place, taken out, with the rest of the text as it was. smol-toml reads; no library at hand writes TOML without laying it out
 * anew, so the text is edited by lines and read again: an edit that changed anything else is refused.
 */
import { parse, TomlError, type TomlTable } from "smol-toml";
import { TidemarkError } from "../base/errors.ts";
import { canonicalJson, isRecord } from "../base/json.ts";
import type { Entries, TextFile } from "./entries.ts";
import { nameTaken } from "./json-entry.ts";

export interface TomlEntry {
  /** The table it stands in, and its name there: bare keys. */
  readonly container: string;
  readonly name: string;
  /** Texts, lists of texts and tables of texts. */
  readonly value: Readonly<Record<string, string | readonly string[] | Readonly<Record<string, string>>>>;
  readonly isOwn: (value: unknown) => boolean;
}

export function tomlEntries(entry: TomlEntry): Entries {
  return {
    put: (file) => withTable(file, entry),
    takeOut: (file) => withoutTable(file, entry),
    isWired: (file) => entry.isOwn(found(read(file), entry)),
    containers: () => [],
    isBlank: ({ text }) => (text ?? "").trim() === "",
  };
}

/** As it stands in a file. JSON's way of writing a text is one of TOML's. */
export function tomlTable({ container, name, value }: TomlEntry, end = "\n"): string {
  const written = (each: TomlEntry["value"][string]): string => {
    if (typeof each === "string") return JSON.stringify(each);
    if (Array.isArray(each)) return `[${each.map((text: string) => JSON.stringify(text)).join(", ")}]`;
    return `{ ${Object.entries(each).map(([key, text]) => `${key} = ${JSON.stringify(text)}`).join(", ")} }`;
  };
  return [`[${container}.${name}]`, ...Object.entries(value).map(([key, each]) => `${key} = ${written(each)}`), ""].join(end);
}

function withTable(file: TextFile, entry: TomlEntry): string {
  const { path, text = "" } = file;
  const before = read(file);
  const present = found(before, entry);
  if (present !== undefined && !entry.isOwn(present)) throw nameTaken(path, entry.name);
  if (present !== undefined && canonicalJson(present) === canonicalJson(entry.value)) return text;
  const end = text.includes("\r\n") ? "\r\n" : "\n";
  const table = tomlTable(entry, end);
  const lines = present === undefined ? undefined : linesOf(text, entry);
  const after = lines === undefined ? `${text}${text === "" || text.endsWith("\n") ? "" : end}${text.trim() === "" ? "" : end}${table}` : text.slice(0, lines.from) + table + text.slice(lines.to);
  return checked(file, after, { ...before, [entry.container]: { ...inner(before, entry), [entry.name]: entry.value } });
}

function withoutTable(file: TextFile, entry: TomlEntry): string {
  const { text = "" } = file;
  const before = read(file);
  if (!entry.isOwn(found(before, entry))) return text;
  const lines = linesOf(text, entry) ?? { from: 0, to: 0 };
  // The empty line that parts it from what stands before it was ours as well.
  const from = lines.from - (/\r?\n(\r?\n)$/.exec(text.slice(0, lines.from))?.[1]?.length ?? 0);
  const { [entry.name]: _, ...others } = inner(before, entry);
  const rest = Object.fromEntries(Object.entries(before).filter(([key]) => key !== entry.container));
  return checked(file, text.slice(0, from) + text.slice(lines.to), Object.keys(others).length === 0 ? rest : { ...rest, [entry.container]: others });
}

/** From the header of the table to the next header that is none of its own. */
function linesOf(text: string, { container, name }: TomlEntry): { from: number; to: number } | undefined {
  const own = new RegExp(String.raw`^[ \t]*\[[ \t]*${container}[ \t]*\.[ \t]*(?:"${name}"|${name})[ \t]*[\].]`);
  let from: number | undefined;
  let at = 0;
  for (const line of text.split(/(?<=\n)/)) {
    if (from === undefined ? own.test(line) : /^[ \t]*\[/.test(line) && !own.test(line)) {
      if (from !== undefined) return { from, to: at };
      from = at;
    }
    at += line.length;
  }
  return from === undefined ? undefined : { from, to: at };
}

/** Nothing but our table may be another than before; a header within a text of several lines, for one, is not seen as what it is. */
function checked({ path }: TextFile, after: string, wanted: Record<string, unknown>): string {
  let value: TomlTable | undefined;
  try {
    value = parse(after);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
  }
  if (value === undefined || canonicalJson(plain(value)) !== canonicalJson(plain(wanted))) throw new TidemarkError("CONFIG_UNREADABLE", `${path} is laid out in a way that cannot be edited without touching the rest of it`, { hint: "tidemark init --agent codex --print, and put it in by hand" });
  return after;
}

function read({ path, text = "" }: TextFile): TomlTable {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    throw new TidemarkError("CONFIG_UNREADABLE", `${path} is not valid TOML: line ${error.line}, column ${error.column}: ${error.message.split("\n", 1)[0]!.replace("Invalid TOML document: ", "")}`);
  }
}

function inner(table: TomlTable, { container }: TomlEntry): Record<string, unknown> {
  const value = table[container];
  return isRecord(value) ? value : {};
}

function found(table: TomlTable, entry: TomlEntry): unknown {
  return inner(table, entry)[entry.name];
}

/** Dates and big numbers as texts, so that two readings can be held against each other. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (_, each: unknown) => (typeof each === "bigint" || (typeof each === "number" && !Number.isFinite(each)) ? String(each) : each)));
}
