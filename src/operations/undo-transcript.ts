/**
 * What taking back calls of a session would write, where there are no checkpoints and only the agent's transcript tells
 * what the files were: call by call, with the later calls on the same files that have to go, too. Gives a plan and the
 * bytes it needs, in the words of checkpoints, so that preview, sealing of the present, journal and redo are theirs.
 *
 * Texts come from the agent's own files, never from the log, which is redacted. The disk must hold what the newest call
 * left, else the path stays as it is, with the reason. Leaves out writing (worktree/restore.ts) and what the records
 * prove (agents/claude-code/operations.ts).
 */
import { isUtf8 } from "node:buffer";
import { lstatSync, readFileSync, readlinkSync, realpathSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { basename, dirname, join, relative, resolve, sep } from "node:path";
import { isText, OperationReader, takenBack, unixed, type FileOperation, type NoOperation, type Operation, type Operations, type Side } from "../agents/claude-code/operations.ts";
import { findTranscripts, transcriptsFolder } from "../agents/claude-code/sources.ts";
import { TidemarkError } from "../base/errors.ts";
import { sha256Hex } from "../base/hash.ts";
import { notText, readLines } from "../base/lines.ts";
import { clip } from "../base/text.ts";
import { mergeText } from "../checkpoint/merge.ts";
import { isVersion, type ContentId, type PlanItem, type State, type TreePath, type Version } from "../checkpoint/model.ts";
import { inOrder, OWN_FILES } from "../checkpoint/plan.ts";
import type { Story } from "../session/fold.ts";
import { parseLine, type Quarantined } from "./intake.ts";

export interface TranscriptUndoOptions {
  readonly session: string;
  /** The agent's configuration folder. */
  readonly configDir: string;
  /** The tree that may be written to; calls elsewhere are refused. */
  readonly root: string;
  /** One call; those of a turn (`callsOfTurn`), where reads are passed over; or the newest that may have changed something. */
  readonly select: { readonly call: string } | { readonly calls: readonly string[] } | { readonly last: number };
  /** What to do where something else changed a file, too: leave it, merge around that, or take that back as well. */
  readonly mode: "keep" | "merge" | "force";
  /** Whether a call of a tool that is no edit tool may have changed files. */
  readonly mayChange: (tool: string, input: unknown) => boolean;
  /** Leaves later calls on the same files in place and merges around them. */
  readonly only?: boolean;
  /** Restricts it to these paths. */
  readonly within?: (path: TreePath) => boolean;
}

/** A call as a person is told of it. */
export interface TakenCall {
  readonly call: string;
  readonly tool: string;
  readonly time: number;
  readonly thread?: string;
  /** In the tree, or whole where it is elsewhere. */
  readonly path: string;
}

export interface TranscriptUndo {
  readonly session: string;
  /** The files that were read. */
  readonly transcripts: readonly string[];
  /** Deletions first, then what is written, kept and refused. A merge is made already: its bytes are in `contents`. */
  readonly plan: readonly PlanItem[];
  /** Every content that a target names. */
  readonly contents: ReadonlyMap<ContentId, Uint8Array>;
  readonly selected: readonly TakenCall[];
  /** Later calls on the same files, which are taken back with them. */
  readonly cascade: readonly TakenCall[];
  /** Selected calls whose effect is not in a transcript. */
  readonly irreversible: readonly { readonly call: string; readonly tool: string; readonly what: string; readonly reason: string }[];
  /** Lines of the transcripts that could not be read: an operation may be missing. */
  readonly damaged: readonly Quarantined[];
}

/** The calls of a turn, by its number from 1. */
export function callsOfTurn({ turns }: Story, turn: number): string[] {
  const found = turns.find(({ n }) => n === turn);
  if (found === undefined) throw new TidemarkError("BAD_VALUE", `The session has no turn ${turn}; it has ${turns.length}`, { hint: "tidemark show SESSION" });
  return found.calls.map(({ id }) => id);
}

export async function planTranscriptUndo(options: TranscriptUndoOptions): Promise<TranscriptUndo> {
  const { session } = options;
  const transcripts = await transcriptsOf(options.configDir, session);
  const { operations, without, damaged } = await readOperations(session, transcripts);
  const root = realpathSync(options.root);
  const { ids, irreversible } = choose(options, operations, without);
  const contents = new Map<ContentId, Uint8Array>();
  const plan: PlanItem[] = [];
  const selected: TakenCall[] = [];
  const cascade: TakenCall[] = [];
  for (const { path, refused, calls } of byPlace(root, operations)) {
    const first = calls.findIndex(({ call }) => ids.has(call));
    if (first < 0 || options.within?.(path) === false || OWN_FILES.includes(basename(path))) continue;
    const told = calls.slice(first).map((operation) => ({ ...takenCall(operation), path }));
    selected.push(...told.filter(({ call }) => ids.has(call)));
    if (options.only !== true) cascade.push(...told.filter(({ call }) => !ids.has(call)));
    plan.push(refused === undefined ? planPath(path, calls, ids, presentAt(root, path), options, contents) : { path, action: "refuse", reason: refused, expected: "unknown", target: "unknown" });
  }
  const byTime = (a: TakenCall, b: TakenCall): number => a.time - b.time;
  return { session, transcripts, plan: plan.sort(inOrder), contents, selected: selected.sort(byTime), cascade: cascade.sort(byTime), irreversible, damaged };
}

function takenCall({ call, tool, time, thread, path }: FileOperation): TakenCall {
  return { call, tool, time, path, ...(thread === undefined ? {} : { thread }) };
}

// ---- the transcripts ----

/** A session's own file, wherever copies of it lie, and those of its subagents. */
async function transcriptsOf(configDir: string, session: string): Promise<string[]> {
  const folder = transcriptsFolder(configDir);
  const gone = (cause?: unknown): TidemarkError =>
    new TidemarkError("TRANSCRIPT_GONE", `The agent's transcript of session ${session} is not in ${folder}; what the files were before it is nowhere else`, { hint: `tidemark resume ${session}`, ...(cause === undefined ? {} : { cause }) });
  let paths: string[];
  try {
    paths = (await findTranscripts(folder)).files.map(({ path }) => path);
  } catch (error) {
    if (error instanceof TidemarkError && error.code === "PATH_MISSING") throw gone(error);
    throw error;
  }
  const own = paths.filter((path) => basename(path, ".jsonl") === session);
  if (own.length === 0) throw gone();
  const found = [...own];
  for (const path of own) {
    const beside = join(path.replace(/\.jsonl$/, ""), "subagents");
    found.push(...paths.filter((each) => dirname(each) === beside));
    // Early clients put the files of all sessions' subagents beside each other.
    for (const name of await readdir(dirname(path))) {
      if (/^agent-.*\.jsonl$/.test(name) && (await firstSession(join(dirname(path), name))) === session) found.push(join(dirname(path), name));
    }
  }
  return found;
}

async function firstSession(path: string): Promise<unknown> {
  for await (const lines of readLines(path)) {
    const [first] = Array.isArray(lines) ? lines : [];
    const record = first === undefined ? undefined : parseLine(first);
    return typeof record === "object" ? record["sessionId"] : undefined;
  }
  return undefined;
}

async function readOperations(session: string, transcripts: readonly string[]): Promise<Operations & { readonly damaged: Quarantined[] }> {
  const reader = new OperationReader(session);
  const damaged: Quarantined[] = [];
  for (const file of transcripts) {
    try {
      const reason = await notText(file);
      if (reason !== undefined) throw new TidemarkError("NOT_A_TRANSCRIPT", `${file}: ${reason}`);
      for await (const lines of readLines(file)) {
        if (!Array.isArray(lines)) {
          damaged.push({ file, line: lines.number, reason: lines.problem });
          continue;
        }
        for (const line of lines) {
          const record = parseLine(line);
          if (typeof record === "object") reader.push(record);
          else if (line.text.trim() !== "") damaged.push({ file, line: line.number, reason: record });
        }
      }
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "EACCES" || code === "EPERM" || code === "EIO") throw new TidemarkError("PATH_UNREADABLE", `${file} cannot be read (${code})`, { cause: error, hint: "Check the permissions of the path, then repeat the command." });
      throw error;
    }
  }
  return { ...reader.end(), damaged };
}

