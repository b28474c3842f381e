/** Records of a transcript to events, one by one. */
import { describe, expect, test } from "vitest";
import type { Event, EventType } from "../../event/schema.ts";
import { parseEvent } from "../../event/schema.ts";
import { Translator, type TranslatorOptions } from "./translate.ts";

const SESSION = "abad1dea-0000-4000-8000-000000000001";
const AT = "2026-01-05T10:00:00.000Z";
const here = { sessionId: SESSION, timestamp: AT, cwd: "/app", gitBranch: "main", version: "2.1.197" };

const user = (content: unknown, more: object = {}): object => ({ ...here, type: "user", uuid: "u1", parentUuid: null, message: { role: "user", content }, ...more });
const assistant = (content: object[], more: object = {}, message: object = {}): object => ({ ...here, type: "assistant", uuid: "a1", parentUuid: "u1", message: { id: "m1", model: "opus", role: "assistant", content, ...message }, ...more });
const system = (subtype: string, more: object = {}): object => ({ ...here, type: "system", subtype, uuid: `s-${subtype}`, parentUuid: "u1", ...more });

interface Read {
  readonly events: Event[];
  readonly bookkeeping: (string | undefined)[];
  readonly missing: number;
}

function read(records: readonly object[], options: Partial<TranslatorOptions> = {}): Read {
  const translator = new Translator({ projectOf: (cwd) => cwd, session: SESSION, ...options });
  const all = records.map((record) => translator.push(record as never));
  const events = [...all.flatMap(({ events: some }) => some), ...translator.end()];
  for (const event of events) parseEvent(event);
  return { events, bookkeeping: all.map(({ bookkeeping }) => bookkeeping), missing: translator.missingParents };
}

const of = <T extends EventType>(records: readonly object[], type: T, options: Partial<TranslatorOptions> = {}): Extract<Event, { type: T }>[] =>
  read(records, options).events.filter((event): event is Extract<Event, { type: T }> => event.type === type);

describe("who said it", () => {
  const kind = (content: unknown, more: object = {}): string[] => of([user(content, more)], "prompt").map(({ payload }) => `${payload.kind}: ${payload.text}`);

  test.each<[string, string[], unknown, object?]>([
    ["typed words", ["user: fix it"], "fix it"],
    ["words in a block", ["user: fix it"], [{ type: "text", text: "fix it" }]],
    ["a slash command", ["command: /review src now"], "<command-message>review</command-message>\n<command-name>/review</command-name>\n<command-args>src now</command-args>"],
    ["a command without its slash", ["command: /review"], "<command-name>review</command-name>"],
    ["a shell line", ["shell: ! ls -l"], "<bash-input>ls -l</bash-input>"],
    ["a command's output", ["notification: <local-command-stdout>ok</local-command-stdout>"], "<local-command-stdout>ok</local-command-stdout>"],
    ["a background report", ["notification: <task-notification>x"], "<task-notification>x"],
    ["words the client put in", ["injected: Continue"], [{ type: "text", text: "Continue" }], { isMeta: true }],
    ["a subagent's task", ["subagent: look"], "look", { agentId: "x", isSidechain: true }],
    ["words that only speak of a command", ["user: what does <command-name> do?"], "what does <command-name> do?"],
    ["nothing", [], ""],
  ])("%s", (_, expected, content, more = {}) => expect(kind(content, more)).toEqual(expected));

  test("images are counted with the words, and stand alone where there are none", () => {
    const image = { type: "image", source: { data: "AAAA" } };
    expect(of([user([image, { type: "text", text: "see" }])], "prompt").map(({ payload }) => payload)).toEqual([{ text: "see", kind: "user", images: 1 }]);
    expect(of([user([image, image])], "prompt").map(({ payload }) => payload)).toEqual([{ text: "", kind: "user", images: 2 }]);
    expect(JSON.stringify(read([user([image])]).events)).not.toContain("AAAA");
  });
});

