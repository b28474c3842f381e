/**
 * The commit of each line of a file that is committed as it stands, and for lines that are older than the first checkpoint the
 * way from there to the turn that wrote them, where a session's own edits tell it. Leaves out what checkpoints know (blame.ts).
 */
import { compareLines } from "../base/diff.ts";
import { committedLines, readCommits } from "../worktree/commits.ts";
import type { Blamed, BlamedLine } from "./blame.ts";
import type { CommitDeps } from "./commits.ts";
import { lineOrigins, type Writer } from "./line-origins.ts";

export async function withCommit(deps: CommitDeps, blamed: Blamed): Promise<Blamed> {
  const { path } = blamed;
  const committed = committedLines(deps.repository, path, deps.environment);
  if (committed === undefined) return blamed;
  const commits = commitOfEach(committed, blamed.lines.map(({ text }) => text));
  const old = [...new Set(blamed.lines.flatMap(({ by }, i) => (by === "before" ? (commits[i] ?? []) : [])))];
  const times = new Map(readCommits(deps.repository, old, deps.environment).map(({ sha, committed: time }) => [sha, time]));
  const { turns, histories } = old.length === 0 ? { turns: new Map<string, Writer>(), histories: [] } : await lineOrigins(deps, new Set([path]), new Set());
  /** Of one that only one turn ever wrote, and that came to this path before the commit. */
  const writerOf = (text: string, commit: string): Writer | undefined => {
    const line = text.trim();
    const found = histories.find((origins) => origins.gained(path, line, (times.get(commit) ?? -Infinity) + 999).length > 0 && origins.onlyWriter(line) !== undefined);
    return found === undefined ? undefined : turns.get(found.onlyWriter(line)!);
  };
  const lines = blamed.lines.map((line, i): BlamedLine => {
    const commit = commits[i];
    if (commit === undefined) return line;
    const writer = line.by === "before" ? writerOf(line.text, commit) : undefined;
    return { ...line, commit, ...(writer === undefined ? {} : { session: writer.session, agent: writer.agent, ...(writer.n === undefined ? {} : { turn: writer.n }) }) };
  });
  return { ...blamed, lines };
}

/** For each present line the commit of the committed line that it is; undefined where it is none. */
function commitOfEach({ commits, texts }: { readonly commits: readonly string[]; readonly texts: readonly string[] }, present: readonly string[]): (string | undefined)[] {
  const found: (string | undefined)[] = [];
  let at = 0;
  for (const { sign, lines } of compareLines(texts.map(withoutReturn), present).runs) {
    for (let i = 0; i < lines.length; i++) if (sign !== "-") found.push(sign === " " ? commits[at + i] : undefined);
    if (sign !== "+") at += lines.length;
  }
  return found;
}

/** Lines of `blame` have no ends. */
function withoutReturn(text: string): string {
  return text.replace(/\r$/, "");
}