// ---- which calls ----

interface Chosen {
  readonly ids: ReadonlySet<string>;
  readonly irreversible: TranscriptUndo["irreversible"];
}

const NOT_IN_A_TRANSCRIPT = "what a shell command changed is not in a transcript";
const NOT_KNOWN = "what this tool changed, if anything, is not in a transcript";

function choose({ session, select, mayChange }: TranscriptUndoOptions, operations: readonly Operation[], without: ReadonlyMap<string, NoOperation>): Chosen {
  const changing = operations.filter((operation) => operation.kind === "file" || mayChange(operation.tool, operation.input));
  let chosen: readonly Operation[];
  const unsure: string[] = [];
  if ("last" in select) chosen = select.last > 0 ? changing.slice(-select.last) : [];
  else if ("call" in select) {
    const { call } = select;
    if (!operations.some((each) => each.call === call) && !without.has(call)) throw new TidemarkError("BAD_VALUE", `The transcript of session ${session} has no call ${call}`, { hint: `tidemark show ${session}` });
    chosen = operations.filter((each) => each.call === call);
    if (without.has(call)) unsure.push(call);
  } else {
    const wanted = new Set(select.calls);
    chosen = changing.filter(({ call }) => wanted.has(call));
    unsure.push(...select.calls.filter((call) => without.get(call)?.harmless === false));
  }
  const irreversible = chosen.flatMap((operation) => {
    if (operation.kind === "file") return [];
    const { call, tool, input } = operation;
    const command = (input as { command?: unknown }).command;
    const shell = typeof command === "string";
    const reason = changing.includes(operation) ? (shell ? NOT_IN_A_TRANSCRIPT : NOT_KNOWN) : "it only reads, so there is nothing to take back";
    return [{ call, tool, what: shell ? command : clip(JSON.stringify(input), 200), reason }];
  });
  for (const call of unsure) irreversible.push({ call, tool: without.get(call)!.tool, what: "", reason: without.get(call)!.reason });
  return { ids: new Set(chosen.map(({ call }) => call)), irreversible };
}

