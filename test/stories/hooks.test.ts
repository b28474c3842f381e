/**
 * What hooks tell and what the transcript tells make one story: the hooks of the recorded sessions are put into a spool
 * beside the sessions' transcripts, which are there at once, grow meanwhile, come late, or never come.
 */
import { appendFileSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Event } from "../../src/event/schema.ts";
import { Drain } from "../../src/operations/drain.ts";
import { backlog, spoolFolder } from "../../src/operations/spool.ts";
import { story } from "../../src/operations/sessions.ts";
import { verify } from "../../src/operations/verify.ts";
import type { Store } from "../../src/store/store.ts";
import { configWith, freshStore, idOf, importInto, inConfig, recorded, scratch, tellTurn, transcript, type Name, type Recording } from "../helpers.ts";

type Json = Record<string, unknown>;
const GRACE = 1000;
/** Kinds that no transcript tells. */
const HOOKS_ONLY = new Set(["session.opened", "session.ended", "instructions.loaded"]);

const lines = (path: string): string[] => readFileSync(path, "utf8").trimEnd().split("\n");
const parsed = (path: string): Json[] => lines(path).map((line) => JSON.parse(line) as Json);

interface Recorded {
  readonly main: Name;
  readonly fork: Name;
  /** Each payload with the time at which the transcripts say it was. */
  readonly hooks: { payload: Json; time: number }[];
}

/** The recorded payloads have no times: a prompt's and a call's are those of their records, others follow the one before. */
function recording(version: "197" | "330"): Recorded {
  const [main, fork]: [Name, Name] = [`${version} main`, `${version} fork`];
  const times = new Map<string, number>();
  const note = (key: unknown, time: number): void => void (typeof key === "string" && !Number.isNaN(time) && !times.has(key) && times.set(key, time));
  const subagents = join(transcript(main).replace(/\.jsonl$/, ""), "subagents");
  const files = [transcript(main), transcript(fork), ...transcriptsIn(subagents)];
  for (const record of files.flatMap(parsed)) {
    const time = Date.parse(String(record["timestamp"]));
    note(record["promptId"], time);
    const content = (record["message"] as Json | undefined)?.["content"];
    for (const block of Array.isArray(content) ? (content as Json[]) : []) {
      note(block["type"] === "tool_use" && `Pre:${String(block["id"])}`, time);
      note(block["type"] === "tool_result" && `Post:${String(block["tool_use_id"])}`, time);
    }
  }
  let last = Math.min(...times.values()) - 100;
  const hooks = parsed(join(recorded(`2.1.${version}` as Recording), "hooks.jsonl")).map((payload) => {
    const name = String(payload["hook_event_name"]);
    const key = name === "UserPromptSubmit" ? payload["prompt_id"] : `${name.startsWith("Pre") ? "Pre" : "Post"}:${String(payload["tool_use_id"])}`;
    last = Math.max(last + 1, times.get(String(key)) ?? 0);
    return { payload, time: last };
  });
  return { main, fork, hooks };
}

const transcriptsIn = (folder: string): string[] => (existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith(".jsonl")).map((name) => join(folder, name)) : []);

let count = 0;
/** As the hook's shell line leaves it; the transcript's path is where the test keeps it. */
function leave(home: string, config: string, main: Name, { payload, time }: Recorded["hooks"][number]): void {
  mkdirSync(spoolFolder(home), { recursive: true });
  const path = join(spoolFolder(home), `${(count += 1)}.json`);
  const place = inConfig(config, main).replace(idOf(main), String(payload["session_id"]));
  writeFileSync(path, JSON.stringify({ ...payload, transcript_path: place }));
  utimesSync(path, time / 1000, time / 1000);
}

async function logOf(store: Store): Promise<Event[]> {
  return (await store.scan(0, 100_000)).map(({ event }) => event);
}

/** Without what depends on the order of arrival: which of a fork and its parent was there first. */
const bare = (events: readonly Event[]): unknown[] => events.filter(({ type }) => type !== "session.forked").map((event) => ({ ...event, session: "" })).sort((a, b) => (a.id < b.id ? -1 : 1));

const told = async (store: Store, id: string): Promise<string[]> => (await story(store, id)).turns.map((turn) => tellTurn(turn, "/tmp/demo"));

