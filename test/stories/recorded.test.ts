/**
 * Each recorded session, imported whole into a fresh store, comes out as someone who read the transcript would tell it.
 * What is expected here was written down from the raw files first.
 */
import { describe, expect, test } from "vitest";
import { listSessions, story } from "../../src/operations/sessions.ts";
import { idOf, importInto, freshStore, linesOf, recorded, SESSIONS, storeWith, tell, type Name } from "../helpers.ts";

/** Both versions ran the same script; what differs between them is named in the test. */
const FIRST = "1 Add a greeting and run the check RUN:sample1: completed";
const CALLS = "Read Read Edit Write Bash Bash(failed) TaskCreate Agent";

describe.each(["197", "330"] as const)("a scripted session of 2.1.%s", (version) => {
  const main: Name = `${version} main`;
  const fork: Name = `${version} fork`;

  test("has three turns, one subagent, one compaction and a task that was left open", async () => {
    expect(await tell(await storeWith(main), main)).toEqual({
      title: "Add a greeting and run the check RUN:sample1",
      ending: "completed",
      turns: [
        // The shell wrote gen.txt, which is not guessed at; the subagent wrote notes.txt.
        `${FIRST}; ${CALLS} sub:Write; a.txt edited +1 -1, greet.txt created +1 -0, notes.txt created +1 -0`,
        "2 Make it friendlier RUN:sample2: completed; Edit; greet.txt edited +1 -1",
        "3 What is next?: completed",
      ],
      rewound: [],
      lineage: "",
      compactions: 1,
      subagents: 1,
      files: 3,
      tasks: ["pending: Fix failing check"],
    });
  });

  test("a fork shares its first two turns and goes its own way in the third", async () => {
    const told = await tell(await storeWith(main, fork), fork);
    expect(told).toMatchObject({ lineage: `forked from ${idOf(main)}`, ending: "completed", compactions: 0, rewound: [] });
    expect(told.turns).toEqual([
      `${FIRST}; ${CALLS}; a.txt edited +1 -1, greet.txt created +1 -0`,
      "2 Make it friendlier RUN:sample2: completed; Edit; greet.txt edited +1 -1",
      "3 Try a variant: completed",
    ]);
  });

  test("the session begins with its first prompt, not with its subagent", async () => {
    const { summary } = await story(await storeWith(main), idOf(main));
    const first = linesOf(main).map((line) => JSON.parse(line) as { type: string; timestamp: string }).find(({ type }) => type === "user")!;
    expect(new Date(summary.started).toISOString().slice(0, 19)).toBe(first.timestamp.slice(0, 19));
  });
});

test("2.1.197: going back drops two turns, Esc stops one, /compact is no turn and a custom command is one", async () => {
  expect(await tell(await storeWith("197 typed"), "197 typed")).toEqual({
    title: "Mock session title",
    ending: "completed",
    turns: [
      "1 please RUN:one: completed; Read Edit Write; a.txt edited +1 -1, n1.txt created +1 -0",
      "2 new branch prompt: completed",
      "3 RUN:slow: interrupted; Bash(rejected)",
      "4 /mycmd foo bar: completed",
    ],
    rewound: ["0 please RUN:two: rewound; Edit Bash; a.txt edited +1 -1", "0 please RUN:three: rewound; Agent"],
    lineage: "",
    compactions: 1,
    subagents: 0,
    files: 2,
    tasks: [],
  });
});

test("2.1.330: the report of a background subagent is no turn, and what follows the last answer does not change its ending", async () => {
  expect(await tell(await storeWith("330 typed"), "330 typed")).toEqual({
    title: "please RUN:one",
    ending: "completed",
    turns: [
      "1 please RUN:one: completed; Read Edit Write; a.txt edited +1 -1, n1.txt created +1 -0",
      "2 branch prompt: completed",
      "3 RUN:slow: completed; Bash(failed)",
    ],
    rewound: ["0 please RUN:two: rewound; Edit Bash; a.txt edited +1 -1", "0 please RUN:three: rewound; Agent"],
    lineage: "",
    compactions: 1,
    subagents: 0,
    files: 2,
    tasks: [],
  });
});

test("a background subagent's words are on its own thread, and its report is kept as a notification", async () => {
  const { turns } = await story(await storeWith("330 main"), idOf("330 main"));
  const prompts = turns[0]!.events.flatMap((event) => (event.type === "prompt" ? [`${event.thread ?? "main"} ${event.payload.kind} ${event.payload.text.slice(0, 24)}`] : []));
  expect(prompts).toEqual([
    "main user Add a greeting and run t",
    "main notification <task-notification>\n<tas",
    "a8bdf61fe48f4c74a subagent Write notes RUN:samplesu",
  ]);
});

test("real: a plan was refused, then cleared and carried out in the same file; a subagent worked until Esc", async () => {
  const told = await tell(await storeWith("error handling"), "error handling");
  expect(told).toMatchObject({ ending: "completed", rewound: [], lineage: "", compactions: 0, subagents: 1, files: 3 });
  expect(told.turns.map((turn) => turn.split(";")[0])).toEqual([
    "1 what I'm trying to achieve there is, something like stripe-c: interrupted",
    "2 what I'm trying to achieve there is, something like stripe-c: interrupted",
    "3 Implement the following plan:: completed",
    "4 please update our showSuggestion method with this example fr: completed",
    "5 fix this: cannot use err (variable of interface type error) : completed",
  ]);
  expect(told.turns[0]).toContain("Task(rejected) sub:");
  expect(told.turns[1]).toContain("ExitPlanMode(rejected)");
  expect(told.turns[4]).toMatch(/; cmd\/entire\/cli\/root\.go edited \+2 -2$/);
});

