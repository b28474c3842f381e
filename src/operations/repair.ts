/**
 * Repairs a session's damaged transcript into a new file. The agent's own file is only read, and nothing is written
 * into the agent's folders: the new file stands in the state folder, and the person is told the command that puts it
 * where the agent finds it. The new id comes from what was read, so the same damage gives the same file.
 */
import { mkdir, open, readFile, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join, resolve, sep } from "node:path";
import { derivedId, launchFolder, repair, type Done, type Input, type Repaired } from "../agents/claude-code/repair.ts";
import { findTranscripts, resumeCommand, transcriptsFolder } from "../agents/claude-code/sources.ts";
import { runningSessions } from "../agents/claude-code/start.ts";
import { TidemarkError } from "../base/errors.ts";
import { sha256Hex } from "../base/hash.ts";
import { notText, readLines } from "../base/lines.ts";
import { shellWord } from "../base/shell.ts";
import type { Store } from "../store/store.ts";
import { findSession } from "./sessions.ts";

export interface RepairOptions {
  /** A session's id, the beginning of one, its title, or the path of a transcript. */
  readonly wanted: string;
  readonly configDir: string;
  readonly home: string;
  readonly cwd: string;
  /** Asked only where the words are no path and no id of a file. */
  readonly store: () => Promise<Store>;
  readonly isAlive: (pid: number, since: number) => boolean;
}

export interface RepairReport {
  readonly session: string;
  /** The agent's transcript, which stays as it is. */
  readonly original: string;
  /** The process that has the session open now. */
  readonly running: number | null;
  readonly lines: number;
  readonly sound: boolean;
  readonly done: readonly Done[];
  readonly counts: Readonly<Record<string, number>>;
  readonly kept: number;
  readonly added: number;
  readonly changed: Readonly<Record<string, number>>;
  readonly repaired: {
    readonly session: string;
    readonly path: string;
    /** It was there before, from an earlier run on the same damage. */
    readonly existed: boolean;
    /** Where the agent would find it, and whether something stands there; null where no folder of the agent's is known for it. */
    readonly place: string | null;
    readonly placed: boolean;
    readonly commands: readonly string[];
  } | null;
}

export async function repairSession(options: RepairOptions): Promise<RepairReport> {
  const { configDir, home } = options;
  const original = await locate(options);
  const { input, digest } = await read(original);
  const id = derivedId("repaired", digest);
  const result = repair(input, id);
  if (result.messages === 0) throw new TidemarkError("REPAIR_NOTHING_LEFT", `${original} holds no whole record of a conversation`);
  const named = basename(original, ".jsonl");
  const session = UUID.test(named) ? named : (result.sessions[0] ?? named);
  const about = {
    session, original, running: runningSessions(configDir, options.isAlive).find((each) => each.session === session)?.pid ?? null, lines: input.length, sound: result.done.length === 0,
    done: result.done, counts: counted(result.done), kept: result.kept, added: result.added, changed: result.done.length === 0 ? {} : result.changed,
  };
  if (about.sound) return { ...about, repaired: null };
  const path = join(home, "repaired", `${id}.jsonl`);
  const existed = await write(path, result);
  const place = await placeFor(original, result, id, configDir);
  const placed = place !== undefined && (await isThere(place));
  const resume = resumeCommand(id, launchFolder(result.folders, place === undefined ? "" : basename(dirname(place))));
  // -n: a session that was gone on with after an earlier repair is not overwritten.
  const commands = [...(place === undefined || placed ? [] : [`cp -n ${shellWord(path)} ${shellWord(place)}`]), ...(resume === undefined ? [] : [resume])];
  return { ...about, repaired: { session: id, path, existed, place: place ?? null, placed, commands } };
}

const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;

// ---- the original ----

async function locate({ wanted, configDir, cwd, store }: RepairOptions): Promise<string> {
  if (wanted.endsWith(".jsonl") || /[/\\]/.test(wanted)) {
    const path = resolve(cwd, wanted);
    if (await isThere(path)) return refuseSubagent(path);
    if (wanted.endsWith(".jsonl")) throw new TidemarkError("PATH_MISSING", `${path} does not exist`, { hint: "Check the path; `tidemark doctor --repair SESSION` finds the transcript by itself." });
  }
  const all = await ownTranscripts(configDir);
  const beginning = all.filter((path) => basename(path).toLowerCase().startsWith(wanted.toLowerCase()));
  if (beginning.length > 0 && wanted !== "") return only(beginning, wanted);
  const { id } = await findSession(await store(), wanted);
  const named = all.filter((path) => basename(path, ".jsonl") === id);
  if (named.length === 0) throw new TidemarkError("TRANSCRIPT_GONE", `The agent's transcript of session ${id} is not in ${transcriptsFolder(configDir)}`, { hint: `tidemark resume ${id}` });
  return only(named, wanted);
}

