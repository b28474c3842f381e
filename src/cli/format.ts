/** How times, amounts and endings are written for people, the same in every command. */
import type { Ending, SessionSummary, Tokens } from "../session/summary.ts";
import type { Style } from "./terminal.ts";

export { age } from "../base/age.ts";


/** Local time to the minute. */
export function when(time: number): string {
  if (time === 0) return "unknown";
  const date = new Date(time);
  const two = (value: number): string => String(value).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${two(date.getHours())}:${two(date.getMinutes())}`;
}

export function amount(value: number): string {
  if (value >= 1e6) return `${(value / 1e6).toFixed(1)}M`;
  if (value >= 1e4) return `${Math.round(value / 1e3)}k`;
  if (value >= 1e3) return `${(value / 1e3).toFixed(1)}k`;
  return String(value);
}

export function bytes(value: number): string {
  if (value >= 1024 ** 3) return `${(value / 1024 ** 3).toFixed(1)} GiB`;
  if (value >= 1024 ** 2) return `${(value / 1024 ** 2).toFixed(1)} MiB`;
  if (value >= 1024) return `${Math.round(value / 1024)} KiB`;
  return `${value} B`;
}

/** Tokens the model read anew and wrote; cache reads would drown them. */
export function tokenSum(tokens: Tokens): number {
  return tokens.input + tokens.output + tokens.cache_write;
}

export const ENDING_WORDS: Record<Ending, string> = {
  completed: "completed",
  interrupted: "stopped",
  crashed: "crashed",
  closed: "closed",
  error: "error",
  limit: "limit",
  unanswered: "no answer",
  rewound: "gone back on",
  unknown: "prompts only",
};

export function endingStyle(word: string): Style | undefined {
  if (word === "crashed" || word === "error") return "red";
  if (word === "limit" || word === "stopped" || word === "no answer") return "yellow";
  return word === "completed" ? "green" : "dim";
}

/** A session as the contract prints it: times as ISO texts, tokens summed, the parts beside them. */
export function sessionJson(summary: SessionSummary): Record<string, unknown> {
  const { id, agent, parent, relation, project, started, ended, ending, turns, files, tokens, title, starts: _, ...more } = summary;
  return {
    id,
    agent,
    parent: parent ?? null,
    relation: relation ?? null,
    project,
    started: iso(started),
    ended: iso(ended),
    ending,
    turns,
    files,
    tokens: tokenSum(tokens),
    title,
    token_parts: tokens,
    ...more,
  };
}

export function iso(time: number): string | null {
  return time === 0 ? null : new Date(time).toISOString();
}
