/**
 * The hook and the pause on the built command line: for every source what is printed, that the payload is safe in the
 * spool, and that it ends with 0, in time and without a word on standard error, whatever is wrong.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { openDatabase } from "../../src/store/sqlite/driver.ts";
import { ask, place, putTranscript, shell, tidemark, type Outcome, type Place } from "../helpers.ts";

const OLD = "01d00000-0000-4000-8000-000000000001";
const NEW = "0e000000-0000-4000-8000-000000000002";

let count = 0;

/** Runs the hook with a payload on standard input. */
function hook(at: Place, event: string, payload: unknown, env: Record<string, string> = {}, more = ""): Promise<Outcome> {
  const path = join(at.env["HOME"]!, `payload-${(count += 1)}`);
  writeFileSync(path, typeof payload === "string" ? payload : JSON.stringify(payload));
  return shell({ ...at, env: { ...at.env, ...env } }, `$TIDEMARK hook ${event} ${more} < ${path}`);
}

const folderOf = (at: Place): string => join(at.config, "projects/-work");
const transcriptOf = (at: Place, session: string): string => join(folderOf(at), `${session}.jsonl`);

const payload = (at: Place, more: object = {}): Record<string, unknown> => ({ session_id: NEW, transcript_path: transcriptOf(at, NEW), cwd: at.cwd, hook_event_name: "SessionStart", source: "startup", ...more });

function given({ code, out, err }: Outcome): string {
  expect({ code, err }).toEqual({ code: 0, err: "" });
  if (out === "") return "";
  const answer = JSON.parse(out) as { hookSpecificOutput: { hookEventName: string; additionalContext: string } };
  expect(Object.keys(answer)).toEqual(["hookSpecificOutput"]);
  expect(Object.keys(answer.hookSpecificOutput)).toEqual(["hookEventName", "additionalContext"]);
  expect(answer.hookSpecificOutput.additionalContext.length).toBeLessThanOrEqual(9800);
  return answer.hookSpecificOutput.additionalContext;
}

interface Said {
  readonly prompt?: string;
  readonly answer?: string;
  readonly call?: object;
}

/** A transcript as the client writes it, at `minutes` before the tests' clock. */
function talk(at: Place, session: string, minutes: number, said: readonly Said[]): string {
  const now = Date.parse(at.env["TIDEMARK_NOW"]!);
  const lines = said.map(({ prompt, answer, call }, i) => {
    const base = { uuid: `${session}-${i}`, parentUuid: i === 0 ? null : `${session}-${i - 1}`, sessionId: session, cwd: at.cwd, gitBranch: "main", version: "2.1.330", timestamp: new Date(now - minutes * 60_000 + i * 1000).toISOString() };
    if (prompt !== undefined) return { ...base, type: "user", message: { role: "user", content: prompt } };
    const content = answer !== undefined ? { type: "text", text: answer } : { type: "tool_use", id: `toolu_${session.slice(0, 8)}${i}aaaaaaaaaaaaaaa`, name: "Bash", input: call };
    return { ...base, type: "assistant", message: { id: `msg_${session}_${i}`, role: "assistant", model: "m", content: [content], usage: { input_tokens: 1, output_tokens: 1 } } };
  });
  return putTranscript(transcriptOf(at, session), lines);
}

const WORK: readonly Said[] = [{ prompt: "Make the parser faster, and never touch the public API of parser.ts." }, { answer: "Done. The lookup table did not work because it does not fit into the cache." }];

const spooled = (at: Place): string[] => (existsSync(join(at.home, "spool")) ? readdirSync(join(at.home, "spool")) : []);

