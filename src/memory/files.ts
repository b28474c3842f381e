/**
 * The agent's own memory files, as the memory tool of the Anthropic API knows them (`memory_20250818`): a folder `/memories`
 * that exists in the log alone. Every version stays, so a file that was overwritten or deleted can be had again. Pure: a
 * command and the files as they are give an answer and what changes. The texts of answers are those of the SDK's reference
 * (`BetaLocalFilesystemMemoryTool` of @anthropic-ai/sdk 1.12), since models were trained on them.
 *
 * Where the reference goes wrong this does not: an `old_str` of several lines is found, two hits on one line are two, a
 * missing `new_str` is nothing rather than "undefined", `/memoriesfoo` is no path of ours, a range outside of the file is
 * refused. Leaves out where files are kept (operations/memory-files.ts).
 */
import { TidemarkError } from "../base/errors.ts";
import { isRecord } from "../base/json.ts";
import type { EventOf } from "../event/schema.ts";

export const MEMORY_ROOT = "/memories";

/** A file's path, from `/memories`, with its text. Folders are where files are: an empty one is none. */
export type MemoryFiles = ReadonlyMap<string, string>;

/** What a command changes: a file's new text, or none where it goes. `from`: the path it had before. */
export interface FileChange {
  readonly path: string;
  readonly text?: string;
  readonly from?: string;
}

export interface Carried {
  readonly answer: string;
  readonly changes: readonly FileChange[];
}

/** Files as they are after these events, in the order of the log. */
export function foldFiles(events: readonly EventOf<"memory.filed">[]): MemoryFiles {
  const files = new Map<string, string>();
  for (const { payload } of events) {
    for (const { path, text, from } of payload.files) {
      if (from !== undefined) files.delete(from);
      if (text === undefined) files.delete(path);
      else files.set(path, text);
    }
  }
  return files;
}

/** One of the six commands, as the model has put it: anything may be in it. Throws MEMORY_REFUSED in the words that the model is to read. */
export function carryOutCommand(files: MemoryFiles, command: unknown): Carried {
  if (!isRecord(command)) throw refused("A command of the memory tool is an object with a field `command`");
  const { command: name } = command;
  const verb = typeof name === "string" && Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (verb === undefined) throw refused(`Unknown command: ${JSON.stringify(name) ?? "none"}. The memory tool has ${Object.keys(COMMANDS).join(", ")}`);
  return verb(files, command);
}

type Input = Readonly<Record<string, unknown>>;

const COMMANDS: Readonly<Record<string, (files: MemoryFiles, input: Input) => Carried>> = { view, create, str_replace: replace, insert, delete: remove, rename };

function view(files: MemoryFiles, input: Input): Carried {
  const path = pathIn(input, "path");
  const text = files.get(path);
  if (text === undefined) return { answer: viewFolder(files, path), changes: [] };
  const lines = text.split("\n");
  if (lines.length > MOST_LINES) throw refused(`File ${path} has too many lines (${lines.length}). Maximum is ${MOST_LINES.toLocaleString("en-US")} lines.`);
  const [from, to] = rangeIn(input, lines.length);
  return { answer: `Here's the content of ${path} with line numbers:\n${numbered(lines.slice(from - 1, to), from)}`, changes: [] };
}

const MOST_LINES = 999_999;
/** As deep as a listing goes. */
const DEPTH = 2;

