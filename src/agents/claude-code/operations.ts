/**
 * What a session did to files, call by call, from the records of its transcript and those of its subagents: what stood
 * at a path before each edit and after it, as far as the records prove it. Pure. Anything else stays unknown, with the
 * reason in words, and nothing is guessed. Leaves out the disk, which parsed commands change what, and undoing
 * (operations/undo-transcript.ts).
 *
 * Measured on 2.0.64 to 2.1.29 (120 real sessions), 2.1.197 and 2.1.330 (the real client):
 * - Line ends are gone: texts have LF, whatever the file had. An Edit writes CR LF again where the file mostly had that;
 *   a Write writes what it was given.
 * - `originalFile` is null for a file that was created, for one above some 200 KB, and missing in a subagent's own file,
 *   which has no `toolUseResult` at all. There neighbours help: what the edit before left, what the next one found.
 * - A Write over an empty file calls itself "create", as one over nothing does.
 * - Taking out text that ends a line takes the line feed, too. Straight quotes can stand for curly ones: `newString` is
 *   then not what was written. `structuredPatch` is, but for tabs at the start of a line, which stand as two blanks each.
 */
import { isRecord } from "../../base/json.ts";
import { blocksOf, resultText, text, type ContentBlock, type TranscriptRecord } from "./records.ts";
import { UNIQUE_CALL } from "./translate.ts";

/** What stood at a path: a text with LF for line ends, nothing, or what the records do not tell. */
export type Side = { readonly text: string } | "absent" | { readonly unknown: string };

export interface Replacement {
  readonly old: string;
  readonly new: string;
  /** Every occurrence; otherwise there was exactly one. */
  readonly all: boolean;
}

interface Common {
  /** The call's id in the log. */
  readonly call: string;
  readonly tool: string;
  readonly session: string;
  /** The subagent that made it. */
  readonly thread?: string;
  /** When its result was written. */
  readonly time: number;
}

/** An edit tool's work on one file. */
export interface FileOperation extends Common {
  readonly kind: "file";
  /** As the agent names it; absolute. */
  readonly path: string;
  readonly before: Side;
  readonly after: Side;
  /** For edits: what was put in the place of what, one after the other. */
  readonly edits?: readonly Replacement[];
  /** With `before` absent: only nobody's having seen it speaks for that; it may have been there and empty. */
  readonly perhapsEmpty?: true;
}

/** Any other call that ran or may have: what it changed is not in a transcript. */
export interface OtherCall extends Common {
  readonly kind: "other";
  readonly input: unknown;
}

export type Operation = FileOperation | OtherCall;

export interface Operations {
  /** In the order of their results. */
  readonly operations: readonly Operation[];
  /** Calls that are no operation, each with the reason. */
  readonly without: ReadonlyMap<string, NoOperation>;
}

export interface NoOperation {
  readonly tool: string;
  readonly reason: string;
  /** Whether it is certain that it changed nothing. */
  readonly harmless: boolean;
}

interface Pending {
  readonly id: string;
  readonly tool: string;
  readonly input: Record<string, unknown>;
  readonly session: string;
  readonly thread: string | undefined;
  readonly time: number;
  readonly cwd: string | undefined;
}

interface Answer {
  readonly output: string;
  readonly structured: unknown;
  readonly failed: boolean;
  readonly time: number;
}

interface Step {
  readonly call: Pending;
  answer?: Answer;
}

const EDIT_TOOLS = new Set(["Edit", "MultiEdit", "Write", "NotebookEdit"]);
/** Calls that leave files as they are. What a subagent does are calls of its own. */
const HARMLESS = new Set([
  "Read", "NotebookRead", "Grep", "Glob", "LS", "TodoWrite", "TodoRead", "TaskCreate", "TaskUpdate", "TaskGet", "TaskList", "TaskOutput", "BashOutput", "WebFetch", "WebSearch", "AskUserQuestion",
  "ToolSearch", "EnterPlanMode", "ExitPlanMode", "Agent", "Task",
]);
/** Commands that the client counts as having read a file it may then write over (2.1.197). */
const READS = /\b(?:cat|head|tail|less|more|bat|sed|awk|nl|grep|rg|type|Get-Content)\b/;
const REJECTED = /^The user doesn't want to (?:proceed|take this action)|^User rejected|^Permission to use \w+ (?:with command .*)?has been denied|^\[Request interrupted/s;
/** How our own redaction marks what it took out (event/redact.ts): a text with it is not what the file held. */
const REDACTED = "[redacted:";

