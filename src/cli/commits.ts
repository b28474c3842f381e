/** Commits with the turns whose work they hold, as `show` prints them, and the repository a command is called in. */
import { TidemarkError } from "../base/errors.ts";
import { clip, plural, printable } from "../base/text.ts";
import type { CommitDeps, LinkedCommit, LinkedTurn } from "../operations/commits.ts";
import type { Store } from "../store/store.ts";
import { openCheckpointStore } from "../store/sqlite/checkpoints.ts";
import { treeOf } from "../worktree/project.ts";
import { openRepository } from "../worktree/repository.ts";
import type { Context } from "./command.ts";
import { iso, when } from "./format.ts";
import { hasCheckpoints } from "./trees.ts";

/** Nothing is looked at and nothing sealed: what is asked is history. Undefined where the folder is in no repository that git can read. */
export async function withCommits<T>({ home, cwd, environment }: Context, log: Store, body: (deps: CommitDeps) => Promise<T>): Promise<T | undefined> {
  const root = treeOf(cwd);
  const repository = openRepository(root, environment);
  if (repository === undefined) return undefined;
  const store = hasCheckpoints(home) ? openCheckpointStore(home) : undefined;
  try {
    return await body({ store, log, root, environment, repository });
  } finally {
    store?.close();
  }
}

export function commitJson({ sha, subject, authored, committed, parents, lines, files, unread, cut, turns }: LinkedCommit): Record<string, unknown> {
  return { commit: sha, subject, authored: iso(authored), committed: iso(committed), parents, lines, files, unread, cut, turns: turns.map(turnJson) };
}

function turnJson({ session, agent, n, prompt, lines, files, share, paths }: LinkedTurn): Record<string, unknown> {
  return { session, agent, turn: n ?? null, prompt: prompt ?? null, lines, files, share: Math.round(share * 1000) / 1000, paths };
}

export function sayCommit({ terminal }: Pick<Context, "terminal">, commit: LinkedCommit): void {
  terminal.line(terminal.style("bold", clip(printable(commit.subject), terminal.width) || "(no message)"));
  terminal.line(`${commit.sha}  committed ${when(commit.committed)}${commit.parents.length > 1 ? ", a merge: what it did itself" : ""}`);
  if (commit.cut) terminal.line("Its parents are not in this shallow clone, so what it changed cannot be told.");
  else if (commit.turns.length === 0) terminal.line("No session that is kept wrote any of it.");
  for (const turn of commit.turns) {
    terminal.line();
    terminal.line(`${terminal.style("cyan", `${turn.session}${turn.n === undefined ? "" : ` turn ${turn.n}`}`)}  ${percent(turn.share)}: ${amountOf(turn)}`);
    if (turn.prompt !== undefined) terminal.line(`  ${terminal.style("bold", clip(printable(turn.prompt), terminal.width - 2))}`);
    for (const path of turn.paths.slice(0, MOST_PATHS)) terminal.line(`  ${printable(path)}`);
    if (turn.paths.length > MOST_PATHS) terminal.line(`  … and ${plural(turn.paths.length - MOST_PATHS, "more file", "more files")}`);
  }
  const [first] = commit.turns;
  if (first !== undefined) {
    terminal.line();
    terminal.line(terminal.style("dim", `tidemark show ${first.session.slice(0, 8)}${first.n === undefined ? "" : ` --turn ${first.n}`}`));
  }
}

const MOST_PATHS = 8;

export function percent(share: number): string {
  return share > 0 && share < 0.01 ? "under 1 %" : `${Math.round(share * 100)} %`;
}

export function amountOf({ lines, files }: { readonly lines: number; readonly files: number }): string {
  return [...(lines > 0 ? [plural(lines, "line")] : []), ...(files > 0 ? [plural(files, "whole file")] : [])].join(", ");
}

export function warnUnread(terminal: Context["terminal"], commits: readonly LinkedCommit[]): void {
  const unread = commits.reduce((sum, commit) => sum + commit.unread, 0);
  if (unread > 0) terminal.warn(`${plural(unread, "file")} could not be gone through line by line: too large, or not in this clone`);
}

export function noCommit(name: string): TidemarkError {
  return new TidemarkError("COMMIT_UNKNOWN", `No session and no commit here goes by "${name}"`);
}