// ---- which paths ----

interface PlaceInTree {
  readonly path: TreePath;
  readonly refused?: string;
  readonly calls: FileOperation[];
}

/** Operations by the file they really were on: the agent may have named it through a link. */
function byPlace(root: string, operations: readonly Operation[]): PlaceInTree[] {
  const named = new Map<string, { path: TreePath; refused?: string }>();
  const places = new Map<TreePath, PlaceInTree>();
  for (const operation of operations) {
    if (operation.kind !== "file") continue;
    let at = named.get(operation.path);
    if (at === undefined) named.set(operation.path, (at = placeOf(root, operation.path)));
    const place = places.get(at.path);
    if (place === undefined) places.set(at.path, { ...at, calls: [operation] });
    else place.calls.push(operation);
  }
  return [...places.values()];
}

function placeOf(root: string, named: string): { path: TreePath; refused?: string } {
  if (!named.isWellFormed() || named.includes("\uFFFD") || named.includes("\0")) return { path: named, refused: "its name is not whole in the transcript" };
  const real = realPlace(resolve(named));
  const path = relative(root, real).split(sep).join("/");
  if (path === "" || path === ".." || path.startsWith("../") || resolve(root, path) !== real) return { path: named, refused: `it is outside of ${root}` };
  if (path.split("/").includes(".git")) return { path, refused: "it is git's own" };
  return { path };
}

/** With its links resolved as far as it is there. */
function realPlace(path: string): string {
  const missing: string[] = [];
  for (let at = path; ; at = dirname(at)) {
    try {
      return join(realpathSync(at), ...missing);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if ((code !== "ENOENT" && code !== "ENOTDIR" && code !== "ELOOP" && code !== "EACCES") || dirname(at) === at) throw error;
      missing.unshift(basename(at));
    }
  }
}

// ---- what stands there now ----

/** How a text is written: the client changes neither encoding nor line ends of a file that it edits. */
interface Form {
  readonly encoding: "utf8" | "utf16le";
  readonly crlf: boolean;
}

interface Present {
  readonly state: State;
  /** As the transcript would have it: "absent", a text, or why it is neither. */
  readonly side: Side;
  readonly form: Form;
}

const PLAIN: Form = { encoding: "utf8", crlf: false };
/** No transcript holds the text of a larger file. */
const LARGEST = 64 * 1024 * 1024;

