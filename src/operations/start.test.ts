/** The four steps of a start, from a store and a folder: what is found, what is handed over, and what is recorded of it. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { START } from "../../test/builders.ts";
import { conversation, type Conversation } from "../../test/conversation.ts";
import type { Asked } from "../agents/claude-code/start.ts";
import { sha256Hex } from "../base/hash.ts";
import type { Event } from "../event/schema.ts";
import { openInProcessStore } from "../store/in-process/store.ts";
import type { Store } from "../store/store.ts";
import { memories, remember, type Given } from "./memories.ts";
import { aboutOf, placeOf } from "./recall-memories.ts";
import { keepSessionFile, readSessionFile } from "./session-file.ts";
import { isPaused, readPaused, withPause, writePaused } from "./settings.ts";
import { prepareStart, recordStart, type Prepared, type StartOptions } from "./start.ts";

const HOUR = 3_600_000;
const NOW = START + 5 * HOUR;
const countTokens = (text: string): number => Math.ceil(text.length / 4);

let store: Store;
let root: string;
let tree: string;
let config: string;

beforeEach(async () => {
  root = realpathSync(mkdtempSync(join(tmpdir(), "tidemark-test-")));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  [tree, config] = [join(root, "app"), join(root, "claude")];
  mkdirSync(join(tree, ".git"), { recursive: true });
  mkdirSync(join(config, "sessions"), { recursive: true });
  writeFileSync(join(tree, ".git/HEAD"), "ref: refs/heads/main\n");
  writeFileSync(join(tree, "parser.ts"), "parseFastPath");
  utimesSync(join(tree, "parser.ts"), new Date(START - HOUR), new Date(START - HOUR));
  store = await openInProcessStore();
});

async function has(session: string, tell: (c: Conversation) => void, minute = 0): Promise<void> {
  await store.append(conversation(tell, tree, session).map((event) => ({ ...event, time: event.time + minute * 60_000 })));
}

function runs(session: string, pid: number, cwd = tree): void {
  writeFileSync(join(config, "sessions", `${pid}.json`), JSON.stringify({ pid, sessionId: session, cwd, startedAt: NOW }));
}

const options = (asked: Partial<Asked>, more: Partial<StartOptions> = {}): StartOptions => ({
  asked: { event: "SessionStart", session: "new", cwd: tree, source: "startup", ...asked },
  key: `key-${asked.session ?? "new"}-${asked.source ?? ""}`, now: NOW, configDir: config, home: join(root, "state"), environment: { PATH: "/nowhere" }, isAlive: () => true, callers: new Set(), paused: { projects: [], sessions: [] },
  engine: false, writable: true, countTokens, ...more,
});

async function start(asked: Partial<Asked> = {}, more: Partial<StartOptions> = {}): Promise<Prepared & { first: boolean; recalled: any; assessed: any }> {
  const prepared = await prepareStart(store, options(asked, more));
  const first = await recordStart(store, prepared);
  const payload = (step: string): unknown => prepared.events.find(({ type }) => type === `start.${step}`)?.payload;
  return { ...prepared, first, recalled: payload("recalled"), assessed: payload("assessed") };
}

const worked = (c: Conversation): void => {
  c.user("Make the parser faster, and never touch the public API.");
  c.call("Edit", { file_path: join(tree, "parser.ts"), new_string: "parseFastPath" }, "ok");
  c.agent("Done. The lookup table did not work because it does not fit into the cache.");
};
const died = (c: Conversation): void => {
  worked(c);
  c.user("Now run the tests");
  c.call("Bash", { command: "npm test" });
};

describe("a new session", () => {
  test("is handed the brief of the session before, and the four steps are in the log", async () => {
    await has("old", worked);
    writeFileSync(join(tree, "CLAUDE.md"), "be kind");
    const { text, first, events } = await start();
    expect(text).toMatch(/^<tidemark kind="brief" session="old" age="4 h">/);
    expect(text).toMatch(/never touch the public API/);
    expect(first).toBe(true);
    const [kept] = events.filter(({ type }) => type === "instructions.kept");
    const hash = sha256Hex("be kind");
    expect(kept).toMatchObject({ session: "new", time: NOW, payload: { path: join(tree, "CLAUDE.md"), hash, text: "be kind" } });
    const steps = events.filter((each) => each !== kept);
    expect(steps.map(({ id, type, time }) => [id, type, time])).toEqual(["discovered", "assessed", "declared", "recalled"].map((step) => [`new:start:key-new-:${step}`, `start.${step}`, NOW]));
    expect(steps[0]!.payload).toEqual({ tree, project: tree, branch: "main", instructions: [{ path: join(tree, "CLAUDE.md"), bytes: 7, hash }] });
    expect(steps[1]!.payload).toEqual({ previous: "old", ending: "completed", live: [] });
    expect(steps[2]!.payload).toMatchObject({ hooks: true, injection: true, engine: false, undo: "what agents do to files, shell commands included" });
    expect(steps[3]!.payload).toMatchObject({ from: "old", characters: text.length, tokens: countTokens(text) });
    expect((await store.read("new")).map(({ event }) => event)).toEqual(events);
  });

  test("is given what hands wrote into the file of the session before, and nothing of it that the brief has", async () => {
    await has("old", worked);
    await keepSessionFile(store, join(root, "state"), { tree, session: "old", now: NOW, holder: "1" });
    const { path } = readSessionFile(join(root, "state"), tree);
    const before = await start();
    expect(before.text).not.toContain("CLAUDE.session.md");
    writeFileSync(path, `${readFileSync(path, "utf8")}\n- the CI is down</tidemark>\n`);
    const { text } = await start({ session: "next" });
    expect(text.match(/CLAUDE\.session\.md.*/g)).toEqual(["CLAUDE.session.md, Blockers: the CI is down‹/tidemark>"]);
    expect(text.match(/lookup table/g)).toEqual(before.text.match(/lookup table/g));
  });

  test("of a project nobody worked in begins with nothing", async () => {
    const { text, recalled } = await start();
    expect([text, recalled]).toEqual(["", { characters: 0, tokens: 0, lines: [], nothing: "nothing is known yet" }]);
  });

  test("after one that died hears of the way back and of what was in flight", async () => {
    await has("old", died);
    const { text, assessed } = await start({ source: "clear" });
    expect(text).toMatch(/Session old, last at work here 4 h ago, died in the middle of its work\. The user can take it up again with: cd \S+ && claude --resume old\n- In flight then, outcome unknown: Bash npm test/);
    expect(assessed).toMatchObject({ ending: "crashed", in_flight: "call-old-2" });
  });

  test("is not told of one that is at work elsewhere, but that it is; a killed one's file says nothing", async () => {
    await has("older", worked);
    await has("alive", (c) => c.user("something else"), 30);
    runs("alive", 7);
    runs("gone", 8);
    runs("far", 9, "/elsewhere");
    const { text, assessed } = await start({}, { isAlive: (pid) => pid !== 8 });
    expect(text).toMatch(/^<tidemark kind="brief" session="older"/);
    expect(text).toMatch(/At work in this tree at this moment too: 1 other session, alive \(process 7\)/);
    expect(assessed).toMatchObject({ previous: "older", live: ["alive"] });
  });

  test("that the client begins by clearing another is told of that one: its process is the client's own", async () => {
    await has("cleared", worked);
    runs("cleared", 7);
    const { text, assessed } = await start({ source: "clear" }, { callers: new Set([7]) });
    expect(text).toMatch(/session="cleared"/);
    expect(assessed.live).toEqual([]);
  });

  test("on another branch hears of it", async () => {
    await has("old", worked);
    writeFileSync(join(tree, ".git/HEAD"), "ref: refs/heads/next\n");
    const { text, assessed } = await start();
    expect(text).toMatch(/Branch: main when that session began, next now\./);
    expect(assessed.branch_was).toBe("main");
  });

  test("hears how much is not committed, where git answers", async () => {
    rmSync(join(tree, ".git"), { recursive: true });
    execFileSync("git", ["init", "-q", "-b", "main", tree]);
    writeFileSync(join(tree, "a.txt"), "");
    await has("old", worked);
    const { assessed, text } = await start({}, { environment: { PATH: process.env["PATH"] } });
    // On a machine too busy for git to answer in time it is absent.
    if (assessed.uncommitted === undefined) return;
    expect(assessed.uncommitted).toBe(2);
    expect(text).toMatch(/Not committed in this tree now: 2 files\./);
  });

  test("waits for transcripts of those that do not run, unless the store cannot be written", async () => {
    runs("alive", 7);
    const seen: string[][] = [];
    const catchUp = async (others: ReadonlySet<string>): Promise<void> => {
      seen.push([...others]);
      await has("late", worked);
    };
    expect((await start({ session: "one" }, { catchUp })).text).toMatch(/session="late"/);
    expect(seen).toEqual([["alive"]]);
    await start({ session: "two" }, { catchUp, writable: false });
    expect(seen).toHaveLength(1);
  });
});

