/**
 * One path of a restore: what stands there is moved aside, looked at once more, the new file linked in, and each step
 * can be taken back or, after a crash, gone on from. Leaves out the order of the whole and its journal (restore.ts).
 */
import { chmodSync, closeSync, constants, copyFileSync, fchmodSync, fstatSync, fsyncSync, linkSync, openSync, readFileSync, readlinkSync, renameSync, rmdirSync, symlinkSync, unlinkSync } from "node:fs";
import { isVersion, sameState, type ContentId, type State, type TreePath, type Version } from "../checkpoint/model.ts";
import { TidemarkError } from "../base/errors.ts";
import { keepAside } from "./asides.ts";
import { below, codeOf, enter, HOLDS, nameOf, O_PATH, parentOf, wordsOf, type Entered, type Folder, type Place } from "./folder.ts";
import { bytesOf } from "./names.ts";
import { contentAt, isRacy, isStamped, isUntouched, isVersionAt, look, looksLike, type Seen, type Stamp } from "./present.ts";

export interface RestoreStep {
  readonly path: TreePath;
  /** What must stand there now. Where something else does, the path is left alone. */
  readonly expected: State;
  /** What is to stand there. Bytes of a merge are put into the store first: after a crash they are needed again. */
  readonly target: State;
  /** What lstat said when the present was captured; where it still says so, the file need not be read. */
  readonly stamp?: Stamp;
}

export interface StepOutcome {
  readonly path: TreePath;
  /**
   * unchanged: what is wanted stood there already. conflict: something else than expected stands there, and stays.
   * refused: it could not be done, and all is as it was.
   */
  readonly outcome: "written" | "deleted" | "unchanged" | "conflict" | "refused";
  readonly reason?: string;
  /** Where bytes are that somebody wrote while it was being restored, whatever the outcome is. */
  readonly copy?: TreePath;
}

/** Where a restore is, for tests that put something in between or let the operating system fail there. */
export type Moment = "journaled" | "prepared" | "checked" | "aside" | "link" | "back" | "settle";

/** One restore while it is carried out. */
export interface Run {
  readonly root: string;
  readonly holding: string;
  readonly id: string;
  readonly read: (content: ContentId) => Uint8Array;
  /** Folders that may go once they are empty, deepest first. */
  readonly removable: readonly TreePath[];
  /** The machine's own time when it began, in nanoseconds. */
  readonly now: bigint;
  /** After a crash: what stands as wanted may be our own work. */
  readonly resumed: boolean;
  /** Folders whose names changed, to be synced. */
  readonly touched: Set<TreePath>;
  readonly fault: (moment: Moment, path: TreePath) => void;
}

export interface Task {
  readonly n: number;
  readonly step: RestoreStep;
  /** Folder of its temporary files: its own, or the nearest above it that stands throughout. */
  readonly station: TreePath;
  /** Of what stood there when it was last found to be what was expected. */
  stamp: Stamp | undefined;
  /** The new file stands beside its place. */
  ready: boolean;
  /** The new link's target. */
  link?: Buffer;
  /** What was moved aside, and what it was then. */
  aside?: { readonly seen: Seen; readonly version: Version } | undefined;
  /** Where bytes of somebody else were put. */
  copy?: TreePath;
  /** Something of ours could not be taken away and waits in the tree for the next recovery. */
  left?: boolean;
  outcome?: StepOutcome;
}

export const isOpen = (task: Task): boolean => task.outcome === undefined;
export const isFolder = (entered: Entered): entered is Folder => entered !== "missing" && "leave" in entered;
export const wayTo = (entered: Exclude<Entered, Folder>): string => (entered === "missing" ? "its folder is not there" : entered.refused);
const isNothingThere = (entered: Exclude<Entered, Folder>): boolean => entered === "missing" || entered.nothing;
export const temporaryOf = (run: Run, task: Task): string => `.tidemark-${run.id}-${task.n}`;
const probeOf = (run: Run, task: Task): string => `${temporaryOf(run, task)}.link`;
const asideOf = (run: Run, task: Task): string => `${temporaryOf(run, task)}.aside`;

/** Only its mode is to change: that is done in place. */
export const isModeOnly = ({ step: { expected, target } }: Task): boolean =>
  isVersion(expected) && isVersion(target) && expected.type === "file" && target.type === "file" && expected.content === target.content;

