/**
 * Which files a request will probably change, judged by earlier sessions of the project: by the files of sessions that
 * say the same, words that a path shares with the request, what was changed last and on the same branch, and what is
 * usually changed together. Pure. Paths with reasons, never bodies; finding the sessions is operations/likely.ts.
 */
import { splitName } from "../event/text.ts";

export interface PastSession {
  readonly id: string;
  readonly branch?: string;
  /** Files it changed, each with how often. */
  readonly changed: ReadonlyMap<string, number>;
  readonly read: ReadonlySet<string>;
}

export interface Request {
  readonly text: string;
  readonly branch?: string;
  /** Sessions that say something of the request, by id, each with how well it fits: more is better. */
  readonly found: ReadonlyMap<string, number>;
}

export interface LikelyFile {
  readonly path: string;
  readonly score: number;
  /** Strongest first. */
  readonly reasons: readonly Reason[];
}

export type Reason = "named in the request" | "shares words with the request" | "changed in sessions like it" | "changed on this branch" | "changed lately" | "changed together with these";

/** What each sign is worth, its strongest file being 1; set on 33 sessions and looked at on 33 others (docs/performance.md). */
const WORTH: Readonly<Record<Reason, number>> = { "named in the request": 2, "shares words with the request": 0.7, "changed in sessions like it": 0.7, "changed on this branch": 1, "changed lately": 0.5, "changed together with these": 0.4 };
/** Of one session to the next older one: how much of "lately" is left. */
const FADING = 0.9;
const LIKE = 8;
const SEEDS = 5;

/** `past` are the sessions that ended before, oldest first. */
export function likelyFiles(request: Request, past: readonly PastSession[], limit: number): LikelyFile[] {
  const files = new Set(past.flatMap(({ changed }) => [...changed.keys()]));
  const signs = new Map<Reason, ReadonlyMap<string, number>>([
    ["named in the request", named(request.text, files)],
    ["shares words with the request", sharing(request.text, files)],
    ["changed in sessions like it", ofSessionsLike(request.found, past)],
    ["changed on this branch", request.branch === undefined ? new Map() : faded(past.filter(({ branch }) => branch === request.branch))],
    ["changed lately", faded(past)],
  ]);
  const seeds = ranked(signs).slice(0, SEEDS);
  signs.set("changed together with these", together(seeds, past));
  return ranked(signs).slice(0, limit);
}

function ranked(signs: ReadonlyMap<Reason, ReadonlyMap<string, number>>): LikelyFile[] {
  const files = new Map<string, [Reason, number][]>();
  for (const [reason, values] of signs) {
    const most = Math.max(0, ...values.values());
    for (const [path, value] of values) if (value > 0) files.set(path, [...(files.get(path) ?? []), [reason, (WORTH[reason] * value) / most]]);
  }
  return [...files]
    .map(([path, parts]) => ({ path, score: parts.reduce((sum, [, value]) => sum + value, 0), reasons: parts.sort((a, b) => b[1] - a[1]).map(([reason]) => reason) }))
    .sort((a, b) => b.score - a.score || (a.path < b.path ? -1 : 1));
}

/** Files whose name stands in the text as a whole. */
function named(text: string, files: ReadonlySet<string>): Map<string, number> {
  const mentioned = new Set(text.toLowerCase().match(/[\w@.-]+\.\w{1,8}\b/g));
  return new Map([...files].filter((path) => mentioned.has(nameOf(path).toLowerCase())).map((path) => [path, 1]));
}

/** By words that paths share with the text, rare ones weighing more; long paths gain nothing by their length. */
function sharing(text: string, files: ReadonlySet<string>): Map<string, number> {
  const asked = new Set(wordsOf(text));
  const words = new Map([...files].map((path) => [path, new Set(wordsOf(path))]));
  const holding = new Map<string, number>();
  for (const each of words.values()) for (const word of each) holding.set(word, (holding.get(word) ?? 0) + 1);
  const worth = (word: string): number => Math.log(1 + files.size / holding.get(word)!);
  return new Map([...words].map(([path, own]) => [path, [...own].reduce((sum, word) => sum + (asked.has(word) ? worth(word) : 0), 0) / Math.sqrt(own.size)]));
}

function ofSessionsLike(found: ReadonlyMap<string, number>, past: readonly PastSession[]): Map<string, number> {
  const best = past.filter(({ id }) => found.has(id)).sort((a, b) => found.get(b.id)! - found.get(a.id)!).slice(0, LIKE);
  const values = new Map<string, number>();
  for (const { id, changed } of best) for (const [path, times] of changed) values.set(path, (values.get(path) ?? 0) + found.get(id)! * (1 + 0.3 * Math.log1p(times)));
  return values;
}

function faded(past: readonly PastSession[]): Map<string, number> {
  const values = new Map<string, number>();
  for (const [i, { changed }] of past.entries()) for (const path of changed.keys()) values.set(path, (values.get(path) ?? 0) + FADING ** (past.length - 1 - i));
  return values;
}

/** How often a file was changed or read in the sessions that changed the seeds. */
function together(seeds: readonly LikelyFile[], past: readonly PastSession[]): Map<string, number> {
  const values = new Map<string, number>();
  for (const seed of seeds) {
    const with_ = past.filter(({ changed }) => changed.has(seed.path));
    for (const { changed, read } of with_) {
      for (const path of changed.keys()) if (path !== seed.path) values.set(path, (values.get(path) ?? 0) + seed.score / with_.length);
      for (const path of read) if (path !== seed.path && values.has(path)) values.set(path, values.get(path)! + (0.3 * seed.score) / with_.length);
    }
  }
  return values;
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

const PLAIN = new Set("the and for with that this from have has are was were can could should would will not you your our its let also when what how why which all any but into add use make get set new go ts js py md src test".split(" "));

/** Words of a text or a path, names parted, endings of English taken off. */
function wordsOf(text: string): string[] {
  return splitName(text).filter((word) => word.length > 2 && !PLAIN.has(word)).map((word) => (word.length > 4 ? word.replace(/(?:ing|ies|ied|es|ed|s|e|y)$/, "") : word));
}
