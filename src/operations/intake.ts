/**
 * One file of an agent on its way into the log: lines to records to events to batches, with a fate for every line.
 * Used for a file read whole (import.ts) and for one that is still being written (follow.ts).
 */
import { isRecord } from "../base/json.ts";
import { sha256Hex } from "../base/hash.ts";
import type { Line, LineProblem } from "../base/lines.ts";
import { parseEvent, type Event } from "../event/schema.ts";
import type { Batch, History, Source, Translator } from "../agents/history.ts";
import type { Store } from "../store/store.ts";
import { readExported } from "./export.ts";
import { record } from "./record.ts";

export interface Quarantined {
  readonly file: string;
  /** 0 where the file as a whole could not be read. */
  readonly line: number;
  readonly reason: string;
}

/** What is remembered of a file that was read to its end. */
export interface FileReport {
  lines: number;
  accounted: number;
  events: number;
  quarantined: Quarantined[];
  bookkeeping: Record<string, number>;
  missingParents: number;
  /** Whose conversation it is; absent where no record said so. */
  session?: string;
}

/** What became of its events in the log. */
export interface Taken {
  added: number;
  duplicates: number;
  redacted: Record<string, number>;
}

/** Events per call of the store: one transaction, below the 50 ms a writer may hold the lock. Fewer make more merges of the index. */
export const BATCH_EVENTS = 400;
const BATCH_CHARACTERS = 1_000_000;

const PROBLEMS: Readonly<Record<LineProblem, string>> = { "too long": "longer than 64 MiB", "broken off": "damaged: from here on it cannot be decompressed" };

/** What is known of a source that has not changed since it was read to its end. */
export async function unchanged(store: Store, { agent, translation }: History, source: Source): Promise<FileReport | undefined> {
  const known = await store.source(source.path);
  if (known === undefined || known.size !== source.size || known.modified !== source.modified) return undefined;
  const past = JSON.parse(known.report) as FileReport & { agent?: string; translation?: number };
  return past.agent === agent && past.translation === translation ? past : undefined;
}

export async function rememberFile(store: Store, { agent, translation }: History, { path, size, modified }: Source, report: FileReport): Promise<void> {
  await store.putSource({ path, size, modified, report: JSON.stringify({ ...report, agent, translation }) });
}

export class Intake {
  readonly #store: Store;
  readonly #agent: string;
  readonly #path: string;
  readonly #translator: Translator;
  readonly file: FileReport = { lines: 0, accounted: 0, events: 0, quarantined: [], bookkeeping: {}, missingParents: 0 };
  readonly taken: Taken = { added: 0, duplicates: 0, redacted: {} };
  /** Called with what has been recorded. */
  onEvents: ((events: readonly Event[]) => void) | undefined;
  readonly #ids = new Set<string>();
  #batch: Event[] = [];
  #weight = 0;
  /** Duplicates when it was last looked whose they are. */
  #shared = 0;

  constructor(store: Store, agent: string, path: string, translator: Translator) {
    this.#store = store;
    this.#agent = agent;
    this.#path = path;
    this.#translator = translator;
  }

  /** Whether the file has shown a prompt with this id of the agent's. */
  hasPrompt(id: string): boolean {
    return this.#translator.promptIds?.has(id) === true;
  }

  async lines(lines: Batch): Promise<void> {
    if ("number" in lines) {
      this.file.lines += 1;
      this.#quarantine(lines.number, PROBLEMS[lines.problem]);
    } else for (const line of lines) await this.#line(line);
  }

