/** What the environment says: where state is kept, where the agent keeps its own, and what time it is. */
import { realpathSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { TidemarkError } from "../base/errors.ts";

export type Variables = Readonly<Record<string, string | undefined>>;

/** `TIDEMARK_HOME`, else the platform's place for state; never inside a repository. */
export function stateHome(environment: Variables): string {
  const own = environment["TIDEMARK_HOME"];
  if (own !== undefined && own !== "") return resolve(own);
  if (process.platform === "darwin") return join(homedir(), "Library", "Application Support", "tidemark");
  if (process.platform === "win32") return join(environment["LOCALAPPDATA"] || join(homedir(), "AppData", "Local"), "tidemark");
  return join(environment["XDG_STATE_HOME"] || join(homedir(), ".local", "state"), "tidemark");
}

/** The user's own folder by its real path, as the trees it is held against have theirs. */
export function userHome(): string {
  try {
    return realpathSync(homedir());
  } catch {
    // An account without a folder.
    return homedir();
  }
}

export function agentFolder(environment: Variables): string {
  return resolve(environment["CLAUDE_CONFIG_DIR"] || join(homedir(), ".claude"));
}

export function clock(environment: Variables): number {
  const fixed = environment["TIDEMARK_NOW"];
  if (fixed === undefined || fixed === "") return Date.now();
  const time = /^\d+$/.test(fixed) ? Number(fixed) : Date.parse(fixed);
  if (!Number.isFinite(time)) throw new TidemarkError("BAD_VALUE", `TIDEMARK_NOW is not a time: ${fixed}`, { hint: "TIDEMARK_NOW=2026-01-31T12:00:00Z" });
  return time;
}
