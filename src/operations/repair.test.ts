/** Repairing transcripts where they lie: what is found, what is written and where, and 150 recorded ones damaged at random. */
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { randomFrom, seedOf } from "../../test/damage/batches.ts";
import { configWith, freshStore, idOf, importInto, inConfig, linesOf, scratch, SESSIONS, transcript, type Name } from "../../test/helpers.ts";
import { UNKNOWN_OUTCOME, type Done } from "../agents/claude-code/repair.ts";
import { Translator } from "../agents/claude-code/translate.ts";
import { membersOf, splice } from "../base/splice.ts";
import type { Event, EventType } from "../event/schema.ts";
import { foldSession } from "../session/fold.ts";
import { repairSession, type RepairOptions, type RepairReport } from "./repair.ts";

const NAMES = Object.keys(SESSIONS) as Name[];

function repairing(config: string, wanted: string, more: Partial<RepairOptions> = {}): Promise<RepairReport> {
  const store = (): never => {
    throw new Error("the store was asked");
  };
  return repairSession({ wanted, configDir: config, home: join(config, "state"), cwd: config, store, isAlive: () => false, ...more });
}

const outcome = (work: Promise<unknown>): Promise<any> => work.then((value) => value, (error: unknown) => error);

describe("which transcript is meant", () => {
  test("an id, the beginning of one, and a path need no store", async () => {
    const config = configWith("197 main", "197 fork");
    const path = inConfig(config, "197 main");
    for (const wanted of [idOf("197 main"), "5972F1", path]) {
      expect(await repairing(config, wanted)).toMatchObject({ session: idOf("197 main"), original: path, sound: true, done: [], changed: {}, lines: 60, kept: 60, added: 0, repaired: null });
    }
    expect(await repairing(config, `${idOf("197 main")}.jsonl`, { cwd: dirname(path) })).toMatchObject({ original: path });
    expect(existsSync(join(config, "state"))).toBe(false);
  });

  test("a title is asked of the store, and so is the id of a transcript that is gone", async () => {
    const config = configWith("197 typed", "197 fork");
    const store = await freshStore();
    await importInto(store, config);
    const { title } = (await store.summary(idOf("197 typed")))!.summary;
    expect(await repairing(config, title.toUpperCase(), { store: async () => store })).toMatchObject({ original: inConfig(config, "197 typed") });
    renameSync(inConfig(config, "197 typed"), join(scratch(), "away.jsonl"));
    expect(await outcome(repairing(config, idOf("197 typed"), { store: async () => store }))).toMatchObject({ code: "TRANSCRIPT_GONE", hint: `tidemark resume ${idOf("197 typed")}` });
    expect(await outcome(repairing(config, "nonesuch", { store: async () => store }))).toMatchObject({ code: "SESSION_UNKNOWN" });
  });

  test("of two with one beginning neither is taken; a path that is not there and a subagent's are refused", async () => {
    const config = configWith("197 main");
    const folder = dirname(inConfig(config, "197 main"));
    writeFileSync(join(folder, `59720000${idOf("197 main").slice(8)}.jsonl`), "");
    expect(await outcome(repairing(config, "5972"))).toMatchObject({ code: "SESSION_AMBIGUOUS", message: expect.stringContaining("matches 2 transcripts"), hint: expect.stringContaining(folder) });
    expect(await outcome(repairing(config, "none.jsonl"))).toMatchObject({ code: "PATH_MISSING" });
    const [agent] = readdirSync(join(folder, idOf("197 main"), "subagents")).filter((name) => name.endsWith(".jsonl"));
    expect(await outcome(repairing(config, join(folder, idOf("197 main"), "subagents", agent!)))).toMatchObject({ code: "BAD_VALUE", message: expect.stringContaining("subagent") });
  });
});

describe("what cannot be repaired", () => {
  const text = linesOf("197 main").join("\n");
  test.each<[string, string | Uint8Array, object]>([
    ["an empty file", "", { code: "REPAIR_NOTHING_LEFT", message: expect.stringContaining("no whole record") }],
    ["words", "Dear diary\n", { code: "REPAIR_NOTHING_LEFT" }],
    ["records without a conversation", '{"type":"mode","mode":"normal","sessionId":"x"}\n', { code: "REPAIR_NOTHING_LEFT" }],
    ["a binary file", Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0, 7, 0, 201, 202, 203, 204, 205, 206]), { code: "NOT_A_TRANSCRIPT", message: expect.stringContaining("binary") }],
    ["UTF-16", Buffer.from(`\uFEFF${text}`, "utf16le"), { code: "NOT_A_TRANSCRIPT", message: expect.stringContaining("UTF-16"), hint: expect.stringMatching(/^iconv .* && tidemark doctor --repair/) }],
  ])("%s is refused, and nothing is written", async (_, bytes, error) => {
    const config = configWith("197 main");
    writeFileSync(inConfig(config, "197 main"), bytes);
    expect(await outcome(repairing(config, idOf("197 main")))).toMatchObject(error);
    expect(existsSync(join(config, "state"))).toBe(false);
  });
});

