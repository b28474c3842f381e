/**
 * A question asked from a folder: the branch that is at work there and the memories that are seen from it come in, and the
 * embedder and re-ranker where the user has named one. Leaves out how answers are found (recall.ts) and which texts are meant (the shells).
 */
import { TidemarkError } from "../base/errors.ts";
import type { Store } from "../store/store.ts";
import type { Git } from "../worktree/recent.ts";
import { branchesOf, type Environment } from "../worktree/state.ts";
import { embedderOf, readEmbedder } from "./embedder.ts";
import { memories } from "./memories.ts";
import { recall, type RecallOptions, type RecallResult } from "./recall.ts";
import { placeOf } from "./recall-memories.ts";
import { readReranker, rerankerOf } from "./reranker.ts";

export interface From extends Omit<RecallOptions, "own" | "merged" | "memories" | "meaning" | "reranker"> {
  readonly cwd: string;
  readonly home: string;
  readonly environment: Environment;
  /** How git is asked, where not anew each time. */
  readonly git?: Git;
  /** Milliseconds of a clock that only goes forward, for saying how long an embedder took. */
  readonly ticks: () => number;
  /** As it stood then, in milliseconds since 1970: memories that held, and what had been said. */
  readonly at?: number;
}

export interface RecalledFrom extends RecallResult {
  /** The branch at work, where there is one. */
  readonly own: string | undefined;
}

export async function recallFrom(store: Store, question: string, { cwd, home, environment, git, ticks, at, ...options }: From): Promise<RecalledFrom> {
  const { project, session, branch, role, agent, until } = options;
  const { own, merged } = await (git?.branches(cwd) ?? branchesOf(cwd, environment));
  // Words of one session, branch, role or agent are asked for: a memory is none of these.
  const narrowed = [session, branch, role, agent].some((each) => each !== undefined);
  const here = await placeOf(project ?? cwd, environment);
  const meaning = orWithout<Pick<RecallOptions, "meaning">>("Found by words alone", () => {
    const setting = readEmbedder(home);
    return setting === undefined ? {} : { meaning: { embedder: embedderOf(setting, environment), clock: ticks } };
  });
  const reranker = orWithout<Pick<RecallOptions, "reranker">>("In the order in which they were found", () => {
    const setting = readReranker(home);
    return setting === undefined ? {} : { reranker: rerankerOf(setting, environment) };
  });
  const result = await recall(store, question, {
    ...options, merged, ...meaning.given, ...reranker.given,
    ...(own === undefined ? {} : { own }),
    ...(at === undefined ? {} : { until: Math.min(until ?? Infinity, at) }),
    ...(narrowed ? {} : { memories: { state: await memories(store), here, ...(at === undefined ? {} : { at }) } }),
  });
  return { ...result, warnings: [...meaning.warnings, ...reranker.warnings, ...result.warnings], own };
}

/** What is wrong with a setting is told, and the answer comes without what it names. */
function orWithout<T>(without: string, read: () => T): { readonly given: T | Record<string, never>; readonly warnings: readonly string[] } {
  try {
    return { given: read(), warnings: [] };
  } catch (error) {
    if (!(error instanceof TidemarkError)) throw error;
    return { given: {}, warnings: [`${without}: ${error.message}`] };
  }
}