/** Takes the records of a session's transcript and of its subagents', file after file, and tells at the end what they did. */
export class OperationReader {
  readonly #session: string;
  readonly #steps = new Map<string, Step>();
  readonly #pending = new Map<string, Step>();
  /** Files whose text the client had put in front of the agent, so that it may write over them. */
  readonly #shown = new Set<string>();
  /** When the client, about to back up a file before its first edit, found that it was not there. */
  readonly #missing = new Map<string, number>();
  #cwd: string | undefined;
  #time = 0;

  constructor(session: string) {
    this.#session = session;
  }

  push(record: TranscriptRecord): void {
    const time = Date.parse(text(record.timestamp) ?? "");
    if (Number.isFinite(time)) this.#time = time;
    this.#cwd ??= text(record["cwd"]);
    switch (record.type) {
      case "user":
      case "assistant":
        this.#message(record, text(record.agentId));
        return;
      case "progress":
        this.#progress(record);
        return;
      case "attachment":
        if (isRecord(record["attachment"])) this.#shown.add(this.#absolute(text(record["attachment"]["filename"]) ?? text(record["attachment"]["path"]), undefined) ?? "");
        return;
      case "file-history-snapshot":
        if (isRecord(record["snapshot"]) && isRecord(record["snapshot"]["trackedFileBackups"])) for (const [path, backup] of Object.entries(record["snapshot"]["trackedFileBackups"])) this.#backup(path, backup);
        return;
      case "file-history-delta":
        this.#backup(text(record["trackingPath"]) ?? "", record["backup"]);
        return;
      default:
    }
  }

  /**
   * A file that was not there has no name of a copy. The other way round proves nothing: up to 2.1.22 the copy was often
   * made a moment late, of what the edit had just written.
   */
  #backup(path: string, backup: unknown): void {
    const place = this.#absolute(path, undefined);
    if (place === undefined || !isRecord(backup) || backup["version"] !== 1 || backup["backupFileName"] !== null || this.#missing.has(place)) return;
    const time = Date.parse(text(backup["backupTime"]) ?? "");
    if (Number.isFinite(time)) this.#missing.set(place, time);
  }

