/**
 * The shape of Codex's rollout records as far as they are read, and what kind of words a message holds. The format is internal
 * to the client and changes often: everything is optional, and unknown kinds are kept raw by the translator. Pure.
 */
import { isRecord } from "../../base/json.ts";
import { shellWord } from "../../base/shell.ts";
import type { Payload } from "../../event/schema.ts";

export type Fields = Record<string, unknown>;

/** Record types that carry no fact of the conversation. */
export const BOOKKEEPING = new Set(["world_state", "dynamic_tools_updated", "inter_agent_communication_metadata", "security_risk_score", "realtime_item"]);

/** Events that only repeat what a response item of the same file says, or are about the client's own state. */
export const BOOKKEEPING_EVENTS = new Set([
  "task_started", "turn_started", "agent_reasoning", "agent_reasoning_raw_content", "agent_reasoning_section_break", "exec_command_begin", "exec_approval_request", "exec_command_output_delta",
  "mcp_tool_call_begin", "mcp_tool_call_end", "web_search_begin", "web_search_end", "patch_apply_begin", "patch_apply_updated", "turn_diff", "plan_update", "view_image_tool_call", "context_compacted",
  "thread_settings_applied", "thread_goal_updated", "session_configured", "stream_error", "warning", "guardian_warning", "guardian_assessment", "background_event", "deprecation_notice", "sub_agent_activity",
  "model_reroute", "model_verification", "image_generation_begin", "image_generation_end", "item_started", "hook_started", "hook_completed", "mcp_startup_update", "mcp_startup_complete", "shutdown_complete",
  "collab_agent_spawn_begin", "collab_agent_spawn_end", "collab_agent_interaction_begin", "collab_agent_interaction_end", "collab_waiting_begin", "collab_waiting_end", "collab_close_begin", "collab_close_end",
  "entered_review_mode", "exited_review_mode", "terminal_interaction", "dynamic_tool_call_request", "dynamic_tool_call_response",
]);

/** Items that were completed and stand as response items too. What else they tell (exit status, changed files) is taken from them. */
export const REPEATED_ITEMS = new Set(["Reasoning", "CommandExecution", "FileChange", "McpToolCall", "CollabAgentToolCall", "WebSearch", "ContextCompaction", "ImageView", "ImageGeneration", "HookPrompt", "DynamicToolCall", "Sleep"]);

/** What is known of a command's or a patch's outcome beside the text that the model was given. */
export interface Outcome {
  readonly failed: boolean;
  readonly rejected: boolean;
  readonly ms: number;
}

