/** Each kind of damage to a transcript, and what becomes of it. */
import { describe, expect, test } from "vitest";
import { derivedId, launchFolder, repair, UNKNOWN_OUTCOME, type Input, type Repaired } from "./repair.ts";

const OLD = "0ld00000-0000-4000-8000-000000000001";
const NEW = "new00000-0000-4000-8000-000000000002";
type Fields = Record<string, unknown>;

const record = (uuid: string, parentUuid: string | null, more: Fields): Fields => ({ parentUuid, isSidechain: false, sessionId: OLD, cwd: "/work/app", uuid, timestamp: "2026-11-30T10:00:00Z", ...more });
const user = (uuid: string, parent: string | null, content: unknown = `words of ${uuid}`, more: Fields = {}): Fields => record(uuid, parent, { type: "user", message: { role: "user", content }, ...more });
const agent = (uuid: string, parent: string | null, content: unknown[] = [{ type: "text", text: `answer ${uuid}` }], message = `m-${uuid}`): Fields => record(uuid, parent, { type: "assistant", message: { id: message, role: "assistant", content } });
const call = (id: string): Fields => ({ type: "tool_use", id, name: "Bash", input: { command: "make" } });
const resultOf = (id: string): Fields => ({ type: "tool_result", tool_use_id: id, content: "ok" });

const input = (lines: readonly (Fields | string)[], ended = true): Extract<Input, { text: string }>[] =>
  lines.map((line, i) => ({ number: i + 1, text: typeof line === "string" ? line : JSON.stringify(line), ended: ended || i < lines.length - 1, sound: true }));
const mend = (...lines: (Fields | string)[]): Repaired => repair(input(lines), NEW);
const records = ({ lines }: Repaired): any[] => lines.map((line) => JSON.parse(line) as unknown);
const links = (result: Repaired): Record<string, string | null> => Object.fromEntries(records(result).map(({ uuid, parentUuid }) => [uuid, parentUuid]));
const told = ({ done }: Repaired): string[] => done.map(({ kind, line, what }) => `${line} ${kind}: ${what}`);

const whole = [user("u1", null), agent("a1", "u1", [call("t1")]), user("u2", "a1", [resultOf("t1")]), agent("a2", "u2"), user("u3", "a2")];

test("a sound transcript: nothing is done, only the session is another", () => {
  const { lines, done, kept, messages, added, changed } = mend(...whole);
  expect({ done, kept, messages, added, changed }).toEqual({ done: [], kept: 5, messages: 5, added: 0, changed: { sessionId: 5 } });
  expect(lines).toEqual(whole.map((each) => JSON.stringify(each).replace(OLD, NEW)));
});

