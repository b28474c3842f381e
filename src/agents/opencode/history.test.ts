/** The suite on what opencode 1.18.33 wrote, and what only opencode has: a database in use, exports, forks told by their copies, older files. */
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { freshStore, NOW, scratch, tellTurn } from "../../../test/helpers.ts";
import type { Event } from "../../event/schema.ts";
import { importSessions, type ImportReport } from "../../operations/import.ts";
import { listSessions, story } from "../../operations/sessions.ts";
import { openDatabase, type Database } from "../../store/sqlite/driver.ts";
import type { Store } from "../../store/store.ts";
import { describeHistory } from "../history.suite.ts";
import { opencode } from "./history.ts";
import { SessionTranslator } from "./translate.ts";

const FIXTURE = "test/fixtures/opencode/1.18.33";
const MAIN = "ses_df8721f05ffeQvmJcDQQo1Rl57";
const FORK = "ses_df8712352ffexboOVwidtqyIxr";
const EXPORT = join(FIXTURE, `${MAIN}.json`);
const FIRST = `1 "Put three and four into the notes": completed; read edit write bash(failed) todowrite; added.txt created +1 -0, notes.txt edited +2 -1`;
const WAIT = `2 "Now wait for the deploy": interrupted; bash(open)`;
const TOLD = [FIRST, WAIT, `3 "Let somebody count": completed; task`];

/** The recorded tables as a database again, in the mode the client keeps it in. */
function build(folder: string): string {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, "opencode.db");
  change(path, (database) => {
    database.exec("PRAGMA journal_mode = WAL");
    const { schema, rows } = JSON.parse(readFileSync(join(FIXTURE, "opencode.db.json"), "utf8")) as { schema: string[]; rows: Record<string, Record<string, string | number | null>[]> };
    for (const sql of schema) database.exec(sql);
    for (const [table, all] of Object.entries(rows)) {
      for (const row of all) database.prepare(`INSERT INTO ${table} (${Object.keys(row).join(", ")}) VALUES (${Object.keys(row).map(() => "?").join(", ")})`).run(...Object.values(row));
    }
  });
  return path;
}

/**
 * In a copy that is put in its place: a connection can live on until its statements are collected, and takes the log beside
 * its file away when it goes.
 */
function change(path: string, body: (database: Database) => void): void {
  const copy = join(scratch(), "edited.db");
  if (existsSync(path)) copyFileSync(path, copy);
  const database = openDatabase(copy);
  try {
    body(database);
    database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  } finally {
    database.close();
  }
  copyFileSync(copy, path);
}

function replace(path: string, from: string, to: string): void {
  change(path, (database) => {
    for (const [table, column] of [["part", "data"], ["message", "data"], ["session", "version"]]) database.prepare(`UPDATE ${table} SET ${column} = replace(${column}, ?, ?)`).run(from, to);
  });
}

const DATA = ".local/share/opencode";

describeHistory(opencode, {
  fixture: FIXTURE,
  folder: DATA,
  lay: (folder) => void build(folder),
  session: MAIN,
  cwd: "/home/you/app",
  told: TOLD,
  answer: "The notes say three and four.",
  resume: `opencode --session ${MAIN}`,
  file: "opencode.db",
  prompt: "Put three and four into the notes",
  version: "1.18.33",
  change: {
    replace,
    newer: (path, version) => {
      replace(path, version, "99.0.0");
      change(path, (database) => database.exec("ALTER TABLE part ADD COLUMN unheard_of text; ALTER TABLE session ADD COLUMN unheard_of text"));
    },
    strange: (path) => change(path, (database) => {
      database.prepare("INSERT INTO part SELECT 'prt_zzz', message_id, session_id, time_created, time_updated + 1, ? FROM part WHERE session_id = ? ORDER BY id LIMIT 1").run('{"type":"dream","of":"sheep"}', MAIN);
    }),
    touch: (path) => change(path, (database) => void database.prepare("UPDATE session SET time_updated = time_updated + 1").run()),
  },
}, [
  { test: "a file that grew gives what it gives when it is read whole", because: "a database is no list of lines; what is half written in it is tested below" },
  { test: "a damaged line is named, and the others are read", because: "a database is no list of lines; one that is damaged is tested below" },
]);

