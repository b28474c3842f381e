/**
 * Damage to the files of a store is found and named: every column of every table that the log stands on, changed one
 * at a time through SQL, whole rows gone or exchanged, and random bits of the files themselves turned over.
 *
 * Not found by anything here: a log that was cut and whose head was rewritten to match, since
 * nothing outside the store knows better, and changes to the import's own notes.
 */
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TidemarkError } from "../../src/base/errors.ts";
import { refreshSummaries } from "../../src/operations/sessions.ts";
import { verify } from "../../src/operations/verify.ts";
import type { Problem, ProblemCode } from "../../src/store/problems.ts";
import { openDatabase, type Database } from "../../src/store/sqlite/driver.ts";
import type { Store } from "../../src/store/store.ts";
import { openSqliteStore } from "../../src/store/sqlite/store.ts";
import { answer, called, ended, forked, prompt, returned, started } from "../builders.ts";
import { batchOf, randomFrom, seedOf } from "./batches.ts";

const FLIPS = Number(process.env["TIDEMARK_FLIPS"] ?? 150);

let home: string;
let sound: string;
beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), "tidemark-flip-"));
  sound = join(home, "sound");
  const store = await openSqliteStore(sound);
  await store.append([
    started("s1", "/work/app", { time: 1000 }),
    prompt("please rename the harbour", { id: "p2", session: "s1", thread: "sub", record: "r2", parent: "r1" }),
    answer("the harbour is renamed", { id: "p3" }),
    returned("output ".repeat(300), { id: "p4" }),
    ended(`first ${"long ".repeat(2000)}`, { id: "p5" }),
    ended(`second ${"other ".repeat(2000)}`, { id: "p6" }),
    prompt("to be forgotten", { id: "p7" }),
    forked("s2", "s1", ["p2", "p3"], { id: "p8" }),
    called("Bash", { command: "make" }, { id: "p9", session: "s2" }),
    answer("the last word", { id: "p10" }),
  ]);
  await store.erase(["p7"]);
  for (let n = 0; n < 12; n++) await store.append(batchOf("more", 7, n));
  await refreshSummaries(store);
  expect((await verify(store)).problems).toEqual([]);
  await store.close();
  // Closing does not always do it: everything has to stand in the files themselves.
  for (const name of FILES) {
    const database = openDatabase(join(sound, name));
    expect(database.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get()).toMatchObject({ busy: 0, log: 0 });
    database.close();
  }
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

const FILES = ["log.db", "objects.db"] as const;

function copyOf(folder: string): void {
  mkdirSync(folder, { recursive: true });
  for (const name of FILES) copyFileSync(join(sound, name), join(folder, name));
}

type Damage = (log: Database, objects: Database) => void;

/** A copy of the sound store with something done to it, and what is found in it. */
async function problemsAfter(damage: Damage, by: "check" | "verify"): Promise<Problem[]> {
  const folder = mkdtempSync(join(home, "case-"));
  copyOf(folder);
  const [log, objects] = [openDatabase(join(folder, "log.db")), openDatabase(join(folder, "objects.db"))];
  damage(log, objects);
  log.close();
  objects.close();
  const store = await openSqliteStore(folder);
  try {
    return by === "check" ? await store.check() : (await verify(store)).problems;
  } finally {
    await store.close();
  }
}

const row = (log: Database, position: number, column: string): Uint8Array => log.prepare(`SELECT CAST(${column} AS BLOB) AS value FROM event WHERE position = ?`).get(position)!["value"] as Uint8Array;

/** One bit of a column of an event turned over, whatever its type. */
function flip(column: string, position: number, byte = 0): Damage {
  return (log) => {
    const bytes = Buffer.from(row(log, position, column));
    bytes[byte]! ^= 1;
    const { type } = log.prepare(`SELECT typeof(${column}) AS type FROM event WHERE position = ?`).get(position)!;
    log.prepare(`UPDATE event SET ${column} = CAST(? AS ${String(type)}) WHERE position = ?`).run(bytes, position);
  };
}

const sql = (text: string): Damage => (log) => log.exec(text);
const inObjects = (text: string): Damage => (_, objects) => objects.exec(text);

interface Case {
  readonly what: string;
  readonly damage: Damage;
  /** Absent where any would do. */
  readonly code?: ProblemCode;
  readonly where?: RegExp;
  /** What is asked; what `check` does not look at is found by `verify`. */
  readonly by?: "verify";
  /** Why it is not found yet. The test then fails as soon as it is. */
  readonly exempt?: string;
}


