/**
 * Takes in what agents have left on this machine: transcripts, prompts of sessions already purged, and our own exports.
 *
 * Every line has a fate, and the report counts them all: events, nothing new, a known kind without facts, or
 * quarantined with file and line while the rest still loads. A changed file is read again from its start: ids come
 * from the source, so only what is new is added, and an import stopped half-way goes on by being run again.
 */
import { resolve } from "node:path";
import { TidemarkError } from "../base/errors.ts";
import { isRecord } from "../base/json.ts";
import { sha256Hex } from "../base/hash.ts";
import { notText, readLines, type Line } from "../base/lines.ts";
import { parseEvent, type Event } from "../event/schema.ts";
import { aboutTranscript, cleanupDays, findTranscripts, historyFile, parseHistoryLine, transcriptsFolder, type SourceFile } from "../agents/claude-code/sources.ts";
import { AGENT, Translator } from "../agents/claude-code/translate.ts";
import { projectOf } from "../worktree/project.ts";
import type { Store } from "../store/store.ts";
import { readExported } from "./export.ts";
import { record } from "./record.ts";
import { refreshSummaries } from "./sessions.ts";

export interface Quarantined {
  readonly file: string;
  /** 0 where the file as a whole could not be read. */
  readonly line: number;
  readonly reason: string;
}

export interface ImportReport {
  files: number;
  lines: number;
  accounted: number;
  added: number;
  duplicates: number;
  rescued: number;
  quarantined: Quarantined[];
  expiring: { within_days: number; sessions: number };
  /** Sessions that something was added to. */
  sessions: number;
  bytes: number;
  /** Files that had not changed since they were last read. */
  unchanged: number;
  /** Lines of known kinds that hold no fact of the conversation, by kind. */
  bookkeeping: Record<string, number>;
  missing_parents: number;
  redacted: Record<string, number>;
}

export interface ImportOptions {
  /** Files or folders; without any, the agent's own folder and prompt history. */
  readonly paths: readonly string[];
  readonly configDir: string;
  readonly now: number;
  readonly withinDays: number;
  readonly progress?: (state: { files: number; ofFiles: number; bytes: number; ofBytes: number }) => void;
}

/** What is remembered of a file that was read to its end. */
interface FileReport {
  lines: number;
  accounted: number;
  events: number;
  quarantined: Quarantined[];
  bookkeeping: Record<string, number>;
  missingParents: number;
}

/** Events per call of the store: one transaction, below the 50 ms a writer may hold the lock. Fewer make more merges of the index. */
const BATCH_EVENTS = 400;
const BATCH_CHARACTERS = 1_000_000;

/** Changes when a translator learns to read more: files are then read again. */
const TRANSLATION = 1;

export async function importSessions(store: Store, options: ImportOptions): Promise<ImportReport> {
  const report: ImportReport = {
    files: 0, lines: 0, accounted: 0, added: 0, duplicates: 0, rescued: 0, quarantined: [], expiring: { within_days: options.withinDays, sessions: 0 },
    sessions: 0, bytes: 0, unchanged: 0, bookkeeping: {}, missing_parents: 0, redacted: {},
  };
  const own = transcriptsFolder(options.configDir);
  const found = await discover(options.paths, own, report);
  const ofBytes = found.reduce((sum, file) => sum + file.size, 0);
  let bytes = 0;
  for (const file of found) {
    report.files += 1;
    const before = bytes;
    await importFile(store, file, report, (read) => {
      bytes += read;
      options.progress?.({ files: report.files, ofFiles: found.length, bytes, ofBytes });
    });
    bytes = before + file.size;
    options.progress?.({ files: report.files, ofFiles: found.length, bytes, ofBytes });
  }
  report.bytes = ofBytes;
  if (options.paths.length === 0) await rescue(store, options.configDir, report);
  report.sessions = await refreshSummaries(store);
  if (options.paths.length === 0) await countExpiring(found, own, options, report);
  refuseWhenNothingLoaded(options.paths, report);
  return report;
}

async function discover(paths: readonly string[], own: string, report: ImportReport): Promise<SourceFile[]> {
  const files = new Map<string, SourceFile>();
  for (const path of paths.length === 0 ? [own] : paths) {
    try {
      const found = await findTranscripts(resolve(path));
      for (const file of found.files) files.set(file.path, file);
      for (const { path: file, reason } of found.refused) report.quarantined.push({ file, line: 0, reason });
    } catch (error) {
      // No agent has run on this machine yet: that is absence, not an error.
      if (paths.length > 0 || !(error instanceof TidemarkError) || error.code !== "PATH_MISSING") throw error;
    }
  }
  return [...files.values()];
}

