/**
 * One transcript of Claude Code to events, record by record, in the order of the file. Pure: no file is opened here.
 *
 * A translator belongs to one file. It remembers what later records refer to (calls awaiting their result, the
 * usage of the message being written, the parents of records that became no event) and is fed the whole file each
 * time: events have ids from their source, so a second reading adds only what is new.
 *
 * Sources of the rules: the client's behaviour as observed in 2.0.64 to 2.1.330 (docs/agents/claude-code.md).
 */
import { isRecord } from "../../base/json.ts";
import { sha256Hex } from "../../base/hash.ts";
import type { Event, EventOf, EventType, Payload } from "../../event/schema.ts";
import type { Translated, Translator as Port } from "../history.ts";
import { touchedFiles } from "./files.ts";
import {
  blocksOf, BOOKKEEPING, BOOKKEEPING_ATTACHMENTS, classifyPrompt, count, INTERRUPTED, LIMIT, resultText, SYSTEM_BOOKKEEPING, text, TRANSIENT_PROGRESS,
  type ContentBlock, type TranscriptRecord,
} from "./records.ts";

export const AGENT = "claude-code";

export interface TranslatorOptions {
  /** Id from the file's name; records may carry other ids after a faulty resume, the conversation is the file's. */
  readonly session?: string;
  /** The project a working directory belongs to. */
  readonly projectOf: (cwd: string) => string;
  /** `agent-<id>.meta.json` beside a subagent's transcript. */
  readonly subagent?: { readonly kind?: string; readonly description?: string; readonly call?: string };
}

interface Usage {
  readonly message: string;
  readonly payload: Payload<"usage">;
  readonly where: Where;
}

interface Where {
  readonly session: string;
  readonly time: number;
  readonly thread?: string;
  readonly record?: string;
  readonly parent?: string;
}

export class Translator implements Port {
  readonly #options: TranslatorOptions;
  #session: string | undefined;
  #started = false;
  #lastTime = 0;
  /** When the file was begun: a fork copies older records behind newer bookkeeping of its own. */
  #begun = 0;
  #conversing = false;
  /** For records without events: the nearest record before them that has some. */
  readonly #keptParent = new Map<string, string | undefined>();
  /** By the id the model gave; `event` is the id it has in the log. */
  readonly #calls = new Map<string, { tool: string; input: unknown; event: string }>();
  readonly #models = new Map<string, string>();
  readonly #threads = new Map<string, string | undefined>();
  readonly #otherSessions = new Set<string>();
  #ownBegun = false;
  readonly #summaries: { leaf: string; title: string; record: TranscriptRecord }[] = [];
  #usage: Usage | undefined;
  readonly #waiting: { record: TranscriptRecord; parent: string; since: number }[] = [];
  /** Records so far. */
  #told = 0;
  /** The agent's own ids of prompts, the same in its hooks. Not in the events: a fork gives them anew to what it copies. */
  readonly promptIds = new Set<string>();
  /** Parents that no record of this file has: the tree is torn there. */
  missingParents = 0;

  constructor(options: TranslatorOptions) {
    this.#options = options;
    this.#session = options.session;
  }

  get session(): string | undefined {
    return this.#session;
  }