/** Transcripts of sessions, without those of their subagents. */
async function ownTranscripts(configDir: string): Promise<string[]> {
  try {
    const { files } = await findTranscripts(transcriptsFolder(configDir));
    return files.map(({ path }) => path).filter((path) => UUID.test(basename(path, ".jsonl")));
  } catch (error) {
    if (error instanceof TidemarkError && error.code === "PATH_MISSING") return [];
    throw error;
  }
}

function only(paths: readonly string[], wanted: string): string {
  if (paths.length === 1) return paths[0]!;
  const some = paths.slice(0, 5).map((path) => `  ${path}`);
  throw new TidemarkError("SESSION_AMBIGUOUS", `"${wanted}" matches ${paths.length} transcripts:\n${some.join("\n")}${paths.length > 5 ? "\n  …" : ""}`, { hint: `tidemark doctor --repair ${shellWord(paths[0]!)}` });
}

function refuseSubagent(path: string): string {
  if (!basename(path).startsWith("agent-")) return path;
  throw new TidemarkError("BAD_VALUE", `${path} is the transcript of a subagent, which no agent can take up again`, { hint: `tidemark import ${shellWord(path)}` });
}

async function read(path: string): Promise<{ input: Input[]; digest: string }> {
  const input: Input[] = [];
  // A chain over the lines: the file may be larger than a text can be.
  let digest = "";
  try {
    if (!(await stat(path)).isFile()) throw new TidemarkError("NOT_A_TRANSCRIPT", `${path} is not a file`);
    const reason = await notText(path);
    const hint = reason?.includes("UTF-16") === true ? `iconv -f UTF-16 -t UTF-8 ${shellWord(path)} > copy.jsonl && tidemark doctor --repair copy.jsonl` : undefined;
    if (reason !== undefined) throw new TidemarkError("NOT_A_TRANSCRIPT", `${path}: ${reason}`, hint === undefined ? {} : { hint });
    for await (const lines of readLines(path)) {
      for (const line of Array.isArray(lines) ? lines : [lines]) {
        input.push(line);
        digest = sha256Hex(digest, "text" in line ? line.text : line.problem);
      }
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EACCES" || code === "EPERM" || code === "EIO") throw new TidemarkError("PATH_UNREADABLE", `${path} cannot be read (${code})`, { cause: error, hint: "Check the permissions of the path, then repeat the command." });
    throw error;
  }
  return { input, digest };
}

// ---- the new file ----

/** True where the same file was there before. */
async function write(path: string, { lines }: Repaired): Promise<boolean> {
  const text = lines.map((line) => `${line}\n`);
  const part = `${path}.${process.pid}.part`;
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    if (await isThere(path)) {
      if (sha256Hex(await readFile(path)) === sha256Hex(...batches(text))) return true;
      throw new TidemarkError("REPAIR_EXISTS", `${path} is there and holds something else; it is not overwritten`, { hint: `mv ${shellWord(path)} ${shellWord(`${path}.old`)}, then repeat the command` });
    }
    const file = await open(part, "wx", 0o600);
    try {
      for (const batch of batches(text)) await file.writeFile(batch);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(part, path);
    return false;
  } catch (error) {
    if (error instanceof TidemarkError) throw error;
    await rm(part, { force: true }).catch(() => {});
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "EACCES" || code === "EPERM" || code === "ENOTDIR" || code === "EROFS") throw new TidemarkError("HOME_UNWRITABLE", `The state folder is not writable: ${message}`, { cause: error });
    throw error;
  }
}

/** A few megabytes at a time: all in one text could be longer than a text may be. */
function batches(lines: readonly string[]): string[] {
  const result: string[] = [];
  let batch: string[] = [];
  let length = 0;
  for (const line of lines) {
    batch.push(line);
    length += line.length;
    if (length > 4_000_000) {
      result.push(batch.join(""));
      [batch, length] = [[], 0];
    }
  }
  return [...result, batch.join("")];
}

/** Beside the original; a copy from elsewhere goes beside the session's own transcript, where that is known. */
async function placeFor(original: string, { sessions }: Repaired, id: string, configDir: string): Promise<string | undefined> {
  const own = transcriptsFolder(configDir) + sep;
  if (original.startsWith(own)) return join(dirname(original), `${id}.jsonl`);
  const known = (await ownTranscripts(configDir)).find((path) => sessions.includes(basename(path, ".jsonl")));
  return known === undefined ? undefined : join(dirname(known), `${id}.jsonl`);
}

function counted(done: readonly Done[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { kind } of done) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(() => true, absent(() => false));
}

/** What stands for something that is not there; anything else that went wrong goes on up. */
function absent<T>(instead: () => T): (error: NodeJS.ErrnoException) => T {
  return (error) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return instead();
    throw error;
  };
}
