/**
 * The shape of Claude Code's transcript records as far as they are read, and what kind of words a user record holds.
 * The format is internal to the client and changes often: everything is optional and unknown types are kept raw.
 */
import { isRecord } from "../../base/json.ts";

export interface TranscriptRecord {
  readonly type?: unknown;
  readonly uuid?: unknown;
  readonly parentUuid?: unknown;
  readonly logicalParentUuid?: unknown;
  readonly sessionId?: unknown;
  readonly agentId?: unknown;
  readonly timestamp?: unknown;
  readonly [key: string]: unknown;
}

export interface ContentBlock {
  readonly type?: unknown;
  readonly [key: string]: unknown;
}

/** Record types that carry no fact of the conversation: settings, snapshots of the client's own, request dumps. */
export const BOOKKEEPING = new Set([
  "file-history-snapshot", "file-history-delta", "queue-operation", "last-prompt", "mode", "permission-mode", "agent-name", "agent-color", "agent-setting",
  "worktree-state", "api-request", "api-request-blob", "api-request-shape", "tools-used", "atis-latch", "content-replacement", "marble-origami-commit",
]);

/** Attachments that repeat what is on disk or in the client: file contents, listings, the system prompt. */
export const BOOKKEEPING_ATTACHMENTS = new Set([
  "agent_listing_delta", "command_permissions", "date", "deferred_tools_delta", "edited_text_file", "environment", "file", "compact_file_reference", "model", "prompt_snapshot",
  "remote_session_change", "session_context", "silent_turn_reminder", "skill_listing", "hook_success", "hook_cancelled", "hook_blocking_error", "hook_non_blocking_error",
  "todo_reminder", "task_reminder", "diagnostics", "opened_file_in_ide", "selected_lines_in_ide", "mcp_instructions_delta", "output_style", "plan_mode", "plan_mode_exit",
]);

/** Progress that the final record repeats. `agent_progress` is not among them: it can be the only copy of a subagent's work. */
export const TRANSIENT_PROGRESS = new Set(["bash_progress", "hook_progress", "mcp_progress", "waiting_for_task", "query_update", "search_results_received", "skill_progress", "powershell_progress", "tool_progress"]);

export const SYSTEM_BOOKKEEPING = new Set(["api_error", "microcompact_boundary", "informational", "away_summary", "bridge_status", "scheduled_task_fire", "memory_saved"]);

export type PromptKind = "user" | "command" | "shell" | "subagent" | "notification" | "injected";

/** Text the client puts into a user record that nobody typed. */
const MACHINE = /^<(?:local-command-(?:stdout|stderr|caveat)|bash-(?:stdout|stderr)|task-notification|system-reminder|ide_[a-z_]+|user-memory-input|command-contents|teammate-message)\b|^Caveat: The messages below were generated|^Operation stopped by hook|^Stop hook feedback/;

/** What a user record's text is. `meta` is the client's own mark for text it inserted. */
export function classifyPrompt(text: string, meta: boolean): { kind: PromptKind; text: string } {
  const start = text.trimStart();
  const command = commandLine(start);
  if (command !== undefined) return { kind: "command", text: command };
  const shell = /^<bash-input>([\s\S]*?)<\/bash-input>/.exec(start);
  if (shell !== null) return { kind: "shell", text: `! ${shell[1]}` };
  if (MACHINE.test(start)) return { kind: "notification", text };
  return { kind: meta ? "injected" : "user", text };
}

/** `<command-name>/x</command-name> … <command-args>a b</command-args>` as it was typed: `/x a b`. */
function commandLine(text: string): string | undefined {
  if (!/^<command-(?:name|message)>/.test(text)) return undefined;
  const name = /<command-name>([\s\S]*?)<\/command-name>/.exec(text)?.[1]?.trim();
  if (name === undefined) return undefined;
  const args = /<command-args>([\s\S]*?)<\/command-args>/.exec(text)?.[1]?.trim() ?? "";
  return `${name.startsWith("/") ? name : `/${name}`} ${args}`.trim();
}

export const INTERRUPTED = /^\[Request interrupted by user/;

/** A usage limit, as the client words it; anything else marked as an API error is an error. */
export const LIMIT = /(?:usage|session|weekly|5-hour|opus|sonnet)?\s*limit (?:reached|will reset)|you(?:'|’)ve (?:hit|reached) your .*limit|out of extra usage/i;

export function blocksOf(content: unknown): ContentBlock[] {
  if (typeof content === "string") return [{ type: "text", text: content }];
  return Array.isArray(content) ? content.filter(isRecord) : [];
}

/** The text of a tool result, its text blocks joined; images are counted. */
export function resultText(content: unknown): { text: string; images: number } {
  if (typeof content === "string") return { text: content, images: 0 };
  const texts: string[] = [];
  let images = 0;
  for (const block of blocksOf(content)) {
    if (typeof block["text"] === "string") texts.push(block["text"]);
    else if (block.type === "image") images += 1;
    else if (block.type === "tool_reference" && typeof block["tool_name"] === "string") texts.push(block["tool_name"]);
  }
  return { text: texts.join("\n"), images };
}

export function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

export function count(value: unknown): number {
  return typeof value === "number" && Number.isFinite(value) && value > 0 ? Math.floor(value) : 0;
}