  /**
   * The first lines of a file can be out of order (2.1.197 in a terminal writes an answer before its prompt): a record
   * whose parent has not come yet waits for it, but not for long, since the parent may be missing for good.
   */
  push(record: TranscriptRecord): Translated {
    const parent = text(record.parentUuid);
    const told = this.#told;
    this.#told += 1;
    if (parent !== undefined && !this.#keptParent.has(parent) && record["subtype"] !== "compact_boundary" && text(record.uuid) !== undefined) {
      // What nests without end is refused now, as itself, and not when another record releases it.
      JSON.stringify(record);
      this.#waiting.push({ record, parent, since: told });
      return { events: this.#release() };
    }
    const translated = this.#push(record);
    const released = this.#release();
    return released.length === 0 ? translated : { events: [...translated.events, ...released] };
  }

  /** Waiting records whose parent has come, or has kept them waiting too long, in their order. */
  #release(): Event[] {
    const events: Event[] = [];
    for (;;) {
      const next = this.#waiting.findIndex(({ parent, since }) => this.#keptParent.has(parent) || this.#told - since > WAIT);
      if (next < 0) return events;
      events.push(...this.#push(this.#waiting.splice(next, 1)[0]!.record).events);
    }
  }

  #push(record: TranscriptRecord): Translated {
    this.#session ??= text(record.sessionId);
    const time = Date.parse(text(record.timestamp) ?? "");
    if (Number.isFinite(time)) {
      this.#lastTime = time;
      if (!this.#started) this.#begun = Math.max(this.#begun, time);
    }
    const kind = text(record.type) ?? "";
    if (kind === "summary") {
      this.#summaries.push({ leaf: text(record["leafUuid"]) ?? "", title: text(record["summary"]) ?? "", record });
      return { events: [], bookkeeping: "title, decided at the end of the file" };
    }
    const session = this.#session;
    if (session === undefined) return { events: [], bookkeeping: `${kind || "record"} before any session` };
    const events: Event[] = [];
    const where = this.#place(record, session);
    if (Number.isFinite(time)) this.#start(events, record, where);
    const bookkeeping = this.#record(events, kind, record, where);
    this.#noteParent(record, events, where);
    return bookkeeping === undefined || events.length > 0 ? { events } : { events, bookkeeping };
  }

  /** What can only be said at the end of the file: the last message's usage, and titles of this file's records. */
  end(): Event[] {
    const events: Event[] = this.#waiting.splice(0).flatMap(({ record }) => this.#push(record).events);
    this.#flushUsage(events);
    for (const { leaf, title, record } of this.#summaries) {
      if (this.#session === undefined) continue;
      const where: Where = { session: this.#session, time: this.#lastTime };
      // Transcripts of 2.0 begin with titles of other conversations; only the file's own is a name for this one.
      if (this.#keptParent.has(leaf) && title !== "") events.push(make("session.named", `${leaf}:title`, where, { name: title, by: "agent" }));
      else events.push(raw("summary", record, where));
    }
    return events;
  }

  #place(record: TranscriptRecord, session: string): Where {
    const uuid = text(record.uuid);
    const compaction = record["subtype"] === "compact_boundary";
    const above = text(compaction ? record.logicalParentUuid : record.parentUuid);
    // A parent that is not in this file stays as it is: the fold then knows that the tree is torn there.
    if (above !== undefined && !this.#keptParent.has(above) && !compaction) this.missingParents += 1;
    const parent = above === undefined ? undefined : this.#keptParent.has(above) ? this.#keptParent.get(above) : above;
    const thread = text(record.agentId);
    return { session, time: this.#lastTime, ...(thread === undefined ? {} : { thread }), ...(uuid === undefined ? {} : { record: uuid }), ...(parent === undefined ? {} : { parent }) };
  }

  /**
   * Later records that hang below this one hang below the nearest record that is kept. A dropped root in the middle
   * of a file (a hook's progress at a new start in the same file) is named as a missing parent: the conversation
   * goes on there, whereas a prompt without any parent is one that was gone back to.
   */
  #noteParent(record: TranscriptRecord, events: Event[], where: Where): void {
    const uuid = text(record.uuid);
    if (uuid === undefined) return;
    const kept = events.some((event) => event.record === uuid);
    const midway = where.parent === undefined && this.#conversing;
    this.#keptParent.set(uuid, kept || midway ? uuid : where.parent);
    if (kept) this.#conversing = true;
  }

  #start(events: Event[], record: TranscriptRecord, where: Where): void {
    const own = text(record.sessionId);
    if (own === where.session) this.#ownBegun = true;
    // Another id further down is this conversation going on under it (the client renames at some resumes), not where it came from.
    else if (own !== undefined && !this.#ownBegun && !this.#otherSessions.has(own)) {
      this.#otherSessions.add(own);
      events.push(make("session.resumed", `${where.session}:from:${own}`, place(where), { from: own }));
    }
    if (where.thread !== undefined) this.#startThread(events, where, where.thread, this.#options.subagent ?? {});
    const cwd = text(record["cwd"]);
    // A subagent may work in another folder, and its file may be read before its session's: it begins no session.
    if (this.#started || cwd === undefined || where.thread !== undefined) return;
    this.#started = true;
    const branch = text(record["gitBranch"]);
    const version = text(record["version"]);
    events.push(
      make("session.started", `${where.session}:started`, { ...place(where), time: this.#begun }, {
        cwd,
        project: this.#options.projectOf(cwd),
        source: "transcript",
        ...(branch === undefined ? {} : { branch }),
        ...(version === undefined ? {} : { version }),
      }),
    );
  }

  #startThread(events: Event[], where: Where, thread: string, about: { kind?: string; description?: string; call?: string }): void {
    if (this.#threads.has(thread)) return;
    this.#threads.set(thread, undefined);
    const { kind, description, call } = about;
    events.push(
      make("subagent.started", `${thread}:started`, { ...place(where), thread }, {
        ...(kind === undefined ? {} : { kind }),
        ...(description === undefined ? {} : { description }),
        ...(call === undefined ? {} : { call }),
      }),
    );
  }

  #record(events: Event[], kind: string, record: TranscriptRecord, where: Where): string | undefined {
    switch (kind) {
      case "user":
        return this.#user(events, record, where);
      case "assistant":
        return this.#assistant(events, record, where);
      case "system":
        return this.#system(events, record, where);
      case "attachment":
        return attachment(events, record, where);
      case "progress":
        return this.#progress(events, record, where);
      case "ai-title":
      case "custom-title": {
        const name = text(record["aiTitle"]) ?? text(record["customTitle"]) ?? text(record["title"]);
        if (name === undefined) return kind;
        events.push(make("session.named", `${where.session}:named:${sha256Hex(`${kind}:${name}`).slice(0, 16)}`, where, { name, by: kind === "ai-title" ? "agent" : "user" }));
        return undefined;
      }
      case "pr-link": {
        const url = text(record["prUrl"]);
        if (url === undefined) return kind;
        events.push(make("linked", `${where.session}:linked:${sha256Hex(url).slice(0, 16)}`, where, { kind: "pull request", url }));
        return undefined;
      }
      case "cost-state": {
        const usd = record["totalCostUSD"];
        if (typeof usd !== "number" || !Number.isFinite(usd) || usd < 0) return kind;
        events.push(make("cost", `${where.session}:cost:${usd}`, where, { usd }));
        return undefined;
      }
      default:
        if (BOOKKEEPING.has(kind)) return kind;
        events.push(raw(kind || "record", record, where));
        return undefined;
    }
  }

  #user(events: Event[], record: TranscriptRecord, where: Where): string | undefined {
    // What `doctor --repair` put in so that the agent takes the history; nothing is known of that call's outcome.
    if (record["repairedBy"] === "tidemark") return "answer of a repair";
    const content = isRecord(record["message"]) ? record["message"]["content"] : undefined;
    const blocks = blocksOf(content);
    const id = where.record ?? `${where.session}:${sha256Hex(JSON.stringify(record)).slice(0, 24)}`;
    if (record["isCompactSummary"] === true) {
      const summary = resultText(content).text;
      if (summary === "") return "empty summary";
      events.push(make("session.summarised", `${id}#0`, where, { text: summary, by: "agent" }));
      return undefined;
    }
    const images = blocks.filter((block) => block.type === "image").length;
    const sidechainTask = record["isSidechain"] === true && !this.#keptParent.size;
    const before = events.length;
    const promptId = text(record["promptId"]);
    if (promptId !== undefined) this.promptIds.add(promptId);
    for (const [i, block] of blocks.entries()) {
      if (block.type === "tool_result") {
        this.#result(events, block, record, where);
        continue;
      }
      const words = text(block["text"]);
      if (words === undefined) continue;
      if (INTERRUPTED.test(words)) {
        events.push(make("turn.ended", `${id}#${i}`, where, { how: "interrupted", text: words }));
        continue;
      }
      const told = classifyPrompt(words, record["isMeta"] === true);
      const kind = told.kind === "user" && (where.thread !== undefined || sidechainTask) ? "subagent" : told.kind;
      events.push(make("prompt", `${id}#${i}`, where, { text: told.text, kind, ...(images > 0 && kind === "user" ? { images } : {}) }));
    }
    if (events.length === before && images > 0) events.push(make("prompt", `${id}#0`, where, { text: "", kind: "user", images }));
    return "user record without content";
  }

  #result(events: Event[], block: ContentBlock, record: TranscriptRecord, where: Where): void {
    const given = text(block["tool_use_id"]);
    const known = given === undefined ? undefined : this.#calls.get(given);
    const call = known?.event ?? given;
    if (call === undefined) {
      events.push(raw("tool_result", block, where));
      return;
    }
    const { text: output, images } = resultText(block["content"]);
    const structured = record["toolUseResult"];
    if (block["is_error"] === true) {
      const rejected = /^The user doesn't want to (?:proceed|take this action)|^\[Request interrupted|^User rejected/.test(output) || (isRecord(structured) && structured["interrupted"] === true);
      events.push(make("tool.failed", `${call}:result`, where, { call, error: output, ...(rejected ? { rejected } : {}) }));
      return;
    }
    const ms = isRecord(structured) ? count(structured["durationMs"] ?? structured["totalDurationMs"]) : 0;
    events.push(make("tool.returned", `${call}:result`, where, { call, output, ...(ms > 0 ? { ms } : {}), ...(images > 0 ? { images } : {}) }));
    if (known === undefined) return;
    const files = touchedFiles(known.tool, known.input, structured);
    if (files.length > 0) events.push(make("files.touched", `${call}:files`, where, { call, files }));
    const tasks = changedTasks(known.tool, known.input, structured);
    if (tasks !== undefined) events.push(make("task.noted", `${call}:tasks`, where, tasks));
  }

  #assistant(events: Event[], record: TranscriptRecord, where: Where): string | undefined {
    const message = isRecord(record["message"]) ? record["message"] : {};
    const id = where.record ?? `${where.session}:${sha256Hex(JSON.stringify(record)).slice(0, 24)}`;
    const model = text(message["model"]);
    const synthetic = model === "<synthetic>";
    if (record["isApiErrorMessage"] === true) {
      const words = resultText(message["content"]).text;
      events.push(make("turn.ended", `${id}#0`, where, { how: LIMIT.test(words) ? "limit" : "error", text: words }));
      return undefined;
    }
    const thread = where.thread ?? "";
    if (model !== undefined && !synthetic && this.#models.get(thread) !== model) {
      this.#models.set(thread, model);
      events.push(make("model.changed", `${id}:model`, where, { to: model }));
    }
    for (const [i, block] of blocksOf(message["content"]).entries()) this.#answerBlock(events, block, `${id}#${i}`, where, synthetic);
    if (!synthetic) this.#count(events, message, model, where);
    return "assistant record without content";
  }

