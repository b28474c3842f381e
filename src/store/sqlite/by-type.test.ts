/** That events of rare types are found by the index, whichever of them are asked for, and that nobody asks for others often. */
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { readSources } from "../../../scripts/imports.ts";
import { scratch } from "../../../test/helpers.ts";
import type { EventType } from "../../event/schema.ts";
import { byType, RARE } from "./by-type.ts";
import { openDatabase } from "./driver.ts";
import { openSqliteStore } from "./store.ts";

test("any of them, in any order, alone or together, is found by the index; others, and those of some sessions, are not", async () => {
  const folder = scratch();
  await (await openSqliteStore(folder)).close();
  const database = openDatabase(join(folder, "log.db"));
  onTestFinished(() => database.close());
  const plan = (types: readonly EventType[], sessions?: readonly string[]): string => {
    const { sql, values } = byType(types, sessions);
    return database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...values).map((row) => String(row["detail"])).join("; ");
  };
  for (const types of [...RARE.map((type) => [type]), RARE, RARE.toReversed(), ["memory.revised", "memory.reverted"], ["session.resumed", "session.forked"]] as EventType[][]) expect(`${types.join()}: ${plan(types)}`).toMatch(/USING INDEX event_rare/);
  expect(plan(["answer"])).toMatch(/^SCAN event/);
  expect(plan(["memory.revised"], ["s1"])).toMatch(/USING INDEX event_session/);
});

/** Reads the whole log: for the history of an instruction file, which a person asks for. */
const WHOLE = ["operations/instruction-versions.ts: files.touched"];

test("operations ask for no other type of the whole log, but for those that are named here", () => {
  const asked = readSources().filter(({ isTest }) => !isTest).flatMap(({ path, code }) => [...code.matchAll(/\.ofTypes\(\[([^\]]*)\]\)/g)].flatMap(([, list]) => [...list!.matchAll(/"([^"]+)"/g)].map(([, type]) => `${path}: ${type!}`)));
  expect(asked.length).toBeGreaterThan(8);
  expect(asked.filter((each) => !RARE.some((type) => each.endsWith(`: ${type}`)))).toEqual(WHOLE);
});