describe.each(["197", "330"] as const)("2.1.%s", (version) => {
  const { main, fork, hooks } = recording(version);

  async function transcriptsAlone(): Promise<Store> {
    const store = await freshStore();
    await importInto(store, configWith(main, fork));
    return store;
  }

  test("hooks and a transcript that grows with them give the transcript's own events, each once, and what only hooks tell", async () => {
    const alone = await logOf(await transcriptsAlone());
    const source = configWith(main, fork);
    const [store, home, config] = [await freshStore(), scratch(), scratch()];
    const drain = new Drain(store, home);
    const left = growing(source, config, main, fork);
    for (const [i, hook] of hooks.entries()) {
      leave(home, config, main, hook);
      // The transcript lags: what it says of this moment and up to the next hook comes after the first look.
      await drain.round({ now: hook.time + 20, grace: GRACE });
      left.until((hooks[i + 1]?.time ?? Infinity) - 1);
      await drain.round({ now: hook.time + 500, grace: GRACE });
    }
    left.until(Infinity);
    const last = hooks.at(-1)!.time;
    await drain.round({ now: last + 500, grace: GRACE });
    await drain.round({ now: last + 5000, grace: GRACE });
    await drain.close();
    expect(backlog(home)).toEqual({ waiting: 0 });
    const log = await logOf(store);
    const fromTranscript = log.filter(({ type }) => !HOOKS_ONLY.has(type));
    expect(bare(fromTranscript)).toEqual(bare(alone.filter(({ type }) => !HOOKS_ONLY.has(type))));
    expect(log.filter(({ type }) => type === "session.ended").length).toBe(hooks.filter(({ payload }) => payload["hook_event_name"] === "SessionEnd").length);
    expect((await verify(store)).problems).toEqual([]);
  });

  test("a transcript that never comes is told from the hooks; when it comes after all, it alone is told", async () => {
    const alone = await transcriptsAlone();
    const [store, home, config] = [await freshStore(), scratch(), scratch()];
    for (const hook of hooks) leave(home, config, main, hook);
    const drain = new Drain(store, home);
    await drain.round({ now: hooks.at(-1)!.time + 60_000, grace: GRACE });
    const calls = (all: Event[]): string[] => all.flatMap((event) => (event.type === "tool.called" && event.thread === undefined ? [event.payload.tool] : []));
    const fromHooks = await story(store, idOf(main));
    const full = await story(alone, idOf(main));
    expect(fromHooks.turns.map(({ prompt, ending }) => [prompt, ending])).toEqual(full.turns.map(({ prompt, ending }) => [prompt, ending]));
    expect(calls(fromHooks.turns.flatMap(({ events }) => [...events]))).toEqual(calls(full.turns.flatMap(({ events }) => [...events])));
    expect(fromHooks.summary).toMatchObject({ project: "/tmp/demo", files: full.summary.files });

    await importInto(store, configWith(main, fork));
    expect(await told(store, idOf(main))).toEqual(await told(alone, idOf(main)));
    expect(await told(store, idOf(fork))).toEqual(await told(alone, idOf(fork)));
    expect((await verify(store)).problems).toEqual([]);
  });

  test("taking in the same payloads twice, or by two at once, tells nothing twice", async () => {
    const [store, home, config] = [await freshStore(), scratch(), scratch()];
    const now = hooks.at(-1)!.time + 60_000;
    const tellAll = async (): Promise<unknown[]> => {
      for (const hook of hooks) leave(home, config, main, hook);
      await Promise.all([new Drain(store, home), new Drain(store, home)].map((drain) => drain.round({ now, grace: GRACE })));
      return bare(await logOf(store));
    };
    const once = await tellAll();
    expect(await tellAll()).toEqual(once);
  });
});

/** Copies transcripts record by record, as their times come. */
function growing(source: string, config: string, main: Name, fork: Name): { until: (time: number) => void } {
  const beside = join(inConfig(source, main).replace(/\.jsonl$/, ""), "subagents");
  const files = [inConfig(source, main), inConfig(source, fork), ...transcriptsIn(beside)].map((path) => ({ to: path.replace(source, config), left: lines(path), time: 0 }));
  for (const { to } of files) mkdirSync(dirname(to), { recursive: true });
  if (existsSync(beside)) for (const name of readdirSync(beside).filter((each) => each.endsWith(".meta.json"))) cpSync(join(beside, name), join(beside.replace(source, config), name));
  return {
    until: (until) => {
      for (const file of files) {
        while (file.left.length > 0) {
          const stamp = Date.parse(String((JSON.parse(file.left[0]!) as Json)["timestamp"]));
          if (!Number.isNaN(stamp)) file.time = Math.max(file.time, stamp);
          if (file.time > until) break;
          appendFileSync(file.to, `${file.left.shift()!}\n`);
        }
      }
    },
  };
}
