/**
 * One chat of Gemini CLI to events, record by record. Pure. A record is the chat's head, a message, a change (`$set`, which can
 * put a whole list of messages in the place of all before), or a step back (`$rewindTo`); of an older chat, which is one
 * document, the reader makes the same records.
 *
 * A message is written again under its id when its calls have come back: what was told of it has the same ids.
 *
 * Sources of the rules: chats of 0.61.0, and how that version reads them itself (docs/agents/gemini.md).
 */
import { isRecord } from "../../base/json.ts";
import { sha256Hex } from "../../base/hash.ts";
import type { Event, EventOf, EventType, Payload } from "../../event/schema.ts";
import type { Translated, Translator } from "../history.ts";

export const AGENT = "gemini";

export interface TranslatorOptions {
  readonly projectOf: (cwd: string) => string;
  /** Where the chat was begun, where the files beside it say so. */
  readonly root?: string;
  /** For a subagent's chat: the conversation that started it. */
  readonly parent?: string;
}

type Fields = Record<string, unknown>;
type Touched = Payload<"files.touched">["files"];

/** What the client says of itself and the project before the first prompt, and what hooks of ours hand over. */
const CLIENT = /^\s*(?:<session_context>|This is the Gemini CLI\. We are setting up the context|<tidemark )/;
const SUMMARY = /^\s*<state_snapshot>/;

export class ChatTranslator implements Translator {
  readonly missingParents = 0;
  readonly #options: TranslatorOptions;
  #session: string | undefined;
  #thread: string | undefined;
  #head: Fields | undefined;
  #time = 0;
  #last: string | undefined;
  #model = "";
  /** What stood before each message, for its being written again and for going back. */
  readonly #before = new Map<string, string | undefined>();

  constructor(options: TranslatorOptions) {
    this.#options = options;
  }

  get session(): string | undefined {
    return this.#session;
  }

