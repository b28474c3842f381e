/** What was done in a project since a time: its sessions, what was asked in them, how they ended, and what was handed over. */
import type { Ending } from "../session/summary.ts";
import type { Store } from "../store/store.ts";
import { refreshSummaries, sessionsOf, story } from "./sessions.ts";

export interface Done {
  readonly session: string;
  readonly title: string;
  /** Milliseconds since 1970. */
  readonly ended: number;
  readonly ending: Ending;
  /** What a person asked for in that time, with the id of the event. */
  readonly asked: readonly { readonly text: string; readonly event: string }[];
  /** As the agent named them. */
  readonly files: readonly string[];
}

/** The latest first. */
export async function doneSince(store: Store, project: string, since: number): Promise<Done[]> {
  await refreshSummaries(store);
  const done: Done[] = [];
  for (const { id, title, ended, ending } of (await sessionsOf(store, project)).filter((each) => each.ended >= since)) {
    const turns = (await story(store, id)).turns.filter((turn) => turn.ended >= since);
    const asked = turns.flatMap(({ kind, prompt, events }) => (kind !== "user" || prompt.trim() === "" ? [] : [{ text: prompt, event: events.find(({ type }) => type === "prompt")?.id ?? "" }]));
    const files = [...new Set(turns.flatMap((turn) => turn.files.filter(({ change }) => change !== "read").map(({ path }) => path)))];
    done.push({ session: id, title, ended, ending, asked, files });
  }
  return done;
}
