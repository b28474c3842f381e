/** The suite on what Gemini CLI 0.61.0 wrote, and what only its chats have: messages written again, steps back, older documents, subagents. */
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { freshStore, NOW, scratch, tellTurn } from "../../../test/helpers.ts";
import { sha256Hex } from "../../base/hash.ts";
import type { Event } from "../../event/schema.ts";
import { importSessions, type ImportReport } from "../../operations/import.ts";
import { listSessions, story } from "../../operations/sessions.ts";
import type { Store } from "../../store/store.ts";
import { describeHistory, jsonLinesChange } from "../history.suite.ts";
import { gemini } from "./history.ts";
import { ChatTranslator } from "./translate.ts";

const FIXTURE = "test/fixtures/gemini/0.61.0";
const MAIN = "ab6e56a1-d761-45e3-ba98-2521d8464257";
const FILE = "tmp/repo/chats/session-2026-11-23T08-48-ab6e56a1.jsonl";
const FIRST = "1 Put three and four into the notes: completed; read_file replace write_file run_shell_command(failed); added.txt created +1 -0, notes.txt edited +2 -1";
const TOLD = [FIRST, "2 Now wait for the deploy: interrupted", "3 Go on: completed"];

describeHistory(gemini, {
  fixture: FIXTURE,
  folder: ".gemini",
  session: MAIN,
  cwd: "/home/you/app",
  told: TOLD,
  answer: "The notes say three and four.",
  resume: `gemini --resume ${MAIN}`,
  file: FILE,
  prompt: "Put three and four into the notes",
  // A chat says nowhere which version wrote it; its model stands for that.
  version: "gemini-2.5-flash",
  change: jsonLinesChange({ id: "11111111-2222-4333-8444-555555555555", timestamp: "2026-11-23T09:00:00.000Z", type: "dream", content: "of sheep" }),
});

const take = (store: Store, home: string): Promise<ImportReport> => importSessions(store, { paths: [], places: { home: scratch(), environment: { GEMINI_CLI_HOME: home }, platform: process.platform }, scratch: scratch(), now: NOW, withinDays: 7 });
const told = async (store: Store, id = MAIN): Promise<string[]> => (await story(store, id)).turns.map((turn) => tellTurn(turn, "/home/you/app"));

function put(home: string, path: string, content: string): void {
  mkdirSync(dirname(join(home, ".gemini", path)), { recursive: true });
  writeFileSync(join(home, ".gemini", path), content);
}

/** The chat as versions before wrote it: one document, each message as it stood last. */
function document(): string {
  const records = readFileSync(join(FIXTURE, FILE), "utf8").trimEnd().split("\n").map((line) => JSON.parse(line) as Record<string, unknown>);
  const messages = new Map(records.filter(({ id }) => id !== undefined).map((record) => [record["id"], record]));
  return JSON.stringify({ ...records[0], messages: [...messages.values()] }, undefined, 2);
}

test("a chat of the older format, one document in a folder called by a hash, is read; where both formats stand side by side nothing is told twice", async () => {
  const [old, both] = [await freshStore(), await freshStore()];
  const home = scratch();
  put(home, `tmp/${sha256Hex("/home/you/app")}/chats/session-2026-11-23T08-48-ab6e56a1.json`, document());
  put(home, "projects.json", JSON.stringify({ projects: { "/home/you/app": "app" } }));
  expect(await take(old, home)).toMatchObject({ files: 1, quarantined: [] });
  expect(await told(old)).toEqual(TOLD);
  expect((await story(old, MAIN)).summary.cwd).toBe("/home/you/app");
  cpSync(FIXTURE, join(home, ".gemini"), { recursive: true });
  await take(both, home);
  expect(await told(both)).toEqual(TOLD);
  expect(await take(old, home)).toMatchObject({ files: 2, added: 0 });
});

test("a document that is torn is named, and the other chats are read", async () => {
  const [store, home] = [await freshStore(), scratch()];
  cpSync(FIXTURE, join(home, ".gemini"), { recursive: true });
  put(home, "tmp/repo/chats/session-2026-01-01T00-00-00000000.json", document().slice(0, 2000));
  expect((await take(store, home)).quarantined).toEqual([{ file: join(home, ".gemini/tmp/repo/chats/session-2026-01-01T00-00-00000000.json"), line: 0, reason: "damaged or torn: not valid JSON" }]);
  expect(await told(store)).toEqual(TOLD);
});