describe("the new file", () => {
  const torn = (config: string): string => {
    const path = inConfig(config, "197 main");
    const bytes = readFileSync(path);
    writeFileSync(path, bytes.subarray(0, bytes.length - 20));
    return path;
  };

  test("is private, complete, named after what was read, and not in the agent's folder", async () => {
    const config = configWith("197 main");
    const path = torn(config);
    const before = readdirSync(config, { recursive: true }).sort();
    const report = await repairing(config, "5972", { home: join(scratch(), "deep", "state") });
    const { repaired } = report;
    expect(report).toMatchObject({ sound: false, lines: 60, kept: 59, added: 0, done: [{ kind: "torn", line: 60, what: expect.any(String) }], counts: { torn: 1 } });
    expect(repaired).toMatchObject({ existed: false, placed: false, place: join(dirname(path), `${repaired!.session}.jsonl`) });
    expect(repaired!.commands).toEqual([`cp -n ${repaired!.path} ${repaired!.place}`, `cd /tmp/demo && claude --resume ${repaired!.session}`]);
    expect([basename(repaired!.path, ".jsonl"), statSync(repaired!.path).mode & 0o777, statSync(dirname(repaired!.path)).mode & 0o777]).toEqual([repaired!.session, 0o600, 0o700]);
    expect(readdirSync(dirname(repaired!.path))).toEqual([basename(repaired!.path)]);
    expect(readdirSync(config, { recursive: true }).sort()).toEqual(before);
    expect(await repairing(config, repaired!.path)).toMatchObject({ sound: true, session: repaired!.session });
  });

  test("is the same when it is made again, and another when more was written; put in place, it is known there", async () => {
    const config = configWith("197 main");
    const path = torn(config);
    const first = (await repairing(config, "5972")).repaired!;
    expect((await repairing(config, "5972")).repaired).toEqual({ ...first, existed: true });
    writeFileSync(first.place!, "gone on with");
    expect((await repairing(config, path)).repaired).toEqual({ ...first, existed: true, placed: true, commands: [first.commands[1]] });
    writeFileSync(path, `${readFileSync(path, "utf8")}\n{"type":"mode"}\n`);
    expect((await repairing(config, path)).repaired!.session).not.toBe(first.session);
  });

  test("overwrites nothing, and where it cannot be written nothing is left", async () => {
    const config = configWith("197 main");
    torn(config);
    const { path } = (await repairing(config, "5972")).repaired!;
    writeFileSync(path, "mine");
    expect(await outcome(repairing(config, "5972"))).toMatchObject({ code: "REPAIR_EXISTS", message: expect.stringContaining(path) });
    expect(readFileSync(path, "utf8")).toBe("mine");
    expect(await outcome(repairing(config, "5972", { home: path }))).toMatchObject({ code: "HOME_UNWRITABLE" });
  });

  test.skipIf(process.getuid?.() === 0)("says so when the original may not be read", async () => {
    const config = configWith("197 main");
    chmodSync(torn(config), 0);
    expect(await outcome(repairing(config, "5972"))).toMatchObject({ code: "PATH_UNREADABLE" });
  });

  test("of a copy from elsewhere goes beside the session's own transcript, else nowhere in particular", async () => {
    const config = configWith("197 main");
    const copy = join(scratch(), "it's a copy.jsonl");
    writeFileSync(copy, `${linesOf("197 main").join("\n")}\n{"torn`);
    const { session, repaired } = await repairing(config, copy);
    expect([session, dirname(repaired!.place!)]).toEqual([idOf("197 main"), dirname(inConfig(config, "197 main"))]);
    expect((await repairing(scratch(), copy)).repaired).toMatchObject({ place: null, commands: [expect.stringMatching(/^cd \/tmp\/demo && claude --resume/)] });
  });

  test("a session that a living process has open is named, and repaired all the same", async () => {
    const config = configWith("197 main");
    torn(config);
    mkdirSync(join(config, "sessions"));
    writeFileSync(join(config, "sessions/4711.json"), JSON.stringify({ pid: 4711, sessionId: idOf("197 main"), cwd: "/tmp/demo" }));
    writeFileSync(join(config, "sessions/4712.json"), "{half");
    expect(await repairing(config, "5972", { isAlive: (pid) => pid === 4711 })).toMatchObject({ running: 4711, repaired: { existed: false } });
    expect(await repairing(config, "5972")).toMatchObject({ running: null });
  });
});

