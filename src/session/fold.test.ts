/** Events to the story a person would tell. */
import { describe, expect, test } from "vitest";
import { answer, called, event, prompt, START, started, type Given } from "../../test/builders.ts";
import { tellTurn } from "../../test/helpers.ts";
import type { Event } from "../event/schema.ts";
import { shownPath } from "../base/text.ts";
import { foldSession } from "./fold.ts";

/** Hangs each event below the one before, as the records of a transcript are. */
function chain(events: readonly Event[], below?: string): Event[] {
  let above = below;
  return events.map((each) => {
    const record = each.record ?? `r:${each.id}`;
    const placed = { ...each, record, ...(above === undefined ? {} : { parent: above }) } as Event;
    above = record;
    return placed;
  });
}

const told = (events: readonly Event[]): string[] => foldSession("s1", events).turns.map((turn) => tellTurn(turn));
const result = (call: string, given: Given = {}): Event => event("tool.returned", { call, output: "ok" }, given);
const call = (id: string, tool = "Bash", given: Given = {}): Event => called(tool, { command: id }, { id, ...given });
const failed = (id: string, rejected = false): Event => event("tool.failed", { call: id, error: "no", ...(rejected ? { rejected } : {}) });
const over = (how: "completed" | "interrupted" | "error" | "limit"): Event => event("turn.ended", { how });
const notice = (text: string): Event => event("prompt", { text, kind: "notification" });
const command = (text: string): Event => event("prompt", { text, kind: "command" });

test("a session without events is one without turns", () => {
  expect(foldSession("s1", [])).toMatchObject({ turns: [], rewound: [], tasks: [], summary: { turns: 0, title: "", ending: "unanswered", started: 0, ended: 0 } });
});

describe("a turn", () => {
  test("runs from words of the user to the end of the answer", () => {
    expect(told(chain([prompt("one"), call("c1"), result("c1"), answer("done"), prompt("two"), answer("done")]))).toEqual(["1 one: completed; Bash", "2 two: completed"]);
  });

  test("is not begun by what nobody typed", () => {
    const nobody = (["notification", "injected", "subagent"] as const).map((kind) => event("prompt", { text: kind, kind }));
    expect(told(chain([prompt("one"), answer("yes"), ...nobody, answer("more")]))).toEqual(["1 one: completed"]);
  });

  test("is not made of a local command, unless that led to an answer", () => {
    expect(told(chain([command("/model"), notice("set"), prompt("one"), answer("a"), command("/exit"), notice("bye")]))).toEqual(["1 one: completed"]);
    expect(told(chain([command("/review 7"), answer("looks good")]))).toEqual(["1 /review 7: completed"]);
  });

  test("without words stands for a conversation that was taken up in the middle", () => {
    expect(told([...chain([answer("going on"), call("c1"), result("c1")], "lost")])).toEqual(["1 : crashed; Bash"]);
  });

  test("of images alone says so", () => {
    expect(told(chain([event("prompt", { text: "", kind: "user", images: 2 }), answer("I see")]))).toEqual(["1 [2 images]: completed"]);
  });
});

describe("the end of the last turn", () => {
  test.each<[string, Event[], string]>([
    ["an answer", [prompt("x"), answer("a")], "completed"],
    ["nothing after the words", [prompt("x")], "unanswered"],
    ["a call without result", [prompt("x"), call("c1")], "crashed"],
    ["a result without further word", [prompt("x"), call("c1"), result("c1")], "crashed"],
    ["a failed call without further word", [prompt("x"), call("c1"), failed("c1")], "crashed"],
    ["a thought", [prompt("x"), event("thinking", { characters: 5 })], "crashed"],
    ["a refused call", [prompt("x"), call("c1"), failed("c1", true)], "interrupted"],
    ["Esc", [prompt("x"), call("c1"), over("interrupted")], "interrupted"],
    ["an error", [prompt("x"), over("error")], "error"],
    ["a limit", [prompt("x"), answer("a"), over("limit")], "limit"],
    ["a compaction after the answer", [prompt("x"), answer("a"), event("session.compacted", {}), event("session.summarised", { text: "s", by: "agent" })], "completed"],
    ["a compaction during a call", [prompt("x"), call("c1"), event("session.compacted", {})], "crashed"],
    ["a background report after the answer", [prompt("x"), answer("a"), notice("<task-notification>")], "completed"],
  ])("with %s is told right", (_, events, ending) => {
    expect(foldSession("s1", chain(events)).summary.ending).toBe(ending);
  });

  test("a turn before the last that was cut off was stopped, not crashed: the user went on", () => {
    expect(told(chain([prompt("one"), call("c1"), prompt("two"), answer("a")]))).toEqual(["1 one: interrupted; Bash(open)", "2 two: completed"]);
  });

  test("the last call without a result is the open one", () => {
    const { openCall } = foldSession("s1", chain([prompt("x"), call("c1"), call("c2"), result("c1")]));
    expect(openCall).toMatchObject({ id: "c2", input: { command: "c2" } });
  });
});