  #answerBlock(events: Event[], block: ContentBlock, id: string, where: Where, synthetic: boolean): void {
    switch (block.type) {
      case "text": {
        const words = text(block["text"]);
        // The client writes this itself after a resume without a prompt; nobody said it.
        if (words !== undefined && !(synthetic && words === "No response requested.")) events.push(make("answer", id, where, { text: words }));
        return;
      }
      case "thinking":
      case "redacted_thinking":
        events.push(make("thinking", id, where, { characters: (text(block["thinking"]) ?? text(block["data"]) ?? "").length }));
        return;
      case "tool_use":
      case "server_tool_use": {
        const given = text(block["id"]) ?? id;
        // Ids of the vendor's are unique everywhere; some gateways number calls anew in each session ("call_0").
        const call = UNIQUE_CALL.test(given) ? given : `${id}:${given}`;
        const tool = text(block["name"]) ?? "unknown";
        const input = block["input"] ?? {};
        this.#calls.set(given, { tool, input, event: call });
        events.push(make("tool.called", call, where, { tool, input }));
        const tasks = wholePlan(tool, input);
        if (tasks !== undefined) events.push(make("task.noted", `${call}:tasks`, where, tasks));
        return;
      }
      default:
        events.push(raw(`block ${String(block.type)}`, block, where, id));
    }
  }

  /** The same usage stands in every record of a message: it is counted when the message is over. */
  #count(events: Event[], message: Record<string, unknown>, model: string | undefined, where: Where): void {
    const usage = message["usage"];
    const id = text(message["id"]);
    if (!isRecord(usage) || id === undefined) return;
    if (this.#usage !== undefined && this.#usage.message !== id) this.#flushUsage(events);
    const payload = {
      message: id,
      input: count(usage["input_tokens"]),
      output: Math.max(count(usage["output_tokens"]), this.#usage?.payload.output ?? 0),
      cache_read: count(usage["cache_read_input_tokens"]),
      cache_write: count(usage["cache_creation_input_tokens"]),
      ...(model === undefined ? {} : { model }),
    };
    this.#usage = { message: id, payload, where: place(where) };
  }

  #flushUsage(events: Event[]): void {
    const usage = this.#usage;
    this.#usage = undefined;
    // The output count is part of the id: a file read while the message was still being written gave a lower one.
    if (usage !== undefined) events.push(make("usage", `${usage.message}:usage:${usage.payload.output}`, usage.where, usage.payload));
  }

  #system(events: Event[], record: TranscriptRecord, where: Where): string | undefined {
    const subtype = text(record["subtype"]) ?? "";
    const id = where.record ?? `${where.session}:${sha256Hex(JSON.stringify(record)).slice(0, 24)}`;
    switch (subtype) {
      case "compact_boundary": {
        const meta = isRecord(record["compactMetadata"]) ? record["compactMetadata"] : {};
        const trigger = text(meta["trigger"]);
        const before = count(meta["preTokens"]);
        const after = count(meta["postTokens"]);
        events.push(make("session.compacted", id, where, { ...(trigger === undefined ? {} : { trigger }), ...(before > 0 ? { tokens_before: before } : {}), ...(after > 0 ? { tokens_after: after } : {}) }));
        return undefined;
      }
      // Both say that the agent stopped by itself. What comes later (a background subagent's report) goes on with the turn.
      case "stop_hook_summary":
        events.push(make("turn.ended", id, where, { how: "completed" }));
        return undefined;
      case "turn_duration":
        events.push(make("turn.ended", id, where, { how: "completed", ms: count(record["durationMs"]) }));
        return undefined;
      case "local_command": {
        const words = text(record["content"]);
        if (words === undefined) return subtype;
        const told = classifyPrompt(words, true);
        events.push(make("prompt", `${id}#0`, where, { text: told.text, kind: told.kind }));
        return undefined;
      }
      default:
        if (SYSTEM_BOOKKEEPING.has(subtype)) return `system ${subtype}`;
        events.push(raw(`system ${subtype}`, record, where));
        return undefined;
    }
  }

  #progress(events: Event[], record: TranscriptRecord, where: Where): string | undefined {
    const data = isRecord(record["data"]) ? record["data"] : {};
    const kind = text(data["type"]) ?? "";
    if (kind !== "agent_progress") {
      if (kind === "hook_progress" && data["hookEvent"] === "Stop" && where.record !== undefined) {
        events.push(make("turn.ended", where.record, where, { how: "completed" }));
        return undefined;
      }
      if (TRANSIENT_PROGRESS.has(kind)) return `progress ${kind}`;
      events.push(raw(`progress ${kind}`, record, where));
      return undefined;
    }
    const thread = text(data["agentId"]);
    const inner = data["message"];
    if (thread === undefined || !isRecord(inner)) return `progress ${kind}`;
    const call = text(record["parentToolUseID"]);
    const spawn = call === undefined ? undefined : this.#calls.get(call);
    const input = isRecord(spawn?.input) ? spawn.input : {};
    const about = { kind: text(input["subagent_type"]), description: text(input["description"]), call };
    this.#startThread(events, where, thread, Object.fromEntries(Object.entries(about).filter(([, value]) => value !== undefined)));
    const time = Date.parse(text(inner["timestamp"]) ?? "");
    const innerRecord = text(inner["uuid"]) ?? where.record;
    const parent = this.#threads.get(thread);
    const place: Where = { session: where.session, time: Number.isFinite(time) ? time : where.time, thread, ...(innerRecord === undefined ? {} : { record: innerRecord }), ...(parent === undefined ? {} : { parent }) };
    this.#threads.set(thread, innerRecord);
    if (inner["type"] === "user") this.#user(events, { ...inner, isSidechain: true }, place);
    else if (inner["type"] === "assistant") this.#assistant(events, inner, place);
    return `progress ${kind}`;
  }
}

