/**
 * Whose each line of a few files is, step by step through all that is known to have happened to them, and who brought or
 * took out a line at a path. Pure. Made for commits, which show a part of that history, later and in another order: what it
 * answers is asked by text and blob, never by place. Leaves out what a commit holds (commit-links.ts).
 *
 * Lines are compared without the blanks around them, so that re-indenting changes nobody's. A line that moves within a step
 * keeps its author, over files too. What comes back is whose it was: `git checkout`, `stash`, `rebase` and an undo write old
 * lines anew, and neither the person nor the agent who ran them is their author. An edit tool writes what it was given,
 * so what it brings is its own, also where it was there before.
 */
import { compareLines } from "../base/diff.ts";
import type { TreePath } from "./model.ts";

/** What stood at a path: `lines` without blanks around them, undefined where it is no text or its bytes are not known. */
export interface Content {
  /** Git's id of it; undefined where its bytes are not known. */
  readonly blob: string | undefined;
  readonly lines: readonly string[] | undefined;
}

/** A key of a turn; undefined for everyone who is no agent. */
export type Author = string | undefined;

export interface Step {
  /** The earliest that it can have happened, in milliseconds since 1970. */
  readonly since: number;
  readonly author: Author;
  /** Done by edit tools alone. */
  readonly typed: boolean;
  readonly files: readonly { readonly path: TreePath; readonly before: Content | "absent"; readonly after: Content | "absent" }[];
}

export interface Origin {
  readonly author: Author;
  readonly since: number;
}

interface Known {
  blob: string | undefined;
  lines: readonly string[];
  origins: readonly Origin[];
  /** Each time that a text was brought or taken out, in order. */
  readonly gained: Map<string, Origin[]>;
  readonly lost: Map<string, Origin[]>;
  /** Whose a text was when it was last there. */
  readonly last: Map<string, Origin>;
  /** Who first made these bytes stand here. */
  readonly made: Map<string, Origin>;
  /** Whose the lines of each version were when it last stood here. */
  readonly standing: Map<string, readonly Origin[]>;
  /** Of blobs that are asked for, each time that they came to stand here. */
  readonly versions: Map<string, { readonly since: number; readonly origins: readonly Origin[]; readonly texts: ReadonlyMap<string, readonly Origin[]> }[]>;
  readonly removals: Origin[];
  readonly creations: Origin[];
}

/** Fewer letters and digits than this tell nothing of who wrote a line: brackets, `else`, `end`, `return`. */
const FEWEST = 7;

export function isTelling(line: string): boolean {
  return (line.match(/[\p{L}\p{N}]/gu)?.length ?? 0) >= FEWEST;
}

