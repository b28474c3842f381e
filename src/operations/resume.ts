/** The brief for taking up work again: a session's story, checked against the tree as it is now. */
import { loadTokenizer, type CountTokens } from "../base/tokens.ts";
import { packBrief, type Brief, type BriefLine } from "../context/brief.ts";
import { draftBrief, questions, type Draft, type PackOptions } from "../context/draft.ts";
import { handoffLines, type Handoff } from "../context/handoff.ts";
import { handoffBudget } from "../context/start.ts";
import type { Story } from "../session/fold.ts";
import { resumeCommand } from "../agents/histories.ts";
import { checkFile, commandStands, isHere, type FileAnswer } from "../worktree/check.ts";
import { treeOf } from "../worktree/project.ts";
import type { Store } from "../store/store.ts";
import { story } from "./sessions.ts";

export interface Resume extends Omit<Brief, "lines"> {
  readonly session: string;
  readonly lines: readonly (Omit<BriefLine, "section"> & { readonly section: BriefLine["section"] | "handoff" })[];
  /** The agent's own command for going on in the session itself. */
  readonly command: string | undefined;
}

export const DEFAULT_BUDGET = 1500;

/** Files looked at in the tree for one brief. */
const LOOKED_AT = 80;

/** `handed`: what was handed over, which stands before the brief and takes from its budget. */
export async function resume(store: Store, session: string, budget: number, count?: CountTokens, handed?: { readonly handoff: Handoff; readonly now: number }): Promise<Resume> {
  const told = await story(store, session);
  const { cwd, project } = told.summary;
  const countTokens = count ?? (await loadTokenizer());
  const pack = briefer(told, countTokens);
  const command = resumeCommand(told.summary.agent, session, cwd || project);
  const given = handed === undefined ? [] : handoffLines(handed.handoff, { budget: handoffBudget("brief", budget), countTokens, now: handed.now });
  if (handed === undefined || given.length === 0) return { session, ...pack({ budget }), command };
  const { of = "", items } = handed.handoff;
  const head = ["## Handed over", ...given.map(({ text }) => `- ${text}`)].join("\n");
  const lines = given.map(({ statement, text }) => ({ section: "handoff" as const, text, source: { session: of, turn: 0 }, check: items.find((item) => item.text === statement)!.check }));
  // Joined they are counted anew: a token may stand across the line between them.
  for (let left = budget - countTokens(head) - 1; ; left -= 8) {
    const brief = left < 0 ? { text: "", lines: [], left_out: {} } : pack({ budget: left });
    const text = [head, brief.text].filter((part) => part !== "").join("\n");
    const tokens = countTokens(text);
    if (tokens <= budget || brief.text === "") return { session, ...brief, text, tokens, lines: [...lines, ...brief.lines], command };
  }
}

/** For packing one story more than once: its facts are collected once, and each file is looked at once. */
export function briefer(told: Story, countTokens: CountTokens, goesOn?: boolean): (options: Pick<PackOptions, "budget" | "shares" | "header" | "slack">) => Brief {
  const { cwd, project, ended } = told.summary;
  const draft = draftBrief(told, goesOn);
  const checked = isHere(cwd || project) ? checkedBy(draft, cwd || project, ended) : {};
  return (options) => packBrief(draft, { ...options, countTokens, ...checked });
}

function checkedBy(draft: Draft, cwd: string, since: number): Pick<PackOptions, "root" | "standing" | "commandStands"> {
  const root = treeOf(cwd);
  const answers = new Map<string, FileAnswer | undefined>();
  for (const { file, ...question } of questions(draft, LOOKED_AT)) answers.set(file, checkFile(root, [cwd, root], question, since));
  return { root, standing: (file) => answers.get(file), commandStands: (head) => commandStands(cwd, head) ?? commandStands(root, head) };
}