describe("what is printed", () => {
  test("at a startup: the brief of a session that was killed a moment ago and never taken in, with the way back", async () => {
    const at = place();
    talk(at, OLD, 60, [...WORK, { prompt: "Now the tests" }, { call: { command: "npm test" } }]);
    const text = given(await hook(at, "SessionStart", payload(at)));
    expect(text).toMatch(/^<tidemark kind="brief" session="01d00000" age="(?:59 min|1 h)">/);
    expect(text).toMatch(/died in the middle of its work\. The user can take it up again with: cd \S+ && claude --resume 01d00000/);
    expect(text).toMatch(/In flight then, outcome unknown: Bash npm test/);
    expect(text).toMatch(/never touch the public API/);
  });

  test("at a startup: how the session before ended, which only the spool tells, and its own payload stays there", async () => {
    const { env, ...where } = place();
    // The spool goes by the files' own times, which must come after the transcript's.
    const at = { ...where, env: { ...env, TIDEMARK_NOW: new Date().toISOString() } };
    talk(at, OLD, 60, [...WORK, { prompt: "Now the tests" }, { call: { command: "npm test" } }]);
    given(await hook(at, "SessionEnd", payload(at, { session_id: OLD, transcript_path: transcriptOf(at, OLD), hook_event_name: "SessionEnd", reason: "other" })));
    const text = given(await hook(at, "SessionStart", payload(at)));
    expect(text).toMatch(/Session 01d00000, last at work here .*, was ended from outside in the middle of its work\./);
    const [left, ...more] = spooled(at);
    expect(more).toEqual([]);
    expect(readFileSync(join(at.home, "spool", left!), "utf8")).toContain(NEW);
  });

  test("at a clear, the same as at a startup; told twice, once", async () => {
    const at = place();
    talk(at, OLD, 60, WORK);
    const outcomes = await Promise.all([1, 2, 3].map(() => hook(at, "SessionStart", payload(at, { source: "clear" }))));
    expect(outcomes.map(given).filter((text) => text !== "")).toHaveLength(1);
    // One that began after another had left its payload takes that in.
    expect(spooled(at).length).toBeGreaterThan(0);
  });

  test("at a resume and a fork: only what is new, and nothing when nothing is", async () => {
    const at = place();
    talk(at, OLD, 60, WORK);
    const resumed = payload(at, { session_id: OLD, transcript_path: transcriptOf(at, OLD), source: "resume" });
    expect(given(await hook(at, "SessionStart", resumed))).toBe("");
    talk(at, "07e40000-0000-4000-8000-000000000003", 30, [{ prompt: "We decided to drop the cache, because memory is short." }, { answer: "Dropped." }]);
    const later = { TIDEMARK_NOW: new Date(Date.parse(at.env["TIDEMARK_NOW"]!) + 3_600_000).toISOString() };
    // What ended before it was last told is not new, though it was taken in later.
    talk(at, "07e40000-0000-4000-8000-000000000004", -30, [{ prompt: "We decided to keep the tokens, because they are cheap." }, { answer: "Kept." }]);
    const text = given(await hook(at, "SessionStart", resumed, later));
    expect(text).toMatch(/^<tidemark kind="delta" session="07e40000"/);
    expect(text).toMatch(/keep the tokens/);
    expect(text).not.toMatch(/public API/);
    const fork = payload(at, { session_id: NEW, source: "fork", seconds_since_last_response: 4 * 3600 });
    expect(given(await hook(at, "SessionStart", fork, later))).toMatch(/kind="delta"/);
  });

  test("what it gives of the memories is counted, and whether the session then used it", async () => {
    const at = place();
    writeFileSync(join(at.cwd, "package.json"), '{"scripts":{"check":"true"}}');
    const before = { TIDEMARK_NOW: new Date(Date.parse(at.env["TIDEMARK_NOW"]!) - 3_600_000).toISOString() };
    const { id } = JSON.parse((await tidemark(at, ["remember", "Before a push run `npm run check`", "--kind", "constraint", "--json"], { env: before })).out).data;
    expect(given(await hook(at, "SessionStart", payload(at), before))).toContain(id);
    talk(at, NEW, 30, [{ prompt: "Push it" }, { call: { command: "npm run check && git push" } }, { answer: "Pushed." }]);
    await tidemark(at, ["import"]);
    const { data } = await ask(at, ["memory", "why", id]);
    expect(data.use).toMatchObject({ shown: 1, last_shown: before.TIDEMARK_NOW, used: 1, how: "run", contradicted: 0, reverted: 0, sessions_since: 1, of_use: 1, score: 1.666 });
    expect(data.weights).toEqual({ near: 1, holds: 1, certain: 1, use: data.use.score });
    const { out } = await tidemark(at, ["memory", "why", id]);
    expect(out.replace(/\s+/g, " ")).toMatch(/given to 1 session, the last .*; 1 then used it, the last .*: its command was run\. Given or not, of 1 session here since 1 did what it names.* 1\.67 for its use\./);
  });

  test("after a compaction: the session's own words", async () => {
    const at = place();
    talk(at, NEW, 60, WORK);
    const text = given(await hook(at, "SessionStart", payload(at, { source: "compact" })));
    expect(text).toMatch(/^<tidemark kind="ledger" session="0e000000"/);
    expect(text).toMatch(/never touch the public API/);
  });

  test("to a subagent: its part", async () => {
    const at = place();
    talk(at, NEW, 60, WORK);
    const subagent = { session_id: NEW, transcript_path: transcriptOf(at, NEW), cwd: at.cwd, hook_event_name: "SubagentStart", agent_id: "a1", agent_type: "Explore" };
    const { out } = await hook(at, "SubagentStart", subagent);
    expect(JSON.parse(out).hookSpecificOutput).toMatchObject({ hookEventName: "SubagentStart", additionalContext: expect.stringMatching(/^<tidemark kind="part"/) });
    const [event] = (await tidemark(at, ["export", NEW])).out.split("\n").filter((line) => line.includes("start.recalled"));
    expect(JSON.parse(event!)).toMatchObject({ thread: "a1", payload: { from: NEW } });
  });

  test("for every other event: nothing, and the payload is kept", async () => {
    const at = place();
    for (const event of ["PreToolUse", "Stop", "SessionEnd", "NotKnownYet"]) expect(given(await hook(at, event, payload(at, { hook_event_name: event })))).toBe("");
    expect(spooled(at)).toHaveLength(4);
    expect(existsSync(join(at.home, "log.db"))).toBe(false);
  });

  test("of a session of many long words: below what the client takes whole", async () => {
    const at = place();
    talk(at, OLD, 600, Array.from({ length: 400 }, (_, i) => (i % 2 === 0 ? { prompt: `You must never change ${"longName".repeat(30)}${i} in src/${"deep".repeat(20)}/file${i}.ts` } : { answer: `Kept ${"k".repeat(200)}${i}, because it would break otherwise.` })));
    expect(given(await hook(at, "SessionStart", payload(at))).length).toBeGreaterThan(1000);
  });
});

