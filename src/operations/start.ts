/**
 * A context begins: finds out where the work is and in which state, chooses what to hand over, and says what can be done
 * here. Each of the four steps is an event. What to say is decided in context/start.ts; reading the hook's payload and
 * printing the answer is the shell's.
 */
import { join } from "node:path";
import { managedFolder } from "../agents/claude-code/instructions.ts";
import { resumeCommand } from "../agents/histories.ts";
import { runningSessions, WITHOUT, type Asked, type Running } from "../agents/claude-code/start.ts";
import { AGENT } from "../agents/claude-code/translate.ts";
import { loadTokenizer, type CountTokens } from "../base/tokens.ts";
import { shownPath } from "../base/text.ts";
import { asGoingOn, endOf, hand, handoffBudget, kindOf, notesOf, standingBudget, type Handed, type Kind, type Note, type Situation } from "../context/start.ts";
import { handoffLines } from "../context/handoff.ts";
import type { Standing } from "../context/standing.ts";
import type { Event, EventType, Payload } from "../event/schema.ts";
import type { Story } from "../session/fold.ts";
import type { SessionSummary } from "../session/summary.ts";
import type { Store } from "../store/store.ts";
import { checkFile } from "../worktree/check.ts";
import { projectOf, realPlace, treeOf } from "../worktree/project.ts";
import { treeState, type Environment, type TreeState } from "../worktree/state.ts";
import { keptVersions, seenInstructions } from "./instruction-versions.ts";
import { claudeInstructionsAt } from "./instructions.ts";
import { newestHandoff } from "./handoff.ts";
import { whyRefused } from "./tree-place.ts";
import type { Here } from "./recall-memories.ts";
import { record } from "./record.ts";
import { briefer } from "./resume.ts";
import { notesFor, SESSION_FILE } from "./session-file.ts";
import { newestIdle, refreshSummaries, sessionsOf, story } from "./sessions.ts";
import { isPaused, type Paused } from "./settings.ts";
import { standing } from "./standing.ts";

export interface StartOptions {
  readonly asked: Asked;
  /** The same for the same payload: one start can be told by two hooks. */
  readonly key: string;
  readonly now: number;
  readonly configDir: string;
  /** The state folder, where the session's own file is. */
  readonly home: string;
  readonly environment: Environment;
  readonly isAlive: (pid: number, since: number) => boolean;
  /** The processes above the hook: the client that asks is one of them, and no other session. */
  readonly callers: ReadonlySet<number>;
  readonly paused: Paused;
  /** Whether an engine takes in what hooks leave. */
  readonly engine: boolean;
  /** False while another process holds the store: it is read, and nothing waits for it. */
  readonly writable: boolean;
  /** Takes in what transcripts tell by now; those of the sessions named are others' to follow. */
  readonly catchUp?: (others: ReadonlySet<string>) => Promise<void>;
  /** The tokenizer, where the caller has it. */
  readonly countTokens?: CountTokens;
}

export interface Prepared {
  /** Empty where nothing is handed over; `nothing` says why. */
  readonly text: string;
  readonly nothing?: string;
  readonly events: readonly Event[];
}

/** Two hooks tell of one start within this, in milliseconds. The same payload later is another start. */
const SAME_START = 10_000;

/** Files of a session that are looked at when it goes on. */
const LOOKED_AT = 60;

/** What is to be handed over, and the events that say so; nothing is written but what `catchUp` takes in. */
export async function prepareStart(store: Store, options: StartOptions): Promise<Prepared> {
  const { asked } = options;
  const key = await freshKey(store, options);
  if (key === undefined) return { text: "", nothing: "given already", events: [] };
  return new Start(store, options, `${asked.session}:start:${key}`).prepare();
}

/** False where another hook of the same start was first: then what was prepared has been handed over already. */
export async function recordStart(store: Store, { events }: Prepared): Promise<boolean> {
  return events.length > 0 && (await record(store, events)).added > 0;
}

async function freshKey(store: Store, { asked, key, now }: StartOptions): Promise<string | undefined> {
  for (let n = 0; ; n++) {
    const own = n === 0 ? key : `${key}.${n}`;
    const [known] = await store.get([`${asked.session}:start:${own}:recalled`]);
    if (known === undefined) return own;
    if (Math.abs(now - known.event.time) < SAME_START) return undefined;
  }
}

