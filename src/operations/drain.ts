/**
 * Takes in what hooks left in the spool. Each payload leaves only after what it tells is in the log; one that is taken
 * in twice, by two processes or after a crash, tells the same events under the same ids.
 *
 * What the transcript tells as well is waited for: the transcript lags the hooks, and its own words are better. Leaves
 * out who drains and when (engine/, the command), and writing into the spool (spool.ts and the hook's shell line).
 */
import { readFileSync, rmSync } from "node:fs";
import { basename } from "node:path";
import { asTidemarkError } from "../base/errors.ts";
import { sha256Hex } from "../base/hash.ts";
import type { Event } from "../event/schema.ts";
import { translateHook, type HookFacts } from "../agents/claude-code/hooks.ts";
import { AGENT } from "../agents/claude-code/translate.ts";
import { projectOf, treeOf } from "../worktree/project.ts";
import type { Store } from "../store/store.ts";
import { Follower } from "./follow.ts";
import { refusal } from "./intake.ts";
import { takeInPassages } from "./passages.ts";
import { record } from "./record.ts";
import { keepSessionFile } from "./session-file.ts";
import { refreshSummaries } from "./sessions.ts";
import { isUnattended, listSpool, noteDamaged, UNATTENDED, type Spooled } from "./spool.ts";

export interface Round {
  /** Payloads whose facts are in the log now. */
  readonly taken: number;
  /** Left for the transcript to tell, or for another tree's engine. */
  readonly waiting: number;
  /** No JSON, or no payload of a hook: kept in the log as they were. */
  readonly damaged: number;
  /** Whether a transcript grew. */
  readonly grown: boolean;
  /** Sessions that said they ended, whose transcripts may still get their last lines. */
  readonly ending: number;
  /** Sessions of which something was taken in, each with its tree. */
  readonly sessions: ReadonlyMap<string, string>;
}

export interface DrainOptions {
  readonly now: number;
  /** How long the transcript is waited for, in milliseconds. */
  readonly grace: number;
  /** Only payloads of this tree; those of others only once they are older than `others`. */
  readonly root?: string;
  /** Only payloads at least this old, in milliseconds. */
  readonly age?: number;
}

/** How long a payload of another tree is left to that tree's engine. */
const OTHERS_TURN = 3000;

/** How long a transcript is followed after its session said that it ended: the client still writes some lines. */
const AFTER_END = 1500;

/** How long a transcript is followed that does not grow and whose session calls no hook. */
const UNHEARD = 30 * 60_000;

interface Opened extends Spooled {
  readonly text: string;
  readonly told: HookFacts | undefined;
}

export class Drain {
  readonly #store: Store;
  readonly #home: string;
  readonly #heed: ((payload: unknown, time: number, name: string) => void) | undefined;
  readonly #followers = new Map<string, Follower>();
  readonly #ending = new Map<string, number>();
  readonly #opened = new Map<string, Opened>();
  /** Payloads that are another tree's to take in, by their path: where they were called. Their words are not kept here. */
  readonly #foreign = new Map<string, string>();
  /** When a transcript last grew, or its session was last heard of. */
  readonly #heard = new Map<string, number>();
  readonly #trees = new Map<string, string>();

  /** `heed` is told every payload before it leaves the spool, in order; its file's name begins with the number of the client's process. */
  constructor(store: Store, home: string, heed?: (payload: unknown, time: number, name: string) => void) {
    this.#store = store;
    this.#home = home;
    this.#heed = heed;
  }