describe("lines", () => {
  test("torn at the end and damaged in the middle are left out, by name", () => {
    const lines = [...whole.slice(0, 4).map((each) => JSON.stringify(each)), "not a record", "[1,2]", JSON.stringify(whole[4]), '{"parentUuid":"u3","type":"assist'];
    const result = repair(input(lines, false), NEW);
    expect(told(result)).toEqual(["5 damaged: left out: not valid JSON", "6 damaged: left out: not a JSON object", "8 torn: left out: the file ends in the middle of a record"]);
    expect(result.kept).toBe(5);
  });

  test("too long to read are named", () => {
    expect(told(repair([...input(whole), { number: 6, problem: "too long" }], NEW))).toEqual(["6 damaged: left out: longer than 64 MiB"]);
  });

  test("with a byte order mark, white space around them and nothing in them", () => {
    const result = mend(`\uFEFF${JSON.stringify(whole[0])}\r`, "", "  ", ...whole.slice(1));
    expect(told(result)).toEqual(["1 mark: byte order mark taken off"]);
    expect(result.lines[0]).toBe(JSON.stringify(whole[0]).replace(OLD, NEW));
  });

  test("with bytes that are not UTF-8 are kept and named", () => {
    const result = repair([{ ...input(whole)[0]!, sound: false }, ...input(whole).slice(1)], NEW);
    expect([told(result), result.changed]).toEqual([["1 bytes: bytes that are not UTF-8 stand as U+FFFD now"], { "bytes that are not UTF-8": 1, sessionId: 5 }]);
  });

  test("with a record behind a torn one, behind a hole of zeros, or two on one line: what is whole is rescued", () => {
    const [a, b, c, d, e] = whole.map((each) => JSON.stringify(each)) as [string, string, string, string, string];
    const result = mend(a, `${b}${c}`, `\0\0\0\0${d}`, `${JSON.stringify(agent("x", "u2")).slice(0, 150)}${e}`);
    expect(result.lines).toEqual([a, b, c, d, e].map((line) => line.replace(OLD, NEW)));
    expect(told(result)).toEqual(["2 rescued: 2 records on one line, taken apart", "3 rescued: 1 whole record found on a damaged line; the rest of it is left out", "4 rescued: 1 whole record found on a damaged line; the rest of it is left out"]);
  });

  test("that parse although two torn records meet on them are known by their ids", () => {
    expect(told(mend(...whole, { ...user("u4", "u3"), uuid: "u4 ran into words" }))).toEqual(["6 damaged: left out: an id in it is none, so it is not whole"]);
  });

  test("that only look like records inside a torn one are not taken for records", () => {
    const nested = { type: "progress", sessionId: OLD, uuid: "p", data: { message: { type: "user", uuid: "inner", message: { role: "user", content: "inner words" } } } };
    const result = mend(...whole, `${JSON.stringify(nested).slice(0, -1)}`);
    expect(told(result)).toEqual(["6 damaged: left out: not valid JSON"]);
  });

  test("made to look like twenty thousand starts take no time to speak of", () => {
    const before = performance.now();
    mend(...whole, `{"type":[`.repeat(20_000));
    expect(performance.now() - before).toBeLessThan(3000);
  });
});

describe("bytes", () => {
  test("of a kept record stay as they are: spaces, order, escapes and numbers of others' writing", () => {
    const odd = `{ "type" : "user",  "n": 1.0e2, "s":"\\u0041\\/", "sessionId" :"${OLD}", "uuid":"u1", "parentUuid":null, "big": 123456789012345678901234567890, "message":{"role":"user","content":"sessionId ${OLD}"} }`;
    const { lines } = mend(odd, "broken");
    expect(lines).toEqual([odd.replace(`:"${OLD}"`, `:"${NEW}"`)]);
  });

  test("of records of unknown kinds, too", () => {
    const future = '{"type":"from-the-future","what":[1,  2]}';
    expect(mend(...whole, future, "broken").lines).toContain(future);
  });
});

describe("repeated uuids", () => {
  test("the first stays, whether the text is the same or not", () => {
    const result = mend(...whole, whole[1]!, user("u3", "a2", "other words"));
    expect(told(result)).toEqual(["6 duplicate: left out: the same record stands in line 2", "7 duplicate: left out: another text under its uuid stands in line 5"]);
    expect(records(result).map(({ uuid }) => uuid)).toEqual(["u1", "a1", "u2", "a2", "u3"]);
  });

  test("copied further up, before what they hang below, they stay where they belong", () => {
    const result = mend(whole[3]!, whole[4]!, ...whole);
    expect(told(result)).toEqual(["1 duplicate: left out: the same record stands further on, in its place", "2 duplicate: left out: the same record stands further on, in its place"]);
    expect(records(result).map(({ uuid }) => uuid)).toEqual(["u1", "a1", "u2", "a2", "u3"]);
  });

  test("so they do beside another text, which is not taken for them", () => {
    const result = mend(whole[3]!, user("a2", null, "other words"), ...whole);
    expect(records(result).map(({ uuid }) => uuid)).toEqual(["u1", "a1", "u2", "a2", "u3"]);
    expect(told(result).map((each) => each.slice(0, 60))).toEqual(["1 duplicate: left out: the same record stands further on, in", "2 duplicate: left out: another text under its uuid stands fu"]);
  });

  test("records without a uuid may repeat", () => {
    const mode = { type: "mode", mode: "normal", sessionId: OLD };
    expect(mend(mode, ...whole, mode).done).toEqual([]);
  });
});

