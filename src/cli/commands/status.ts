/** `tidemark status`, and `tidemark` alone: where you left off here. */
import { ago } from "../../base/age.ts";
import { asTidemarkError } from "../../base/errors.ts";
import { clip, plural, printable } from "../../base/text.ts";
import { readPaused, type Paused } from "../../operations/settings.ts";
import { backlog, damagedPayloads } from "../../operations/spool.ts";
import { cost, type Cost } from "../../operations/cost.ts";
import { lastStart, status, type LastStart, type Status } from "../../operations/status.ts";
import type { Ending } from "../../session/summary.ts";
import { projectOf } from "../../worktree/project.ts";
import type { CommandSpec, Context } from "../command.ts";
import { age, bytes, ENDING_WORDS, endingStyle, iso, sessionJson } from "../format.ts";
import { tookWords } from "../spent.ts";
import { wrap, type Terminal } from "../terminal.ts";
import type { CheckpointStatus } from "../../operations/checkpoint-status.ts";
import { checkpointsHere } from "../trees.ts";
import { shortId } from "./sessions.ts";

export const command: CommandSpec = {
  args: "",
  options: [{ flags: "--cost", text: "what is kept ready and what would be worked out anew, how much was handed to agents, and what a model was asked" }],
  help: `
Show where you left off in this project

The latest session here, what it left open, what waits for you, and the next command to type; what the last session here
was told as it began, whether that is paused, and what agents' hooks have left that is not taken in yet; the checkpoints
of this tree, how far they have come on their way from the page cache to the disk and to a remote, and how many files
are not kept.`,
  run: async ({ options }, context) => {
    const { terminal, now } = context;
    // Before anything is brought up to date.
    const costs = options["cost"] === true ? await cost(await context.store()) : undefined;
    const costJson = costs === undefined ? {} : { cost: { ...costs, models: costs.models.map(({ last, ...each }) => ({ ...each, last: iso(last) })) } };
    const project = projectOf(context.cwd);
    const store = await context.caughtUp();
    const [state, start, damaged, paused, spool] = [await status(store, project), await lastStart(store, project), await damagedPayloads(store), pausesIn(context), backlog(context.home)];
    const { latest, open, waiting, command: line, ...more } = state;
    const kept = checkpointsHere(context);
    const data = {
      project: state.project, latest: latest === undefined ? null : sessionJson(latest), open, waiting, command: line ?? null, sessions_here: more.here, sessions: more.total, unfinished: more.unfinished.map(sessionJson),
      start: start === undefined ? null : { ...start, time: iso(start.time) },
      paused: { project: paused.projects.includes(project), sessions: paused.sessions },
      spool: { waiting: spool.waiting, oldest: iso(spool.oldest ?? 0), damaged: damaged.count },
      checkpoints: kept === undefined ? null : { ...kept, newest: iso(kept.newest ?? 0) },
      ...costJson,
    };
    terminal.answer(data, () => {
      sayWork(context, state);
      if (start !== undefined) sayStart(context, start);
      if (kept !== undefined && kept.here > 0) sayCheckpoints(context, kept);
      if (costs !== undefined) sayCost(terminal, costs);
      if (paused.projects.includes(project)) sayAside(terminal, "Agents are handed nothing in this project: it is paused.", "tidemark pause --off");
      for (const session of paused.sessions) sayAside(terminal, `Session ${shortId(session)} is handed nothing: it is paused.`, `tidemark pause --session ${session} --off`);
      if (damaged.last !== undefined && now - damaged.last < SAID_FOR) sayAside(terminal, `${plural(damaged.count, "hook payload")} came damaged, the last ${ago(damaged.last, now)} (a full disk does that); what there was of them is kept.`, "tidemark doctor");
      if (spool.oldest !== undefined && now - spool.oldest > LEFT_LYING) sayAside(terminal, `${plural(spool.waiting, "hook payload")} waiting, the oldest for ${age(spool.oldest, now)}: no engine has taken them in.`, "tidemark drain");
    });
    return 0;
  },
};

function sayCost(terminal: Terminal, { sessions, events, given, models }: Cost): void {
  const count = (n: number): string => n.toLocaleString("en-US");
  terminal.line();
  terminal.line("Kept ready");
  terminal.line(`  summaries of sessions  ${count(sessions.hits)} hits, ${count(sessions.misses)} misses`);
  terminal.line(`  passages of events     ${count(events.hits)} hits, ${count(events.misses)} misses`);
  terminal.line(`Handed to agents: ${count(given.tokens)} tokens, at ${plural(given.starts, "start")} and ${plural(given.requests, "request")}`);
  for (const { model, purpose, ...took } of models) terminal.line(`${model}, for ${purpose}: ${tookWords(took)}`);
}