const CASES: readonly Case[] = [
  ...["id", "time", "type", "session", "agent", "thread", "record", "parent"].map((column): Case => ({ what: `a flipped bit in the ${column} of an event`, damage: flip(column, 2), code: "CHAIN_BROKEN", where: /^event 2 / })),
  ...["thread", "record", "parent"].map((column): Case => ({ what: `the ${column} of an event gone`, damage: sql(`UPDATE event SET ${column} = NULL WHERE position = 2`), code: "CHAIN_BROKEN", where: /^event 2 / })),
  ...["thread", "record", "parent"].map((column): Case => ({ what: `a ${column} that an event never had`, damage: sql(`UPDATE event SET ${column} = '' WHERE position = 3`), code: "CHAIN_BROKEN", where: /^event 3 / })),
  { what: "another type of event", damage: sql("UPDATE event SET type = 'answer' WHERE position = 2"), code: "CHAIN_BROKEN", where: /^event 2 / },
  { what: "a type that means more than the payload holds", damage: sql("UPDATE event SET type = 'session.forked' WHERE position = 2"), code: "CHAIN_BROKEN", where: /^event 2 / },
  { what: "a flipped bit in the link of an event", damage: flip("link", 3, 31), code: "CHAIN_BROKEN", where: /^event 3 / },
  { what: "a flipped bit in the content hash of an event", damage: flip("content", 3, 31), code: "PAYLOAD_CHANGED", where: /^event 3 / },
  { what: "a flipped bit in the content hash of an erased event", damage: flip("content", 7, 31), code: "CHAIN_BROKEN", where: /^event 7 / },
  { what: "a flipped bit in the salt of an event", damage: flip("salt", 3, 15), code: "PAYLOAD_CHANGED", where: /^event 3 / },
  { what: "the salt of an event gone", damage: sql("UPDATE event SET salt = NULL WHERE position = 3"), code: "PAYLOAD_CHANGED", where: /^event 3 / },
  { what: "another letter in a payload", damage: sql("UPDATE event SET payload = replace(payload, 'harbour', 'Harbour') WHERE position = 3"), code: "PAYLOAD_CHANGED", where: /^event 3 / },
  { what: "white space in a payload", damage: sql("UPDATE event SET payload = payload || ' ' WHERE position = 3"), code: "PAYLOAD_CHANGED", where: /^event 3 / },
  { what: "a payload that is no JSON", damage: sql("UPDATE event SET payload = '{\"text' WHERE position = 3"), code: "PAYLOAD_CHANGED", where: /^event 3 / },
  { what: "a flipped bit in a packed payload", damage: flip("payload", 4, 3), code: "PAYLOAD_CHANGED", where: /^event 4 / },
  { what: "a packed payload cut short", damage: sql("UPDATE event SET payload = substr(payload, 1, 10) WHERE position = 4"), code: "PAYLOAD_UNREADABLE", where: /^event 4 / },
  { what: "a fork's note that cannot be read", damage: sql("UPDATE event SET payload = X'FFFF' WHERE position = 8"), code: "PAYLOAD_UNREADABLE", where: /^event 8 / },
  { what: "a payload put where one was erased", damage: sql("UPDATE event SET payload = '{}', salt = X'00' WHERE position = 7"), code: "PAYLOAD_CHANGED", where: /^event 7 / },
  { what: "the payloads of two events exchanged", damage: sql("UPDATE event SET payload = (SELECT payload FROM event o WHERE o.position = 5 - event.position) WHERE position IN (2, 3)"), code: "PAYLOAD_CHANGED", where: /^event 2 / },
  { what: "two events exchanged", damage: sql("UPDATE event SET position = -position WHERE position IN (2, 3); UPDATE event SET position = 5 + position WHERE position < 0"), code: "CHAIN_BROKEN", where: /^event 2 / },
  { what: "an event gone from the middle", damage: sql("DELETE FROM event WHERE position = 3"), code: "EVENT_MISSING", where: /^positions 3 to 3$/ },
  { what: "the first event gone", damage: sql("DELETE FROM event WHERE position = 1"), code: "EVENT_MISSING", where: /^positions 1 to 1$/ },
  { what: "the last events gone", damage: sql("DELETE FROM event WHERE position > 20"), code: "TAIL_MISSING", where: /^after event 20$/ },
  { what: "an event gone and the gap closed", damage: sql("DELETE FROM event WHERE position = 3; UPDATE event SET position = -position WHERE position > 3; UPDATE event SET position = -position - 1 WHERE position < 0"), code: "CHAIN_BROKEN", where: /^event 3 / },
  { what: "an event put in at the end", damage: sql("INSERT INTO event SELECT (SELECT max(position) + 1 FROM event), 'x', time, type, session, agent, thread, record, parent, content, link, salt, payload FROM event WHERE position = 3"), code: "CHAIN_BROKEN", where: /^event \d+ \(x,/ },
  { what: "a flipped bit in the head's link", damage: sql("UPDATE head SET link = zeroblob(32)"), code: "CHAIN_BROKEN", where: /^head at event / },
  { what: "a head that is too far on", damage: sql("UPDATE head SET position = position + 1"), code: "TAIL_MISSING", where: /^after event / },
  { what: "a head that is behind its events", damage: sql("UPDATE head SET position = 3, link = (SELECT link FROM event WHERE position = 3)"), code: "CHAIN_BROKEN", where: /^head at event 3/ },
  { what: "the head gone", damage: sql("DELETE FROM head"), code: "CHAIN_BROKEN", where: /^head at event / },
  { what: "an object gone", damage: inObjects("DELETE FROM object WHERE rowid = 1"), code: "OBJECT_MISSING", where: /^object [0-9a-f]{16}$/ },
  { what: "a flipped bit in an object's hash", damage: inObjects("UPDATE object SET hash = zeroblob(32) WHERE rowid = 1"), code: "OBJECT_CHANGED", where: /^object 0000000000000000$/ },
  { what: "an object's bytes changed", damage: inObjects("UPDATE object SET body = (SELECT body FROM object o WHERE o.rowid = 2) WHERE rowid = 1"), code: "OBJECT_CHANGED", where: /^object [0-9a-f]{16}$/ },
  { what: "an object's bytes cut short", damage: inObjects("UPDATE object SET body = substr(body, 1, 20) WHERE rowid = 1"), code: "OBJECT_CHANGED", where: /^object [0-9a-f]{16}$/ },
  { what: "an object's note of being packed changed", damage: inObjects("UPDATE object SET deflated = 0 WHERE rowid = 1"), code: "OBJECT_CHANGED", where: /^object [0-9a-f]{16}$/ },
  { what: "a shared event gone from a fork", damage: sql("DELETE FROM shared WHERE position = 2"), code: "MEMBERSHIP_DIFFERS", where: /^session s2$/ },
  { what: "an event too many shared with a fork", damage: sql("INSERT INTO shared (session, position) VALUES ('s2', 4)"), code: "MEMBERSHIP_DIFFERS", where: /^session s2$/ },
  { what: "a shared event in a session that is no fork", damage: sql("INSERT INTO shared (session, position) VALUES ('s1', 9)"), code: "MEMBERSHIP_DIFFERS", where: /^session s1$/ },
  { what: "an event gone from the text index", damage: sql("DELETE FROM words WHERE rowid = 2"), by: "verify", code: "INDEX_DIFFERS", where: /^word / },
  { what: "a word in the text index that no event holds", damage: sql("INSERT INTO words (rowid, body, names, tags) VALUES (7, 'forgotten', '', '')"), by: "verify", code: "INDEX_DIFFERS", where: /^word "forgotten"$/ },
  { what: "the words of an event under another's place in the text index", damage: sql("DELETE FROM words WHERE rowid = 9; INSERT INTO words (rowid, body, names, tags) VALUES (7, 'Bash make', '', 'xqroletool xqagentclaudecode xqprojecte3b0c44298fc xqtoolbash')"), by: "verify", code: "INDEX_DIFFERS", where: /^word / },
  { what: "a summary that is not what its events add up to", damage: sql("UPDATE summary SET body = replace(body, '\"turns\":', '\"turns\":1') WHERE session = 's1'"), by: "verify", code: "SUMMARY_DIFFERS", where: /^session s1$/ },
  { what: "a trace", damage: sql("UPDATE summary SET trace = replace(trace, '[]', '[[\"x.ts\",1]]') WHERE session = 's1'"), by: "verify", code: "SUMMARY_DIFFERS", where: /^session s1$/ },
  { what: "a trace that cannot be read", damage: sql("UPDATE summary SET trace = '{' WHERE session = 's1'"), by: "verify", code: "SUMMARY_DIFFERS", where: /^session s1$/ },
  { what: "a summary of a session without events", damage: sql("INSERT INTO summary SELECT 'ghost', up_to, ended, project, turns, replace(body, '\"s1\"', '\"ghost\"'), trace FROM summary WHERE session = 's1'"), by: "verify", code: "SUMMARY_DIFFERS", where: /^session ghost$/ },
  { what: "a payload that is no JSON, asked of verify", damage: sql("UPDATE event SET payload = '{\"text' WHERE position = 3"), by: "verify", code: "PAYLOAD_CHANGED", where: /^event 3 / },
  { what: "an object that does not inflate, asked of verify", damage: inObjects("UPDATE object SET body = substr(body, 1, 20) WHERE rowid = 1"), by: "verify", code: "OBJECT_CHANGED", where: /^object / },
  { what: "a summary that is no JSON", damage: sql("UPDATE summary SET body = '{' WHERE session = 's1'"), by: "verify", code: "SUMMARY_DIFFERS", where: /^session s1$/ },
  { what: "a summary's place in the order changed", damage: sql("UPDATE summary SET ended = 1 WHERE session = 's1'"), by: "verify" },
  { what: "an object's use forgotten, so that erasing another event would take the object away", damage: sql("DELETE FROM object_use WHERE position = 5"), code: "INDEX_DIFFERS", where: /object_use/ },
];

describe("damage done through SQL is found and named", () => {
  for (const { what, damage, code, where, by = "check", exempt } of CASES) {
    const run = exempt === undefined ? test : test.fails;
    run(exempt === undefined ? what : `${what} (exempt: ${exempt})`, async () => {
      const problems = await problemsAfter(damage, by);
      const named = problems.find((problem) => problem.code === (code ?? problem.code));
      expect(named, JSON.stringify(problems)).toBeDefined();
      expect(named!.where).toMatch(where ?? /./);
    });
  }
});

/** What the log and its objects hold, as SQLite gives it, whatever bytes it is made of. */
function contentOf(folder: string): string {
  const [log, objects] = [openDatabase(join(folder, "log.db"), { readOnly: true }), openDatabase(join(folder, "objects.db"), { readOnly: true })];
  try {
    const rows = [...["event ORDER BY position", "head", "shared ORDER BY 1, 2"].map((from) => log.prepare(`SELECT * FROM ${from}`).all()), objects.prepare("SELECT hash, body, deflated FROM object ORDER BY hash").all()];
    return JSON.stringify(rows, (_, value: unknown) => (value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value));
  } finally {
    log.close();
    objects.close();
  }
}

async function answersOf(store: Store): Promise<string> {
  const answers = [];
  for (const word of ["harbour", "anchor", "keel", "output", "make"]) answers.push((await store.search(word, {}, 50)).hits.map(({ position }) => position));
  return JSON.stringify(answers);
}

/** "refused": it could not be read, and that was said; "died": it was said as an error of ours, without naming damage. */
type Outcome = "found" | "refused" | "died" | "found in the index" | "nothing changed" | "NOT FOUND";

async function outcomeOf(folder: string, before: string, answers: string): Promise<[Outcome, said: string]> {
  let store: Store | undefined;
  try {
    store = await openSqliteStore(folder);
    if ((await store.check()).length > 0) return ["found", ""];
    if (contentOf(folder) !== before) return ["NOT FOUND", "the log changed"];
  } catch (error) {
    return [error instanceof TidemarkError && (error.code === "STORE_DAMAGED" || error.code === "STORE_NEWER") ? "refused" : "died", String(error)];
  } finally {
    await store?.close();
  }
  store = await openSqliteStore(folder);
  try {
    if ((await store.checkIndex()).length > 0) return ["found in the index", ""];
    return (await answersOf(store)) === answers ? ["nothing changed", ""] : ["NOT FOUND", "the answers of a search changed"];
  } catch (error) {
    // The index cannot be read. Nothing was lost: it is derived.
    return ["refused", String(error)];
  } finally {
    await store.close();
  }
}

test(`${FLIPS} random bits turned over in the files are found, refused, or change nothing`, { timeout: FLIPS * 1000 }, async () => {
  const random = randomFrom(seedOf("flip"));
  const store = await openSqliteStore(sound);
  const answers = await answersOf(store);
  await store.close();
  const before = contentOf(sound);
  const counts = new Map<Outcome, number>();
  const missed: string[] = [];
  for (let i = 0; i < FLIPS; i++) {
    const folder = mkdtempSync(join(home, "flipped-"));
    copyOf(folder);
    const file = FILES[random() < 0.7 ? 0 : 1];
    const bytes = readFileSync(join(folder, file));
    const [at, bit] = [Math.floor(random() * bytes.length), Math.floor(random() * 8)];
    bytes[at]! ^= 1 << bit;
    writeFileSync(join(folder, file), bytes);
    const [outcome, said] = await outcomeOf(folder, before, answers);
    counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
    if (outcome === "NOT FOUND") missed.push(`${file}, page ${Math.floor(at / 4096) + 1}, byte ${at}, bit ${bit}: ${said}`);
    rmSync(folder, { recursive: true });
  }
  console.log(`${FLIPS} flips: ${[...counts].map(([outcome, count]) => `${outcome} ${count}`).join(", ")}`);
  expect(missed).toEqual([]);
  // Errors in the words of SQLite's own schema, and columns that cannot be empty and are: one in a hundred.
  expect(counts.get("died") ?? 0).toBeLessThan(Math.max(10, FLIPS / 30));
});
