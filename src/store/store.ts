/**
 * The ports of the store, in the words of events. Every implementation runs the suites beside this file, which
 * reopen it. The log keeps facts and judges nothing: no redaction, no retention, no defaults.
 */
import type { Event, EventType } from "../event/schema.ts";
import type { Role } from "../event/text.ts";
import type { SessionSummary } from "../session/summary.ts";
import type { Trace } from "../session/trace.ts";
import type { Problem } from "./problems.ts";
import type { Question } from "./question.ts";

/** Place of an event in the log: 1, 2, 3 … without gaps. 0 is before the first. */
export type Position = number;

export interface Stored {
  readonly position: Position;
  readonly event: Event;
  /** True where the payload was erased; the event then has an empty one. */
  readonly erased: boolean;
}

export interface Appended {
  readonly position: Position;
  readonly added: number;
  readonly duplicates: number;
}

/**
 * The log.
 * Order: positions follow the order of appending and never change.
 * Atomicity: a batch is appended whole or not at all; when the promise resolves it survives the death of the process.
 * Repetition: an event whose id is known is skipped and counted; one known under another session is not moved.
 * Absence: an unknown session or id gives nothing, not an error.
 * Lifetime: `close` may be called twice; whatever was appended is there after reopening, for any number of processes.
 */
export interface EventStore {
  append(events: readonly Event[]): Promise<Appended>;
  /** Which of these ids are known, each with the session it was first recorded under. */
  known(ids: readonly string[]): Promise<Map<string, string>>;
  /** Events of one session by ascending position, shared ones of a fork included. */
  read(session: string): Promise<Stored[]>;
  /** Events by id, in the order of the log; unknown ids are left out. */
  get(ids: readonly string[]): Promise<Stored[]>;
  /** Every event of these types by ascending position, of some sessions or of all: for rare types only, all of them are held at once. */
  ofTypes(types: readonly EventType[], sessions?: readonly string[]): Promise<Stored[]>;
  /** A page of the whole log after a position. */
  scan(after: Position, limit: number): Promise<Stored[]>;
  /**
   * Removes salt, payload, index entries and objects of these events for good, and the summaries of every session they
   * belong to, which may quote them. Returns how many still had a payload.
   * `session.started`, `.forked` and `.resumed` keep theirs: other events are hung on them.
   */
  erase(ids: readonly string[]): Promise<number>;
  /** Empties what a store keeps of old pages beside its files. False while another process still reads them. */
  scrub(): Promise<boolean>;
  /** Ids of every session with events, with the position of its newest one. */
  heads(): Promise<Map<string, Position>>;
  head(): Promise<{ position: Position; link: string }>;
  /** Walks the chain and the objects and names every place that does not hold. */
  check(progress?: (done: Position, total: Position) => void): Promise<Problem[]>;
  close(): Promise<void>;
}

export interface SearchFilter {
  readonly project?: string;
  readonly session?: string;
  readonly role?: Role;
  readonly tool?: string;
  readonly agent?: string;
  /** Words that must occur too, such as a file's name. */
  readonly also?: string;
  readonly since?: number;
  readonly until?: number;
}

export interface Hit {
  readonly position: Position;
  readonly event: Event;
  readonly text: string;
  readonly score: number;
}

export interface SearchAnswer {
  readonly hits: Hit[];
  /** How the hits were found, in words: which terms, whether candidates were cut. */
  readonly path: string;
  /** True where further hits exist. */
  readonly more: boolean;
}

export interface PassageFilter {
  readonly project?: string;
  readonly session?: string;
  readonly branch?: string;
  readonly role?: Role;
  readonly agent?: string;
  readonly since?: number;
  readonly until?: number;
}

/** A piece of what was said, as long as it stands for itself. */
export interface Passage {
  readonly position: Position;
  readonly event: Event;
  /** Which piece of its event: 0, 1, 2 … */
  readonly part: number;
  readonly text: string;
  /** Where the session began; "" where it is not known. */
  readonly project: string;
  readonly branch: string;
  /** From 0 up, comparable within one answer. */
  readonly score: number;
}

export interface PassageAnswer {
  readonly passages: Passage[];
  /** How they were found, in words: which words, how often, what was looked for instead. */
  readonly path: string;
  readonly more: boolean;
}

