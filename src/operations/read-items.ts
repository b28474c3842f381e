/** What was found, whole: memories with all that is known of them, events with all their words, by the ids of hits. */
import { TidemarkError } from "../base/errors.ts";
import { printable } from "../base/text.ts";
import { roleOf, searchable } from "../event/text.ts";
import { scopeName } from "../memory/statement.ts";
import type { Store } from "../store/store.ts";
import { memories } from "./memories.ts";
import { sourcesOf } from "./memory-sources.ts";
import { turnAt } from "./sessions.ts";

export interface Whole {
  readonly id: string;
  readonly kind: "event" | "memory" | "none";
  /** Where it comes from, in words. */
  readonly what: string;
  /** Milliseconds since 1970. */
  readonly time?: number;
  readonly text: string;
}

/** In the order asked for. Refused where none of them is known. */
export async function readItems(store: Store, ids: readonly string[]): Promise<Whole[]> {
  const known = (await memories(store)).memories;
  // "#2" says which piece of an event was found; the event is read whole.
  const events = new Map((await store.get(ids.map(eventOf))).map((each) => [each.event.id, each]));
  const found: Whole[] = [];
  for (const id of ids) {
    const memory = known.get(id);
    const stored = events.get(eventOf(id));
    if (memory !== undefined) {
      const sources = await sourcesOf(store, memory);
      const from = sources.map(({ session, turn }) => `session ${session.slice(0, 8)}${turn === 0 ? "" : ` turn ${turn}`}`);
      const trust = memory.trust === "user" ? "said by the user" : memory.trust === "tool" ? "from the output of a tool" : "worked out by an agent";
      const said = [memory.statement, ...(from.length > 0 ? [`from: ${[...new Set(from)].join(", ")}`] : []), ...(memory.superseded_by === undefined ? [] : [`its place was taken by ${memory.superseded_by}`])];
      found.push({ id, kind: "memory", what: `memory, ${memory.kind}, ${trust}, ${scopeName(memory.scope)}, ${memory.status}`, time: memory.valid_from, text: said.join("\n") });
    } else if (stored !== undefined) {
      const { event, erased, position } = stored;
      const turn = turnAt((await store.summary(event.session))?.summary, position);
      const what = `session ${event.session.slice(0, 8)}${turn === 0 ? "" : ` turn ${turn}`}, ${roleOf(event, event.payload)}`;
      found.push({ id, kind: erased ? "none" : "event", what, time: event.time, text: erased ? "(erased)" : searchable(event) });
    } else found.push({ id, kind: "none", what: "not known", text: "(no hit has this id)" });
  }
  if (found.every(({ what }) => what === "not known")) throw new TidemarkError("MEMORY_UNKNOWN", `Nothing is kept under ${ids.map((id) => `"${printable(id).slice(0, 60)}"`).slice(0, 3).join(", ")}`, { hint: "Send ids as recall shows them in brackets." });
  return found;
}

export function eventOf(id: string): string {
  return id.replace(/#\d+$/, "");
}