function presentAt(root: string, path: TreePath): Present {
  const place = join(root, path);
  const neither = (state: State, unknown: string): Present => ({ state, side: { unknown }, form: PLAIN });
  try {
    const about = lstatSync(place);
    if (about.isSymbolicLink()) {
      const target = readlinkSync(place, { encoding: "buffer" });
      return neither({ type: "link", mode: 0, size: target.length, content: idOf(target) }, "a link stands there now");
    }
    if (!about.isFile()) return neither("unknown", "no file stands there now");
    if (about.size > LARGEST) return neither("unknown", "what stands there now is larger than what a transcript holds");
    const bytes = readFileSync(place);
    const state: Version = { type: "file", mode: about.mode & 0o7777, size: bytes.length, content: idOf(bytes) };
    const read = textOf(bytes);
    return read === undefined ? neither(state, "what stands there now is no text") : { state, side: { text: read.text }, form: read.form };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return { state: "absent", side: "absent", form: PLAIN };
    if (code === "EACCES" || code === "EPERM" || code === "EIO" || code === "ELOOP") return neither("unknown", `what stands there now cannot be read (${code})`);
    throw error;
  }
}

/** Bytes as the client reads them: undefined where they are not the same again when they are written back. */
function textOf(bytes: Buffer): { text: string; form: Form } | undefined {
  const wide = bytes.length >= 2 && bytes[0] === 0xff && bytes[1] === 0xfe;
  if (!wide && !isUtf8(bytes)) return undefined;
  const encoding = wide ? "utf16le" : "utf8";
  const whole = bytes.toString(encoding);
  const text = unixed(whole);
  // Line ends of both kinds stay as they are; such a file is then only like itself.
  const form = { encoding, crlf: text !== whole } as const;
  const read = form.crlf && text.replaceAll("\n", "\r\n") !== whole ? { text: whole, form: { encoding, crlf: false } as const } : { text, form };
  return bytesOf(read.text, read.form).equals(bytes) ? read : undefined;
}

function bytesOf(text: string, { encoding, crlf }: Form): Buffer {
  return Buffer.from(crlf ? text.replaceAll("\n", "\r\n") : text, encoding);
}

function idOf(bytes: Uint8Array): ContentId {
  return `sha256:${sha256Hex(bytes)}`;
}

function same(a: Side, b: Side): boolean {
  return isText(a) && isText(b) ? a.text === b.text : a === "absent" && b === "absent";
}

// ---- one path ----

interface Way {
  /** What taking back has led to so far. */
  side: Side;
  /** Why that is not what the calls left, where it is not. */
  cause: string;
  /** What was merged around or taken back as well, in words. */
  readonly notes: Set<string>;
}

function planPath(path: TreePath, calls: readonly FileOperation[], ids: ReadonlySet<string>, present: Present, { mode, only = false }: TranscriptUndoOptions, contents: Map<ContentId, Uint8Array>): PlanItem {
  const here = (action: "keep" | "refuse", reason: string): PlanItem => ({ path, action, reason, expected: present.state, target: present.state });
  const first = calls.findIndex(({ call }) => ids.has(call));
  const undone = (i: number): boolean => i >= first && (!only || ids.has(calls[i]!.call));
  const newest = calls.length - 1;
  const untouched = same(present.side, calls[newest]!.after);
  const way: Way = { side: present.side, cause: untouched ? "" : changedSince(present, calls[newest]!), notes: new Set() };
  const goneBack = calls.filter((_, i) => undone(i));
  if (!untouched && same(present.side, goneBack[0]!.before) && goneBack.length === calls.length - first) return here("keep", `it is what it was before ${named(goneBack[0]!)} already`);
  for (let i = newest; i >= first; i--) {
    if (!undone(i)) continue;
    const operation = calls[i]!;
    if (same(way.side, operation.after) && isKnown(operation.before)) {
      way.side = operation.before;
      continue;
    }
    // The nearest later call that stays.
    const kept = calls.findIndex((_, k) => k > i && !undone(k));
    if (kept >= 0 && untouched) way.cause = `${named(calls[kept]!)} changed it after ${named(operation)}`;
    else if (kept < 0 && i < newest && !same(operation.after, calls[i + 1]!.before)) way.cause = `something else changed it between ${named(operation)} and ${named(calls[i + 1]!)}`;
    const step = around(way, operation, { merge: mode === "merge", mergeable: mode === "merge" || (untouched && kept >= 0), forced: mode === "force" && kept < 0 });
    if (step !== undefined) return here(step.action, step.reason);
  }
  return written(path, way, goneBack, present, contents);
}