describe("calls and results", () => {
  const call = (name: string, input: object): object => assistant([{ type: "tool_use", id: "toolu_0123456789abcdef", name, input }]);
  const result = (content: unknown, more: object = {}, block: object = {}): object => user([{ type: "tool_result", tool_use_id: "toolu_0123456789abcdef", content, ...block }], { uuid: "r1", parentUuid: "a1", ...more });

  test("a call has the id of its source, and so has its result", () => {
    expect(read([call("Bash", { command: "ls" }), result("a\nb")]).events.filter(({ type }) => type.startsWith("tool.")).map(({ id, type }) => [id, type])).toEqual([["toolu_0123456789abcdef", "tool.called"], ["toolu_0123456789abcdef:result", "tool.returned"]]);
  });

  test("ids that a gateway numbers anew in each session are told apart by their record", () => {
    const numbered = (record: string, output: string): object[] => [
      assistant([{ type: "tool_use", id: "call_0", name: "Bash", input: {} }], { uuid: record }),
      user([{ type: "tool_result", tool_use_id: "call_0", content: output }], { uuid: `${record}r`, parentUuid: record }),
    ];
    const { events } = read([...numbered("a1", "one"), ...numbered("a2", "two")]);
    expect(events.filter(({ type }) => type.startsWith("tool.")).map(({ id }) => id)).toEqual(["a1#0:call_0", "a1#0:call_0:result", "a2#0:call_0", "a2#0:call_0:result"]);
    expect(events.flatMap((event) => (event.type === "tool.returned" ? [[event.payload.call, event.payload.output]] : []))).toEqual([["a1#0:call_0", "one"], ["a2#0:call_0", "two"]]);
  });

  test("a failure, a refusal and an interruption are told apart", () => {
    const outcome = (content: string, structured: unknown = content): unknown => of([call("Bash", {}), result(content, { toolUseResult: structured }, { is_error: true })], "tool.failed").map(({ payload }) => payload.rejected ?? false);
    expect([outcome("Exit code 3"), outcome("The user doesn't want to proceed with this tool use."), outcome("[Request interrupted by user for tool use]"), outcome("partial", { interrupted: true })]).toEqual([[false], [true], [true], [true]]);
  });

  test("what was changed comes from the structured result, else from the input, else nothing is said", () => {
    const files = (name: string, input: object, toolUseResult?: object): unknown => of([call(name, input), result("ok", toolUseResult === undefined ? {} : { toolUseResult })], "files.touched").map(({ payload }) => payload.files);
    const patch = [{ lines: [" a", "-b", "+c", "+d"] }, { lines: ["-e"] }];
    expect(files("Edit", { file_path: "/a" }, { structuredPatch: patch })).toEqual([[{ path: "/a", change: "edited", added: 2, removed: 2 }]]);
    expect(files("Write", { file_path: "/a", content: "1\n2\n" }, { type: "create", structuredPatch: [] })).toEqual([[{ path: "/a", change: "created", added: 2, removed: 0 }]]);
    expect(files("Write", { file_path: "/a", content: "1\n2" })).toEqual([[{ path: "/a", change: "created", added: 2, removed: 0 }]]);
    expect(files("Write", { file_path: "/a", content: "" }, { type: "create" })).toEqual([[{ path: "/a", change: "created", added: 0, removed: 0 }]]);
    expect(files("Write", { file_path: "/a", content: "x" }, { type: "update", structuredPatch: patch })).toEqual([[{ path: "/a", change: "edited", added: 2, removed: 2 }]]);
    expect(files("Read", { file_path: "/a" }, {})).toEqual([[{ path: "/a", change: "read" }]]);
    expect(files("NotebookEdit", { notebook_path: "/n" }, {})).toEqual([[{ path: "/n", change: "edited" }]]);
    expect(files("Bash", { command: "rm /a" }, {})).toEqual([]);
  });

  test("a failed edit touched nothing", () => {
    expect(of([call("Edit", { file_path: "/a" }), result("no", {}, { is_error: true })], "files.touched")).toEqual([]);
  });

  test("a plan is taken whole from TodoWrite, and by id from TaskCreate and TaskUpdate", () => {
    expect(of([call("TodoWrite", { todos: [{ content: "a", status: "in_progress" }, { content: "b", status: "strange" }, { status: "pending" }, 7] })], "task.noted").map(({ payload }) => payload)).toEqual([{ whole: true, tasks: [{ content: "a", status: "in_progress" }, { content: "b", status: "pending" }] }]);
    expect(of([call("TaskCreate", { subject: "a" }), result("ok", { toolUseResult: { task: { id: "7", subject: "a" } } })], "task.noted").map(({ payload }) => payload)).toEqual([{ whole: false, tasks: [{ id: "7", content: "a", status: "pending" }] }]);
    expect(of([call("TaskUpdate", { taskId: "7", status: "completed" }), result("ok", { toolUseResult: { success: true } })], "task.noted").map(({ payload }) => payload)).toEqual([{ whole: false, tasks: [{ id: "7", content: "", status: "completed" }] }]);
  });
});

