/**
 * The port through which an agent's past sessions come in: where its files are, which files are its own, and what their
 * records mean. One object for each agent; histories.ts has the table, history.suite.ts checks every one of them. What is
 * done with the events is operations/import.ts.
 *
 * Every history is read as lines of JSON, one record each: what an agent keeps otherwise (one document, a database) its
 * reader makes lines of, so that counting, quarantine and limits are the same for all.
 */
import type { Line, LineProblem } from "../base/lines.ts";
import type { Event } from "../event/schema.ts";
import type { FoundFile } from "./found.ts";
import type { Places } from "./places.ts";

/** One conversation to be read: a file, or a part of one that holds many. */
export interface Source extends FoundFile {
  /** In a database: which conversation. `path` then names it too. */
  readonly part?: { readonly file: string; readonly id: string };
}

/** What became of a record: events, or a known kind that holds no fact of its own. */
export interface Translated {
  readonly events: Event[];
  /** Set where no event came of it: which known kind it was. */
  readonly bookkeeping?: string;
}

/** Records of one source to events, in the order of the source. Pure. */
export interface Translator {
  push(record: Record<string, unknown>): Translated;
  /** What can only be said at the end of the source. */
  end(): Event[];
  /** Whose records these are, as soon as it is known. */
  readonly session: string | undefined;
  /** Parents that no record of this source has: the tree is torn there. */
  readonly missingParents: number;
  /** The agent's own ids of prompts, where its hooks tell them too. */
  readonly promptIds?: ReadonlySet<string>;
}

/** A problem in place of a line: it is counted, and the rest is read on. */
export type Batch = Line[] | { readonly number: number; readonly problem: LineProblem };

export interface Reading {
  readonly translator: Translator;
  /** Why it cannot be read at all; undefined where it can. */
  refused(): Promise<string | undefined>;
  lines(progress?: (bytes: number) => void): AsyncIterable<Batch>;
  /** Records of another source that this one goes on from: they are its beginning, and are not counted as its lines. */
  before?(): AsyncIterable<Batch>;
}

/** Rows of a database, each with its columns by name. */
export type Rows = (sql: string, ...values: string[]) => Record<string, unknown>[];

/** What a reader may ask for. */
export interface Means {
  /** The project a working directory belongs to. */
  readonly projectOf: (cwd: string) => string;
  /** A database of the agent's as it stood at one moment. Nothing is locked or written where it lies. */
  readonly database: (path: string) => Promise<Rows>;
}

/** Thrown by a reader: this source cannot be read, and the reason in words. The others are read. */
export class UnreadableSource extends Error {}

/**
 * Order: a source's records are given in the order in which they were written, and a translator is fed all of them, once.
 * Atomicity: a record becomes events or is named as bookkeeping, never both or neither; a kind nobody knows becomes `raw`.
 * Repetition: ids come from the source; read again, grown, or moved to a newer format it gives the same events the same ids.
 * Absence: a place that is not there gives nothing; a file that cannot be read is named, and the others are read.
 * Lifetime: nothing of the agent's is written, locked or kept open, also while the agent runs.
 */
export interface History {
  /** As it stands in the events' envelope. */
  readonly agent: string;
  /** As people call it. */
  readonly title: string;
  /** Changes when the translator learns to read more: sources are then read again. */
  readonly translation: number;
  /** The folders and files it keeps its sessions in. */
  places(places: Places): readonly string[];
  /** Whether a file in a folder may be history, by its name. */
  keeps(path: string): boolean;
  /** Whether a file that the user has named, or that lies in a folder they have named, was written by it: from how it begins. */
  wrote(head: Buffer, path: string): boolean;
  /** The conversations of a file that holds many; without it, a file is one. */
  sources?(file: FoundFile, means: Means): Promise<Source[]>;
  open(source: Source, means: Means): Promise<Reading>;
  /** The agent's own command for going on in a session, without the change of folder. */
  readonly resume: (session: string) => readonly string[];
}
