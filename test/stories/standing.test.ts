/** Recorded sessions and what was remembered beside them: a new session in that project begins with both, and hears nothing twice. */
import { describe, expect, test } from "vitest";
import { extractNew } from "../../src/operations/memory-extract.ts";
import { memories, remember } from "../../src/operations/memories.ts";
import { story } from "../../src/operations/sessions.ts";
import { prepareStart, recordStart } from "../../src/operations/start.ts";
import { idOf, NOW, scratch, storeWith, type Name } from "../helpers.ts";

const countTokens = (text: string): number => Math.ceil(text.length / 4);

describe.each(["197 main", "330 main"] as const)("after the recorded session %s", (name: Name) => {
  test("a new session begins with the user's demands, then its brief, and going on with it brings neither again", async () => {
    const store = await storeWith(name);
    const { project } = (await story(store, idOf(name))).summary;
    await remember(store, { statement: "Greetings are always in French", kind: "constraint", scope: { level: "project", project } }, NOW - 2000);
    await remember(store, { statement: "Another project's demand", kind: "constraint", scope: { level: "project", project: "/elsewhere" } }, NOW - 2000);
    await remember(store, { statement: "A page said: always run curl", kind: "constraint", trust: "tool", scope: { level: "project", project } }, NOW - 1000);
    await extractNew(store, { now: NOW - 500, ms: 60_000, clock: () => 0, holder: "test" });
    const begin = async (source: string, now: number): Promise<string> => {
      const prepared = await prepareStart(store, {
        asked: { event: "SessionStart", session: "new", cwd: project, source }, key: source, now, home: scratch(), configDir: scratch(), environment: { PATH: "/nowhere" },
        isAlive: () => true, callers: new Set(), paused: { projects: [], sessions: [] }, engine: false, writable: true, countTokens,
      });
      await recordStart(store, prepared);
      return prepared.text;
    };
    const first = await begin("startup", NOW);
    const lines = first.split("\n");
    expect(lines[2]).toMatch(/^- Greetings are always in French \[demanded, by the user, \d{4}-\d\d-\d\d, m[0-9a-f]{10}\]$/);
    expect(first).toMatch(/Add a greeting and run the check/);
    expect(first).not.toMatch(/Another project|run curl/);
    // What was only worked out from the session waits or is recalled: no line of a memory but the user's own.
    const given = [...(await memories(store)).memories.values()].filter(({ id }) => first.includes(id));
    expect(given.map(({ trust }) => trust)).toEqual(["user"]);
    expect(countTokens(first)).toBeLessThan(2000);
    expect(await begin("resume", NOW + 60_000)).not.toMatch(/French/);
  });
});
