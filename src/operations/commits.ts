/**
 * From a commit to the turns whose work it holds, and from a session to the commits that hold it. Worked out anew each time from
 * git and what is kept: nothing is noted down, so that whatever becomes of a commit, its links are those of its content.
 * Leaves out the rules (checkpoint/commit-links.ts).
 */
import { workIn, type CommitFile, type Share } from "../checkpoint/commit-links.ts";
import type { TreePath } from "../checkpoint/model.ts";
import type { Content } from "../checkpoint/line-origins.ts";
import { commitsSince, readCommits, readSmallBlobs, stagedFiles, type ChangedFile, type Commit } from "../worktree/commits.ts";
import type { Repository } from "../worktree/repository.ts";
import { history } from "./history.ts";
import { contentOf, lineOrigins, type Kept, type Writer, type Writers } from "./line-origins.ts";
import { MOST_BYTES } from "./patch.ts";
import { projectOf } from "../worktree/project.ts";

export interface LinkedTurn extends Writer {
  readonly lines: number;
  readonly files: number;
  /** Of all that the commit changed, from 0 to 1. */
  readonly share: number;
  readonly paths: readonly TreePath[];
}

export interface LinkedCommit extends Omit<Commit, "files"> {
  readonly turns: readonly LinkedTurn[];
  /** Lines added and removed that say something of who wrote them. */
  readonly lines: number;
  /** Files without such lines. */
  readonly files: number;
  /** Files whose bytes were too many to read, or are not here. */
  readonly unread: number;
}

export interface CommitDeps extends Kept {
  readonly repository: Repository;
}

/** Bytes of blobs that are read for one run of commits. */
const BUDGET = 128 * 1024 * 1024;
/** Commits whose blobs are held at once. */
const TOGETHER = 200;

export async function linkCommits(deps: CommitDeps, shas: readonly string[]): Promise<LinkedCommit[]> {
  const commits = readCommits(deps.repository, shas, deps.environment);
  const writers = await writersOf(deps, commits.flatMap(({ files }) => files));
  return judged(deps, commits, writers);
}

/** Commits that hold work of one session, newest first. */
export async function commitsOfSession(deps: CommitDeps, session: string): Promise<LinkedCommit[]> {
  const { paths, since } = await touchedBy(deps, session);
  const commits = readCommits(deps.repository, commitsSince(deps.repository, since, deps.environment), deps.environment);
  const near = commits.flatMap((commit) => {
    const files = commit.files.filter(({ path, from }) => paths.has(path) || (from !== undefined && paths.has(from)));
    return files.length === 0 ? [] : [{ ...commit, files }];
  });
  const writers = await writersOf(deps, near.flatMap(({ files }) => files));
  const own = judged(deps, near, writers).filter(({ turns }) => turns.some((turn) => turn.session === session)).map(({ sha }) => sha);
  // Shares are of all that those commits changed.
  return own.length === 0 ? [] : linkCommits(deps, own);
}

/** Turns whose work is staged: those that a commit made now would hold. */
export async function stagedTurns(deps: CommitDeps, now: number): Promise<readonly LinkedTurn[]> {
  const files = stagedFiles(deps.repository, deps.environment);
  const commit = { sha: "", parents: [], authored: now, committed: now, subject: "", files, cut: false };
  return judged(deps, [commit], await writersOf(deps, files))[0]!.turns;
}

function writersOf(deps: CommitDeps, files: readonly ChangedFile[]): Promise<Writers> {
  const paths = new Set(files.flatMap(({ path, from }) => (from === undefined ? [path] : [path, from])));
  return lineOrigins(deps, paths, new Set(files.flatMap(({ after }) => after ?? [])));
}

function judged(deps: CommitDeps, commits: readonly Commit[], writers: Writers): LinkedCommit[] {
  const linked: LinkedCommit[] = [];
  for (let at = 0; at < commits.length; at += TOGETHER) {
    const some = commits.slice(at, at + TOGETHER);
    const blobs = some.flatMap(({ files }) => files.flatMap(({ before, after }) => [after, ...before])).filter((blob) => blob !== undefined);
    const bytes = readSmallBlobs(deps.repository, blobs, { most: MOST_BYTES, budget: BUDGET }, deps.environment);
    const contents = new Map([...bytes].map(([blob, its]) => [blob, contentOf(its, blob)]));
    linked.push(...some.map((commit) => judge(commit, contents, writers)));
  }
  return linked;
}

function judge({ files: changed, ...commit }: Commit, contents: ReadonlyMap<string, Content>, { turns, histories }: Writers): LinkedCommit {
  const content = (blob: string | undefined): Content | "absent" => (blob === undefined ? "absent" : (contents.get(blob) ?? { blob, lines: undefined }));
  const files = changed.map(({ path, from, before, after }): CommitFile => ({ path, ...(from === undefined ? {} : { from }), before: before.map(content), after: content(after) }));
  const works = histories.map((origins) => workIn(files, commit.committed, origins));
  const [lines, whole] = [Math.max(0, ...works.map((work) => work.lines)), Math.max(0, ...works.map((work) => work.files))];
  const best = new Map<string, Share>();
  for (const share of works.flatMap((work) => work.shares)) {
    const other = best.get(share.turn);
    if (other === undefined || share.lines + share.files > other.lines + other.files) best.set(share.turn, share);
  }
  const linked = [...best.values()].map(({ turn, ...share }): LinkedTurn => ({ ...turns.get(turn)!, ...share, share: (share.lines + share.files) / Math.max(1, lines + whole) }));
  return {
    ...commit, lines, files: whole,
    unread: changed.filter(({ before, after }) => [after, ...before].some((blob) => blob !== undefined && !contents.has(blob))).length,
    turns: linked.sort((a, b) => b.share - a.share || (a.n ?? 0) - (b.n ?? 0)),
  };
}

/** Paths that a session is known to have changed, and when it began. */
async function touchedBy({ store, log, root }: CommitDeps, session: string): Promise<{ paths: Set<TreePath>; since: number }> {
  const paths = new Set<TreePath>();
  const project = projectOf(root);
  for (const tree of store?.trees().filter((each) => each === root || projectOf(each) === project) ?? []) {
    const { entries } = await history(store!, log, tree);
    for (const [path, own] of entries) if (own.some(({ checkpoint: { actor } }) => actor.by === "agent" && actor.session === session)) paths.add(path);
  }
  const trace = await log.trace(session);
  for (const [path] of trace?.files ?? []) if (!path.startsWith("/")) paths.add(path);
  return { paths, since: (trace?.started ?? 0) - 1000 };
}
