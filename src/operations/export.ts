/**
 * A session out of the log: as JSON lines that `import` takes back identically, or as Markdown for people.
 */
import { canonicalJson } from "../base/json.ts";
import { PAYLOADS, type Event, type EventType } from "../event/schema.ts";
import { oneLine, printable } from "../base/text.ts";
import type { Story, Turn } from "../session/fold.ts";
import type { Store } from "../store/store.ts";

/** The events of a session, one canonical JSON object a line. Erased events are left out; there is nothing to take back. */
export async function exportLines(store: Store, session: string): Promise<string[]> {
  const stored = await store.read(session);
  return stored.filter(({ erased }) => !erased).map(({ event }) => canonicalJson(event));
}

/** An exported line as the event it was; undefined where the record is something else. */
export function readExported(value: Record<string, unknown>): Event | undefined {
  const { id, time, type, session, agent, payload } = value;
  if (typeof id !== "string" || typeof time !== "number" || typeof session !== "string" || typeof agent !== "string" || payload === undefined) return undefined;
  return Object.hasOwn(PAYLOADS, type as EventType) ? (value as unknown as Event) : undefined;
}

export function exportMarkdown(story: Story): string {
  const { summary } = story;
  const lines = [`# ${printable(summary.title || summary.id)}`, "", `Session \`${printable(summary.id)}\` of ${printable(summary.agent)} in \`${printable(summary.project)}\`, ${date(summary.started)} to ${date(summary.ended)}; ${summary.ending}.`, ""];
  for (const turn of story.turns) lines.push(...turnMarkdown(turn, `## ${turn.n}. ${date(turn.started)}`));
  for (const turn of story.rewound) lines.push(...turnMarkdown(turn, `## Gone back on. ${date(turn.started)}`));
  return `${lines.join("\n").trimEnd()}\n`;
}

function turnMarkdown(turn: Turn, heading: string): string[] {
  const lines = [heading, "", ...quote(printable(turn.prompt)), ""];
  for (const event of turn.events) {
    if (event.thread !== undefined) continue;
    if (event.type === "answer") lines.push(printable(event.payload.text), "");
    if (event.type === "tool.called") {
      const call = turn.calls.find(({ id }) => id === event.id);
      lines.push(`- \`${event.payload.tool}\` ${inline(event.payload.input)} → ${call?.outcome ?? "outcome unknown"}`, "");
    }
  }
  if (turn.ending !== "completed") lines.push(`*${turn.ending}*`, "");
  return lines;
}

function quote(text: string): string[] {
  return text.split("\n").map((line) => `> ${line}`.trimEnd());
}

function inline(input: unknown): string {
  const fields = (input ?? {}) as Record<string, unknown>;
  const main = fields["command"] ?? fields["file_path"] ?? fields["pattern"] ?? fields["description"] ?? fields["url"] ?? fields["query"];
  const text = oneLine(printable(typeof main === "string" ? main : JSON.stringify(input ?? {})));
  return `\`${text.slice(0, 200).replaceAll("`", "'")}\``;
}

function date(time: number): string {
  return new Date(time).toISOString().slice(0, 16).replace("T", " ");
}
