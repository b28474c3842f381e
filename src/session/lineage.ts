/**
 * Which session came from which. Pure, and independent of the order in which sessions were imported: of two sessions
 * that share records the one whose transcript was begun later is the fork; if that does not tell, the one whose own
 * records begin later; then the greater id.
 */
import type { Event } from "../event/schema.ts";

export interface Lineage {
  readonly parent: string;
  readonly relation: "forked" | "resumed";
}

export interface Begun {
  readonly id: string;
  readonly started: number;
}

/** `links` are all `session.forked` and `session.resumed` events of the log. */
export function lineageOf(sessions: readonly Begun[], links: readonly Event[]): Map<string, Lineage> {
  const begun = new Map(sessions.map(({ id, started }) => [id, started]));
  const candidates = new Map<string, { parent: string; shared: number }[]>();
  const lineage = new Map<string, Lineage>();
  for (const link of links) {
    if (link.type === "session.resumed" && link.payload.from !== undefined) lineage.set(link.session, { parent: link.payload.from, relation: "resumed" });
    if (link.type !== "session.forked" || link.payload.from === undefined) continue;
    const [parent, child] = inOrder(link.session, link.payload.from, begun);
    const known = candidates.get(child) ?? [];
    known.push({ parent, shared: link.payload.shared });
    candidates.set(child, known);
  }
  for (const [child, parents] of candidates) {
    // A fork of a fork shares its beginning with both; it comes from the one it shares most with.
    parents.sort((a, b) => b.shared - a.shared || (begun.get(b.parent) ?? 0) - (begun.get(a.parent) ?? 0) || (a.parent < b.parent ? -1 : 1));
    lineage.set(child, { parent: parents[0]!.parent, relation: "forked" });
  }
  return lineage;
}

function inOrder(a: string, b: string, begun: ReadonlyMap<string, number>): [string, string] {
  const [startA, startB] = [begun.get(a) ?? 0, begun.get(b) ?? 0];
  if (startA !== startB) return startA < startB ? [a, b] : [b, a];
  return a < b ? [a, b] : [b, a];
}
