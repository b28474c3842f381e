/** The suite on what Codex 0.169.0 wrote, and what only Codex has: forks that share a file, subagents, migrated, compressed and older rollouts. */
import { cpSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import * as zlib from "node:zlib";
import { describe, expect, test } from "vitest";
import { freshStore, NOW, scratch, tellTurn } from "../../../test/helpers.ts";
import type { Event } from "../../event/schema.ts";
import { importSessions, type ImportReport } from "../../operations/import.ts";
import { listSessions, story } from "../../operations/sessions.ts";
import type { Store } from "../../store/store.ts";
import { describeHistory, jsonLinesChange } from "../history.suite.ts";
import { codex } from "./history.ts";
import { RolloutTranslator } from "./translate.ts";

const FIXTURE = "test/fixtures/codex/0.169.0";
const DAY = "sessions/2026/11/23";
const MAIN = "01a20781-db92-7322-8ba5-8191165426c4";
const FORK = "01a20781-f1d8-7562-acd4-18a97b0207cb";
const SPAWNING = "01a20781-f652-7800-8c42-88f5df39a5a9";
const TOLD = [
  "1 Put three and four into the notes: completed; exec_command apply_patch exec_command(failed) update_plan(failed); added.txt created +1 -0, notes.txt edited +2 -1",
  "2 Now wait for the deploy: interrupted; exec_command(rejected)",
  "3 Make it fail: error",
  "4 Go on from there: completed",
];

describeHistory(codex, {
  fixture: FIXTURE,
  folder: ".codex",
  session: MAIN,
  cwd: "/home/you/app",
  told: TOLD,
  answer: "The notes say three and four.",
  resume: `codex resume ${MAIN}`,
  file: `${DAY}/rollout-2026-11-23T08-24-40-${MAIN}.jsonl`,
  prompt: "Put three and four into the notes",
  version: "0.169.0",
  change: jsonLinesChange({ timestamp: "2026-11-23T09:00:00.000Z", ordinal: 900, type: "dream", payload: { of: "sheep" } }),
});

const take = (store: Store, home: string, paths: readonly string[] = []): Promise<ImportReport> => importSessions(store, { paths, places: { home: scratch(), environment: { CODEX_HOME: home }, platform: process.platform }, scratch: scratch(), now: NOW, withinDays: 7 });
const told = async (store: Store, id: string): Promise<string[]> => (await story(store, id)).turns.map((turn) => tellTurn(turn, "/home/you/app"));

function copy(): string {
  const home = scratch();
  cpSync(FIXTURE, home, { recursive: true });
  return home;
}

describe("a fork", () => {
  const WHOLE = [...TOLD, "5 And what now?: completed"];

  test("goes on from the part of the other file that it names, whichever is read first", async () => {
    const [together, forkFirst] = [await freshStore(), await freshStore()];
    const home = copy();
    await take(together, home);
    await take(forkFirst, home, [join(home, DAY, `rollout-2026-11-23T08-24-46-${FORK}.jsonl`)]);
    expect(await told(forkFirst, FORK)).toEqual(WHOLE);
    await take(forkFirst, home);
    for (const store of [together, forkFirst]) {
      expect(await told(store, FORK)).toEqual(WHOLE);
      expect(await told(store, MAIN)).toEqual(TOLD);
      expect((await listSessions(store)).find(({ id }) => id === FORK)).toMatchObject({ parent: MAIN, relation: "forked" });
    }
  });

  test("whose other file is gone still says whom it came from, and holds its own turns", async () => {
    const [store, home] = [await freshStore(), copy()];
    rmSync(join(home, DAY, `rollout-2026-11-23T08-24-40-${MAIN}.jsonl`));
    await take(store, home);
    expect(await told(store, FORK)).toEqual(["1 And what now?: completed"]);
    expect((await listSessions(store)).find(({ id }) => id === FORK)).toMatchObject({ parent: MAIN });
  });
});

test("a subagent's rollout belongs to the session that started it", async () => {
  const store = await freshStore();
  await take(store, copy());
  expect((await story(store, SPAWNING)).summary).toMatchObject({ turns: 1, subagents: 1 });
  expect((await store.read(SPAWNING)).filter(({ event }) => event.thread !== undefined && event.type === "prompt")).toMatchObject([{ event: { payload: { text: "Count the lines", kind: "subagent" } } }]);
  expect((await listSessions(store)).map(({ id }) => id).sort()).toEqual([MAIN, FORK, SPAWNING].sort());
});

/** As 0.55 wrote it, and as `codex migrate-rollouts` of 0.169 rewrote such a file. */
const OLD = "019a3f00-0000-7000-8000-000000000001";
const at = (second: number): string => new Date(Date.UTC(2025, 10, 1, 10, 0, second)).toISOString();
const message = (role: string, text: string): { type: string; payload: object } => ({ type: "response_item", payload: { type: "message", role, content: [{ type: role === "user" ? "input_text" : "output_text", text }] } });
const said = (type: string, text: string): { type: string; payload: object } => ({ type: "event_msg", payload: { type, message: text } });
const TOKENS = { type: "event_msg", payload: { type: "token_count", info: { total_token_usage: { input_tokens: 100, cached_input_tokens: 40, output_tokens: 20 }, last_token_usage: { input_tokens: 100, cached_input_tokens: 40, output_tokens: 20 } } } };
const CALL = [
  { type: "response_item", payload: { type: "function_call", name: "shell", arguments: '{"command":["bash","-lc","ls"]}', call_id: "call_oneoneoneoneoneone" } },
  { type: "response_item", payload: { type: "function_call_output", call_id: "call_oneoneoneoneoneone", output: '{"output":"a.txt\\n","metadata":{"exit_code":0,"duration_seconds":0.1}}' } },
];
const META = { id: OLD, timestamp: at(0), cwd: "/home/you/app", originator: "codex_cli_rs", cli_version: "0.55.0", instructions: null, source: "cli" };
const LEGACY: { type: string; payload: object }[] = [
  { type: "session_meta", payload: META }, message("user", "<environment_context>\n  <cwd>/home/you/app</cwd>\n</environment_context>"), message("user", "List the files"), said("user_message", "List the files"),
  { type: "turn_context", payload: { cwd: "/home/you/app", model: "gpt-5-codex" } }, ...CALL, said("agent_message", "There is a.txt."), message("assistant", "There is a.txt."), TOKENS, TOKENS,
];
const item = (type: string, text: string): object => ({ type: "event_msg", payload: { type: "item_completed", thread_id: OLD, turn_id: "rollout-3", item: { type, id: `item-${type}`, content: [{ type: "text", text }] } } });
const MIGRATED = [
  { type: "session_meta", payload: { ...META, session_id: OLD, history_mode: "paginated" } }, LEGACY[1]!, LEGACY[2]!, { type: "event_msg", payload: { type: "task_started", turn_id: "rollout-3" } }, item("UserMessage", "List the files"),
  LEGACY[4]!, ...CALL, item("AgentMessage", "There is a.txt."), LEGACY[8]!, TOKENS, { type: "event_msg", payload: { type: "task_complete", turn_id: "rollout-3", last_agent_message: null } },
];
const lines = (records: readonly object[]): string => records.map((record, i) => `${JSON.stringify({ timestamp: at(i), ...record })}\n`).join("");

function put(home: string, content: string | Buffer, ending = ""): string {
  const path = join(home, `sessions/2025/11/01/rollout-2025-11-01T10-00-00-${OLD}.jsonl${ending}`);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  return path;
}

const OLD_TOLD = ["1 List the files: completed; shell"];

test("a rollout that the client migrates after it was imported adds the end of its turn and nothing twice", async () => {
  const [store, home] = [await freshStore(), scratch()];
  put(home, lines(LEGACY));
  await take(store, home);
  expect(await told(store, OLD)).toEqual(OLD_TOLD);
  expect((await story(store, OLD)).summary.tokens).toEqual({ input: 60, output: 20, cache_read: 40, cache_write: 0 });
  const before = await store.read(OLD);
  put(home, lines(MIGRATED));
  expect(await take(store, home)).toMatchObject({ added: 1, quarantined: [] });
  expect((await store.read(OLD)).slice(before.length).map(({ event }) => event.type)).toEqual(["turn.ended"]);
  expect(await told(store, OLD)).toEqual(OLD_TOLD);
});

test("a compressed rollout gives what the plain one gives where Node can read it, and is named where it cannot", async () => {
  const [store, home] = [await freshStore(), scratch()];
  const compress = (zlib as { zstdCompressSync?: (data: string) => Buffer }).zstdCompressSync;
  if (compress === undefined) {
    const path = put(home, Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0]), ".zst");
    expect((await take(store, home)).quarantined).toEqual([{ file: path, line: 0, reason: "compressed with zstd, which takes Node 22.15 or later to read" }]);
    return;
  }
  const whole = compress(lines(LEGACY));
  const path = put(home, whole.subarray(0, whole.length - 20), ".zst");
  expect((await take(store, home)).quarantined).toMatchObject([{ file: path, reason: "damaged: from here on it cannot be decompressed" }]);
  put(home, whole, ".zst");
  expect(await take(store, home)).toMatchObject({ quarantined: [] });
  expect(await told(store, OLD)).toEqual(OLD_TOLD);
});

