/**
 * One rollout of Codex to events, record by record, in the order of the file. Pure: no file is opened here.
 *
 * A rollout tells most things twice: as the item that was given to or came from the model (`response_item`), which every
 * version has and a migration to paginated history leaves as it is, and as an event for the screen (`event_msg`). Facts are
 * taken from the items; events add what items lack: ends of turns, exit status, changed files, tokens. A message that stands
 * only in an event counts when its turn has none among the items.
 *
 * Sources of the rules: files written by 0.169, files of 0.55 before and after `codex migrate-rollouts`, and the shapes in
 * the client's public source (docs/agents/codex.md).
 */
import { sha256Hex } from "../../base/hash.ts";
import { isRecord } from "../../base/json.ts";
import type { Event, EventOf, EventType, Payload } from "../../event/schema.ts";
import type { Translated, Translator } from "../history.ts";
import { changedFiles, patchedFiles, whole } from "./patch.ts";
import {
  BOOKKEEPING, BOOKKEEPING_EVENTS, classifyWords, count, inputOf, isAside, isLimit, milliseconds, outputOf, planOf, REPEATED_ITEMS, spawnOf, string, textOf, unwrapped, withCommand,
  type Fields, type Outcome,
} from "./records.ts";

export const AGENT = "codex";

export interface TranslatorOptions {
  /** From the file itself or its name, for a rollout whose first line is lost or that begins with the records of another. */
  readonly session?: string;
  readonly projectOf: (cwd: string) => string;
}

type Touched = Payload<"files.touched">["files"];

/** How what we hand to an agent begins (context/start.ts). */
const OWN_CONTEXT = "<tidemark ";

/** Ids of the vendor's are unique everywhere; some gateways number calls anew in each session. */
const UNIQUE = /^(?=.*[A-Za-z])[\w-]{20,}$/;

export class RolloutTranslator implements Translator {
  readonly missingParents = 0;
  readonly #options: TranslatorOptions;
  /** The conversation, and within it the subagent whose file this is. */
  #session: string | undefined;
  #thread: string | undefined;
  /** Whose records are being read: those of a fork's parent come first, and keep the ids they have there. */
  #scope = "";
  #begun = false;
  #started = false;
  #time = 0;
  #cwd = "";
  #model = "";
  /** The last record with events: the conversation is a list, but for what was rolled back. */
  #last: string | undefined;
  /** What stood before each prompt, for going back. */
  readonly #prompts: (string | undefined)[] = [];
  readonly #calls = new Map<string, { event: string; tool: string; input: Fields; filesTold: boolean }>();
  readonly #outcomes = new Map<string, Outcome>();
  readonly #nth = new Map<string, number>();
  /** Messages of the turn that only events have told so far. */
  #echoes: { role: "user" | "assistant"; text: string; time: number }[] = [];
  #spoke = { user: false, assistant: false };
  /** An answer that may turn out to be the summary of a compaction. */
  #held: Fields | undefined;
  #recordsUsage = false;
  #total = "";

  constructor(options: TranslatorOptions) {
    this.#options = options;
    this.#scope = options.session ?? "";
    this.#session = options.session;
  }

  get session(): string | undefined {
    return this.#session;
  }

  push(record: Fields): Translated {
    const { type, payload } = unwrapped(record);
    const held = this.#held;
    if (held !== undefined && !isAside(type, payload)) {
      this.#held = undefined;
      const summary = type === "compacted" && String(payload["message"] ?? "").includes(textOf(held["content"]) ?? "\0");
      const before = summary ? [] : this.#message(held);
      const now = this.#push(record, type, payload);
      return before.length === 0 ? now : { events: [...before, ...now.events] };
    }
    return this.#push(record, type, payload);
  }

