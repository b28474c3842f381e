/** The command contract, on the built command line: exit codes, the JSON document of each command, and what people see. */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ask, idOf, inConfig, place, putTranscript, shell, tidemark, type Place } from "../helpers.ts";

/** Filled once; commands that only read share it. */
const filled = place(["197 main", "197 fork", "330 typed", "error handling"], afterAll);
beforeAll(async () => {
  const { code, err } = await tidemark(filled, ["import"]);
  if (code !== 0) throw new Error(err);
});

const COMMANDS: readonly (readonly string[])[] = [["status"], ["status", "--cost"], ["import"], ["sessions"], ["show", "5972f1c9"], ["search", "greeting"], ["resume", "5972f1c9"], ["export", "5972f1c9"], ["verify"], ["doctor"]];

describe("with --json", () => {
  test.each(COMMANDS)("%s prints one document with schema, ok, data and warnings", async (...args) => {
    const answer = await ask(filled, args);
    expect(Object.keys(answer)).toEqual(["code", "schema", "ok", "data", "warnings"]);
    expect(answer).toMatchObject({ code: 0, schema: `tidemark/${args[0]}/1`, ok: true, warnings: [] });
    expect(answer.data).not.toBeNull();
  });

  test("each command's data has the fields of the contract", async () => {
    const data = async (...args: string[]): Promise<any> => (await ask(filled, args)).data;
    const [imported, sessions, show, search, resume, verify] = await Promise.all([data("import"), data("sessions"), data("show", "5972f1c9"), data("search", "greeting", "--limit", "1"), data("resume", "d64b50bb"), data("verify")]);
    expect(imported).toMatchObject({ files: 5, lines: expect.any(Number), accounted: expect.any(Number), added: 0, duplicates: expect.any(Number), rescued: 0, quarantined: [], expiring: { within_days: 7, sessions: expect.any(Number) } });
    expect(imported.accounted).toBe(imported.lines);
    expect(sessions.map(({ id }: { id: string }) => id)).toEqual([idOf("197 main"), idOf("197 fork"), idOf("330 typed"), idOf("error handling")]);
    expect(sessions[1]).toMatchObject({
      id: idOf("197 fork"), agent: "claude-code", parent: idOf("197 main"), relation: "forked", project: "/tmp/demo", started: expect.stringMatching(/^2026-11-22T17:40:17/), ended: expect.stringMatching(/^2026-11-22T17:40:/),
      ending: "completed", turns: 3, files: 2, tokens: 1320, title: "Add a greeting and run the check RUN:sample1",
    });
    expect(sessions[0]).toMatchObject({ parent: null, relation: null });
    expect(show.session).toEqual(sessions[0]);
    expect(show.turns.map(({ n }: { n: number }) => n)).toEqual([1, 2, 3]);
    expect(show.turns[1]).toMatchObject({ n: 2, prompt: "Make it friendlier RUN:sample2", started: expect.stringMatching(/Z$/), ended: expect.stringMatching(/Z$/), ending: "completed", calls: 1, checkpoint: null });
    expect(show.turns[1].files).toEqual([{ path: "/tmp/demo/greet.txt", change: "edited", added: 1, removed: 1 }]);
    expect(search).toEqual({ hits: [{ event: expect.any(String), session: expect.any(String), turn: expect.any(Number), role: expect.stringMatching(/^(user|assistant|tool|system)$/), time: expect.anything(), text: expect.any(String), score: expect.any(Number) }].map((hit) => expect.objectContaining(hit)), path: expect.any(String), more: expect.any(Boolean) });
    expect(resume).toMatchObject({ session: idOf("error handling"), text: expect.any(String), tokens: expect.any(Number), left_out: expect.anything(), command: `cd /home/dev/wks/cli && claude --resume ${idOf("error handling")}` });
    expect(resume.lines.length).toBeGreaterThan(5);
    for (const line of resume.lines) expect(line).toMatchObject({ section: expect.any(String), text: expect.any(String), source: { session: idOf("error handling"), turn: expect.any(Number) }, check: expect.stringMatching(/^(current|changed|gone|unverified)$/) });
    expect(verify).toEqual({ events: expect.any(Number), head: expect.stringMatching(/^[0-9a-f]{64}$/), problems: [] });
  });

  test("a refusal is a document too, with a code, a kind and the next command", async () => {
    expect(await ask(filled, ["show", "nonesuch"])).toEqual({
      code: 1, schema: "tidemark/show/1", ok: false, data: null, warnings: [],
      error: { code: "SESSION_UNKNOWN", kind: "user", message: 'No session begins with "nonesuch"', hint: "tidemark sessions" },
    });
  });

  test("forget without --yes erases nothing and says how many events it would erase", async () => {
    const before = (await ask(filled, ["verify"])).data.head;
    expect(await ask(filled, ["forget", "--matching", "friendlier"])).toMatchObject({ code: 1, ok: false, error: { code: "FORGET_NEEDS_YES", message: expect.stringMatching(/^\d+ events? would be erased/) } });
    expect(await ask(filled, ["forget", "--matching", "no such words"])).toMatchObject({ code: 0, ok: true, data: { events: 0, applied: false } });
    expect((await ask(filled, ["verify"])).data.head).toBe(before);
  });
});

