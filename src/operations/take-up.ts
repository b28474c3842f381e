/**
 * What the next worker should know, for one who asks for it: what was handed over, what stands for the project, the state in
 * which the work is found, and the brief of the session before. The same text as a start is given (start.ts), with a budget of
 * the asker's and without a session of its own.
 */
import type { Running } from "../agents/claude-code/start.ts";
import { resumeCommand } from "../agents/histories.ts";
import { loadTokenizer } from "../base/tokens.ts";
import type { Brief } from "../context/brief.ts";
import { handoffLines, type Handoff } from "../context/handoff.ts";
import { endOf, hand, handoffBudget, notesOf, standingBudget } from "../context/start.ts";
import type { Story } from "../session/fold.ts";
import type { Store } from "../store/store.ts";
import { projectOf, treeOf } from "../worktree/project.ts";
import type { Git } from "../worktree/recent.ts";
import { treeState, type Environment } from "../worktree/state.ts";
import { newestHandoff } from "./handoff.ts";
import { briefer } from "./resume.ts";
import { newestIdle, refreshSummaries, sessionId, story } from "./sessions.ts";
import { standing } from "./standing.ts";

export interface TakingUp {
  readonly cwd: string;
  readonly now: number;
  /** Most tokens of the text. */
  readonly budget: number;
  readonly environment: Environment;
  /** How git is asked, where not anew each time. */
  readonly git?: Git;
  /** Sessions whose client runs now: the one that asks is among them, and is not what it asks about. */
  readonly running: readonly Running[];
  /** The process of the client that asks, where it is known. */
  readonly client?: number;
  /** The session to go on from, if it is not the last one here. */
  readonly session?: string;
}

export interface TakenUp {
  /** Empty where nothing is known. */
  readonly text: string;
  readonly tokens: number;
  readonly project: string;
  readonly tree: string;
  readonly session: string | undefined;
  /** The agent's own command for going on in the session itself. */
  readonly command: string | undefined;
  readonly handoff: Handoff | undefined;
  /** Ids of what the text holds. */
  readonly memories: readonly string[];
  readonly events: readonly string[];
}

export async function takeUp(store: Store, { cwd, now, budget, environment, git, running, client, session }: TakingUp): Promise<TakenUp> {
  const [tree, project] = [treeOf(cwd), projectOf(cwd)];
  const stating = git?.state(cwd) ?? treeState(cwd, environment);
  await refreshSummaries(store);
  const id = session === undefined ? (await newestIdle(store, project, new Set(running.map((each) => each.session))))?.id : await sessionId(store, session);
  const before = id === undefined ? undefined : await story(store, id);
  const countTokens = await loadTokenizer();
  const { uncommitted, ...state } = await stating;
  const here = { project, tree, ...state };
  const handoff = await newestHandoff(store, project, () => Promise.resolve(here), environment, now);
  // What was handed over is about where the work stands, which is not where an older session left it.
  const handed = handoff === undefined || (session !== undefined && handoff.of !== id) ? [] : handoffLines(handoff, { budget: handoffBudget("brief", budget), countTokens, now });
  const memories = await standing(store, here, { now, budget: standingBudget("brief", budget), countTokens });
  const command = before === undefined ? undefined : resumeCommand(before.summary.agent, before.summary.id, before.summary.cwd || before.summary.project);
  const branchWas = before?.summary.branch;
  const live = running.filter((each) => each.pid !== client).filter((each) => each.cwd === tree || each.cwd.startsWith(`${tree}/`));
  const notes = notesOf({ kind: "brief", now, live, ...state, ...(uncommitted === undefined ? {} : { uncommitted }), ...(before === undefined ? {} : { before }), ...(command === undefined ? {} : { command }), ...(branchWas === undefined ? {} : { branchWas }) });
  let brief: Brief | undefined;
  const packer = before === undefined ? undefined : briefer(endOf(before), countTokens);
  const quoted = before === undefined || packer === undefined ? {} : { quoted: { summary: before.summary, pack: (options: Parameters<typeof packer>[0]) => (brief = packer(options)) } };
  const { text, tokens } = hand({ kind: "brief", budget, standing: [...handed, ...memories], notes, given: new Set(), countTokens, now, ...quoted });
  return {
    text, tokens, project, tree, session: id, command, handoff: handed.length === 0 ? undefined : handoff,
    memories: text === "" ? [] : memories.flatMap(({ memory }) => memory ?? []),
    events: text === "" ? [] : [...(handed.length === 0 ? [] : [handoff!.id]), ...turnsIn(brief, before)],
  };
}

/** The prompts of the turns that a brief quotes. */
function turnsIn(brief: Brief | undefined, told: Story | undefined): string[] {
  const quoted = new Set(brief?.lines.map(({ source }) => source.turn));
  return (told?.turns ?? []).filter(({ n }) => quoted.has(n)).flatMap(({ events }) => events.find(({ type }) => type === "prompt")?.id ?? []);
}
