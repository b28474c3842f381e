/**
 * Putting entries of ours into files of other programs, and taking them back. What a file should say is decided by whoever
 * asks; here files are read, kept, written whole or not at all, and put back.
 *
 * Before a file is changed its bytes are kept in a folder of ours, with a hash of what is written. While the file still has
 * that hash, taking back gives the kept bytes; once something else has written to it, only the entries of ours are taken
 * out. A kill between any two steps leaves files that are whole, and either can be done again.
 */
import { accessSync, chmodSync, closeSync, constants, existsSync, fsyncSync, lstatSync, mkdirSync, openSync, readFileSync, readlinkSync, realpathSync, renameSync, rmdirSync, rmSync, statSync, unlinkSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import type { Entries, TextFile } from "../agents/entries.ts";
import { lineDiff } from "../base/diff.ts";
import { asTidemarkError, TidemarkError } from "../base/errors.ts";
import { sha256Hex } from "../base/hash.ts";
import { isRecord } from "../base/json.ts";
import { redactText } from "../event/redact.ts";

export type Change = "created" | "changed" | "restored" | "deleted" | "none";

export interface ChangedFile {
  readonly path: string;
  readonly change: Change;
  /** Where the bytes from before are kept. */
  readonly backup: string | null;
  /** As `diff -u` prints it; secrets are taken out. */
  readonly patch: string;
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

interface Found {
  readonly path: string;
  /** What the path leads to where it is a link; it is written there, and the link stays. */
  readonly target: string;
  readonly bytes: Buffer | undefined;
  readonly mode: number;
}

export interface Plan extends Found {
  /** What the file should hold; `undefined`: it should not be there. */
  readonly after: Buffer | undefined;
  /** Something of ours is in it now. */
  readonly wired: boolean;
  readonly kept: Kept | undefined;
  /** The bytes without anything of ours, where ours are put in. */
  readonly before: Buffer | undefined;
  readonly change: Change;
}

/** A change to some files, decided and not yet made. */
export interface Planned {
  readonly plans: readonly Plan[];
  /** Something of ours stands in one of them now. */
  readonly wired: boolean;
  readonly changes: readonly Plan[];
  /** All of them or none. */
  readonly apply: () => void;
}

/** `folder`: where bytes from before are kept. */
export function planPutting(folder: string, wanted: readonly { readonly path: string; readonly entries: Entries }[], now: number): Planned {
  const record = readRecord(folder);
  const plans = wanted.map(({ path, entries }) => planEntries(record, path, entries));
  const changes = plans.filter(changesSomething);
  return {
    plans, changes,
    wired: plans.some((plan) => plan.wired),
    apply: () => {
      keep(folder, record, changes, now);
      try {
        writeAll(changes);
      } catch (error) {
        // What was noted of files that were not written would be taken for the truth later.
        if (Object.keys(record.files).length > 0) writeRecord(folder, record);
        else forgetKept(folder, readRecord(folder), changes.map(({ path }) => path));
        throw error;
      }
    },
  };
}

/** Of the files that are named and of every one on record in `folder`: the environment may name others by now. */
export function planTakingBack(folder: string, named: readonly string[], entriesOf: (path: string) => Entries, warnings: string[]): Planned {
  const record = readRecord(folder);
  const paths = [...new Set([...named, ...Object.keys(record.files)])];
  const plans = foundOnce(record, paths).map((found) => planOne(folder, record, found, entriesOf(found.path), warnings));
  const changes = plans.filter(changesSomething);
  return {
    plans, changes,
    wired: plans.some((plan) => plan.wired),
    apply: () => {
      writeAll(changes);
      for (const { path, kept, after } of changes) if (after === undefined && kept?.madeFolder === true) removeIfEmpty(dirname(path));
      for (const { target } of plans) rmSync(nextTo(target), { force: true });
      forgetKept(folder, record, paths);
    },
  };
}

/** As it is told; `folder` where the bytes from before are kept there. */
export function told({ plans }: Planned, folder?: string): ChangedFile[] {
  return plans.map((plan) => report(plan, folder !== undefined && plan.kept?.existed === true ? backupPath(folder, plan.path) : null));
}

/** What the file at `path` is to become, with the bytes of it that have to be kept. */
function planEntries(record: Install, path: string, { put, takeOut, isWired, containers, isBlank }: Entries): Plan {
  const found = read(path);
  const file = fileOf(found);
  const old = record.files[found.path];
  const wired = isWired(file);
  const after = Buffer.from(put(file));
  if (found.bytes !== undefined && after.equals(found.bytes)) return { ...found, after, wired, kept: old, before: undefined, change: "none" };
  const intact = old !== undefined && found.bytes !== undefined && sha256Hex(found.bytes) === old.after;
  const there = wired && old !== undefined ? old.there : undefined;
  // A file that was wired before and written to since has no bytes from before but these: itself without our entries.
  const before = !wired ? found.bytes : Buffer.from(takeOut(file, new Set(there)));
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

function planOne(folder: string, record: Install, found: Found, { takeOut, isWired, isBlank }: Entries, warnings: string[]): Plan {
  const kept = record.files[found.path];
  const unchanged = { ...found, after: found.bytes, wired: false, kept, before: undefined, change: "none" as const };
  if (found.bytes === undefined) return unchanged;
  if (kept !== undefined && sha256Hex(found.bytes) === kept.after) {
    if (!kept.existed) return { ...unchanged, after: undefined, wired: true, change: "deleted" };
    const bytes = readIfThere(backupPath(folder, found.path));
    if (bytes !== undefined && sha256Hex(bytes) === kept.before) return { ...unchanged, after: bytes, wired: true, change: "restored" };
    warnings.push(`the bytes kept from before ${found.path} was changed are gone; only the entries of Tidemark are taken out of it`);
  }
  const file = fileOf(found);
  if (!isWired(file)) return unchanged;
  const text = takeOut(file, new Set(kept?.there));
  if (kept?.existed === false && isBlank({ path: found.path, text })) return { ...unchanged, after: undefined, wired: true, change: "deleted" };
  return { ...unchanged, after: Buffer.from(text), wired: true, change: "changed" };
}

function changesSomething({ change }: Plan): boolean {
  return change !== "none";
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

function fileOf({ path, bytes }: Found): TextFile {
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

export function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

export function isAbsent(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === "ENOENT" || code === "ENOTDIR";
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

export function makeFolder(folder: string): void {
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

/** Several agent folders may be wired from one state folder, so the name has the whole path in it. */
function backupPath(folder: string, path: string): string {
  return join(folder, `${basename(path).replace(/^\./, "")}.${sha256Hex(path).slice(0, 12)}.before`);
}

function recordPath(folder: string): string {
  return join(folder, "record.json");
}

function readRecord(folder: string): Install {
  const bytes = readIfThere(recordPath(folder));
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

function keep(folder: string, record: Install, plans: readonly Plan[], now: number): void {
  makeFolder(folder);
  for (const { path, before, kept } of plans) if (before !== undefined && kept?.existed === true) writeOwn(backupPath(folder, path), before);
  writeRecord(folder, { version: 1, files: { ...record.files, ...Object.fromEntries(plans.map(({ path, kept }) => [path, { ...kept!, at: now }])) } });
}

function forgetKept(folder: string, record: Install, paths: readonly string[]): void {
  if (!paths.some((path) => Object.hasOwn(record.files, path))) return;
  const left = Object.fromEntries(Object.entries(record.files).filter(([path]) => !paths.includes(path)));
  for (const path of paths) rmSync(backupPath(folder, path), { force: true });
  if (Object.keys(left).length > 0) return writeRecord(folder, { version: 1, files: left });
  rmSync(recordPath(folder), { force: true });
  removeIfEmpty(folder);
  removeIfEmpty(dirname(folder));
}

function writeRecord(folder: string, record: Install): void {
  writeOwn(recordPath(folder), Buffer.from(`${JSON.stringify(record, undefined, 2)}\n`));
}

function writeOwn(path: string, bytes: Buffer): void {
  const next = `${path}.new`;
  writeFileSync(next, bytes, { mode: 0o600, flush: true });
  renameSync(next, path);
}
