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
import { cleanupDays, findTranscripts, historyFile, parseHistoryLine, transcriptsFolder, type SourceFile } from "../agents/claude-code/sources.ts";
import { AGENT } from "../agents/claude-code/translate.ts";
import { projectOf } from "../worktree/project.ts";
import type { Store } from "../store/store.ts";
import { BATCH_EVENTS, openIntake, parseLine, rememberFile, unchanged, type FileReport, type Quarantined } from "./intake.ts";
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
}

export interface ImportOptions {
  /** Files or folders; without any, the agent's own folder and prompt history. */
  readonly paths: readonly string[];
  readonly configDir: string;
  readonly now: number;
  readonly withinDays: number;
  readonly progress?: (state: { files: number; ofFiles: number; bytes: number; ofBytes: number }) => void;
}

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
  await takeInPassages(store);
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
  const past = await unchanged(store, file);
  if (past !== undefined) {
    add(report, past);
    report.duplicates += past.events;
    report.unchanged += 1;
    return;
  }
  const intake = await openIntake(store, file.path);
  const { file: fileReport, taken } = intake;
  try {
    const reason = file.size === 0 ? undefined : await notText(file.path);
    if (reason === undefined) for await (const lines of readLines(file.path, progress)) await intake.lines(lines);
    else fileReport.quarantined.push({ file: file.path, line: 0, reason });
    await intake.finish();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "EACCES" && code !== "EPERM" && code !== "EISDIR" && code !== "EIO" && code !== "ENOENT") throw error;
    fileReport.quarantined.push({ file: file.path, line: 0, reason: code === "ENOENT" ? "disappeared while being read" : `cannot be read (${code})` });
    add(report, fileReport);
    return;
  } finally {
    report.added += taken.added;
    report.duplicates += taken.duplicates;
    for (const [family, count] of Object.entries(taken.redacted)) report.redacted[family] = (report.redacted[family] ?? 0) + count;
  }
  add(report, fileReport);
  await rememberFile(store, file, fileReport);
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
