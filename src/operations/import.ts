/**
 * Takes in what agents have left on this machine: transcripts, prompts of sessions already purged, and our own exports.
 *
 * Every line has a fate, and the report counts them all: events, nothing new, a known kind without facts, or
 * quarantined with file and line while the rest still loads. A changed file is read again from its start: ids come
 * from the source, so only what is new is added, and an import stopped half-way goes on by being run again.
 */
import { resolve } from "node:path";
import { TidemarkError } from "../base/errors.ts";
import { sha256Hex } from "../base/hash.ts";
import { notText, readLines } from "../base/lines.ts";
import type { Event } from "../event/schema.ts";
import { claudeCode } from "../agents/claude-code/history.ts";
import { cleanupDays, configFolder, historyFile, parseHistoryLine, transcriptsFolder } from "../agents/claude-code/sources.ts";
import { findFiles, type FoundFile } from "../agents/found.ts";
import { HISTORIES, whose } from "../agents/histories.ts";
import { UnreadableSource, type History, type Means, type Source } from "../agents/history.ts";
import type { Places } from "../agents/places.ts";
import { projectOf } from "../worktree/project.ts";
import type { Store } from "../store/store.ts";
import { BATCH_EVENTS, Intake, parseLine, rememberFile, unchanged, type FileReport, type Quarantined } from "./intake.ts";
import { means } from "./means.ts";
import { takeInPassages } from "./passages.ts";
import { record } from "./record.ts";
import { refreshSummaries } from "./sessions.ts";

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
  /** What was found of each agent, and what of it was new. */
  agents: { agent: string; files: number; sessions: number; added: number }[];
}

export interface ImportOptions {
  /** Files or folders; without any, the folders of every agent and the prompt history of Claude Code. */
  readonly paths: readonly string[];
  readonly places: Places;
  /** A folder of our own for copies that are read and taken away again. */
  readonly scratch: string;
  readonly now: number;
  readonly withinDays: number;
  readonly progress?: (state: { files: number; ofFiles: number; bytes: number; ofBytes: number }) => void;
}

/** A conversation to be read, and by whose rules. */
interface Item {
  readonly history: History;
  readonly source: Source;
}

export async function importSessions(store: Store, options: ImportOptions): Promise<ImportReport> {
  const report: ImportReport = {
    files: 0, lines: 0, accounted: 0, added: 0, duplicates: 0, rescued: 0, quarantined: [], expiring: { within_days: options.withinDays, sessions: 0 },
    sessions: 0, bytes: 0, unchanged: 0, bookkeeping: {}, missing_parents: 0, redacted: {}, agents: [],
  };
  const using = means(options.scratch);
  try {
    await takeIn(store, options, using, report);
  } finally {
    using.close();
  }
  return report;
}

async function takeIn(store: Store, options: ImportOptions, using: Means, report: ImportReport): Promise<void> {
  const found = await discover(options, using, report);
  const ofBytes = found.reduce((sum, { source }) => sum + source.size, 0);
  const sessions = new Map<History, Set<string>>();
  let bytes = 0;
  for (const { history, source } of found) {
    report.files += 1;
    const [before, added] = [bytes, report.added];
    const session = await importSource(store, history, source, using, report, (read) => {
      bytes += read;
      options.progress?.({ files: report.files, ofFiles: found.length, bytes, ofBytes });
    });
    bytes = before + source.size;
    options.progress?.({ files: report.files, ofFiles: found.length, bytes, ofBytes });
    count(report, sessions, history, session, report.added - added);
  }
  report.bytes = ofBytes;
  if (options.paths.length === 0) await rescue(store, configFolder(options.places), report);
  report.sessions = await refreshSummaries(store);
  await takeInPassages(store);
  if (options.paths.length === 0) await countExpiring(found, options, report);
  refuseWhenNothingLoaded(options.paths, report);
}

function count(report: ImportReport, sessions: Map<History, Set<string>>, history: History, session: string | undefined, added: number): void {
  let mine = report.agents.find(({ agent }) => agent === history.agent);
  if (mine === undefined) report.agents.push((mine = { agent: history.agent, files: 0, sessions: 0, added: 0 }));
  const seen = sessions.get(history) ?? new Set();
  sessions.set(history, session === undefined ? seen : seen.add(session));
  [mine.files, mine.added, mine.sessions] = [mine.files + 1, mine.added + added, seen.size];
}