/** Lines as they are compared. */
export function trimmed(text: string): string[] {
  const lines = text.split("\n").map((line) => line.trim());
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

/** Before the record. */
const NOBODY: Origin = { author: undefined, since: -Infinity };

export class LineOrigins {
  readonly #files = new Map<TreePath, Known>();
  readonly #wanted: ReadonlySet<string>;
  /** How often each text was written anew, anywhere. */
  readonly #written = new Map<string, { times: number; readonly by: Set<Author> }>();

  /** `wanted`: blobs of commits that will be asked for; of other versions the lines are not held. */
  constructor(wanted: ReadonlySet<string>) {
    this.#wanted = wanted;
  }

  /** Steps in the order in which they happened. */
  take({ since, author, typed, files }: Step): void {
    const origin: Origin = { author, since };
    const moved = new Map<string, Origin[]>();
    // As it was before the step: what it writes itself makes nothing less rare meanwhile.
    const rare = new Map<string, boolean>();
    // A text that stands in many places has not moved from one file to another: it went here and came there.
    const moveOf = (path: TreePath, text: string): string => {
      const is = rare.get(text) ?? this.#isRare(text);
      rare.set(text, is);
      return is ? text : `${path}\0${text}`;
    };
    const works = files.flatMap(({ path, before, after }) => {
      const known = this.#begun(path, before);
      if (before === "absent") known.creations.push(kept(known.creations, origin));
      if (after !== "absent" && after.lines === undefined) {
        this.#stand(known, after, [], [], since);
        note(known.made, after.blob, origin);
        return [];
      }
      const lines = after === "absent" ? [] : after.lines!;
      const { runs } = compareLines(known.lines, lines);
      let at = 0;
      for (const { sign, lines: some } of runs) {
        if (sign === "-") for (let i = 0; i < some.length; i++) push(moved, moveOf(path, some[i]!), known.origins[at + i]!);
        if (sign !== "+") at += some.length;
      }
      return [{ path, known, after, lines, runs }];
    });
    // Whatever is not found again is lost.
    const taken = works.map(({ path, known, after, lines, runs }) => {
      const whole = typed || after === "absent" || after.blob === undefined ? undefined : known.standing.get(after.blob);
      if (whole?.length === lines.length) return { path, known, after, lines, runs, origins: whole };
      const mayComeBack = !typed && author === undefined;
      const origins: Origin[] = [];
      let at = 0;
      for (const { sign, lines: some } of runs) {
        for (const [i, text] of some.entries()) {
          if (sign === " ") origins.push(known.origins[at + i]!);
          if (sign !== "+") continue;
          const before = moved.get(moveOf(path, text))?.shift();
          const again = mayComeBack && isTelling(text) && this.#isRare(text) ? known.last.get(text) : undefined;
          const own = before ?? again ?? origin;
          origins.push(own);
          if (before !== undefined) push(known.gained, text, { author: own.author, since });
          else if (again === undefined) {
            push(known.gained, text, own);
            this.#wrote(text, author);
          }
        }
        if (sign !== "+") at += some.length;
      }
      return { path, known, after, lines, runs, origins };
    });
    for (const { path, known, after, lines, runs, origins } of taken) {
      let at = 0;
      for (const { sign, lines: some } of runs) {
        if (sign === "-") for (const [i, text] of some.entries()) this.#lose(known, text, known.origins[at + i]!, moved.get(moveOf(path, text)), origin);
        if (sign !== "+") at += some.length;
      }
      if (after === "absent") known.removals.push(kept(known.removals, origin));
      else note(known.made, after.blob, origin);
      this.#stand(known, after === "absent" ? { blob: undefined, lines } : after, lines, origins, since);
    }
  }

  /** The only one who ever wrote this text, however often; undefined where several did, or nobody who is known. */
  onlyWriter(text: string): Author {
    const by = this.#written.get(text)?.by;
    return by?.size === 1 ? [...by][0] : undefined;
  }

  /** Whose the lines of this text are in the version of a path that a blob is; undefined where no such version is known. */
  version(path: TreePath, blob: string, until: number): ((text: string) => readonly Origin[]) | undefined {
    const version = this.#files.get(path)?.versions.get(blob)?.findLast(({ since }) => since <= until);
    return version === undefined ? undefined : (text) => version.texts.get(text) ?? [];
  }

  /** Everyone who has brought this text to a path until then, in order. */
  gained(path: TreePath, text: string, until: number): readonly Origin[] {
    return this.#files.get(path)?.gained.get(text)?.filter(({ since }) => since <= until) ?? [];
  }

  /** Who last took this text out at a path; undefined where it was written more than once, since any of those lines may be meant. */
  lost(path: TreePath, text: string, until: number): Origin | undefined {
    return this.#isRare(text) ? this.#files.get(path)?.lost.get(text)?.findLast(({ since }) => since <= until) : undefined;
  }

  /** Who first left these bytes at a path. */
  made(path: TreePath, blob: string, until: number): Origin | undefined {
    const made = this.#files.get(path)?.made.get(blob);
    return made === undefined || made.since > until ? undefined : made;
  }

  /** Who last deleted the file. */
  removed(path: TreePath, until: number): Origin | undefined {
    return this.#files.get(path)?.removals.findLast(({ since }) => since <= until);
  }

  /** Who last made it, under this name. */
  created(path: TreePath, until: number): Origin | undefined {
    return this.#files.get(path)?.creations.findLast(({ since }) => since <= until);
  }

  #wrote(text: string, author: Author): void {
    const known = this.#written.get(text);
    if (known === undefined) this.#written.set(text, { times: 1, by: new Set([author]) });
    else {
      known.times += 1;
      known.by.add(author);
    }
  }

  #isRare(text: string): boolean {
    return (this.#written.get(text)?.times ?? 0) <= 1;
  }

  /** The file as it stood before a step. Where the record has a gap, nobody is known for what changed in it. */
  #begun(path: TreePath, before: Content | "absent"): Known {
    const known = this.#files.get(path);
    const [blob, lines] = before === "absent" ? [undefined, []] : [before.blob, before.lines ?? []];
    if (known === undefined) {
      const begun: Known = { blob, lines, origins: lines.map(() => NOBODY), gained: new Map(), lost: new Map(), last: new Map(), made: new Map(), standing: new Map(), versions: new Map(), removals: [], creations: [] };
      for (const text of lines) {
        begun.gained.set(text, [NOBODY]);
        this.#wrote(text, undefined);
      }
      this.#files.set(path, begun);
      if (before !== "absent") note(begun.made, blob, NOBODY);
      this.#stand(begun, { blob, lines }, lines, begun.origins, -Infinity);
      return begun;
    }
    if (before !== "absent" && before.lines === undefined) this.#stand(known, before, [], [], -Infinity);
    else if (known.blob !== blob) this.take({ since: -Infinity, author: undefined, typed: false, files: [{ path, before: { blob: known.blob, lines: known.lines }, after: before }] });
    return known;
  }

  #lose(known: Known, text: string, was: Origin, left: Origin[] | undefined, origin: Origin): void {
    known.last.set(text, was);
    if (left === undefined || left.length === 0) return;
    left.shift();
    push(known.lost, text, this.#isRare(text) ? kept(known.lost.get(text), origin) : origin);
  }

  #stand(known: Known, { blob }: Content, lines: readonly string[], origins: readonly Origin[], since: number): void {
    known.blob = blob;
    known.lines = lines;
    known.origins = origins;
    if (blob === undefined) return;
    known.standing.set(blob, origins);
    const stood = known.versions.get(blob) ?? [];
    if (!this.#wanted.has(blob) || stood.at(-1)?.origins === origins) return;
    const texts = new Map<string, Origin[]>();
    for (const [i, text] of lines.entries()) push(texts, text, origins[i]!);
    known.versions.set(blob, [...stood, { since, origins, texts }]);
  }
}

function push(all: Map<string, Origin[]>, text: string, origin: Origin): void {
  const own = all.get(text);
  if (own === undefined) all.set(text, [origin]);
  else own.push(origin);
}

/** Done again, by a checkout or rebase: it is still the work of who did it before. */
function kept(before: readonly Origin[] | undefined, { author, since }: Origin): Origin {
  return { author: author ?? before?.at(-1)?.author, since };
}

function note(made: Map<string, Origin>, blob: string | undefined, origin: Origin): void {
  if (blob !== undefined && !made.has(blob)) made.set(blob, origin);
}