function viewFolder(files: MemoryFiles, folder: string): string {
  const inside = [...files].filter(([path]) => path.startsWith(`${folder}/`));
  if (inside.length === 0 && folder !== MEMORY_ROOT) throw missing(folder);
  const sizes = new Map<string, number>();
  for (const [path, text] of inside) {
    const parts = path.slice(folder.length + 1).split("/");
    if (parts.some((part) => part.startsWith(".") || part === "node_modules")) continue;
    const size = Buffer.byteLength(text);
    // A folder is as large as what is in it.
    for (let depth = 1; depth <= Math.min(DEPTH, parts.length); depth++) {
      const shown = `${parts.slice(0, depth).join("/")}${depth < parts.length ? "/" : ""}`;
      sizes.set(shown, (sizes.get(shown) ?? 0) + size);
    }
  }
  const all = inside.reduce((sum, [, text]) => sum + Buffer.byteLength(text), 0);
  const lines = [...sizes].sort(([a], [b]) => (a < b ? -1 : 1)).map(([path, size]) => `${sizeText(size)}\t${folder}/${path}`);
  return [`Here're the files and directories up to ${DEPTH} levels deep in ${folder}, excluding hidden items and node_modules:`, `${sizeText(all)}\t${folder}`, ...lines].join("\n");
}

function create(files: MemoryFiles, input: Input): Carried {
  const path = filePathIn(files, input, "path");
  const text = textIn(input, "file_text");
  if (files.has(path)) throw refused(`File ${path} already exists`);
  return { answer: `File created successfully at: ${path}`, changes: [{ path, text }] };
}

function replace(files: MemoryFiles, input: Input): Carried {
  const [path, text] = fileIn(files, input);
  const [old, next] = [textIn(input, "old_str"), input["new_str"] === undefined || input["new_str"] === null ? "" : textIn(input, "new_str")];
  if (old === "") throw refused("No replacement was performed, old_str is empty. Use insert to add text.");
  const places = placesOf(text, old);
  if (places.length === 0) throw refused(`No replacement was performed, old_str \`${old}\` did not appear verbatim in ${path}.`);
  const lineAt = (place: number): number => text.slice(0, place).split("\n").length;
  if (places.length > 1) throw refused(`No replacement was performed. Multiple occurrences of old_str \`${old}\` in lines: ${[...new Set(places.map(lineAt))].join(", ")}. Please ensure it is unique`);
  const after = text.slice(0, places[0]) + next + text.slice(places[0]! + old.length);
  const [lines, first] = [after.split("\n"), lineAt(places[0]!)];
  const [from, to] = [Math.max(1, first - 2), Math.min(lines.length, first + next.split("\n").length + 1)];
  return { answer: `The memory file has been edited. Here is the snippet showing the change (with line numbers):\n${numbered(lines.slice(from - 1, to), from)}`, changes: [{ path, text: after }] };
}

function insert(files: MemoryFiles, input: Input): Carried {
  const [path, text] = fileIn(files, input);
  const [at, added] = [input["insert_line"], textIn(input, "insert_text")];
  const lines = text.split("\n");
  if (typeof at !== "number" || !Number.isInteger(at) || at < 0 || at > lines.length) throw refused(`Invalid \`insert_line\` parameter: ${JSON.stringify(at) ?? "none"}. It should be within the range of lines of the file: [0, ${lines.length}]`);
  lines.splice(at, 0, added.replace(/\n$/, ""));
  return { answer: `The file ${path} has been edited.`, changes: [{ path, text: lines.join("\n") }] };
}

function remove(files: MemoryFiles, input: Input): Carried {
  const path = pathIn(input, "path");
  if (path === MEMORY_ROOT) throw refused(`Cannot delete the ${MEMORY_ROOT} directory itself`);
  const going = under(files, path);
  if (going.length === 0) throw refused(`The path ${path} does not exist`);
  return { answer: `Successfully deleted ${path}`, changes: going.map((each) => ({ path: each })) };
}

function rename(files: MemoryFiles, input: Input): Carried {
  const [from, to] = [pathIn(input, "old_path"), filePathIn(files, input, "new_path")];
  const going = under(files, from);
  if (from === MEMORY_ROOT) throw refused(`Cannot rename the ${MEMORY_ROOT} directory itself`);
  if (going.length === 0) throw refused(`The path ${from} does not exist`);
  if (under(files, to).length > 0) throw refused(`The destination ${to} already exists`);
  if (to.startsWith(`${from}/`)) throw refused(`Cannot move ${from} into itself`);
  return { answer: `Successfully renamed ${from} to ${to}`, changes: going.map((each) => ({ path: to + each.slice(from.length), text: files.get(each)!, from: each })) };
}