async function importFile(store: Store, file: SourceFile, report: ImportReport, progress: (bytes: number) => void): Promise<void> {
  const known = await store.source(file.path);
  if (known !== undefined && known.size === file.size && known.modified === file.modified) {
    const past = JSON.parse(known.report) as FileReport & { translation?: number };
    if (past.translation === TRANSLATION) {
      add(report, past);
      report.duplicates += past.events;
      report.unchanged += 1;
      return;
    }
  }
  const fileReport: FileReport = { lines: 0, accounted: 0, events: 0, quarantined: [], bookkeeping: {}, missingParents: 0 };
  const intake = new Intake(store, file.path, fileReport, report);
  try {
    const reason = file.size === 0 ? undefined : await notText(file.path);
    if (reason === undefined) await intake.readAll(progress);
    else fileReport.quarantined.push({ file: file.path, line: 0, reason });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "EACCES" && code !== "EPERM" && code !== "EISDIR" && code !== "EIO" && code !== "ENOENT") throw error;
    fileReport.quarantined.push({ file: file.path, line: 0, reason: code === "ENOENT" ? "disappeared while being read" : `cannot be read (${code})` });
    add(report, fileReport);
    return;
  }
  add(report, fileReport);
  await store.putSource({ path: file.path, size: file.size, modified: file.modified, report: JSON.stringify({ ...fileReport, translation: TRANSLATION }) });
}

/** One file on its way into the log. */
class Intake {
  readonly #store: Store;
  readonly #path: string;
  readonly #file: FileReport;
  readonly #report: ImportReport;
  readonly #ids = new Set<string>();
  #batch: Event[] = [];
  #weight = 0;
  #duplicates = 0;
  #session: string | undefined;

  constructor(store: Store, path: string, file: FileReport, report: ImportReport) {
    this.#store = store;
    this.#path = path;
    this.#file = file;
    this.#report = report;
  }

