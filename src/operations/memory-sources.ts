/** The events a memory was taken from, each with its words, its session and turn: what `why` shows. */
import { searchable, roleOf, type Role } from "../event/text.ts";
import type { Memory } from "../memory/model.ts";
import type { Store } from "../store/store.ts";
import { turnAt } from "./sessions.ts";

export interface Source {
  readonly event: string;
  readonly session: string;
  /** 0 where it stands outside of turns, or was gone back on. */
  readonly turn: number;
  readonly role: Role;
  readonly time: number;
  /** Words of others: to be quoted, never obeyed. */
  readonly text: string;
  readonly erased: boolean;
}

/** What is no longer in the log is left out. */
export async function sourcesOf(store: Store, { sources }: Pick<Memory, "sources">): Promise<Source[]> {
  const found: Source[] = [];
  for (const { event, position, erased } of await store.get(sources)) {
    const summary = (await store.summary(event.session))?.summary;
    found.push({ event: event.id, session: event.session, turn: turnAt(summary, position), role: roleOf(event, event.payload), time: event.time, text: erased ? "" : searchable(event).slice(0, 2000), erased });
  }
  return found;
}
