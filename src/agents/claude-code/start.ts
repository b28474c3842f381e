/**
 * What Claude Code says and takes at the start of a context, and what lies about that concerns it: its hook's payload and
 * answer, and sessions that run now. Everything is only read. What a payload means
 * as events is hooks.ts; what is answered is decided elsewhere (context/start.ts).
 */
import { readdirSync, readFileSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { isRecord } from "../../base/json.ts";
import { text } from "./records.ts";

export interface Asked {
  readonly event: "SessionStart" | "SubagentStart";
  readonly session: string;
  readonly cwd: string;
  /** startup, resume, clear, compact or fork. */
  readonly source: string;
  /** The file need not be there yet. */
  readonly transcript?: string;
  /** The subagent's id. */
  readonly thread?: string;
  /** Milliseconds since the model last answered, where the client says so. */
  readonly silent?: number;
}

/** Undefined where it is not the payload of an event that takes context. */
export function askedBy(payload: unknown): Asked | undefined {
  if (!isRecord(payload)) return undefined;
  const event = text(payload["hook_event_name"]);
  const session = text(payload["session_id"]);
  const cwd = text(payload["cwd"]);
  if ((event !== "SessionStart" && event !== "SubagentStart") || session === undefined || session === "" || cwd === undefined || cwd === "") return undefined;
  const transcript = text(payload["transcript_path"]);
  const thread = text(payload["agent_id"]);
  const seconds = payload["seconds_since_last_response"];
  if (event === "SubagentStart" && thread === undefined) return undefined;
  return {
    event, session, cwd, source: text(payload["source"]) ?? "startup",
    ...(transcript === undefined ? {} : { transcript }),
    ...(thread === undefined ? {} : { thread }),
    ...(typeof seconds === "number" && seconds >= 0 ? { silent: Math.round(seconds * 1000) } : {}),
  };
}

/** What the hook prints. */
export function answerTo({ event }: { readonly event: Asked["event"] | "UserPromptSubmit" }, additionalContext: string): string {
  return JSON.stringify({ hookSpecificOutput: { hookEventName: event, additionalContext } });
}

/** What this client does not let anyone do, in words; docs/agents/claude-code.md has the measurements. */
export const WITHOUT: readonly string[] = [
  "Esc, SIGKILL and the client's own /rewind call no hook: they are seen in the transcript",
  "the transcript is written after the fact: the last words of a session that was killed can be missing",
  "what a shell command changed is not told by any hook",
];

export interface Running {
  readonly pid: number;
  readonly session: string;
  readonly cwd: string;
}

/** Sessions whose client runs now. A file that a killed one left behind is told by its process. */
export function runningSessions(configDir: string, isAlive: (pid: number, since: number) => boolean): Running[] {
  const found: Running[] = [];
  for (const name of namesIn(join(configDir, "sessions"))) {
    if (!/^\d+\.json$/.test(name)) continue;
    const about = readJson(join(configDir, "sessions", name));
    if (!isRecord(about)) continue;
    const { pid, sessionId, cwd, startedAt } = about;
    if (typeof pid !== "number" || typeof sessionId !== "string" || typeof cwd !== "string") continue;
    if (isAlive(pid, typeof startedAt === "number" ? startedAt : Infinity)) found.push({ pid, session: sessionId, cwd: real(cwd) });
  }
  return found;
}

/** Nothing where the folder is not there or may not be read. */
function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Undefined where it is gone by now or half-written. */
function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
}

function real(path: string): string {
  try {
    return realpathSync.native(path);
  } catch {
    return path;
  }
}
