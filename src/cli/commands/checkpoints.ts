/** `tidemark checkpoints`: what happened to the files here, turn by turn. */
import { clip, plural, printable } from "../../base/text.ts";
import type { Actor, Checkpoint } from "../../checkpoint/model.ts";
import { uncovered, type Uncovered } from "../../operations/checkpoint-status.ts";
import type { FileCount } from "../../operations/compare.ts";
import type { TreeTurn } from "../../operations/history.ts";
import { sessionId } from "../../operations/sessions.ts";
import { timeline, type Group, type Shown, type Timeline } from "../../operations/timeline.ts";
import type { CommandSpec, Context } from "../command.ts";
import { age, iso } from "../format.ts";
import { coloured, endOf, plusMinus } from "../taking-back.ts";
import { columnWidth, widestOf, wrap, type Style, type Terminal } from "../terminal.ts";
import { noneOf, whereKept } from "../trees.ts";
import { shortId } from "./sessions.ts";

export const command: CommandSpec = {
  args: "",
  options: [
    { flags: "--session <id>", text: "only what this session did, and what was taken back of it" },
    { flags: "--all", text: "every checkpoint one by one, and not only the latest 20 turns" },
  ],
  help: `
List what agents and others changed here, newest first

By turn: its number in its session, which "undo --turn", "diff" and "restore" take, the prompt, who did it with what, the
checkpoint at its end, and the files with lines added and removed. Between the turns stands what came from outside: you,
or another program; what was undone or restored; and checkpoints that were asked for, with their note. A turn that is
undone has an open mark, one that is undone in part half of one. Files whose bytes could not be kept are named, each
with the reason.

Data is a list of checkpoints, newest first: {id, time, session, turn, calls: [{id, tool, thread, background}], actors,
files: [{path, change, added, removed, binary, note}], added, removed, coverage: {skipped: [{path, reason}], more,
partial}, tier, pinned, kind, undone, note, model, tokens, prompt, confidence, undoes, during, compacted}; tier is
page-cache, disk or remote: how far it has come; undone is no, partly or yes.`,
  run: async ({ options }, context) => {
    const log = await context.caughtUp();
    const named = typeof options["session"] === "string" ? options["session"] : undefined;
    return whereKept(context, async (tree) => {
      const all = options["all"] === true;
      const told = await timeline(tree, log, { limit: all ? Infinity : LATEST, ...(named === undefined ? {} : { session: named }) });
      if (named !== undefined && told.turns === 0) {
        const id = shortId(await sessionId(log, named));
        context.terminal.nothing([], `Session ${id} has no checkpoint in ${tree.root}`, `tidemark undo --session ${id} --dry-run    what its transcript can take back`);
        return 0;
      }
      if (told.left > 0 && context.terminal.json) context.terminal.warn(`${plural(told.left, "older entry", "older entries")} left out: --all lists them`);
      context.terminal.answer(listed(told), () => say(context, tree.root, told, uncovered(tree.store, tree.root, tree.store.checkpoints(tree.root)), all));
      return 0;
    }, async (root) => {
      if (named !== undefined) await sessionId(log, named);
      context.terminal.nothing([], noneOf(root), "tidemark checkpoint    makes one now; tidemark init wires it into the agent");
      return 0;
    });
  },
};

const LATEST = 20;

// ---- for programs ----

export const TIERS = { 1: "page-cache", 2: "disk", 3: "remote" } as const;

function listed({ groups }: Timeline): Record<string, unknown>[] {
  const all = groups.flatMap((group) => group.checkpoints.map((shown) => ({ seq: shown.checkpoint.seq, json: checkpointJson(shown, group) })));
  return all.sort((a, b) => b.seq - a.seq).map(({ json }) => json);
}

function checkpointJson({ checkpoint, files, undone }: Shown, { turn, during, what, undone: ofGroup }: Group): Record<string, unknown> {
  const { id, time, actor, coverage, tier, pinned, kind, note, model, tokens, confidence, compacted } = checkpoint;
  const sum = (of: "added" | "removed"): number => files.reduce((total, file) => total + (file[of] ?? 0), 0);
  return {
    id, time: iso(time),
    session: actor.by === "outside" ? null : (actor.session ?? null),
    turn: turn?.n ?? null,
    calls: actor.by === "agent" ? actor.calls : [],
    actors: actorsOf(actor),
    files, added: sum("added"), removed: sum("removed"),
    coverage, tier: TIERS[tier], pinned, kind,
    undone: what === "restore" ? ofGroup : undone,
    note: note ?? null,
    model: model ?? turn?.model ?? null,
    tokens: tokens ?? turn?.tokens ?? null,
    prompt: turn?.prompt ?? null,
    confidence: confidence ?? null,
    ...(actor.by === "restore" ? { verb: actor.verb, undoes: actor.undoes } : {}),
    ...(during === undefined ? {} : { during: { session: during.session, turn: during.n ?? null } }),
    ...(compacted === true ? { compacted } : {}),
  };
}

