/** What the user has set for Tidemark itself, in `settings.json` of the state folder: where nothing is handed to agents, and where checkpoints are copied to. Others write theirs by `writeSettings`. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { TidemarkError } from "../base/errors.ts";
import { isRecord } from "../base/json.ts";

/** Projects and sessions whose agents are handed nothing. */
export interface Paused {
  readonly projects: readonly string[];
  readonly sessions: readonly string[];
}

export type Place = { readonly project: string } | { readonly session: string };

export function isPaused({ projects, sessions }: Paused, project: string, session: string): boolean {
  return projects.includes(project) || sessions.includes(session);
}

export function withPause(paused: Paused, place: Place, pause: boolean): Paused {
  const change = (list: readonly string[], one: string): string[] => [...list.filter((each) => each !== one), ...(pause ? [one] : [])];
  return "project" in place ? { ...paused, projects: change(paused.projects, place.project) } : { ...paused, sessions: change(paused.sessions, place.session) };
}

export function readPaused(home: string): Paused {
  const { paused } = readSettings(home);
  const texts = (value: unknown): string[] => (Array.isArray(value) ? value.filter((each) => typeof each === "string") : []);
  return isRecord(paused) ? { projects: texts(paused["projects"]), sessions: texts(paused["sessions"]) } : { projects: [], sessions: [] };
}

/** `unique` tells this write from others at the same time. */
export function writePaused(home: string, paused: Paused, unique: string): void {
  writeSettings(home, { paused }, unique);
}

/** Where checkpoints are copied to. */
export interface RemoteSetting {
  /** Absent where nothing is copied. */
  readonly folder?: string;
  /** By which a folder knows this store's copies. It stays when the copying ends. */
  readonly id: string;
}

/** Undefined where none was ever set. */
export function readRemote(home: string): RemoteSetting | undefined {
  const { remote } = readSettings(home);
  if (remote === undefined) return undefined;
  if (!isRecord(remote) || typeof remote["id"] !== "string" || !["string", "undefined"].includes(typeof remote["folder"])) {
    throw new TidemarkError("CONFIG_UNREADABLE", `"remote" in ${settingsFile(home)} is not what tidemark remote wrote there`, { hint: "Take it out of the file, then name the folder again: tidemark remote DIR" });
  }
  return { id: remote["id"], ...(typeof remote["folder"] === "string" ? { folder: remote["folder"] } : {}) };
}

export function writeRemote(home: string, remote: RemoteSetting, unique: string): void {
  writeSettings(home, { remote }, unique);
}

/** Changes these and keeps the rest; what is undefined is taken out. */
export function writeSettings(home: string, change: Readonly<Record<string, unknown>>, unique: string): void {
  const settings = { ...readSettings(home), ...change };
  const path = settingsFile(home);
  try {
    mkdirSync(home, { recursive: true, mode: 0o700 });
    writeFileSync(`${path}.${unique}.part`, `${JSON.stringify(settings, undefined, 2)}\n`, { mode: 0o600, flag: "wx" });
    renameSync(`${path}.${unique}.part`, path);
  } catch (error) {
    throw new TidemarkError("HOME_UNWRITABLE", `${path} cannot be written (${(error as NodeJS.ErrnoException).code})`, { cause: error });
  }
}

export function settingsFile(home: string): string {
  return join(home, "settings.json");
}

export function readSettings(home: string): Record<string, unknown> {
  const path = settingsFile(home);
  try {
    const settings: unknown = JSON.parse(readFileSync(path, "utf8"));
    if (isRecord(settings)) return settings;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return {};
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new TidemarkError("CONFIG_UNREADABLE", `${path} is not a JSON object`, { hint: "Mend the file, or remove it to begin with none." });
}