/** What a file of an agent looked like when it was imported, and what became of its lines. */
export interface SourceState {
  readonly path: string;
  readonly size: number;
  readonly modified: number;
  readonly report: string;
}

/**
 * What is derived from the log and can be rebuilt from it: session summaries, each with the session's trace, the text index and
 * the passages. Source states are the import's own notes; losing them costs a second reading and nothing else.
 * Order: sessions by their last event, newest first. Atomicity: one summary with its trace or one source state at a time.
 * Repetition: putting again replaces. Absence: unknown gives undefined or nothing.
 * Lifetime: that of the log it belongs to.
 */
export interface SessionIndex {
  putSummary(summary: SessionSummary, upTo: Position, trace: Trace): Promise<void>;
  summaries(): Promise<{ summary: SessionSummary; upTo: Position }[]>;
  summary(session: string): Promise<{ summary: SessionSummary; upTo: Position } | undefined>;
  /** The newest one of a project that has a turn. */
  newest(project: string): Promise<SessionSummary | undefined>;
  /** Of the newest sessions of a project that have a turn, at most of `limit`. */
  traces(project: string, limit: number): Promise<Trace[]>;
  trace(session: string): Promise<Trace | undefined>;
  /** Sessions whose summary is missing or older than their newest event, each with that event's position. */
  stale(): Promise<Map<string, Position>>;
  /** Forgets all summaries; they are folded anew when next asked for. */
  dropSummaries(): Promise<void>;
  search(query: string, filter: SearchFilter, limit: number): Promise<SearchAnswer>;
  /** Takes the passages of the next events into the index of them, at most of `limit` events; says how far that is then. */
  takePassages(limit: number): Promise<{ position: Position; head: Position }>;
  /** Passages for a question, best first, of those that were taken in; the same text once. Never refused. */
  recall(question: Question, filter: PassageFilter, limit: number): Promise<PassageAnswer>;
  source(path: string): Promise<SourceState | undefined>;
  putSource(state: SourceState): Promise<void>;
  /** Compares the text index with one built anew from the log, and names summaries that cannot be read. */
  checkIndex(progress?: (done: Position, total: Position) => void): Promise<Problem[]>;
  /** Builds the text index anew from the log. */
  rebuildIndex(progress?: (done: Position, total: Position) => void): Promise<void>;
}

/** A passage by its event and its place in that event's text. */
export interface PassagePlace {
  readonly position: Position;
  readonly part: number;
}

/**
 * Vectors of passages, where there is an embedder. A space is its name and dimension: vectors of two are never compared.
 * Order: passages without a vector the newest first, near ones the nearest first. Atomicity: all of a call or none.
 * Repetition: putting again replaces. Absence: a vector of a passage that is not there, erased meanwhile perhaps, is
 * dropped; a passage without one is near to nothing. Lifetime: that of the passage, until vectors of another space are put,
 * passages are rebuilt, or all are dropped.
 */
export interface VectorIndex {
  /** At most of `limit`, and how many there are in all. */
  withoutVector(space: string, limit: number): Promise<{ readonly passages: readonly (PassagePlace & { readonly text: string })[]; readonly left: number }>;
  putVectors(space: string, vectors: readonly (PassagePlace & { readonly vector: Float32Array })[]): Promise<void>;
  /** The nearest of those that pass the filter. Their score: how much nearer than passages are on the whole, 1 where it is the same. */
  near(space: string, vector: Float32Array, filter: PassageFilter, limit: number): Promise<Passage[]>;
  dropVectors(): Promise<void>;
}

/**
 * Who does what only one process should do at a time.
 * Order: the first to ask has it. Atomicity: of several that ask at once one gets it. Repetition: the holder asking
 * again keeps it longer. Absence: giving up what one does not hold changes nothing.
 * Lifetime: until given up or its time is over, also after reopening; a holder that was stopped meanwhile learns it when it asks.
 */
export interface Leases {
  /** Who holds it now: `holder` where it was free, over, or theirs already. Times in milliseconds since 1970. */
  lease(name: string, holder: string, now: number, until: number): Promise<string>;
  release(name: string, holder: string): Promise<void>;
  leases(now: number): Promise<{ name: string; holder: string }[]>;
}

export interface Store extends EventStore, SessionIndex, VectorIndex, Leases {
  /** Bytes on disk by part, for `doctor`. */
  sizes(): Promise<Record<string, number>>;
}
