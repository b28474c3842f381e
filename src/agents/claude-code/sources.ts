/**
 * Where Claude Code keeps what it remembers: transcripts, the prompt history, and the setting that says when it
 * deletes them. Everything is only read. What a transcript's lines mean is translate.ts.
 */
import { readdir, readFile, realpath, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { TidemarkError } from "../../base/errors.ts";
import { isRecord } from "../../base/json.ts";
import { shellWord } from "../../base/shell.ts";
import type { TranslatorOptions } from "./translate.ts";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** The agent's own default; settings can change it. */
const CLEANUP_DAYS = 30;

export interface SourceFile {
  readonly path: string;
  readonly size: number;
  readonly modified: number;
}

export interface Found {
  readonly files: SourceFile[];
  /** Folders and files that could not be looked into. */
  readonly refused: { path: string; reason: string }[];
}

/** All transcripts below a folder, or the file itself. Other files are left alone. */
export async function findTranscripts(path: string): Promise<Found> {
  const files: SourceFile[] = [];
  const refused: { path: string; reason: string }[] = [];
  // Links are followed (people keep these folders in a synced place), each folder once, so that a loop ends.
  const visited = new Set<string>();
  const visit = async (at: string, named: boolean): Promise<void> => {
    try {
      const about = await stat(at);
      if (about.isDirectory()) {
        const place = await realpath(at);
        if (visited.has(place)) return;
        visited.add(place);
      }
      if (about.isFile()) {
        if (named || at.endsWith(".jsonl")) files.push({ path: at, size: about.size, modified: about.mtimeMs });
      } else if (about.isDirectory()) {
        // Files before folders: a session's transcript comes before those of its subagents, and says when it began.
        const entries = (await readdir(at, { withFileTypes: true })).sort((a, b) => Number(a.isDirectory()) - Number(b.isDirectory()) || (a.name < b.name ? -1 : 1));
        for (const entry of entries) {
          if (entry.isDirectory() || entry.isSymbolicLink() || entry.name.endsWith(".jsonl")) await visit(join(at, entry.name), false);
        }
      } else if (named) refused.push({ path: at, reason: "neither a file nor a folder" });
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (named && code === "ENOENT") throw new TidemarkError("PATH_MISSING", `${at} does not exist`, { cause: error });
      refused.push({ path: at, reason: code === "EACCES" || code === "EPERM" ? "permission denied" : `cannot be read (${code})` });
    }
  };
  await visit(path, true);
  return { files, refused };
}

export function transcriptsFolder(configDir: string): string {
  return join(configDir, "projects");
}

/** What the file's name and neighbours say about its contents. */
export async function aboutTranscript(path: string): Promise<Pick<TranslatorOptions, "session" | "subagent">> {
  const name = basename(path, ".jsonl");
  if (UUID.test(name)) return { session: name };
  try {
    const meta: unknown = JSON.parse(await readFile(join(dirname(path), `${name}.meta.json`), "utf8"));
    if (!isRecord(meta)) return {};
    const { agentType: kind, description, toolUseId: call } = meta;
    return { subagent: { ...(typeof kind === "string" ? { kind } : {}), ...(typeof description === "string" ? { description } : {}), ...(typeof call === "string" ? { call } : {}) } };
  } catch (error) {
    // Most files have no such neighbour, and a half-written one only costs the description.
    if ((error as NodeJS.ErrnoException).code === "ENOENT" || error instanceof SyntaxError) return {};
    throw error;
  }
}

/** Days after which the agent deletes transcripts at its next start. */
export async function cleanupDays(configDir: string): Promise<number> {
  for (const name of ["settings.local.json", "settings.json"]) {
    const path = join(configDir, name);
    try {
      const settings: unknown = JSON.parse(await readFile(path, "utf8"));
      if (isRecord(settings) && typeof settings["cleanupPeriodDays"] === "number") return settings["cleanupPeriodDays"];
    } catch (error) {
      if (error instanceof SyntaxError) throw new TidemarkError("CONFIG_UNREADABLE", `${path} is not valid JSON`, { cause: error });
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  }
  return CLEANUP_DAYS;
}

/** A prompt as the prompt history keeps it; it outlives the transcript. */
export interface HistoryPrompt {
  readonly text: string;
  readonly time: number;
  readonly project: string;
  readonly session?: string;
}

export function historyFile(configDir: string): string {
  return join(configDir, "history.jsonl");
}

/** One line of the prompt history; undefined where it is not of that shape. */
export function parseHistoryLine(value: unknown): HistoryPrompt | undefined {
  if (!isRecord(value) || typeof value["display"] !== "string") return undefined;
  const { display, timestamp, project, sessionId, pastedContents } = value;
  if (typeof timestamp !== "number" || !Number.isFinite(timestamp)) return undefined;
  let text = display;
  // Pasted text stands as "[Pasted text #1 +20 lines]" in the line and whole beside it.
  if (isRecord(pastedContents)) {
    for (const [id, pasted] of Object.entries(pastedContents)) {
      if (isRecord(pasted) && typeof pasted["content"] === "string") text = text.replace(new RegExp(`\\[Pasted text #${Number(id)}[^\\]]*\\]`), () => pasted["content"] as string);
    }
  }
  return { text, time: Math.floor(timestamp), project: typeof project === "string" ? project : "", ...(typeof sessionId === "string" ? { session: sessionId } : {}) };
}

/**
 * The agent's own command for taking a session up, in the folder it was begun in: the agent looks for it there. Both
 * come from a transcript and are pasted into a shell, so both are quoted; an id that reads as an option gives none.
 */
export function resumeCommand(session: string, cwd: string): string | undefined {
  if (session.startsWith("-") || /[\p{Cc}\p{Cf}]/u.test(session + cwd)) return undefined;
  return `${cwd === "" ? "" : `cd ${shellWord(cwd.startsWith("-") ? `./${cwd}` : cwd)} && `}claude --resume ${shellWord(session)}`;
}