  async round(options: DrainOptions): Promise<Round> {
    const entries = this.#open(options);
    for (const { told } of entries) {
      if (told?.transcript === undefined) continue;
      this.#heard.set(told.transcript, options.now);
      if (!this.#followers.has(told.transcript)) this.#followers.set(told.transcript, new Follower(this.#store, told.transcript));
    }
    let grown = false;
    for (const [path, follower] of this.#followers) {
      if (!(await follower.poke(options.now))) continue;
      grown = true;
      this.#heard.set(path, options.now);
    }
    const events: Event[] = [];
    const done: Opened[] = [];
    let [waiting, damaged] = [0, 0];
    for (const entry of entries) {
      const { told } = entry;
      if (told === undefined) {
        damaged += 1;
        events.push(damagedPayload(entry));
      } else {
        const untold = await this.#untold(told);
        if (untold.length > 0 && options.now - entry.time < options.grace) {
          waiting += 1;
          continue;
        }
        events.push(...told.facts, ...untold);
        if (told.name === "SessionEnd" && told.transcript !== undefined) this.#ending.set(told.transcript, options.now);
        else if (told.transcript !== undefined) this.#ending.delete(told.transcript);
      }
      done.push(entry);
    }
    if (events.length > 0) await record(this.#store, events);
    if (damaged > 0) await noteDamaged(this.#store, damaged, options.now);
    for (const { path, text, time, told } of done) {
      if (told !== undefined) this.#heed?.(JSON.parse(text), time, basename(path));
      rmSync(path, { force: true });
      this.#opened.delete(path);
    }
    await this.#letGo(options.now);
    const sessions = new Map(done.flatMap(({ told }) => (told === undefined ? [] : [[told.session, this.#treeOf(told.cwd)] as const])));
    return { taken: done.length - damaged, waiting, damaged, grown, ending: this.#ending.size, sessions };
  }

  /** Reads transcripts to their end. What still waits in the spool stays there for the next to come. */
  async close(): Promise<void> {
    for (const follower of this.#followers.values()) await follower.close();
    this.#followers.clear();
  }

  #open({ now, root, age = -Infinity }: DrainOptions): Opened[] {
    const entries: Opened[] = [];
    const listed = listSpool(this.#home, now);
    const there = new Set(listed.map(({ path }) => path));
    // What others have taken in meanwhile is not held on to.
    for (const known of [this.#opened, this.#foreign]) for (const path of known.keys()) if (!there.has(path)) known.delete(path);
    for (const { path, time } of listed) {
      if (now - time < age) continue;
      const others = root !== undefined && now - time < OTHERS_TURN;
      const cwd = this.#foreign.get(path);
      if (others && cwd !== undefined && this.#treeOf(cwd) !== root) continue;
      let entry = this.#opened.get(path);
      if (entry === undefined || entry.time !== time) {
        const text = read(path);
        if (text === undefined) continue;
        entry = { path, time, text, told: parse(text, time) };
        // A payload that a hook is still writing is no JSON yet.
        if (entry.told === undefined && now - time < STILL_WRITING) continue;
        if (others && entry.told !== undefined && this.#treeOf(entry.told.cwd) !== root) {
          this.#foreign.set(path, entry.told.cwd);
          continue;
        }
        this.#opened.set(path, entry);
      }
      entries.push(entry);
    }
    return entries;
  }

  async #untold({ provisional, transcript }: HookFacts): Promise<Event[]> {
    // A session in a worktree has its transcript moved when it ends: the same name, in another folder.
    const followers = transcript === undefined ? [] : [...this.#followers].flatMap(([path, follower]) => (basename(path) === basename(transcript) ? [follower] : []));
    const untold: Event[] = [];
    for (const event of provisional) {
      if (event.type === "session.started") continue;
      let shown = false;
      for (const follower of followers) shown ||= await follower.shows(event);
      if (!shown) untold.push(event);
    }
    // Alone it says nothing: it is there so that the rest has a project.
    return untold.length === 0 ? [] : [...provisional.filter(({ type }) => type === "session.started"), ...untold];
  }

  async #letGo(now: number): Promise<void> {
    // One whose session was killed never says that it ended.
    for (const [path, heard] of this.#heard) if (now - heard > UNHEARD && !this.#ending.has(path)) this.#ending.set(path, heard);
    for (const [path, since] of this.#ending) {
      if (now - since < AFTER_END) continue;
      this.#heard.delete(path);
      await this.#followers.get(path)?.close();
      this.#followers.delete(path);
      this.#ending.delete(path);
    }
  }

  #treeOf(cwd: string): string {
    let tree = this.#trees.get(cwd);
    if (tree === undefined) this.#trees.set(cwd, (tree = treeOf(cwd)));
    return tree;
  }
}

/** Takes in all there is, waiting for transcripts as long as `patience` allows, in milliseconds; then what they have not told is taken from the hooks. */
export async function drainAll(store: Store, home: string, options: { clock: () => number; grace: number; patience: number; sleep: (ms: number) => Promise<unknown>; heed?: (payload: unknown, time: number, name: string) => void }): Promise<{ taken: number; damaged: number }> {
  const drain = new Drain(store, home, options.heed);
  const until = options.clock() + options.patience;
  const sum = { taken: 0, damaged: 0 };
  const heard = new Map<string, string>();
  for (;;) {
    const now = options.clock();
    const { taken, waiting, damaged, ending, sessions } = await drain.round({ now, grace: now >= until ? 0 : options.grace });
    sum.taken += taken;
    sum.damaged += damaged;
    for (const [session, tree] of sessions) heard.set(session, tree);
    if ((waiting === 0 && ending === 0) || now >= until) break;
    await options.sleep(100);
  }
  await drain.close();
  await refreshSummaries(store);
  await takeInPassages(store);
  for (const [session, tree] of heard) await keepSessionFile(store, home, { tree, session, now: options.clock(), holder: `drain:${session}` });
  return sum;
}

/** Takes in what is so old that no engine has it, or `age`, in milliseconds. A store that cannot be written to is read as it is: this is on the way to something else. */
export async function takeInOld(store: Store, home: string, now: number, age = UNATTENDED, heed?: (payload: unknown, time: number, name: string) => void): Promise<void> {
  if (!isUnattended(home, now, age)) return;
  try {
    const drain = new Drain(store, home, heed);
    await drain.round({ now, grace: age, age });
    await drain.close();
    await refreshSummaries(store);
  } catch (error) {
    const { kind } = asTidemarkError(error);
    if (kind !== "environment") throw error;
  }
}

/** How long a file that is no JSON may still be in writing, in milliseconds. */
const STILL_WRITING = 10_000;

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    // Another process was quicker, or it is another user's: `status` says that it waits.
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "EACCES" || code === "EPERM") return undefined;
    throw error;
  }
}

/** Undefined where it is no payload, or one that the log would not take: one must not stop the others. */
function parse(text: string, time: number): HookFacts | undefined {
  try {
    const told = translateHook(JSON.parse(text), time, projectOf);
    return told === undefined || refusal([...told.facts, ...told.provisional]) !== undefined ? undefined : told;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof RangeError) return undefined;
    throw error;
  }
}

/** Half a payload, as a full disk leaves it, may still hold someone's words; an empty one says that something was lost. */
function damagedPayload({ path, text, time }: Opened): Event {
  const session = /"session_id":"([\w-]{1,100})"/.exec(text)?.[1] ?? "unknown";
  return { id: `${session}:damaged:${sha256Hex(`${basename(path)}:${time}:${text}`).slice(0, 16)}`, time, type: "raw", session, agent: AGENT, payload: { kind: "hook payload, damaged", record: text } };
}
