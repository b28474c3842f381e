/** The file of a session on a disk: written, edited, handed over to the next session, archived, brought back, and left alone. */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import { event, START } from "../../test/builders.ts";
import { conversation, type Conversation } from "../../test/conversation.ts";
import { openInProcessStore } from "../store/in-process/store.ts";
import type { Store } from "../store/store.ts";
import { beginSessionFile, forgetSessionFiles, keepSessionFile, notesFor, readSessionFile, type Outcome } from "./session-file.ts";
import { refreshSummaries } from "./sessions.ts";

const TREE = "/work/app";
const HOUR = 3_600_000;
let store: Store;
let home: string;
beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), "tidemark-test-"));
  onTestFinished(() => rmSync(home, { recursive: true, force: true }));
  store = await openInProcessStore();
});

async function has(session: string, tell: (c: Conversation) => void, at = 0): Promise<void> {
  await store.append(conversation(tell, TREE, session).map((each) => ({ ...each, time: each.time + at })));
  await refreshSummaries(store);
}
const keep = (session: string, at = 0): Promise<Outcome> => keepSessionFile(store, home, { tree: TREE, session, now: START + at + 60_000, holder: "1" });
const file = (): string => readSessionFile(home, TREE).path;
const text = (): string => readFileSync(file(), "utf8");
const edit = (change: (text: string) => string): void => writeFileSync(file(), change(text()));
const ends = (session: string, at = 0): Promise<unknown> => store.append([event("session.ended", { reason: "exit" }, { session, time: START + at + 50_000 })]);

const first = (c: Conversation): void => {
  c.user("Make the parser twice as fast, please");
  c.plan([{ content: "Measure it", status: "in_progress" }, { content: "Tests", status: "pending" }]);
};
const more = (c: Conversation): void => {
  first(c);
  c.user("Now go on with the tests of it");
  c.plan([{ content: "Measure it", status: "completed" }, { content: "Tests", status: "in_progress" }]);
};

test("it follows its session, edits by hand stay, and only they are noted for the next start", async () => {
  await has("s1", first);
  expect(await keep("s1")).toEqual({ state: "written" });
  expect(await keep("s1")).toEqual({ state: "same" });
  expect(await notesFor(store, home, TREE, "s1", 1000)).toEqual([]);
  edit((each) => each.replace("- next: Tests\n", "- next: Ask Ann\n"));
  expect(await notesFor(store, home, TREE, "s1", 1000)).toEqual(["Plan: next: Ask Ann"]);
  await has("s1", more);
  await keep("s1");
  expect(text()).toMatch(/- done: Measure it\n- next: Ask Ann\n/);
  expect(text()).not.toMatch(/: Tests/);
});

test("without the note of what was written, everything in it is someone's own and stays", async () => {
  await has("s1", first);
  await keep("s1");
  edit((each) => each.replace("- next: Tests\n", "- next: Ask Ann\n"));
  writeFileSync(join(dirname(file()), "kept.json"), "{");
  await has("s1", more);
  await keep("s1");
  expect(text()).toMatch(/- doing: Measure it\n- next: Ask Ann\n/);
});

test("at its end it is archived, the next session begins anew, and what was there comes back when the first goes on", async () => {
  await has("s1", first);
  await keep("s1");
  edit((each) => each.replace("- next: Tests\n", "- next: Ask Ann\n"));
  await has("s2", (c) => c.user("Something else altogether, in the same tree"), HOUR / 60);
  expect(await keep("s2")).toEqual({ state: "others" });
  await ends("s1");
  await keep("s1");
  await keep("s1");
  expect((await store.ofTypes(["instructions.kept"])).map(({ event: each }) => [each.session, /Ask Ann/.test((each.payload as { text: string }).text)])).toEqual([["s1", true]]);
  expect(await keep("s2", 61_000)).toEqual({ state: "written" });
  expect(text()).not.toContain("Ask Ann");
  expect(text()).toContain("Something else altogether");
  expect(await notesFor(store, home, TREE, "s1", 1000)).toEqual(["Plan: next: Ask Ann"]);
  await ends("s2", 61_000);
  await keep("s2", 61_000);
  await store.append(conversation(more, TREE, "s1").slice(4).map((each) => ({ ...each, time: each.time + HOUR })));
  await refreshSummaries(store);
  await keep("s1", HOUR);
  expect(text()).toMatch(/- done: Measure it\n- next: Ask Ann\n/);
  expect(text()).not.toMatch(/altogether|: Tests/);
});

test("what is no session file any more is left alone, and it is said why", async () => {
  await has("s1", first);
  await keep("s1");
  for (const [bytes, why] of [["garbage", /no heading/], [Buffer.from([0, 255, 254]), /no text/], [Buffer.alloc(10 * 1024 * 1024, "- a\n"), /10,485,760 bytes/]] as const) {
    writeFileSync(file(), bytes);
    expect(await keep("s1")).toMatchObject({ state: "left alone", why: expect.stringMatching(why) });
    expect(readFileSync(file()).equals(Buffer.from(bytes))).toBe(true);
    expect(await notesFor(store, home, TREE, "s1", 1000)).toEqual([]);
  }
  rmSync(file());
  mkdirSync(file());
  expect(await keep("s1")).toMatchObject({ state: "left alone", why: "it is no plain file" });
  rmSync(file(), { recursive: true });
  writeFileSync(file(), "## Plan\n");
  chmodSync(file(), 0);
  if (process.getuid?.() !== 0) expect(await keep("s1")).toMatchObject({ state: "left alone", why: "permission denied" });
});

test("a text that waits is taken over by the next session; one that is in use or waits is not replaced", async () => {
  const begin = (words: string, at = 0): Promise<unknown> => beginSessionFile(store, home, TREE, { text: words, now: START + at, dryRun: false });
  await begin("# Session\n\n## Goal\n\n- Fix it\n\n## Questions\n\n- Since when?\n");
  await expect(begin("## other\n")).rejects.toMatchObject({ code: "SESSION_FILE" });
  expect(await notesFor(store, home, TREE, undefined, 1000)).toEqual(["Goal: Fix it", "Questions: Since when?"]);
  await has("s1", first);
  await keep("s1");
  expect(text()).toMatch(/- Fix it\n/);
  expect(text()).toMatch(/- doing: Measure it/);
  expect(text()).toMatch(/- Since when\?\n$/);
  await expect(begin("## other\n")).rejects.toMatchObject({ code: "SESSION_FILE", message: expect.stringContaining("at work") });
  await begin("## other\n", HOUR);
  expect((await store.ofTypes(["instructions.kept"])).map(({ event: each }) => each.session)).toEqual(["s1"]);
  expect(text()).toBe("## other\n");
});

test("the file of a session that is forgotten goes, another one's stays", async () => {
  await has("s1", first);
  await keep("s1");
  forgetSessionFiles(home, ["s2"]);
  expect(text()).toContain("Measure it");
  forgetSessionFiles(home, ["s1"]);
  expect(readSessionFile(home, TREE)).toEqual({ path: file() });
});