const take = (store: Store, home: string, paths: readonly string[] = []): Promise<ImportReport> => importSessions(store, { paths, places: { home, environment: {}, platform: process.platform }, scratch: scratch(), now: NOW, withinDays: 7 });
const told = async (store: Store, id = MAIN): Promise<string[]> => (await story(store, id)).turns.map((turn) => tellTurn(turn, "/home/you/app"));

function laid(): { home: string; path: string } {
  const home = scratch();
  return { home, path: build(join(home, DATA)) };
}

describe("a database that the client has open", () => {
  test("is read with what stands only in its log, while a write is under way, and nothing beside it changes", async () => {
    const { home, path } = laid();
    const client = openDatabase(path);
    onTestFinished(() => client.close());
    client.exec("UPDATE session SET title = 'Named while it ran'");
    expect(statSync(`${path}-wal`).size).toBeGreaterThan(0);
    client.exec("BEGIN IMMEDIATE; UPDATE session SET title = 'Not yet'");
    const look = (): unknown => readdirSync(dirname(path)).map((name) => [name, statSync(join(dirname(path), name)).mtimeMs, readFileSync(join(dirname(path), name), "latin1")]);
    const before = look();
    const store = await freshStore();
    expect(await take(store, home)).toMatchObject({ quarantined: [] });
    expect(look()).toEqual(before);
    expect((await story(store, MAIN)).summary.title).toBe("Named while it ran");
    client.exec("COMMIT");
  });

  test("leaves no copy behind, also when it is none", async () => {
    const { home, path } = laid();
    const own = scratch();
    // Of an import that was killed long ago, and of one that runs.
    for (const name of ["copy-old", "copy-new"]) mkdirSync(join(own, name));
    utimesSync(join(own, "copy-old"), new Date(0), new Date(0));
    const options = { paths: [], places: { home, environment: {}, platform: process.platform }, scratch: own, now: NOW, withinDays: 7 };
    await importSessions(await freshStore(), options);
    // A log that is still there would make it whole again.
    rmSync(`${path}-wal`, { force: true });
    writeFileSync(path, Buffer.concat([Buffer.from("SQLite format 3\0"), Buffer.alloc(5000, 7)]));
    const { quarantined } = await importSessions(await freshStore(), options);
    expect(quarantined).toEqual([{ file: path, line: 0, reason: expect.stringMatching(/^a database that cannot be read here: /) }]);
    expect(readdirSync(own)).toEqual(["copy-new"]);
  });

  test("with tables of another shape is named, and the rest is read", async () => {
    const { home, path } = laid();
    copyFileSync(EXPORT, join(dirname(path), `${MAIN}.json`));
    change(path, (database) => database.exec("ALTER TABLE part RENAME COLUMN data TO content"));
    const store = await freshStore();
    expect((await take(store, home)).quarantined).toEqual([{ file: path, line: 0, reason: expect.stringContaining("no such column") }]);
    expect(await told(store)).toEqual(TOLD);
  });
});

test("a subagent's session belongs to the one that started it, and is none of its own", async () => {
  const store = await freshStore();
  await take(store, laid().home);
  expect((await listSessions(store)).map(({ id }) => id).sort()).toEqual([MAIN, FORK].sort());
  expect((await story(store, MAIN)).summary.subagents).toBe(1);
});

test("a fork, which the client writes as a copy under new ids, is told by what it copied", async () => {
  const store = await freshStore();
  await take(store, laid().home);
  expect(await told(store, FORK)).toEqual([FIRST, WAIT, `3 "And what now?": completed`]);
  expect((await listSessions(store)).find(({ id }) => id === FORK)).toMatchObject({ parent: MAIN, relation: "forked" });
});

test("an export adds nothing to what came from the database, and alone gives the same story", async () => {
  const [both, alone] = [await freshStore(), await freshStore()];
  const { home } = laid();
  await take(both, home);
  expect(await take(both, home, [EXPORT])).toMatchObject({ added: 0, quarantined: [] });
  await take(alone, home, [EXPORT]);
  expect(await told(alone)).toEqual(TOLD);
});

