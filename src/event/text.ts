/**
 * What of an event can be searched for: its words, and the parts of its names. Pure; the index stores the result
 * and never the other way round. Leaves out envelope fields and raw records of unknown shape beyond their strings.
 */
import type { Event, EventType } from "./schema.ts";

/** Who speaks in an event, as `search --role` names it. */
export type Role = "user" | "assistant" | "tool" | "system";

export function roleOf(event: Pick<Event, "type" | "thread">, payload?: unknown): Role {
  const type: EventType = event.type;
  if (type === "prompt") {
    const kind = (payload as { kind?: string } | undefined)?.kind;
    return kind === "user" || kind === "command" || kind === "shell" ? "user" : "system";
  }
  if (type === "answer" || type === "task.noted" || type === "session.summarised" || type === "memory.filed" || type === "handoff.written") return "assistant";
  return type.startsWith("tool.") ? "tool" : "system";
}

/** Types that hold words a person would look for. */
const SEARCHABLE = new Set<EventType>(["prompt", "answer", "tool.called", "tool.returned", "tool.failed", "task.noted", "session.summarised", "session.named", "memory.filed", "handoff.written", "linked", "raw"]);

/** The event's words as one text, or "" where there is nothing to find. */
export function searchable(event: Event): string {
  if (!SEARCHABLE.has(event.type)) return "";
  switch (event.type) {
    case "prompt":
    case "answer":
    case "session.summarised":
      return event.payload.text;
    case "session.named":
      return event.payload.name;
    case "memory.filed":
      return event.payload.files.map(({ path, text = "" }) => `${path}\n${text}`).join("\n");
    case "handoff.written":
      return event.payload.items.map(({ part, text }) => `${part}: ${text}`).join("\n");
    case "linked":
      return event.payload.url;
    case "tool.called":
      return `${event.payload.tool}\n${strings(event.payload.input)}`;
    case "tool.returned":
      return event.payload.output;
    case "tool.failed":
      return event.payload.error;
    case "task.noted":
      return event.payload.tasks.map((task) => task.content).join("\n");
    case "raw":
      return strings(event.payload.record);
    default:
      return "";
  }
}

function strings(value: unknown): string {
  const found: string[] = [];
  const walk = (inner: unknown): void => {
    if (typeof inner === "string") found.push(inner);
    else if (Array.isArray(inner)) inner.forEach(walk);
    else if (inner !== null && typeof inner === "object") Object.values(inner).forEach(walk);
  };
  walk(value);
  return found.join("\n");
}

/** A whole word at a time: looking for the hump from every letter of it took four times as long. */
const CAMEL = /(?<![A-Za-z0-9])[A-Za-z0-9]+?[a-z0-9][A-Z][A-Za-z0-9]*/g;
const CJK = /[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]{2,}/g;

/**
 * Further terms for the index: the parts of camelCase names (the tokenizer already splits snake_case and paths),
 * and pairs of neighbouring characters of CJK runs, which it would otherwise keep as one unfindable word.
 */
export function nameParts(body: string): string {
  const parts = new Set<string>();
  const seen = new Set<string>();
  for (const [name] of body.matchAll(CAMEL)) {
    if (name.length > 80 || seen.has(name)) continue;
    seen.add(name);
    for (const part of splitName(name)) if (part.length > 1) parts.add(part);
  }
  for (const [run] of body.matchAll(CJK)) for (let i = 0; i + 1 < run.length && i < 2000; i++) parts.add(run.slice(i, i + 2));
  return [...parts].join(" ");
}

/** `parseHTTPResponse` → parse, http, response. */
export function splitName(name: string): string[] {
  return name
    .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
    .replace(/([A-Z]+)([A-Z][a-z])/g, "$1 $2")
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((part) => part !== "");
}
