/** Conversations through our own store: recorded as events the way every source is, and asked as `tidemark recall` asks. */
import { record } from "../../src/operations/record.ts";
import type { Event } from "../../src/event/schema.ts";
import type { Store } from "../../src/store/store.ts";
import type { Conversation } from "./locomo.ts";

/** One session of the log for each of the conversation's; the first to speak is its user. */
export function eventsOf({ id, turns }: Conversation): Event[] {
  const user = turns[0]?.speaker;
  const events: Event[] = [];
  const begun = new Set<string>();
  for (const turn of turns) {
    const session = `${id}-${turn.session}`;
    const envelope = { session, agent: "chat", time: turn.time };
    if (!begun.has(session)) events.push({ ...envelope, id: `${session}:started`, type: "session.started", payload: { project: `/chat/${id}` } });
    begun.add(session);
    const payload = { text: turn.text, speaker: turn.speaker };
    events.push(turn.speaker === user ? { ...envelope, id: `${id}/${turn.id}`, type: "prompt", payload: { ...payload, kind: "user" } } : { ...envelope, id: `${id}/${turn.id}`, type: "answer", payload });
  }
  return events;
}

export async function take(store: Store, conversation: Conversation): Promise<void> {
  await record(store, eventsOf(conversation));
  for (;;) {
    const { position, head } = await store.takePassages(2000);
    if (position === head) return;
  }
}