  /** Early clients keep a subagent's records inside of progress records of the main thread. */
  #progress(record: TranscriptRecord): void {
    const data = isRecord(record["data"]) ? record["data"] : {};
    const inner = data["message"];
    if (data["type"] !== "agent_progress" || !isRecord(inner)) return;
    const time = Date.parse(text(inner["timestamp"]) ?? "");
    const before = this.#time;
    if (Number.isFinite(time)) this.#time = time;
    this.#message({ uuid: record.uuid, cwd: record["cwd"], ...inner }, text(data["agentId"]));
    this.#time = before;
  }

  #message(record: TranscriptRecord, thread: string | undefined): void {
    const content = isRecord(record["message"]) ? record["message"]["content"] : undefined;
    for (const [i, block] of blocksOf(content).entries()) {
      if (block.type === "tool_use") this.#called(block, `${text(record.uuid) ?? ""}#${i}`, record, thread);
      else if (block.type === "tool_result") this.#answered(block, record, thread);
    }
  }

  #called(block: ContentBlock, place: string, record: TranscriptRecord, thread: string | undefined): void {
    const given = text(block["id"]) ?? place;
    // As in the log: gateways number calls anew in each session.
    const id = UNIQUE_CALL.test(given) ? given : `${place}:${given}`;
    const key = `${thread ?? ""} ${given}`;
    const known = this.#steps.get(id);
    if (known !== undefined) {
      this.#pending.set(key, known);
      return;
    }
    const input = isRecord(block["input"]) ? block["input"] : {};
    const step: Step = { call: { id, tool: text(block["name"]) ?? "unknown", input, session: this.#session, thread, time: this.#time, cwd: text(record["cwd"]) } };
    this.#steps.set(id, step);
    this.#pending.set(key, step);
  }

  #answered(block: ContentBlock, record: TranscriptRecord, thread: string | undefined): void {
    const step = this.#pending.get(`${thread ?? ""} ${text(block["tool_use_id"]) ?? ""}`);
    if (step === undefined) return;
    const structured = record["toolUseResult"];
    // The same result can come twice, from a subagent's file and from progress records; one of them may say less.
    if (step.answer !== undefined && (isRecord(step.answer.structured) || !isRecord(structured))) return;
    step.answer = { output: resultText(block["content"]).text, structured, failed: block["is_error"] === true, time: this.#time };
  }

  #absolute(path: string | undefined, cwd: string | undefined): string | undefined {
    if (path === undefined || /^(?:[/\\]|[A-Za-z]:[/\\])/.test(path)) return path;
    const folder = cwd ?? this.#cwd;
    return folder === undefined ? undefined : `${folder}/${path}`;
  }

  end(): Operations {
    const without = new Map<string, NoOperation>();
    const operations: Draft[] = [];
    const last = new Map<string, FileDraft>();
    const shown = new Set(this.#shown);
    /** Commands so far that can have shown a file to the client. */
    const commands: string[] = [];
    /** Something ran that may have changed any file: number of it, and whether it may still be running. */
    let [others, background] = [0, false];
    const touched = new Map<string, number>();
    const steps = [...this.#steps.values()].sort((a, b) => (a.answer?.time ?? a.call.time) - (b.answer?.time ?? b.call.time));
    for (const { call, answer } of steps) {
      const { id, tool, input, thread, session } = call;
      const common = { call: id, tool, session, time: answer?.time ?? call.time, ...(thread === undefined ? {} : { thread }) };
      const rejected = answer?.failed === true && REJECTED.test(answer.output);
      if (!EDIT_TOOLS.has(tool)) {
        if (rejected) without.set(id, { tool, reason: `${tool} was not allowed to run`, harmless: true });
        else if (HARMLESS.has(tool)) without.set(id, { tool, reason: `${tool} changes no file itself`, harmless: true });
        // A command that failed, or was cut off, may have changed something before.
        else operations.push({ ...common, kind: "other", input });
        if (tool === "Read" || tool === "NotebookRead") {
          const path = this.#absolute(text(input["file_path"]) ?? text(input["notebook_path"]), call.cwd);
          if (path === undefined || answer === undefined || answer.failed) continue;
          shown.add(path);
          // The agent reads again what it was told has changed.
          touched.set(path, -1);
        } else if (!HARMLESS.has(tool)) {
          others += 1;
          background ||= input["run_in_background"] === true;
          if (answer?.failed === false && typeof input["command"] === "string" && READS.test(input["command"])) commands.push(input["command"]);
        }
        continue;
      }
      const path = this.#absolute(text(isRecord(answer?.structured) ? answer.structured["filePath"] : undefined) ?? text(input["file_path"]) ?? text(input["notebook_path"]), call.cwd);
      if (answer === undefined || path === undefined) {
        without.set(id, { tool, reason: answer === undefined ? `the transcript has no result of this ${tool}, so it is not known whether it was done` : `the transcript does not say which file this ${tool} was for`, harmless: false });
        continue;
      }
      if (answer.failed) {
        without.set(id, { tool, reason: rejected ? `${tool} was not allowed to run` : `this ${tool} failed and changed nothing`, harmless: true });
        continue;
      }
      const previous = last.get(path);
      const context: Context = {
        previous: previous?.after,
        undisturbed: previous !== undefined && !background && touched.get(path) === others,
        // Said later it may be of what a subagent, for which the client makes no copies, had made and taken away.
        missing: previous === undefined && (this.#missing.get(path) ?? Infinity) <= common.time,
        seen: previous !== undefined || shown.has(path) || commands.some((command) => command.includes(path.slice(Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1))),
      };
      const told = sidesOf(tool, input, answer, context);
      if (typeof told === "string") {
        without.set(id, { tool, reason: told, harmless: true });
        continue;
      }
      const draft: FileDraft = { ...common, kind: "file", path, ...told, ...(told.before === "absent" && !context.missing ? { perhapsEmpty: true } : {}) };
      // The same text once: a session that edits a large file often would hold it once per edit.
      if (isText(draft.before) && previous !== undefined && isText(previous.after) && previous.after.text === draft.before.text) draft.before = previous.after;
      if (previous !== undefined) previous.next = draft;
      operations.push(draft);
      last.set(path, draft);
      shown.add(path);
      touched.set(path, others);
    }
    for (const draft of operations.toReversed()) if (draft.kind === "file") fromNext(draft);
    return { operations: operations.map(finished), without };
  }
}

interface FileDraft extends Common {
  readonly kind: "file";
  readonly path: string;
  before: Side;
  after: Side;
  edits?: readonly Replacement[];
  perhapsEmpty?: true;
  hunks: readonly Hunk[];
  next?: FileDraft;
}

type Draft = FileDraft | OtherCall;

function finished(draft: Draft): Operation {
  if (draft.kind === "other") return draft;
  const { next: _, hunks: __, ...operation } = draft;
  return operation;
}

/** What else the records say of a path at the time of a call. */
interface Context {
  /** What the operation before left there. */
  readonly previous: Side | undefined;
  /** Nothing ran since that could have changed it. */
  readonly undisturbed: boolean;
  /** The client itself looked for it right before, and it was not there. */
  readonly missing: boolean;
  /** It was there at some time, as far as the agent saw. */
  readonly seen: boolean;
}

type Sides = Pick<FileDraft, "before" | "after" | "edits" | "hunks">;

/** A text: why it is no operation. */
function sidesOf(tool: string, input: Record<string, unknown>, answer: Answer, context: Context): Sides | string {
  const result = isRecord(answer.structured) ? answer.structured : {};
  const hunks = hunksOf(result["structuredPatch"]);
  if (tool === "NotebookEdit") {
    if (text(result["error"]) !== undefined) return "this NotebookEdit failed and changed nothing";
    return { before: asSide(result["original_file"]), after: asSide(result["updated_file"]), hunks: [] };
  }
  if (tool === "Write") return writeSides(input, result, answer, hunks, context);
  const edits = editsOf(input, result);
  if (edits === undefined) return { before: NOT_TOLD, after: NOT_TOLD, hunks };
  const [only] = edits;
  // What the original of a file that was not there looks like is an empty text, or none in a subagent.
  const original = result["originalFile"] ?? result["originalFileContents"];
  const fills = only?.old === "" && (original === "" || typeof original !== "string");
  const before = fills ? emptyOrAbsent(context) : typeof original === "string" ? asSide(original) : (context.previous ?? NOT_TOLD);
  const start = fills ? "" : isText(before) ? before.text : undefined;
  if (start === undefined) return { before: before === "absent" ? NOT_TOLD : before, after: { unknown: isText(before) || before === "absent" ? NOT_TOLD.unknown : before.unknown }, edits, hunks };
  const made = applied(start, edits, hunks);
  if (typeof original === "string" || fills) return { before, after: typeof made === "string" ? { text: made } : made, edits, hunks };
  // Only supposed to be what stood there: the edit has to fit.
  return typeof made === "string" ? { before, after: { text: made }, edits, hunks } : { before: NOT_TOLD, after: NOT_TOLD, edits, hunks };
}

const NOT_TOLD = { unknown: "the transcript does not hold what the file was" } as const;
const DAMAGED = { unknown: "it was not UTF-8, and the transcript holds its bytes only as damaged text" } as const;
const EMPTY_OR_ABSENT = { unknown: "the transcript does not tell whether the file was empty before or not there at all" } as const;

function writeSides(input: Record<string, unknown>, result: Record<string, unknown>, answer: Answer, hunks: readonly Hunk[], context: Context): Sides {
  const content = result["content"] ?? input["content"];
  const after: Side = typeof content === "string" ? { text: unixed(content) } : NOT_TOLD;
  const original = result["originalFile"];
  if (typeof original === "string") return { before: original === "" ? emptyOrAbsent(context) : asSide(original), after, hunks };
  const created = result["type"] === undefined ? /^File created successfully\b/.test(answer.output) : result["type"] === "create";
  if (created) return { before: emptyOrAbsent(context), after, hunks };
  // Its own diff holds every line that went. Else what the edit before left, if nothing can have come between.
  const back = isText(after) ? reversed(after.text, hunks) : undefined;
  if (back !== undefined) return { before: asSide(back), after, hunks };
  return { before: context.undisturbed && context.previous !== undefined && isText(context.previous) ? context.previous : NOT_TOLD, after, hunks };
}

/**
 * The client says the same of a file that was not there and of one that was empty. 2.1.197 writes only over what it has
 * read before, so one that nobody had looked at was not there; 2.1.330 writes over an empty one unread.
 */
function emptyOrAbsent({ previous, missing, seen }: Context): Side {
  if (missing) return "absent";
  if (previous !== undefined && isText(previous) && previous.text === "") return previous;
  return seen ? EMPTY_OR_ABSENT : "absent";
}

function editsOf(input: Record<string, unknown>, result: Record<string, unknown>): Replacement[] | undefined {
  const many = Array.isArray(result["edits"]) ? result["edits"] : input["edits"];
  const given: readonly unknown[] = Array.isArray(many) ? many : [{ old_string: result["oldString"] ?? input["old_string"], new_string: result["newString"] ?? input["new_string"], replace_all: result["replaceAll"] ?? input["replace_all"] }];
  const edits: Replacement[] = [];
  for (const one of given) {
    if (!isRecord(one) || typeof one["old_string"] !== "string" || typeof one["new_string"] !== "string") return undefined;
    edits.push({ old: unixed(one["old_string"]), new: unixed(one["new_string"]), all: one["replace_all"] === true });
  }
  return edits.length === 0 ? undefined : edits;
}

/** What is said of a file in words of its own: as it was, or known to be damaged. */
function asSide(value: unknown): Side {
  if (typeof value !== "string") return NOT_TOLD;
  if (value.includes("\uFFFD") || !value.isWellFormed()) return DAMAGED;
  if (value.includes(REDACTED)) return { unknown: "a secret was taken out of it in the transcript, or it holds the mark of one" };
  return { text: unixed(value) };
}

/** What the next edit found is what this one left; what something else did in between stays, as only the edit is taken back. */
function fromNext(draft: FileDraft): void {
  const found = draft.next?.before;
  if (isText(draft.after) || draft.edits === undefined || found === undefined || !isText(found)) return;
  if (!isText(draft.before)) {
    const before = takenBack(found.text, draft.edits);
    if (before === undefined || !fits(before, found.text, draft.hunks)) return;
    draft.before = asSide(before);
  } else if (!fits(draft.before.text, found.text, draft.hunks) || draft.hunks.length === 0) return;
  draft.after = found;
}

export function isText(side: Side): side is { readonly text: string } {
  return typeof side === "object" && "text" in side;
}

/** As the client reads a file. */
export function unixed(content: string): string {
  return content.includes("\r\n") ? content.replaceAll("\r\n", "\n") : content;
}

// ---- one edit, there and back ----

function occurs(content: string, part: string): 0 | 1 | 2 {
  const at = content.indexOf(part);
  return at < 0 ? 0 : content.indexOf(part, at + 1) < 0 ? 1 : 2;
}

/** The text with its edits made, as the call's own diff has it; why not, where the two do not agree. */
function applied(before: string, edits: readonly Replacement[], hunks: readonly Hunk[]): string | { unknown: string } {
  // The client takes the line feed behind text that it takes out; that is how all versions seen do it.
  for (const lines of [true, false]) {
    let after: string | undefined = before;
    for (const edit of edits) if (after !== undefined) after = replaced(after, edit, lines);
    if (after !== undefined && fits(before, after, hunks)) return after;
  }
  // What was written is not what was asked for: curly quotes, or words changed by the person before they agreed.
  const patched = applyHunks(before, hunks);
  return patched ?? { unknown: "the edit does not fit what the transcript says the file was" };
}

function replaced(content: string, { old, new: put, all }: Replacement, lines: boolean): string | undefined {
  if (old === "") return content === "" ? put : undefined;
  const times = occurs(content, old);
  if (times === 0 || (times === 2 && !all)) return undefined;
  const part = lines && put === "" && !old.endsWith("\n") && content.includes(`${old}\n`) ? `${old}\n` : old;
  return all ? content.replaceAll(part, () => put) : content.replace(part, () => put);
}

/** Edits taken out of a text that has them, the last first: undefined where it is not certain at which place one was made. */
export function takenBack(after: string, edits: readonly Replacement[]): string | undefined {
  let content = after;
  for (const { old, new: put, all } of edits.toReversed()) {
    if (all || put === "" || old === "" || occurs(content, put) !== 1) return undefined;
    content = content.replace(put, () => old);
    // The client replaces only what is there once.
    if (occurs(content, old) !== 1) return undefined;
  }
  return content;
}

// ---- the client's own diff ----

interface Hunk {
  readonly oldStart: number;
  readonly newStart: number;
  /** Signs and lines, each line with its line feed unless it has none. */
  readonly lines: readonly { readonly sign: " " | "-" | "+"; readonly line: string }[];
}

function hunksOf(patch: unknown): Hunk[] {
  const hunks: Hunk[] = [];
  for (const hunk of Array.isArray(patch) ? patch : []) {
    if (!isRecord(hunk) || !Array.isArray(hunk["lines"]) || typeof hunk["oldStart"] !== "number" || typeof hunk["newStart"] !== "number") continue;
    const given = hunk["lines"].filter((line) => typeof line === "string");
    const lines: Hunk["lines"][number][] = [];
    for (const [i, line] of given.entries()) {
      const sign = line[0];
      if (sign === " " || sign === "-" || sign === "+") lines.push({ sign, line: line.slice(1) + (given[i + 1]?.startsWith("\\") === true ? "" : "\n") });
    }
    hunks.push({ oldStart: hunk["oldStart"], newStart: hunk["newStart"], lines });
  }
  return hunks;
}

/** Lines with their line feeds. */
function linesOf(content: string): string[] {
  return content === "" ? [] : content.split(/(?<=\n)/);
}

/** The client shows a tab at the start of a line as two blanks. */
function shownLine(line: string): string {
  return line.startsWith("\t") ? line.replace(/^\t+/, (tabs) => "  ".repeat(tabs.length)) : line;
}

/** Whether a diff leads from one text to the other. An empty one proves nothing and contradicts nothing. */
function fits(before: string, after: string, hunks: readonly Hunk[]): boolean {
  if (hunks.length === 0) return true;
  const [old, made] = [linesOf(before), linesOf(after)];
  let [at, to] = [0, 0];
  for (const { oldStart, newStart, lines } of hunks) {
    // What is not in the diff is the same on both sides.
    const [start, end] = [Math.max(0, oldStart - 1), Math.max(0, newStart - 1)];
    if (start - at !== end - to) return false;
    for (; at < start; ) if (old[at++] !== made[to++]) return false;
    for (const { sign, line } of lines) {
      if (sign !== "+" && shownLine(old[at++] ?? "") !== shownLine(line)) return false;
      if (sign !== "-" && shownLine(made[to++] ?? "") !== shownLine(line)) return false;
      if (sign === " " && old[at - 1] !== made[to - 1]) return false;
    }
  }
  if (old.length - at !== made.length - to) return false;
  for (; at < old.length; ) if (old[at++] !== made[to++]) return false;
  return true;
}

/** The text a diff makes of another, where its lines are certain: a tab at the start of one is no longer told from blanks. */
function applyHunks(content: string, hunks: readonly Hunk[]): string | undefined {
  const old = linesOf(content);
  const made: string[] = [];
  let at = 0;
  for (const { oldStart, lines } of hunks) {
    for (const start = Math.max(0, oldStart - 1); at < start; ) {
      if (at >= old.length) return undefined;
      made.push(old[at++]!);
    }
    for (const { sign, line } of lines) {
      if (sign === "+") {
        if (line.startsWith("  ")) return undefined;
        made.push(line);
        continue;
      }
      const here = old[at++];
      if (here === undefined || shownLine(here) !== shownLine(line)) return undefined;
      if (sign === " ") made.push(here);
    }
  }
  return hunks.length === 0 ? undefined : [...made, ...old.slice(at)].join("");
}

function reversed(content: string, hunks: readonly Hunk[]): string | undefined {
  const turned = hunks.map(({ oldStart, newStart, lines }) => ({ oldStart: newStart, newStart: oldStart, lines: lines.map(({ sign, line }) => ({ sign: sign === "+" ? "-" : sign === "-" ? "+" : " ", line }) as const) }));
  return applyHunks(content, turned);
}