export function end(task: Task, outcome: StepOutcome["outcome"], reason?: string): void {
  const { step: { path }, copy } = task;
  task.outcome = { path, outcome, ...(reason === undefined ? {} : { reason }), ...(copy === undefined ? {} : { copy }) };
}

/** Takes back what was half done. */
export function fail(run: Run, task: Task, reason: string): void {
  try {
    putBack(run, task);
    end(task, "refused", reason);
  } catch (error) {
    const words = wordsOf(error);
    task.copy = below(task.station, asideOf(run, task));
    task.left = true;
    end(task, "refused", `${reason}; what stood there could not be put back: ${words}`);
  }
}

/** A failure of the operating system ends one path; the others go on. */
export function attempt(run: Run, task: Task, body: () => void): void {
  if (!isOpen(task)) return;
  try {
    body();
  } catch (error) {
    if (error instanceof TidemarkError) throw error;
    fail(run, task, wordsOf(error));
  }
}

/** Does something in a folder, where that is one. */
export function inside<T>(run: Run, path: TreePath, body: (folder: Folder) => T): T | undefined {
  const folder = enter(run.root, path);
  if (!isFolder(folder)) return undefined;
  try {
    return body(folder);
  } finally {
    folder.leave();
  }
}

// Before anything is touched.

/** A path that leads out of the tree or into git's own files is no path of a tree, whoever asks for it. */
export const isSound = (path: TreePath): boolean => !path.includes("\0") && path.split("/").every((part) => !["", ".", "..", ".git"].includes(part.toLowerCase()));

/**
 * Ends what can be told at once, so that no new bytes are written for it. What stands in the way may be about to go
 * with another step: that is seen when its turn comes.
 */
export function foresee(root: string, task: Task, resumed = false): void {
  const { path, expected, target } = task.step;
  if (!isSound(path)) return end(task, "refused", "not a path of this tree");
  if (target === "unknown") return end(task, "refused", "what stood there was not captured");
  if (expected === "unknown") return end(task, "refused", "what stands there could not be captured");
  const parent = enter(root, parentOf(path));
  if (!isFolder(parent)) return isNothingThere(parent) && target === "absent" ? end(task, asWanted(task, resumed)) : undefined;
  try {
    const place = parent.at(nameOf(path));
    const seen = look(place);
    if (seen?.kind === "folder") return;
    const verdict = judge(place, seen, task.step, seen !== undefined && isStamped(seen, task.stamp));
    if (verdict === "other") end(task, "conflict", differs(seen));
    else if (verdict === "target" || sameState(expected, target)) end(task, asWanted(task, resumed));
    else task.stamp = seen;
  } catch (error) {
    end(task, "refused", `it cannot be read to make sure what it is: ${wordsOf(error)}`);
  } finally {
    parent.leave();
  }
}

/** `trusted`: its times say that its bytes are those expected. */
function judge(place: Place, seen: Seen | undefined, { expected, target }: RestoreStep, trusted: boolean): "expected" | "target" | "other" {
  if (seen === undefined) return expected === "absent" ? "expected" : target === "absent" ? "target" : "other";
  if (isVersion(expected) && looksLike(seen, expected) && (trusted || isVersionAt(place, seen, expected))) return "expected";
  return isVersion(target) && isVersionAt(place, seen, target) ? "target" : "other";
}

function differs(seen: Seen | undefined): string {
  if (seen === undefined) return "it was deleted meanwhile";
  return seen.kind === "other" ? "neither a file nor a link stands there now" : "it was changed meanwhile";
}

// Its turn.

export function carryOut(run: Run, task: Task): void {
  const { path, expected, target } = task.step;
  const made: TreePath[] = [];
  const parent = enter(run.root, parentOf(path), isVersion(target) ? made : undefined);
  try {
    if (!isFolder(parent)) {
      // Moved aside before the crash, and found to be what was expected.
      const gone = isNothingThere(parent) || task.aside !== undefined;
      return gone && target === "absent" ? end(task, asWanted(task, run.resumed)) : fail(run, task, wayTo(parent));
    }
    const place = parent.at(nameOf(path));
    if (task.aside !== undefined) return put(run, task, parent, place);
    // Emptied by the steps before this one, as it may be.
    if (look(place)?.kind === "folder" && isVersion(target)) removeEmptied(run, path);
    const seen = look(place);
    if (seen?.kind === "folder") return fail(run, task, "a folder stands there now");
    const trusted = seen !== undefined && isStamped(seen, task.stamp) && !isRacy(seen.mtime, run.now) && !isRacy(seen.ctime, run.now);
    const verdict = judge(place, seen, task.step, trusted);
    if (verdict === "other") return end(task, "conflict", differs(seen));
    if (verdict === "target" || sameState(expected, target)) return end(task, asWanted(task, run.resumed));
    run.fault("checked", path);
    if (seen === undefined) put(run, task, parent, place);
    else if (isModeOnly(task)) changeMode(task, place, seen);
    else replace(run, task, parent, place, seen);
  } finally {
    if (isFolder(parent)) parent.leave();
    for (const folder of made.reverse()) {
      if (task.outcome?.outcome === "written") run.touched.add(parentOf(folder));
      else removeFolder(run, folder);
    }
  }
}