/** How what we hand to an agent begins (context/start.ts). */
const OWN_CONTEXT = "<tidemark ";

/** Records after which a parent is taken to be missing. */
const WAIT = 24;

export const UNIQUE_CALL = /^(?=.*[A-Za-z].*)[\w-]{16,}$/;

/** The envelope of something that is about the session and not a point in the conversation. */
function place(where: Where): Where {
  return { session: where.session, time: where.time, ...(where.thread === undefined ? {} : { thread: where.thread }) };
}

function make<T extends EventType>(type: T, id: string, where: Where, payload: Payload<T>): Event {
  const { session, time, thread, record, parent } = where;
  const event: EventOf<T> = { id, time, type, session, agent: AGENT, ...(thread === undefined ? {} : { thread }), ...(record === undefined ? {} : { record }), ...(parent === undefined ? {} : { parent }), payload };
  return event as Event;
}

function raw(kind: string, record: unknown, where: Where, id?: string): Event {
  return make("raw", id ?? `${where.record ?? where.session}:raw:${sha256Hex(JSON.stringify(record)).slice(0, 24)}`, where, { kind, record });
}

function attachment(events: Event[], record: TranscriptRecord, where: Where): string | undefined {
  const body = isRecord(record["attachment"]) ? record["attachment"] : {};
  const kind = text(body["type"]) ?? "";
  const id = where.record ?? where.session;
  if (kind === "nested_memory") {
    const path = text(body["path"]);
    if (path === undefined) return `attachment ${kind}`;
    const memory = isRecord(body["content"]) ? text(body["content"]["type"]) : undefined;
    events.push(make("instructions.loaded", `${id}#0`, where, { path, ...(memory === undefined ? {} : { kind: memory }) }));
    return undefined;
  }
  if (kind === "hook_additional_context") {
    const words = resultText(Array.isArray(body["content"]) && typeof body["content"][0] === "string" ? body["content"].join("\n") : body["content"]).text;
    if (words === "") return `attachment ${kind}`;
    // Our own brief of another session: kept again it would outlive that session's being forgotten.
    if (words.startsWith(OWN_CONTEXT)) return `attachment ${kind} of ours`;
    events.push(make("prompt", `${id}#0`, where, { text: words, kind: "injected" }));
    return undefined;
  }
  if (kind === "instructions") {
    const paths = new Set(JSON.stringify(body).match(/(?<=Contents of )[^\s"\\]+?\.md/g) ?? []);
    for (const [i, path] of [...paths].entries()) events.push(make("instructions.loaded", `${id}#${i}`, where, { path }));
    return `attachment ${kind}`;
  }
  if (kind === "queued_command") {
    const words = resultText(body["prompt"]).text;
    if (words === "") return `attachment ${kind}`;
    // Typed while the agent worked, and handed to it between two calls.
    const told = classifyPrompt(words, false);
    events.push(make("prompt", `${id}#0`, where, { text: told.text, kind: told.kind }));
    return undefined;
  }
  if (BOOKKEEPING_ATTACHMENTS.has(kind)) return `attachment ${kind}`;
  events.push(raw(`attachment ${kind}`, record, where));
  return undefined;
}

const STATUS = new Set(["pending", "in_progress", "completed", "deleted"]);
type Task = Payload<"task.noted">["tasks"][number];

function taskOf(content: unknown, status: unknown, id?: string): Task | undefined {
  const words = text(content);
  if (words === undefined) return undefined;
  return { content: words, status: (STATUS.has(String(status)) ? status : "pending") as Task["status"], ...(id === undefined ? {} : { id }) };
}

/** TodoWrite gives the whole list each time. */
function wholePlan(tool: string, input: unknown): Payload<"task.noted"> | undefined {
  if (tool !== "TodoWrite" || !isRecord(input) || !Array.isArray(input["todos"])) return undefined;
  const tasks = input["todos"].filter(isRecord).map((todo) => taskOf(todo["content"], todo["status"]));
  return { whole: true, tasks: tasks.filter((task) => task !== undefined) };
}

/** TaskCreate's id is only in its result; TaskUpdate names an id and what changed. */
function changedTasks(tool: string, input: unknown, result: unknown): Payload<"task.noted"> | undefined {
  if (!isRecord(input) || !isRecord(result)) return undefined;
  if (tool === "TaskCreate" && isRecord(result["task"])) {
    const task = taskOf(result["task"]["subject"] ?? input["subject"], "pending", text(result["task"]["id"]));
    return task === undefined ? undefined : { whole: false, tasks: [task] };
  }
  if (tool === "TaskUpdate") {
    const id = text(input["taskId"]);
    const status = input["status"];
    if (id === undefined || !STATUS.has(String(status))) return undefined;
    return { whole: false, tasks: [{ id, content: text(input["subject"]) ?? "", status: status as Task["status"] }] };
  }
  return undefined;
}
