/**
 * News of what has changed, for the streams that a principal has opened (`subscriptions/listen`). They are asked for only
 * while there is such a stream. Leaves out clients of the older era, whom the server of their session tells.
 */
import { InMemoryServerEventBus, type ServerEvent, type ServerEventBus } from "@modelcontextprotocol/server";

/** Tells of what the principal may know, until the answer is called. */
export type News = (principal: string, tell: (event: ServerEvent) => void) => () => void;

export class NewsBus implements ServerEventBus {
  readonly #bus: InMemoryServerEventBus;
  readonly #begin: (tell: (event: ServerEvent) => void) => () => void;
  #end: (() => void) | undefined;

  constructor(begin: (tell: (event: ServerEvent) => void) => () => void, onTrouble: (error: unknown) => void) {
    this.#begin = begin;
    this.#bus = new InMemoryServerEventBus(onTrouble);
  }

  publish(event: ServerEvent): void {
    this.#bus.publish(event);
  }

  subscribe(listener: (event: ServerEvent) => void): () => void {
    const unsubscribe = this.#bus.subscribe(listener);
    this.#end ??= this.#begin((event) => this.publish(event));
    return () => {
      unsubscribe();
      if (this.#bus.listenerCount === 0) this.#end = void this.#end?.();
    };
  }
}
