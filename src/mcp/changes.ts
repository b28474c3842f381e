/**
 * Telling clients that a resource has changed: the log is looked at now and then, only while somebody listens, and what is new
 * in it says which addresses have other contents now. Leaves out who listens to what (server.ts over stdio; over HTTP the
 * stream that a client opens).
 */
import type { Event } from "../event/schema.ts";
import { BRIEF, DECISIONS, MEMORY, SESSION, uriOf } from "./resources.ts";
import type { Serving } from "./serving.ts";

export interface Listener {
  readonly updated: (uri: string) => void;
  /** There are others than before. */
  readonly listed: () => void;
}

/** Between two looks, in milliseconds: one reads the number of the newest event. */
const EVERY = 2000;

/** Events that are looked at in one look. */
const PAGE = 500;

/** Each listener is added once; the first begins the looking and the last to go ends it. */
export class Changes {
  readonly #serving: Serving;
  readonly #every: number;
  readonly #listeners = new Set<Listener>();
  #timer: NodeJS.Timeout | undefined;
  #seen: number | undefined;
  #looking = false;

  constructor(serving: Serving, every = EVERY) {
    this.#serving = serving;
    this.#every = every;
  }

  /** Gives what ends it, which may be called twice. */
  listen(listener: Listener): () => void {
    this.#listeners.add(listener);
    if (this.#timer === undefined) {
      this.#timer = setInterval(() => void this.#look(), this.#every);
      this.#timer.unref();
      void this.#look();
    }
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      clearInterval(this.#timer);
      this.#timer = this.#seen = undefined;
    };
  }

  async #look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    try {
      const store = await this.#serving.store();
      const { position } = await store.head();
      const after = this.#seen;
      this.#seen = position;
      if (after === undefined || position <= after) return;
      const events = (await store.scan(Math.max(after, position - PAGE), PAGE)).map(({ event }) => event);
      const projects = new Map<string, string>();
      for (const event of events) if (event.type === "session.started" && event.payload.project !== undefined) projects.set(event.session, event.payload.project);
      for (const id of new Set(events.map(({ session }) => session))) {
        const project = projects.get(id) ?? (await store.summary(id))?.summary.project ?? "";
        if (project !== "") projects.set(id, project);
      }
      const { uris, listed } = affected(events, projects);
      for (const { updated, listed: others } of this.#listeners) {
        for (const uri of uris) updated(uri);
        if (listed) others();
      }
    } catch (error) {
      // A store that is busy passes.
      this.#serving.onTrouble(error);
    } finally {
      this.#looking = false;
    }
  }
}

/** Which resources have other contents after these events; `projects` of the sessions among them. Pure. */
export function affected(events: readonly Event[], projects: ReadonlyMap<string, string>): { readonly uris: readonly string[]; readonly listed: boolean } {
  const uris = new Set<string>();
  let listed = false;
  for (const event of events) {
    switch (event.type) {
      // That something was read changes nothing.
      case "context.given":
        break;
      case "handoff.written":
        uris.add(uriOf(BRIEF, event.payload.project));
        break;
      case "memory.revised":
        for (const { id, was, now } of event.payload.changes) {
          uris.add(uriOf(MEMORY, id));
          listed ||= was === undefined || now.status !== undefined;
          for (const project of now.scope?.project === undefined ? projects.values() : [now.scope.project]) for (const kind of [BRIEF, DECISIONS]) uris.add(uriOf(kind, project));
        }
        break;
      default: {
        uris.add(uriOf(SESSION, event.session));
        const project = projects.get(event.session);
        if (project !== undefined) uris.add(uriOf(BRIEF, project));
        listed ||= event.type === "session.started" || event.type === "checkpoint.sealed" || event.type === "forgotten" || event.type === "memory.reverted";
      }
    }
  }
  return { uris: [...uris], listed };
}
