/**
 * Wiring an agent on this machine, and taking it back. What the files should say is decided in agents/claude-code/install.ts;
 * here they are read, kept, written whole or not at all, and put back.
 *
 * Before a file is changed its bytes are kept in the state folder, with a hash of what is written. While the file still has
 * that hash, `uninstall` gives the kept bytes back; once something else has written to it, only the entries of ours are taken
 * out. A kill between any two steps leaves files that are whole, and either command can be run again.
 */
import { accessSync, chmodSync, closeSync, constants, existsSync, fsyncSync, lstatSync, mkdirSync, openSync, readFileSync, readdirSync, readlinkSync, realpathSync, renameSync, rmdirSync, rmSync, statSync, unlinkSync, writeFileSync } from "node:fs";
import { basename, delimiter, dirname, join, resolve } from "node:path";
import { containers, hookEntries, isBlank, isWired, switches, withHooks, withoutHooks, withoutServer, withServer, type HookEntry, type SettingsFile, type Wiring } from "../agents/claude-code/install.ts";
import { lineDiff } from "../base/diff.ts";
import { asTidemarkError, TidemarkError } from "../base/errors.ts";
import { sha256Hex } from "../base/hash.ts";
import { isRecord } from "../base/json.ts";
import { redactText } from "../event/redact.ts";

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

export type Change = "created" | "changed" | "restored" | "deleted" | "none";

