/**
 * Asking the named model what of a session is worth remembering. What it proposes waits in the inbox; nothing that is there
 * is changed. A session is asked about in parts, each recorded as it is answered, so that a failure costs what comes after it
 * and nothing else. Before that, what would be sent, and what it would take, can be seen. What is sent and what is let in
 * is decided in memory/proposals.ts.
 */
import { asTidemarkError, TidemarkError } from "../base/errors.ts";
import { loadTokenizer } from "../base/tokens.ts";
import { consolidate, type Candidate } from "../memory/consolidate.ts";
import { EXTRACT, EXTRACT_MOST, partsOf, summaryOf, takenFrom, textOf, type Part, type Parts, type Taken } from "../memory/proposals.ts";
import { Shown } from "../memory/shown.ts";
import type { Answered } from "../models/text-model.ts";
import type { Story } from "../session/fold.ts";
import type { SessionSummary } from "../session/summary.ts";
import type { Store } from "../store/store.ts";
import { isHere } from "../worktree/check.ts";
import { treeOf } from "../worktree/project.ts";
import { witnessed } from "./memory-extract.ts";
import { idsFor, memories, recordPass } from "./memories.ts";
import { ask, costOf, recordAsked, timesAsked, type Asker, type Price } from "./model.ts";
import { findSession, listSessions, story } from "./sessions.ts";

/** The newest session of the project that has gone on since a model read it; undefined where there is none. */
export async function nextToRead(store: Store, project: string): Promise<SessionSummary | undefined> {
  const heads = await store.heads();
  const read = new Map<string, number>();
  for (const { payload } of await timesAsked(store)) if (payload.of !== undefined && payload.upto !== undefined) read.set(payload.of, Math.max(payload.upto, read.get(payload.of) ?? 0));
  return (await listSessions(store)).find((session) => session.project === project && (heads.get(session.id) ?? 0) > (read.get(session.id) ?? 0));
}

export interface Planned extends Parts {
  readonly session: SessionSummary;
  readonly story: Story;
  /** The log's position up to which the session is read. */
  readonly upto: number;
  /** What would be sent, in tokens as counted here; a model counts its own. */
  readonly tokens: number;
  /** The most that it would cost, where the user has said what a million tokens do. */
  readonly cost: number | undefined;
}

/** What asking about a session would send. `most`: parts. */
export async function planProposals(store: Store, wanted: string | SessionSummary, most: number, price: Price | undefined): Promise<Planned> {
  const session = typeof wanted === "string" ? await findSession(store, wanted) : wanted;
  const upto = (await store.heads()).get(session.id) ?? 0;
  const told = await story(store, session.id);
  const count = await loadTokenizer();
  const parts = partsOf(told, count, most);
  const tokens = parts.parts.reduce((sum, part) => sum + part.tokens + count(EXTRACT), 0);
  return { ...parts, session, story: told, upto, tokens, cost: costOf({ input: tokens, output: EXTRACT_MOST * parts.parts.length }, price) };
}

/** One part as it is sent. The summary of those before it is the model's to give. */
export function questionOf(part: Part, before?: string): { readonly system: string; readonly text: string; readonly most: number } {
  return { system: EXTRACT, text: textOf(part, before), most: EXTRACT_MOST };
}

export interface Proposed {
  readonly asked: number;
  readonly input: number;
  readonly output: number;
  readonly cost?: number;
  /** Ids of the memories that wait now. */
  readonly proposed: readonly string[];
  /** Those that are there already, or were refused before. */
  readonly known: number;
  readonly dropped: Taken["dropped"];
  /** Passes that can be taken back. */
  readonly passes: readonly string[];
  /** Secrets taken out, by family. */
  readonly redacted: Readonly<Record<string, number>>;
  /** What ended it before its time. What was proposed until then stays. */
  readonly failure?: TidemarkError;
}

export async function propose(store: Store, asker: Asker, planned: Planned, progress?: (done: number, total: number) => void): Promise<Proposed> {
  const { parts, session, story: told, upto } = planned;
  const shown = new Shown(told);
  const [proposed, passes]: [string[], string[]] = [[], []];
  const [dropped, redacted]: [Record<keyof Taken["dropped"], number>, Record<string, number>] = [{ no_source: 0, no_quote: 0, shape: 0 }, {}];
  let [asked, input, output, known]: [number, number, number, number] = [0, 0, 0, 0];
  let [cost, before]: [number | undefined, string | undefined] = [undefined, undefined];
  const sofar = (failure?: TidemarkError): Proposed => ({ asked, input, output, ...(cost === undefined ? {} : { cost }), proposed, known, dropped, passes, redacted, ...(failure === undefined ? {} : { failure }) });
  for (const [i, part] of parts.entries()) {
    const last = i === parts.length - 1;
    const about = { purpose: "extract", of: session.id } as const;
    try {
      const answered = await ask(store, asker, questionOf(part, before), about);
      [asked, input, output] = [asked + 1, input + (answered.input ?? 0), output + (answered.output ?? 0)];
      const spend = (more: object): Promise<number | undefined> => recordAsked(store, asker, { ...about, ...more }, answered);
      const taken = await readable(answered, () => takenFrom(answered.text, part, told, shown), async (why) => void (cost = sum(cost, await spend({ why }))));
      before = taken.summary ?? before;
      const summary = last && before !== undefined ? summaryOf(before, parts, told, shown) : undefined;
      const candidates = [...taken.candidates, ...(summary === undefined ? [] : [summary])].map((each) => seen(each, told));
      const state = await memories(store);
      const { changes } = consolidate(candidates, state, idsFor(JSON.stringify([session.id, upto, i, state.last, answered.text])));
      const fresh = changes.map(({ id }) => id);
      const made = { proposed: fresh.length, known: candidates.length - fresh.length, dropped: Object.values(taken.dropped).reduce((all, each) => all + each, 0) };
      cost = sum(cost, await spend({ made, ...(last ? { upto } : {}) }));
      const passed = await recordPass(store, changes, { by: "extraction", what: `propose ${session.id}`, now: asker.now, state });
      for (const reason of ["no_source", "no_quote", "shape"] as const) dropped[reason] += taken.dropped[reason];
      for (const [family, times] of Object.entries(passed.redacted)) redacted[family] = (redacted[family] ?? 0) + times;
      if (passed.pass !== undefined) passes.push(passed.pass);
      proposed.push(...fresh);
      known += made.known;
    } catch (error) {
      const failure = asTidemarkError(error);
      if (!failure.code.startsWith("MODEL_")) throw error;
      return sofar(failure);
    }
    progress?.(i + 1, parts.length);
  }
  return sofar();
}

/** What could not be read was paid for all the same. */
export async function readable<T>({ cut }: Answered, read: () => T, garbled: (why: TidemarkError["code"]) => Promise<void>): Promise<T> {
  try {
    return read();
  } catch (error) {
    const { code, message } = asTidemarkError(error);
    if (code !== "MODEL_GARBLED") throw error;
    await garbled(code);
    throw cut ? new TidemarkError(code, `${message}: it was cut off at its limit`, { cause: error, hint: "A model that reasons at length has no room left for its answer: name another one." }) : error;
  }
}

/** Undefined where it is not known. */
function sum(before: number | undefined, more: number | undefined): number | undefined {
  return more === undefined ? before : (before ?? 0) + more;
}

function seen(candidate: Candidate, { summary: { cwd, project } }: Story): Candidate {
  return candidate.kind === "episodic" || !isHere(cwd || project) ? candidate : witnessed(candidate, treeOf(cwd || project));
}
