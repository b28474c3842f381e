/**
 * What `undo`, `redo` and `restore` have in common: their options, carrying them out, and showing what was or would be
 * done: first what cannot be undone, then file by file, then how to take it back.
 */
import { TidemarkError } from "../base/errors.ts";
import { clip, plural, printable } from "../base/text.ts";
import type { PlanItem } from "../checkpoint/model.ts";
import { Bytes, countPlan, type FileCount } from "../operations/compare.ts";
import type { TreeTurn } from "../operations/history.ts";
import { takeBack as takeBackIn, type TakenBack, type Telling, type Tree } from "../operations/take-back.ts";
import { treePaths } from "../operations/tree-paths.ts";
import type { Conflict, Mode, Undone, Wanted } from "../operations/undo.ts";
import type { Lasting } from "../operations/undo-choice.ts";
import type { Store } from "../store/store.ts";
import type { Context, Input, Option } from "./command.ts";
import { shortId } from "./commands/sessions.ts";
import { isAlive } from "./processes.ts";
import { columnWidth, widestOf, wrap, type Style, type Terminal } from "./terminal.ts";
import { uniqueId } from "./trees.ts";

export const TAKING_OPTIONS: readonly Option[] = [
  { flags: "--merge", text: "where something else changed a file since, take out only what is undone" },
  { flags: "--force", text: "take what was changed since back, too" },
  { flags: "--dry-run", text: "say what would be done and write nothing" },
];

/** Of the help pages of all three. */
export const TAKING_HELP = `Before anything is written, the present state is made a checkpoint; so every undo can be undone. What you, another
program or another session changed since stays as it is, with the reason; --merge takes out only what is undone, and
--force takes later changes back, too. What was never captured is never deleted, and HEAD, the index and branches are
not touched. First of all it lists what putting files back does not take back: pushes, messages, databases, processes.`;

export interface Taking {
  readonly verb: "undo" | "redo" | "restore";
  readonly mode: Mode;
  readonly dryRun: boolean;
  readonly paths: readonly string[];
}

export function takingOf(verb: Taking["verb"], { options, paths }: Input, tree: Tree, cwd: string): Taking {
  if (options["merge"] === true && options["force"] === true) throw new TidemarkError("BAD_VALUE", "--merge and --force exclude each other: one keeps later changes, the other takes them back", { hint: `tidemark ${verb} --merge` });
  return { verb, mode: options["force"] === true ? "force" : options["merge"] === true ? "merge" : "keep", dryRun: options["dryRun"] === true, paths: treePaths(paths, tree.root, cwd) };
}

/** What is said besides the plan. */
export interface About {
  /** In a sentence: what is taken back. */
  readonly title: string;
  readonly turns: readonly TreeTurn[];
  readonly lasting: readonly Lasting[];
  /** Whose work it is, for the agent that is told; of one session only. */
  readonly session?: string;
  /** Whether the work of agents goes back, so that commits of theirs would stay. */
  readonly back: boolean;
  /** The command that takes it back. */
  readonly again: string;
}

/** Carries it out by the checkpoints of this tree. */
export async function takeBack(wanted: Wanted, taking: Taking, about: About, tree: Tree, log: Store, context: Context): Promise<number> {
  const done = await takeBackIn(wanted, { mode: taking.mode, dryRun: taking.dryRun, paths: taking.paths, id: uniqueId() }, { ...about, verb: taking.verb }, tree, log, tellingOf(context));
  const { moved } = done;
  if (moved !== undefined) context.terminal.warn(`HEAD has moved from ${moved.from.slice(0, 8)} to ${moved.to.slice(0, 8)} since the session began: only files go back, commits and branches stay as they are`);
  return show(done, taking, about, context, new Bytes(tree, COUNTED));
}

/** What runs here, so that it is told. */
export function tellingOf({ configDir }: Context): Telling {
  return { configDir, isAlive };
}