  push(record: Fields): Translated {
    if (typeof record["sessionId"] === "string" && record["type"] === undefined) return this.#begin(record);
    if (this.#session === undefined) return { events: [], bookkeeping: "record before any session" };
    if (typeof record["$rewindTo"] === "string") {
      this.#last = this.#before.get(record["$rewindTo"]);
      return { events: [], bookkeeping: "$rewindTo" };
    }
    if (isRecord(record["$set"])) return this.#change(record["$set"]);
    const events = this.#message(record);
    return typeof events === "string" ? { events: [], bookkeeping: events } : { events };
  }

  end(): Event[] {
    return this.#started("");
  }

  #begin(head: Fields): Translated {
    const id = String(head["sessionId"]);
    const began = Date.parse(string(head["startTime"]) ?? "");
    if (Number.isFinite(began)) this.#time = began;
    if (this.#session !== undefined) return { events: [], bookkeeping: "head" };
    const { parent, root } = this.#options;
    this.#session = parent ?? id;
    if (parent !== undefined) {
      this.#thread = id;
      const description = string(head["summary"]);
      return { events: [this.#make("subagent.started", `${id}:started`, description === undefined ? {} : { description })] };
    }
    this.#head = { ...head, time: this.#time };
    return { events: [...(root === undefined ? [] : this.#started(root)), ...this.#named(head)] };
  }

  /** The folder is not in the head: it stands beside the file, or in the first words. */
  #started(cwd: string): Event[] {
    const head = this.#head;
    if (head === undefined) return [];
    this.#head = undefined;
    return [{ ...this.#make("session.started", `${this.#session!}:started`, { cwd, project: this.#options.projectOf(cwd || "/"), source: "transcript" }), time: Number(head["time"]) }];
  }

  #named({ summary }: Fields): Event[] {
    const name = string(summary);
    return name === undefined || this.#thread !== undefined ? [] : [this.#make("session.named", `${this.#session!}:named:${sha256Hex(name).slice(0, 16)}`, { name, by: "agent" })];
  }

  #change(set: Fields): Translated {
    const events = this.#named(set);
    const messages = Array.isArray(set["messages"]) ? set["messages"].filter(isRecord) : [];
    for (const message of messages) {
      const told = this.#message(message);
      if (typeof told !== "string") events.push(...told);
    }
    return events.length === 0 ? { events, bookkeeping: "$set" } : { events };
  }

  #message(message: Fields): Event[] | string {
    const id = string(message["id"]);
    const type = String(message["type"]);
    if (id === undefined || (type !== "user" && type !== "gemini" && type !== "error" && type !== "info" && type !== "warning")) return [this.#raw(type === "undefined" ? "record" : type, message)];
    const time = Date.parse(string(message["timestamp"]) ?? "");
    if (Number.isFinite(time)) this.#time = time;
    const record = /^[\w-]{30,}$/.test(id) && !/^[0-9a-f]{32}$/.test(id) ? id : `${this.#thread ?? this.#session!}:${id}`;
    const words = wordsOf(message["displayContent"] ?? message["content"]);
    const begun = type === "user" && CLIENT.test(words) ? this.#started(/(?:Workspace Directories:\*\*\s*\n\s*- |working in the directory: )(.+)/.exec(words)?.[1]?.trim() ?? "") : this.#started("");
    const events = type === "user" ? this.#words(message, record, words) : type === "gemini" ? this.#answer(message, record, words) : notice(type, words).map((payload) => this.#make("turn.ended", `${record}:ended`, payload));
    if (events.length === 0) return begun.length > 0 ? begun : `${type} message of the client's`;
    const again = this.#before.has(record);
    const parent = again ? this.#before.get(record) : this.#last;
    if (!again) {
      this.#before.set(record, parent);
      if (record !== id) this.#before.set(id, parent);
      this.#last = record;
    }
    return [...begun, ...events.map((event) => ({ ...event, record, ...(parent === undefined ? {} : { parent }) }))];
  }

  #words(message: Fields, record: string, words: string): Event[] {
    const images = (Array.isArray(message["content"]) ? message["content"] : []).filter((part) => isRecord(part) && isRecord(part["inlineData"]) && string(part["inlineData"]["mimeType"])?.startsWith("image/") === true).length;
    if (SUMMARY.test(words)) return [this.#make("session.compacted", record, {}), this.#make("session.summarised", `${record}#0`, { text: words, by: "agent" })];
    if ((words === "" && images === 0) || CLIENT.test(words)) return [];
    return [this.#make("prompt", `${record}#0`, { text: words, kind: this.#thread === undefined ? "user" : "subagent", ...(images > 0 ? { images } : {}) })];
  }

  #answer(message: Fields, record: string, words: string): Event[] {
    const events: Event[] = [];
    const model = string(message["model"]);
    if (model !== undefined && model !== this.#model) {
      this.#model = model;
      events.push(this.#make("model.changed", `${record}:model`, { to: model }));
    }
    const thoughts = Array.isArray(message["thoughts"]) ? message["thoughts"].filter(isRecord) : [];
    const characters = thoughts.reduce((sum, { subject, description }) => sum + (string(subject)?.length ?? 0) + (string(description)?.length ?? 0), 0);
    if (characters > 0) events.push(this.#make("thinking", `${record}:thinking`, { characters }));
    if (words !== "") events.push(this.#make("answer", `${record}#0`, { text: words }));
    for (const call of Array.isArray(message["toolCalls"]) ? message["toolCalls"].filter(isRecord) : []) events.push(...this.#call(call, record));
    const { tokens } = message;
    if (isRecord(tokens)) {
      const cached = count(tokens["cached"]);
      events.push(this.#make("usage", `${record}:usage`, { message: record, input: Math.max(0, count(tokens["input"]) - cached), output: count(tokens["output"]) + count(tokens["thoughts"]), cache_read: cached, cache_write: 0, ...(model === undefined ? {} : { model }) }));
    }
    return events;
  }

  /** Calls are written when they are over; the time is that of their end. */
  #call(call: Fields, record: string): Event[] {
    const id = `${record}:${string(call["id"]) ?? sha256Hex(JSON.stringify(call["args"] ?? {})).slice(0, 24)}`;
    const tool = string(call["name"]) ?? "unknown";
    const input = isRecord(call["args"]) ? call["args"] : {};
    const called = this.#make("tool.called", id, { tool, input });
    const ended = Date.parse(string(call["timestamp"]) ?? "");
    const at = (event: Event): Event => (Number.isFinite(ended) ? { ...event, time: ended } : event);
    const { text, failed } = outputOf(call["result"]);
    if (call["status"] === "cancelled") return [called, at(this.#make("tool.failed", `${id}:result`, { call: id, error: text, rejected: true }))];
    if (call["status"] === "error" || (call["status"] === "success" && failed)) return [called, at(this.#make("tool.failed", `${id}:result`, { call: id, error: text }))];
    if (call["status"] !== "success") return [called];
    const events = [called, at(this.#make("tool.returned", `${id}:result`, { call: id, output: text }))];
    const files = touched(tool, input, call["resultDisplay"], this.#options.root ?? "");
    if (files.length > 0) events.push(at(this.#make("files.touched", `${id}:files`, { call: id, files })));
    const tasks = planOf(tool, input);
    if (tasks !== undefined) events.push(at(this.#make("task.noted", `${id}:tasks`, { whole: true, tasks })));
    return events;
  }

  #raw(kind: string, record: unknown): Event {
    return this.#make("raw", `${this.#session!}:raw:${sha256Hex(JSON.stringify(record)).slice(0, 24)}`, { kind, record });
  }

  #make<T extends EventType>(type: T, id: string, payload: Payload<T>): Event {
    const event: EventOf<T> = { id, time: this.#time, type, session: this.#session!, agent: AGENT, ...(this.#thread === undefined ? {} : { thread: this.#thread }), payload };
    return event as Event;
  }
}

/** Text parts; what a tool gave back stands at its call too. */
function wordsOf(content: unknown): string {
  if (typeof content === "string") return content;
  const parts = Array.isArray(content) ? content : [content];
  return parts.flatMap((part) => (typeof part === "string" ? [part] : isRecord(part) && part["thought"] !== true ? (string(part["text"]) ?? []) : [])).join("\n");
}

function outputOf(result: unknown): { text: string; failed: boolean } {
  const said: string[] = [];
  let failed = false;
  for (const part of Array.isArray(result) ? result : []) {
    const response = isRecord(part) && isRecord(part["functionResponse"]) ? part["functionResponse"]["response"] : undefined;
    if (!isRecord(response)) continue;
    const { output, error } = response;
    if (typeof error === "string") failed = true;
    said.push(typeof error === "string" ? error : typeof output === "string" ? output : JSON.stringify(response));
  }
  const text = said.join("\n").replace(/^<untrusted_context>\n([\s\S]*?)\n?<\/untrusted_context>$/, "$1");
  return { text, failed: failed || /^Exit Code: -?[1-9]\d*$/m.test(text) };
}

/** The client's own edit and write tools say in their display what they did. */
function touched(tool: string, input: Fields, display: unknown, root: string): Touched {
  const named = string(input["file_path"]) ?? string(input["absolute_path"]);
  const done = isRecord(display) ? display : {};
  const path = string(done["filePath"]) ?? (named === undefined || named.startsWith("/") || root === "" ? named : `${root}/${named}`);
  if (path === undefined) return [];
  if (tool === "read_file") return [{ path, change: "read" }];
  if (tool !== "replace" && tool !== "edit" && tool !== "write_file") return [];
  const stat = isRecord(done["diffStat"]) ? done["diffStat"] : {};
  const added = count(stat["model_added_lines"]) + count(stat["user_added_lines"]);
  const removed = count(stat["model_removed_lines"]) + count(stat["user_removed_lines"]);
  return [{ path, change: done["isNewFile"] === true ? "created" : "edited", ...(isRecord(done["diffStat"]) ? { added, removed } : {}) }];
}

const PLANNED: Readonly<Record<string, "pending" | "in_progress" | "completed" | "deleted">> = { pending: "pending", in_progress: "in_progress", completed: "completed", cancelled: "deleted" };

/** `write_todos` gives the whole list each time. */
function planOf(tool: string, input: Fields): Payload<"task.noted">["tasks"] | undefined {
  if (tool !== "write_todos" || !Array.isArray(input["todos"])) return undefined;
  return input["todos"].filter(isRecord).flatMap(({ description, status }) => (typeof description === "string" ? [{ content: description, status: PLANNED[String(status)] ?? "pending" }] : []));
}

/** Errors end a turn; of the other notices only that of a cancelled request does. */
function notice(type: string, words: string): Payload<"turn.ended">[] {
  if (type === "error") return [{ how: /quota|rate limit|usage limit/i.test(words) ? "limit" : "error", text: words }];
  return /^Request cancelled/i.test(words) ? [{ how: "interrupted", text: words }] : [];
}

function string(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function count(value: unknown): number {
  return typeof value === "number" && Number.isFinite(value) && value > 0 ? Math.floor(value) : 0;
}
