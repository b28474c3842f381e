/**
 * What a session did to the things that a memory can name: files it read or changed, commands it ran, memories its answers
 * cite, each with the last time. Pure, from its events; kept beside the summary, and small, since many are read at once.
 * Leaves out what of it counts as use of a memory (memory/use.ts).
 */
import { shownPath } from "../base/text.ts";
import { commandsIn } from "../base/shell.ts";
import type { Event } from "../event/schema.ts";

/** A name with the last time it was met, in milliseconds since 1970. */
export type Met = readonly [name: string, time: number];

export interface Trace {
  readonly session: string;
  readonly started: number;
  /** From the project's folder where they are in it. */
  readonly files: readonly Met[];
  /** Simple commands, without what they were joined by. */
  readonly commands: readonly Met[];
  /** Ids of memories. */
  readonly cited: readonly Met[];
}

/** Of a very long session the last so many of each. */
const MOST = 300;
const LONGEST = 160;

/** `events`: those recorded for this session, subagents' included; what a fork shares with its parent is the parent's. */
export function traceOf(session: string, { project, started }: { readonly project: string; readonly started: number }, events: readonly Event[]): Trace {
  const [files, commands, cited] = [new Map<string, number>(), new Map<string, number>(), new Map<string, number>()];
  for (const event of events) {
    if (event.session !== session) continue;
    const meet = (all: Map<string, number>, name: string): void => {
      const before = all.get(name) ?? -Infinity;
      // To the end of the map: what is cut is what was met first.
      all.delete(name);
      all.set(name, Math.max(before, event.time));
    };
    if (event.type === "files.touched") for (const { path } of event.payload.files) meet(files, shownPath(path, project));
    else if (event.type === "answer") for (const id of event.payload.text.match(/\bm[0-9a-f]{10}\b/g) ?? []) meet(cited, id);
    else if (event.type === "tool.called") {
      const { command } = (event.payload.input ?? {}) as { command?: unknown };
      if (typeof command === "string") for (const each of commandsIn(command)) if (each.length <= LONGEST) meet(commands, each);
    }
  }
  return { session, started, files: [...files].slice(-MOST), commands: [...commands].slice(-MOST), cited: [...cited].slice(-MOST) };
}
