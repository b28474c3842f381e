/**
 * Wiring Claude Code on this machine, and taking it back. What the files should say is decided in
 * agents/claude-code/install.ts; how files of others are changed and given back is entries.ts.
 */
import { existsSync, readdirSync } from "node:fs";
import { basename, delimiter, join } from "node:path";
import { hookEntries, type HookEntry, type Wiring } from "../agents/claude-code/hook-lines.ts";
import { containers, hasPlugin, isWired, switches, withHooks, withoutHooks, withoutServer, withServer } from "../agents/claude-code/install.ts";
import type { Entries, TextFile } from "../agents/entries.ts";
import { isBlank } from "../agents/json-entry.ts";
import { TidemarkError } from "../base/errors.ts";
import { isAbsent, makeFolder, planPutting, planTakingBack, readIfThere, told, type ChangedFile, type Planned } from "./entries.ts";

/** Everything about the machine that the shell knows. */
export interface Machine {
  /** The agent's folder. */
  readonly configDir: string;
  /** Where the account file is, unless the agent's folder has one of the old name. */
  readonly accountFile: string;
  /** Folder of the organization's settings. */
  readonly managedDir: string;
  readonly wiring: Wiring;
  /** The PATH. */
  readonly searchPath: string;
  readonly tempDir: string;
  readonly ci: boolean;
  readonly now: number;
}

export interface InitReport {
  /** planned: nothing was written, and `reason` says why. */
  readonly state: "installed" | "updated" | "already" | "planned";
  readonly reason?: "dry-run" | "ci" | "no-agent";
  readonly files: ChangedFile[];
  readonly hooks: Pick<HookEntry, "event" | "by">[];
  readonly warnings: string[];
}

export interface UninstallReport {
  readonly state: "uninstalled" | "absent" | "planned";
  readonly files: ChangedFile[];
  readonly warnings: string[];
}

/** Wires the agent, or says what it would do: with `dryRun`, in CI unless `force`, and where no agent is. */
export function init(machine: Machine, options: { readonly dryRun: boolean; readonly force: boolean }): InitReport {
  const { wiring } = machine;
  const paths = pathsOf(machine);
  const folder = keptFolder(wiring.home);
  const planned = planPutting(folder, [{ path: paths.settings, entries: hooksOf(wiring) }, { path: paths.account, entries: serverOf(wiring) }], machine.now);
  const warnings = refuseOrWarn(machine, planned);
  const hooks = hookEntries(wiring).map(({ event, by }) => ({ event, by }));
  const reason = !agentIsHere(machine, paths) ? "no-agent" : machine.ci && !options.force ? "ci" : options.dryRun ? "dry-run" : undefined;
  if (reason !== undefined) return { state: "planned", reason, files: told(planned), hooks, warnings };

  makeFolder(wiring.home);
  makeFolder(wiring.spool);
  makeFolder(wiring.barrier);
  const files = told(planned, folder);
  if (planned.changes.length === 0) return { state: "already", files, hooks, warnings };
  planned.apply();
  return { state: planned.wired ? "updated" : "installed", files, hooks, warnings };
}

/**
 * Gives back every file that the agent goes by now, and every one on record: the environment may name another folder by
 * now, or the client go by another account file. One that was changed since loses only what is ours.
 */
export function uninstall(machine: Machine, options: { readonly dryRun: boolean }): UninstallReport {
  const warnings: string[] = [];
  const { settings, account } = pathsOf(machine);
  const entriesOf = (path: string): Entries => (basename(path) === basename(settings) ? hooksOf : serverOf)(machine.wiring);
  const planned = planTakingBack(keptFolder(machine.wiring.home), [settings, account], entriesOf, warnings);
  const files = told(planned);
  if (options.dryRun) return { state: "planned", files, warnings };
  planned.apply();
  return { state: planned.changes.length > 0 ? "uninstalled" : "absent", files, warnings };
}

function hooksOf(wiring: Wiring): Entries {
  return { put: (file) => withHooks(file, wiring), takeOut: withoutHooks, isWired, containers, isBlank };
}

function serverOf(wiring: Wiring): Entries {
  return { put: (file) => withServer(file, wiring), takeOut: withoutServer, isWired, containers, isBlank };
}

function keptFolder(home: string): string {
  return join(home, "install", "claude-code");
}

/** An organization that forbids hooks leaves nothing for us to do, and only it can change that; everything else is said. */
function refuseOrWarn(machine: Machine, { plans }: Planned): string[] {
  const { managedDir, configDir, wiring, tempDir } = machine;
  const warnings: string[] = [];
  const organization = [join(managedDir, "managed-settings.json"), ...listed(join(managedDir, "managed-settings.d")), join(managedDir, "managed-mcp.json"), join(configDir, "remote-settings.json")].flatMap((path): TextFile[] => {
    try {
      return [{ path, text: readIfThere(path)?.toString() }];
    } catch (error) {
      warnings.push(`${path} could not be read (${(error as NodeJS.ErrnoException).code}), so whether your organization allows hooks is not known`);
      return [];
    }
  });
  const theirs = switches(organization, true);
  const yours = switches([{ path: plans[0]!.path, text: plans[0]!.bytes?.toString() }], false);
  if (theirs.hooksOff !== undefined) throw new TidemarkError("AGENT_FORBIDS", `Hooks do not run on this machine, so nothing was changed: ${theirs.hooksOff}, which your organization decides`);
  if (yours.hooksOff !== undefined) warnings.push(`hooks will not run: ${yours.hooksOff}. Take that line out to have sessions kept as they happen and briefs handed to the agent`);
  if (hasPlugin({ path: plans[0]!.path, text: plans[0]!.bytes?.toString() })) warnings.push("the plugin of Tidemark is enabled as well: its hooks stand back, but its tools would be there twice. To keep the plugin alone: tidemark uninstall; to keep this: claude plugin disable tidemark");
  if (theirs.serverOff !== undefined) warnings.push(`the engine will not run: ${theirs.serverOff}, which your organization decides. Hooks still capture; what they leave is taken in when a session begins or ends`);
  if (/[\\/]_npx[\\/]/.test(wiring.script) || within(wiring.script, tempDir)) warnings.push(`${wiring.script} is in a folder that gets cleaned up; when it is gone, nothing is kept any more. To install for good: npm install -g tidemark && tidemark init`);
  return warnings;
}

function agentIsHere({ configDir, searchPath }: Machine, { account }: Paths): boolean {
  if (existsSync(configDir) || existsSync(account)) return true;
  return searchPath.split(delimiter).some((folder) => folder !== "" && ["claude", "claude.exe", "claude.cmd"].some((name) => existsSync(join(folder, name))));
}

interface Paths {
  readonly settings: string;
  readonly account: string;
}

function pathsOf({ configDir, accountFile }: Machine): Paths {
  // The client itself goes by the old name where such a file is (read in the code of both versions sampled).
  const old = join(configDir, ".config.json");
  return { settings: join(configDir, "settings.json"), account: existsSync(old) ? old : accountFile };
}

function listed(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => name.endsWith(".json")).sort().map((name) => join(folder, name));
  } catch (error) {
    if (isAbsent(error)) return [];
    // Named as a file that cannot be read.
    return [folder];
  }
}

function within(path: string, folder: string): boolean {
  return folder !== "" && path.startsWith(folder.endsWith("/") ? folder : `${folder}/`);
}