export function show(done: Pick<TakenBack, keyof Undone | "told">, taking: Taking, about: About, context: Context, bytes: Bytes): number {
  const { terminal } = context;
  const counts = countPlan(done.plan, bytes);
  const held = done.plan.filter(({ action }) => action === "keep" || action === "refuse");
  const doing = done.plan.filter(({ action }) => action === "write" || action === "delete" || action === "merge");
  const data = {
    plan: done.plan.map(({ path, action, reason }) => {
      const { added, removed } = counts.get(path) ?? {};
      return { path, action, reason, ...(added === undefined ? {} : { added }), ...(removed === undefined ? {} : { removed }) };
    }),
    irreversible: about.lasting.map(({ turn, ...rest }) => ({ ...rest, turn: turn ?? null })),
    sealed: done.sealed ?? null,
    applied: done.applied,
    conflicts: done.conflicts,
    restore: done.restore?.id ?? null,
    turns: about.turns.map(({ session, n, prompt }) => ({ session, n: n ?? null, prompt: prompt ?? null })),
    told: done.told,
  };
  const refused = held.length > 0 && doing.length === 0 && !done.applied ? nothingDone(held, taking) : undefined;
  const say = (): void => sayAll(done, counts, taking, about, context, done.told.length);
  if (refused === undefined) {
    if (held.length > 0 && terminal.json) terminal.warn(`${plural(held.length, "file")} left as they are`);
    terminal.answer(data, say);
    return 0;
  }
  if (!terminal.json) say();
  terminal.fail(refused, data);
  return 1;
}

/** There is nothing that could be taken back. */
export function sayNothing({ terminal }: Context, words: string, next: string): number {
  terminal.nothing({ plan: [], irreversible: [], sealed: null, applied: false, conflicts: [], restore: null, turns: [], told: [] }, words, next);
  return 0;
}

/** Bytes that counting lines may read: more would keep a person waiting for numbers. */
const COUNTED = 64 * 1024 * 1024;

function nothingDone(held: readonly PlanItem[], { verb, mode }: Taking): TidemarkError {
  const kept = held.filter(({ action }) => action === "keep").length;
  const message = `Nothing was written: ${plural(held.length, "file")} ${kept === held.length ? "changed since and stay" : "cannot be put back"} as ${held.length === 1 ? "it is" : "they are"}`;
  const hint = kept > 0 && mode !== "force" ? `${mode === "keep" ? "--merge takes out only what is undone; " : ""}--force also what came later` : `tidemark checkpoints${verb === "undo" ? "; then tidemark undo --turn N for another turn" : ""}`;
  return new TidemarkError("NOTHING_DONE", message, { hint });
}

// ---- for people ----

const ACTIONS: Readonly<Record<PlanItem["action"], { word: string; done: string; style: Style }>> = {
  write: { word: "write", done: "written", style: "green" },
  delete: { word: "delete", done: "deleted", style: "red" },
  merge: { word: "merge", done: "merged", style: "cyan" },
  keep: { word: "keep", done: "kept", style: "yellow" },
  refuse: { word: "refuse", done: "refused", style: "yellow" },
};

function sayAll(done: Undone, counts: ReadonlyMap<string, FileCount>, taking: Taking, about: About, { terminal }: Context, told: number): void {
  for (const line of wrap(printable(about.title), terminal.width).split("\n")) terminal.line(terminal.style("bold", line));
  sayLasting(terminal, about.lasting);
  if (done.plan.length === 0) {
    terminal.line();
    terminal.line(`Nothing is left to be put back${taking.paths.length === 0 ? "" : " there"}: every file is as it was.`);
    return;
  }
  terminal.line();
  sayPlan(terminal, done.plan, counts, done.applied);
  sayConflicts(terminal, done.conflicts);
  terminal.line();
  if (taking.dryRun) {
    const doing = done.plan.some(({ action }) => action !== "keep" && action !== "refuse");
    if (doing) terminal.line(terminal.style("dim", "Nothing was written: without --dry-run it is."));
    return;
  }
  if (!done.applied) return;
  terminal.line(`${totals(done.plan)} To take this back: ${terminal.style("bold", about.again)}`);
  if (told > 0) terminal.line(terminal.style("dim", `${told === 1 ? "The agent" : "The agents"} will be told at the next prompt.`));
}

function totals(plan: readonly PlanItem[]): string {
  const parts = (["write", "delete", "merge", "keep", "refuse"] as const).flatMap((action) => {
    const count = plan.filter((item) => item.action === action).length;
    return count === 0 ? [] : [`${count} ${ACTIONS[action].done}`];
  });
  return `${parts.join(", ")}.`;
}

