/**
 * The only way into the log: checks the shape, redacts, appends. An event of a shape that does not fit its type is
 * refused and nothing of the batch is stored; unknown shapes are the translator's to wrap as `raw`.
 */
import { parseEvent, type Event } from "../event/schema.ts";
import { redactValue } from "../event/redact.ts";
import type { Appended, EventStore } from "../store/store.ts";

export interface Recorded extends Appended {
  /** Secrets taken out, by family. */
  readonly redacted: Record<string, number>;
}

export async function record(store: EventStore, events: readonly Event[]): Promise<Recorded> {
  const redacted: Record<string, number> = {};
  const clean = events.map((event) => {
    const checked = parseEvent(event);
    const { value, hits } = redactValue(checked.payload as unknown);
    for (const [family, count] of Object.entries(hits)) redacted[family] = (redacted[family] ?? 0) + count;
    return value === checked.payload ? checked : ({ ...checked, payload: value } as Event);
  });
  const appended = await store.append(clean);
  return { ...appended, redacted };
}
