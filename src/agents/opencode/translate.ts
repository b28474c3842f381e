/**
 * One session of opencode to events, message by message. Pure. A record is the session's own row, or a message with its parts;
 * that is what the database, an export and the files of older versions all hold.
 *
 * Messages change while they are being written, and a fork copies them under new ids but with their times: what is not
 * finished is left for the next reading, and ids follow from a message's time and what it says, so that a copy is known.
 *
 * Sources of the rules: the database and exports of 1.18.33 (docs/agents/opencode.md).
 */
import { isRecord } from "../../base/json.ts";
import { sha256Hex } from "../../base/hash.ts";
import type { Event, EventOf, EventType, Payload } from "../../event/schema.ts";
import type { Translated, Translator } from "../history.ts";

export const AGENT = "opencode";

type Fields = Record<string, unknown>;
type Touched = Payload<"files.touched">["files"];

/** Parts that repeat what other parts or the client's own store say. */
const BOOKKEEPING = new Set(["step-start", "step-finish", "snapshot", "patch", "agent", "subtask", "retry", "file"]);

/** Ids of the vendors' are unique everywhere; some gateways number calls anew in each session. */
const UNIQUE = /^(?=.*[A-Za-z])[\w-]{16,}$/;

export class SessionTranslator implements Translator {
  readonly missingParents = 0;
  readonly #projectOf: (cwd: string) => string;
  #session: string | undefined;
  #thread: string | undefined;
  #last: string | undefined;
  #model = "";
  #time = 0;

  constructor(options: { readonly projectOf: (cwd: string) => string }) {
    this.#projectOf = options.projectOf;
  }

  get session(): string | undefined {
    return this.#session;
  }