export interface ChangedFile {
  readonly path: string;
  readonly change: Change;
  /** Where the bytes from before are kept. */
  readonly backup: string | null;
  /** As `diff -u` prints it; secrets are taken out. */
  readonly patch: string;
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

/** What is kept about a file that we changed. */
interface Kept {
  /** False where we made the file. */
  readonly existed: boolean;
  /** We made its folder, too. */
  readonly madeFolder: boolean;
  /** SHA-256 of the bytes before and of those we wrote. */
  readonly before: string;
  readonly after: string;
  /** Containers that were there before us; they stay when they become empty. */
  readonly there: readonly string[];
  readonly at: number;
}

type Install = { readonly version: 1; readonly files: Readonly<Record<string, Kept>> };

const NOTHING = Buffer.alloc(0);

/** Wires the agent, or says what it would do: with `dryRun`, in CI unless `force`, and where no agent is. */
export function init(machine: Machine, options: { readonly dryRun: boolean; readonly force: boolean }): InitReport {
  const { wiring } = machine;
  const paths = pathsOf(machine);
  const record = readRecord(wiring.home);
  const plans = [
    planInit(record, read(paths.settings), (file) => withHooks(file, wiring), withoutHooks),
    planInit(record, read(paths.account), (file) => withServer(file, wiring), withoutServer),
  ];
  const warnings = refuseOrWarn(machine, plans[0]!);
  const hooks = hookEntries(wiring).map(({ event, by }) => ({ event, by }));
  const files = (change: boolean): ChangedFile[] => plans.map((plan) => report(plan, change && plan.kept?.existed === true ? backupPath(wiring.home, plan.path) : null));
  const wired = plans.some((plan) => plan.wired);
  const reason = !agentIsHere(machine, paths) ? "no-agent" : machine.ci && !options.force ? "ci" : options.dryRun ? "dry-run" : undefined;
  if (reason !== undefined) return { state: "planned", reason, files: files(false), hooks, warnings };

  makeFolder(wiring.home);
  makeFolder(wiring.spool);
  makeFolder(wiring.barrier);
  const changes = plans.filter(changesSomething);
  if (changes.length === 0) return { state: "already", files: files(true), hooks, warnings };
  keep(wiring.home, record, changes, machine.now);
  try {
    writeAll(changes);
  } catch (error) {
    // What was noted of files that were not written would be taken for the truth later.
    if (Object.keys(record.files).length > 0) writeRecord(wiring.home, record);
    else forgetKept(wiring.home, readRecord(wiring.home), changes.map(({ path }) => path));
    throw error;
  }
  return { state: wired ? "updated" : "installed", files: files(true), hooks, warnings };
}

/**
 * Gives back every file that the agent goes by now, and every one on record: the environment may name another folder by
 * now, or the client go by another account file. One that was changed since loses only what is ours.
 */
export function uninstall(machine: Machine, options: { readonly dryRun: boolean }): UninstallReport {
  const { home } = machine.wiring;
  const record = readRecord(home);
  const warnings: string[] = [];
  const { settings, account } = pathsOf(machine);
  const paths = [...new Set([settings, account, ...Object.keys(record.files)])];
  const plans = foundOnce(record, paths).map((found) => planUninstall(home, record, found, basename(found.path) === basename(settings) ? withoutHooks : withoutServer, warnings));
  const files = plans.map((plan) => report(plan, null));
  const changes = plans.filter(changesSomething);
  if (options.dryRun) return { state: "planned", files, warnings };
  writeAll(changes);
  for (const { path, kept, after } of changes) if (after === undefined && kept?.madeFolder === true) removeIfEmpty(dirname(path));
  for (const { target } of plans) rmSync(nextTo(target), { force: true });
  forgetKept(home, record, paths);
  return { state: changes.length > 0 ? "uninstalled" : "absent", files, warnings };
}

// ---- deciding ----

interface Found {
  readonly path: string;
  /** What the path leads to where it is a link; it is written there, and the link stays. */
  readonly target: string;
  readonly bytes: Buffer | undefined;
  readonly mode: number;
}

interface Plan extends Found {
  /** What the file should hold; `undefined`: it should not be there. */
  readonly after: Buffer | undefined;
  /** Something of ours is in it now. */
  readonly wired: boolean;
  readonly kept: Kept | undefined;
  /** The bytes without anything of ours; for init. */
  readonly before: Buffer | undefined;
  readonly change: Change;
}

function planInit(record: Install, found: Found, add: (file: SettingsFile) => string, remove: (file: SettingsFile, there?: ReadonlySet<string>) => string): Plan {
  const file = fileOf(found);
  const old = record.files[found.path];
  const wired = isWired(file);
  const after = Buffer.from(add(file));
  if (found.bytes !== undefined && after.equals(found.bytes)) return { ...found, after, wired, kept: old, before: undefined, change: "none" };
  const intact = old !== undefined && found.bytes !== undefined && sha256Hex(found.bytes) === old.after;
  const there = wired && old !== undefined ? old.there : undefined;
  // A file that was wired before and written to since has no bytes from before but these: itself without our entries.
  const before = !wired ? found.bytes : Buffer.from(remove(file, new Set(there)));
  const ours = wired && old?.existed === false && (intact || isBlank({ path: found.path, text: before!.toString() }));
  const kept: Kept = {
    existed: found.bytes !== undefined && !ours,
    madeFolder: wired && old !== undefined ? old.madeFolder : !existsSync(dirname(found.target)),
    before: intact ? old.before : sha256Hex(before ?? NOTHING),
    after: sha256Hex(after),
    there: there ?? containers({ path: found.path, text: before === undefined ? undefined : before.toString() }),
    at: 0,
  };
  return { ...found, after, wired, kept, before: intact ? undefined : (before ?? NOTHING), change: found.bytes === undefined ? "created" : "changed" };
}

/** Of several names that lead to one file, the one on record. */
function foundOnce(record: Install, paths: readonly string[]): Found[] {
  const files = new Map<string, Found>();
  for (const found of paths.map(read)) if (!files.has(found.target) || Object.hasOwn(record.files, found.path)) files.set(found.target, found);
  return [...files.values()];
}

function planUninstall(home: string, record: Install, found: Found, remove: (file: SettingsFile, there?: ReadonlySet<string>) => string, warnings: string[]): Plan {
  const kept = record.files[found.path];
  const unchanged = { ...found, after: found.bytes, wired: false, kept, before: undefined, change: "none" as const };
  if (found.bytes === undefined) return unchanged;
  if (kept !== undefined && sha256Hex(found.bytes) === kept.after) {
    if (!kept.existed) return { ...unchanged, after: undefined, wired: true, change: "deleted" };
    const bytes = readIfThere(backupPath(home, found.path));
    if (bytes !== undefined && sha256Hex(bytes) === kept.before) return { ...unchanged, after: bytes, wired: true, change: "restored" };
    warnings.push(`the bytes kept from before ${found.path} was changed are gone; only the entries of Tidemark are taken out of it`);
  }
  const file = fileOf(found);
  if (!isWired(file)) return unchanged;
  const text = remove(file, new Set(kept?.there));
  if (kept?.existed === false && isBlank({ path: found.path, text })) return { ...unchanged, after: undefined, wired: true, change: "deleted" };
  return { ...unchanged, after: Buffer.from(text), wired: true, change: "changed" };
}

function changesSomething({ change }: Plan): boolean {
  return change !== "none";
}

/** An organization that forbids hooks leaves nothing for us to do, and only it can change that; everything else is said. */
function refuseOrWarn(machine: Machine, settings: Plan): string[] {
  const { managedDir, configDir, wiring, tempDir } = machine;
  const warnings: string[] = [];
  const organization = [join(managedDir, "managed-settings.json"), ...listed(join(managedDir, "managed-settings.d")), join(managedDir, "managed-mcp.json"), join(configDir, "remote-settings.json")].flatMap((path): SettingsFile[] => {
    try {
      return [{ path, text: readIfThere(path)?.toString() }];
    } catch (error) {
      warnings.push(`${path} could not be read (${(error as NodeJS.ErrnoException).code}), so whether your organization allows hooks is not known`);
      return [];
    }
  });
  const theirs = switches(organization, true);
  const yours = switches([{ path: settings.path, text: settings.bytes?.toString() }], false);
  if (theirs.hooksOff !== undefined) throw new TidemarkError("AGENT_FORBIDS", `Hooks do not run on this machine, so nothing was changed: ${theirs.hooksOff}, which your organization decides`);
  if (yours.hooksOff !== undefined) warnings.push(`hooks will not run: ${yours.hooksOff}. Take that line out to have sessions kept as they happen and briefs handed to the agent`);
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

function report({ path, change, bytes, after }: Plan, backup: string | null): ChangedFile {
  const patch = change === "none" ? [] : lineDiff(textOf(path, bytes) ?? "", textOf(path, after) ?? "", 1);
  return { path, change, backup, patch: redactText(patch.join("\n")).text };
}

// ---- reading ----

function read(path: string): Found {
  let target = path;
  try {
    target = realpathSync(path);
  } catch (error) {
    if (!isAbsent(error)) throw unwritable(path, error);
    // A link that leads to nothing yet: the file is made where it points.
    if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true) target = resolve(dirname(path), readlinkSync(path));
    return { path, target, bytes: undefined, mode: 0o600 };
  }
  try {
    return { path, target, bytes: readFileSync(target), mode: statSync(target).mode & 0o7777 };
  } catch (error) {
    throw new TidemarkError("SETTINGS_UNWRITABLE", `${path} cannot be read (${(error as NodeJS.ErrnoException).code})`, { cause: error });
  }
}

function fileOf({ path, bytes }: Found): SettingsFile {
  return { path, text: textOf(path, bytes) };
}

/** As text that turns into the same bytes again; its byte order mark is part of it. */
function textOf(path: string, bytes: Buffer | undefined): string | undefined {
  if (bytes === undefined) return undefined;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw new TidemarkError("CONFIG_UNREADABLE", `${path} is not UTF-8 text`, { cause: error });
  }
}