describe("the spool", () => {
  test("holds the payload byte for byte, for its owner alone", async () => {
    const at = place();
    const words = '{"session_id":"s", "hook_event_name":"Stop", "text":"\\u00e9 é \\n"}\n';
    given(await hook(at, "Stop", words));
    const [name] = spooled(at);
    expect(name).toMatch(/\.json$/);
    const path = join(at.home, "spool", name!);
    expect(readFileSync(path, "utf8")).toBe(words);
    expect([statSync(path).mode & 0o777, statSync(join(at.home, "spool")).mode & 0o777, statSync(at.home).mode & 0o777]).toEqual([0o600, 0o700, 0o700]);
  });

  test("takes five megabytes, what is no JSON, and has nothing of no input", async () => {
    const at = place();
    talk(at, OLD, 60, WORK);
    expect(given(await hook(at, "SessionStart", payload(at, { more: "x".repeat(5 * 1024 * 1024) })))).toMatch(/kind="brief"/);
    expect(given(await hook(at, "SessionStart", '{"session_id": "half'))).toBe("");
    expect(given(await hook(at, "SessionStart", "[]"))).toBe("");
    expect(spooled(at)).toHaveLength(3);
    expect(given(await hook(at, "SessionStart", ""))).toBe("");
    expect(spooled(at)).toHaveLength(3);
  });
});

describe("the hook ends with 0", () => {
  test("and a word with TIDEMARK_TRACE only, where the home is a file", async () => {
    const at = place();
    writeFileSync(at.home, "not a folder");
    expect(given(await hook(at, "SessionStart", payload(at)))).toBe("");
    expect((await hook(at, "SessionStart", payload(at), { TIDEMARK_TRACE: "1" })).err).toMatch(/tidemark hook: not kept: .*\n.*not a folder|not kept/s);
  });

  test("where the store is damaged, the settings are not JSON, or the clock is none", async () => {
    const at = place();
    talk(at, OLD, 60, WORK);
    mkdirSync(at.home, { mode: 0o700 });
    writeFileSync(join(at.home, "log.db"), "no database".repeat(1000));
    expect(given(await hook(at, "SessionStart", payload(at)))).toBe("");
    rmSync(join(at.home, "log.db"));
    writeFileSync(join(at.home, "settings.json"), "{");
    expect(given(await hook(at, "SessionStart", payload(at)))).toBe("");
    expect(given(await hook(at, "SessionStart", payload(at), { TIDEMARK_NOW: "teatime" }))).toBe("");
    expect(spooled(at)).toHaveLength(3);
  });

  test("with options it does not know, without an event, and without a payload that ever ends", async () => {
    const at = place();
    talk(at, OLD, 60, WORK);
    expect(given(await hook(at, "SessionStart", payload(at), {}, "--nonsense more --deadline soon"))).toMatch(/kind="brief"/);
    expect(given(await hook(at, "", payload(at, { session_id: OLD.replace("01d", "02d") })))).toMatch(/kind="brief"/);
    const began = Date.now();
    const child = spawn(process.execPath, ["dist/tidemark.js", "hook", "SessionStart", "--deadline", "500"], { env: at.env, stdio: ["pipe", "pipe", "pipe"] });
    onTestFinished(() => void child.kill("SIGKILL"));
    expect(await new Promise((done) => child.on("exit", done))).toBe(0);
    expect(Date.now() - began).toBeLessThan(10_000);
  });

  test("in time while another process holds the store, and tells the brief without a record of it", async () => {
    const at = place();
    talk(at, OLD, 60, WORK);
    await tidemark(at, ["import"]);
    const other = openDatabase(join(at.home, "log.db"));
    other.exec("BEGIN IMMEDIATE");
    const began = Date.now();
    try {
      expect(given(await hook(at, "SessionStart", payload(at)))).toMatch(/kind="brief"/);
      expect(Date.now() - began).toBeLessThan(6000);
    } finally {
      other.exec("ROLLBACK");
      other.close();
    }
    expect(spooled(at)).toHaveLength(1);
    expect((await ask(at, ["status"])).data.start).toBeNull();
  });
});