test("where a plain and a compressed rollout stand side by side the plain one is read; archived ones are found", async () => {
  const [store, home] = [await freshStore(), scratch()];
  const path = put(home, lines(LEGACY));
  put(home, Buffer.from([0]), ".zst");
  expect(await take(store, home)).toMatchObject({ files: 1, quarantined: [] });
  mkdirSync(join(home, "archived_sessions"));
  rmSync(`${path}.zst`);
  renameSync(path, join(home, "archived_sessions", path.split("/").at(-1)!));
  expect(await take(store, home)).toMatchObject({ files: 1, added: 0, quarantined: [] });
});

function translated(records: readonly object[]): Event[] {
  const translator = new RolloutTranslator({ projectOf: (cwd) => cwd });
  return [...records.map((record, i) => ({ timestamp: at(i), ...record })).flatMap((record) => translator.push(record).events), ...translator.end()];
}

const texts = (events: readonly Event[]): string[] => events.flatMap((event) => (event.type === "prompt" ? [`${event.payload.kind}: ${event.payload.text}`] : event.type === "answer" ? [`answer: ${event.payload.text}`] : []));

describe("words", () => {
  test("of the client's in the user's place are no prompts", () => {
    const client = ["# AGENTS.md instructions for /app\n\n<INSTRUCTIONS>x</INSTRUCTIONS>", "<user_instructions>x</user_instructions>", "<turn_aborted>x</turn_aborted>", "<skill>\n<name>x</name></skill>"];
    expect(texts(translated([LEGACY[0]!, ...client.map((text) => message("user", text)), message("developer", "Be kind"), message("user", "<b>bold</b> is what I want")]))).toEqual(["user: <b>bold</b> is what I want"]);
  });

  test("that an editor's extension puts before the request are left out; a command of the user's own is one", () => {
    const ide = "# Context from my IDE setup:\n\n## Open tabs:\n- a.ts\n\n## My request for Codex:\nFix it\n";
    expect(texts(translated([LEGACY[0]!, message("user", ide), message("user", "<user_shell_command>\n<command>\nls -l\n</command>\n<result>x</result>\n</user_shell_command>")]))).toEqual(["user: Fix it\n", "shell: ! ls -l"]);
  });

  test("that only events tell are told once; those that items tell are not told by events again", () => {
    const ended = { type: "event_msg", payload: { type: "task_complete", turn_id: "t" } };
    expect(texts(translated([LEGACY[0]!, said("user_message", "One"), said("agent_message", "Two"), ended]))).toEqual(["user: One", "answer: Two"]);
    expect(texts(translated([LEGACY[0]!, message("user", "One"), said("user_message", "One!"), said("agent_message", "Two"), message("assistant", "Two"), ended]))).toEqual(["user: One", "answer: Two"]);
  });

  test("said twice are two prompts, with ids that stay what they are", () => {
    const twice = translated([LEGACY[0]!, message("user", "again"), message("user", "again")]);
    expect(texts(twice)).toEqual(["user: again", "user: again"]);
    expect(new Set(twice.map(({ id }) => id)).size).toBe(twice.length);
    expect(translated([LEGACY[0]!, message("user", "again"), message("user", "again")])).toEqual(twice);
  });

  test("that were rolled back are gone back on", async () => {
    const [store, home] = [await freshStore(), scratch()];
    const back = { type: "event_msg", payload: { type: "thread_rolled_back", num_turns: 1 } };
    put(home, lines([LEGACY[0]!, message("user", "First"), message("assistant", "A"), message("user", "Wrong"), message("assistant", "B"), back, message("user", "Right"), message("assistant", "C")]));
    await take(store, home);
    expect(await told(store, OLD)).toEqual(["1 First: completed", "2 Right: completed"]);
    expect((await story(store, OLD)).rewound.map(({ prompt }) => prompt)).toEqual(["Wrong"]);
  });
});