function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
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

function isAbsent(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === "ENOENT" || code === "ENOTDIR";
}

function within(path: string, folder: string): boolean {
  return folder !== "" && path.startsWith(folder.endsWith("/") ? folder : `${folder}/`);
}

// ---- writing ----

/** All of them or none: when one cannot be written, those before it get their bytes back. */
function writeAll(plans: readonly Plan[]): void {
  for (const plan of plans) checkWritable(plan);
  const done: Plan[] = [];
  try {
    for (const plan of plans) {
      replaceFile(plan, plan.bytes, plan.after);
      done.push(plan);
    }
  } catch (error) {
    for (const plan of done.reverse()) putBack(plan);
    throw error;
  }
}

function putBack(plan: Plan): void {
  try {
    replaceFile(plan, plan.after, plan.bytes);
  } catch (error) {
    throw new TidemarkError("SETTINGS_CHANGED", `Not everything could be written, and ${plan.path} could not be put back (${(error as Error).message})`, { cause: error, hint: "tidemark uninstall" });
  }
  if (plan.bytes === undefined && plan.kept?.madeFolder === true) removeIfEmpty(dirname(plan.path));
}

function checkWritable({ path, target, bytes, mode, after }: Plan): void {
  const folder = dirname(target);
  try {
    if (bytes === undefined && after !== undefined && !existsSync(folder)) return;
    accessSync(folder, constants.W_OK);
    if (bytes !== undefined) accessSync(target, constants.W_OK);
  } catch (error) {
    throw unwritable(path, error);
  }
  // To the superuser every file is writable; one that was closed on purpose is left alone all the same.
  if (bytes !== undefined && (mode & 0o222) === 0) throw new TidemarkError("SETTINGS_UNWRITABLE", `${path} is read-only, so nothing was changed`);
}