describe("a pause", () => {
  test("of the project holds for every session in it until it ends, and the start says so", async () => {
    const at = place();
    talk(at, OLD, 60, WORK);
    expect(await ask(at, ["pause"])).toMatchObject({ code: 0, schema: "tidemark/pause/1", data: { project: at.cwd, paused: true, projects: [at.cwd], sessions: [] } });
    expect(statSync(join(at.home, "settings.json")).mode & 0o777).toBe(0o600);
    expect(given(await hook(at, "SessionStart", payload(at)))).toBe("");
    expect((await ask(at, ["status"])).data).toMatchObject({ paused: { project: true, sessions: [] }, start: { session: NEW, recalled: { nothing: "paused" }, declared: { injection: false } } });
    expect((await tidemark(at, ["status"])).out).toMatch(/gave {3}nothing: paused\n.*\n\nAgents are handed nothing in this project: it is paused\.\n {2}tidemark pause --off\n/);
    expect((await tidemark(at, ["pause", "--off"])).out).toBe(`Agents are handed the brief again in ${at.cwd}.\n`);
    expect(given(await hook(at, "SessionStart", payload(at, { session_id: "0e000000-0000-4000-8000-000000000009" })))).toMatch(/kind="brief"/);
  });

  test("of one session leaves the others, and takes the id of one that has only begun", async () => {
    const at = place();
    talk(at, OLD, 60, WORK);
    expect((await tidemark(at, ["pause", "--session", NEW])).out).toBe(`Agents are handed nothing in session ${NEW} until you type:\n  tidemark pause --session ${NEW} --off\n`);
    expect(given(await hook(at, "SessionStart", payload(at)))).toBe("");
    expect(given(await hook(at, "SessionStart", payload(at, { session_id: "0e000000-0000-4000-8000-000000000009" })))).toMatch(/kind="brief"/);
    expect(await ask(at, ["pause", "--session", "nonesuch"])).toMatchObject({ code: 1, error: { code: "SESSION_UNKNOWN" } });
    expect(await ask(at, ["pause", "--session", "01d0"])).toMatchObject({ code: 0, data: { session: OLD } });
  });
});

test("status tells the last start in its four steps, and what lies in the spool", async () => {
  const at = place();
  talk(at, OLD, 60, [...WORK, { prompt: "Now the tests" }, { call: { command: "npm test" } }]);
  writeFileSync(join(at.cwd, "CLAUDE.md"), "be kind");
  given(await hook(at, "SessionStart", payload(at)));
  const [name] = spooled(at);
  const anHourAgo = new Date(Date.parse(at.env["TIDEMARK_NOW"]!) - 3_600_000);
  utimesSync(join(at.home, "spool", name!), anHourAgo, anHourAgo);
  const { out } = await tidemark(at, ["status"]);
  expect(out.slice(out.indexOf("The last session here began")).replace(/\d+ tokens/, "N tokens")).toMatchInlineSnapshot(`
    "The last session here began just now (0e000000):
      found  1 instruction file
      state  01d00000 crashed, with a call whose outcome is unknown
      gave   N tokens of 01d00000
      can    hooks; hand over context; no engine yet; undo: what agents do to files, shell commands included

    1 hook payload waiting, the oldest for 1 h: no engine has taken them in.
      tidemark drain
    "
  `);
  expect((await ask(at, ["status"])).data).toMatchObject({
    start: { session: NEW, time: at.env["TIDEMARK_NOW"], discovered: { tree: at.cwd, instructions: [{ bytes: 7 }] }, assessed: { previous: OLD, ending: "crashed" }, recalled: { from: OLD }, declared: { hooks: true } },
    spool: { waiting: 1, oldest: anHourAgo.toISOString() },
  });
});