function asWanted({ step: { target } }: Task, resumed: boolean): "unchanged" | "written" | "deleted" {
  if (!resumed) return "unchanged";
  return isVersion(target) ? "written" : "deleted";
}

/** Its own folder is open already. */
function stationBeside(run: Run, task: Task, parent: Folder): Entered {
  return task.station === parentOf(task.step.path) ? { ...parent, leave: () => undefined } : enter(run.root, task.station);
}

function replace(run: Run, task: Task, parent: Folder, place: Place, seen: Seen): void {
  const { path, expected } = task.step;
  const version = expected as Version;
  const station = stationBeside(run, task, parent);
  if (!isFolder(station)) return fail(run, task, wayTo(station));
  try {
    const aside = station.at(asideOf(run, task));
    run.touched.add(task.station).add(parentOf(path));
    try {
      renameSync(place, aside);
    } catch (error) {
      if (codeOf(error) !== "ENOENT" || look(place) !== undefined) throw error;
      return isVersion(task.step.target) ? end(task, "conflict", differs(undefined)) : end(task, asWanted(task, run.resumed));
    }
    run.fault("aside", path);
    const moved = look(aside);
    if (moved !== undefined) task.aside = { seen: moved, version };
    if (moved === undefined || (!isUntouched(moved, seen, run.now) && !isVersionAt(aside, moved, version))) {
      // Somebody was quicker than the look before.
      putBack(run, task);
      return end(task, "conflict", "it was changed meanwhile");
    }
  } finally {
    station.leave();
  }
  put(run, task, parent, place);
}

/** Puts the new file in its place, where nothing stands. */
function put(run: Run, task: Task, parent: Folder, place: Place): void {
  const { path, target } = task.step;
  if (!isVersion(target)) return end(task, "deleted");
  const station = stationBeside(run, task, parent);
  if (!isFolder(station)) return fail(run, task, wayTo(station));
  try {
    run.touched.add(parentOf(path));
    if (target.type === "link") symlinkSync(task.link!, place);
    else linkOrCopy(run, path, station.at(temporaryOf(run, task)), place);
    end(task, "written");
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
    end(task, "conflict", "something was put there meanwhile");
  } finally {
    station.leave();
  }
}

/** What a file system says that has no hard links, or allows them not for this file. */
const LINKLESS = ["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EXDEV", "EMLINK"];