test("an export that is torn or empty is refused by name", async () => {
  const path = join(scratch(), "torn.json");
  writeFileSync(path, readFileSync(EXPORT, "utf8").slice(0, 3000));
  await expect(take(await freshStore(), scratch(), [path])).rejects.toMatchObject({ code: "NOT_A_TRANSCRIPT", message: `${path}: damaged or torn: not valid JSON` });
});

/** The files that versions before the database kept: the same documents, one each. */
function store(folder: string): void {
  const { info, messages } = JSON.parse(readFileSync(EXPORT, "utf8")) as { info: { id: string }; messages: { info: { id: string }; parts: { id: string }[] }[] };
  const put = (path: string, value: object): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), JSON.stringify(value));
  };
  put(`storage/session/global/${info.id}.json`, info);
  for (const { info: message, parts } of messages) {
    put(`storage/message/${info.id}/${message.id}.json`, message);
    for (const part of parts) put(`storage/part/${message.id}/${part.id}.json`, part);
  }
}

test("files of before the database are read, and add nothing where both stand side by side", async () => {
  const [alone, both] = [await freshStore(), await freshStore()];
  const home = scratch();
  store(join(home, DATA));
  expect(await take(alone, home)).toMatchObject({ files: 1, quarantined: [] });
  expect(await told(alone)).toEqual(TOLD);
  const before = (await alone.head()).position;
  build(join(home, DATA));
  await take(alone, home);
  await take(both, home);
  expect(await told(both)).toEqual(await told(alone));
  expect((await alone.head()).position).toBeGreaterThan(before);
  expect(existsSync(join(home, DATA, "storage"))).toBe(true);
});

describe("a message that is being written", () => {
  const info = { id: "msg_1", role: "assistant", modelID: "m", parentID: "msg_0", time: { created: 1_795_000_000_000 } };
  const text = (words: string, end?: number): object => ({ id: "prt_1", type: "text", text: words, time: { start: 1, ...(end === undefined ? {} : { end }) } });
  const events = (...parts: object[]): Event[] => {
    const translator = new SessionTranslator({ projectOf: (cwd) => cwd });
    translator.push({ info: { id: "ses_1", directory: "/app", time: { created: 1 } } });
    return translator.push({ info, parts }).events;
  };

  test("is left for the next reading until it says that it is whole", () => {
    expect(events(text("The no"))).toEqual([]);
    expect(events(text("The notes", 2)).map(({ type }) => type)).toEqual(["model.changed", "answer"]);
  });

  test("has calls whose result comes later under the same id", () => {
    const call = (state: object): object => ({ id: "prt_1", type: "tool", tool: "bash", callID: "toolu_0123456789abcdef", state: { input: { command: "ls" }, time: { start: 5, end: 9 }, ...state } });
    const running = events(call({ status: "running" }));
    const done = events(call({ status: "completed", output: "a", metadata: { exit: 0 } }));
    expect(running.map(({ type, id }) => [type, id])).toEqual(done.slice(0, 2).map(({ type, id }) => [type, id]));
    expect(done.at(-1)).toMatchObject({ type: "tool.returned", time: 9, payload: { call: "toolu_0123456789abcdef", output: "a", ms: 4 } });
    expect(events(call({ status: "pending", input: {} }))).toEqual([expect.objectContaining({ type: "model.changed" })]);
  });

  test.each([["MessageAbortedError", "Aborted", "interrupted"], ["APIError", "rate limit exceeded", "limit"], ["UnknownError", "no", "error"]])("that ends in %s says how its turn ended", (name, message, how) => {
    const translator = new SessionTranslator({ projectOf: (cwd) => cwd });
    translator.push({ info: { id: "ses_1", directory: "/app", time: { created: 1 } } });
    expect(translator.push({ info: { ...info, error: { name, data: { message } } }, parts: [] }).events.at(-1)).toMatchObject({ type: "turn.ended", payload: { how, text: message } });
  });
});
