/**
 * Writes into the tree what was decided, so that nothing anyone else put there is ever lost. New bytes are written beside
 * their places first; then path by path what stands there is moved aside, looked at once more, and the new file linked
 * in, which fails where somebody was quicker. What was moved aside goes last of all, and what was written to meanwhile
 * becomes a conflict copy. A journal lets another process finish it after a crash.
 *
 * Leaves out what to restore, the capture of the present that must come before, and locks between restores (operations/).
 */
import { closeSync, constants, fchmodSync, fsyncSync, openSync, writeFileSync } from "node:fs";
import { isVersion, type ContentId, type TreePath, type Version } from "../checkpoint/model.ts";
import { asTidemarkError, TidemarkError } from "../base/errors.ts";
import { openAsides, type Aside } from "./asides.ts";
import { codeOf, enter, nameOf, parentOf, syncFolder, wordsOf } from "./folder.ts";
import { dropUnfinished, ID, listJournals, readJournal, removeJournal, takeOver, timeOf, writeJournal, type Found, type Journal } from "./journal.ts";
import { look } from "./present.ts";
import { attempt, carryOut, dropTemporary, end, fail, foresee, inside, isFolder, isModeOnly, isOpen, isSound, removeEmptied, resume, settleOne, temporaryOf, wayTo, type Moment, type RestoreStep, type Run, type StepOutcome, type Task } from "./restore-path.ts";

export { forgetAsides, sweepAsides, type KeptAside } from "./asides.ts";
export type { Moment, RestoreStep, StepOutcome } from "./restore-path.ts";

export interface RestoreDeps {
  /** The real path of the tree. */
  readonly root: string;
  /** Folder of our state for journals and for what was moved aside. */
  readonly holding: string;
  /** Of this restore alone: letters, digits, "-" and "_". */
  readonly id: string;
  /** The bytes of a content, verified; throws where they are missing or damaged. */
  readonly read: (content: ContentId) => Uint8Array;
  /** Whether a folder may go once it is empty, because it began with what is undone. */
  readonly mayRemoveDirectory: (path: TreePath) => boolean;
  readonly fault?: (moment: Moment, path: TreePath) => void;
}

export interface RecoverDeps {
  readonly read: (content: ContentId) => Uint8Array;
  /** Only what was begun in this tree, whoever began it: its lock is held, so nobody works on it. */
  readonly root?: string;
  /** Whether a process that began something at a time, in milliseconds since 1970, still works on it; also asked about this process. */
  readonly alive: (pid: number, since?: number) => boolean;
  readonly fault?: (moment: Moment, path: TreePath) => void;
}

export interface Recovered {
  readonly id: string;
  readonly journal: string;
  readonly root?: string;
  readonly outcomes: readonly StepOutcome[];
  /** Why it could not be finished; then the journal stays. */
  readonly problem?: string;
}

/**
 * Steps come in order: what is deleted first, deepest first, then what is written. Gives an outcome for each, in that
 * order. Throws DISK_FULL where there is no room for the new bytes, with nothing changed.
 */
export function applyRestore(steps: readonly RestoreStep[], deps: RestoreDeps): StepOutcome[] {
  const { root, holding, id, read, fault = () => undefined } = deps;
  if (!ID.test(id)) throw new TidemarkError("INTERNAL", `Not an id of a restore: ${id}`);
  if (new Set(steps.map(({ path }) => path)).size !== steps.length) throw new TidemarkError("INTERNAL", "A path is to be restored twice at once");
  mustStand(root);
  const stationOf = stationsOf(root, steps);
  const tasks = steps.map((step, n): Task => ({ n, step, station: stationOf(step.path), stamp: step.stamp, ready: false }));
  for (const task of tasks) foresee(root, task);
  const open = tasks.filter(isOpen);
  if (open.length > 0) {
    const removable = foldersOf(steps).filter(deps.mayRemoveDirectory);
    const file = orFull(() => writeJournal(holding, journalOf(id, root, removable, open), process.pid));
    const run: Run = { root, holding, id, read, removable, now: timeOf(file), resumed: false, touched: new Set(), fault };
    fault("journaled", "");
    try {
      prepare(run, open);
    } catch (error) {
      for (const task of open) dropTemporary(run, task);
      removeJournal(holding, file);
      throw error;
    }
    finish(run, open, file);
  }
  return tasks.map(({ outcome }) => outcome!);
}

