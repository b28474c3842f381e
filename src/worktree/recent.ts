/**
 * What git said of a tree a moment ago, for a server that is asked again and again: a question to git is a process, and took
 * more than half of the time of an answer (bench/mcp). A branch that was changed since is seen two seconds later at most.
 */
import { branchesOf, treeState, type Environment, type TreeState } from "./state.ts";

export interface Git {
  readonly state: (cwd: string) => Promise<TreeState>;
  readonly branches: (cwd: string) => ReturnType<typeof branchesOf>;
}

/** Milliseconds. */
const RECENT = 2000;
/** Trees that are remembered at once. */
const MOST = 50;

/** `ticks`: milliseconds of a clock that only goes forward. */
export function recentGit(environment: Environment, ticks: () => number): Git {
  return { state: recently((cwd) => treeState(cwd, environment), ticks), branches: recently((cwd) => branchesOf(cwd, environment), ticks) };
}

export function recently<T>(ask: (cwd: string) => Promise<T>, ticks: () => number): (cwd: string) => Promise<T> {
  const known = new Map<string, { readonly at: number; readonly answer: Promise<T> }>();
  return (cwd) => {
    const found = known.get(cwd);
    if (found !== undefined && ticks() - found.at < RECENT) return found.answer;
    if (known.size >= MOST) known.clear();
    const answer = ask(cwd);
    known.set(cwd, { at: ticks(), answer });
    // A failure is told to who asked, and is no answer for the next.
    answer.catch(() => known.delete(cwd));
    return answer;
  };
}
