/**
 * Ours, in a process of its own: what a resident one does for each call (`resident`), and what it does first (`first`). Prints
 * one JSON document; the caller makes tables of it.
 */
import { spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { closeSync, fsyncSync, lstatSync, mkdirSync, openSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Told } from "../../src/agents/claude-code/calls.ts";
import type { Checkpoint, PlanItem } from "../../src/checkpoint/model.ts";
import { Attendant } from "../../src/operations/attend.ts";
import { Keeper } from "../../src/operations/keeper.ts";
import { carryOut, undo, type UndoDeps } from "../../src/operations/undo.ts";
import { openCheckpointStore } from "../../src/store/sqlite/checkpoints.ts";
import { firstLook } from "../../src/worktree/scan.ts";
import { Manifest } from "../../src/worktree/manifest.ts";
import { cost, floorOf, sleep, type Cost } from "./measure.ts";
import { Editor, filesOf, gitEnvironment } from "./trees.ts";

export interface Job {
  readonly tree: string;
  readonly work: string;
  readonly rounds: number;
  readonly floor?: string;
}

export interface First {
  readonly begin: Cost;
  readonly floor: Cost;
  readonly peakMb: number;
  readonly files: number;
  readonly manifestMb: number;
}

export interface Restoring {
  readonly k: number;
  /** As undo does it once it has looked: journal, temporaries, sync, swap, and sealing what was done. */
  readonly restore: Cost[];
  /** The same bytes by temporary, fsync, rename and fsync of the folder. */
  readonly safely: Cost[];
  /** The same bytes written over in place. */
  readonly plainly: Cost[];
  readonly rewritten: number[];
}

export interface Resident {
  readonly files: number;
  readonly floorName: string;
  readonly floor: Cost[];
  readonly nodeFloor: Cost[];
  readonly edit: Cost[];
  readonly shell: Record<string, Cost[]>;
  readonly restores: Restoring[];
  readonly rssMb: number;
  readonly peakMb: number;
}

const alive = (pid: number): boolean => pid === process.pid;

function open({ tree, work }: Job, name: string): { deps: UndoDeps; keeper: Keeper; attendant: Attendant; home: string } {
  const home = join(work, name);
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const store = openCheckpointStore(home);
  const keeper = new Keeper({ store, home, root: tree, environment: gitEnvironment(), userHome: join(work, "nobody"), clock: Date.now, pid: process.pid, isAlive: alive });
  return { deps: { keeper, store, home, pid: process.pid }, keeper, attendant: new Attendant(keeper, store), home };
}

export function memory(pid: number | "self" = "self"): { rssMb: number; peakMb: number } {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const mb = (name: string): number => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? Number.NaN) / 1024;
  return { rssMb: mb("VmRSS"), peakMb: mb("VmHWM") };
}

/** The first checkpoint, as a new process meets a tree: no code is warm, nothing is known. */
export function first(job: Job): First {
  const { keeper, deps, home } = open(job, `first-${randomUUID()}`);
  const begin = cost(() => keeper.begin());
  const { peakMb } = memory();
  const floor = floorOf(job.floor, job.tree, filesOf(job.tree), join(job.work, "list")).run();
  const { files } = keeper;
  const trees = join(home, "trees");
  const manifestMb = readdirSync(trees).reduce((sum, name) => sum + statSync(join(trees, name)).size, 0) / 1e6;
  deps.store.close();
  rmSync(home, { recursive: true });
  return { begin, floor, peakMb, files, manifestMb };
}

/** The look of a first checkpoint alone, to be profiled. */
export function look({ tree, work, rounds }: Job): Cost[] {
  return Array.from({ length: rounds }, () => cost(() => firstLook(new Manifest(), { root: tree, environment: gitEnvironment(), now: () => BigInt(Date.now()) * 1_000_000n, own: [work] })));
}

/** Until times of change are old enough to be trusted. */
const SETTLE = 2100;