// ---- recorded transcripts, damaged at random ----

/** TIDEMARK_REPAIRS asks for more. */
const CASES = Number(process.env["TIDEMARK_REPAIRS"] ?? 150);
const SEED = seedOf("repair");

type Random = () => number;
type Bytes = Buffer<ArrayBuffer>;
const below = (random: Random, limit: number): number => Math.floor(random() * limit);

const DAMAGES: Record<string, (bytes: Bytes, random: Random) => Bytes> = {
  tear: (bytes, random) => bytes.subarray(0, bytes.length - below(random, Math.min(bytes.length, 30_000))),
  cut: (bytes, random) => {
    const from = below(random, bytes.length);
    return Buffer.concat([bytes.subarray(0, from), bytes.subarray(from + 1 + below(random, 4000))]);
  },
  flip: (bytes, random) => {
    const copy = Buffer.from(bytes);
    for (let n = below(random, 12); n >= 0; n--) copy[below(random, copy.length)]! ^= 1 << below(random, 8);
    return copy;
  },
  zero: (bytes, random) => {
    const copy = Buffer.from(bytes);
    const from = 5000 + below(random, copy.length);
    copy.fill(0, Math.min(from, copy.length), Math.min(copy.length, from + below(random, 6000)));
    return copy;
  },
  drop: (bytes, random) => ofLines(bytes, (lines) => {
    for (let n = below(random, 4); n >= 0; n--) lines.splice(below(random, lines.length), 1);
  }),
  // A process that was killed as it wrote: the next one went on behind half a record.
  halve: (bytes, random) => ofLines(bytes, (lines) => {
    const at = below(random, lines.length - 1);
    lines.splice(at, 2, lines[at]!.slice(0, below(random, lines[at]!.length)) + lines[at + 1]!);
  }),
  duplicate: (bytes, random) => ofLines(bytes, (lines) => {
    const from = below(random, lines.length);
    lines.splice(below(random, lines.length), 0, ...lines.slice(from, from + 1 + below(random, 5)));
  }),
};

function ofLines(bytes: Bytes, change: (lines: string[]) => void): Bytes {
  const lines = bytes.toString("latin1").split("\n");
  change(lines);
  return Buffer.from(lines.join("\n"), "latin1");
}

/** A record with what a repair may change left out. */
function core(line: string): string {
  const members = membersOf(line);
  return splice(line, ["sessionId", "session_id", "parentUuid"].flatMap((name) => (members.has(name) ? [{ span: members.get(name)!, by: "" }] : [])));
}

function eventsOf(path: string): Event[] {
  const translator = new Translator({ session: basename(path, ".jsonl"), projectOf: (cwd) => cwd });
  const events: Event[] = [];
  for (const line of readFileSync(path, "utf8").split("\n")) {
    const value = wholeIn(line.replace(/^\uFEFF/, ""));
    if (value !== undefined) events.push(...translator.push(value).events);
  }
  return [...new Map([...events, ...translator.end()].map((event) => [event.id, event])).values()];
}

/** The record of a line, or the whole one that stands behind half of another. */
function wholeIn(line: string): Record<string, unknown> | undefined {
  for (let at = 0; at >= 0 && at < line.length; at = line.indexOf('{"', at + 1)) {
    try {
      const value: unknown = JSON.parse(line.slice(at));
      return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
    } catch {
      // Damaged, or not where it begins.
    }
  }
  return undefined;
}

const CONVERSATION = new Set<EventType>(["prompt", "answer", "thinking", "tool.called", "tool.returned", "tool.failed", "turn.ended"]);

/** The answer that a repair gives to an open call. */
const ours = (event: Event): boolean => event.type === "tool.failed" && event.payload.error === UNKNOWN_OUTCOME;

/** In which turn each answer and call stands, by the id of the words that began it. */
function placesOf(events: readonly Event[]): Map<string, string> {
  const { turns, rewound } = foldSession("s", events);
  return new Map([...turns, ...rewound].flatMap(({ id, calls, answers }) => [...calls, ...answers].map((each) => [each.id, id] as const)));
}