describe("an answer", () => {
  test("is one event per block, thinking by its length alone", () => {
    const { events } = read([assistant([{ type: "thinking", thinking: "secret thoughts" }, { type: "text", text: "Hello" }, { type: "text", text: "" }])]);
    expect(events.filter(({ type }) => type === "thinking" || type === "answer").map(({ id, payload }) => [id, payload])).toEqual([["a1#0", { characters: 15 }], ["a1#1", { text: "Hello" }]]);
    expect(JSON.stringify(events)).not.toContain("secret thoughts");
  });

  test("of a kind not known yet is kept as it is", () => {
    expect(of([assistant([{ type: "hologram", data: 1 }])], "raw").map(({ id, payload }) => [id, payload])).toEqual([["a1#0", { kind: "block hologram", record: { type: "hologram", data: 1 } }]]);
  });

  test("that the client writes itself after a resume is nobody's", () => {
    expect(read([assistant([{ type: "text", text: "No response requested." }], {}, { model: "<synthetic>", usage: { input_tokens: 0, output_tokens: 0 } })]).events.map(({ type }) => type)).toEqual(["session.started"]);
  });

  test.each([
    ["limit", "Claude AI usage limit reached|1767600000"], ["limit", "You've hit your limit · resets 5pm"], ["limit", "You’ve reached your weekly limit"], ["limit", "5-hour limit reached ∙ resets 3am"], ["limit", "You're out of extra usage"],
    ["error", "API Error: 500 internal"], ["error", "Prompt is too long"], ["error", "Invalid API key"],
  ])("that is a notice of the client ends the turn by %s: %s", (how, words) => {
    expect(of([assistant([{ type: "text", text: words }], { isApiErrorMessage: true }, { model: "<synthetic>" })], "turn.ended").map(({ payload }) => payload)).toEqual([{ how, text: words }]);
  });

  test("counts its usage once, with the highest output count, though it stands in each record", () => {
    const part = (uuid: string, output: number): object => assistant([{ type: "text", text: uuid }], { uuid }, { usage: { input_tokens: 7, output_tokens: output, cache_read_input_tokens: 3, cache_creation_input_tokens: 2 } });
    expect(of([part("a1", 1), part("a2", 40), part("a3", 40)], "usage").map(({ id, payload }) => [id, payload])).toEqual([["m1:usage:40", { message: "m1", model: "opus", input: 7, output: 40, cache_read: 3, cache_write: 2 }]]);
  });

  test("says when another model answers, and on each thread for itself", () => {
    const by = (uuid: string, model: string, more: object = {}): object => assistant([{ type: "text", text: "x" }], { uuid, ...more }, { model, id: uuid });
    expect(of([by("a1", "opus"), by("a2", "opus"), by("a3", "haiku", { agentId: "t" }), by("a4", "sonnet"), by("a5", "haiku", { agentId: "t" })], "model.changed").map(({ payload, thread }) => [payload.to, thread])).toEqual([["opus", undefined], ["haiku", "t"], ["sonnet", undefined]]);
  });
});

describe("the tree", () => {
  const parents = (records: readonly object[]): Record<string, string | undefined> => Object.fromEntries(read(records).events.filter(({ type }) => type === "prompt" || type === "answer").map(({ record, parent }) => [record, parent]));

  test("hangs records below the nearest one that is kept", () => {
    expect(parents([user("x"), { ...here, type: "attachment", uuid: "at", parentUuid: "u1", attachment: { type: "skill_listing" } }, { ...here, type: "progress", uuid: "p", parentUuid: "at", data: { type: "hook_progress" } }, assistant([{ type: "text", text: "y" }], { parentUuid: "p" })])).toEqual({ u1: undefined, a1: "u1" });
  });

  test("goes on at a bare root in the middle of a file, whereas a prompt without parent goes back", () => {
    const restart = { ...here, type: "progress", uuid: "p", parentUuid: null, data: { type: "hook_progress" } };
    expect(parents([user("x"), restart, user("y", { uuid: "u2", parentUuid: "p" })])).toEqual({ u1: undefined, u2: "p" });
    expect(parents([user("x"), user("y", { uuid: "u2", parentUuid: null })])).toEqual({ u1: undefined, u2: undefined });
  });

  test("over a compaction is held by the logical parent", () => {
    const boundary = system("compact_boundary", { uuid: "c", parentUuid: null, logicalParentUuid: "u1", compactMetadata: { trigger: "auto", preTokens: 9, postTokens: 2 } });
    expect(of([user("x"), boundary], "session.compacted").map(({ parent, payload }) => [parent, payload])).toEqual([["u1", { trigger: "auto", tokens_before: 9, tokens_after: 2 }]]);
    expect(read([user("x"), boundary]).missing).toBe(0);
  });

  test("counts a parent that no record of the file has", () => {
    expect(read([user("x", { parentUuid: "lost" })]).missing).toBe(1);
  });
});