export function resident(job: Job): Resident {
  const { tree, work, rounds } = job;
  const paths = filesOf(tree);
  const editor = new Editor(tree, paths);
  const at = open(job, "resident");
  const { keeper, attendant } = at;
  const floor = floorOf(job.floor, tree, paths, join(work, "list"));
  keeper.begin();
  attendant.look("prompt");
  try {
    const edit = editTool(at, editor, tree, 40 + rounds);
    const result = { floor: [] as Cost[], nodeFloor: [] as Cost[], shell: { "k=0": [], "k=1": [], "k=100": [] } as Record<string, Cost[]> };
    const steps: (() => void)[] = [
      () => result.floor.push(floor.run()),
      () => result.nodeFloor.push(cost(() => paths.forEach((path) => lstatSync(`${tree}/${path}`, { bigint: true })))),
      ...[0, 1, 100].map((k) => () => result.shell[`k=${k}`]!.push(shell(at, editor, tree, k).spent)),
    ];
    // A round more than are counted: the first is the one in which code gets warm.
    for (let round = 0; round <= rounds; round++) {
      for (const step of round % 2 === 0 ? steps : steps.toReversed()) {
        sleep(SETTLE);
        keeper.look("prompt");
        step();
      }
      if (round === 0) for (const list of [result.floor, result.nodeFloor, ...Object.values(result.shell)]) list.length = 0;
    }
    const { rssMb, peakMb } = memory();
    const restores = [1, 100].map((k) => restoring(at, editor, tree, k, rounds, paths));
    return { files: keeper.files, floorName: floor.name, ...result, edit, restores, rssMb, peakMb };
  } finally {
    editor.undo();
  }
}

type At = ReturnType<typeof open>;

let calls = 0;

function call(tree: string, tool: string, input: object): (kind: "before" | "after") => Told {
  const id = `toolu_${(calls += 1).toString().padStart(24, "0")}`;
  return (kind) => ({ kind, agent: "claude-code", session: "5bd9ee6a-0000-4000-8000-000000000001", cwd: tree, turn: "5bd9ee6a-0000-4000-8000-000000000002", call: { id, tool, input } });
}

/** What is done before and after an Edit; the edit itself is not counted. */
function editTool({ attendant }: At, editor: Editor, tree: string, times: number): Cost[] {
  const all: Cost[] = [];
  for (let i = 0; i < times; i++) {
    const [path] = editor.pick(1);
    const told = call(tree, "Edit", { file_path: join(tree, path!) });
    const before = cost(() => attendant.take(told("before"), Date.now(), Date.now()));
    editor.edit([path!]);
    let sealed = 0;
    const after = cost(() => (sealed = attendant.take(told("after"), Date.now(), Date.now()).sealed.length));
    if (sealed !== 1) throw new Error(`an edit was sealed ${sealed} times`);
    all.push({ cpu: before.cpu + after.cpu, wall: before.wall + after.wall });
  }
  return all.slice(10);
}

/** What is done after a command that changed k files: scan, capture, seal. */
function shell({ attendant, deps }: At, editor: Editor, tree: string, k: number): { spent: Cost; id: string } {
  const told = call(tree, "Bash", { command: "make" });
  attendant.take(told("before"), Date.now(), Date.now());
  editor.edit(editor.pick(k));
  let sealed: readonly Checkpoint[] = [];
  const spent = cost(() => ({ sealed } = attendant.take(told("after"), Date.now(), Date.now())));
  const changed = sealed.reduce((sum, { seq }) => sum + deps.store.changes(seq).length, 0);
  if (changed !== k) throw new Error(`${changed} of ${k} changed files were sealed`);
  return { spent, id: told("after").call!.id };
}