  async readAll(progress: (bytes: number) => void): Promise<void> {
    const translator = new Translator({ ...(await aboutTranscript(this.#path)), projectOf: cached(projectOf) });
    for await (const lines of readLines(this.#path, progress)) {
      if (!Array.isArray(lines)) {
        this.#file.lines += 1;
        this.#quarantine(lines.number, "longer than 64 MiB");
        continue;
      }
      for (const line of lines) await this.#line(line, translator);
    }
    for (const event of translator.end()) await this.#take(event);
    await this.#flush();
    this.#file.missingParents = translator.missingParents;
    this.#session = translator.session;
    if (this.#duplicates > 0) await this.#share();
    this.#file.events = this.#ids.size;
  }

  async #line(line: Line, translator: Translator): Promise<void> {
    this.#file.lines += 1;
    const value = parse(line);
    if (typeof value === "string") {
      // An empty line between records says nothing and is nothing's loss.
      if (line.text.trim() === "") this.#bookkeep("empty line");
      else this.#quarantine(line.number, value);
      return;
    }
    if (!line.sound) this.#file.quarantined.push({ file: this.#path, line: line.number, reason: "not UTF-8 in places; loaded with those replaced" });
    this.#file.accounted += 1;
    const { events, bookkeeping, refused = refusal(events) } = translated(value, translator);
    if (refused !== undefined) {
      this.#file.quarantined.push({ file: this.#path, line: line.number, reason: refused });
      return;
    }
    if (bookkeeping !== undefined && events.length === 0) this.#file.bookkeeping[bookkeeping] = (this.#file.bookkeeping[bookkeeping] ?? 0) + 1;
    this.#weight += line.text.length;
    for (const event of events) await this.#take(event);
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
    this.#report.added += added;
    this.#report.duplicates += duplicates;
    this.#duplicates += duplicates;
    for (const [family, count] of Object.entries(redacted)) this.#report.redacted[family] = (this.#report.redacted[family] ?? 0) + count;
    this.#batch = [];
    this.#weight = 0;
  }

  /** Records first met under another session belong to this one too: a fork, or the parent of one read earlier. */
  async #share(): Promise<void> {
    const session = this.#session;
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
      await this.#take({ id, time: first?.event.time ?? 0, type: "session.forked", session, agent: AGENT, payload: { from, shared: records.length, records } });
    }
    await this.#flush();
  }

  #quarantine(line: number, reason: string): void {
    this.#file.accounted += 1;
    this.#file.quarantined.push({ file: this.#path, line, reason });
  }

  #bookkeep(kind: string): void {
    this.#file.accounted += 1;
    this.#file.bookkeeping[kind] = (this.#file.bookkeeping[kind] ?? 0) + 1;
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
function refusal(events: readonly Event[]): string | undefined {
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
function parse(line: Line): Record<string, unknown> | string {
  try {
    // A byte order mark is part of no record; JSON.parse does not take it.
    const value: unknown = JSON.parse(line.number === 1 ? line.text.replace(/^\uFEFF/, "") : line.text);
    return isRecord(value) ? value : "not a JSON object";
  } catch {
    return line.ended ? "damaged: not valid JSON" : "torn: the file ends in the middle of a record";
  }
}

function add(report: ImportReport, file: FileReport): void {
  report.lines += file.lines;
  report.accounted += file.accounted;
  report.missing_parents += file.missingParents;
  report.quarantined.push(...file.quarantined);
  for (const [kind, count] of Object.entries(file.bookkeeping)) report.bookkeeping[kind] = (report.bookkeeping[kind] ?? 0) + count;
}

/** Prompts of sessions whose transcript is gone: the prompt history outlives the clean-up. */
async function rescue(store: Store, configDir: string, report: ImportReport): Promise<void> {
  const path = historyFile(configDir);
  const batch: Event[] = [];
  const sessions = new Set((await store.heads()).keys());
  const transcribed = new Set<string>();
  for (const id of sessions) if ((await store.get([`${id}:started`])).some(({ event }) => event.type === "session.started" && event.payload.source !== "history")) transcribed.add(id);
  try {
    if ((await notText(path)) !== undefined) {
      report.quarantined.push({ file: path, line: 0, reason: "the prompt history is not text" });
      return;
    }
    for await (const lines of readLines(path)) {
      if (!Array.isArray(lines)) continue;
      for (const line of lines) {
        if (line.text.trim() === "") continue;
        const value = parse(line);
        const prompt = typeof value === "string" ? undefined : parseHistoryLine(value);
        if (prompt === undefined) {
          report.quarantined.push({ file: path, line: line.number, reason: typeof value === "string" ? value : "not a prompt of a known shape" });
          continue;
        }
        // Before sessions were noted in the history, a day's prompts in a project are the nearest thing to one.
        const session = prompt.session ?? `history-${sha256Hex(prompt.project).slice(0, 8)}-${new Date(prompt.time).toISOString().slice(0, 10)}`;
        if (transcribed.has(session) || prompt.text.trim() === "") continue;
        if (!sessions.has(session)) {
          sessions.add(session);
          batch.push({ id: `${session}:started`, time: prompt.time, type: "session.started", session, agent: AGENT, payload: { cwd: prompt.project, project: projectOf(prompt.project || "/"), source: "history" } });
        }
        batch.push({
          id: `${session}:history:${sha256Hex(`${prompt.time}:${prompt.text}`).slice(0, 24)}`, time: prompt.time, type: "prompt", session, agent: AGENT,
          payload: { text: prompt.text, kind: prompt.text.startsWith("/") ? "command" : "user", provisional: true },
        });
      }
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  for (let from = 0; from < batch.length; from += BATCH_EVENTS) {
    const part = batch.slice(from, from + BATCH_EVENTS);
    const known = await store.known(part.map(({ id }) => id));
    const { added } = await record(store, part);
    report.added += added;
    report.rescued += part.filter((event) => event.type === "prompt" && !known.has(event.id)).length;
  }
}

/** Sessions whose transcript the agent's own clean-up, which goes by the file's age, would delete soon. */
async function countExpiring(files: readonly SourceFile[], own: string, options: ImportOptions, report: ImportReport): Promise<void> {
  try {
    const days = await cleanupDays(options.configDir);
    const from = options.now - (days - options.withinDays) * 86_400_000;
    report.expiring.sessions = files.filter((file) => file.path.startsWith(own) && !file.path.includes("/subagents/") && file.modified < from).length;
  } catch (error) {
    // A settings file of the agent that is not valid JSON is the user's to mend and no reason to import nothing.
    if (!(error instanceof TidemarkError) || error.code !== "CONFIG_UNREADABLE") throw error;
    report.quarantined.push({ file: options.configDir, line: 0, reason: `${error.message}; what its clean-up would delete is not known` });
  }
}

/** Files named by the user of which not one line could be read are a mistake to report, not a success. */
function refuseWhenNothingLoaded(paths: readonly string[], report: ImportReport): void {
  if (paths.length === 0 || report.files === 0 || report.accounted > report.quarantined.length) return;
  const whole = report.quarantined.find(({ line }) => line === 0) ?? report.quarantined[0];
  if (whole === undefined || report.added > 0 || report.duplicates > 0) return;
  throw new TidemarkError(whole.line === 0 && /permission|cannot be read/.test(whole.reason) ? "PATH_UNREADABLE" : "NOT_A_TRANSCRIPT", `${whole.file}: ${whole.reason}`);
}

function cached(find: (cwd: string) => string): (cwd: string) => string {
  const known = new Map<string, string>();
  return (cwd) => {
    let project = known.get(cwd);
    if (project === undefined) known.set(cwd, (project = find(cwd)));
    return project;
  };
}