describe("memories at a start", () => {
  const keep = (statement: string, given: Partial<Given> = {}): Promise<unknown> => remember(store, { statement, kind: "constraint", scope: { level: "project", project: tree }, ...given }, START);

  test("come first, within the budget of the whole, and the brief does not say them again", async () => {
    await has("old", (c) => {
      c.user("Make the parser faster.");
      c.agent("It is faster.");
      c.user("Never touch the public API of the parser. Then go on with the lexer.");
      c.agent("The lexer is done.");
      c.user("Now write the notes");
      c.agent("They are written.");
    });
    const without = (await start({ session: "one" })).text;
    expect(without).toMatch(/^- .*Never touch the public API/m);
    await keep("Answer in French");
    await keep("Never touch the public API of the parser.", { valid_from: START + 1 });
    const { text } = await start({ session: "two" });
    expect(text.split("\n").slice(2, 4)).toEqual([expect.stringMatching(/^- Answer in French \[demanded, by the user, 2025-01-06, m[0-9a-f]+\]$/), expect.stringMatching(/^- Never touch the public API of the parser\. \[demanded/)]);
    expect(text.match(/Never touch the public API/g)).toHaveLength(1);
  });

  test("that are given stand in the log by their ids, each once in a conversation", async () => {
    const given = async (source: string): Promise<unknown> => (await start({ session: "one", source })).recalled.memories;
    await keep("Answer in French");
    await keep("Answer in Latin", { trust: "inferred" });
    const [shown] = [...(await memories(store)).memories.values()].map(({ id }) => id);
    expect(await given("startup")).toEqual([shown]);
    expect(await given("resume")).toBeUndefined();
  });

  test("that are commands are those that sessions run, not the newest", async () => {
    writeFileSync(join(tree, "package.json"), JSON.stringify({ scripts: Object.fromEntries(["test", "a", "b", "c", "d", "e"].map((name) => [name, "true"])) }));
    for (const name of ["test", "a", "b", "c", "d", "e"]) {
      const statement = `\`npm run ${name}\``;
      await keep(statement, { kind: "procedural", valid_from: START - HOUR + name.charCodeAt(0), about: aboutOf(statement, await placeOf(tree, {}), { level: "project", project: tree }) });
    }
    const commands = async (session: string): Promise<string[]> => [...(await start({ session })).text.matchAll(/`npm run (\w+)`/g)].map(([, name]) => name!).sort();
    // Of those that are judged alike the newest: "test" has the latest letter.
    expect(await commands("one")).toEqual(["b", "c", "d", "e", "test"]);
    await has("old", (c) => {
      c.user("Try a");
      c.call("Bash", { command: "npm run a 2>&1 | tail -3" });
    });
    expect(await commands("two")).toContain("a");
  });

  test("are given where no session was before, and the same bytes at any time", async () => {
    await keep("Answer in French");
    const first = await start({ session: "one" });
    expect(first.text).toMatch(/<tidemark kind="brief">\n.*\n- Answer in French/);
    expect((await start({ session: "two" }, { now: NOW + 30 * 24 * HOUR })).text).toBe(first.text);
  });

  test("that wait, came from a tool, or are over are not given", async () => {
    await keep("Answer in French", { trust: "tool" });
    await keep("Answer in Latin", { trust: "inferred" });
    expect((await start()).recalled.nothing).toBe("nothing is known yet");
  });

  test("are not given twice in one conversation, but again after a compaction", async () => {
    await has("old", worked);
    await keep("Answer in French");
    expect((await start({ session: "one" })).text).toMatch(/French/);
    await has("one", (c) => c.user("Go on"), 60);
    expect((await start({ session: "one", source: "resume" })).text).not.toMatch(/French/);
    await keep("Answer politely");
    const { text } = await start({ session: "one", source: "resume" }, { key: "later" });
    expect(text).toMatch(/politely/);
    expect(text).not.toMatch(/French/);
    expect((await start({ session: "one", source: "compact" })).text).toMatch(/French[^]*politely|politely[^]*French/);
  });

  test("that the tree contradicts are not given, and recipes only where they hold", async () => {
    const here = await placeOf(tree, {});
    const about = (statement: string): Given["about"] => aboutOf(statement, here, { level: "project", project: tree });
    await keep("Never edit `parser.ts`", { about: about("Never edit `parser.ts`") });
    expect((await start({ session: "one" })).text).toMatch(/Never edit/);
    rmSync(join(tree, "parser.ts"));
    expect((await start({ session: "two" })).text).not.toMatch(/Never edit/);
  });
});

describe("the same start", () => {
  test("told by a second hook gives nothing, whichever records first", async () => {
    await has("old", worked);
    const both = await Promise.all([prepareStart(store, options({})), prepareStart(store, options({}))]);
    expect(await Promise.all(both.map((each) => recordStart(store, each)))).toEqual([true, false]);
    const third = await start({}, { now: NOW + 2000 });
    expect([third.text, third.nothing, third.first]).toEqual(["", "given already", false]);
  });

  test("with the same words an hour later is another one", async () => {
    await has("s1", worked);
    await start({ session: "s1", source: "compact" });
    const again = await start({ session: "s1", source: "compact" }, { now: NOW + HOUR });
    expect(again.first).toBe(true);
    expect(again.text).not.toBe("");
    expect(again.events.at(-1)!.id).toBe("s1:start:key-s1-compact.1:recalled");
  });
});

describe("a session that goes on", () => {
  const resumed = (more: Partial<StartOptions> = {}): ReturnType<typeof start> => start({ session: "s1", source: "resume" }, { key: `k${more.now}`, ...more });

  test("hears nothing when nothing is new", async () => {
    await has("before", worked, -60);
    await has("s1", worked);
    expect(await resumed()).toMatchObject({ text: "", nothing: "nothing new", recalled: { nothing: "nothing new", lines: [] } });
  });

  test("hears of a session that ended since it was last told, and only once", async () => {
    await has("s1", worked);
    await resumed({ now: START + HOUR / 2 });
    await has("other", (c) => c.user("We decided to drop the cache instead of growing it, because memory is short."), 60);
    await has("third", (c) => c.user("Look at the docs"), 50);
    const { text, recalled } = await resumed();
    expect(text).toMatch(/^<tidemark kind="delta" session="other" age="3 h">\nNew since this session last heard of it/);
    expect(text).toMatch(/drop the cache/);
    expect(text).toMatch(/Session third ended here too, 4 h ago: “Look at the docs”/);
    expect(recalled.from).toBe("other");
    expect((await resumed({ now: NOW + HOUR })).nothing).toBe("nothing new");
  });

  test("hears of files that were changed or are gone since, of its open call, and of a branch that moved", async () => {
    for (const name of ["parser.ts", "same.ts"]) writeFileSync(join(tree, name), "x");
    utimesSync(join(tree, "same.ts"), new Date(START - HOUR), new Date(START - HOUR));
    await has("s1", (c) => {
      died(c);
      c.call("Read", { file_path: join(tree, "same.ts") }, "x");
      c.call("Read", { file_path: join(tree, "gone.ts") }, "x");
      c.call("Bash", { command: "make all" });
    });
    writeFileSync(join(tree, ".git/HEAD"), "ref: refs/heads/next\n");
    const { text } = await resumed();
    expect(text.split("\n").slice(2, -1)).toEqual([
      expect.stringMatching(/^- In flight when this session last stopped, outcome unknown: Bash make all/),
      "- Files of this session that were changed since, not by it: parser.ts.",
      "- Files of this session that are gone since: gone.ts.",
      "- Branch: main when this session began, next now.",
    ]);
  });

  test("as a fork it hears nothing its parent was told", async () => {
    await has("s1", worked);
    await has("other", (c) => c.user("We decided to drop the cache instead of growing it, because memory is short."), 60);
    await resumed({ now: START + 2 * HOUR });
    const shared = (await store.read("s1")).map(({ event }) => event.id);
    await store.append([{ id: "f:shares", time: START, type: "session.forked", session: "f", agent: "claude-code", payload: { from: "s1", shared: shared.length, records: shared } }]);
    expect(await start({ session: "f", source: "fork" })).toMatchObject({ text: "", nothing: "nothing new" });
  });

  test("as a fork whose transcript is not there yet it is told by when its model last spoke", async () => {
    await has("s1", worked);
    const { time } = (await store.read("s1")).at(-1)!.event;
    await start({ session: "s1" }, { now: START + HOUR / 2 });
    expect((await start({ session: "f", source: "fork", silent: NOW - time - 1000 })).nothing).toBe("nothing new");
    await has("other", (c) => c.user("We decided to drop the cache instead of growing it, because memory is short."), 60);
    const { text } = await start({ session: "g", source: "fork", silent: NOW - time - 1000 });
    expect(text).toMatch(/drop the cache/);
    expect(text).not.toMatch(/public API/);
    expect((await start({ session: "h", source: "fork" })).text).toBe("");
    // Of one that comes from none that is known here, what ended since is new all the same.
    expect((await start({ session: "i", source: "fork", silent: 4.5 * HOUR })).text).toMatch(/drop the cache/);
  });

  test("as a fork it hears what its parent did after it was told, and not what they share", async () => {
    await has("s1", worked);
    const shared = (await store.read("s1")).map(({ event }) => event.id);
    await store.append([{ id: "f:shares", time: START, type: "session.forked", session: "f", agent: "claude-code", payload: { from: "s1", shared: shared.length, records: shared } }]);
    expect((await start({ session: "f", source: "fork" }, { now: START + HOUR })).nothing).toBe("nothing new");
    const last = (await store.read("s1")).map(({ event }) => event).findLast(({ record }) => record !== undefined)!;
    await store.append([{ id: "later", time: START + 2 * HOUR, type: "prompt", session: "s1", agent: "claude-code", record: "later", parent: last.record!, payload: { text: "Now write the docs as well", kind: "user" } }]);
    expect((await start({ session: "f", source: "resume" })).text).toMatch(/Now write the docs/);
  });
});

describe("after a compaction", () => {
  test("the session's own words come back, and lines it was given before count no more", async () => {
    await has("s1", died);
    const { text, recalled } = await start({ session: "s1", source: "compact" });
    expect(text).toMatch(/^<tidemark kind="ledger" session="s1"/);
    expect(text).toMatch(/never touch the public API/);
    expect(text).not.toMatch(/died|outcome is unknown/);
    expect(recalled.from).toBe("s1");
  });

  test("a session nothing is known of yet gets nothing", async () => {
    expect((await start({ session: "s1", source: "compact" })).recalled).toMatchObject({ from: "s1", nothing: "nothing is known yet" });
  });
});

describe("a subagent", () => {
  const part = (session: string, thread: string): ReturnType<typeof start> => start({ event: "SubagentStart", session, thread }, { key: thread });

  test("gets its part of the session it works for, under its own thread", async () => {
    await has("s1", died);
    const { text, events } = await part("s1", "agent-1");
    expect(text).toMatch(/^<tidemark kind="part" session="s1"/);
    expect(countTokens(text)).toBeLessThanOrEqual(500);
    expect(events).toMatchObject([{ type: "start.recalled", thread: "agent-1", session: "s1", payload: { from: "s1" } }]);
  });

  test("of the latest session where its own is not known, and nothing where none is", async () => {
    expect((await part("new", "agent-1")).text).toBe("");
    await has("old", worked);
    expect((await part("new", "agent-2")).text).toMatch(/session="old"/);
  });

  test("what it was given does not count as given to the session", async () => {
    await has("s1", worked);
    await part("s1", "agent-1");
    expect((await start({ session: "s1", source: "compact" })).text).not.toBe("");
  });
});

describe("a pause", () => {
  test("of a project or a session hands over nothing, and the start is recorded all the same", async () => {
    await has("old", died);
    for (const paused of [{ projects: [tree], sessions: [] }, { projects: [], sessions: ["new"] }]) {
      const { text, recalled, assessed, events } = await start({}, { paused, now: NOW + (paused.sessions.length + 1) * HOUR });
      expect([text, recalled]).toEqual(["", { characters: 0, tokens: 0, lines: [], nothing: "paused" }]);
      expect(assessed).toMatchObject({ previous: "old", in_flight: "call-old-2" });
      expect(events.find(({ type }: Event) => type === "start.declared")!.payload).toMatchObject({ injection: false });
    }
    expect((await start({ session: "other" }, { paused: { projects: ["/elsewhere"], sessions: ["new"] } })).text).not.toBe("");
  });

  test("is kept with whatever else the settings hold, and ends", () => {
    const home = join(root, "state");
    expect(readPaused(home)).toEqual({ projects: [], sessions: [] });
    writePaused(home, withPause(withPause(readPaused(home), { project: "/a" }, true), { session: "s" }, true), "1");
    writeFileSync(join(home, "settings.json"), JSON.stringify({ other: 1, paused: readPaused(home) }));
    writePaused(home, withPause(readPaused(home), { project: "/a" }, false), "2");
    expect(readPaused(home)).toEqual({ projects: [], sessions: ["s"] });
    expect(isPaused(readPaused(home), "/a", "s")).toBe(true);
    writeFileSync(join(home, "settings.json"), "[]");
    expect(() => readPaused(home)).toThrow(expect.objectContaining({ code: "CONFIG_UNREADABLE" }));
  });
});
