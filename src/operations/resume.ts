/** The brief for taking up work again: a session's story, checked against the tree as it is now. */
import { loadTokenizer, type CountTokens } from "../base/tokens.ts";
import { draftBrief, packBrief, questions, type Brief, type Draft } from "../context/brief.ts";
import { resumeCommand } from "../agents/claude-code/sources.ts";
import { checkFile, commandStands, isHere, type FileAnswer } from "../worktree/check.ts";
import type { Store } from "../store/store.ts";
import { story } from "./sessions.ts";

export interface Resume extends Brief {
  readonly session: string;
  /** The agent's own command for going on in the session itself. */
  readonly command: string;
}

export const DEFAULT_BUDGET = 1500;

/** Files looked at in the tree for one brief. */
const LOOKED_AT = 80;

export async function resume(store: Store, session: string, budget: number, count?: CountTokens): Promise<Resume> {
  const told = await story(store, session);
  const { project } = told.summary;
  const countTokens = count ?? (await loadTokenizer());
  const draft = draftBrief(told);
    const brief = packBrief(draft, { budget, countTokens, ...(isHere(project) ? checkedBy(draft, project, told.summary.ended) : {}) });
  return { session, ...brief, command: resumeCommand(session, project) };
}

function checkedBy(draft: Draft, project: string, since: number): { standing: (path: string) => FileAnswer | undefined; commandStands: (head: string) => boolean | undefined } {
  const answers = new Map<string, FileAnswer | undefined>();
  for (const question of questions(draft, LOOKED_AT)) answers.set(question.path, checkFile(project, question, since));
  return { standing: (path) => answers.get(path), commandStands: (head) => commandStands(project, head) };
}