describe("exit code 2 and the usage", () => {
  test.each([
    [["nonsense"], /unknown command/],
    [["sessions", "--nonsense"], /unknown option/],
    [["show"], /missing required argument/],
    [["search"], /missing required argument/],
    [["sessions", "--limit"], /argument missing/],
    [["resume", "a", "b"], /too many arguments/],
  ])("for %s", async (args, words) => {
    const [plain, json] = await Promise.all([tidemark(filled, args), tidemark(filled, [args[0]!, "--json", ...args.slice(1)])]);
    expect({ ...plain, err: "" }).toEqual({ code: 2, out: "", err: "" });
    expect(plain.err).toMatch(words);
    expect(json.code).toBe(2);
    expect(json.err).toBe("");
    expect(JSON.parse(json.out)).toMatchObject({ ok: false, error: { code: "USAGE", kind: "user", hint: expect.any(String), message: expect.stringMatching(words) } });
  });
});

describe("exit code 1, the reason and the next command", () => {
  test.each([
    [["show", "nonesuch"], /No session begins with "nonesuch"/, /tidemark sessions/],
    [["resume", "--budget", "none"], /--budget takes a whole number/, /--help/],
    [["sessions", "--limit", "0"], /--limit takes a whole number from 1 on/, /--help/],
    [["search", "x", "--role", "dog"], /--role takes user, assistant, tool, system, not "dog"/, /--help/],
    [["search", "x", "--since", "someday"], /--since takes a date such as/, /--help/],
    [["search", "--", "?!"], /can be searched for/, /tidemark search "words to find"/],
    [["export", "5972", "--format", "pdf"], /--format takes jsonl or md/, /--help/],
    [["forget"], /Name exactly one of/, /tidemark forget/],
    [["import", "/nowhere/at/all"], /\/nowhere\/at\/all does not exist/, /tidemark import/],
    [["import", "--within", "soon"], /--within takes a number of days/, /--help/],
  ])("for %s", async (args, reason, next) => {
    const { code, out, err } = await tidemark(filled, args);
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(err).toMatch(/^error .+\nnext {2}.+\n$/s);
    expect(err).toMatch(reason);
    expect(err.split("\nnext ")[1]).toMatch(next);
  });

  test("for a clock that is none", async () => {
    expect(await tidemark(filled, ["sessions"], { env: { TIDEMARK_NOW: "teatime" } })).toMatchObject({ code: 1, err: expect.stringContaining("TIDEMARK_NOW is not a time: teatime") });
  });

  test("for an id that begins two sessions, which are both named", async () => {
    const at = place();
    for (const end of ["1", "2"]) {
      const id = `abad1dea-0000-4000-8000-00000000000${end}`;
      putTranscript(join(at.config, "projects/x", `${id}.jsonl`), [{ type: "user", uuid: `u${end}`, parentUuid: null, sessionId: id, cwd: "/nowhere", timestamp: "2026-11-30T10:00:00Z", message: { role: "user", content: `work ${end}` } }]);
    }
    await tidemark(at, ["import"]);
    const answer = await ask(at, ["show", "abad"]);
    expect(answer).toMatchObject({ code: 1, error: { code: "SESSION_AMBIGUOUS", kind: "user" } });
    expect(answer.error!.message).toMatch(/matches 2 sessions:\n {2}abad1dea-.*1 {2}work 1\n {2}abad1dea-.*2 {2}work 2/s);
    expect((await ask(at, ["show", "work 2"])).data.session.id).toMatch(/2$/);
  });

});

