/**
 * A transcript that is still being written, taken in as it grows: each poke reads what is new. What the transcript has
 * shown is remembered, so that a hook's telling of the same is known to be told. Leaves out finding transcripts and
 * deciding when to look.
 */
import { existsSync, statSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { claudeCode } from "../agents/claude-code/history.ts";
import { notText, readLines, type Place } from "../base/lines.ts";
import type { Event } from "../event/schema.ts";
import { Told } from "../session/settle.ts";
import type { Store } from "../store/store.ts";
import { Intake, rememberFile, unchanged } from "./intake.ts";
import { projects } from "./means.ts";

const START: Place = { offset: 0, lines: 0 };

/** One file. */
class FollowedFile {
  readonly #store: Store;
  readonly #path: string;
  readonly #onEvents: (events: readonly Event[]) => void;
  #intake: Intake | undefined;
  #place = START;
  #inode = 0;
  #refused = false;

  constructor(store: Store, path: string, onEvents: (events: readonly Event[]) => void) {
    this.#store = store;
    this.#path = path;
    this.#onEvents = onEvents;
  }

  hasPrompt(id: string): boolean {
    return this.#intake?.hasPrompt(id) === true;
  }

  /** True where the file had something new. */
  async poke(now: number): Promise<boolean> {
    try {
      return await this.#read(now);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      this.#refused = code === "EACCES" || code === "EPERM" || code === "EISDIR" || code === "EIO";
      if (this.#refused || code === "ENOENT") return false;
      // The store could not be written to: what was read is not told. All of it is read again, and nothing of it doubled.
      [this.#intake, this.#place] = [undefined, START];
      throw error;
    }
  }

  async #read(now: number): Promise<boolean> {
    const about = statSync(this.#path, { throwIfNoEntry: false });
    if (about === undefined || !about.isFile()) return false;
    if (about.ino !== this.#inode || about.size < this.#place.offset) {
      // Another file under this name: read from its start; ids come from the source, so nothing is told twice.
      [this.#inode, this.#intake, this.#place, this.#refused] = [about.ino, undefined, START, false];
    }
    if (about.size === this.#place.offset || this.#refused) return false;
    if (this.#intake === undefined) {
      if (isWaitingForItsNeighbour(this.#path, about.birthtimeMs, now)) return false;
      this.#refused = (await notText(this.#path)) !== undefined;
      if (this.#refused) return false;
      const { translator } = await claudeCode.open({ path: this.#path, size: about.size, modified: about.mtimeMs }, { projectOf: projects() });
      this.#intake = new Intake(this.#store, claudeCode.agent, this.#path, translator);
      this.#intake.onEvents = this.#onEvents;
    }
    const before = this.#place.offset;
    for await (const lines of readLines(this.#path, undefined, this.#place)) {
      if (!Array.isArray(lines)) break;
      // A last line without its line feed is still being written; it is read again when there is more.
      const whole = lines.filter(({ ended }) => ended);
      if (whole.length === 0) continue;
      await this.#intake.lines(whole);
      this.#place = { offset: whole.at(-1)!.end, lines: whole.at(-1)!.number };
    }
    await this.#intake.pause();
    return this.#place.offset > before;
  }

  /** Says what can only be said at the end, and notes that the file was read, so that no import reads it again. */
  async close(): Promise<void> {
    await this.poke(Infinity);
    const about = statSync(this.#path, { throwIfNoEntry: false });
    if (this.#intake === undefined || about === undefined) return;
    const report = await this.#intake.finish();
    // One that ends in the middle of a line is left to the import, which says so.
    if (about.size === this.#place.offset) await rememberFile(this.#store, claudeCode, { path: this.#path, size: about.size, modified: about.mtimeMs }, report);
  }
}

/** What a subagent was started for stands in a file of its own, which may be written a moment later. */
function isWaitingForItsNeighbour(path: string, born: number, now: number): boolean {
  return basename(path).startsWith("agent-") && now - born < 2000 && !existsSync(path.replace(/\.jsonl$/, ".meta.json"));
}

/** A session's transcript and those of its subagents. */
export class Follower {
  readonly #store: Store;
  readonly #path: string;
  readonly #files = new Map<string, FollowedFile>();
  readonly #told = new Told();

  constructor(store: Store, path: string) {
    this.#store = store;
    this.#path = path;
  }

  async poke(now: number): Promise<boolean> {
    let grown = false;
    for (const path of [this.#path, ...(await this.#subagents())]) {
      let file = this.#files.get(path);
      if (file === undefined) this.#files.set(path, (file = new FollowedFile(this.#store, path, (events) => this.#told.add(events))));
      grown = (await file.poke(now)) || grown;
    }
    return grown;
  }

  async close(): Promise<void> {
    await this.poke(Infinity);
    for (const file of this.#files.values()) await file.close();
  }

  /** Whether the log or the transcript has this already, told by the transcript. */
  async shows(event: Event): Promise<boolean> {
    switch (event.type) {
      case "prompt":
        return event.payload.prompt_id === undefined ? this.#told.has(event) : this.#files.get(this.#path)?.hasPrompt(event.payload.prompt_id) === true;
      case "answer":
      case "turn.ended":
        return this.#told.has(event);
      default:
        return (await this.#store.known([event.id.replace(/:hook$/, "")])).size > 0;
    }
  }

  async #subagents(): Promise<string[]> {
    const folder = join(this.#path.replace(/\.jsonl$/, ""), "subagents");
    try {
      return (await readdir(folder)).filter((name) => name.endsWith(".jsonl")).sort().map((name) => join(folder, name));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT" || (error as NodeJS.ErrnoException).code === "ENOTDIR") return [];
      throw error;
    }
  }
}

/**
 * Takes in transcripts beside this one that have changed since they were last read, newest first: what a session that
 * was killed with its engine left behind. `skip` names sessions that others follow.
 */
export async function catchUp(store: Store, folder: string, skip: ReadonlySet<string>, most: { files: number; bytes: number }): Promise<number> {
  let names: string[];
  try {
    names = (await readdir(folder)).filter((name) => name.endsWith(".jsonl") && !skip.has(name.slice(0, -".jsonl".length)));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return 0;
    throw error;
  }
  const files = names.flatMap((name) => {
    const path = join(folder, name);
    const about = statSync(path, { throwIfNoEntry: false });
    return about?.isFile() === true && about.size > 0 && about.size <= most.bytes ? [{ path, size: about.size, modified: about.mtimeMs }] : [];
  });
  let taken = 0;
  for (const file of files.sort((a, b) => b.modified - a.modified)) {
    if (taken >= most.files) break;
    if ((await unchanged(store, claudeCode, file)) !== undefined) continue;
    await new Follower(store, file.path).close();
    taken += 1;
  }
  return taken;
}
