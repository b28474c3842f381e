/**
 * One hook payload of Claude Code to events. Pure. Hooks tell sooner what the transcript tells in full, and some things
 * that it never tells: which instruction files were loaded, when a context began, why a session ended.
 *
 * What the transcript tells too is provisional (session/settle.ts): recorded only where the transcript does not show it
 * in time. Left out: subagents' beginnings and ends, compactions and model changes, which transcripts tell
 * whole, and everything about permissions. Fields as observed in 2.1.197 and 2.1.330 (docs/agents/claude-code.md).
 */
import { isRecord } from "../../base/json.ts";
import { sha256Hex } from "../../base/hash.ts";
import type { Event, EventType, Payload } from "../../event/schema.ts";
import { touchedFiles } from "./files.ts";
import { classifyPrompt, LIMIT, resultText, text } from "./records.ts";
import { AGENT, UNIQUE_CALL } from "./translate.ts";

export interface HookFacts {
  readonly name: string;
  readonly session: string;
  readonly cwd: string;
  readonly transcript: string | undefined;
  /** Only hooks tell these. */
  readonly facts: readonly Event[];
  /** The transcript tells these too, if it lives. */
  readonly provisional: readonly Event[];
}

/** Undefined where it is no payload of a hook. `time` is when the hook was called, in milliseconds since 1970. */
export function translateHook(payload: unknown, time: number, projectOf: (cwd: string) => string): HookFacts | undefined {
  if (!isRecord(payload)) return undefined;
  const name = text(payload["hook_event_name"]);
  const session = text(payload["session_id"]);
  if (name === undefined || session === undefined || session === "") return undefined;
  const cwd = text(payload["cwd"]) ?? "";
  const thread = text(payload["agent_id"]);
  const make = <T extends EventType>(type: T, id: string, body: Payload<T>): Event => ({ id, time, type, session, agent: AGENT, ...(thread === undefined ? {} : { thread }), payload: body }) as Event;
  // Some events have no id of their own: their payload and time are one, so that taking one in twice is harmless.
  const own = sha256Hex(`${time}:${JSON.stringify(payload)}`).slice(0, 16);
  const facts: Event[] = [];
  const provisional: Event[] = [];
  switch (name) {
    case "SessionStart": {
      const model = text(payload["model"]);
      facts.push(make("session.opened", `${session}:opened:${own}`, { source: text(payload["source"]) ?? "unknown", ...(model === undefined ? {} : { model }) }));
      break;
    }
    case "SessionEnd":
      facts.push(make("session.ended", `${session}:ended:${own}`, { reason: text(payload["reason"]) ?? "unknown" }));
      break;
    case "InstructionsLoaded": {
      const path = text(payload["file_path"]);
      const kind = text(payload["memory_type"]);
      if (path !== undefined) facts.push(make("instructions.loaded", `${session}:instructions:${own}`, { path, ...(kind === undefined ? {} : { kind }) }));
      break;
    }
    case "UserPromptSubmit": {
      const given = text(payload["prompt_id"]);
      const told = classifyPrompt(text(payload["prompt"]) ?? "", false);
      if (told.text !== "") provisional.push(make("prompt", `${given ?? own}:prompt:hook`, { text: told.text, kind: told.kind, provisional: true, ...(given === undefined ? {} : { prompt_id: given }) }));
      break;
    }
    case "PreToolUse":
    case "PostToolUse":
    case "PostToolUseFailure":
      provisional.push(...call(name, payload, make));
      break;
    case "Stop": {
      const words = text(payload["last_assistant_message"]);
      if (words !== undefined && words !== "") provisional.push(make("answer", `${text(payload["prompt_id"]) ?? session}:answer:${sha256Hex(words).slice(0, 16)}:hook`, { text: words, provisional: true }));
      break;
    }
    case "StopFailure": {
      const words = [text(payload["error"]), text(payload["error_details"])].filter((part) => part !== undefined).join(": ");
      provisional.push(make("turn.ended", `${session}:failed:${own}:hook`, { how: LIMIT.test(words) || words.startsWith("rate_limit") ? "limit" : "error", text: words, provisional: true }));
      break;
    }
  }
  if (provisional.length > 0 && cwd !== "") provisional.unshift({ id: `${session}:started:hook`, time, type: "session.started", session, agent: AGENT, payload: { cwd, project: projectOf(cwd), source: "hook" } });
  return { name, session, cwd, transcript: text(payload["transcript_path"]), facts, provisional };
}

function call(name: string, payload: Record<string, unknown>, make: <T extends EventType>(type: T, id: string, body: Payload<T>) => Event): Event[] {
  const id = text(payload["tool_use_id"]);
  const tool = text(payload["tool_name"]) ?? "unknown";
  const input = payload["tool_input"] ?? {};
  // Ids that some gateways number anew in each session would meet those of other sessions.
  if (id === undefined || !UNIQUE_CALL.test(id)) return [];
  if (name === "PreToolUse") return [make("tool.called", `${id}:hook`, { tool, input, provisional: true })];
  if (name === "PostToolUseFailure") {
    const rejected = payload["is_interrupt"] === true;
    return [make("tool.failed", `${id}:result:hook`, { call: id, error: text(payload["error"]) ?? "", provisional: true, ...(rejected ? { rejected } : {}) })];
  }
  const files = touchedFiles(tool, input, payload["tool_response"]);
  const ms = payload["duration_ms"];
  return [
    make("tool.returned", `${id}:result:hook`, { call: id, output: outputOf(payload["tool_response"]), provisional: true, ...(typeof ms === "number" && ms > 0 ? { ms: Math.round(ms) } : {}) }),
    ...(files.length === 0 ? [] : [make("files.touched", `${id}:files:hook`, { call: id, files })]),
  ];
}

/** What the model was shown is in the transcript alone; the hook has the tool's own result. */
function outputOf(response: unknown): string {
  if (typeof response === "string") return response;
  if (Array.isArray(response)) return resultText(response).text;
  if (!isRecord(response)) return "";
  const { stdout, stderr, content, file } = response;
  if (typeof stdout === "string") return typeof stderr === "string" && stderr !== "" ? `${stdout}\n${stderr}` : stdout;
  if (isRecord(file) && typeof file["content"] === "string") return file["content"];
  if (content !== undefined) return typeof content === "string" ? content : resultText(content).text;
  return JSON.stringify(response);
}