  push(record: Fields): Translated {
    const { info, parts, root } = record;
    if (!isRecord(info)) return this.#session === undefined ? { events: [], bookkeeping: "record before any session" } : { events: [this.#raw(string(record["type"]) ?? "record", record)] };
    if (!Array.isArray(parts)) return this.#begin(info, string(root));
    if (this.#session === undefined) return { events: [], bookkeeping: "message before any session" };
    const events = this.#message(info, parts.filter(isRecord));
    return events.length === 0 ? { events, bookkeeping: isFinished(info) ? "message without content" : "message that is being written" } : { events };
  }

  end(): Event[] {
    return [];
  }

  /** The session's row; `root` is the session that a subagent's belongs to in the end. */
  #begin(info: Fields, root: string | undefined): Translated {
    const id = string(info["id"]);
    if (id === undefined) return { events: [], bookkeeping: "session without an id" };
    const parent = root ?? string(info["parentID"]);
    this.#session = parent ?? id;
    this.#time = timeOf(info, "created");
    const title = string(info["title"]);
    if (parent !== undefined) {
      this.#thread = id;
      const kind = string(info["agent"]);
      return { events: [this.#make("subagent.started", `${id}:started`, { ...(kind === undefined ? {} : { kind }), ...(title === undefined ? {} : { description: title }) })] };
    }
    const cwd = string(info["directory"]) ?? "";
    const version = string(info["version"]);
    const events: Event[] = [this.#make("session.started", `${id}:started`, { cwd, project: this.#projectOf(cwd || "/"), source: "transcript", ...(version === undefined ? {} : { version }) })];
    // Until it has thought of a title it calls a session "New session - <time>".
    if (title !== undefined && !/^New session - \d/.test(title)) events.push(this.#make("session.named", `${id}:named:${sha256Hex(title).slice(0, 16)}`, { name: title, by: "agent" }));
    const cost = info["cost"];
    if (typeof cost === "number" && Number.isFinite(cost) && cost > 0) events.push(this.#make("cost", `${id}:cost:${cost}`, { usd: cost }));
    return { events };
  }

  #message(info: Fields, parts: readonly Fields[]): Event[] {
    this.#time = timeOf(info, "created") || this.#time;
    const isUser = info["role"] === "user";
    const finished = isFinished(info);
    const first = parts.find((part) => string(part["callID"]) !== undefined || (part["type"] === "text" && (isUser || finished || isEnded(part))));
    const error = isRecord(info["error"]) ? info["error"] : undefined;
    // Nothing of it is sure yet; an id that changes when there is more would tell it twice.
    if (first === undefined && !finished) return [];
    const record = `${AGENT}:${this.#time}:${String(info["role"])}:${sha256Hex(string(first?.["callID"]) ?? string(first?.["text"]) ?? string(info["parentID"]) ?? "").slice(0, 24)}`;
    const parent = this.#last;
    const events: Event[] = [];
    const model = modelOf(info);
    if (model !== undefined && model !== this.#model && !isUser) {
      this.#model = model;
      events.push(this.#make("model.changed", `${record}:model`, { to: model }));
    }
    for (const [i, part] of parts.entries()) events.push(...this.#part(part, i, { record, isUser, finished, isSummary: info["summary"] === true, alike: parts }));
    if (isUser) events.push(...pictures(parts, events).map((payload) => this.#make("prompt", `${record}#images`, { ...payload, kind: this.#asker() })));
    if (error !== undefined) events.push(this.#make("turn.ended", `${record}:ended`, ending(error)));
    const usage = finished ? this.#usage(info, record, model) : undefined;
    if (usage !== undefined) events.push(usage);
    if (events.some(({ type }) => type !== "usage" && type !== "model.changed")) this.#last = record;
    return events.map((event) => ({ ...event, record, ...(parent === undefined ? {} : { parent }) }));
  }

  #part(part: Fields, i: number, about: { readonly record: string; readonly isUser: boolean; readonly finished: boolean; readonly isSummary: boolean; readonly alike: readonly Fields[] }): Event[] {
    const { record, isUser, finished, isSummary, alike } = about;
    const nth = alike.slice(0, i).filter(({ type }) => type === part["type"]).length;
    const id = `${record}#${String(part["type"])}${nth}`;
    const text = string(part["text"]);
    switch (part["type"]) {
      case "text": {
        // What the client adds to a prompt (the contents of named files) repeats what is on disk.
        if (text === undefined || part["ignored"] === true || (isUser && part["synthetic"] === true)) return [];
        if (isUser) return [this.#make("prompt", id, { text, kind: this.#asker() })];
        if (!finished && !isEnded(part)) return [];
        return [isSummary ? this.#make("session.summarised", id, { text, by: "agent" }) : this.#make("answer", id, { text })];
      }
      case "reasoning":
        return finished || isEnded(part) ? [this.#make("thinking", id, { characters: text?.length ?? 0 })] : [];
      case "tool":
        return this.#tool(part, id);
      case "compaction":
        return [this.#make("session.compacted", id, { trigger: part["auto"] === true ? "auto" : "manual" })];
      default:
        return BOOKKEEPING.has(String(part["type"])) ? [] : [this.#raw(`part ${String(part["type"])}`, part)];
    }
  }

  #asker(): "user" | "subagent" {
    return this.#thread === undefined ? "user" : "subagent";
  }

  #tool(part: Fields, id: string): Event[] {
    const state = isRecord(part["state"]) ? part["state"] : {};
    const given = string(part["callID"]) ?? "";
    const call = UNIQUE.test(given) ? given : `${id}:${given}`;
    const tool = string(part["tool"]) ?? "unknown";
    const input = named(isRecord(state["input"]) ? state["input"] : {});
    const metadata = isRecord(state["metadata"]) ? state["metadata"] : {};
    const { status } = state;
    // While the model is still writing the call its input is not whole.
    if (status === "pending") return [];
    const began = timeOf(state, "start") || this.#time;
    const ended = timeOf(state, "end") || began;
    const events: Event[] = [{ ...this.#make("tool.called", call, { tool, input }), time: began }];
    const output = string(state["output"]) ?? "";
    const exit = Number(metadata["exit"] ?? 0);
    if (status === "error") {
      const error = string(state["error"]) ?? output;
      events.push({ ...this.#make("tool.failed", `${call}:result`, { call, error, ...(/aborted|rejected|dismissed/i.test(error) ? { rejected: true } : {}) }), time: ended });
    } else if (status === "completed" && exit !== 0) events.push({ ...this.#make("tool.failed", `${call}:result`, { call, error: output }), time: ended });
    else if (status === "completed") {
      events.push({ ...this.#make("tool.returned", `${call}:result`, { call, output, ...(ended > began ? { ms: ended - began } : {}) }), time: ended });
      const files = touched(tool, input, metadata);
      if (files.length > 0) events.push({ ...this.#make("files.touched", `${call}:files`, { call, files }), time: ended });
      const tasks = planOf(tool, input);
      if (tasks !== undefined) events.push({ ...this.#make("task.noted", `${call}:tasks`, { whole: true, tasks }), time: ended });
    }
    return events;
  }

  #usage(info: Fields, message: string, model: string | undefined): Event | undefined {
    const { tokens } = info;
    if (!isRecord(tokens)) return undefined;
    const cache = isRecord(tokens["cache"]) ? tokens["cache"] : {};
    const payload = { message, input: count(tokens["input"]), output: count(tokens["output"]) + count(tokens["reasoning"]), cache_read: count(cache["read"]), cache_write: count(cache["write"]), ...(model === undefined ? {} : { model }) };
    return this.#make("usage", `${message}:usage`, payload);
  }

  #raw(kind: string, record: unknown): Event {
    return this.#make("raw", `${this.#session!}:raw:${sha256Hex(JSON.stringify(record)).slice(0, 24)}`, { kind, record });
  }

  #make<T extends EventType>(type: T, id: string, payload: Payload<T>): Event {
    const event: EventOf<T> = { id, time: this.#time, type, session: this.#session!, agent: AGENT, ...(this.#thread === undefined ? {} : { thread: this.#thread }), payload };
    return event as Event;
  }
}

/** Every reader of events looks for `file_path`. */
function named(input: Fields): Fields {
  if (typeof input["filePath"] !== "string") return input;
  const { filePath, ...rest } = input;
  return { file_path: filePath, ...rest };
}

function touched(tool: string, input: Fields, metadata: Fields): Touched {
  const path = string(input["file_path"]) ?? string(metadata["filepath"]);
  const diff = isRecord(metadata["filediff"]) ? metadata["filediff"] : {};
  if (Array.isArray(metadata["files"]) && tool === "apply_patch") {
    return metadata["files"].filter(isRecord).flatMap((file): Touched => {
      const at = string(file["filePath"]) ?? string(file["file"]);
      const change = ({ add: "created", delete: "deleted" } as const)[String(file["type"])] ?? "edited";
      return at === undefined ? [] : [{ path: at, change, added: count(file["additions"]), removed: count(file["deletions"]) }];
    });
  }
  if (path === undefined) return [];
  if (tool === "read") return [{ path, change: "read" }];
  if (tool === "write") {
    const content = string(input["content"]) ?? "";
    const lines = content === "" ? 0 : content.split("\n").length - (content.endsWith("\n") ? 1 : 0);
    return [metadata["exists"] === false ? { path, change: "created", added: lines, removed: 0 } : { path, change: "edited" }];
  }
  return tool === "edit" || tool === "multiedit" || tool === "patch" ? [{ path, change: "edited", added: count(diff["additions"]), removed: count(diff["deletions"]) }] : [];
}

const PLANNED: Readonly<Record<string, "pending" | "in_progress" | "completed" | "deleted">> = { pending: "pending", in_progress: "in_progress", completed: "completed", cancelled: "deleted" };

/** `todowrite` gives the whole list each time. */
function planOf(tool: string, input: Fields): Payload<"task.noted">["tasks"] | undefined {
  if (tool !== "todowrite" || !Array.isArray(input["todos"])) return undefined;
  return input["todos"].filter(isRecord).flatMap(({ content, status }) => (typeof content === "string" ? [{ content, status: PLANNED[String(status)] ?? "pending" }] : []));
}

/** Pictures without words. */
function pictures(parts: readonly Fields[], events: readonly Event[]): { text: string; images: number }[] {
  const images = parts.filter((part) => part["type"] === "file" && string(part["mime"])?.startsWith("image/") === true).length;
  return images > 0 && !events.some(({ type }) => type === "prompt") ? [{ text: "", images }] : [];
}

function ending(error: Fields): Payload<"turn.ended"> {
  const name = String(error["name"]);
  const said = isRecord(error["data"]) ? string(error["data"]["message"]) : undefined;
  const how = name === "MessageAbortedError" ? "interrupted" : /rate.?limit|usage limit|quota/i.test(said ?? "") ? "limit" : "error";
  return { how, text: said ?? name };
}

function modelOf(info: Fields): string | undefined {
  return string(info["modelID"]) ?? (isRecord(info["model"]) ? string(info["model"]["modelID"]) : undefined);
}

/** Words of the user are whole at once. */
function isFinished(info: Fields): boolean {
  return info["role"] === "user" || timeOf(info, "completed") > 0 || isRecord(info["error"]);
}

function isEnded(part: Fields): boolean {
  return timeOf(part, "end") > 0;
}

function timeOf(about: Fields, which: string): number {
  const { time } = about;
  return isRecord(time) ? count(time[which]) : 0;
}

function string(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function count(value: unknown): number {
  return typeof value === "number" && Number.isFinite(value) && value > 0 ? Math.floor(value) : 0;
}
