/**
 * The list of sessions, one session by id or name, and one session's story. Summaries are kept up to date here: one
 * that is older than its session's newest event is folded again on the way.
 */
import { TidemarkError } from "../base/errors.ts";
import type { Event } from "../event/schema.ts";
import { foldSession, type Story } from "../session/fold.ts";
import { lineageOf, originOf, type Begun } from "../session/lineage.ts";
import type { SessionSummary } from "../session/summary.ts";
import { traceOf, type Trace } from "../session/trace.ts";
import type { Position, Store, Stored } from "../store/store.ts";
import { hasSummary, isOwnSession } from "./own-sessions.ts";

export async function story(store: Store, id: string): Promise<Story> {
  return toldBy(id, await store.read(id));
}

function toldBy(id: string, stored: readonly Stored[]): Story {
  const told = foldSession(id, eventsOf(stored));
  return { ...told, summary: { ...told.summary, starts: startsOf(told, stored) } };
}

function eventsOf(stored: readonly Stored[]): Event[] {
  return stored.filter(({ erased }) => !erased).map(({ event }) => event);
}

/** What is kept of a session beside the log. */
export async function derived(store: Store, id: string): Promise<{ readonly summary: SessionSummary; readonly trace: Trace }> {
  const stored = await store.read(id);
  const { summary } = toldBy(id, stored);
  return { summary, trace: traceOf(id, summary, eventsOf(stored)) };
}

async function keep(store: Store, id: string, position: Position): Promise<void> {
  const { summary, trace } = await derived(store, id);
  await store.putSummary(summary, position, trace);
}

/** A subagent's events and late results stand further on in the log than the turn they belong to: each run of a turn's events is noted. */
function startsOf(told: Story, stored: readonly Stored[]): [position: number, turn: number][] {
  const turnOf = new Map([...told.turns, ...told.rewound].flatMap(({ n, events }) => events.map((event) => [event.id, n] as const)));
  const starts: [number, number][] = [];
  for (const { event, position } of stored) {
    const turn = turnOf.get(event.id);
    if (turn !== undefined && turn !== starts.at(-1)?.[1]) starts.push([position, turn]);
  }
  return starts;
}

/** The turn an event stands in, without folding its session: 0 where it was gone back on or stands before any turn. */
export function turnAt(summary: SessionSummary | undefined, position: number): number {
  return summary?.starts.findLast(([start]) => start <= position)?.[1] ?? 0;
}

/** Folds every session whose summary is missing or older than its events. Returns how many. */
export async function refreshSummaries(store: Store): Promise<number> {
  const stale = [...(await store.stale())].filter(([id]) => hasSummary(id));
  for (const [id, position] of stale) await keep(store, id, position);
  return stale.length;
}

/** Sessions with a conversation, newest first, each with where it came from. */
export async function listSessions(store: Store): Promise<SessionSummary[]> {
  return (await allSessions(store)).filter(({ turns }) => turns > 0);
}

/** Those without a turn, too: what is kept of them can be found, shown and forgotten. Our own are none. */
async function allSessions(store: Store): Promise<SessionSummary[]> {
  await refreshSummaries(store);
  let all = (await store.summaries()).map(({ summary }) => summary);
  const heads = await store.heads();
  if (all.length < heads.size) {
    // A summary that can no longer be read is as good as none.
    for (const { id } of all) heads.delete(id);
    for (const [id, position] of heads) if (hasSummary(id)) await keep(store, id, position);
    all = (await store.summaries()).map(({ summary }) => summary);
  }
  const lineage = lineageOf(all, await links(store));
  return all.filter(({ id }) => !isOwnSession(id)).map((summary) => ({ ...summary, ...lineage.get(summary.id) }));
}

/** For each event the session it was said in; without forks that is the one it was recorded under. */
export async function originsOf(store: Store, events: readonly Event[]): Promise<string[]> {
  const forks = (await links(store)).filter(({ type }) => type === "session.forked");
  if (forks.length === 0) return events.map(({ session }) => session);
  const begun: Begun[] = [];
  for (const id of new Set([...forks, ...events].map(({ session }) => session))) {
    const known = (await store.summary(id))?.summary;
    if (known !== undefined) begun.push(known);
  }
  return events.map((event) => originOf(event, begun, forks));
}

async function links(store: Store): Promise<Event[]> {
  return (await store.ofTypes(["session.forked", "session.resumed"])).map(({ event }) => event);
}

/** The id of a session, given as `findSession` takes it; a whole one is looked up alone. */
export async function sessionId(store: Store, wanted: string): Promise<string> {
  return (await store.summary(wanted)) !== undefined ? wanted : (await findSession(store, wanted)).id;
}

/** A session by its id, the beginning of its id, or its title. */
export async function findSession(store: Store, wanted: string): Promise<SessionSummary> {
  const all = await allSessions(store);
  if (all.length === 0) throw new TidemarkError("NO_SESSIONS", "No sessions are stored yet");
  const exact = all.find(({ id }) => id === wanted);
  if (exact !== undefined) return exact;
  const lower = wanted.toLowerCase();
  let found = all.filter(({ id }) => id.toLowerCase().startsWith(lower));
  if (found.length === 0) found = all.filter(({ title }) => title.toLowerCase() === lower);
  if (found.length === 1) return found[0]!;
  if (found.length === 0) throw new TidemarkError("SESSION_UNKNOWN", `No session begins with "${wanted}"`);
  const some = found.slice(0, 5).map(({ id, title }) => `  ${id}  ${title}`);
  throw new TidemarkError("SESSION_AMBIGUOUS", `"${wanted}" matches ${found.length} sessions:\n${some.join("\n")}${found.length > 5 ? "\n  …" : ""}`);
}

/** The newest session of a project, else the newest of all; without its lineage. */
export async function latestSession(store: Store, project: string): Promise<SessionSummary | undefined> {
  await refreshSummaries(store);
  const newest = await store.newest(project);
  if (newest !== undefined) return newest;
  const all = await listSessions(store);
  return all.find((summary) => summary.project === project) ?? all[0];
}

/** The newest session of a project; refused where it has none. */
export async function latestHere(store: Store, project: string): Promise<SessionSummary> {
  const latest = await latestSession(store, project);
  if (latest === undefined) throw new TidemarkError("NO_SESSIONS", "No sessions are stored yet");
  // Another project's brief would mislead more than none.
  if (latest.project !== project) throw new TidemarkError("NO_SESSION_HERE", `No session of ${project} is kept; the latest of all is ${latest.id}, of ${latest.project}`);
  return latest;
}

/** Those of a project that have a turn, the newest first. */
export async function sessionsOf(store: Store, project: string): Promise<SessionSummary[]> {
  return (await store.summaries()).map(({ summary }) => summary).filter((summary) => summary.project === project && summary.turns > 0);
}

/** The newest of a project that is none of these: those at work now. */
export async function newestIdle(store: Store, project: string, out: ReadonlySet<string>): Promise<SessionSummary | undefined> {
  const newest = await store.newest(project);
  return newest !== undefined && out.has(newest.id) ? (await sessionsOf(store, project)).find(({ id }) => !out.has(id)) : newest;
}
