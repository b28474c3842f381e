/** Which resources have other contents after which events. */
import { expect, test } from "vitest";
import type { Event } from "../event/schema.ts";
import { affected } from "./changes.ts";

const event = (type: Event["type"], session: string, payload: object): Event => ({ id: "e", time: 0, type, session, agent: "a", payload }) as unknown as Event;
const of = (...events: Event[]): ReturnType<typeof affected> => affected(events, new Map([["s 1", "/p/q"]]));

test("a session's words change the session and the brief of its project, whatever is in its name", () => {
  expect(of(event("prompt", "s 1", { text: "x", kind: "user" }))).toEqual({ uris: ["tidemark://session/s%201", "tidemark://brief/%2Fp%2Fq"], listed: false });
  expect(of(event("session.started", "new", {}))).toEqual({ uris: ["tidemark://session/new"], listed: true });
});

test("a memory changes itself, and brief and decisions of its project", () => {
  const changes = [{ id: "m1", now: { scope: { level: "project", project: "/r" } } }];
  expect(of(event("memory.revised", "memory:2026-01-01", { by: "user", what: "remember", changes }))).toEqual({ uris: ["tidemark://memory/m1", "tidemark://brief/%2Fr", "tidemark://decisions/%2Fr"], listed: true });
});

test("a handoff changes the brief of its project; reading changes nothing", () => {
  expect(of(event("handoff.written", "handoff:2026-01-01", { project: "/r", items: [] }))).toEqual({ uris: ["tidemark://brief/%2Fr"], listed: false });
  expect(of(event("context.given", "context:2026-01-01", {}))).toEqual({ uris: [], listed: false });
});
