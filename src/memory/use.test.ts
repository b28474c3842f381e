/** What counts as use of a memory, and what counts are worth. */
import { describe, expect, test } from "vitest";
import { trace } from "../../test/builders.ts";
import type { Trace } from "../session/trace.ts";
import type { MemoryState } from "./fold.ts";
import { foldMemories } from "./fold.ts";
import type { Memory, MemoryEvent } from "./model.ts";
import { againstIn, Traces, trialsOf, usefulness } from "./use.ts";

const DAY = 86_400_000;
const NOW = Date.UTC(2025, 5, 1);
const SINCE = NOW - 10 * DAY;

function memory(statement: string, given: Partial<Memory> = {}): Memory {
  return { id: "m0123456789", key: "k", kind: "semantic", statement, scope: { level: "project", project: "/work/app" }, status: "active", trust: "user", accepted: false, confidence: 1, valid_from: SINCE, recorded_at: SINCE, sources: [], passes: 0, failures: 0, passed: [], ...given };
}

const session = (given: Partial<Trace>): Trace => trace("s1", { started: SINCE + DAY, ...given });
const howOf = (about: Memory, given: Partial<Trace>): string | undefined => new Traces([session(given)]).of(about).uses[0]?.how;
const at = SINCE + 2 * DAY;

describe("a session was of use where it", () => {
  test.each<[string, string, Partial<Memory>, Partial<Trace>, string | undefined]>([
    ["touched the file that is named", "Retries are in src/net/retry.ts", {}, { files: [["src/net/retry.ts", at]] }, "opened"],
    ["touched it in another tree", "Retries are in ./src/net/retry.ts", {}, { files: [["/trees/2/src/net/retry.ts", at]] }, "opened"],
    ["touched a file that is named without its folder", "Retries are in `retry.ts`", {}, { files: [["src/net/retry.ts", at]] }, "opened"],
    ["but not another file of that name", "Retries are in src/net/retry.ts", {}, { files: [["src/disk/retry.ts", at]] }, undefined],
    ["nor one whose name ends alike", "Retries are in net/retry.ts", {}, { files: [["src/subnet/retry.ts", at]] }, undefined],
    ["ran the command that is named", "`npm test`", { kind: "procedural" }, { commands: [["npm test", at]] }, "run"],
    ["ran it with more words and variables", "Tests run with `npm test`", {}, { commands: [["CI=1 FORCE_COLOR=0 npm test -- parser", at]] }, "run"],
    ["ran a command of one word", "Build with `make`", {}, { commands: [["make -j4 all", at]] }, "run"],
    ["but not one that only begins alike", "`npm test`", { kind: "procedural" }, { commands: [["npm tests", at]] }, undefined],
    ["nor what an episode says had failed", "`npm test` failed; it passed after changes to a.ts", { kind: "episodic" }, { commands: [["npm test", at]] }, undefined],
    ["cited it", "Answer in French", {}, { cited: [["m0123456789", at]] }, "cited"],
    ["but not another", "Answer in French", {}, { cited: [["m9999999999", at]] }, undefined],
  ])("%s", (_, statement, given, did, how) => {
    expect(howOf(memory(statement, given), did)).toBe(how);
  });

  test("of several ways the last is told, with its time", () => {
    expect(new Traces([session({ files: [["a.ts", at]], cited: [["m0123456789", at + 1]] })]).of(memory("See a.ts")).uses).toEqual([{ session: "s1", started: SINCE + DAY, last: at + 1, how: "cited" }]);
  });

  test("and only of sessions that began after it: the one it was taken from says nothing", () => {
    const of = (started: number): number => new Traces([session({ started, files: [["a.ts", at]] })]).of(memory("See a.ts")).uses.length;
    expect([of(SINCE - 1), of(SINCE), of(SINCE + 1)]).toEqual([0, 0, 1]);
  });
});

describe("what it is worth", () => {
  const good = { time: NOW, good: true };
  const bad = { time: NOW, good: false };

  test("is neither more nor less while nothing is known, whatever became of one or two trials little, and never all or nothing", () => {
    expect(usefulness([], NOW)).toBe(1);
    expect(usefulness([good], NOW)).toBeCloseTo(5 / 3);
    expect(usefulness([bad], NOW)).toBeCloseTo(5 / 6);
    expect(usefulness(Array.from({ length: 1000 }, () => good), NOW)).toBeLessThan(5);
    expect(usefulness(Array.from({ length: 1000 }, () => bad), NOW)).toBeGreaterThan(0);
  });

  test("fades: after 30 days a trial counts half, and in the end nothing is known", () => {
    expect(usefulness([good, bad], NOW + 30 * DAY)).toBeCloseTo(5 * (1.5 / 6));
    expect(usefulness(Array.from({ length: 50 }, () => bad), NOW + 1000 * DAY)).toBeCloseTo(1);
  });

  test("a time that lies ahead of the clock counts as now", () => {
    expect(usefulness([good], NOW - DAY)).toBe(usefulness([good], NOW));
  });

  const uses = (about: Memory): ReturnType<Traces["of"]> => new Traces([session({ files: [["a.ts", at]] }), trace("s2", { started: SINCE + 3 * DAY })]).of(about);

  test("counts sessions that needed it and those that did not, from when they did or began", () => {
    expect(trialsOf(uses(memory("See a.ts")), undefined)).toEqual([{ time: at, good: true }, { time: SINCE + 3 * DAY, good: false }]);
  });

  test("what leaves no trace is not held against it: a demand may be followed without a word", () => {
    const demand = memory("Answer in French", { kind: "constraint" });
    expect(trialsOf(uses(demand), undefined)).toEqual([]);
    expect(trialsOf(uses(demand), { contradicted: [NOW], reverted: [NOW - DAY] })).toEqual([{ time: NOW, good: false }, { time: NOW - DAY, good: false }]);
  });
});

test("contradictions and passes that were taken back count against the memories they are about", () => {
  const pass = (id: string, time: number, changes: Record<string, unknown>[], more: Record<string, unknown> = {}): { event: MemoryEvent; erased: boolean } =>
    ({ event: { id, time, type: "memory.revised", session: "memory:x", agent: "tidemark", payload: { by: "user", what: "x", changes, ...more } } as MemoryEvent, erased: false });
  const value = (key: string, statement: string, from: number): Record<string, unknown> => ({ key, statement, kind: "semantic", scope: { level: "user" }, trust: "user", status: "active", confidence: 1, valid_from: from });
  const state: MemoryState = foldMemories([
    pass("p1", 10, [{ id: "ma", now: value("port", "8000", 10) }, { id: "mc", now: value("host", "a", 10) }]),
    // Written by someone who had not seen the first.
    pass("p2", 20, [{ id: "mb", now: value("port", "9000", 20) }]),
    pass("p3", 30, [{ id: "mc", was: { status: "active" }, now: { status: "ended", valid_to: 30 } }], { after: "p2" }),
    { event: { id: "p4", time: 40, type: "memory.reverted", session: "memory:x", agent: "tidemark", payload: { of: "p3" } }, erased: false },
  ]);
  expect(Object.fromEntries(againstIn(state))).toEqual({
    ma: { contradicted: [20], reverted: [] }, mb: { contradicted: [20], reverted: [] }, mc: { contradicted: [], reverted: [40] },
  });
});