function sayCheckpoints({ terminal, now }: Context, { here, bytes: size, total, tiers, newest = 0, uncovered }: CheckpointStatus): void {
  const places = [tiers.remote > 0 ? `${tiers.remote} on disk and at the remote` : "", tiers.disk > 0 ? `${tiers.disk} on disk` : "", tiers.page_cache > 0 ? `${tiers.page_cache} in the page cache` : ""].filter((part) => part !== "").join(", ");
  terminal.line();
  terminal.line(`${plural(here, "checkpoint")} here, the last ${ago(newest, Math.max(now, newest))}: ${places}`);
  terminal.line(`  ${terminal.style("dim", `${total === here ? "" : `${plural(total, "checkpoint")} of all trees take `}${bytes(size)}${total === here ? " in all" : ""}`)}`);
  terminal.line("  tidemark checkpoints    what changed, and what can be undone");
  if (uncovered > 0) sayAside(terminal, `${plural(uncovered, "file")} here ${uncovered === 1 ? "is" : "are"} not kept and could not be brought back.`, "tidemark checkpoints");
}

/** An engine takes in what hooks leave within seconds. */
const LEFT_LYING = 60_000;

/** How long a loss is spoken of, in milliseconds. */
const SAID_FOR = 3 * 86_400_000;

/** Settings that cannot be read are said, and are no reason to say nothing else. */
function pausesIn({ home, terminal }: Context): Paused {
  try {
    return readPaused(home);
  } catch (error) {
    const { message, hint } = asTidemarkError(error);
    terminal.warn(`${message}; nothing is handed to agents until it is one. ${hint}`);
    return { projects: [], sessions: [] };
  }
}

function sayAside(terminal: Terminal, words: string, command: string): void {
  terminal.line();
  terminal.line(terminal.style("yellow", words));
  terminal.line(`  ${command}`);
}

function sayWork({ terminal, now }: Context, state: Status): void {
  const { latest, open, waiting, command: line, ...more } = state;
  if (state.total === 0) {
    terminal.line("Nothing is kept yet.");
    terminal.line("  tidemark import    takes in every session that agents have left on this machine");
    return;
  }
  terminal.line(`${terminal.style("bold", state.project)}  ${plural(state.here, "session")} here, ${state.total.toLocaleString("en-US")} in all`);
  if (latest === undefined) {
    terminal.line("No session of this project is kept yet.");
    terminal.line("  tidemark sessions  lists those of other projects");
    return;
  }
  const words = ENDING_WORDS[latest.ending];
  const style = endingStyle(words);
  terminal.line();
  const left = `You left off ${ago(latest.ended, now)}: `;
  terminal.line(`${left}${terminal.style("bold", clip(printable(latest.title), terminal.width - left.length))}`);
  terminal.line(`  ${terminal.style("cyan", shortId(latest.id))}  ${plural(latest.turns, "turn")}, ${plural(latest.files, "file")} changed, ${style === undefined ? words : terminal.style(style, words)}${latest.agent === "claude-code" ? "" : `, in ${printable(latest.agent)}`}`);
  const list = (title: string, items: readonly string[]): void => {
    if (items.length === 0) return;
    terminal.line();
    terminal.line(title);
    for (const item of items) terminal.line(`  - ${wrap(clip(printable(item), 300), terminal.width - 4, "    ")}`);
  };
  list("Open", open);
  list("Waits for you", waiting);
  list("Other sessions here that did not finish", more.unfinished.map((each) => `${shortId(each.id)}  ${ago(each.ended, now)}, ${ENDING_WORDS[each.ending]}: ${each.title}`));
  terminal.line();
  terminal.line("  tidemark resume    the brief for going on");
  if (line !== undefined) terminal.line(`  ${printable(line)}`);
}

function sayStart({ terminal, now }: Context, { session, time, discovered, assessed, recalled, declared }: LastStart): void {
  const said = (label: string, parts: readonly (string | undefined)[]): void => {
    const words = printable(parts.filter((part) => part !== undefined).join("; "));
    if (words !== "") terminal.line(`  ${terminal.style("dim", label.padEnd(5))}  ${wrap(words, terminal.width - 9, " ".repeat(9))}`);
  };
  terminal.line();
  terminal.line(`The last session here began ${ago(time, now)} (${shortId(session)}):`);
  const { branch, head, instructions } = discovered;
  said("found", [branch === undefined ? undefined : `branch ${branch}`, head === undefined ? undefined : `at ${head.slice(0, 8)}`, plural(instructions.length, "instruction file")]);
  if (assessed !== undefined) {
    const { previous, ending, uncommitted, branch_was: was, live, in_flight: flight } = assessed;
    said("state", [
      previous === undefined ? "no session before" : `${shortId(previous)} ${ENDING_WORDS[ending as Ending] ?? ending ?? ""}${flight === undefined ? "" : ", with a call whose outcome is unknown"}`,
      was === undefined ? undefined : `that was on ${was}`,
      uncommitted === undefined ? undefined : uncommitted === 0 ? "all committed" : `${plural(uncommitted, "file")} not committed`,
      live.length === 0 ? undefined : `${plural(live.length, "other session")} at work`,
    ]);
  }
  if (recalled !== undefined) said("gave", [recalled.nothing === undefined ? `${plural(recalled.tokens, "token")}${recalled.from === undefined ? "" : ` of ${shortId(recalled.from)}`}` : `nothing: ${recalled.nothing}`]);
  if (declared !== undefined) said("can", [declared.hooks ? "hooks" : "no hooks", declared.injection ? "hand over context" : "no context handed over", declared.engine ? "engine" : "no engine yet", `undo: ${declared.undo}`]);
}