test("before autumn 2025 lines were bare items", () => {
  const bare = [{ id: OLD, timestamp: at(0), instructions: null }, { record_type: "state" }, ...LEGACY.filter((record) => record.type === "response_item").map(({ payload }) => payload)];
  const translator = new RolloutTranslator({ projectOf: (cwd) => cwd });
  const events = [...bare.flatMap((record) => translator.push(record as Record<string, unknown>).events), ...translator.end()];
  expect(texts(events)).toEqual(["user: List the files", "answer: There is a.txt."]);
  expect(events.every(({ session, time }) => session === OLD && time === Date.parse(at(0)))).toBe(true);
  expect(codex.wrote(Buffer.from(JSON.stringify(bare[0])), "x.jsonl")).toBe(true);
});

test.each([
  ["a patch in a tool of its own", { type: "custom_tool_call", name: "apply_patch", input: "*** Begin Patch\n*** Update File: a.ts\n*** Move to: b.ts\n@@\n-x\n+y\n+z\n*** End Patch" }, [{ path: "/home/you/app/a.ts", change: "deleted" }, { path: "/home/you/app/b.ts", change: "created", added: 2, removed: 1 }]],
  ["a patch in a line of shell", { type: "function_call", name: "shell", arguments: JSON.stringify({ command: ["bash", "-lc", "apply_patch <<'EOF'\n*** Begin Patch\n*** Add File: /tmp/n.txt\n+one\n*** Delete File: o.txt\n*** End Patch\nEOF"] }) }, [{ path: "/tmp/n.txt", change: "created", added: 1, removed: 0 }, { path: "/home/you/app/o.txt", change: "deleted" }]],
])("%s says which files it touched once it was done", (_, call, files) => {
  const about = { call_id: "call_twotwotwotwotwotwo" };
  const result = (output: string): object => ({ type: "response_item", payload: { type: "function_call_output", ...about, output } });
  const touched = (output: string): unknown[] => translated([LEGACY[0]!, { type: "response_item", payload: { ...call, ...about } }, result(output)]).flatMap((event) => (event.type === "files.touched" ? [event.payload.files] : []));
  expect(touched("Exit code: 0\nSuccess. Updated the following files")).toEqual([files]);
  expect(touched("apply_patch verification failed: no such file")).toEqual([]);
});

test("the fixture's fork names a place that is the end of a line", () => {
  const fork = JSON.parse(readFileSync(join(FIXTURE, DAY, `rollout-2026-11-23T08-24-46-${FORK}.jsonl`), "utf8").split("\n")[0]!) as { payload: { history_base: { end_byte_offset: number } } };
  expect(readFileSync(join(FIXTURE, DAY, `rollout-2026-11-23T08-24-40-${MAIN}.jsonl`))[fork.payload.history_base.end_byte_offset - 1]).toBe(10);
});