/** What this context goes on from. */
interface Past {
  /** Hashes of the lines it has been given. */
  readonly given: ReadonlySet<string>;
  /** Sessions whose conversation it began with. */
  readonly parents: ReadonlySet<string>;
  /** When it, or the one it was forked from, was last told what is new; undefined where that is not known. */
  readonly since?: number;
  /** When it was itself: what its parents did after that is new to it. */
  readonly told?: number;
  readonly branch?: string;
}

const NEW_CONTEXT: Past = { given: new Set(), parents: new Set() };

class Start {
  readonly #store: Store;
  readonly #options: StartOptions;
  readonly #asked: Asked;
  readonly #id: string;
  readonly #kind: Kind;
  readonly #tree: string;
  readonly #project: string;
  readonly #others: readonly Running[];

  constructor(store: Store, options: StartOptions, id: string) {
    this.#store = store;
    this.#options = options;
    this.#asked = options.asked;
    this.#id = id;
    this.#kind = kindOf(this.#asked.event, this.#asked.source);
    this.#tree = treeOf(this.#asked.cwd);
    this.#project = projectOf(this.#asked.cwd);
    this.#others = runningSessions(options.configDir, options.isAlive).filter(({ pid, session }) => session !== this.#asked.session && !options.callers.has(pid));
  }

