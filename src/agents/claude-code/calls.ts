/**
 * What a hook's payload says to the one who looks after the files: a call is about to run or has run, a turn begins or ends.
 * Pure. What it says to the log is hooks.ts; what a call may do to files is decided by checkpoint/commands.ts.
 */
import { isRecord } from "../../base/json.ts";
import { text } from "./records.ts";
import { AGENT, UNIQUE_CALL } from "./translate.ts";

export interface Told {
  readonly kind: "start" | "prompt" | "before" | "ask" | "after" | "stop" | "end";
  readonly agent: string;
  readonly session: string;
  readonly cwd: string;
  /** The agent's id of the prompt that the turn began with. */
  readonly turn?: string;
  /** The subagent in which it happens. */
  readonly thread?: string;
  /** Of before and after. */
  readonly call?: { readonly id: string; readonly tool: string; readonly input: unknown };
  /** After: what was started goes on. */
  readonly background?: boolean;
  /** After: it came to nothing. */
  readonly failed?: boolean;
  /** After: how long it ran, in milliseconds, without the time in which someone was asked whether it may. */
  readonly ms?: number;
}

const KINDS: Readonly<Record<string, Told["kind"]>> = {
  SessionStart: "start", UserPromptSubmit: "prompt", PreToolUse: "before", PermissionRequest: "ask", PostToolUse: "after", PostToolUseFailure: "after", Stop: "stop", StopFailure: "stop", SubagentStop: "stop", SessionEnd: "end",
};

/** Undefined where it concerns no files. */
export function told(payload: unknown): Told | undefined {
  if (!isRecord(payload)) return undefined;
  const kind = KINDS[text(payload["hook_event_name"]) ?? ""];
  const [session, cwd] = [text(payload["session_id"]), text(payload["cwd"])];
  // Nobody works in a folder with a NUL in its name.
  if (kind === undefined || session === undefined || session === "" || cwd === undefined || cwd === "" || cwd.includes("\0")) return undefined;
  const [turn, thread, id, tool] = [text(payload["prompt_id"]), text(payload["agent_id"]), text(payload["tool_use_id"]), text(payload["tool_name"])];
  const isCall = kind === "before" || kind === "after" || kind === "ask";
  // Who is asked is told the tool and its input, and not which call it is.
  if (isCall && ((id === undefined && kind !== "ask") || tool === undefined)) return undefined;
  const [response, ms] = [payload["tool_response"], payload["duration_ms"]];
  const background = kind === "after" && ((isRecord(payload["tool_input"]) && payload["tool_input"]["run_in_background"] === true) || (isRecord(response) && text(response["backgroundTaskId"]) !== undefined));
  return {
    kind, agent: AGENT, session, cwd,
    ...(turn === undefined ? {} : { turn }),
    ...(thread === undefined ? {} : { thread }),
    ...(isCall ? { call: { id: idOf(id ?? "", session), tool: tool!, input: payload["tool_input"] ?? {} } } : {}),
    ...(background ? { background } : {}),
    ...(payload["hook_event_name"] === "PostToolUseFailure" ? { failed: true } : {}),
    ...(kind === "after" && typeof ms === "number" && ms >= 0 ? { ms } : {}),
  };
}

/** Some gateways number calls anew in each session. */
function idOf(id: string, session: string): string {
  return id === "" || UNIQUE_CALL.test(id) ? id : `${session}:${id}`;
}