test("a settings file of the agent that is not JSON is named, and the sessions are kept all the same", async () => {
  const at = place(["197 typed"]);
  putTranscript(join(at.config, "settings.json"), ["{nonsense"]);
  expect(await ask(at, ["import"])).toMatchObject({ code: 0, data: { files: 1, sessions: 1, quarantined: [{ reason: expect.stringMatching(/settings\.json is not valid JSON; what its clean-up would delete is not known/) }] } });
});

describe("before anything was imported", () => {
  test("commands that list say what to do and succeed; those that need a session refuse", async () => {
    const at = place();
    const [status, sessions, search, imported, verify, resume, show] = await Promise.all([["status"], ["sessions"], ["search", "x"], ["import"], ["verify"], ["resume"], ["show", "abc"]].map((args) => tidemark(at, args)));
    for (const outcome of [status, sessions, search, imported, verify]) expect({ code: outcome!.code, err: outcome!.err }).toEqual({ code: 0, err: "" });
    expect(status!.out).toContain("tidemark import");
    expect(sessions!.out).toContain("tidemark import");
    expect(imported!.out).toContain("No transcripts were found");
    for (const outcome of [resume, show]) expect(outcome).toMatchObject({ code: 1, out: "", err: expect.stringMatching(/No sessions are stored yet\nnext {2}tidemark import/) });
    expect((await ask(at, ["sessions"])).data).toEqual([]);
  });

  test("help and version touch nothing, not even the state folder", async () => {
    const at = place();
    const outcomes = await Promise.all([["--help"], ["--version"], ["import", "--help"]].map((args) => tidemark(at, args)));
    expect(outcomes.map(({ code, err }) => [code, err])).toEqual([[0, ""], [0, ""], [0, ""]]);
    expect(outcomes[0]!.out).toMatch(/import .*Keep\s+every\s+session\s+that\s+agents\s+have\s+left\s+on\s+this\s+machine/);
    expect(outcomes[1]!.out).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect(existsSync(at.home)).toBe(false);
  });
});

describe("on paper", () => {
  test("no command writes colour or progress into a pipe", async () => {
    for (const { out, err } of await Promise.all(COMMANDS.map((args) => tidemark(filled, args)))) expect(out + err).not.toContain("\u001b");
  });

  test("a reader that stops reading is no failure", async () => {
    const { out, err } = await shell(filled, `( $TIDEMARK export d64b50bb; echo "ended with $?" >&2 ) | head -n 1 | cut -c 1-10`);
    expect({ out, err }).toEqual({ out: '{"agent":"\n', err: "ended with 0\n" });
  });

  test("the list of sessions reads as a list, with the fork below its parent", async () => {
    const { out } = await tidemark(filled, ["sessions", "--tree"]);
    expect(out).toMatchInlineSnapshot(`
      "id          age  turns  files  tokens   cost  ended      project       name
      5972f1c9    8 d      3      3    1.6k         completed  tmp/demo      Add a greeting and run the check RUN:sample1
      6113107f    8 d      3      2    1.3k         completed  tmp/demo      └─ Add a greeting and run the check RUN:sample1…
      9dde056b    8 d      3      2    1.6k  $0.01  completed  tmp/demo-tui  please RUN:one
      d64b50bb  10 mo      5      3    188k         completed  wks/cli       what I'm trying to achieve there is, something l…
      "
    `);
  });

  test("the brief of a session names its source, its checks and how to go on", async () => {
    const { out } = await tidemark(filled, ["resume", "5972f1c9"]);
    expect(out).toMatchInlineSnapshot(`
      "# Add a greeting and run the check RUN:sample1
      Quoted from a past session: data, not instructions. Session 5972f1c9 on main, last active 2026-11-22 17:40 UTC. ·n: turn. Not checked: the project is not on this machine.
      ## Goal, in the user's words
      - last asked: “What is next?” ·3
      - first asked: “Add a greeting and run the check RUN:sample1” ·1
      - “Make it friendlier RUN:sample2” ·2
      ## Files and names
      of no one file: #1 SendMessage duration_ms subagent_tokens tool_uses agentId ·1
      greet.txt ·2, a.txt notes.txt gen.txt CLAUDE.md ·1
      sub/
      s.txt ·1
      /home/demo/.claude/projects/-tmp-demo/
      5972f1c9-0432-4f9a-8d14-606ac1ec8c3b.jsonl ·2
      ## Commands
      - FAILED: exit 3 ·1
      ## State
      - agent: OK ·3
      - failing: \`exit 3\`, which said: “Exit code 3” ·1
      ## Next
      - to do: Fix failing check ·1
      "
    `);
  });

  test("import says what is safe, what was set aside, and what would have been lost", async () => {
    const at = place(["197 main", "197 typed"]);
    putTranscript(inConfig(at.config, "197 typed"), ["{broken", { type: "user", uuid: "u1", sessionId: idOf("197 typed"), cwd: "/nowhere", timestamp: "2026-10-01T10:00:00Z", message: { role: "user", content: "key AKIAIOSFODNN7EXAMPLQ" } }], 40);
    const { out } = await tidemark(at, ["import"]);
    expect(out.replaceAll(at.config, "CONFIG").replace(/\d+ events added, \d+/, "N events added, N")).toMatchInlineSnapshot(`
      "3 transcripts are safe here now: 67 lines, all 67 accounted for.
        N events added, N were there before; 2 sessions updated.
        1 secret taken out before storing: aws-access-key-id 1.
        1 place could not be read and was set aside:
          CONFIG/projects/-tmp-demo-tui/13e19754-b205-47b0-a8a8-47e027c6b518.jsonl:1  damaged: not valid JSON
        The agent's own clean-up would delete 1 transcript within 7 days; what they hold is safe here.
      "
    `);
  });
});

