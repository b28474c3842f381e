/** Whose work a commit holds, from steps and contents made by hand. */
import { describe, expect, test } from "vitest";
import { workIn, type CommitFile } from "./commit-links.ts";
import { LineOrigins, trimmed, type Content, type Step } from "./line-origins.ts";

const content = (text: string): Content => ({ blob: `blob of ${text}`, lines: trimmed(text) });
const step = (author: string | undefined, path: string, before: string | undefined, after: string | undefined, more: Partial<Step> = {}): Step => ({
  since: 0, author, typed: author !== undefined, files: [{ path, before: before === undefined ? "absent" : content(before), after: after === undefined ? "absent" : content(after) }], ...more,
});
const file = (path: string, before: string | undefined, after: string | undefined): CommitFile => ({ path, before: [before === undefined ? "absent" : content(before)], after: after === undefined ? "absent" : content(after) });
const linked = (steps: readonly Step[], files: readonly CommitFile[], time = 1000): Record<string, number> => {
  const origins = new LineOrigins(new Set(files.flatMap(({ after }) => (after === "absent" ? [] : (after.blob ?? [])))));
  for (const each of steps) origins.take(each);
  return Object.fromEntries(workIn(files, time, origins).shares.map(({ turn, lines, files: whole }) => [turn, lines + whole]));
};

const BASE = "the first line\nthe second line\n";
const AGENT = "the agent wrote this\n";
const MINE = "the person wrote this\n";

describe("a commit holds the work of", () => {
  test("who wrote its lines, and of nobody else who wrote to the file", () => {
    const steps = [step("t1", "a", BASE, BASE + AGENT), step(undefined, "a", BASE + AGENT, BASE + AGENT + MINE)];
    expect(linked(steps, [file("a", BASE, BASE + AGENT + MINE)])).toEqual({ t1: 1 });
    expect(linked(steps, [file("a", BASE, BASE + MINE)])).toEqual({});
    expect(linked(steps, [file("a", BASE, BASE + AGENT)])).toEqual({ t1: 1 });
  });

  test("the same turn where a formatter has re-indented it, and not of who ran the formatter", () => {
    const indented = (BASE + AGENT).replace(/^/gm, "  ").trimEnd() + "\n";
    const steps = [step("t1", "a", BASE, BASE + AGENT), step("t2", "a", BASE + AGENT, indented)];
    expect(linked(steps, [file("a", BASE, indented)])).toEqual({ t1: 1 });
    expect(linked(steps, [file("a", BASE + AGENT, indented)])).toEqual({ t2: 1 });
  });

  test("the turn that wrote lines, wherever a checkout brings them back", () => {
    const steps = [step("t1", "a", BASE, BASE + AGENT), step(undefined, "a", BASE + AGENT, BASE), step(undefined, "a", BASE, MINE + BASE + AGENT)];
    expect(linked(steps, [file("a", MINE + BASE, MINE + BASE + AGENT)])).toEqual({ t1: 1 });
  });

  test("the second turn, where it wrote anew what was taken back from the first", () => {
    const steps = [step("t1", "a", BASE, BASE + AGENT), step(undefined, "a", BASE + AGENT, BASE), step("t2", "a", BASE, BASE + AGENT)];
    expect(linked(steps, [file("a", BASE, BASE + AGENT)])).toEqual({ t2: 1 });
    // By its text alone it may be either's.
    expect(linked(steps, [file("a", BASE + MINE, BASE + MINE + AGENT)])).toEqual({});
  });

  test("who took lines out, and not of a person who reverts a turn", () => {
    expect(linked([step("t1", "a", BASE, "the first line\n")], [file("a", BASE, "the first line\n")])).toEqual({ t1: 1 });
    const reverted = [step("t1", "a", BASE, BASE + AGENT), step(undefined, "a", BASE + AGENT, BASE)];
    expect(linked(reverted, [file("a", BASE + AGENT, BASE)])).toEqual({});
  });

  test("nobody who wrote it after it was committed", () => {
    expect(linked([step("t1", "a", BASE, BASE + AGENT, { since: 5000 })], [file("a", BASE, BASE + AGENT)], 1000)).toEqual({});
  });

  test("nobody by brackets and words that everybody writes, once a file is no version that is known", () => {
    const steps = [step("t1", "a", BASE, `${BASE}}\nreturn\n`)];
    expect(linked(steps, [file("a", MINE, `${MINE}}\nreturn\n`)])).toEqual({});
  });

  test("who made a file that is no text, or deleted it, to the byte", () => {
    const bytes = (blob: string): Content => ({ blob, lines: undefined });
    const made: Step = { since: 0, author: "t1", typed: false, files: [{ path: "a.png", before: "absent", after: bytes("one") }] };
    expect(linked([made], [{ path: "a.png", before: ["absent"], after: bytes("one") }])).toEqual({ t1: 1 });
    expect(linked([made], [{ path: "a.png", before: ["absent"], after: bytes("two") }])).toEqual({});
  });

  test("what it moves to another file is its author's still", () => {
    const moved: Step = { since: 0, author: undefined, typed: false, files: [{ path: "a", before: content(BASE + AGENT), after: "absent" }, { path: "b", before: "absent", after: content(BASE + AGENT) }] };
    const steps = [step("t1", "a", BASE, BASE + AGENT), moved];
    expect(linked(steps, [{ path: "b", from: "a", before: [content(BASE)], after: content(BASE + AGENT) }])).toEqual({ t1: 1 });
  });

  test("who resolved a merge, where it did what no parent had", () => {
    const resolved = `${BASE}one and two together\n`;
    const merge: CommitFile = { path: "a", before: [content(`${BASE}one alone here\n`), content(`${BASE}two alone here\n`)], after: content(resolved) };
    expect(linked([step("t1", "a", BASE, `${BASE}one alone here\n`), step("t2", "a", `${BASE}one alone here\n`, resolved)], [merge])).toEqual({ t2: 1 });
  });
});
