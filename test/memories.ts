/** Passes over memories in a few words, for tests of what they add up to. */
import type { Change, Fields, MemoryEvent } from "../src/memory/model.ts";
import { event, START } from "./builders.ts";

export interface Told {
  readonly event: MemoryEvent;
  readonly erased: boolean;
}

export type Given = Partial<Fields> & { readonly id?: string };

export const PROJECT = "/work/app";

/** All that an added memory must say; times are seconds after START. */
export function saying(statement: string, given: Given = {}): { id: string; now: Fields } {
  const { id = `m-${statement}`, ...rest } = given;
  return { id, now: { key: "k", kind: "semantic", statement, scope: { level: "project", project: PROJECT }, status: "active", trust: "user", confidence: 1, valid_from: START, ...rest } };
}

/** A log of passes. Each is given the event before it as known, unless told otherwise. */
export class Passes {
  readonly events: Told[] = [];

  add(statement: string, given: Given = {}, more: { after?: string; by?: "user" | "extraction"; at?: number } = {}): string {
    return this.pass([saying(statement, given)], more);
  }

  set(id: string, now: Fields, more: { by?: "user" | "extraction"; at?: number } = {}): string {
    return this.pass([{ id, was: {}, now }], more);
  }

  pass(changes: readonly Change[], { after, by = "user", at, in_place_of }: { after?: string; by?: "user" | "extraction"; at?: number; in_place_of?: string } = {}): string {
    const id = `pass-${this.events.length}`;
    const known = after ?? this.events.at(-1)?.event.id;
    this.events.push({ event: event("memory.revised", { by, what: "test", ...(known === undefined ? {} : { after: known }), ...(in_place_of === undefined ? {} : { in_place_of }), changes: [...changes] }, { id, time: this.#time(at) }), erased: false });
    return id;
  }

  revert(pass: string): string {
    const id = `pass-${this.events.length}`;
    this.events.push({ event: event("memory.reverted", { of: pass }, { id, time: this.#time(undefined) }), erased: false });
    return id;
  }

  erase(id: string): void {
    const at = this.events.findIndex(({ event: each }) => each.id === id);
    this.events[at] = { event: { ...this.events[at]!.event, payload: {} } as unknown as MemoryEvent, erased: true };
  }

  #time(at: number | undefined): number {
    return START + (at ?? this.events.length) * 1000;
  }
}
