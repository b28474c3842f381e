/**
 * What a session's streams have sent of late, so that a client whose connection broke can have the rest (Last-Event-ID).
 * One for each session: an id from another session is not known here. Bounded by number and by size, oldest first; whoever
 * comes back after that is told that the id is not known, and begins anew.
 */
import type { EventStore, JSONRPCMessage } from "@modelcontextprotocol/server";

export interface EventLimits {
  readonly events: number;
  /** Characters of JSON in all. */
  readonly size: number;
}

interface Kept {
  readonly stream: string;
  readonly message: JSONRPCMessage;
  readonly size: number;
}

export class RecentEvents implements EventStore {
  /** In order of storing: a Map keeps it. */
  readonly #kept = new Map<string, Kept>();
  readonly #name: string;
  readonly #limits: EventLimits;
  #size = 0;
  #last = 0;

  /** `name`: a word that no other session's events have. */
  constructor(name: string, limits: EventLimits) {
    this.#name = name;
    this.#limits = limits;
  }

  async storeEvent(stream: string, message: JSONRPCMessage): Promise<string> {
    const id = `${this.#name}-${(++this.#last).toString(36)}`;
    const size = JSON.stringify(message).length;
    this.#kept.set(id, { stream, message, size });
    this.#size += size;
    for (const [oldest, { size: freed }] of this.#kept) {
      // The newest stays, however large: its client is being sent it right now.
      if (oldest === id || (this.#kept.size <= this.#limits.events && this.#size <= this.#limits.size)) break;
      this.#kept.delete(oldest);
      this.#size -= freed;
    }
    return id;
  }

  async getStreamIdForEventId(id: string): Promise<string | undefined> {
    return this.#kept.get(id)?.stream;
  }

  async replayEventsAfter(id: string, { send }: { send: (id: string, message: JSONRPCMessage) => Promise<void> }): Promise<string> {
    const { stream } = this.#kept.get(id) ?? {};
    if (stream === undefined) throw new RangeError("an event that is not kept");
    let after = false;
    // What is stored meanwhile is met too: the stream that is being caught up with does not get it otherwise.
    for (const [each, { stream: of, message }] of this.#kept) {
      // The first event of a stream only gives it an id, and says nothing.
      if (after && of === stream && "jsonrpc" in message) await send(each, message);
      if (each === id) after = true;
    }
    return stream;
  }
}