describe("predecessors that are not there", () => {
  test("of a record below a lost line that can still be read in part: what the line hung below", () => {
    // u4 goes back to u1; the line before it in the file is of the branch that was gone back on.
    const lost = JSON.stringify(user("u4", "u1")).slice(0, -3);
    const result = mend(...whole, lost, agent("a4", "u4"));
    expect(links(result)["a4"]).toBe("u1");
    expect(told(result)).toEqual(["6 damaged: left out: not valid JSON", "7 relinked: its predecessor is not in the file: now follows line 1"]);
  });

  test("otherwise the nearest record before it in its thread", () => {
    const side = { ...user("s1", null), isSidechain: true, agentId: "x" };
    const result = mend(whole[0]!, side, agent("a9", "gone"), { ...agent("s2", "gone too"), isSidechain: true, agentId: "x" }, { ...user("s3", "nowhere"), isSidechain: true, agentId: "y" });
    expect(links(result)).toEqual({ u1: null, s1: null, a9: "u1", s2: "s1", s3: null });
    expect(result.changed).toEqual({ sessionId: 5, parentUuid: 3 });
  });

  test("that are not named at all: the nearest record before it; a first record needs none", () => {
    const { parentUuid: _, ...unnamed } = user("u4", "u3");
    const { parentUuid: __, ...first } = whole[0]!;
    const result = mend(first, ...whole.slice(1), unnamed);
    expect(result.lines.at(-1)).toBe(`{"parentUuid":"u3",${JSON.stringify(unnamed).slice(1).replace(OLD, NEW)}`);
    expect(told(result)).toEqual(["6 relinked: it names no predecessor: now follows line 5"]);
  });

  test("that lead round: the loop is opened at its first record", () => {
    const result = mend(user("u0", null), user("u1", "a2"), agent("a1", "u1"), agent("a2", "a1"), user("u5", "u5"));
    expect(links(result)).toEqual({ u0: null, u1: "u0", a1: "u1", a2: "a1", u5: "a2" });
    expect(told(result)).toEqual(["2 loop: its predecessors led back to it: now follows line 1", "5 loop: its predecessors led back to it: now follows line 4"]);
  });

  test("of a copy that stood further on than what hangs below it: before that", () => {
    // Of "u1 ← u2 ← u3" u2's own line and u1's are lost; a copy of u2 is left at the end.
    const result = mend(user("u0", null), agent("u3", "u2"), user("u9", "u3"), user("u2", "u1"));
    expect(links(result)).toEqual({ u0: null, u2: "u0", u3: "u2", u9: "u3" });
    expect(records(result).map(({ uuid }) => uuid)).toEqual(["u0", "u2", "u3", "u9"]);
  });

  test("further on in the file: the few move, be it up or down", () => {
    const up = mend(whole[1]!, whole[2]!, whole[3]!, whole[4]!, whole[0]!);
    expect(records(up).map(({ uuid }) => uuid)).toEqual(["u1", "a1", "u2", "a2", "u3"]);
    expect(told(up)).toEqual(["5 moved: stood behind what follows it: now before line 1"]);
    const down = mend(whole[4]!, whole[3]!, whole[0]!, whole[1]!, whole[2]!);
    expect(records(down).map(({ uuid }) => uuid)).toEqual(["u1", "a1", "u2", "a2", "u3"]);
    expect(told(down).at(-1)).toMatch(/^2 moved: stood before its predecessor: now behind line 5$/);
  });

  test("a loop of the whole file has a beginning afterwards", () => {
    expect(links(mend(user("u1", "a1"), agent("a1", "u1")))).toEqual({ u1: null, a1: "u1" });
  });
});