/** Where the new bytes stand until they are whole; a kill may leave it. */
function nextTo(target: string): string {
  return `${target}.tidemark-new`;
}

/** Whole or not at all: a new file takes the place of the old one, with its mode, if that still is what was read. */
export function replaceFile({ path, target, mode }: Omit<Found, "bytes">, expected: Buffer | undefined, wanted: Buffer | undefined): void {
  const next = nextTo(target);
  try {
    if (wanted !== undefined) {
      // Only the agent's own folder is made for it, in a place that is there.
      if (!existsSync(dirname(target))) mkdirSync(dirname(target), { mode: 0o700 });
      rmSync(next, { force: true });
      const file = openSync(next, "wx", 0o600);
      try {
        writeFileSync(file, wanted);
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
      chmodSync(next, mode);
    }
    const now = readIfThere(target);
    const same = now === undefined || expected === undefined ? now === expected : now.equals(expected);
    if (!same) throw new TidemarkError("SETTINGS_CHANGED", `${path} was changed by another program at this moment, so it was left as it is`);
    if (wanted === undefined) unlinkSync(target);
    else renameSync(next, target);
  } catch (error) {
    rmSync(next, { force: true });
    throw error instanceof TidemarkError ? error : unwritable(path, error);
  }
}

function unwritable(path: string, error: unknown): TidemarkError {
  const { code = "unknown" } = error as NodeJS.ErrnoException;
  return code === "ENOSPC" || code === "EDQUOT" ? asTidemarkError(error) : new TidemarkError("SETTINGS_UNWRITABLE", `${path} cannot be written (${code}), so nothing was changed`, { cause: error });
}

function makeFolder(folder: string): void {
  try {
    if (mkdirSync(folder, { recursive: true, mode: 0o700 }) === undefined && !statSync(folder).isDirectory()) throw Object.assign(new Error("not a folder"), { code: "ENOTDIR" });
    accessSync(folder, constants.W_OK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw code === "ENOSPC" ? asTidemarkError(error) : new TidemarkError("HOME_UNWRITABLE", `The state folder ${folder} cannot be used (${code})`, { cause: error });
  }
}

function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch (error) {
    // The agent has put something there since.
    if (!["ENOTEMPTY", "EEXIST", "ENOENT", "EBUSY"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
  }
}

// ---- what is kept ----

function keptFolder(home: string): string {
  return join(home, "install", "claude-code");
}

/** Several agent folders may be wired from one state folder, so the name has the whole path in it. */
function backupPath(home: string, path: string): string {
  return join(keptFolder(home), `${basename(path).replace(/^\./, "")}.${sha256Hex(path).slice(0, 12)}.before`);
}

function recordPath(home: string): string {
  return join(keptFolder(home), "record.json");
}

function readRecord(home: string): Install {
  const bytes = readIfThere(recordPath(home));
  if (bytes === undefined) return { version: 1, files: {} };
  try {
    const value: unknown = JSON.parse(bytes.toString());
    if (isRecord(value) && value["version"] === 1 && isRecord(value["files"])) return value as unknown as Install;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  // Without it our entries are still known by their looks.
  return { version: 1, files: {} };
}

function keep(home: string, record: Install, plans: readonly Plan[], now: number): void {
  makeFolder(keptFolder(home));
  for (const { path, before, kept } of plans) if (before !== undefined && kept?.existed === true) writeOwn(backupPath(home, path), before);
  writeRecord(home, { version: 1, files: { ...record.files, ...Object.fromEntries(plans.map(({ path, kept }) => [path, { ...kept!, at: now }])) } });
}

function forgetKept(home: string, record: Install, paths: readonly string[]): void {
  if (!paths.some((path) => Object.hasOwn(record.files, path))) return;
  const left = Object.fromEntries(Object.entries(record.files).filter(([path]) => !paths.includes(path)));
  for (const path of paths) rmSync(backupPath(home, path), { force: true });
  if (Object.keys(left).length > 0) return writeRecord(home, { version: 1, files: left });
  rmSync(recordPath(home), { force: true });
  removeIfEmpty(keptFolder(home));
  removeIfEmpty(dirname(keptFolder(home)));
}

function writeRecord(home: string, record: Install): void {
  writeOwn(recordPath(home), Buffer.from(`${JSON.stringify(record, undefined, 2)}\n`));
}

function writeOwn(path: string, bytes: Buffer): void {
  const next = `${path}.new`;
  writeFileSync(next, bytes, { mode: 0o600, flush: true });
  renameSync(next, path);
}
