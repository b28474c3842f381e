/**
 * Sessions of the real clients, begun, interrupted, taken up again and forked against a model on loopback, and then imported: what
 * was said and done is found, and nothing of the client's has changed.
 */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { workInCodex, workInGemini, workInOpencode } from "./histories.ts";
import { other, someplace, type Other, type Place } from "./others.ts";

const PROMPT = "Put three and four into the notes";
const ANSWER = "The notes say three and four.";

interface Case {
  readonly name: Other;
  readonly work: (place: Place, binary: string) => Promise<{ readonly session: string; readonly fork?: string }>;
  readonly folder: string;
  readonly command: (session: string) => string;
  /** Of the first turn. */
  readonly calls: number;
}

const CASES: readonly Case[] = [
  { name: "codex", work: (place, binary) => workInCodex(place, binary, onTestFinished), folder: ".codex", command: (id) => `codex resume ${id}`, calls: 4 },
  { name: "gemini", work: (place, binary) => workInGemini(place, binary, onTestFinished), folder: ".gemini", command: (id) => `gemini --resume ${id}`, calls: 4 },
  { name: "opencode", work: (place, binary) => workInOpencode(place, binary, onTestFinished), folder: ".local/share/opencode", command: (id) => `opencode --session ${id}`, calls: 5 },
];

/** Bytes and times of everything below a folder. */
function look(folder: string): unknown[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" }).sort().map((name) => {
    const about = statSync(join(folder, name), { bigint: true });
    return [name, about.mtimeNs, about.isFile() ? readFileSync(join(folder, name), "latin1") : ""];
  });
}

describe.each(CASES)("$name", async ({ name, work, folder, command, calls }) => {
  const found = await other(name);
  test.skipIf(found.missing !== undefined)("its sessions are found with prompt, answer, calls and files, and its folder is as it was", async () => {
    const place = await someplace(onTestFinished);
    const { session, fork } = await work(place, found.binary);
    const before = look(join(place.home, folder));

    const first = await place.json("import");
    expect(first).toMatchObject({ accounted: first.lines, quarantined: [], agents: [{ agent: name, added: first.added }] });
    expect(await place.json("import")).toMatchObject({ added: 0 });
    expect(look(join(place.home, folder))).toEqual(before);

    const shown = await place.json("show", session);
    expect(shown.turns[0]).toMatchObject({ prompt: expect.stringContaining(PROMPT), answer: ANSWER, ending: "completed", calls });
    expect(shown.turns[0].files).toEqual(expect.arrayContaining([
      { path: join(place.repo, "notes.txt"), change: "edited", added: 2, removed: 1 },
      { path: join(place.repo, "added.txt"), change: "created", added: 1, removed: 0 },
    ]));
    expect(shown.turns[1]).toMatchObject({ prompt: expect.stringContaining("Now wait for the deploy"), ending: "interrupted" });

    const sessions = await place.json("sessions");
    expect(sessions.map((each: { agent: string }) => each.agent)).toEqual(sessions.map(() => name));
    if (fork !== undefined) expect(sessions.find(({ id }: { id: string }) => id === fork)).toMatchObject({ parent: session, relation: "forked" });
    expect((await place.json("resume", session)).command).toBe(`cd ${place.repo} && ${command(session)}`);
    expect(JSON.stringify(await place.json("recall", "What do the notes say?"))).toContain(ANSWER);
    // Each start of opencode can take ten seconds, and there are eight.
  }, 300_000);
  if (found.missing !== undefined) test("everything", (context) => context.skip(found.missing));
});