  async prepare(): Promise<Prepared> {
    const { cwd } = this.#asked;
    // Git works while the store is read.
    const stating: Promise<TreeState> = this.#kind === "part" ? Promise.resolve({}) : treeState(cwd, this.#options.environment);
    await this.#catchUp();
    const paused = isPaused(this.#options.paused, this.#project, this.#asked.session);
    const own = this.#kind === "brief" ? undefined : await story(this.#store, this.#asked.session);
    const before = this.#kind === "brief" ? await this.#previous() : this.#kind === "delta" ? own : undefined;
    if (this.#kind === "delta" && this.#options.writable) await refreshSummaries(this.#store);
    const past = this.#kind === "delta" && own !== undefined ? await this.#past(own) : NEW_CONTEXT;
    const state = await stating;
    const assessed = this.#assess(before, past, state);
    const handed = paused ? { text: "", tokens: 0, lines: [], memories: [], nothing: "paused" } : await this.#hand(own, before, past, state);
    const events = this.#asked.event === "SubagentStart" ? [] : [...this.#discover(state), assessed, this.#declare(paused)];
    events.push(this.#recalled(handed));
    return { text: handed.text, ...(handed.nothing === undefined ? {} : { nothing: handed.nothing }), events };
  }

  async #catchUp(): Promise<void> {
    const { writable, catchUp } = this.#options;
    if (!writable) return;
    await catchUp?.(new Set(this.#others.map(({ session }) => session)));
  }

  /** The newest session of the project that runs nowhere. */
  async #previous(): Promise<Story | undefined> {
    if (this.#options.writable) await refreshSummaries(this.#store);
    const out = new Set([this.#asked.session, ...this.#others.map(({ session }) => session)]);
    const newest = await newestIdle(this.#store, this.#project, out);
    return newest === undefined ? undefined : story(this.#store, newest.id);
  }

  async #here(): Promise<SessionSummary[]> {
    return sessionsOf(this.#store, this.#project);
  }

  async #past({ summary }: Story): Promise<Past> {
    const { session, silent } = this.#asked;
    const links = (await this.#store.ofTypes(["session.forked", "session.resumed"])).map(({ event }) => event);
    const parents = new Set(links.flatMap((link) => ((link.type === "session.forked" || link.type === "session.resumed") && link.session === session ? [link.payload.from] : [])));
    if (parents.size === 0 && summary.turns === 0) for (const id of await this.#spokeLast()) parents.add(id);
    const given = new Set<string>();
    let [since, told, branch, began]: [number | undefined, number | undefined, string | undefined, number | undefined] = [undefined, undefined, undefined, undefined];
    for (const id of [...parents, session]) {
      for (const { event } of await this.#store.read(id)) {
        // Of events that two sessions share, each is read under the one it was recorded for.
        if (event.session !== id || event.thread !== undefined) continue;
        if (event.type === "session.started") began ??= event.time;
        if (event.type === "start.discovered" && id === session) ({ branch } = event.payload);
        if (event.type !== "start.recalled") continue;
        // The ledger is about the session itself: with it a new context begins.
        if (event.payload.from === id) given.clear();
        for (const line of event.payload.lines ?? []) given.add(line);
        if (event.payload.nothing === PAUSED) continue;
        since = event.time;
        if (id === session) told = event.time;
      }
    }
    since ??= began ?? (silent === undefined ? undefined : this.#options.now - silent + SPOKE);
    branch ??= summary.branch;
    return { given, parents, ...(since === undefined ? {} : { since }), ...(told === undefined ? {} : { told }), ...(branch === undefined ? {} : { branch }) };
  }

  /** A fork's transcript may not be there yet: it comes from the session that ended when the client says its model last spoke. */
  async #spokeLast(): Promise<string[]> {
    const { silent } = this.#asked;
    if (silent === undefined) return [];
    const at = this.#options.now - silent;
    const near = (await this.#here()).map(({ id, ended }) => ({ id, off: Math.abs(ended - at) })).sort((a, b) => a.off - b.off)[0];
    return near !== undefined && near.off < SPOKE ? [near.id] : [];
  }

  #live(): readonly Running[] {
    return this.#others.filter(({ cwd }) => cwd === this.#tree || cwd.startsWith(`${this.#tree}/`));
  }

  async #hand(own: Story | undefined, before: Story | undefined, past: Past, state: TreeState): Promise<Handed & { from?: string; nothing?: string }> {
    const { now } = this.#options;
    const fresh = this.#kind === "delta" ? await this.#endedSince(past) : [];
    const quoted = await this.#quoted(own, before, fresh[0]);
    const notes = [...notesOf(this.#situation(before, past, state, fresh.slice(1))), ...(await this.#sessionNotes())];
    const countTokens = this.#options.countTokens ?? (await loadTokenizer());
    const { branch, head } = state;
    const here = { project: this.#project, tree: this.#tree, ...(branch === undefined ? {} : { branch }), ...(head === undefined ? {} : { head }) };
    const memories = [...(await this.#handedOver(here, countTokens)), ...(await standing(this.#store, here, { now, budget: standingBudget(this.#kind), countTokens }))];
    // How much is not committed says nothing to an agent that knows of no work before.
    if (quoted === undefined && memories.length === 0 && notes.every(({ key }) => key.startsWith("uncommitted:"))) return { text: "", tokens: 0, lines: [], memories: [], nothing: this.#kind === "delta" ? "nothing new" : "nothing is known yet" };
    const handed = hand({ kind: this.#kind, standing: memories, notes, given: past.given, countTokens, now, ...(quoted === undefined ? {} : { quoted: { summary: quoted.summary, pack: briefer(endOf(quoted), countTokens, this.#kind === "ledger" || undefined) } }) });
    return { ...handed, ...(quoted === undefined ? {} : { from: quoted.summary.id }), ...(handed.text === "" ? { nothing: "nothing new" } : {}) };
  }

  /** A context that was replaced knows of it no more; a part of the work is given what its own prompt says. */
  async #handedOver(here: Here, countTokens: CountTokens): Promise<Standing[]> {
    if (this.#kind === "part") return [];
    const { now, environment } = this.#options;
    const handoff = await newestHandoff(this.#store, this.#project, () => Promise.resolve(here), environment, now);
    return handoff === undefined ? [] : handoffLines(handoff, { budget: handoffBudget(this.#kind), countTokens, now });
  }

  /** What hands wrote into the session's file; what is derived there stands in the brief already. */
  async #sessionNotes(): Promise<Note[]> {
    const session = this.#kind === "brief" ? undefined : this.#asked.session;
    const lines = await notesFor(this.#store, this.#options.home, this.#tree, session, this.#kind === "part" ? NOTES_OF_A_PART : NOTES);
    return lines.map((line) => ({ key: `session-file:${line}`, text: `${SESSION_FILE}, ${line}` }));
  }

  async #quoted(own: Story | undefined, before: Story | undefined, fresh: SessionSummary | undefined): Promise<Story | undefined> {
    switch (this.#kind) {
      case "brief":
        return before;
      case "delta":
        return fresh === undefined ? undefined : story(this.#store, fresh.id);
      case "ledger":
        return own === undefined || own.turns.length === 0 ? undefined : asGoingOn(own);
      case "part":
        return own === undefined || own.turns.length === 0 ? this.#previous() : asGoingOn(own);
    }
  }

  async #endedSince({ since, told, parents }: Past): Promise<SessionSummary[]> {
    if (since === undefined) return [];
    const out = new Set([this.#asked.session, ...this.#others.map(({ session }) => session)]);
    return (await this.#here()).filter(({ id, ended }) => !out.has(id) && ended > (parents.has(id) ? (told ?? Infinity) : since));
  }

  #situation(before: Story | undefined, past: Past, state: TreeState, further: readonly SessionSummary[]): Situation {
    const branchWas = this.#kind === "delta" ? past.branch : before?.summary.branch;
    const summary = before?.summary;
    const command = summary === undefined ? undefined : resumeCommand(summary.agent, summary.id, summary.cwd || summary.project);
    return {
      kind: this.#kind, now: this.#options.now, live: this.#live(), further, ...state,
      ...(before === undefined ? {} : { before }), ...(command === undefined ? {} : { command }), ...(branchWas === undefined ? {} : { branchWas }),
      ...(this.#kind === "delta" && before !== undefined ? this.#fileChanges(before) : {}),
    };
  }

  /** Of the files a session worked with, latest first, those that are not as it left them. */
  #fileChanges({ turns, summary }: Story): Pick<Situation, "changed" | "gone"> {
    const paths = new Set<string>();
    for (const turn of turns.toReversed()) for (const { path, change } of turn.files) if (change !== "deleted" && paths.size < LOOKED_AT) paths.add(path);
    const [changed, gone]: [string[], string[]] = [[], []];
    for (const path of paths) {
      const answer = checkFile(this.#tree, [this.#asked.cwd, this.#tree], { paths: [path], names: [] }, summary.ended + CLOCKS);
      if (answer?.check === "changed") changed.push(shownPath(path, this.#tree));
      else if (answer?.check === "gone") gone.push(shownPath(path, this.#tree));
    }
    return { changed, gone };
  }

  /** With the versions of instruction files; those that are known add nothing. */
  #discover({ branch, head }: TreeState): Event[] {
    const { configDir, environment, now } = this.#options;
    const { files } = claudeInstructionsAt({ cwd: realPlace(join(this.#asked.cwd, ".")), home: environment["HOME"] ?? "", configDir, managedDir: managedFolder(process.platform), environment });
    const discovered = this.#event("start.discovered", "discovered", { tree: this.#tree, project: this.#project, ...(branch === undefined ? {} : { branch }), ...(head === undefined ? {} : { head }), instructions: seenInstructions(files) });
    return [discovered, ...keptVersions(files, { session: this.#asked.session, agent: AGENT, time: now })];
  }

  #assess(before: Story | undefined, past: Past, { branch, uncommitted }: TreeState): Event {
    const branchWas = this.#kind === "delta" ? past.branch : before?.summary.branch;
    const known = before === undefined || before.turns.length === 0 ? {} : { previous: before.summary.id, ending: before.summary.ending, ...(before.openCall === undefined ? {} : { in_flight: before.openCall.id }) };
    return this.#event("start.assessed", "assessed", {
      ...known,
      ...(uncommitted === undefined ? {} : { uncommitted }),
      ...(branch === undefined || branchWas === undefined || branch === branchWas ? {} : { branch_was: branchWas }),
      live: this.#live().map(({ session }) => session),
    });
  }

  #recalled({ text, tokens, lines, memories, from, nothing }: Handed & { from?: string; nothing?: string }): Event {
    // A ledger that was empty or paused still marks where the context began anew.
    const about = this.#kind === "ledger" ? this.#asked.session : from;
    return this.#event("start.recalled", "recalled", { ...(about === undefined ? {} : { from: about }), characters: text.length, tokens, lines: [...lines], ...(memories.length === 0 ? {} : { memories: [...memories] }), ...(nothing === undefined ? {} : { nothing }) });
  }

  #declare(paused: boolean): Event {
    return this.#event("start.declared", "declared", { hooks: true, injection: !paused, engine: this.#options.engine, undo: whyRefused(this.#tree, this.#options.environment["HOME"] ?? "") ?? "what agents do to files, shell commands included", without: [...WITHOUT] });
  }

  #event<T extends EventType>(type: T, step: string, payload: Payload<T>): Event {
    const { session, thread } = this.#asked;
    return { id: `${this.#id}:${step}`, time: this.#options.now, type, session, agent: AGENT, ...(thread === undefined ? {} : { thread }), payload } as Event;
  }
}

/** How much of what hands wrote into a session's file is given, in characters; an agent that does a part has 500 tokens for all. */
const NOTES = 2000;
const NOTES_OF_A_PART = 500;

const PAUSED = "paused";

/** A session's last record and its model's last words lie this near to each other, in milliseconds; the client rounds to seconds. */
const SPOKE = 5000;

/** A file's time and the transcript's are not of one clock, in milliseconds. */
const CLOCKS = 1000;