/** Answers and calls that stand in another turn than they did before the damage, though both turns are still there. */
function misplaced(events: readonly Event[], whole: readonly Event[]): string[] {
  const [now, then] = [placesOf(events), placesOf(whole)];
  const records = new Set(events.map(({ record }) => record));
  return [...now].filter(([id, turn]) => then.has(id) && then.get(id) !== turn && records.has(then.get(id))).map(([id]) => id);
}

test(`${CASES} recorded transcripts, damaged (seed ${SEED}): the original stays, what is whole is kept, the result is sound and imports whole`, { timeout: 120_000 }, async () => {
  const random = randomFrom(SEED);
  const config = scratch();
  const out = scratch();
  const sources = new Map(NAMES.map((name) => [name, { whole: Buffer.from(readFileSync(transcript(name))), events: eventsOf(transcript(name)) }]));
  const small = NAMES.filter((name) => sources.get(name)!.whole.length < 100_000);
  const seen = new Set<string>();
  let written = 0;
  const elsewhere = { damaged: 0, repaired: 0 };
  for (let n = 0; n < CASES; n++) {
    const choice = n % 10 === 0 ? NAMES : small;
    const name = choice[below(random, choice.length)]!;
    const { whole, events } = sources.get(name)!;
    const kinds = Array.from({ length: 1 + below(random, 3) }, () => Object.keys(DAMAGES)[below(random, Object.keys(DAMAGES).length)]!);
    const bytes = kinds.reduce<Bytes>((damaged, kind) => DAMAGES[kind]!(damaged, random), whole);
    const label = `case ${n}, seed ${SEED}: ${name}, ${kinds.join(", ")}`;
    const path = join(config, "projects", "-x", `${idOf(name)}.jsonl`);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, bytes);
    const report = await outcome(repairing(config, path));
    expect(readFileSync(path).equals(bytes), label).toBe(true);
    if (report instanceof Error) {
      expect(report, label).toMatchObject({ code: expect.stringMatching(/^(?:REPAIR_NOTHING_LEFT|NOT_A_TRANSCRIPT)$/) });
      continue;
    }
    for (const { kind } of report.done) seen.add(kind);
    if (report.sound) continue;
    written++;
    const result = report.repaired.path;
    expect(await repairing(config, result), label).toMatchObject({ sound: true });

    const lines = bytes.toString("utf8").split("\n");
    const [were, are] = [new Set(whole.toString("utf8").split("\n")), new Set(readFileSync(result, "utf8").trimEnd().split("\n").map(core))];
    const orphans = new Set(report.done.filter(({ kind }: Done) => kind === "orphan").map(({ line }: Done) => line));
    // The same record as one that was rescued from a damaged line and is an orphan there.
    const isOrphansCopy = ({ kind, what }: Done): boolean => kind === "duplicate" && orphans.has(Number(/ in line (\d+)$/.exec(what)?.[1]));
    const excused = new Set(report.done.filter((done: Done) => done.kind === "orphan" || done.what.includes("another text") || isOrphansCopy(done)).map(({ line }: Done) => lines[line - 1]));
    expect(lines.filter((line) => were.has(line) && line !== "" && !excused.has(line) && !are.has(core(line))), `${label}: whole and not kept`).toEqual([]);

    const [before, after] = [eventsOf(path), eventsOf(result)];
    const known = new Set([...events, ...before].map(({ id }) => id));
    expect(after.filter((event) => CONVERSATION.has(event.type) && event.record !== undefined && !known.has(event.id) && !ours(event)).map(({ id }) => id), `${label}: invented`).toEqual([]);
    elsewhere.damaged += misplaced(before, events).length;
    elsewhere.repaired += misplaced(after, events).length;
    renameSync(result, join(out, `${report.repaired.session}.jsonl`));
  }
  console.log(`${written} of ${CASES} were repaired; calls and answers in another turn than before the damage: ${elsewhere.damaged} as damaged, ${elsewhere.repaired} as repaired`);
  expect(written).toBeGreaterThan(CASES * 0.8);
  expect(elsewhere.repaired).toBeLessThan(elsewhere.damaged / 2);
  expect([...seen]).toEqual(expect.arrayContaining(["bytes", "damaged", "duplicate", "orphan", "relinked", "rescued", "torn", "unanswered"]));
  const store = await freshStore();
  expect(await importInto(store, config, [out])).toMatchObject({ files: readdirSync(out).length, quarantined: [], missing_parents: 0 });
});
