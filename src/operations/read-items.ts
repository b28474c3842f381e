/** What was found, whole: memories with all that is known of them, events with all their words, by the ids of hits. */
import { TidemarkError } from "../base/errors.ts";
import { printable } from "../base/text.ts";
import { roleOf, searchable } from "../event/text.ts";
import { scopeName } from "../memory/statement.ts";
import type { Store, Stored } from "../store/store.ts";
import { memories } from "./memories.ts";
import { sourcesOf } from "./memory-sources.ts";
import { turnAt } from "./sessions.ts";

export interface Whole {
  readonly id: string;
  /** The event or the memory that it is; neither where it is not known or erased. */
  readonly event?: string;
  readonly memory?: string;
  /** Where it comes from, in words. */
  readonly what: string;
  /** Milliseconds since 1970. */
  readonly time?: number;
  readonly text: string;
}

/** In the order asked for. Refused where none of them is known. */
export async function readItems(store: Store, ids: readonly string[]): Promise<Whole[]> {
  const known = (await memories(store)).memories;
  const found: Whole[] = [];
  for (const id of ids) {
    const memory = known.get(id);
    const stored = memory === undefined ? await eventNamed(store, id) : undefined;
    if (memory !== undefined) {
      const sources = await sourcesOf(store, memory);
      const from = sources.map(({ session, turn }) => `session ${session.slice(0, 8)}${turn === 0 ? "" : ` turn ${turn}`}`);
      const trust = memory.trust === "user" ? "said by the user" : memory.trust === "tool" ? "from the output of a tool" : "worked out by an agent";
      const said = [memory.statement, ...(from.length > 0 ? [`from: ${[...new Set(from)].join(", ")}`] : []), ...(memory.superseded_by === undefined ? [] : [`its place was taken by ${memory.superseded_by}`])];
      found.push({ id, memory: id, what: `memory, ${memory.kind}, ${trust}, ${scopeName(memory.scope)}, ${memory.status}`, time: memory.valid_from, text: said.join("\n") });
    } else if (stored !== undefined) {
      const { event, erased, position } = stored;
      const turn = turnAt((await store.summary(event.session))?.summary, position);
      const what = `session ${event.session.slice(0, 8)}${turn === 0 ? "" : ` turn ${turn}`}, ${roleOf(event, event.payload)}`;
      found.push({ id, ...(erased ? {} : { event: event.id }), what, time: event.time, text: erased ? "(erased)" : searchable(event) });
    } else found.push({ id, what: "not known", text: "(no hit has this id)" });
  }
  if (found.every(({ what }) => what === "not known")) throw new TidemarkError("MEMORY_UNKNOWN", `Nothing is kept under ${ids.map((id) => `"${printable(id).slice(0, 60)}"`).slice(0, 3).join(", ")}`, { hint: "Send ids as recall shows them in brackets." });
  return found;
}

/** By its id, or by that of a piece of it, which has one more "#" and number behind it. */
export async function eventNamed(store: Store, id: string): Promise<Stored | undefined> {
  const [whole] = await store.get([id]);
  return whole ?? (await store.get([id.replace(/#\d+$/, "")]))[0];
}