  /** What the source goes on from: its records are taken, and neither they nor their lines are counted as the source's. */
  async before(lines: Batch): Promise<void> {
    if ("number" in lines) return;
    for (const line of lines) {
      const value = parseLine(line);
      if (typeof value === "string") continue;
      for (const event of translated(value, this.#translator).events) if (refusal([event]) === undefined) await this.#take(event);
    }
  }

  /** Records what was read so far; more will come. */
  async pause(): Promise<void> {
    await this.#flush();
    if (this.taken.duplicates > this.#shared) await this.#share();
  }

  /** Records what was read so far, and what is known of the file as a whole by now. May be called again after more lines. */
  async finish(): Promise<FileReport> {
    for (const event of this.#storable(this.#translator.end(), this.file.lines)) await this.#take(event);
    await this.pause();
    this.file.missingParents = this.#translator.missingParents;
    this.file.events = this.#ids.size;
    if (this.#translator.session !== undefined) this.file.session = this.#translator.session;
    return this.file;
  }

  async #line(line: Line): Promise<void> {
    this.file.lines += 1;
    const value = parseLine(line);
    if (typeof value === "string") {
      // An empty line between records says nothing and is nothing's loss.
      if (line.text.trim() === "") this.#bookkeep("empty line");
      else this.#quarantine(line.number, value);
      return;
    }
    if (!line.sound) this.file.quarantined.push({ file: this.#path, line: line.number, reason: "not UTF-8 in places; loaded with those replaced" });
    this.file.accounted += 1;
    const { events: all, bookkeeping, refused } = translated(value, this.#translator);
    if (refused !== undefined) {
      this.file.quarantined.push({ file: this.#path, line: line.number, reason: refused });
      return;
    }
    const events = this.#storable(all, line.number);
    if (bookkeeping !== undefined && events.length === 0) this.file.bookkeeping[bookkeeping] = (this.file.bookkeeping[bookkeeping] ?? 0) + 1;
    this.#weight += line.text.length;
    for (const event of events) await this.#take(event);
  }

  /** Among them can be those of earlier lines that waited for this one: what cannot be stored takes nothing else with it. */
  #storable(events: readonly Event[], line: number): readonly Event[] {
    if (refusal(events) === undefined) return events;
    return events.filter((event) => {
      const reason = refusal([event]);
      if (reason !== undefined) this.file.quarantined.push({ file: this.#path, line, reason });
      return reason === undefined;
    });
  }

  async #take(event: Event): Promise<void> {
    // The usage of a message stands in several records; within a file that is no news and no duplicate either.
    if (this.#ids.has(event.id)) return;
    this.#ids.add(event.id);
    this.#batch.push(event);
    if (this.#batch.length >= BATCH_EVENTS || this.#weight >= BATCH_CHARACTERS) await this.#flush();
  }

  async #flush(): Promise<void> {
    if (this.#batch.length === 0) return;
    const { added, duplicates, redacted } = await record(this.#store, this.#batch);
    this.onEvents?.(this.#batch);
    this.taken.added += added;
    this.taken.duplicates += duplicates;
    for (const [family, count] of Object.entries(redacted)) this.taken.redacted[family] = (this.taken.redacted[family] ?? 0) + count;
    this.#batch = [];
    this.#weight = 0;
  }

  /** Records first met under another session belong to this one too: a fork, or the parent of one read earlier. */
  async #share(): Promise<void> {
    const { session } = this.#translator;
    if (session === undefined) return;
    const byOther = new Map<string, string[]>();
    for (const [id, other] of await this.#store.known([...this.#ids])) {
      if (other === session) continue;
      const records = byOther.get(other);
      if (records === undefined) byOther.set(other, [id]);
      else records.push(id);
    }
    for (const [from, records] of byOther) {
      const [first] = await this.#store.get([records[0]!]);
      const id = `${session}:shares:${sha256Hex(records.toSorted().join("\n")).slice(0, 24)}`;
      await this.#take({ id, time: first?.event.time ?? 0, type: "session.forked", session, agent: this.#agent, payload: { from, shared: records.length, records } });
    }
    await this.#flush();
    this.#shared = this.taken.duplicates;
  }

  #quarantine(line: number, reason: string): void {
    this.file.accounted += 1;
    this.file.quarantined.push({ file: this.#path, line, reason });
  }

  #bookkeep(kind: string): void {
    this.file.accounted += 1;
    this.file.bookkeeping[kind] = (this.file.bookkeeping[kind] ?? 0) + 1;
  }
}

/** A record's events, or why it has none: what nests without end overruns the stack of whatever looks into it. */
function translated(value: Record<string, unknown>, translator: Translator): { events: Event[]; bookkeeping?: string; refused?: string } {
  try {
    const exported = readExported(value);
    return exported === undefined ? translator.push(value) : { events: [exported] };
  } catch (error) {
    if (error instanceof RangeError) return { events: [], refused: TOO_DEEP };
    throw error;
  }
}

/** Levels of nesting that are stored; the deepest seen in real transcripts is 8. */
const DEEPEST = 200;
const TOO_DEEP = `nested deeper than ${DEEPEST} levels`;

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  return levels === 0 || Object.values(value).some((inner) => isDeeper(inner, levels - 1));
}

/** Why the log would not take these events: ids of a record can hold anything, and one bad line must not stop the rest. */
export function refusal(events: readonly Event[]): string | undefined {
  try {
    for (const event of events) {
      parseEvent(event);
      if ((event.type === "tool.called" || event.type === "raw") && isDeeper(event.payload, DEEPEST)) return TOO_DEEP;
    }
    return undefined;
  } catch (error) {
    return `not storable: ${(error as Error).message}`;
  }
}

/** The record, or why the line is none. */
export function parseLine(line: Line): Record<string, unknown> | string {
  try {
    // A byte order mark is part of no record; JSON.parse does not take it.
    const value: unknown = JSON.parse(line.number === 1 ? line.text.replace(/^\uFEFF/, "") : line.text);
    return isRecord(value) ? value : "not a JSON object";
  } catch {
    return line.ended ? "damaged: not valid JSON" : "torn: the file ends in the middle of a record";
  }
}
