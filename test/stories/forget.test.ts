/** What was forgotten stands nowhere in the state folder any more, packed or plain, and does not come back. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { inflateRawSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { exportLines } from "../../src/operations/export.ts";
import { findForgettable, forget, type ForgetTarget } from "../../src/operations/forget.ts";
import { resume } from "../../src/operations/resume.ts";
import { searchSessions } from "../../src/operations/search.ts";
import { verify } from "../../src/operations/verify.ts";
import { openDatabase } from "../../src/store/sqlite/driver.ts";
import { configWith, freshStore, idOf, importInto, inConfig, linesOf, NOW, putTranscript, scratch, sessionsJson, tell } from "../helpers.ts";

/** Every place of the home that holds the words: files by their bytes, rows with everything packed in them unpacked. */
function placesThatHold(home: string, words: string): string[] {
  const places = readdirSync(home).filter((name) => readFileSync(join(home, name)).includes(words));
  for (const name of ["log.db", "objects.db"]) {
    const database = openDatabase(join(home, name), { readOnly: true });
    const tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'").all().map((row) => String(row["name"]));
    for (const table of tables) {
      for (const row of database.prepare(`SELECT * FROM "${table}"`).all()) {
        for (const [column, value] of Object.entries(row)) if (textsOf(value).some((text) => text.includes(words))) places.push(`${name} ${table}.${column}`);
      }
    }
    if (name === "log.db") {
      database.exec("CREATE VIRTUAL TABLE temp.terms USING fts5vocab('main', 'words', 'row')");
      const stems = new Set(database.prepare("SELECT term FROM temp.terms").all().map((row) => String(row["term"])));
      if (stems.has(words.toLowerCase())) places.push("the text index");
    }
    database.close();
  }
  return places;
}

function textsOf(value: unknown): string[] {
  if (typeof value === "string") return [value];
  if (!(value instanceof Uint8Array)) return [];
  const plain = Buffer.from(value).toString("utf8");
  try {
    return [plain, inflateRawSync(value).toString("utf8")];
  } catch {
    return [plain];
  }
}

/** Not a word of any language, and its own stem. */
const WORD = "Quxomandrik";

/** A session in which the word was typed, repeated, written to a file, printed, and printed at length. */
function planted(): { config: string; path: string; session: string } {
  const config = configWith("197 main");
  const session = "abad1dea-1111-4222-8333-444444444444";
  const at = (second: number): object => ({ sessionId: session, cwd: "/nowhere/app", gitBranch: "main", timestamp: new Date(NOW - 100_000 + second * 1000).toISOString() });
  const long = `${WORD} ${"x y z ".repeat(2000)} ${WORD}`;
  const path = putTranscript(join(config, "projects/-nowhere-app", `${session}.jsonl`), [
    { ...at(0), type: "user", uuid: "u1", parentUuid: null, message: { role: "user", content: `my password is ${WORD}, use it` } },
    { ...at(1), type: "assistant", uuid: "a1", parentUuid: "u1", message: { id: "m1", model: "m", content: [{ type: "text", text: `I will use ${WORD}.` }] } },
    { ...at(2), type: "assistant", uuid: "a2", parentUuid: "a1", message: { id: "m1", model: "m", content: [{ type: "tool_use", id: "t1", name: "Write", input: { file_path: `/nowhere/app/${WORD}.txt`, content: `${WORD}\n${"line\n".repeat(100)}` } }] } },
    { ...at(3), type: "user", uuid: "r1", parentUuid: "a2", toolUseResult: { type: "create", filePath: "/nowhere/app/x" }, message: { role: "user", content: [{ type: "tool_result", tool_use_id: "t1", content: long }] } },
    { ...at(4), type: "assistant", uuid: "a3", parentUuid: "r1", message: { id: "m2", model: "m", content: [{ type: "tool_use", id: "t2", name: "TodoWrite", input: { todos: [{ content: `rotate ${WORD}`, status: "pending" }] } }] } },
    { ...at(5), type: "user", uuid: "r2", parentUuid: "a3", message: { role: "user", content: [{ type: "tool_result", tool_use_id: "t2", content: "ok" }] } },
    { type: "ai-title", aiTitle: `About ${WORD}`, sessionId: session },
    { ...at(6), type: "future-record", uuid: "f1", parentUuid: "r2", note: WORD },
    { ...at(7), type: "assistant", uuid: "a4", parentUuid: "r2", message: { id: "m3", model: "m", content: [{ type: "text", text: "Finished the harmless part." }] } },
  ]);
  return { config, path, session };
}