/** Finishes what processes began that are gone. To be called before a tree is captured or restored again. */
export function recoverRestores(holding: string, deps: RecoverDeps): Recovered[] {
  dropUnfinished(holding, deps.alive);
  return listJournals(holding).flatMap((found): Recovered[] => {
    if (deps.root === undefined ? deps.alive(found.pid) : rootOf(found) !== deps.root) return [];
    const file = takeOver(holding, found, process.pid);
    return file === undefined ? [] : [recoverOne(holding, { ...found, file }, deps)];
  });
}

/** Undefined where it cannot be told: then nobody knows what to do with it. */
function rootOf({ file }: Found): string | undefined {
  try {
    return readJournal(file).root;
  } catch (error) {
    if (error instanceof SyntaxError || codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

function recoverOne(holding: string, { id, file }: Found, { read, fault = () => undefined }: RecoverDeps): Recovered {
  let journal: Journal;
  try {
    journal = readJournal(file);
    mustStand(journal.root);
  } catch (error) {
    const problem = error instanceof SyntaxError ? "its journal is damaged" : error instanceof TidemarkError ? error.message : wordsOf(error);
    return { id, journal: file, outcomes: [], problem };
  }
  const { root, removable } = journal;
  const run: Run = { root, holding, id, read, removable, now: timeOf(file), resumed: true, touched: new Set(), fault };
  const tasks = journal.steps.map(({ n, station, ...step }): Task => ({ n, step, station, stamp: step.stamp, ready: false }));
  for (const task of tasks) attempt(run, task, () => resume(run, task));
  prepare(run, tasks);
  finish(run, tasks, file);
  return { id, journal: file, root, outcomes: tasks.map(({ outcome }) => outcome!) };
}

function finish(run: Run, tasks: readonly Task[], journal: string): void {
  run.fault("prepared", "");
  for (const task of tasks) attempt(run, task, () => carryOut(run, task));
  settle(run, tasks);
  removeEmptied(run);
  for (const folder of run.touched) inside(run, folder, syncFolder);
  const left = tasks.filter((task) => task.left);
  if (left.length === 0) removeJournal(run.holding, journal);
  else writeJournal(run.holding, journalOf(run.id, run.root, run.removable, left), process.pid);
}

function settle(run: Run, tasks: readonly Task[]): void {
  const asides = tasks.flatMap(({ n, step: { path }, aside }): Aside[] => (aside?.seen.kind === "file" ? [{ n, path, version: aside.version }] : []));
  const device = tasks.find(({ aside }) => aside?.seen.kind === "file")?.aside?.seen.device;
  const keeps = device !== undefined && openAsides(run.holding, run.id, run.root, asides, device);
  for (const task of tasks) {
    try {
      settleOne(run, task, keeps);
    } catch (error) {
      task.left = true;
      end(task, task.outcome!.outcome, `a temporary file beginning with ${temporaryOf(run, task)} could not be removed: ${wordsOf(error)}`);
    }
  }
}

function journalOf(id: string, root: string, removable: readonly TreePath[], tasks: readonly Task[]): Journal {
  const steps = tasks.map(({ n, step: { path, expected, target }, station, stamp }) => {
    const told = stamp === undefined ? {} : { stamp: { mtime: stamp.mtime, ctime: stamp.ctime, inode: stamp.inode, size: stamp.size } };
    return { n, path, expected, target, station, ...told };
  });
  return { id, root, removable, steps };
}

function mustStand(root: string): void {
  const entered = enter(root, "");
  if (!isFolder(entered)) throw new TidemarkError("PATH_MISSING", `The tree is not there: ${root}`);
  entered.leave();
}

/** For each path the lowest folder above it that is there and that no other step takes away or puts in place. */
function stationsOf(root: string, steps: readonly RestoreStep[]): (path: TreePath) => TreePath {
  const paths = new Set(steps.map(({ path }) => path));
  const known = new Map<TreePath, boolean>();
  const stays = (folder: TreePath): boolean => {
    const answer = known.get(folder) ?? (!paths.has(folder) && isFolderNow(root, folder));
    known.set(folder, answer);
    return answer;
  };
  return (path) => {
    const parts = isSound(path) ? path.split("/").slice(0, -1) : [];
    const upTo = (length: number): TreePath => parts.slice(0, length).join("/");
    const first = parts.findIndex((_, i) => !stays(upTo(i + 1)));
    return first < 0 ? upTo(parts.length) : upTo(first);
  };
}

function isFolderNow(root: string, path: TreePath): boolean {
  const parent = enter(root, parentOf(path));
  if (!isFolder(parent)) return false;
  try {
    return look(parent.at(nameOf(path)))?.kind === "folder";
  } catch (error) {
    // A folder that cannot be searched is no place for a temporary file.
    codeOf(error);
    return false;
  } finally {
    parent.leave();
  }
}

/** Every folder above what is deleted, deepest first. */
function foldersOf(steps: readonly RestoreStep[]): TreePath[] {
  const folders = new Set<TreePath>();
  for (const { path, target } of steps) {
    if (target !== "absent" || !isSound(path)) continue;
    for (let folder = parentOf(path); folder !== "" && !folders.has(folder); folder = parentOf(folder)) folders.add(folder);
  }
  const depth = (path: TreePath): number => path.split("/").length;
  return [...folders].sort((a, b) => depth(b) - depth(a));
}

// The new bytes, beside their places.

/** How many are written before they are synced: one commit of the file system's own journal then serves many. */
const BATCH = 128;

function prepare(run: Run, tasks: readonly Task[]): void {
  const wanted = tasks.filter((task) => isOpen(task) && !task.ready && isVersion(task.step.target) && !isModeOnly(task));
  for (let at = 0; at < wanted.length; at += BATCH) {
    const written: [Task, number][] = [];
    const each = (task: Task, body: () => void): void => attempt(run, task, () => orStop(run, body));
    try {
      for (const task of wanted.slice(at, at + BATCH)) each(task, () => prepareOne(run, task, written));
      for (const [task, descriptor] of written) each(task, () => fsyncSync(descriptor));
    } finally {
      for (const [, descriptor] of written) closeSync(descriptor);
    }
  }
}

/** Before the first change a full disk is a reason to change nothing at all; after a crash each path is brought to an end as far as it goes. */
function orStop(run: Run, body: () => void): void {
  if (run.resumed) body();
  else orFull(body);
}

function orFull<T>(body: () => T): T {
  try {
    return body();
  } catch (error) {
    const ours = asTidemarkError(error);
    if (ours.code !== "DISK_FULL") throw error;
    throw new TidemarkError("DISK_FULL", "The disk is full; nothing was changed", { cause: error, hint: "Free some space, then repeat the command." });
  }
}

function prepareOne(run: Run, task: Task, written: [Task, number][]): void {
  const target = task.step.target as Version;
  let bytes: Uint8Array;
  try {
    bytes = run.read(target.content);
  } catch (error) {
    return fail(run, task, `its bytes cannot be had: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (bytes.byteLength !== target.size) return fail(run, task, `its bytes are damaged: ${bytes.byteLength} instead of ${target.size}`);
  if (target.type === "link") return void (task.link = Buffer.from(bytes));
  const station = enter(run.root, task.station);
  if (!isFolder(station)) return fail(run, task, wayTo(station));
  try {
    // Nobody else may read it before its own mode says so.
    const descriptor = openSync(station.at(temporaryOf(run, task)), constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600);
    task.ready = true;
    written.push([task, descriptor]);
    run.touched.add(task.station);
    writeFileSync(descriptor, bytes);
    setMode(descriptor, target.mode);
  } finally {
    station.leave();
  }
}

function setMode(descriptor: number, mode: number): void {
  try {
    fchmodSync(descriptor, mode);
  } catch (error) {
    // File systems without such modes.
    if (!["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"].includes(codeOf(error))) throw error;
  }
}