/** Words in the user's place that the client put there. */
const INJECTED =
  /^(?:<(?:environment_context|user_instructions|permissions instructions|skills_instructions|apps_instructions|plugins_instructions|collaboration_mode|model_switch|personality_spec|realtime_conversation|recommended_plugins|token_budget|skill|turn_aborted|subagent_notification|user_action|current_time_reminder|goal_context)\b|# AGENTS\.md instructions for |Warning: )/;

/** An editor's extension puts what is open before the words that were typed. */
const REQUEST = /^# Context from my IDE setup:[\s\S]*?^## My request for Codex:\s*/m;

export type Words = { readonly kind: "user" | "shell"; readonly text: string } | { readonly kind: "injected" | "repeated"; readonly text: string };

/**
 * What a part of a message in the user's place is. `mark` is the client's own word for it, since 0.16x: "user.text",
 * "agents_md.instructions", "generic.turn_aborted"; before, it is told from how the text begins. What repeats files and
 * settings is `repeated`; what a hook handed over is `injected`.
 */
export function classifyWords(text: string, mark: string | undefined): Words {
  if (mark !== undefined && /hook/.test(mark)) return { kind: "injected", text };
  const shell = /^<user_shell_command>\s*<command>\s*([\s\S]*?)\s*<\/command>/.exec(text.trimStart());
  if (shell !== null) return { kind: "shell", text: `! ${shell[1]}` };
  if (mark !== undefined && mark !== "unknown" && !mark.startsWith("user.")) return { kind: "repeated", text };
  if (mark === undefined && INJECTED.test(text.trimStart())) return { kind: "repeated", text };
  return { kind: "user", text: text.replace(REQUEST, "") };
}

/** Arguments are JSON in a string, or for a custom tool the text itself. */
export function inputOf(args: unknown): Record<string, unknown> {
  if (isRecord(args)) return args;
  if (typeof args !== "string" || args === "") return {};
  try {
    const value: unknown = JSON.parse(args);
    if (isRecord(value)) return value;
  } catch {
    // A custom tool's input, or arguments the model did not finish.
  }
  return { input: args };
}

/** Versions name the command differently; `command` as one line of shell is what every reader of events looks for. */
export function withCommand(input: Record<string, unknown>): Record<string, unknown> {
  const { cmd, command } = input;
  if (typeof cmd === "string" && command === undefined) {
    const { cmd: _, ...rest } = input;
    return { command: cmd, ...rest };
  }
  return Array.isArray(command) ? { ...input, command: commandLine(command) } : input;
}

/** `["bash", "-lc", "ls"]` is `ls`. */
function commandLine(command: readonly unknown[]): string {
  const words = command.map(String);
  if (words.length === 3 && /(?:^|\/)(?:bash|sh|zsh)$/.test(words[0]!) && /^-l?c$/.test(words[1]!)) return words[2]!;
  return words.map(shellWord).join(" ");
}

/** A tool's result as text, and whether it says that it failed. */
export function outputOf(output: unknown): { text: string; images: number } & Outcome {
  let said = output;
  if (isRecord(said) && "content" in said) said = said["content"];
  const parts = Array.isArray(said) ? said.filter(isRecord) : [];
  const images = parts.filter((part) => part["type"] === "input_image").length;
  let text = typeof said === "string" ? said : parts.map((part) => (typeof part["text"] === "string" ? part["text"] : "")).filter((part) => part !== "").join("\n");
  let exit = Number(/^(?:Process exited with code|Exit code:) (-?\d+)/m.exec(text.slice(0, 400))?.[1] ?? 0);
  let ms = Math.round(Number(/^Wall time: ([\d.]+) seconds/m.exec(text.slice(0, 400))?.[1] ?? 0) * 1000);
  // Until 0.6x the result of a command was JSON of its own.
  if (text.startsWith("{") && text.includes('"metadata"')) {
    const inner = inputOf(text);
    const { metadata } = inner;
    if (typeof inner["output"] === "string" && isRecord(metadata)) {
      text = inner["output"];
      exit = Number(metadata["exit_code"] ?? 0);
      ms = Math.round(Number(metadata["duration_seconds"] ?? 0) * 1000);
    }
  }
  const rejected = /(?:^|\n)aborted by user|rejected by user|^exec command rejected/.test(text.slice(0, 400));
  const failed = rejected || exit !== 0 || (isRecord(output) && output["success"] === false) || /^(?:unsupported (?:custom tool )?call|apply_patch verification failed|execution error|failed to parse function arguments|err: )/.test(text);
  return { text, images, failed, rejected, ms: Number.isFinite(ms) ? ms : 0 };
}

export function milliseconds(duration: unknown): number {
  if (!isRecord(duration)) return 0;
  const { secs, nanos } = duration;
  return Math.round(Number(secs ?? 0) * 1000 + Number(nanos ?? 0) / 1e6) || 0;
}

/** Before autumn 2025 lines were the items themselves, and the first one the start. */
export function unwrapped(record: Fields): { type: string; payload: Fields } {
  const type = string(record["type"]) ?? "";
  if (isRecord(record["payload"])) return { type, payload: record["payload"] };
  if (type === "" && record["record_type"] === undefined && typeof record["id"] === "string" && typeof record["timestamp"] === "string") return { type: "session_meta", payload: record };
  return type === "message" || type === "reasoning" || /_call(?:_output)?$/.test(type) ? { type: "response_item", payload: record } : { type, payload: record };
}

/** What may stand between the summary of a compaction and the record of it. */
export function isAside(type: string, payload: Fields): boolean {
  return type === "token_usage_record" || (type === "event_msg" && payload["type"] === "token_count");
}

export function spawnOf(meta: Fields): { parent: string; kind?: string; description?: string } | undefined {
  const { source } = meta;
  const subagent = isRecord(source) ? source["subagent"] : undefined;
  const spawn = isRecord(subagent) && isRecord(subagent["thread_spawn"]) ? subagent["thread_spawn"] : undefined;
  const parent = string(spawn?.["parent_thread_id"]) ?? string(meta["parent_thread_id"]);
  if (parent === undefined) return undefined;
  // The conversation at the root, where it is named: a subagent may start others.
  const root = string(meta["session_id"]);
  const kind = string(spawn?.["agent_role"]) ?? string(meta["agent_role"]);
  const description = string(spawn?.["agent_nickname"]) ?? string(meta["agent_nickname"]);
  return { parent: root !== undefined && root !== meta["id"] ? root : parent, ...(kind === undefined ? {} : { kind }), ...(description === undefined ? {} : { description }) };
}

const PLANNED = new Set(["pending", "in_progress", "completed"]);

/** `update_plan` gives the whole list each time. */
export function planOf(tool: string, input: Fields): Payload<"task.noted">["tasks"] | undefined {
  if (tool !== "update_plan" || !Array.isArray(input["plan"])) return undefined;
  return input["plan"].filter(isRecord).flatMap(({ step, status }) => (typeof step === "string" ? [{ content: step, status: (PLANNED.has(String(status)) ? status : "pending") as "pending" }] : []));
}

export function isLimit(error: unknown): boolean {
  return isRecord(error) && (JSON.stringify(error["codex_error_info"] ?? "").includes("limit") || /usage limit|rate limit/i.test(String(error["message"] ?? "")));
}

export function textOf(content: unknown): string | undefined {
  if (typeof content === "string") return string(content);
  if (!Array.isArray(content)) return undefined;
  return string(content.filter(isRecord).map((part) => string(part["text"]) ?? "").filter((part) => part !== "").join("\n"));
}

export function string(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

export function count(value: unknown): number {
  return typeof value === "number" && Number.isFinite(value) && value > 0 ? Math.floor(value) : 0;
}