function restoring(at: At, editor: Editor, tree: string, k: number, rounds: number, paths: readonly string[]): Restoring {
  const result: Restoring = { k, restore: [], safely: [], plainly: [], rewritten: [] };
  for (let round = 0; round <= rounds; round++) {
    const { id } = shell(at, editor, tree, k);
    const options = { mode: "keep", dryRun: true, paths: [], id: randomUUID().replaceAll("-", "") } as const;
    const { plan, sealed } = undo({ verb: "undo", call: id }, options, at.deps);
    const doing = plan.filter(({ action }) => action === "write");
    if (doing.length !== k || sealed === undefined) throw new Error(`${doing.length} of ${k} files would be restored`);
    const before = stampsOf(tree, paths);
    const written = doing.map(({ path, target }) => ({ path: join(tree, path), bytes: typeof target === "object" ? at.deps.store.content(target.content)! : new Uint8Array() }));
    const restore = (): void => void result.restore.push(cost(() => restored(plan, doing, options.id, at)));
    const others = join(dirname(tree), "written");
    const place = (name: string): string => join(others, name.slice(tree.length + 1).replaceAll("/", "_"));
    rmSync(others, { recursive: true, force: true });
    mkdirSync(others);
    for (const { path } of written) writeFileSync(place(path), "before");
    const steps = [
      restore,
      () => result.safely.push(cost(() => writeSafely(others, written.map(({ path, bytes }) => ({ path: place(path), bytes }))))),
      () => result.plainly.push(cost(() => written.forEach(({ path, bytes }) => writeFileSync(place(path), bytes)))),
    ];
    for (const step of round % 2 === 0 ? steps : steps.toReversed()) step();
    const after = stampsOf(tree, paths);
    const meant = new Set(doing.map(({ path }) => path));
    result.rewritten.push(paths.filter((path) => !meant.has(path) && before.get(path) !== after.get(path)).length);
  }
  for (const list of [result.restore, result.safely, result.plainly]) list.shift();
  return result;
}

function restored(plan: readonly PlanItem[], doing: readonly PlanItem[], id: string, { deps, keeper }: At): void {
  const { applied, conflicts } = keeper.exclusively(() => carryOut(plan, doing, new Map(), { by: "restore", verb: "undo", undoes: [] }, 0, id, deps));
  if (!applied || conflicts.length > 0) throw new Error("the restore came out otherwise");
}

/** The least that survives a crash with either the old or the new bytes in each place: all temporaries synced, then put in place. */
function writeSafely(folder: string, files: readonly { readonly path: string; readonly bytes: Uint8Array }[]): void {
  const open = files.map(({ path, bytes }) => {
    const file = openSync(`${path}.new`, "wx", 0o600);
    writeSync(file, bytes);
    return file;
  });
  for (const file of open) {
    fsyncSync(file);
    closeSync(file);
  }
  for (const { path } of files) renameSync(`${path}.new`, path);
  const all = openSync(folder, "r");
  fsyncSync(all);
  closeSync(all);
}

function stampsOf(tree: string, paths: readonly string[]): Map<string, string> {
  return new Map(paths.map((path) => {
    const about = lstatSync(join(tree, path), { bigint: true });
    return [path, `${about.mtimeNs} ${about.ctimeNs} ${about.ino}`];
  }));
}

/** How many one-file checkpoints a store is given to see what they add to it. */
export const CHECKPOINTS = 200;

/** Each step in a process of its own: what SQLite keeps beside the database is taken into it when the last one ends. */
export function filling({ tree, work }: Job): void {
  const { keeper, deps } = open({ tree, work, rounds: 0 }, "bytes");
  keeper.begin();
  deps.store.close();
}

/** Some twenty files of an ordinary size, edited ten times each, as a session does; gives what is their size. */
export function filled(job: Job): number {
  const { keeper, attendant, deps } = open(job, "bytes");
  const editor = new Editor(job.tree, filesOf(job.tree));
  const paths = editor.pick(20);
  const size = paths.reduce((sum, path) => sum + statSync(join(job.tree, path)).size, 0) / paths.length;
  for (let i = 0; i < CHECKPOINTS; i++) {
    const path = paths[(i * 7) % paths.length]!;
    const told = call(job.tree, "Edit", { file_path: join(job.tree, path) });
    attendant.take(told("before"), Date.now(), Date.now());
    editor.edit([path]);
    attendant.take(told("after"), Date.now(), Date.now());
    // As the engine does when nothing is asked of it (engine/trees.ts).
    while (deps.store.pack({ clock: Date.now, ms: 5 }));
  }
  keeper.save();
  deps.store.close();
  editor.undo();
  return size;
}

/** What is done in the background, all of it at once. */
export function collected(job: Job): Cost {
  const { keeper, deps } = open(job, "bytes");
  const keep = keeper.needed();
  const spent = cost(() => {
    while (!deps.store.collect(keep, { clock: Date.now, ms: 200 }).done);
  });
  deps.store.close();
  return spent;
}

/** Of the store, without the manifest, which is one for each tree. */
export function storeSize({ work }: Job): number {
  return Number(spawnSync("du", ["-sb", "--exclude=trees", join(work, "bytes")], { encoding: "utf8" }).stdout.split("\t")[0]);
}