describe("a session", () => {
  test("begins with the first record that has a time, also when older copied records follow", () => {
    const begun = { type: "queue-operation", operation: "enqueue", sessionId: SESSION, timestamp: "2026-01-05T12:00:00.000Z" };
    expect(of([begun, user("copied")], "session.started").map(({ id, time, payload }) => [id, new Date(time).toISOString(), payload])).toEqual([
      [`${SESSION}:started`, "2026-01-05T12:00:00.000Z", { cwd: "/app", project: "/app", source: "transcript", branch: "main", version: "2.1.197" }],
    ]);
  });

  test("whose first records carry another id was resumed from that one", () => {
    expect(of([user("x", { sessionId: "other" }), user("y", { uuid: "u2" })], "session.resumed").map(({ session, payload }) => [session, payload.from])).toEqual([[SESSION, "other"]]);
  });

  test("that goes on under another id further down was not", () => {
    expect(of([user("x"), user("y", { uuid: "u2", sessionId: "other" })], "session.resumed")).toEqual([]);
  });

  test("is named by the user, by the agent, or by a summary of one of its own records", () => {
    const summary = (leafUuid: string, words: string): object => ({ type: "summary", leafUuid, summary: words });
    const { events } = read([summary("elsewhere", "Another talk"), summary("u1", "This talk"), user("x"), { type: "ai-title", aiTitle: "By agent", sessionId: SESSION }, { type: "custom-title", customTitle: "By user", sessionId: SESSION }]);
    expect(events.flatMap(({ type, payload }) => (type === "session.named" ? [payload] : []))).toEqual([{ name: "By agent", by: "agent" }, { name: "By user", by: "user" }, { name: "This talk", by: "agent" }]);
    expect(events.flatMap((event) => (event.type === "raw" ? [event.payload.kind] : []))).toEqual(["summary"]);
  });

  test("without any id in name or record is left alone", () => {
    expect(read([{ type: "user", uuid: "u", message: { content: "x" } }], { session: undefined as never }).events).toEqual([]);
  });
});

describe("a subagent", () => {
  test("in a file of its own is announced once, with what its neighbour file says of it", () => {
    const sub = { agentId: "t7", isSidechain: true };
    const about = { kind: "general-purpose", description: "Write notes", call: "t1" };
    expect(of([user("task", sub), assistant([{ type: "text", text: "done" }], sub)], "subagent.started", { subagent: about }).map(({ id, thread, payload }) => [id, thread, payload])).toEqual([["t7:started", "t7", about]]);
  });

  test("in progress records is told by the call that began it, in order, without the repeated progress", () => {
    const call = assistant([{ type: "tool_use", id: "t1", name: "Task", input: { subagent_type: "Explore", description: "Look", prompt: "look" } }]);
    const progress = (uuid: string, message: object): object => ({ ...here, type: "progress", uuid, parentUuid: "a1", parentToolUseID: "t1", data: { type: "agent_progress", agentId: "t7", message } });
    const records = [call, progress("p1", { type: "user", uuid: "i1", timestamp: AT, message: { content: [{ type: "text", text: "look" }] } }), progress("p2", { type: "assistant", uuid: "i2", timestamp: AT, message: { id: "m9", model: "haiku", content: [{ type: "text", text: "seen" }] } }), { ...here, type: "progress", uuid: "p3", parentUuid: "a1", data: { type: "bash_progress", output: "…" } }];
    expect(read(records).events.filter(({ thread }) => thread === "t7").map(({ type, record, parent, payload }) => [type, record, parent, type === "subagent.started" ? payload : undefined])).toEqual([
      ["subagent.started", undefined, undefined, { kind: "Explore", description: "Look", call: "t1" }],
      ["prompt", "i1", undefined, undefined],
      ["model.changed", "i2", "i1", undefined],
      ["answer", "i2", "i1", undefined],
    ]);
  });
});

