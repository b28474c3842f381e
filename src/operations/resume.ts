/** The brief for taking up work again: a session's story, checked against the tree as it is now. */
import { loadTokenizer, type CountTokens } from "../base/tokens.ts";
import { packBrief, type Brief } from "../context/brief.ts";
import { draftBrief, questions, type Draft, type PackOptions } from "../context/draft.ts";
import type { Story } from "../session/fold.ts";
import { resumeCommand } from "../agents/claude-code/sources.ts";
import { checkFile, commandStands, isHere, type FileAnswer } from "../worktree/check.ts";
import { treeOf } from "../worktree/project.ts";
import type { Store } from "../store/store.ts";
import { story } from "./sessions.ts";

export interface Resume extends Brief {
  readonly session: string;
  /** The agent's own command for going on in the session itself. */
  readonly command: string | undefined;
}

export const DEFAULT_BUDGET = 1500;

/** Files looked at in the tree for one brief. */
const LOOKED_AT = 80;

export async function resume(store: Store, session: string, budget: number, count?: CountTokens): Promise<Resume> {
  const told = await story(store, session);
  const { cwd, project } = told.summary;
  const brief = briefer(told, count ?? (await loadTokenizer()))({ budget });
  return { session, ...brief, command: resumeCommand(session, cwd || project) };
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
