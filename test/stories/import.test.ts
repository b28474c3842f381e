/** What an import says and does when it is repeated, stopped, run on torn files, or too late for the transcripts. */
import { appendFileSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { listSessions, story } from "../../src/operations/sessions.ts";
import { searchSessions } from "../../src/operations/search.ts";
import { resume } from "../../src/operations/resume.ts";
import { status } from "../../src/operations/status.ts";
import { verify } from "../../src/operations/verify.ts";
import type { Store } from "../../src/store/store.ts";
import { age, configWith, freshStore, idOf, importInto, inConfig, linesOf, NOW, putTranscript, scratch, sessionsJson, storeWith, tell, transcript, type Name } from "../helpers.ts";

const ALL: Name[] = ["197 main", "197 fork", "197 typed", "330 main", "330 fork", "330 typed", "error handling", "review"];
const wordCount = (text: string): number => text.split(/\s+/).length;

/** Sessions, turns and briefs, but nothing that counts how they came to be there. */
async function outcome(store: Store, ids: readonly string[]): Promise<unknown> {
  return { sessions: await sessionsJson(store), told: await Promise.all(ids.map((id) => tell(store, id))), briefs: await Promise.all(ids.map((id) => resume(store, id, 800, wordCount))) };
}

test("a second import adds nothing and says so, whether or not the files look changed", async () => {
  const config = configWith(...ALL);
  const store = await freshStore();
  const first = await importInto(store, config);
  expect(first).toMatchObject({ files: 10, added: expect.any(Number), unchanged: 0, sessions: 8, quarantined: [] });
  const head = await store.head();
  const second = await importInto(store, config);
  // What forks share was there before already in the first import, and is counted again.
  expect(second).toMatchObject({ files: 10, lines: first.lines, accounted: first.accounted, added: 0, unchanged: 10, sessions: 0, rescued: 0, bookkeeping: first.bookkeeping });
  for (const name of ALL) age(inConfig(config, name), 1);
  const third = await importInto(store, config);
  expect(third).toMatchObject({ files: 10, lines: first.lines, accounted: first.accounted, added: 0, unchanged: 2, sessions: 0 });
  expect(third.duplicates).toBe(second.duplicates);
  expect(await store.head()).toEqual(head);
});

describe("an import of a file that is still being written", () => {
  test.each(["197 main", "197 typed", "330 main", "error handling"] as const)("%s: in pieces it gives what importing it whole gives", async (name) => {
    const config = configWith(name);
    const path = inConfig(config, name);
    const whole = readFileSync(path);
    const store = await freshStore();
    // Cut in the middle of a record three times, at places that are no line's end.
    for (const part of [0.31, 0.57, 0.83]) {
      const end = Math.floor(whole.length * part);
      writeFileSync(path, whole.subarray(0, whole[end - 1] === 10 ? end + 5 : end));
      const { quarantined } = await importInto(store, config);
      expect(quarantined).toEqual([{ file: path, line: expect.any(Number), reason: "torn: the file ends in the middle of a record" }]);
      expect((await verify(store)).problems).toEqual([]);
    }
    writeFileSync(path, whole);
    expect((await importInto(store, config)).quarantined).toEqual([]);
    const once = await storeWith(name);
    const ids = [idOf(name)];
    const [pieces, together] = [await outcome(store, ids), await outcome(once, ids)] as { sessions: Record<string, unknown>[] }[];
    // Usage of a message that was cut is noted once for each output count that was seen.
    for (const { sessions } of [pieces!, together!]) for (const session of sessions) delete session["events"];
    expect(pieces).toEqual(together);
  });

  test("records that arrive out of order with those of a subagent do not change the story", async () => {
    const config = configWith("197 main");
    const sub = inConfig(config, "197 main").replace(".jsonl", "/subagents/agent-af4a8d56938145637.jsonl");
    const aside = join(scratch(), "aside.jsonl");
    renameSync(sub, aside);
    const store = await freshStore();
    expect(await importInto(store, config)).toMatchObject({ files: 1 });
    expect((await tell(store, "197 main")).subagents).toBe(0);
    renameSync(aside, sub);
    expect(await importInto(store, config)).toMatchObject({ files: 2, unchanged: 1 });
    expect(await tell(store, "197 main")).toEqual(await tell(await storeWith("197 main"), "197 main"));
  });
});

describe("a session that did not end well", () => {
  const cutAfter = async (name: Name, marker: string): Promise<Store> => {
    const config = configWith(name);
    const lines = linesOf(name);
    putTranscript(inConfig(config, name), lines.slice(0, lines.findIndex((line) => line.includes(marker)) + 1));
    const store = await freshStore();
    await importInto(store, config);
    return store;
  };

  test("was killed during a call: it crashed, and the call whose outcome is unknown is named everywhere", async () => {
    const store = await cutAfter("197 main", '"command": "echo generated > gen.txt && ls"');
    const { turns, openCall, summary } = await story(store, idOf("197 main"));
    expect(summary.ending).toBe("crashed");
    expect(turns.map(({ ending }) => ending)).toEqual(["crashed"]);
    expect(openCall).toMatchObject({ tool: "Bash", input: { command: "echo generated > gen.txt && ls" } });
    expect((await resume(store, idOf("197 main"), 1500, wordCount)).text).toContain("echo generated > gen.txt && ls");
    expect((await status(store, "/tmp/demo")).open[0]).toMatch(/^outcome unknown: Bash .*echo generated/);
  });

  test("was killed after a result, before the next word: it crashed, and no call is open", async () => {
    const store = await cutAfter("330 main", "File created successfully at: /tmp/demo/greet.txt");
    const told = await story(store, idOf("330 main"));
    expect([told.summary.ending, told.openCall]).toEqual(["crashed", undefined]);
  });

  test("a prompt that nothing followed has no answer", async () => {
    const store = await cutAfter("330 main", '"role": "user", "content": "What is next?"');
    expect((await tell(store, "330 main")).turns.at(-1)).toBe("3 What is next?: unanswered");
  });

  test("was stopped with Esc: interrupted, also when the file ends there", async () => {
    const store = await cutAfter("197 typed", "[Request interrupted by user for tool use]");
    expect(await tell(store, "197 typed")).toMatchObject({ ending: "interrupted", turns: [expect.any(String), expect.any(String), "3 RUN:slow: interrupted; Bash(rejected)"] });
  });

  test.each([
    ["limit", "Claude AI usage limit reached|1767600000"],
    ["limit", "You've hit your session limit · resets 5pm"],
    ["error", "API Error: 529 overloaded_error"],
  ])("ended with the agent's own notice: %s (%s)", async (ending, words) => {
    const config = configWith("197 main");
    const lines = linesOf("197 main").slice(0, 37);
    const above = JSON.parse(lines.findLast((line) => line.includes("Updated greeting."))!) as { uuid: string; sessionId: string; cwd: string };
    const at = { sessionId: above.sessionId, cwd: above.cwd, timestamp: "2026-11-22T18:00:00.000Z" };
    putTranscript(inConfig(config, "197 main"), [
      ...lines,
      { ...at, type: "user", uuid: "u-more", parentUuid: above.uuid, message: { role: "user", content: "one more" } },
      { ...at, type: "assistant", uuid: "a-more", parentUuid: "u-more", isApiErrorMessage: true, message: { id: "m-more", model: "<synthetic>", role: "assistant", content: [{ type: "text", text: words }], usage: { input_tokens: 0, output_tokens: 0 } } },
    ]);
    const store = await freshStore();
    await importInto(store, config);
    const told = await tell(store, "197 main");
    expect([told.ending, told.turns.at(-1)]).toEqual([ending, `3 one more: ${ending}`]);
    // Nobody's model answered that.
    expect((await story(store, idOf("197 main"))).summary.tokens.input).toBe(1200);
  });
});

describe("the prompt history", () => {
  const history = (config: string, prompts: readonly object[]): void => writeFileSync(join(config, "history.jsonl"), prompts.map((prompt) => `${JSON.stringify(prompt)}\n`).join(""));
  const gone = "0c0ffee0-1111-4222-8333-444444444444";
  const at = (minute: number): number => Date.UTC(2026, 8, 1, 9, minute);

  test("gives back the prompts of sessions whose transcripts are purged, and only theirs", async () => {
    const config = configWith("197 typed");
    history(config, [
      { display: "please RUN:one", timestamp: at(0), project: "/tmp/demo-tui", sessionId: idOf("197 typed"), pastedContents: {} },
      { display: "rename the old parser", timestamp: at(1), project: "/tmp/old", sessionId: gone, pastedContents: {} },
      { display: "and explain [Pasted text #1 +2 lines]", timestamp: at(2), project: "/tmp/old", sessionId: gone, pastedContents: { 1: { id: 1, type: "text", content: "line $1\nline $&" } } },
      { display: "/review now", timestamp: at(3), project: "/tmp/old", sessionId: gone, pastedContents: {} },
      { display: "before sessions were noted", timestamp: at(4), project: "/tmp/older", pastedContents: {} },
    ]);
    const store = await freshStore();
    expect(await importInto(store, config)).toMatchObject({ rescued: 4, quarantined: [] });
    expect(await tell(store, gone)).toMatchObject({ ending: "unknown", title: "rename the old parser", rewound: [], turns: ["1 rename the old parser: unknown", "2 and explain line $1: unknown"] });
    // Whether a command led to anything is not known; its words are kept.
    expect((await story(store, gone)).turns[1]!.prompt).toBe("and explain line $1\nline $&");
    expect((await searchSessions(store, "review", { limit: 5, length: 80 })).hits.map(({ text }) => text)).toEqual(["/review now"]);
    expect((await listSessions(store)).map(({ project, rescued, turns }) => [project, rescued, turns]).sort()).toEqual([["/tmp/demo-tui", false, 4], ["/tmp/old", true, 2], ["/tmp/older", true, 1]]);
    expect(await importInto(store, config)).toMatchObject({ rescued: 0, added: 0 });
  });

  test("gives way to the transcript when that turns up", async () => {
    const config = configWith("197 typed");
    history(config, [{ display: "please RUN:one", timestamp: at(0), project: "/tmp/demo-tui", sessionId: idOf("197 typed"), pastedContents: {} }]);
    const path = inConfig(config, "197 typed");
    const text = readFileSync(path);
    rmSync(path);
    const store = await freshStore();
    expect(await importInto(store, config)).toMatchObject({ rescued: 1 });
    expect((await tell(store, "197 typed")).turns).toEqual(["1 please RUN:one: unknown"]);
    writeFileSync(path, text);
    await importInto(store, config);
    expect(await tell(store, "197 typed")).toEqual(await tell(await storeWith("197 typed"), "197 typed"));
    expect((await verify(store)).problems).toEqual([]);
  });

  test("with damaged lines still gives the others, and names the damage", async () => {
    const config = scratch();
    writeFileSync(join(config, "history.jsonl"), `{"display":"good","timestamp":${at(0)},"project":"/tmp/x","sessionId":"${gone}"}\n{"display":\n[1]\n{"display":"no time"}\n`);
    const { rescued, quarantined } = await importInto(await freshStore(), config);
    expect(rescued).toBe(1);
    expect(quarantined.map(({ line }) => line)).toEqual([2, 3, 4]);
  });
});

describe("sessions that the agent's own clean-up would delete", () => {
  test("are counted by the age of their transcripts, subagents apart", async () => {
    const config = configWith("197 main", "197 typed", "330 main", "review");
    const days = { "197 main": 24, "197 typed": 31, "330 main": 22, review: 1 } as const;
    for (const [name, old] of Object.entries(days)) age(inConfig(config, name as Name), old);
    const store = await freshStore();
    // The agent's default is 30 days; seven are left from the 23rd on.
    expect((await importInto(store, config)).expiring).toEqual({ within_days: 7, sessions: 2 });
    writeFileSync(join(config, "settings.json"), '{"cleanupPeriodDays": 365}');
    expect((await importInto(store, config)).expiring.sessions).toBe(0);
    writeFileSync(join(config, "settings.json"), '{"cleanupPeriodDays": 3}');
    expect((await importInto(store, config)).expiring.sessions).toBe(4);
  });
});

test("lines that are damaged are set aside with file and line, and the story around them is whole", async () => {
  const config = configWith("197 main");
  const lines = linesOf("197 main");
  // After the first answer's tool results: half a record, a line of another program, and a number.
  putTranscript(inConfig(config, "197 main"), [...lines.slice(0, 16), lines[16]!.slice(0, 80), "Segmentation fault", "42", "", ...lines.slice(16)]);
  const store = await freshStore();
  const report = await importInto(store, config);
  expect(report.quarantined.map(({ line, reason }) => [line, reason])).toEqual([[17, "damaged: not valid JSON"], [18, "damaged: not valid JSON"], [19, "not a JSON object"]]);
  expect([report.accounted, report.lines]).toEqual([lines.length + 4 + 5, lines.length + 4 + 5]);
  expect(await tell(store, "197 main")).toEqual(await tell(await storeWith("197 main"), "197 main"));
});

test("records whose predecessor is lost join the record before, and are counted", async () => {
  const config = configWith("197 main");
  const lines = linesOf("197 main");
  const lost = lines.findIndex((line) => line.includes('"text": "Updated greeting."') && line.includes('"assistant"'));
  putTranscript(inConfig(config, "197 main"), lines.filter((_, i) => i !== lost - 1));
  const store = await freshStore();
  expect((await importInto(store, config)).missing_parents).toBeGreaterThan(0);
  expect((await tell(store, "197 main")).turns.map((turn) => turn.split(":")[0])).toEqual(["1 Add a greeting and run the check RUN", "2 Make it friendlier RUN", "3 What is next?"]);
});

test("a file that grows by another prompt adds just that, under the same session", async () => {
  const config = configWith("330 typed");
  const store = await freshStore();
  await importInto(store, config);
  const last = JSON.parse(linesOf("330 typed").findLast((line) => line.includes('"uuid"'))!) as { uuid: string; sessionId: string; cwd: string };
  appendFileSync(inConfig(config, "330 typed"), `${JSON.stringify({ type: "user", uuid: "u-next", parentUuid: last.uuid, sessionId: last.sessionId, cwd: last.cwd, timestamp: new Date(NOW - 1000).toISOString(), message: { role: "user", content: "and now?" } })}\n`);
  const report = await importInto(store, config);
  expect([report.added, report.sessions]).toEqual([1, 1]);
  expect((await tell(store, "330 typed")).turns.at(-1)).toBe("4 and now?: unanswered");
  expect(transcript("330 typed")).not.toBe(inConfig(config, "330 typed"));
});

test("a line that cannot be stored takes nothing else with it, though others wait for it", async () => {
  const config = scratch();
  const at = new Date(Date.UTC(2026, 0, 5, 9)).toISOString();
  const id = "cccccccc-0000-4000-8000-000000000000";
  let deep: unknown = 1;
  for (let i = 0; i < 300; i++) deep = [deep];
  const base = { sessionId: id, timestamp: at, cwd: "/nowhere/app" };
  const lines = [
    { ...base, type: "assistant", uuid: "deep", parentUuid: "gone", message: { id: "m0", role: "assistant", model: "m", content: [{ type: "tool_use", id: "toolu_00000000000000000001", name: "X", input: { deep } }] } },
    ...Array.from({ length: 39 }, (_each, i) => ({ ...base, type: "assistant", uuid: `a${i}`, parentUuid: i === 0 ? null : `a${i - 1}`, message: { id: `m${i + 1}`, role: "assistant", model: "m", content: [{ type: "text", text: `answer ${i}` }] } })),
    { ...base, type: "user", uuid: "last\ud800", parentUuid: "gone too", message: { role: "user", content: "last" } },
  ];
  putTranscript(join(config, "projects/-nowhere-app", `${id}.jsonl`), lines);
  const store = await freshStore();
  const report = await importInto(store, config);
  expect((await store.read(id)).filter(({ event }) => event.type === "answer").length).toBe(39);
  expect(report.quarantined.length).toBeGreaterThanOrEqual(2);
  expect(report.accounted).toBe(41);
});