describe("records that hold no fact", () => {
  test.each([
    ["file-history-snapshot", { type: "file-history-snapshot", snapshot: {} }],
    ["queue-operation", { type: "queue-operation", operation: "enqueue", sessionId: SESSION }],
    ["api-request", { type: "api-request", sessionId: SESSION }],
    ["attachment skill_listing", { ...here, type: "attachment", uuid: "x", attachment: { type: "skill_listing" } }],
    ["system informational", system("informational", { content: "hi" })],
    ["progress bash_progress", { ...here, type: "progress", uuid: "x", data: { type: "bash_progress" } }],
  ])("are counted by their kind: %s", (kind, record) => {
    const { events, bookkeeping } = read([record]);
    expect([events.filter(({ type }) => type !== "session.started"), read([user("x"), record]).bookkeeping.at(-1)]).toEqual([[], kind]);
    expect(bookkeeping).toHaveLength(1);
  });

  test("of a kind nobody knows are kept whole instead, and twice the same is once", () => {
    const strange = { type: "from-the-future", sessionId: SESSION, timestamp: AT, cargo: { a: [1] } };
    const kept = of([strange, strange], "raw");
    expect(kept.map(({ payload }) => payload)).toEqual([{ kind: "from-the-future", record: strange }, { kind: "from-the-future", record: strange }]);
    expect(new Set(kept.map(({ id }) => id)).size).toBe(1);
  });
});

test("whatever members a record lacks or has of a wrong kind, nothing is thrown and every event is valid", () => {
  const odd = [undefined, null, 0, -1, Infinity, "", "x", [], [null], [[]], {}, true, { type: 7 }, [{ type: "text" }, { type: "tool_use" }, { type: "tool_result" }]];
  const names = ["uuid", "parentUuid", "sessionId", "timestamp", "cwd", "gitBranch", "message", "agentId", "isMeta", "toolUseResult", "attachment", "data", "subtype", "compactMetadata", "summary", "prUrl", "totalCostUSD", "content"];
  for (const base of [user("x"), user([{ type: "tool_result", tool_use_id: "toolu_0123456789abcdef", content: "y" }]), assistant([{ type: "tool_use", id: "t1", name: "Edit", input: { file_path: "/a" } }]), system("compact_boundary"), system("turn_duration"), { ...here, type: "attachment", uuid: "x", attachment: { type: "nested_memory", path: "/m" } }, { ...here, type: "progress", uuid: "x", data: { type: "agent_progress", agentId: "t", message: { type: "user", message: {} } } }, { type: "summary" }, { type: "ai-title" }, { type: "pr-link", sessionId: SESSION }, { type: "cost-state", sessionId: SESSION }]) {
    for (const name of names) for (const value of odd) expect(() => read([base, { ...base, [name]: value }]), `${name}: ${JSON.stringify(value)}`).not.toThrow();
  }
});

describe("records out of order", () => {
  test("an answer that stands before its prompt comes after it", () => {
    const records = [assistant([{ type: "text", text: "Made it." }], { parentUuid: "x1" }), user("Make it"), { ...here, type: "attachment", uuid: "x1", parentUuid: "u1", attachment: { type: "skill_listing" } }];
    const { events, missing } = read(records);
    expect(events.filter(({ type }) => type === "prompt" || type === "answer").map(({ type, parent }) => [type, parent])).toEqual([["prompt", undefined], ["answer", "u1"]]);
    expect(missing).toBe(0);
  });

  test("a parent that never comes is not waited for long, and is counted", () => {
    const later = Array.from({ length: 40 }, (_each, i) => user(`words ${i}`, { uuid: `v${i}`, parentUuid: i === 0 ? null : `v${i - 1}` }));
    const { events, missing } = read([user("first", { uuid: "lost", parentUuid: "gone" }), ...later]);
    const prompts = events.flatMap((event) => (event.type === "prompt" ? [event.payload.text] : []));
    expect(prompts.length).toBe(41);
    expect(prompts.indexOf("first")).toBeGreaterThan(20);
    expect(missing).toBe(1);
  });
});

test("what we handed to the agent ourselves is not kept a second time", () => {
  const given = (text: string): object => ({ ...here, type: "attachment", uuid: "h1", parentUuid: null, attachment: { type: "hook_additional_context", content: [text] } });
  expect(of([given('<tidemark kind="brief">\nwords of another session')], "prompt")).toEqual([]);
  expect(of([given("another hook's words")], "prompt").length).toBe(1);
});