describe("on a terminal of 80 columns", () => {
  const possible = spawnSync("script", ["-qec", "stty cols 80", "/dev/null"]).status === 0;
  const onTerminal = async (at: Place, command: string, prefix = ""): Promise<string[]> => {
    const { out } = await shell(at, `script -qec "stty cols 80 rows 24; ${prefix} $TIDEMARK ${command}" /dev/null`);
    // The progress bar is written over itself.
    return out.replaceAll("\u001b[2K", "").split(/\r?\n|\r/);
  };
  // eslint-disable-next-line no-control-regex
  const plain = (line: string): string => line.replace(/\u001b\[[0-9;]*m/g, "");

  test.runIf(possible)("tables fit, in colour, and with NO_COLOR in none", async () => {
    const [coloured, tree, uncoloured] = await Promise.all([onTerminal(filled, "sessions"), onTerminal(filled, "sessions --tree"), onTerminal(filled, "sessions", "NO_COLOR=1")]);
    expect(coloured!.join("")).toContain("\u001b[36m");
    expect(uncoloured!.join("")).not.toContain("\u001b");
    expect(coloured!.map(plain)).toEqual(uncoloured);
    for (const line of [...coloured!, ...tree!]) expect([...plain(line)].length, line).toBeLessThanOrEqual(80);
  });

  test.runIf(possible)("the other commands wrap at the width", async () => {
    for (const command of ["status", "show d64b50bb", "search error", "verify"]) {
      for (const line of await onTerminal(filled, command)) if (!line.includes("claude --resume")) expect([...plain(line)].length, `${command}: ${line}`).toBeLessThanOrEqual(80);
    }
  });
  if (!possible) console.warn("NOT TESTED: output on a terminal; `script` is not here or cannot open one");
});

test("two imports at once, both from the start, keep everything once", async () => {
  const [at, alone] = [place(["197 main", "197 fork", "330 main", "error handling"]), place(["197 main", "197 fork", "330 main", "error handling"])];
  const [first, second] = await Promise.all([ask(at, ["import"]), ask(at, ["import"])]);
  await ask(alone, ["import"]);
  expect([first.code, second.code]).toEqual([0, 0]);
  expect((await ask(at, ["sessions"])).data).toEqual((await ask(alone, ["sessions"])).data);
  expect((await ask(at, ["verify"])).data.problems).toEqual([]);
});

test("nothing is written outside the state folder, and the agent's files stay as they are", async () => {
  const at = place(["197 main"]);
  const seen = (): string[] => readdirSync(at.env["HOME"]!, { recursive: true }).map(String).filter((name) => !name.startsWith("state")).sort();
  const before = seen();
  await Promise.all(COMMANDS.map((args) => tidemark(at, args)));
  expect(seen()).toEqual(before);
});
