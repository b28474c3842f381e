/**
 * Which session came from which. Pure, and independent of the order in which sessions were imported: of two sessions
 * that share records the one whose transcript was begun later is the fork; if that does not tell, the greater id.
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
  const lineage = new Map<string, Lineage>();
  for (const link of links) if (link.type === "session.resumed") lineage.set(link.session, { parent: link.payload.from, relation: "resumed" });
  const shared = new Map<string, Map<string, number>>();
  for (const [holders, count] of sharing(links)) {
    for (const child of holders) {
      const parents = shared.get(child) ?? new Map<string, number>();
      for (const parent of holders) if (parent !== child && isBefore(parent, child, begun)) parents.set(parent, (parents.get(parent) ?? 0) + count);
      if (parents.size > 0) shared.set(child, parents);
    }
  }
  for (const [child, parents] of shared) {
    // A fork of a fork shares its beginning with both and comes from the one it shares most with; of two forks that left at one point neither comes from the other.
    const [parent] = [...parents].reduce((best, each) => (each[1] > best[1] || (each[1] === best[1] && isBefore(each[0], best[0], begun)) ? each : best));
    lineage.set(child, { parent, relation: "forked" });
  }
  return lineage;
}

/** The session an event was said in: of those that hold it the one begun first, whichever was imported first. */
export function originOf(event: Pick<Event, "id" | "session">, sessions: readonly Begun[], links: readonly Event[]): string {
  const begun = new Map(sessions.map(({ id, started }) => [id, started]));
  let origin = event.session;
  for (const link of links) {
    if (link.type !== "session.forked" || link.payload.from !== event.session || !isBefore(link.session, origin, begun)) continue;
    if (link.payload.records.includes(event.id)) origin = link.session;
  }
  return origin;
}

/** Sets of sessions that hold the same events, each with the number of those events. */
function sharing(links: readonly Event[]): [holders: string[], count: number][] {
  const holders = new Map<string, Set<string>>();
  for (const link of links) {
    if (link.type !== "session.forked") continue;
    for (const id of link.payload.records) {
      const known = holders.get(id);
      if (known === undefined) holders.set(id, new Set([link.payload.from, link.session]));
      else known.add(link.session);
    }
  }
  const groups = new Map<string, [string[], number]>();
  for (const set of holders.values()) {
    const sorted = [...set].sort();
    const key = sorted.join("\n");
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [sorted, 1]);
    else group[1] += 1;
  }
  return [...groups.values()];
}

function isBefore(a: string, b: string, begun: ReadonlyMap<string, number>): boolean {
  const [startA, startB] = [begun.get(a) ?? 0, begun.get(b) ?? 0];
  return startA !== startB ? startA < startB : a < b;
}
