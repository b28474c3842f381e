/**
 * Where Claude Code keeps what it remembers: transcripts, the prompt history, and the setting that says when it
 * deletes them. Everything is only read. What a transcript's lines mean is translate.ts.
 */
import { readFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { TidemarkError } from "../../base/errors.ts";
import { isRecord } from "../../base/json.ts";
import { findFiles, type Found } from "../found.ts";
import type { Places } from "../places.ts";
import { resumeLine } from "../resume-line.ts";
import type { TranslatorOptions } from "./translate.ts";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** The agent's own default; settings can change it. */
const CLEANUP_DAYS = 30;

/** All transcripts below a folder, or the file itself. Other files are left alone. */
export function findTranscripts(path: string): Promise<Found> {
  return findFiles(path, (name) => name.endsWith(".jsonl"));
}

/** `CLAUDE_CONFIG_DIR`, else `~/.claude`. */
export function configFolder({ home, environment }: Places): string {
  return resolve(environment["CLAUDE_CONFIG_DIR"] || join(home, ".claude"));
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

/** The agent's own command for taking a session up, in the folder it was begun in: the agent looks for it there. */
export function resumeCommand(session: string, cwd: string): string | undefined {
  return resumeLine(["claude", "--resume", session], session, cwd);
}