/** Everyone who may have made it. */
function actorsOf(actor: Actor): Record<string, unknown>[] {
  if (actor.by === "outside") return [{ by: "outside", ...(actor.maybe === undefined ? {} : { maybe: actor.maybe }) }];
  if (actor.by === "restore") return [{ by: "restore", verb: actor.verb, session: actor.session ?? null }];
  const threads = new Set(actor.calls.map(({ thread }) => thread ?? null));
  const own = [...(threads.size === 0 ? [null] : threads)].map((thread) => ({ by: "agent", agent: actor.agent, session: actor.session, thread }));
  return [...own, ...(actor.others ?? []).map(({ session, call }) => ({ by: "agent", session, call }))];
}

// ---- for people ----

const MOST_FILES = 12;

function say({ terminal, now }: Context, root: string, told: Timeline, { files, more }: Uncovered, all: boolean): void {
  const counts = `${plural(told.checkpoints, "checkpoint")}, ${plural(told.turns, "turn")} of agents`;
  const place = printable(root);
  if (columnWidth(place) + 2 + columnWidth(counts) <= terminal.width) terminal.line(`${terminal.style("bold", place)}  ${counts}`);
  else {
    // Of a long path the end tells more.
    terminal.line(terminal.style("bold", columnWidth(place) <= terminal.width ? place : `…${place.slice(1 - terminal.width)}`));
    terminal.line(counts);
  }
  if (files.length > 0) {
    const reasons = new Map<string, number>();
    for (const { reason } of files) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    const words = `Not kept: ${plural(files.length + more, "file")} (${[...reasons].map(([reason, count]) => `${count} ${reason}`).join(", ")})`;
    for (const line of wrap(printable(words), terminal.width).split("\n")) terminal.line(terminal.style("yellow", line));
  }
  for (const group of told.groups) {
    terminal.line();
    sayGroup(terminal, group, now, all, told.left === 0 && group === told.groups.at(-1));
  }
  if (told.left > 0) terminal.line(terminal.style("dim", `\n… and ${plural(told.left, "older entry", "older entries")} (--all lists them)`));
}

function sayGroup(terminal: Terminal, group: Group, now: number, all: boolean, isFirst: boolean): void {
  const last = group.checkpoints.at(-1)!.checkpoint;
  const { mark, style, title } = headOf(group, isFirst);
  const id = last.id.slice(0, 8);
  const when = age(last.time, Math.max(now, last.time));
  const right = `${when === "now" ? "just now" : `${when} ago`}  ${id}`;
  const room = terminal.width - 2 - columnWidth(right) - 2;
  const head = title.length === 0 ? [""] : wrap(clip(printable(title), 3 * room), room).split("\n").slice(0, 2);
  const isUndone = group.undone === "yes";
  for (const [i, line] of head.entries()) {
    const words = isUndone ? terminal.style("dim", line) : terminal.style("bold", line);
    const gap = " ".repeat(Math.max(2, terminal.width - 2 - columnWidth(line) - columnWidth(right)));
    if (i === 0) terminal.line(`${terminal.style(style, mark)} ${words}${gap}${terminal.style("dim", when === "now" ? "just now" : `${when} ago`)}  ${terminal.style("cyan", id)}`);
    else terminal.line(`  ${words}`);
  }
  for (const line of wrap(printable(aboutOf(group)), terminal.width - 2).split("\n")) if (line !== "") terminal.line(`  ${terminal.style("dim", line)}`);
  if (all && group.checkpoints.length > 1) for (const shown of group.checkpoints) sayOne(terminal, shown);
  else sayFiles(terminal, group.files, "  ", all);
  sayCoverage(terminal, group.checkpoints.map(({ checkpoint }) => checkpoint));
}

function headOf({ what, turn, undid = [], checkpoints, undone }: Group, isFirst: boolean): { mark: string; style: Style; title: string } {
  const last = checkpoints.at(-1)!.checkpoint;
  switch (what) {
    case "turn":
      return { mark: { no: "●", partly: "◐", yes: "○" }[undone], style: "green", title: `${turn?.n === undefined ? "a turn" : `turn ${turn.n}`}${turn?.prompt === undefined || turn.prompt.trim() === "" ? "" : `: ${turn.prompt}`}` };
    case "restore": {
      const verb = last.actor.by === "restore" ? last.actor.verb : "restore";
      const of = undid.length === 0 ? "" : undid.length === 1 ? ` of ${undid[0]!.n === undefined ? "a turn" : `turn ${undid[0]!.n}`} (${shortId(undid[0]!.session)})` : ` of ${undid.length} turns`;
      return { mark: verb === "redo" ? "↷" : "↶", style: "yellow", title: verb === "redo" ? "redo" : `${verb}${of}` };
    }
    case "manual":
      return { mark: "◆", style: "cyan", title: last.note ?? "checkpoint" };
    case "baseline":
      return { mark: "┴", style: "dim", title: isFirst ? "the record begins" : "all files looked at anew" };
    case "outside":
      return { mark: "┆", style: "dim", title: "you, or another program" };
  }
}