  end(): Event[] {
    const held = this.#held;
    this.#held = undefined;
    return [...(held === undefined ? [] : this.#message(held)), ...this.#closeTurn()];
  }

  #push(record: Fields, type: string, payload: Fields): Translated {
    const time = Date.parse(string(record["timestamp"]) ?? "");
    if (Number.isFinite(time)) this.#time = time;
    if (type === "session_meta") return this.#meta(payload);
    if (this.#session === undefined) return { events: [], bookkeeping: `${type || "record"} before any session` };
    switch (type) {
      case "response_item":
        if (payload["type"] === "message" && payload["role"] === "assistant" && textOf(payload["content"]) !== undefined) {
          this.#held = { ...payload, time: this.#time };
          return { events: [] };
        }
        return named(this.#item(payload), `response_item ${String(payload["type"])}`);
      case "event_msg":
        return this.#event(payload);
      case "turn_context":
        return named(this.#context(payload), type);
      case "compacted":
        return { events: this.#compacted(payload) };
      case "token_usage_record":
        return named(this.#usage(payload), type);
      case "inter_agent_communication":
        return { events: [this.#keep("inter_agent_communication", payload)] };
      default:
        if (BOOKKEEPING.has(type) || record["record_type"] === "state") return { events: [], bookkeeping: type || "state" };
        return { events: [this.#keep(type || "record", record)] };
    }
  }

  /** The first one says whose file it is; one further down is that of the conversation it was forked from, in older versions. */
  #meta(meta: Fields): Translated {
    const id = string(meta["id"]) ?? string(meta["session_id"]);
    if (id === undefined) return { events: [], bookkeeping: "session_meta without an id" };
    this.#scope = id;
    if (this.#begun || (this.#options.session !== undefined && id !== this.#options.session)) return { events: [], bookkeeping: "session_meta of what it goes on from" };
    this.#begun = true;
    const spawned = spawnOf(meta);
    this.#session = spawned?.parent ?? id;
    const begun = Date.parse(string(meta["timestamp"]) ?? "");
    if (this.#time === 0 && Number.isFinite(begun)) this.#time = begun;
    this.#cwd = string(meta["cwd"]) ?? this.#cwd;
    if (spawned !== undefined) {
      this.#thread = id;
      const { kind, description } = spawned;
      return { events: [this.#make("subagent.started", `${id}:started`, { ...(kind === undefined ? {} : { kind }), ...(description === undefined ? {} : { description }) })] };
    }
    const events: Event[] = [this.#begin(meta, Number.isFinite(begun) ? begun : this.#time)];
    const from = string(meta["forked_from_id"]);
    // Which records a fork shares is told by their ids, where they are there to be read (history.ts); whom it came from, by this.
    if (from !== undefined && from !== id) events.push(this.#make("session.resumed", `${id}:from:${from}`, { from }));
    return { events };
  }

  #begin(meta: Fields, time: number): Event {
    this.#started = true;
    const branch = isRecord(meta["git"]) ? string(meta["git"]["branch"]) : undefined;
    const version = string(meta["cli_version"]);
    const cwd = this.#cwd;
    const payload = { cwd, project: this.#options.projectOf(cwd || "/"), source: "transcript", ...(branch === undefined ? {} : { branch }), ...(version === undefined ? {} : { version }) };
    return { ...this.#make("session.started", `${this.#session!}:started`, payload), time };
  }

  #context(context: Fields): Event[] {
    const events: Event[] = [];
    this.#cwd = string(context["cwd"]) ?? this.#cwd;
    // A file whose first line is lost still says where the work was.
    if (!this.#started && this.#thread === undefined && this.#scope === this.#session && this.#cwd !== "") events.push(this.#begin({}, this.#time));
    const model = string(context["model"]);
    if (model !== undefined && model !== this.#model) {
      this.#model = model;
      events.push(this.#make("model.changed", this.#id("model", model), { to: model }));
    }
    return events;
  }

  #item(item: Fields): Event[] | string {
    switch (item["type"]) {
      case "message":
        return item["role"] === "user" || item["role"] === "developer" ? this.#words(item) : `${String(item["role"])} message`;
      case "agent_message":
        return this.#message(item);
      case "reasoning": {
        const characters = [item["summary"], item["content"]].reduce<number>((sum, parts) => sum + (textOf(parts)?.length ?? 0), 0);
        return this.#chain(this.#id("thinking", string(item["id"]) ?? JSON.stringify(item["summary"] ?? ""), string(item["id"])), (id) => [this.#make("thinking", id, { characters })]);
      }
      case "function_call":
      case "custom_tool_call":
      case "local_shell_call":
      case "tool_search_call":
      case "web_search_call":
      case "image_generation_call":
        return this.#call(item);
      case "function_call_output":
      case "custom_tool_call_output":
      case "tool_search_output":
        return this.#result(item);
      case "compaction":
      case "compaction_summary":
      case "context_compaction":
      case "additional_tools":
      case "ghost_snapshot":
        return `response_item ${item["type"]}`;
      default:
        return [this.#keep(`response_item ${String(item["type"])}`, item)];
    }
  }

  #words(item: Fields): Event[] | string {
    const marks = isRecord(item["internal_chat_message_metadata_passthrough"]) ? item["internal_chat_message_metadata_passthrough"]["content_item_kinds"] : undefined;
    const parts = Array.isArray(item["content"]) ? item["content"].filter(isRecord) : [];
    const images = parts.filter((part) => part["type"] === "input_image").length;
    const told = parts.flatMap((part, i) => {
      const text = string(part["text"]);
      const mark = Array.isArray(marks) ? string(marks[i]) : undefined;
      // What the developer says is the client's, but for what a hook handed over.
      return text === undefined || (item["role"] === "developer" && !/hook/.test(mark ?? "")) ? [] : [classifyWords(text, mark)];
    });
    const words = told.filter(({ kind, text }) => kind !== "repeated" && !text.startsWith(OWN_CONTEXT));
    if (words.length === 0 && (images === 0 || told.length > 0)) return `${String(item["role"])} message of the client's`;
    const isUser = words.length === 0 || words.some(({ kind }) => kind === "user");
    if (isUser) {
      this.#spoke.user = true;
      this.#prompts.push(this.#last);
    }
    const text = textOf(item["content"]) ?? `${images} images`;
    return this.#chain(this.#id("user", text, string(item["id"])), (id) => {
      if (words.length === 0) return [this.#make("prompt", `${id}#0`, { text: "", kind: this.#asker(), images })];
      return words.map(({ kind, text: said }, i) => this.#make("prompt", `${id}#${i}`, { text: said, kind: kind === "user" ? this.#asker() : (kind as "shell" | "injected"), ...(kind === "user" && images > 0 && i === 0 ? { images } : {}) }));
    });
  }

  #asker(): "user" | "subagent" {
    return this.#thread === undefined ? "user" : "subagent";
  }

  #message(item: Fields): Event[] {
    const text = textOf(item["content"]) ?? string(item["text"]);
    if (text === undefined) return [];
    this.#spoke.assistant = true;
    const time = typeof item["time"] === "number" ? item["time"] : this.#time;
    return this.#chain(this.#id("answer", text, string(item["id"])), (id) => [this.#make("answer", `${id}#0`, { text })]).map((event) => ({ ...event, time }));
  }

  #call(item: Fields): Event[] {
    const given = string(item["call_id"]) ?? string(item["id"]);
    const space = string(item["namespace"]);
    const name = string(item["name"]) ?? String(item["type"]).replace(/_call$/, "");
    const tool = space?.startsWith("mcp__") === true ? `${space}__${name}` : name;
    const action = isRecord(item["action"]) ? item["action"] : undefined;
    const input = withCommand(action ?? inputOf(item["arguments"] ?? item["input"]));
    const id = given !== undefined && UNIQUE.test(given) ? given : this.#id("call", given ?? JSON.stringify(input));
    return this.#chain(id, () => {
      const events: Event[] = [this.#make("tool.called", id, { tool, input })];
      if (given !== undefined) this.#calls.set(given, { event: id, tool, input, filesTold: false });
      const tasks = planOf(tool, input);
      if (tasks !== undefined) events.push(this.#make("task.noted", `${id}:tasks`, { whole: true, tasks }));
      // Carried out by the vendor: there is no record of the result.
      if (item["type"] === "web_search_call" || item["type"] === "image_generation_call") events.push(this.#make("tool.returned", `${id}:result`, { call: id, output: "", ...(item["type"] === "image_generation_call" ? { images: 1 } : {}) }));
      return events;
    });
  }

  #result(item: Fields): Event[] | string {
    const given = string(item["call_id"]);
    if (given === undefined) return `${String(item["type"])} without a call`;
    const known = this.#calls.get(given);
    const call = known?.event ?? (UNIQUE.test(given) ? given : this.#id("call", given));
    const said = outputOf(item["output"] ?? item["tools"]);
    const outcome = this.#outcomes.get(given);
    const failed = said.failed || outcome?.failed === true;
    const rejected = said.rejected || outcome?.rejected === true;
    const ms = outcome?.ms || said.ms;
    return this.#chain(`${call}:result`, (id) => {
      if (failed) return [this.#make("tool.failed", id, { call, error: said.text, ...(rejected ? { rejected } : {}) })];
      const events: Event[] = [this.#make("tool.returned", id, { call, output: said.text, ...(ms > 0 ? { ms } : {}), ...(said.images > 0 ? { images: said.images } : {}) })];
      if (known !== undefined && !known.filesTold) events.push(...this.#files(given, patchedFiles(String(known.input["command"] ?? known.input["input"] ?? known.input["patch"] ?? ""), this.#cwd)));
      return events;
    });
  }

  #files(given: string, files: Touched): Event[] {
    const known = this.#calls.get(given);
    if (known === undefined || known.filesTold || files.length === 0) return [];
    known.filesTold = true;
    return [this.#make("files.touched", `${known.event}:files`, { call: known.event, files })];
  }

  #event(event: Fields): Translated {
    const type = String(event["type"]);
    switch (type) {
      case "user_message":
        return this.#echo("user", string(event["message"]));
      case "agent_message":
        return this.#echo("assistant", string(event["message"]));
      case "item_completed":
        return this.#completed(isRecord(event["item"]) ? event["item"] : {});
      case "exec_command_end":
        if (typeof event["call_id"] === "string") this.#outcomes.set(event["call_id"], { failed: Number(event["exit_code"] ?? 0) !== 0, rejected: false, ms: milliseconds(event["duration"]) });
        return { events: [], bookkeeping: type };
      case "patch_apply_end":
        return named(event["success"] === false ? [] : this.#files(String(event["call_id"]), changedFiles(event["changes"], this.#cwd)), type);
      case "token_count":
        return named(this.#count(event), type);
      case "thread_name_updated": {
        const name = string(event["thread_name"]);
        return name === undefined ? { events: [], bookkeeping: type } : { events: [this.#make("session.named", `${this.#scope}:named:${sha256Hex(name).slice(0, 16)}`, { name, by: "user" })] };
      }
      case "thread_rolled_back": {
        const turns = Math.max(0, Math.min(Number(event["num_turns"] ?? 0) || 0, this.#prompts.length));
        const [first] = turns === 0 ? [] : this.#prompts.splice(-turns);
        if (turns > 0) this.#last = first;
        return { events: [], bookkeeping: type };
      }
      case "task_complete":
      case "turn_complete": {
        const error = isRecord(event["error"]) ? string(event["error"]["message"]) : undefined;
        return this.#ended(event, error === undefined ? { how: "completed" } : { how: isLimit(event["error"]) ? "limit" : "error", text: error });
      }
      case "turn_aborted":
        return this.#ended(event, { how: event["reason"] === "budget_limited" ? "limit" : "interrupted" });
      case "error": {
        const text = string(event["message"]) ?? "";
        return { events: this.#chain(this.#id("error", text), (id) => [this.#make("turn.ended", id, { how: isLimit(event) ? "limit" : "error", text })]) };
      }
      default:
        if (BOOKKEEPING_EVENTS.has(type)) return { events: [], bookkeeping: type };
        return { events: [this.#keep(`event_msg ${type}`, event)] };
    }
  }

  #completed(item: Fields): Translated {
    const type = String(item["type"]);
    const id = string(item["id"]) ?? "";
    if (type === "UserMessage") return this.#echo("user", textOf(item["content"]));
    if (type === "AgentMessage") return this.#echo("assistant", textOf(item["content"]));
    if (type === "Plan") return { events: this.#message({ text: item["text"], id }) };
    if (type === "CommandExecution") {
      this.#outcomes.set(id, { failed: item["status"] === "failed" || item["status"] === "declined" || Number(item["exit_code"] ?? 0) !== 0, rejected: item["status"] === "declined", ms: milliseconds(item["duration"]) });
      const known = this.#calls.get(id);
      const read = Array.isArray(item["parsed_cmd"]) ? item["parsed_cmd"].filter(isRecord).flatMap((part): Touched => (part["type"] === "read" && typeof part["path"] === "string" ? [{ path: whole(part["path"], this.#cwd), change: "read" }] : [])) : [];
      return named(known === undefined || item["status"] !== "completed" ? [] : this.#files(id, read), "item CommandExecution");
    }
    if (type === "FileChange") {
      if (item["status"] !== "completed") this.#outcomes.set(id, { failed: true, rejected: item["status"] === "declined", ms: 0 });
      return named(item["status"] === "completed" ? this.#files(id, changedFiles(item["changes"], this.#cwd)) : [], "item FileChange");
    }
    if (REPEATED_ITEMS.has(type)) return { events: [], bookkeeping: `item ${type}` };
    return { events: [this.#keep(`item ${type}`, item)] };
  }

  #echo(role: "user" | "assistant", text: string | undefined): Translated {
    if (text !== undefined) this.#echoes.push({ role, text, time: this.#time });
    return { events: [], bookkeeping: `${role === "user" ? "prompt" : "answer"} told twice` };
  }

  #ended(event: Fields, payload: Payload<"turn.ended">): Translated {
    const events = this.#closeTurn();
    const turn = string(event["turn_id"]);
    const ms = Number(event["duration_ms"] ?? 0);
    const ended = this.#chain(turn === undefined ? this.#id("ended", payload.how) : `${this.#scope}:${turn}:ended`, (id) => [this.#make("turn.ended", id, { ...payload, ...(ms > 0 ? { ms: Math.round(ms) } : {}) })]);
    return { events: [...events, ...ended] };
  }

  /** What only events told of the turn, where no item told of it. */
  #closeTurn(): Event[] {
    const spoke = this.#spoke;
    const missing = this.#echoes.filter(({ role }) => !spoke[role]);
    this.#echoes = [];
    this.#spoke = { user: false, assistant: false };
    return missing.flatMap(({ role, text, time }) => {
      if (role === "user") this.#prompts.push(this.#last);
      return this.#chain(this.#id(role === "user" ? "user" : "answer", text), (id) => [role === "user" ? this.#make("prompt", `${id}#0`, { text, kind: this.#asker() }) : this.#make("answer", `${id}#0`, { text })]).map((event) => ({ ...event, time }));
    });
  }

  #compacted({ message }: Fields): Event[] {
    const text = string(message);
    return this.#chain(this.#id("compacted", text ?? ""), (id) => [this.#make("session.compacted", id, {}), ...(text === undefined ? [] : [this.#make("session.summarised", `${id}#0`, { text, by: "agent" })])]);
  }

  /** One for each answer of the model, since 0.16x; before, `token_count` repeats the last one whenever limits change. */
  #usage(record: Fields): Event[] {
    this.#recordsUsage = true;
    const message = string(record["response_id"]);
    return message === undefined ? [] : this.#tokens(`${this.#scope}:${message}`, record["usage"]);
  }

  #count(event: Fields): Event[] {
    const info = event["info"];
    if (this.#recordsUsage || !isRecord(info)) return [];
    const total = JSON.stringify(info["total_token_usage"] ?? null);
    if (total === this.#total) return [];
    this.#total = total;
    return this.#tokens(`${this.#scope}:${sha256Hex(total).slice(0, 24)}`, info["last_token_usage"]);
  }

  #tokens(message: string, usage: unknown): Event[] {
    if (!isRecord(usage)) return [];
    const cached = count(usage["cached_input_tokens"]);
    const payload = { message, input: Math.max(0, count(usage["input_tokens"]) - cached), output: count(usage["output_tokens"]), cache_read: cached, cache_write: count(usage["cache_write_input_tokens"]), ...(this.#model === "" ? {} : { model: this.#model }) };
    return [this.#make("usage", `${message}:usage`, payload)];
  }

  /**
   * The item's own id where it has one. Otherwise what it says, and how often that was said before: that stays the same when
   * the client moves the file to a newer format, which adds records and numbers them.
   */
  #id(kind: string, text: string, own?: string): string {
    if (own !== undefined && UNIQUE.test(own)) return own;
    const key = `${this.#scope}:${kind}:${sha256Hex(own === undefined ? text : `${own}\n${text}`).slice(0, 24)}`;
    const nth = this.#nth.get(key) ?? 0;
    this.#nth.set(key, nth + 1);
    return nth === 0 ? key : `${key}:${nth}`;
  }

  /** Events of one record in the line of the conversation. */
  #chain(record: string, events: (id: string) => Event[]): Event[] {
    const parent = this.#last;
    this.#last = record;
    return events(record).map((event) => ({ ...event, record, ...(parent === undefined ? {} : { parent }) }));
  }

  #keep(kind: string, record: unknown): Event {
    return this.#make("raw", this.#id("raw", JSON.stringify(record)), { kind, record });
  }

  #make<T extends EventType>(type: T, id: string, payload: Payload<T>): Event {
    const event: EventOf<T> = { id, time: this.#time, type, session: this.#session!, agent: AGENT, ...(this.#thread === undefined ? {} : { thread: this.#thread }), payload };
    return event as Event;
  }
}

function named(told: Event[] | string, kind: string): Translated {
  if (typeof told === "string") return { events: [], bookkeeping: told };
  return told.length === 0 ? { events: [], bookkeeping: kind } : { events: told };
}