test("a subagent's chat belongs to the session whose folder it lies in", async () => {
  const [store, home] = [await freshStore(), scratch()];
  cpSync(FIXTURE, join(home, ".gemini"), { recursive: true });
  const head = { sessionId: "sub-1", projectHash: "x", startTime: "2026-11-23T08:48:10.000Z", kind: "subagent" };
  const asked = { id: "99999999-2222-4333-8444-555555555555", timestamp: "2026-11-23T08:48:11.000Z", type: "user", content: [{ text: "Count the lines" }] };
  put(home, `tmp/repo/chats/${MAIN}/sub-1.jsonl`, `${JSON.stringify(head)}\n${JSON.stringify(asked)}\n`);
  await take(store, home);
  expect((await listSessions(store)).map(({ id }) => id)).toEqual([MAIN]);
  expect((await store.read(MAIN)).map(({ event }) => event).filter(({ thread }) => thread === "sub-1")).toMatchObject([{ type: "subagent.started" }, { type: "prompt", payload: { kind: "subagent", text: "Count the lines" } }]);
});

const HEAD = { sessionId: MAIN, projectHash: "x", startTime: "2026-11-23T08:00:00.000Z", kind: "main" };
let n = 0;
const said = (type: string, text: string, more: object = {}): Record<string, unknown> => ({ id: `00000000-0000-4000-8000-${String(++n).padStart(12, "0")}`, timestamp: `2026-11-23T08:00:${String(n % 60).padStart(2, "0")}.000Z`, type, content: [{ text }], ...more });

function translated(...records: object[]): Event[] {
  const translator = new ChatTranslator({ projectOf: (cwd) => cwd, root: "/app" });
  return [HEAD, ...records].flatMap((record) => translator.push(record as Record<string, unknown>).events);
}

describe("records", () => {
  test("that go back leave what came after to be gone back on", async () => {
    const [store, home] = [await freshStore(), scratch()];
    const wrong = said("user", "Wrong");
    const records = [HEAD, said("user", "First"), said("gemini", "A"), wrong, said("gemini", "B"), { $rewindTo: wrong["id"] }, said("user", "Right"), said("gemini", "C")];
    put(home, "tmp/app/chats/session-2026-11-23T08-00-ab6e56a1.jsonl", records.map((record) => `${JSON.stringify(record)}\n`).join(""));
    await take(store, home);
    expect(await told(store)).toEqual(["1 First: completed", "2 Right: completed"]);
    expect((await story(store, MAIN)).rewound.map(({ prompt }) => prompt)).toEqual(["Wrong"]);
  });

  test("of a message that is written again when its calls are back keep their ids and their place", () => {
    const message = said("gemini", "I look.", { model: "m", tokens: { input: 100, output: 20, cached: 40, thoughts: 5 } });
    const call = { id: "ls_1", name: "list_directory", args: { path: "." }, status: "success", result: [{ functionResponse: { response: { output: "a" } } }], timestamp: "2026-11-23T08:00:59.000Z" };
    const events = translated(said("user", "Look"), message, { ...message, toolCalls: [call] });
    const answers = events.filter(({ type }) => type === "answer");
    expect(new Set(answers.map(({ id, parent }) => `${id} ${parent}`)).size).toBe(1);
    expect(events.find(({ type }) => type === "usage")).toMatchObject({ payload: { input: 60, output: 25, cache_read: 40 } });
    expect(events.find(({ type }) => type === "tool.returned")).toMatchObject({ time: Date.parse(call.timestamp), payload: { output: "a" } });
  });

  test("of the client's own are no prompts, and a compression is one", () => {
    const events = translated(said("user", "<session_context>\nThis is the Gemini CLI."), { $set: { messages: [said("user", "<state_snapshot>What was done</state_snapshot>")], summary: "Notes" } }, said("user", "", { content: [{ functionResponse: { response: { output: "x" } } }] }));
    expect(events.map(({ type }) => type)).toEqual(["session.started", "session.named", "session.compacted", "session.summarised"]);
  });

  test.each([["error", "Quota exceeded for today", "limit"], ["error", "Bad request", "error"], ["info", "Request cancelled.", "interrupted"]])("a notice (%s: %s) ends the turn", (type, text, how) => {
    expect(translated(said("user", "Go"), said(type, text)).at(-1)).toMatchObject({ type: "turn.ended", payload: { how } });
    expect(translated(said("user", "Go"), said("info", "A new version is there")).at(-1)!.type).toBe("prompt");
  });

  test.each([["cancelled", "tool.failed", true], ["error", "tool.failed", undefined]])("a call that is %s has failed", (status, type, rejected) => {
    const call = { id: "c", name: "run_shell_command", args: { command: "ls" }, status, result: [{ functionResponse: { response: { error: "no" } } }] };
    expect(translated(said("gemini", "", { toolCalls: [call] })).at(-1)).toMatchObject({ type, payload: { error: "no", ...(rejected === undefined ? {} : { rejected }) } });
  });
});