/** Who, with what, and what else there is to know. */
function aboutOf(group: Group): string {
  const { what, turn, during, undone, checkpoints } = group;
  const all = checkpoints.map(({ checkpoint }) => checkpoint);
  const last = all.at(-1)!;
  const parts: string[] = [];
  if (turn !== undefined) parts.push(`${turn.agent} ${shortId(turn.session)}`, ...toolsOf(all, turn));
  if (during !== undefined) parts.push(`during ${during.n === undefined ? "a turn" : `turn ${during.n}`} of ${shortId(during.session)}`);
  const maybe = new Set(all.flatMap(({ actor }) => (actor.by === "outside" ? (actor.maybe ?? []).map(({ call }) => call) : [])));
  if (maybe.size > 0) parts.push(`perhaps what ${[...maybe].slice(0, 3).join(", ")} left running`);
  if (undone === "yes") parts.push(what === "restore" ? "taken back" : "undone");
  if (undone === "partly") parts.push("undone in part");
  if (all.some(({ pinned }) => pinned)) parts.push("pinned");
  if (all.some(({ compacted }) => compacted === true)) parts.push("calls merged to save space");
  if (turn?.model !== undefined) parts.push(turn.model);
  if (last.confidence !== undefined) parts.push(`confidence ${last.confidence}`);
  if (what !== "outside" && what !== "baseline") parts.push({ 1: "in the page cache", 2: "on disk", 3: "on disk and at the remote" }[last.tier]);
  return parts.join(" · ");
}

function toolsOf(all: readonly Checkpoint[], { session }: TreeTurn): string[] {
  const tools = new Map<string, Set<string>>();
  const threads = new Set<string>();
  const others = new Set<string>();
  for (const { actor } of all) {
    if (actor.by !== "agent") continue;
    for (const { id, tool, thread } of actor.calls) {
      tools.set(tool, (tools.get(tool) ?? new Set()).add(id));
      if (thread !== undefined) threads.add(thread);
    }
    for (const other of actor.others ?? []) if (other.session !== session) others.add(other.session);
  }
  const said = [...tools].map(([tool, ids]) => (ids.size === 1 ? tool : `${tool} ×${ids.size}`)).join(", ");
  return [
    ...(said === "" ? [] : [said]),
    ...(threads.size === 0 ? [] : [plural(threads.size, "subagent")]),
    ...(others.size === 0 ? [] : [`or ${[...others].map(shortId).join(", ")}, at work at the same time`]),
  ];
}

function sayOne(terminal: Terminal, { checkpoint, files, undone }: Shown): void {
  const { id, actor } = checkpoint;
  const calls = actor.by === "agent" ? actor.calls.map(({ tool, id: call }) => `${tool} ${call}`).join(" or ") : "";
  const words = [calls, ...(undone === "yes" ? ["undone"] : undone === "partly" ? ["undone in part"] : [])].filter((part) => part !== "").join(" · ");
  terminal.line(`  ${terminal.style("cyan", id.slice(0, 8))}  ${terminal.style("dim", clip(printable(words), terminal.width - 12))}`);
  sayFiles(terminal, files, "    ", true);
}

const SIGNS: Readonly<Record<FileCount["change"], { sign: string; style: Style }>> = {
  created: { sign: "+", style: "green" }, deleted: { sign: "-", style: "red" }, edited: { sign: "~", style: "yellow" }, mode: { sign: "m", style: "dim" }, type: { sign: "t", style: "yellow" },
};

function sayFiles(terminal: Terminal, files: readonly FileCount[], indent: string, all: boolean): void {
  const shown = all ? files : files.slice(0, MOST_FILES);
  const changes = shown.map((file) => file.note ?? plusMinus(file));
  const room = Math.max(12, terminal.width - indent.length - 4 - widestOf(changes));
  const names = shown.map(({ path }) => endOf(printable(path.toWellFormed()), room));
  const widest = widestOf(names);
  for (const [i, { change }] of shown.entries()) {
    const { sign, style } = SIGNS[change];
    terminal.line(`${indent}${terminal.style(style, sign)} ${names[i]}${" ".repeat(widest - columnWidth(names[i]!) + 2)}${coloured(terminal, printable(changes[i]!))}`);
  }
  if (files.length > shown.length) terminal.line(`${indent}… and ${plural(files.length - shown.length, "more file")}`);
}

function sayCoverage(terminal: Terminal, all: readonly Checkpoint[]): void {
  const skipped = all.flatMap(({ coverage }) => coverage.skipped);
  const more = all.reduce((sum, { coverage }) => sum + (coverage.more ?? 0), 0);
  for (const { path, reason } of skipped.slice(0, 3)) terminal.line(`  ${terminal.style("yellow", `not kept: ${clip(printable(`${path.toWellFormed()}: ${reason}`), terminal.width - 14)}`)}`);
  if (skipped.length + more > 3) terminal.line(`  ${terminal.style("yellow", `not kept: ${skipped.length + more - 3} more`)}`);
  for (const partial of new Set(all.flatMap(({ coverage }) => coverage.partial ?? []))) terminal.line(`  ${terminal.style("yellow", wrap(printable(`may lack changes: ${partial}`), terminal.width - 2, "  "))}`);
}