describe("going back", () => {
  test("leaves what was said since as turns without a number", () => {
    const first = chain([prompt("one"), answer("a")]);
    const story = foldSession("s1", [...first, ...chain([prompt("two"), answer("b"), prompt("three"), answer("c")], first[1]!.record), ...chain([prompt("instead"), answer("d")], first[1]!.record)]);
    expect(story.turns.map((turn) => tellTurn(turn))).toEqual(["1 one: completed", "2 instead: completed"]);
    expect(story.rewound.map((turn) => tellTurn(turn))).toEqual(["0 two: rewound", "0 three: rewound"]);
  });

  test("to the very beginning leaves every earlier turn", () => {
    const story = foldSession("s1", [...chain([prompt("one"), answer("a")]), ...chain([prompt("again"), answer("b")])]);
    expect([story.turns.length, story.rewound.map(({ prompt: words }) => words)]).toEqual([1, ["one"]]);
  });

  test("is not what parallel calls do, whose results hang below different records", () => {
    const [ask, first, second] = chain([prompt("x"), call("c1"), call("c2")]) as [Event, Event, Event];
    const story = foldSession("s1", [ask, first, second, ...chain([result("c2")], second.record), ...chain([result("c1"), answer("done")], first.record)]);
    expect([story.turns.map((turn) => tellTurn(turn)), story.rewound]).toEqual([["1 x: completed; Bash Bash"], []]);
  });

  test("does not count files and plans of what was gone back on", () => {
    const first = chain([prompt("one"), answer("a")]);
    const edit = (id: string, path: string): Event[] => [call(id, "Edit"), result(id), event("files.touched", { call: id, files: [{ path, change: "edited", added: 1, removed: 0 }] }), event("task.noted", { whole: true, tasks: [{ content: path, status: "pending" }] }, { id: `${id}:tasks` })];
    const story = foldSession("s1", [...first, ...chain([prompt("two"), ...edit("c1", "/gone"), answer("b")], first[1]!.record), ...chain([prompt("three"), ...edit("c2", "/kept"), answer("c")], first[1]!.record)]);
    expect([story.summary.files, story.tasks.map(({ content }) => content)]).toEqual([1, ["/kept"]]);
  });
});

describe("a torn tree", () => {
  test("is joined where a record's predecessor is lost", () => {
    expect(told([...chain([prompt("one"), answer("a")]), ...chain([prompt("two"), answer("b")], "a record nobody has")])).toEqual(["1 one: completed", "2 two: completed"]);
  });

  test("that bites its own tail still ends", () => {
    const loop = chain([prompt("one"), answer("a")]);
    expect(told([{ ...loop[0]!, parent: loop[1]!.record! } as Event, loop[1]!])).toEqual(["1 one: completed"]);
    const self = prompt("me", { record: "r", parent: "r" });
    expect(told([self])).toEqual(["1 me: unanswered"]);
  });
});

describe("rescued prompts", () => {
  const rescued = (text: string): Event => event("prompt", { text, kind: "user", provisional: true });

  test("are turns of which only the words are known, all of them live", () => {
    const story = foldSession("s1", [started("s1", "/app"), rescued("one"), rescued("two"), rescued("three")]);
    expect([story.turns.map((turn) => tellTurn(turn)), story.rewound, story.summary.rescued]).toEqual([["1 one: unknown", "2 two: unknown", "3 three: unknown"], [], true]);
  });

  test("give way to the transcript's", () => {
    const story = foldSession("s1", [rescued("one"), ...chain([prompt("one"), answer("a")])]);
    expect([story.turns.map((turn) => tellTurn(turn)), story.summary.rescued]).toEqual([["1 one: completed"], false]);
  });
});

describe("subagents", () => {
  test("belong to the turn of the call that began them, also when they report later", () => {
    const main = chain([prompt("one"), call("c1", "Agent"), result("c1"), answer("a"), prompt("two"), answer("b")]);
    const sub = (each: Event): Event => ({ ...each, thread: "t1" }) as Event;
    const story = foldSession("s1", [...main, sub(event("subagent.started", { call: "c1" })), sub(call("c9", "Write")), sub(result("c9")), sub(event("files.touched", { call: "c9", files: [{ path: "/n", change: "created", added: 3, removed: 0 }] })), sub(answer("deep"))]);
    expect(story.turns.map((turn) => [tellTurn(turn), turn.subagents, turn.answers.length])).toEqual([["1 one: completed; Agent sub:Write; /n created +3 -0", 1, 1], ["2 two: completed", 0, 1]]);
    expect(story.summary).toMatchObject({ subagents: 1, files: 1 });
  });

  test("do not decide how a turn ended", () => {
    const main = chain([prompt("one"), call("c1", "Agent"), result("c1"), answer("a")]);
    expect(foldSession("s1", [...main, { ...call("c9"), thread: "t1" } as Event]).summary.ending).toBe("completed");
  });
});

