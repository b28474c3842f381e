/** Proving that the store holds, and mending what can be mended. */
import { join } from "node:path";
import { expect, test } from "vitest";
import { freshStore, importInto, configWith, NOW, scratch } from "../../test/helpers.ts";
import { openDatabase } from "../store/sqlite/driver.ts";
import { examine } from "./doctor.ts";
import { takeInPassages } from "./passages.ts";
import { searchSessions } from "./search.ts";
import { listSessions } from "./sessions.ts";
import { verify } from "./verify.ts";

async function damaged(sql: string): Promise<Awaited<ReturnType<typeof freshStore>>> {
  const home = scratch();
  const store = await freshStore(home);
  await importInto(store, configWith("197 main", "197 fork"));
  await takeInPassages(store);
  const log = openDatabase(join(home, "log.db"));
  log.exec(sql);
  log.close();
  return store;
}

test("a sound store has no problems, nothing to mend, and says what it holds and takes", async () => {
  const store = await damaged("SELECT 1");
  const health = await examine(store, () => NOW);
  expect(health).toMatchObject({ sessions: 2, problems: [], mended: [], left: [] });
  expect(health.events).toBe((await verify(store)).events);
  expect(health.bytes["log.db"]).toBeGreaterThan(0);
});

test.each([
  ["a summary that says something else", "UPDATE summary SET body = json_set(body, '$.turns', 77)", "SUMMARY_DIFFERS"],
  ["a summary that is no JSON", "UPDATE summary SET body = 'garbage'", "SUMMARY_DIFFERS"],
  ["words gone from the text index", "DELETE FROM words WHERE rowid % 2 = 0", "INDEX_DIFFERS"],
  ["a vector of no passage", "INSERT INTO vector_space VALUES (1, 'small 4'); INSERT INTO passage_vector VALUES (1, zeroblob(4))", "INDEX_DIFFERS"],
  ["a vector of another length", "INSERT INTO vector_space VALUES (1, 'small 4'); INSERT INTO passage_vector SELECT min(key), zeroblob(5) FROM passage", "INDEX_DIFFERS"],
  ["vectors of nobody", "INSERT INTO passage_vector SELECT key, zeroblob(4) FROM passage", "INDEX_DIFFERS"],
  ["a fork's shared events gone", "DELETE FROM shared", "MEMBERSHIP_DIFFERS"],
])("%s is found, mended from the log, and sound afterwards", async (_, sql, code) => {
  const store = await damaged(sql);
  expect((await verify(store)).problems.map((problem) => problem.code)).toContain(code);
  const health = await examine(store, () => NOW);
  expect([health.left, health.mended.length > 0]).toEqual([[], true]);
  expect((await verify(store)).problems).toEqual([]);
  expect((await listSessions(store)).map(({ turns }) => turns)).toEqual([3, 3]);
  expect((await searchSessions(store, "friendlier", { limit: 5, length: 80, role: "user" })).hits).toHaveLength(1);
});

test.each([
  ["a payload that was altered", "UPDATE event SET payload = '{\"kind\":\"user\",\"text\":\"I never said this\"}' WHERE position = 3", /PAYLOAD_CHANGED/],
  ["an envelope that was altered", "UPDATE event SET time = time + 1 WHERE position = 5", /CHAIN_BROKEN/],
])("%s is found and left: the log is not rewritten", async (_, sql, code) => {
  const store = await damaged(sql);
  const { left, mended } = await examine(store, () => NOW);
  expect(left.map((problem) => problem.code).join()).toMatch(code);
  expect(mended.join()).not.toMatch(/payload|chain/);
  expect((await verify(store)).problems.map((problem) => problem.code).join()).toMatch(code);
});
