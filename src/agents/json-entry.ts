/** One entry of ours in an object of a JSON file that others keep, such as `mcpServers`: put in, renewed, taken out, with the rest of the text as it was. */
import { TidemarkError } from "../base/errors.ts";
import { canonicalJson } from "../base/json.ts";
import { insertLast, isFault, memberOf, readJsonText, removeAt, replaceNode, valueOf, type JsonNode } from "../base/json-text.ts";
import type { Entries, TextFile } from "./entries.ts";

export type ObjectNode = Extract<JsonNode, { kind: "object" }>;

export function startText({ text }: TextFile): string {
  // Clients take an empty file for empty settings.
  return text === undefined || text.trim() === "" ? "{}\n" : text;
}

export function readObject(path: string, text: string): ObjectNode {
  const read = readJsonText(text);
  if (isFault(read)) throw new TidemarkError("CONFIG_UNREADABLE", `${path} is not valid JSON: line ${read.line}, column ${read.column}: ${read.message}`);
  if (read.kind !== "object") throw new TidemarkError("CONFIG_UNREADABLE", `${path} is not a JSON object`);
  return read;
}

/** The object that things are put into, or nothing where there is none. */
export function objectIn(path: string, root: ObjectNode, key: string): ObjectNode | undefined {
  const found = memberOf(root, key)?.node;
  if (found !== undefined && found.kind !== "object") throw new TidemarkError("CONFIG_UNREADABLE", `"${key}" in ${path} is not an object, so nothing can be added to it`);
  return found;
}

export function withoutMember(text: string, container: ObjectNode, key: string): string {
  return removeAt(text, container, container.members.findLastIndex((member) => member.key === key));
}

export interface JsonEntry {
  /** The object it stands in, and its name there. */
  readonly container: string;
  readonly name: string;
  readonly value: Record<string, unknown>;
  readonly isOwn: (value: unknown) => boolean;
}

/** Refused: SERVER_NAME_TAKEN where another's stands under the name. */
export function withEntry(file: TextFile, entry: JsonEntry): string {
  const { container, name, value, isOwn } = entry;
  const text = startText(file);
  const root = readObject(file.path, text);
  const entries = objectIn(file.path, root, container);
  if (entries === undefined) return withEntry({ path: file.path, text: insertLast(text, root, {}, container) }, entry);
  const present = memberOf(entries, name);
  if (present === undefined) return insertLast(text, entries, value, name);
  const found = valueOf(present.node);
  if (!isOwn(found)) throw nameTaken(file.path, name);
  return canonicalJson(found) === canonicalJson(value) ? text : replaceNode(text, present.node, value);
}

export function nameTaken(path: string, name: string): TidemarkError {
  return new TidemarkError("SERVER_NAME_TAKEN", `${path} already has an MCP server named "${name}" that \`tidemark init\` did not add`);
}

export function withoutEntry(file: TextFile, { container, name, isOwn }: Omit<JsonEntry, "value">, there: ReadonlySet<string> = new Set()): string {
  const text = startText(file);
  const root = readObject(file.path, text);
  const entries = objectIn(file.path, root, container);
  const present = memberOf(entries, name);
  if (entries === undefined || present === undefined || !isOwn(valueOf(present.node))) return text;
  return entries.members.length === 1 && !there.has(container) ? withoutMember(text, root, container) : withoutMember(text, entries, name);
}

export function hasEntry(file: TextFile, { container, name, isOwn }: Omit<JsonEntry, "value">): boolean {
  const present = memberOf(objectIn(file.path, readObject(file.path, startText(file)), container), name);
  return present !== undefined && isOwn(valueOf(present.node));
}

/** Has the text no settings left? */
export function isBlank(file: TextFile): boolean {
  return readObject(file.path, startText(file)).members.length === 0;
}

export function jsonEntries(entry: JsonEntry): Entries {
  return {
    put: (file) => withEntry(file, entry),
    takeOut: (file, there) => withoutEntry(file, entry, there),
    isWired: (file) => hasEntry(file, entry),
    containers: (file) => (memberOf(readObject(file.path, startText(file)), entry.container) === undefined ? [] : [entry.container]),
    isBlank,
  };
}