/** Everything there is to read: in the agents' own places by their files' names, below a path that was given by what the files hold. */
async function discover({ paths, places }: ImportOptions, using: Means, report: ImportReport): Promise<Item[]> {
  const items = new Map<string, Item>();
  const take = async (history: History, file: FoundFile): Promise<void> => {
    try {
      for (const source of (await history.sources?.(file, using)) ?? [file]) items.set(source.path, { history, source });
    } catch (error) {
      report.files += 1;
      report.quarantined.push({ file: file.path, line: 0, reason: whyUnread(error) });
    }
  };
  const look = async (path: string, wanted: (path: string) => boolean): Promise<FoundFile[]> => {
    const { files, refused } = await findFiles(path, wanted);
    for (const { path: file, reason } of refused) report.quarantined.push({ file, line: 0, reason });
    return files;
  };
  for (const path of paths) {
    const at = resolve(path);
    for (const file of await look(at, (name) => HISTORIES.some((history) => history.keeps(name)))) {
      // A file that was named is read even if nobody claims it, so that what is wrong with it is said.
      const history = (await whose(file.path)) ?? (file.path === at ? claudeCode : undefined);
      if (history !== undefined) await take(history, file);
    }
  }
  if (paths.length > 0) return [...items.values()];
  for (const history of HISTORIES) {
    for (const place of history.places(places)) {
      try {
        for (const file of await look(place, (name) => history.keeps(name))) await take(history, file);
      } catch (error) {
        // This agent has not run on this machine yet: that is absence, not an error.
        if (!(error instanceof TidemarkError) || error.code !== "PATH_MISSING") throw error;
      }
    }
  }
  return [...items.values()];
}

/** Whose conversation it was, where that is known. */
async function importSource(store: Store, history: History, source: Source, using: Means, report: ImportReport, progress: (bytes: number) => void): Promise<string | undefined> {
  const past = await unchanged(store, history, source);
  if (past !== undefined) {
    add(report, past);
    report.duplicates += past.events;
    report.unchanged += 1;
    return past.session;
  }
  let intake: Intake | undefined;
  try {
    const reading = await history.open(source, using);
    intake = new Intake(store, history.agent, source.path, reading.translator);
    const reason = await reading.refused();
    if (reason === undefined) {
      if (reading.before !== undefined) for await (const lines of reading.before()) await intake.before(lines);
      for await (const lines of reading.lines(progress)) await intake.lines(lines);
    } else intake.file.quarantined.push({ file: source.path, line: 0, reason });
    const read = await intake.finish();
    add(report, read);
    await rememberFile(store, history, source, read);
    return read.session;
  } catch (error) {
    const reason = whyUnread(error);
    if (intake !== undefined) add(report, intake.file);
    report.quarantined.push({ file: source.path, line: 0, reason });
    return intake?.file.session;
  } finally {
    if (intake !== undefined) {
      const { added, duplicates, redacted } = intake.taken;
      report.added += added;
      report.duplicates += duplicates;
      for (const [family, hits] of Object.entries(redacted)) report.redacted[family] = (report.redacted[family] ?? 0) + hits;
    }
  }
}

/** In words, where it is the file's fault; anything else is ours or the store's, and goes on as it is. */
function whyUnread(error: unknown): string {
  if (error instanceof UnreadableSource) return error.message;
  const { code } = error as NodeJS.ErrnoException;
  if (code === "ENOENT") return "disappeared while being read";
  if (code !== "EACCES" && code !== "EPERM" && code !== "EISDIR" && code !== "EIO") throw error;
  return `cannot be read (${code})`;
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
        const value = parseLine(line);
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
          batch.push({ id: `${session}:started`, time: prompt.time, type: "session.started", session, agent: claudeCode.agent, payload: { cwd: prompt.project, project: projectOf(prompt.project || "/"), source: "history" } });
        }
        batch.push({
          id: `${session}:history:${sha256Hex(`${prompt.time}:${prompt.text}`).slice(0, 24)}`, time: prompt.time, type: "prompt", session, agent: claudeCode.agent,
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
async function countExpiring(found: readonly Item[], { places, now, withinDays }: ImportOptions, report: ImportReport): Promise<void> {
  const configDir = configFolder(places);
  try {
    const days = await cleanupDays(configDir);
    const from = now - (days - withinDays) * 86_400_000;
    const own = transcriptsFolder(configDir);
    report.expiring.sessions = found.filter(({ source: { path, modified } }) => path.startsWith(own) && !path.includes("/subagents/") && modified < from).length;
  } catch (error) {
    // A settings file of the agent that is not valid JSON is the user's to mend and no reason to import nothing.
    if (!(error instanceof TidemarkError) || error.code !== "CONFIG_UNREADABLE") throw error;
    report.quarantined.push({ file: configDir, line: 0, reason: `${error.message}; what its clean-up would delete is not known` });
  }
}

/** Files named by the user of which not one line could be read are a mistake to report, not a success. */
function refuseWhenNothingLoaded(paths: readonly string[], report: ImportReport): void {
  if (paths.length === 0 || report.files === 0 || report.accounted > report.quarantined.length) return;
  const whole = report.quarantined.find(({ line }) => line === 0) ?? report.quarantined[0];
  if (whole === undefined || report.added > 0 || report.duplicates > 0) return;
  throw new TidemarkError(whole.line === 0 && /permission|cannot be read/.test(whole.reason) ? "PATH_UNREADABLE" : "NOT_A_TRANSCRIPT", `${whole.file}: ${whole.reason}`);
}
