/** That something kept was handed to a client: who asked through what, and which events and memories it was. */
import { sha256Hex } from "../base/hash.ts";
import type { Store } from "../store/store.ts";
import { ownSession } from "./own-sessions.ts";
import { record } from "./record.ts";

export interface Given {
  /** "mcp" and the name of the tool or resource. */
  readonly through: string;
  readonly client?: string;
  readonly principal?: string;
  readonly tokens: number;
  readonly events: readonly string[];
  readonly memories: readonly string[];
}

/** `key` tells apart what was given at the same moment. */
export async function recordGiven(store: Store, { events, memories, ...given }: Given, now: number, key: string): Promise<void> {
  const id = `context:${sha256Hex(JSON.stringify([now, key, given, events, memories])).slice(0, 20)}`;
  await record(store, [{ id, time: now, type: "context.given", session: ownSession("context", now), agent: "tidemark", payload: { ...given, events: [...events], memories: [...memories] } }]);
}