describe("calls and results", () => {
  const answer = (result: Repaired): any => records(result).find((each) => each.repairedBy === "tidemark");

  test("a call without a result is answered: the outcome is unknown", () => {
    const result = mend(...whole.slice(0, 2));
    expect(told(result)).toEqual(["2 unanswered: 1 call without a result: answered that the outcome is unknown"]);
    expect([result.kept, result.added]).toEqual([2, 1]);
    expect(answer(result)).toMatchObject({
      type: "user", parentUuid: "a1", sourceToolAssistantUUID: "a1", isSidechain: false, sessionId: NEW, cwd: "/work/app", timestamp: "2026-11-30T10:00:00Z",
      message: { role: "user", content: [{ type: "tool_result", tool_use_id: "t1", is_error: true, content: UNKNOWN_OUTCOME }] },
    });
    expect(mend(...whole.slice(0, 2)).lines).toEqual(result.lines);
  });

  test("what went on after it follows the answer", () => {
    const result = mend(whole[0]!, whole[1]!, user("u9", "a1", "go on"));
    expect(records(result).map(({ uuid }) => uuid)).toEqual(["u1", "a1", answer(result).uuid, "u9"]);
    expect(links(result)["u9"]).toBe(answer(result).uuid);
  });

  test("of calls side by side only the open one is answered, below its own record", () => {
    const result = mend(user("u1", null), agent("a1", "u1", [call("t1")], "m"), agent("a2", "a1", [call("t2")], "m"), user("r2", "a2", [resultOf("t2")]), agent("a3", "r2"));
    expect(answer(result)).toMatchObject({ parentUuid: "a1", message: { content: [{ tool_use_id: "t1" }] } });
    expect(links(result)).toMatchObject({ a2: "a1", r2: "a2", a3: "r2" });
  });

  test("several open calls of one record are answered together, before the results that are there", () => {
    const result = mend(user("u1", null), agent("a1", "u1", [call("t1"), call("t2"), call("t3")]), user("r2", "a1", [resultOf("t2")]));
    expect(answer(result).message.content.map(({ tool_use_id }: any) => tool_use_id)).toEqual(["t1", "t3"]);
    expect(links(result)["r2"]).toBe(answer(result).uuid);
  });

  test("a result without its call is left out; what followed it follows what it followed", () => {
    const result = mend(whole[0]!, `${JSON.stringify(whole[1]).slice(0, -2)}`, ...whole.slice(2));
    expect(told(result)).toEqual(["2 damaged: left out: not valid JSON", "3 orphan: left out: the result of a call that is not in the file", "4 relinked: its predecessor is not in the file: now follows line 1"]);
    expect(links(result)).toEqual({ u1: null, a2: "u1", u3: "a2" });
  });

  test("beside other words only the result is taken out", () => {
    const text = `{"type":"user","uuid":"u2","parentUuid":"u1","sessionId":"${OLD}","message":{"content" : [ {"type":"text","text":"mine"} ,{"type":"tool_result","tool_use_id":"gone","content":"x"}], "role":"user"}}`;
    const result = mend(whole[0]!, text);
    expect(result.lines[1]).toBe(text.replace(/ : \[.*\], /, ' : [{"type":"text","text":"mine"}], ').replace(OLD, NEW));
    expect(told(result)).toEqual(["2 orphan: 1 result taken out of the record: the call is not in the file"]);
  });

  test("ids that come again are paired by the link", () => {
    const lines = [user("u1", null), agent("a1", "u1", [call("call_0")]), user("u2", "a1"), agent("a2", "u2", [call("call_0")]), user("r2", "a2", [resultOf("call_0")])];
    expect(answer(mend(...lines))).toMatchObject({ parentUuid: "a1" });
  });

  test("sidechains are left alone", () => {
    const side = (fields: Fields): Fields => ({ ...fields, isSidechain: true });
    expect(mend(...whole, side(agent("s1", null, [call("t8")])), side(user("s2", "s1", [resultOf("t9")]))).done).toEqual([]);
  });
});

test("damage of every kind at once, repaired, is sound", () => {
  const first = mend("x", ...whole, whole[0]!, agent("a7", "nowhere", [call("t7")]), user("l1", "l2"), user("l2", "l1", [resultOf("t6")]));
  expect(new Set(first.done.map(({ kind }) => kind))).toEqual(new Set(["damaged", "duplicate", "relinked", "unanswered", "orphan"]));
  expect(repair(input([...first.lines]), NEW).done).toEqual([]);
});

test("names of sessions and folders come from the records", () => {
  const { sessions, folders } = mend({ ...whole[0], sessionId: "other", cwd: "/work/app/sub" }, ...whole.slice(1));
  expect([sessions, folders]).toEqual([[OLD, "other"], ["/work/app/sub", "/work/app"]]);
  expect([launchFolder(folders, "-work-app"), launchFolder(folders, "-elsewhere"), launchFolder([], "x")]).toEqual(["/work/app", "/work/app/sub", ""]);
  expect(derivedId("a")).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(derivedId("a", "b")).not.toBe(derivedId("ab"));
});

