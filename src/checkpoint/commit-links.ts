/**
 * Which turns' work a commit holds, from content alone: whoever brought the lines it adds, and took out those it removes.
 * Pure. A commit's name, message and author date say nothing, so that amending, rebasing, squashing and picking find the
 * same turns again; its committer date only bounds: nothing in it can have been written after.
 *
 * Where a file is to the byte a version that is known, each line's author is known, too. Elsewhere (a part of a file was
 * staged, a formatter ran in between, a conflict was resolved) lines go by their text at that path: those with too little
 * in them tell nothing, and a text that others have written, too, is nobody's. A file without lines to go by (binary,
 * renamed, only re-indented or re-ordered) is whose bytes they are.
 */
import { compareLines } from "../base/diff.ts";
import { isTelling, type Author, type Content, type LineOrigins } from "./line-origins.ts";
import type { TreePath } from "./model.ts";

export interface CommitFile {
  readonly path: TreePath;
  /** The name it had. */
  readonly from?: TreePath;
  /** In each parent; a commit without one has an absent file. */
  readonly before: readonly (Content | "absent")[];
  readonly after: Content | "absent";
}

export interface Share {
  readonly turn: string;
  /** Lines of the commit, added or removed, that are this turn's. */
  readonly lines: number;
  /** Files without such lines, and files that were renamed. */
  readonly files: number;
  readonly paths: readonly TreePath[];
}

export interface CommitWork {
  /** Largest share first. */
  readonly shares: readonly Share[];
  /** Lines that tell something, of everyone. */
  readonly lines: number;
  readonly files: number;
}

interface Changed {
  readonly file: CommitFile;
  readonly added: string[];
  readonly removed: string[];
}

/** `time`: milliseconds since 1970, when it was committed. Git knows whole seconds. */
export function workIn(files: readonly CommitFile[], time: number, origins: LineOrigins): CommitWork {
  const until = time + 999;
  const changed = withoutMoves(files.map((file) => ({ file, ...linesOf(file) })));
  const shares = new Map<string, { lines: number; files: number; paths: Set<TreePath> }>();
  const credit = (author: Author, path: TreePath, what: "lines" | "files"): void => {
    if (author === undefined) return;
    const share = shares.get(author) ?? { lines: 0, files: 0, paths: new Set() };
    shares.set(author, share);
    share[what] += 1;
    share.paths.add(path);
  };
  let [lines, whole] = [0, 0];
  for (const { file, added, removed } of changed) {
    const telling = [...authorsOf(file, added, until, origins), ...removed.filter(isTelling).map((text) => remover(file, text, until, origins))];
    lines += telling.length;
    for (const author of telling) credit(author, file.path, "lines");
    const { after, path, from } = file;
    if (telling.length > 0 && from === undefined) continue;
    whole += 1;
    // Another name is a change of its own, beside those of lines.
    if (from !== undefined) {
      credit(origins.created(path, until)?.author, path, "files");
      continue;
    }
    credit((after === "absent" ? origins.removed(path, until) : after.blob === undefined ? undefined : origins.made(path, after.blob, until))?.author, path, "files");
  }
  const all = [...shares].map(([turn, share]) => ({ turn, ...share, paths: [...share.paths].sort() }));
  return { shares: all.sort((a, b) => b.lines + b.files - a.lines - a.files || (a.turn < b.turn ? -1 : 1)), lines, files: whole };
}

/** What it has that no parent had, and lacks that all of them had: of a merge, what it did itself. */
function linesOf({ before, after }: CommitFile): { added: string[]; removed: string[] } {
  const lines = after === "absent" ? [] : after.lines;
  const sides = before.map((side) => (side === "absent" ? [] : side.lines));
  if (lines === undefined || sides.some((side) => side === undefined)) return { added: [], removed: [] };
  let [added, removed]: [string[] | undefined, string[] | undefined] = [undefined, undefined];
  for (const side of sides.length === 0 ? [[]] : sides) {
    const { runs } = compareLines(side!, lines);
    const of = (sign: "+" | "-"): string[] => runs.filter((run) => run.sign === sign).flatMap((run) => run.lines);
    added = added === undefined ? of("+") : both(added, of("+"));
    removed = removed === undefined ? of("-") : both(removed, of("-"));
  }
  return { added: added ?? [], removed: removed ?? [] };
}

function both(one: readonly string[], other: readonly string[]): string[] {
  const left = tally(other);
  return one.filter((text) => takeOne(left, text));
}

/** Lines that only went elsewhere, in the same file or another one, are nobody's addition and nobody's removal. */
function withoutMoves(changed: readonly Changed[]): Changed[] {
  const [added, removed] = [tally(changed.flatMap((each) => each.added)), tally(changed.flatMap((each) => each.removed))];
  const moved = new Map([...added].flatMap(([text, count]): [string, number][] => (removed.has(text) ? [[text, Math.min(count, removed.get(text)!)]] : [])));
  const [goes, comes] = [new Map(moved), new Map(moved)];
  return changed.map((each) => ({ file: each.file, added: each.added.filter((text) => !takeOne(comes, text)), removed: each.removed.filter((text) => !takeOne(goes, text)) }));
}

function tally(texts: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1);
  return counts;
}

function takeOne(counts: Map<string, number>, text: string): boolean {
  const count = counts.get(text) ?? 0;
  if (count > 0) counts.set(text, count - 1);
  return count > 0;
}

/** For each added line that tells something, who wrote it. */
function authorsOf({ path, from, after }: CommitFile, added: readonly string[], until: number, origins: LineOrigins): Author[] {
  const version = after === "absent" || after.blob === undefined ? undefined : origins.version(path, after.blob, until);
  // By text alone: it must have come to this path, and from nobody else.
  if (version === undefined) return added.filter(isTelling).map((text) => (placesOf(path, from).some((place) => origins.gained(place, text, until).length > 0) ? origins.onlyWriter(text) : undefined));
  const authors: Author[] = [];
  for (const [text, count] of tally(added)) {
    // Of lines that read alike, those that came last are the ones that were added.
    const own = version(text).toSorted((a, b) => b.since - a.since).slice(0, count);
    if (text !== "" && (isTelling(text) || own.some(({ author }) => author !== undefined))) for (const { author } of own) authors.push(author);
  }
  return authors;
}

function remover({ path, from }: CommitFile, text: string, until: number, origins: LineOrigins): Author {
  return placesOf(path, from).map((place) => origins.lost(place, text, until)).find((lost) => lost !== undefined)?.author;
}

function placesOf(path: TreePath, from: TreePath | undefined): TreePath[] {
  return from === undefined ? [path] : [path, from];
}