function sayLasting(terminal: Terminal, lasting: readonly Lasting[]): void {
  if (lasting.length === 0) return;
  terminal.line();
  terminal.line(terminal.style("red", "Putting files back does not undo:"));
  for (const { tool, what, input, turn } of lasting.slice(0, MOST_LASTING)) {
    const where = `${turn === undefined ? "" : `turn ${turn}, `}${tool}`;
    terminal.line(`  ${terminal.style("red", "!")} ${wrap(printable(what), terminal.width - 4, "    ")}`);
    terminal.line(`    ${terminal.style("dim", `${printable(where)}  ${clip(printable(input), terminal.width - columnWidth(where) - 6)}`)}`);
  }
  if (lasting.length > MOST_LASTING) terminal.line(`  … and ${lasting.length - MOST_LASTING} more (--json lists all)`);
}

const MOST_LASTING = 12;
const MOST_SHOWN = 60;

function sayPlan(terminal: Terminal, plan: readonly PlanItem[], counts: ReadonlyMap<string, FileCount>, applied: boolean): void {
  const rows = plan.slice(0, MOST_SHOWN).map(({ path, action, reason }) => ({ word: wordOf(action, applied), style: ACTIONS[action].style, name: printable(path.toWellFormed()), change: plusMinus(counts.get(path)), reason: printable(reason) }));
  const [words, changes] = [widestOf(rows.map(({ word }) => word)), widestOf(rows.map(({ change }) => change))];
  const names = Math.min(widestOf(rows.map(({ name }) => name)), terminal.width - words - changes - 6);
  for (const { word, style, name, change, reason } of rows) {
    const fitted = endOf(name, names);
    const gap = " ".repeat(names - columnWidth(fitted) + 2 + changes - columnWidth(change));
    terminal.line(`  ${terminal.style(style, word.padEnd(words))}  ${fitted}${change === "" ? "" : gap + coloured(terminal, change)}`);
    for (const line of wrap(reason, terminal.width - words - 4).split("\n")) terminal.line(`  ${" ".repeat(words)}  ${terminal.style("dim", line)}`);
  }
  if (plan.length > rows.length) terminal.line(`  … and ${plural(plan.length - rows.length, "more file")} (--json lists all)`);
}

/** The end of a path tells more than its beginning. */
export function endOf(name: string, width: number): string {
  if (columnWidth(name) <= width) return name;
  const letters = [...name];
  while (letters.length > 0 && columnWidth(letters.join("")) >= width) letters.shift();
  return `…${letters.join("")}`;
}

function wordOf(action: PlanItem["action"], applied: boolean): string {
  return applied ? ACTIONS[action].done : ACTIONS[action].word;
}

export function plusMinus(count: Pick<FileCount, "change" | "added" | "removed"> & { readonly binary?: boolean } | undefined): string {
  if (count === undefined) return "";
  if (count.change === "mode") return "mode";
  if (count.added === undefined || count.removed === undefined) return count.binary === true ? "binary" : "";
  return `+${count.added} -${count.removed}`;
}

export function coloured(terminal: Terminal, change: string): string {
  const parts = /^(\+\d+) (-\d+)$/.exec(change);
  return parts === null ? terminal.style("dim", change) : `${terminal.style("green", parts[1]!)} ${terminal.style("red", parts[2]!)}`;
}

function sayConflicts(terminal: Terminal, conflicts: readonly Conflict[]): void {
  if (conflicts.length === 0) return;
  terminal.line();
  terminal.line(terminal.style("yellow", "Something wrote to these files at the same moment; nothing of it is lost:"));
  for (const { path, reason, copy } of conflicts) {
    terminal.line(`  ${printable(path.toWellFormed())}: ${wrap(printable(reason), terminal.width - 4, "    ")}`);
    if (copy !== undefined) terminal.line(`    kept as ${printable(copy)}`);
  }
}

/** "turn 3 of claude-code 5972f1c9: words of the prompt". */
export function turnInWords({ n, session, agent, prompt }: TreeTurn): string {
  return `${n === undefined ? "a turn" : `turn ${n}`} of ${agent} ${shortId(session)}${prompt === undefined || prompt.trim() === "" ? "" : `: ${clip(prompt, 100)}`}`;
}
