/** Every agent whose past sessions are read, and which of them a file is of. */
import { claudeCode } from "./claude-code/history.ts";
import { codex } from "./codex/history.ts";
import { headOf } from "./found.ts";
import { gemini } from "./gemini/history.ts";
import type { History } from "./history.ts";
import { opencode } from "./opencode/history.ts";
import { resumeLine } from "./resume-line.ts";

/** In the order in which they are asked whether a file is theirs: Claude Code, whose records have no sure mark, is last. */
export const HISTORIES: readonly History[] = [codex, gemini, opencode, claudeCode];

export function historyOf(agent: string): History | undefined {
  return HISTORIES.find((history) => history.agent === agent);
}

/** Whose a file is, told from how it begins; undefined where no agent claims it. */
export async function whose(path: string): Promise<History | undefined> {
  const head = await headOf(path);
  return HISTORIES.find((history) => history.wrote(head, path));
}

/** The agent's own command for going on in a session, in the folder it was begun in; none where the agent is not known. */
export function resumeCommand(agent: string, session: string, cwd: string): string | undefined {
  const history = historyOf(agent);
  return history === undefined ? undefined : resumeLine(history.resume(session), session, cwd);
}