test("real: a file whose second half carries another session's id is one session, and not a continuation of that other one", async () => {
  const store = await storeWith("token usage");
  expect((await listSessions(store)).map(({ id }) => id)).toEqual([idOf("token usage")]);
  const told = await tell(store, "token usage");
  // The other id appears later in the file: nothing was taken up from it.
  expect(told).toMatchObject({ title: "Implement: Review: TokenUsage Implementation Across Strategies", lineage: "", ending: "completed", rewound: [] });
  expect(told.turns.map((turn) => turn.split(";")[0])).toEqual([
    "1 Implement the following plan:: completed",
    "2 manual strategy is also missing the props TranscriptUUIDAtSt: interrupted",
    "3 Implement the following plan:: completed",
  ]);
});

test("real: a compaction in the middle of an answer leaves one turn, and titles of other conversations are not this one's", async () => {
  const told = await tell(await storeWith("root folder"), "root folder");
  expect(told.title).toMatch(/^can you look at the changes in this branch/);
  expect(told).toMatchObject({ ending: "completed", compactions: 1, files: 10, rewound: [] });
  expect(told.turns.map((turn) => turn.split(";")[0])).toEqual([
    "1 can you look at the changes in this branch, this is now the : completed",
    "2 Can you fix all 5: completed",
    "3 now can you double check again?: completed",
    "4 now can you double check again?: completed",
    "5 Does CLAUDE.md contains fitting instructions to prevent this: completed",
  ]);
  expect(told.turns[4]).toContain("CLAUDE.md edited +50 -7");
});

test("real: four tasks made and finished one by one are done at the end, over a pause of eighteen hours", async () => {
  const told = await tell(await storeWith("review"), "review");
  expect(told).toMatchObject({ ending: "completed", files: 1 });
  expect(told.turns).toHaveLength(6);
  expect(told.tasks).toEqual([
    "completed: Fix raw transcript pager inconsistency for temporary checkpoints",
    "completed: Fix inconsistent error message for temporary checkpoint without transcript",
    "completed: Make --generate and --raw-transcript mutually exclusive",
    "completed: Show scoped transcript for temporary checkpoints in verbose mode",
  ]);
});

test("real: a log pasted as the first prompt is the title, and its two files are counted", async () => {
  const told = await tell(await storeWith("goreleaser"), "goreleaser");
  expect(told).toMatchObject({ ending: "completed", files: 2, compactions: 0 });
  expect(told.title).toMatch(/^• by using this software you agree/);
  expect(told.turns).toEqual([
    "1   • by using this software you agree with its EULA, availabl: completed; Glob Read WebSearch WebFetch Edit; .goreleaser.yaml edited +0 -1",
    "2 can you add it in the github actions level?: completed; Glob Glob Read Edit; .github/workflows/release.yml edited +7 -4",
  ]);
});

/** Messages with usage were counted in the raw files by hand: every one has 100 tokens in and 20 out. */
test.each([
  ["197 main", 11 + 2],
  ["197 fork", 11],
  ["197 typed", 12],
  ["330 main", 12 + 2],
  ["330 fork", 12],
  ["330 typed", 13],
] as const)("%s: each of its %i messages is counted once", async (name, messages) => {
  const { summary } = await story(await storeWith(name), idOf(name));
  expect(summary.tokens).toEqual({ input: messages * 100, output: messages * 20, cache_read: 0, cache_write: 0 });
});

test("real: tokens are the sum over messages, each with the last output count that was written for it", async () => {
  const { summary } = await story(await storeWith("goreleaser"), idOf("goreleaser"));
  // Ten messages in the raw file; the first record of the second one says 1, its second one 97.
  expect(summary.tokens).toEqual({
    input: 10 + 8 + 8 + 8 + 8 + 8 + 10 + 41 + 8 + 8,
    output: 4 + 97 + 2 + 148 + 2 + 1 + 7 + 1 + 732 + 1,
    cache_read: 22033 + 40564 + 40779 + 41520 + 43040 + 0 + 44186 + 44199 + 44576 + 45270,
    cache_write: 18531 + 215 + 741 + 1520 + 349 + 44020 + 13 + 377 + 694 + 1267,
  });
});

test("what the agent says a session has cost is its cost, the latest figure and not the sum", async () => {
  const store = await storeWith("330 main", "197 main");
  expect((await story(store, idOf("330 main"))).summary.cost_usd).toBeCloseTo(0.012, 6);
  expect((await story(store, idOf("197 main"))).summary.cost_usd).toBeUndefined();
});

test("every line of every recording is accounted for and none is set aside", async () => {
  for (const version of ["2.1.197", "2.1.330", "real"] as const) {
    const report = await importInto(await freshStore(), recorded(version));
    const lines = (Object.keys(SESSIONS) as Name[]).filter((name) => SESSIONS[name][0] === version).reduce((sum, name) => sum + linesOf(name).length, 0);
    expect(report.quarantined, version).toEqual([]);
    expect(report.accounted, version).toBe(report.lines);
    // Two further files are the subagents': 5 and 21 lines.
    expect(report.lines, version).toBe(lines + { "2.1.197": 5, "2.1.330": 21, real: 0 }[version]);
  }
});
