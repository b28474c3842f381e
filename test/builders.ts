/**
 * Short builders of valid events, so that a test reads as what was said and done. Ids count up and times go on by a
 * second, unless given. Leaves out every check: a test of bad events builds them itself.
 */
import type { Envelope, Event, EventOf, EventType, Payload } from "../src/event/schema.ts";
import type { SessionSummary } from "../src/session/summary.ts";
import type { Trace } from "../src/session/trace.ts";

export type Given = Partial<Omit<Envelope, "type">>;

/** When the first event of every test run happened. */
export const START = Date.UTC(2025, 0, 6, 9);

let count = 0;

export function event<T extends EventType>(type: T, payload: Payload<T>, given: Given = {}): EventOf<T> {
  count += 1;
  return { id: `event-${count}`, time: START + count * 1000, session: "s1", agent: "claude-code", ...given, type, payload };
}

export const prompt = (text: string, given?: Given): Event => event("prompt", { text, kind: "user" }, given);
export const answer = (text: string, given?: Given): Event => event("answer", { text }, given);
export const called = (tool: string, input: unknown, given?: Given): Event => event("tool.called", { tool, input }, given);
export const returned = (output: string, given?: Given): Event => event("tool.returned", { call: "call-1", output }, given);
/** A text that is kept and not searched, so that tests of its size measure nothing else. */
export const ended = (text: string, given?: Given): Event => event("turn.ended", { how: "completed", text }, given);
export const raw = (record: unknown, given?: Given): Event => event("raw", { kind: "test", record }, given);

/** The first event of a session, under the id by which a store finds a session's project. */
export const started = (session: string, project: string, given?: Given): Event => event("session.started", { project, cwd: project }, { id: `${session}:started`, session, ...given });

export const forked = (session: string, from: string, records: string[], given?: Given): Event =>
  event("session.forked", { from, shared: records.length, records }, { session, ...given });

export function trace(session: string, given: Partial<Trace> = {}): Trace {
  return { session, started: START, files: [], commands: [], cited: [], ...given };
}

export function summary(id: string, given: Partial<SessionSummary> = {}): SessionSummary {
  return {
    id,
    agent: "claude-code",
    project: "/work/app",
    cwd: "/work/app",
    started: START,
    ended: START + 60_000,
    ending: "completed",
    turns: 1,
    files: 0,
    tokens: { input: 1, output: 2, cache_read: 3, cache_write: 4 },
    title: `Session ${id}`,
    models: [],
    compactions: 0,
    subagents: 0,
    events: 1,
    rescued: false,
    starts: [],
    ...given,
  };
}