function isKnown(side: Side): boolean {
  return side === "absent" || isText(side);
}

function named({ tool, call, thread }: FileOperation): string {
  return `${tool} ${call}${thread === undefined ? "" : " of a subagent"}`;
}

function changedSince({ side }: Present, operation: FileOperation): string {
  if (side === "absent") return `it is gone since ${named(operation)}`;
  if (!isText(side)) return side.unknown;
  return isKnown(operation.after) ? `it changed since ${named(operation)}: you, another program or a shell command` : `what ${named(operation)} left is not known`;
}

/** Takes one call back where something else than what it left has to stay or to go. Gives why not, where it cannot. */
function around(way: Way, operation: FileOperation, may: { merge: boolean; mergeable: boolean; forced: boolean }): { action: "keep" | "refuse"; reason: string } | undefined {
  const { before, after, edits } = operation;
  const { side, cause } = way;
  if (!isKnown(before)) {
    // The edit itself is in the transcript. What it put in is there once, so it can be taken out, and nothing else is touched.
    const back = may.merge && isText(side) && edits !== undefined ? takenBack(side.text, edits) : undefined;
    if (back === undefined) {
      const { unknown } = before as { unknown: string };
      const hint = !may.merge && edits !== undefined && isText(side) && takenBack(side.text, edits) !== undefined ? "; --merge takes out what it put in, which is there once" : "";
      return { action: "refuse", reason: `${named(operation)}: ${unknown}${hint}` };
    }
    way.side = { text: back };
    way.notes.add(`only what ${named(operation)} put in was taken out`);
    return undefined;
  }
  if (may.forced) {
    way.side = before;
    way.notes.add(`by force, although ${cause}`);
    return undefined;
  }
  if (!may.mergeable) return { action: "keep", reason: cause };
  if (!isText(side) || !isText(after) || !isText(before)) return { action: "keep", reason: `${cause}; not merged, because ${before === "absent" ? "before it there was no file" : "it is not known as a text throughout"}` };
  const merged = mergeText(Buffer.from(after.text), Buffer.from(side.text), Buffer.from(before.text));
  if (!merged.ok) return { action: "keep", reason: `${cause}; not merged: ${merged.reason}` };
  way.side = { text: Buffer.from(merged.bytes).toString("utf8") };
  way.notes.add(`merged, because ${cause}`);
  return undefined;
}

function written(path: TreePath, { side, notes }: Way, undone: readonly FileOperation[], present: Present, contents: Map<ContentId, Uint8Array>): PlanItem {
  const oldest = undone[0]!;
  const tools = [...new Set(undone.map(({ tool }) => tool))].join(", ");
  const done = side === "absent" ? "created" : present.state === "absent" ? "deleted after being changed" : "changed";
  const why = [`${done} by ${tools}`, ...notes];
  const item = (action: PlanItem["action"], target: State): PlanItem => ({ path, action, reason: why.join("; "), expected: present.state, target });
  if (present.state === "unknown") return { ...item("refuse", "unknown"), reason: `${(present.side as { unknown: string }).unknown}: replacing it would lose it` };
  if (side === "absent") {
    if (oldest.perhapsEmpty === true) why.push("if a file was there before, it was empty");
    return item("delete", "absent");
  }
  if (!isText(side)) throw new TidemarkError("INTERNAL", `${path}: nothing to write was found`);
  if (side.text.includes("\n") && (present.form.crlf || undone.some(({ tool }) => tool === "Write"))) why.push(`line ends as they are now (${present.form.crlf ? "CR LF" : "LF"}), since a transcript does not keep them`);
  const bytes = bytesOf(side.text, present.form);
  const content = idOf(bytes);
  const target: Version = { type: "file", mode: isVersion(present.state) && present.state.type === "file" ? present.state.mode : 0o644, size: bytes.length, content };
  if (isVersion(present.state) && present.state.content === content) return { path, action: "keep", reason: "nothing is left to take back", expected: present.state, target: present.state };
  contents.set(content, bytes);
  return item("write", target);
}