/** A file, or all that are in a folder. */
function under(files: MemoryFiles, path: string): string[] {
  return [...files.keys()].filter((each) => each === path || each.startsWith(`${path}/`)).sort();
}

function fileIn(files: MemoryFiles, input: Input): [path: string, text: string] {
  const path = pathIn(input, "path");
  const text = files.get(path);
  if (text !== undefined) return [path, text];
  throw path === MEMORY_ROOT || under(files, path).length > 0 ? refused(`The path ${path} is not a file.`) : missing(path);
}

/** Of a file that is to be made: not the root, and not below a file. */
function filePathIn(files: MemoryFiles, input: Input, field: string): string {
  const path = pathIn(input, field);
  if (path === MEMORY_ROOT) throw refused(`The path ${path} is a directory.`);
  if (!files.has(path) && under(files, path).length > 0) throw refused(field === "new_path" ? `The destination ${path} already exists` : `The path ${path} is a directory.`);
  for (let above = path.slice(0, path.lastIndexOf("/")); above.length > MEMORY_ROOT.length; above = above.slice(0, above.lastIndexOf("/"))) {
    if (files.has(above)) throw refused(`The path ${above} is not a directory.`);
  }
  return path;
}

const MOST_PATH = 1024;

/** Below `/memories`, without a step that would lead out of it, however it is written. */
function pathIn(input: Input, field: string): string {
  const given = textIn(input, field);
  const parts = given.split("/").filter((part) => part !== "" && part !== ".");
  if (!given.startsWith("/") || parts[0] !== MEMORY_ROOT.slice(1)) throw refused(`Path must start with ${MEMORY_ROOT}, got: ${given.slice(0, 200)}`);
  // oxlint-disable-next-line no-control-regex
  if (parts.includes("..") || /%2e|%2f|%5c|\\|[\u0000-\u001f\u007f]/i.test(given) || given.length > MOST_PATH) throw refused(`Path ${given.slice(0, 200)} would escape ${MEMORY_ROOT} directory`);
  return `/${parts.join("/")}`;
}

function textIn(input: Input, field: string): string {
  const value = input[field];
  if (typeof value !== "string") throw refused(`The field \`${field}\` is missing, or is no text`);
  return value.toWellFormed();
}

function rangeIn({ view_range: range }: Input, lines: number): [from: number, to: number] {
  if (range === undefined || range === null) return [1, lines];
  const [from, to] = Array.isArray(range) ? (range as unknown[]) : [];
  const end = to === -1 ? lines : to;
  if (!Array.isArray(range) || range.length !== 2 || !Number.isInteger(from) || !Number.isInteger(end) || (from as number) < 1 || (from as number) > lines || (end as number) < (from as number)) {
    throw refused(`Invalid \`view_range\`: ${JSON.stringify(range)}. It should be [first, last] within the lines of the file: [1, ${lines}]; -1 is the last line`);
  }
  return [from as number, Math.min(end as number, lines)];
}

/** Also where they overlap. */
function placesOf(text: string, wanted: string): number[] {
  const places: number[] = [];
  for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + 1)) places.push(at);
  return places;
}

const NUMBER_WIDTH = 6;

function numbered(lines: readonly string[], from: number): string {
  return lines.map((line, i) => `${String(from + i).padStart(NUMBER_WIDTH)}\t${line}`).join("\n");
}

function sizeText(bytes: number): string {
  let [size, unit] = [bytes, 0];
  for (; size >= 1024 && unit < 3; size /= 1024) unit += 1;
  return `${Number.isInteger(size) ? size : size.toFixed(1)}${"BKMG"[unit]}`;
}

function refused(message: string): TidemarkError {
  return new TidemarkError("MEMORY_REFUSED", message);
}

function missing(path: string): TidemarkError {
  return refused(`The path ${path} does not exist. Please provide a valid path.`);
}