describe.each<[string, (session: string) => ForgetTarget]>([
  ["by its words", () => ({ matching: WORD })],
  ["with its session", (session) => ({ session })],
])("text forgotten %s", (_, target) => {
  test("is gone from every file, and the chain and everything derived still hold", async () => {
    const { config, session } = planted();
    const home = scratch();
    const store = await freshStore(home);
    await importInto(store, config);
    expect(placesThatHold(home, WORD)).toEqual(expect.arrayContaining(["log.db event.payload", "objects.db object.body", "log.db summary.body"]));
    const { events } = await forget(store, target(session), NOW);
    expect(events).toBeGreaterThanOrEqual(7);
    expect(placesThatHold(home, WORD)).toEqual([]);
    expect((await searchSessions(store, WORD, { limit: 5, length: 100 })).hits).toEqual([]);
    expect(JSON.stringify([await sessionsJson(store), await exportLines(store, session), await resume(store, session, 1500, (text) => text.length / 4)])).not.toContain(WORD);
    expect((await verify(store)).problems).toEqual([]);
    await store.close();
    expect(placesThatHold(home, WORD)).toEqual([]);
  });

  test("does not come back with the next import, nor when the file has grown", async () => {
    const { config, path, session } = planted();
    const home = scratch();
    const store = await freshStore(home);
    await importInto(store, config);
    await forget(store, target(session), NOW);
    expect((await importInto(store, config)).added).toBe(0);
    putTranscript(path, [
      ...(JSON.parse(`[${linesOfFile(path).join(",")}]`) as object[]),
      { type: "user", uuid: "u2", parentUuid: "a4", sessionId: session, cwd: "/nowhere/app", timestamp: new Date(NOW).toISOString(), message: { role: "user", content: "something new" } },
    ]);
    expect((await importInto(store, config)).added).toBe(1);
    expect(placesThatHold(home, WORD)).toEqual([]);
    expect((await verify(store)).problems).toEqual([]);
  });
});

const linesOfFile = (path: string): string[] => readFileSync(path, "utf8").trimEnd().split("\n");

test("forgetting words leaves the rest of the session as it was told", async () => {
  const { config, session } = planted();
  const store = await freshStore();
  await importInto(store, config);
  const other = await tell(store, "197 main");
  await forget(store, { matching: WORD }, NOW);
  expect(await tell(store, "197 main")).toEqual(other);
  expect((await searchSessions(store, "harmless", { limit: 5, length: 100 })).hits.map(({ text }) => text)).toEqual(["Finished the harmless part."]);
  expect(session).toMatch(/^abad1dea/);
});

test("forgetting a session erases nothing of another one, and is noted with its reason", async () => {
  const { config, session } = planted();
  const store = await freshStore();
  await importInto(store, config);
  const others = await Promise.all(["197 main"].map((name) => exportLines(store, idOf(name as "197 main"))));
  await forget(store, { session, reason: "a password" }, NOW);
  expect(await exportLines(store, idOf("197 main"))).toEqual(others[0]);
  expect((await store.ofTypes(["forgotten"])).map(({ event }) => [event.session, event.time, (event.payload as { reason?: string }).reason])).toEqual([[session, NOW, "a password"]]);
});

test("what a fork shares with its parent is forgotten in both", async () => {
  const config = configWith("197 main", "197 fork");
  const store = await freshStore();
  await importInto(store, config, [inConfig(config, "197 fork")]);
  await importInto(store, config);
  await forget(store, { matching: "Make it friendlier" }, NOW);
  for (const name of ["197 main", "197 fork"] as const) expect((await exportLines(store, idOf(name))).join(), name).not.toContain("friendlier");
  expect((await verify(store)).problems).toEqual([]);
  expect(linesOf("197 fork").join()).toContain("friendlier");
});

test("forgetting the parent of a fork forgets the parent's words, whichever of the two was imported first", async () => {
  const config = configWith("197 main", "197 fork");
  const left = await Promise.all([["197 main", "197 fork"], ["197 fork", "197 main"]].map(async (order) => {
    const store = await freshStore();
    for (const name of order) await importInto(store, config, [inConfig(config, name as "197 main")]);
    const erased = new Set((await findForgettable(store, { session: idOf("197 main") })).map(({ event }) => event.id));
    return [...erased].sort();
  }));
  expect(left[1]).toEqual(left[0]);
});
