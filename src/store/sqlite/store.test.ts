/** The suite on SQLite, where a place is a folder, and what only a store on disk can get wrong. */
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { answer, ended, prompt, started } from "../../../test/builders.ts";
import { describeEventStore, describeSessionIndex, type Place } from "../store.suite.ts";
import { openDatabase } from "./driver.ts";
import { openSqliteStore } from "./store.ts";

async function makePlace(): Promise<Place> {
  const folder = mkdtempSync(join(tmpdir(), "tidemark-store-"));
  return { open: () => openSqliteStore(folder), remove: async () => rmSync(folder, { recursive: true }) };
}

describeEventStore("sqlite", makePlace);
describeSessionIndex("sqlite", makePlace);

describe("sqlite on disk", () => {
  let folder = "";
  const newFolder = (): string => (folder = mkdtempSync(join(tmpdir(), "tidemark-disk-")));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const bytesHold = (word: string): string[] => readdirSync(folder).filter((name) => readFileSync(join(folder, name)).includes(word));

  test("of more vectors than are compared the newest count, and with a filter the newest that pass it", async () => {
    const store = await openSqliteStore(newFolder());
    await store.append([started("old", "/work/old"), prompt("flute", { session: "old" }), started("new", "/work/new"), prompt("drum", { session: "new" })]);
    await store.takePassages(10);
    const { passages } = await store.withoutVector("a 2", 10);
    await store.putVectors("a 2", passages.map(({ position, part, text }) => ({ position, part, vector: Float32Array.from(text === "flute" ? [1, 0] : [0, 1]) })));
    const found = async (filter = {}): Promise<string[]> => (await store.near("a 2", Float32Array.from([1, 0]), filter, 3)).map(({ text }) => text);
    expect(await found()).toEqual(["flute"]);
    expect(await found({ project: "/work/new" })).toEqual([]);
    const log = openDatabase(join(folder, "log.db"));
    log.exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) INSERT INTO passage SELECT 2 * 1048576 + 600000 + i, 4, i, 0, 1, 0, '' FROM n`);
    log.exec("INSERT INTO passage_vector SELECT key, x'007f' FROM passage WHERE part > 0");
    log.close();
    expect(await found()).toEqual([]);
    expect(await found({ project: "/work/old" })).toEqual(["flute"]);
    await store.close();
  });

  test("what was erased stands in none of the files, while a second handle is open too", async () => {
    const [store, other] = [await openSqliteStore(newFolder()), await openSqliteStore(folder)];
    const secrets = [prompt("the passphrase is zyzzogeton"), answer("zyzzogeton it is, see mySplendidXylotomy"), ended(`zyzzogeton ${Array.from({ length: 3000 }, (_, i) => i * 7919).join("zyzzogeton")}`)];
    await store.append([started("s1", "/work/app"), prompt("before"), ...secrets, ...Array.from({ length: 200 }, (_, i) => prompt(`filler ${i}`))]);
    expect(bytesHold("zyzzogeton")).not.toEqual([]);
    await other.search("filler", {}, 5);
    await store.erase(secrets.map(({ id }) => id));
    for (const word of ["zyzzogeton", "zyzzoge", "passphrase", "Xylotomy", "xylotom"]) expect(bytesHold(word), word).toEqual([]);
    expect(bytesHold("filler")).not.toEqual([]);
    // Without its salt nobody can test a guess against the hash that stays.
    const log = openDatabase(join(folder, "log.db"));
    expect(log.prepare("SELECT count(*) AS n FROM event WHERE payload IS NULL AND salt IS NULL").get()).toEqual({ n: 3 });
    log.close();
    const objects = openDatabase(join(folder, "objects.db"));
    const count = objects.prepare("SELECT count(*) AS n FROM object");
    // Packed, so its bytes do not show the word.
    expect(count.get()).toEqual({ n: 0 });
    await store.append(secrets);
    expect(count.get(), "after bringing the same events again").toEqual({ n: 0 });
    objects.close();
    await store.close();
    await other.close();
  });

  test.runIf(process.platform !== "win32")("the store is for its owner alone, also in a folder that was open to others", async () => {
    chmodSync(newFolder(), 0o755);
    const store = await openSqliteStore(folder);
    await store.append([prompt("hello")]);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    for (const name of ["log.db", "objects.db"]) expect(statSync(join(folder, name)).mode & 0o777, name).toBe(0o600);
    await store.close();
  });

  test("a folder that is a file, or stands in one, is refused with a hint", async () => {
    const store = await openSqliteStore(newFolder());
    await store.close();
    for (const path of ["log.db", "log.db/below"]) await expect(openSqliteStore(join(folder, path))).rejects.toMatchObject({ code: "HOME_UNWRITABLE", kind: "environment" });
  });

  test("a file that is no database is refused as damaged", async () => {
    writeFileSync(join(newFolder(), "log.db"), "this is not a database, but long enough to look at".repeat(100));
    await expect(openSqliteStore(folder)).rejects.toMatchObject({ code: "STORE_DAMAGED" });
  });

  test("sizes are those of the files", async () => {
    const store = await openSqliteStore(newFolder());
    await store.append([ended("x".repeat(100_000))]);
    const sizes = await store.sizes();
    for (const [name, bytes] of Object.entries(sizes)) expect(bytes, name).toBe(statSync(join(folder, name)).size);
    await store.close();
  });
});