describe("the summary", () => {
  test("sums tokens once per message, by the highest output that was seen for it", () => {
    const usage = (message: string, output: number): Event => event("usage", { message, input: 10, output, cache_read: 1, cache_write: 2 });
    expect(foldSession("s1", [...chain([prompt("x")]), usage("m1", 1), usage("m1", 9), usage("m1", 4), usage("m2", 5)]).summary.tokens).toEqual({ input: 20, output: 14, cache_read: 2, cache_write: 4 });
  });

  test("takes the user's name before the agent's, the agent's before the first words, and of each the last", () => {
    const named = (name: string, by: "user" | "agent"): Event => event("session.named", { name, by });
    const words = chain([prompt("first words"), answer("a")]);
    expect(foldSession("s1", words).summary.title).toBe("first words");
    expect(foldSession("s1", [...words, named("A", "agent"), named("B", "agent")]).summary.title).toBe("B");
    expect(foldSession("s1", [...words, named("U", "user"), named("B", "agent")]).summary.title).toBe("U");
  });

  test("names a pasted plan by its heading, and a command only where nothing was typed", () => {
    expect(foldSession("s1", chain([prompt("Implement the following plan:\n\n# Plan: Fix it\n\nText"), answer("a")])).summary.title).toBe("Implement: Plan: Fix it");
    expect(foldSession("s1", chain([command("/go"), answer("a"), prompt("typed"), answer("b")])).summary.title).toBe("typed");
    expect(foldSession("s1", chain([command("/go"), answer("a")])).summary.title).toBe("/go");
  });

  test("begins when the session says and ends with its last word, whatever the clock does", () => {
    const events = chain([prompt("x", { time: START + 50_000 }), answer("a", { time: START + 10_000 })]);
    expect(foldSession("s1", [started("s1", "/app", { time: START + 20_000 }), ...events]).summary).toMatchObject({ started: START + 20_000, ended: START + 50_000, project: "/app" });
  });

  test("counts the dearest cost that was said, and nothing where none was", () => {
    const cost = (usd: number): Event => event("cost", { usd });
    expect(foldSession("s1", [...chain([prompt("x")]), cost(0.5), cost(0.2)]).summary.cost_usd).toBe(0.5);
    expect(foldSession("s1", chain([prompt("x")])).summary).not.toHaveProperty("cost_usd");
  });
});

test("a plan is the last whole list, with what changed since", () => {
  const tasks = (whole: boolean, ...list: [string, "pending" | "in_progress" | "completed" | "deleted", string?][]): Event => event("task.noted", { whole, tasks: list.map(([content, status, id]) => ({ content, status, ...(id === undefined ? {} : { id }) })) });
  const plan = (...lists: Event[]): string[] => {
    const base = chain([prompt("x"), answer("a")]);
    return foldSession("s1", [...base, ...lists.map((each) => ({ ...each, record: base[1]!.record }) as Event)]).tasks.map(({ content, status }) => `${status} ${content}`);
  };
  expect(plan(tasks(true, ["a", "pending"], ["b", "pending"]), tasks(true, ["b", "completed"]))).toEqual(["completed b"]);
  expect(plan(tasks(false, ["make", "pending", "1"]), tasks(false, ["test", "pending", "2"]), tasks(false, ["", "completed", "1"]), tasks(false, ["", "deleted", "2"]))).toEqual(["completed make"]);
  expect(plan()).toEqual([]);
});

test("files of several calls are added up, and the strongest change counts", () => {
  const touch = (id: string, change: "read" | "created" | "edited" | "deleted", added: number): Event[] => [call(id, "T"), result(id), event("files.touched", { call: id, files: [{ path: "/a", change, added, removed: 1 }] })];
  expect(told(chain([prompt("x"), ...touch("c1", "read", 0), ...touch("c2", "created", 5), ...touch("c3", "edited", 2), answer("a")]))).toEqual(["1 x: completed; T T T; /a created +7 -3"]);
  expect(foldSession("s1", chain([prompt("x"), ...touch("c1", "read", 0), answer("a")])).summary.files).toBe(0);
});

test("a path is shown inside its project, else whole", () => {
  expect([shownPath("/app/src/a.ts", "/app"), shownPath("/application/a.ts", "/app"), shownPath("/x/a.ts", ""), shownPath("", "/app")]).toEqual(["src/a.ts", "/application/a.ts", "/x/a.ts", ""]);
});
