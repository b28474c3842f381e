/**
 * What of a handoff stands at the head of a context: what a person has to decide first, then what is to be done, what is in
 * the way, what nobody has checked, and what is finished. Pure. Each line with its age and what the tree says of what it
 * names. Leaves out writing it down and looking at the tree (operations/handoff.ts).
 */
import { ago } from "../base/age.ts";
import { clip, printable } from "../base/text.ts";
import type { CountTokens } from "../base/tokens.ts";
import type { Payload } from "../event/schema.ts";
import type { Standing } from "./standing.ts";

export type HandoffPart = Payload<"handoff.written">["items"][number]["part"];

export interface HandoffItem {
  readonly part: HandoffPart;
  readonly text: string;
  readonly check: "current" | "changed" | "gone" | "unverified";
  /** What of it changed or is gone. */
  readonly why: readonly string[];
}

export interface Handoff {
  /** Of its event. */
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly time: number;
  /** The session it takes leave of, where that is known. */
  readonly of?: string;
  readonly items: readonly HandoffItem[];
}

const ORDER: readonly HandoffPart[] = ["waiting", "next", "blockers", "unverified", "done"];
const NAMES: Readonly<Record<HandoffPart, string>> = { waiting: "waits for a person", next: "next", blockers: "in the way", unverified: "not verified", done: "done" };

/** As many lines as the budget holds, those that matter most first. */
export function handoffLines({ id, time, items }: Handoff, { budget, countTokens, now }: { readonly budget: number; readonly countTokens: CountTokens; readonly now: number }): Standing[] {
  let left = budget;
  const sorted = ORDER.flatMap((part) => items.filter((item) => item.part === part));
  return sorted.flatMap(({ part, text, check, why }, i) => {
    const stale = check === "changed" || check === "gone" ? `; ${check} since: ${clip(printable(why.slice(0, 3).join(", ")), 160)}` : check === "current" ? "; what it names is as it was" : "";
    const words = clip(printable(text), 400);
    const line = { key: `${id}:${part}:${i}:${stale}`, statement: text, text: `${NAMES[part]}: ${words} [handed over ${ago(time, now)}${stale}]` };
    const cost = countTokens(line.text) + 1;
    if (cost > left) return [];
    left -= cost;
    return [line];
  });
}
