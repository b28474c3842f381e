/** What goes into the text index for an event: its words, the parts of its names, and tags that filters match. */
import { sha256Hex } from "../../base/hash.ts";
import type { Event } from "../../event/schema.ts";
import { nameParts, roleOf, searchable } from "../../event/text.ts";
import type { Prepared } from "./files.ts";

export function addWords(log: Prepared, position: number, event: Event, project: string): void {
  const body = searchable(event);
  if (body === "") return;
  log.sql("INSERT INTO words (rowid, body, names, tags) VALUES (?, ?, ?, ?)").run(position, body, nameParts(body), tagsOf(event, project).join(" "));
}

/** Tags are single words without anything a tokenizer would split, and with a start no text has. */
export const tag = {
  role: (role: string) => `xqrole${letters(role)}`,
  tool: (tool: string) => `xqtool${letters(tool)}`,
  agent: (agent: string) => `xqagent${letters(agent)}`,
  project: (project: string) => `xqproject${sha256Hex(project).slice(0, 12)}`,
};

function tagsOf(event: Event, project: string): string[] {
  return [
    tag.role(roleOf(event, event.payload)),
    tag.agent(event.agent),
    tag.project(project),
    ...(event.type === "tool.called" ? [tag.tool(event.payload.tool)] : []),
  ];
}

function letters(word: string): string {
  return word.toLowerCase().replace(/[^a-z0-9]/g, "");
}
