/** Schema versions: a newer store is left alone, a failed step leaves nothing, several may migrate at once. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { prompt } from "../../../test/builders.ts";
import { openDatabase } from "./driver.ts";
import { migrate } from "./migrate.ts";
import { openSqliteStore } from "./store.ts";

let folder = "";
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "tidemark-migrate-"))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

for (const name of ["log.db", "objects.db"]) {
  test(`a store whose ${name} is of a newer version is refused and left as it is`, async () => {
    const store = await openSqliteStore(folder);
    await store.append([prompt("hello")]);
    await store.close();
    const database = openDatabase(join(folder, name));
    database.exec("PRAGMA user_version = 99");
    database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    database.close();
    const before = readFileSync(join(folder, name));
    await expect(openSqliteStore(folder)).rejects.toMatchObject({ code: "STORE_NEWER", kind: "environment", message: expect.stringContaining("schema 99") });
    expect(readFileSync(join(folder, name)).equals(before)).toBe(true);
  });
}

test("steps run once each, in order, and later ones on an older file", () => {
  const path = join(folder, "x.db");
  const steps = ["CREATE TABLE a (x); INSERT INTO a VALUES (1);", "INSERT INTO a SELECT max(x) + 1 FROM a;"];
  const [first, second] = [openDatabase(path), openDatabase(path)];
  migrate(first, steps.slice(0, 1), path);
  for (const database of [first, second, first]) migrate(database, steps, path);
  expect(second.prepare("SELECT x FROM a ORDER BY x").all()).toEqual([{ x: 1 }, { x: 2 }]);
  first.close();
  second.close();
});

test("a step that fails leaves the file at the version it had", () => {
  const path = join(folder, "x.db");
  const database = openDatabase(path);
  migrate(database, ["CREATE TABLE a (x);"], path);
  expect(() => migrate(database, ["CREATE TABLE a (x);", "CREATE TABLE b (x);", "CREATE TABLE a (again);"], path)).toThrow(/already exists/);
  expect(database.prepare("PRAGMA user_version").get()).toEqual({ user_version: 1 });
  expect(database.prepare("SELECT name FROM sqlite_schema").all()).toEqual([{ name: "a" }]);
  database.close();
});