/** Throws EEXIST where something stands there. */
function linkOrCopy(run: Run, path: TreePath, from: Place, to: Place): void {
  try {
    run.fault("link", path);
    linkSync(from, to);
  } catch (error) {
    if (!LINKLESS.includes(codeOf(error))) throw error;
    copyFileSync(from, to, constants.COPYFILE_EXCL);
    const descriptor = openSync(to, constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  }
}

function changeMode(task: Task, place: Place, seen: Seen): void {
  // On Linux a file that may not be read can be held as well.
  const descriptor = openSync(place, (HOLDS ? O_PATH : constants.O_RDONLY | constants.O_NONBLOCK) | constants.O_NOFOLLOW);
  try {
    const about = fstatSync(descriptor, { bigint: true });
    if (!about.isFile() || about.ino !== seen.inode) return end(task, "conflict", "it was changed meanwhile");
    const { mode } = task.step.target as Version;
    if (HOLDS) chmodSync(`/proc/self/fd/${descriptor}`, mode);
    else fchmodSync(descriptor, mode);
    end(task, "written");
  } finally {
    closeSync(descriptor);
  }
}

// Back.

/** Puts back what was moved aside; where something else stands there by now, it goes beside that. */
function putBack(run: Run, task: Task): void {
  if (task.aside === undefined) return;
  const { path } = task.step;
  inside(run, task.station, (station) => {
    const aside = station.at(asideOf(run, task));
    const seen = look(aside);
    task.aside = undefined;
    if (seen === undefined) return;
    const back = inside(run, parentOf(path), (parent) => isBack(run, task, seen, aside, parent.at(nameOf(path))));
    if (back !== true) setBeside(run, task, path, aside);
  });
}

function isBack(run: Run, task: Task, seen: Seen, aside: Place, place: Place): boolean {
  try {
    run.fault("back", task.step.path);
    // Only onto an empty folder could this move a folder, and nothing is lost with that.
    if (seen.kind === "folder") renameSync(aside, place);
    else if (seen.kind === "link") symlinkSync(readlinkSync(aside, { encoding: "buffer" }), place);
    else linkSync(aside, place);
  } catch (error) {
    const code = codeOf(error);
    if (["EEXIST", "ENOTEMPTY", "ENOTDIR", "EISDIR"].includes(code)) return false;
    if (seen.kind !== "file" || !LINKLESS.includes(code)) throw error;
    return isCopiedBack(task, seen, aside, place);
  }
  if (seen.kind !== "folder") unlinkSync(aside);
  return true;
}

/** Without hard links. What was moved aside stays there until the end: whoever holds it open may yet write into it. */
function isCopiedBack(task: Task, seen: Seen, aside: Place, place: Place): boolean {
  try {
    copyFileSync(aside, place, constants.COPYFILE_EXCL);
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
    return false;
  }
  const copied = look(place);
  const content = copied === undefined ? undefined : contentAt(place, copied);
  // Without a content to compare with, it counts as changed in the end.
  task.aside = { seen, version: content === undefined ? UNKNOWN : { type: "file", mode: seen.mode, size: Number(seen.size), content } };
  return true;
}

/** Gives somebody else's file a name of its own, in the folder it came from; it stays the same file for whoever holds it open. */
function setBeside(run: Run, task: Task, path: TreePath, from: Place): void {
  for (const folder of [parentOf(path), task.station]) {
    const name = inside(run, folder, (entered) => moveInto(run, task, from, entered));
    if (name === undefined) continue;
    task.copy = below(folder, name);
    run.touched.add(folder);
    return;
  }
}

function moveInto(run: Run, task: Task, from: Place, folder: Folder): string {
  const wanted = `${nameOf(task.step.path)}.tidemark-conflict-${run.id}`;
  // More than 255 bytes are too long for most file systems; some are left for a number.
  const name = bytesOf(wanted).length <= 250 ? wanted : `tidemark-conflict-${run.id}-${task.n}`;
  let free = name;
  for (let more = 2; look(folder.at(free)) !== undefined; more++) free = `${name}-${more}`;
  renameSync(from, folder.at(free));
  return free;
}

// After a crash.

/** Finds out how far this path had come, so that `carryOut` can go on from there. */
export function resume(run: Run, task: Task): void {
  inside(run, task.station, (station) => {
    run.touched.add(task.station);
    unlinkIfThere(station.at(probeOf(run, task)));
    resumeTemporary(run, task, station.at(temporaryOf(run, task)));
    const place = station.at(asideOf(run, task));
    const aside = look(place);
    if (aside !== undefined) resumeAside(run, task, place, aside);
  });
  // What is done needs no bytes any more.
  if (isOpen(task) && task.aside === undefined) foresee(run.root, task, true);
}

function resumeTemporary(run: Run, task: Task, place: Place): void {
  const { path, target } = task.step;
  const seen = look(place);
  if (seen === undefined) return;
  if (isVersion(target) && isVersionAt(place, seen, target)) {
    task.ready = true;
    inside(run, parentOf(path), (parent) => removeTorn(run, task, place, seen, parent.at(nameOf(path))));
  } else unlinkSync(place);
}

/**
 * Without hard links the new file is copied, and the copy may have been cut off: shorter than the new file, and the same
 * as far as it goes. Somebody else may have begun to write the same, so it is not thrown away.
 */
function removeTorn(run: Run, task: Task, temporary: Place, whole: Seen, place: Place): void {
  const seen = look(place);
  if (seen?.kind !== "file" || seen.size >= whole.size) return;
  const [torn, bytes] = [readFileSync(place), readFileSync(temporary)];
  if (torn.equals(bytes.subarray(0, torn.length)) && !hasLinks(run, task)) setBeside(run, task, task.step.path, place);
}

function hasLinks(run: Run, task: Task): boolean {
  return inside(run, task.station, (station) => {
    const [from, to] = [station.at(temporaryOf(run, task)), station.at(probeOf(run, task))];
    try {
      run.fault("link", task.step.path);
      linkSync(from, to);
    } catch (error) {
      if (!LINKLESS.includes(codeOf(error))) throw error;
      return false;
    }
    unlinkSync(to);
    return true;
  }) !== false;
}

function resumeAside(run: Run, task: Task, place: Place, aside: Seen): void {
  const { path, expected, target } = task.step;
  const isExpected = isVersion(expected) && isVersionAt(place, aside, expected);
  const there = inside(run, parentOf(path), (parent) => {
    const at = parent.at(nameOf(path));
    const seen = look(at);
    if (seen === undefined) return "nothing";
    if (isSame(at, seen, place, aside)) return "aside";
    return isVersion(target) && isVersionAt(at, seen, target) ? "target" : "other";
  });
  // It had been put back already.
  if (there === "aside") return unlinkSync(place);
  if (isExpected) task.aside = { seen: aside, version: expected };
  else if (there === "target" || there === "other") setBeside(run, task, path, place);
  else {
    task.aside = { seen: aside, version: UNKNOWN };
    putBack(run, task);
    return end(task, "conflict", "it was changed meanwhile");
  }
  if (there === "target") end(task, "written");
  else if (there === "other" && isVersion(target)) end(task, "conflict", "something was put there meanwhile");
  else if (there === "other") end(task, "deleted");
}

/** Like nothing that there is. */
const UNKNOWN: Version = { type: "file", mode: 0, size: -1, content: "sha256:" };

function isSame(at: Place, seen: Seen, place: Place, aside: Seen): boolean {
  if (seen.kind === "link" && aside.kind === "link") return contentAt(at, seen) === contentAt(place, aside);
  return seen.inode === aside.inode && seen.device === aside.device;
}

// The end.

/** What is ours in the tree goes. `keeps`: what was moved aside can be kept with our own state. */
export function settleOne(run: Run, task: Task, keeps: boolean): void {
  if (task.aside === undefined && !task.ready) return;
  run.fault("settle", task.step.path);
  const reached = inside(run, task.station, (station) => {
    settleAside(run, task, keeps, station.at(asideOf(run, task)));
    if (task.ready) unlinkIfThere(station.at(temporaryOf(run, task)));
    return true;
  });
  if (reached === undefined) end(task, task.outcome!.outcome, `its folder was moved away meanwhile, with a file of ours in it whose name begins with ${temporaryOf(run, task)}`);
}

function settleAside(run: Run, task: Task, keeps: boolean, place: Place): void {
  const { aside } = task;
  const seen = aside === undefined ? undefined : look(place);
  if (aside === undefined || seen === undefined) return;
  if (!isUntouched(seen, aside.seen, run.now) && !isVersionAt(place, seen, aside.version)) {
    // Somebody held it open and has written into it.
    setBeside(run, task, task.step.path, place);
    end(task, task.outcome!.outcome, task.outcome!.reason ?? "it was written to while it was being restored");
  } else if (seen.kind !== "file" || !keeps || !keepAside(run.holding, run.id, task.n, place)) unlinkSync(place);
}

export function dropTemporary(run: Run, task: Task): void {
  if (task.ready) inside(run, task.station, (station) => unlinkIfThere(station.at(temporaryOf(run, task))));
}

function unlinkIfThere(place: Place): void {
  if (look(place) !== undefined) unlinkSync(place);
}

/** Folders that may go and are empty; with `under` only that one and those in it. */
export function removeEmptied(run: Run, under?: TreePath): void {
  for (const folder of run.removable) if (under === undefined || folder === under || folder.startsWith(`${under}/`)) removeFolder(run, folder);
}

function removeFolder(run: Run, path: TreePath): void {
  inside(run, parentOf(path), (parent) => {
    try {
      rmdirSync(parent.at(nameOf(path)));
      run.touched.add(parentOf(path));
    } catch (error) {
      // Not empty, not there, not a folder, or not ours to remove: then it stays.
      codeOf(error);
    }
  });
}
