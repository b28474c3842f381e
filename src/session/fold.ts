/**
 * Events of one session, in the order of the log, folded into the story a person would tell: turns, what was done in
 * each, how each ended, what was gone back on. Pure. Leaves out lineage between sessions (lineage.ts).
 *
 * A turn runs from words of the user to the end of the answer. Records form a tree by their parents; the live line
 * is the path from the last record to its root. Parallel calls branch too, so what is off the path is only
 * "rewound" when the words that began its turn are off it.
 */
import type { Event, EventOf, Payload } from "../event/schema.ts";
import { clip } from "../base/text.ts";
import { settle } from "./settle.ts";
import type { Ending, SessionSummary, Tokens } from "./summary.ts";

export interface Call {
  readonly id: string;
  readonly tool: string;
  readonly input: unknown;
  readonly time: number;
  readonly thread?: string;
  /** Undefined while nothing came back: the outcome is unknown. */
  readonly outcome?: "returned" | "failed" | "rejected";
  readonly output: string;
  readonly event: Event;
}

export interface FileTouch {
  readonly path: string;
  readonly change: "read" | "created" | "edited" | "deleted";
  readonly added: number;
  readonly removed: number;
  readonly thread?: string;
}

export interface Turn {
  /** From 1 on the live line; rewound turns have 0. */
  readonly n: number;
  readonly prompt: string;
  readonly kind: "user" | "command" | "none";
  readonly id: string;
  readonly started: number;
  readonly ended: number;
  readonly ending: Ending;
  readonly calls: readonly Call[];
  readonly files: readonly FileTouch[];
  readonly answers: readonly EventOf<"answer">[];
  /** Everything of the turn: the main thread in the order of the log, then subagents. Never sorted by time: clocks go backwards. */
  readonly events: readonly Event[];
  readonly compacted: boolean;
  readonly subagents: number;
  /** The last checkpoint of what it did to files. */
  readonly checkpoint?: string;
}

export interface Task {
  readonly content: string;
  readonly status: "pending" | "in_progress" | "completed";
  readonly turn: number;
}

export interface Story {
  readonly summary: SessionSummary;
  readonly turns: readonly Turn[];
  readonly rewound: readonly Turn[];
  readonly tasks: readonly Task[];
  /** The call that was under way when the session died. */
  readonly openCall?: Call;
  /** The agent's own words at its last compaction. */
  readonly lastSummary?: string;
}

interface Node {
  readonly id: string;
  readonly parent: string | undefined;
  readonly index: number;
  readonly events: Event[];
}

const CONVERSATION = new Set(["prompt", "answer", "thinking", "tool.called", "tool.returned", "tool.failed", "turn.ended", "session.compacted", "session.summarised"]);

export function foldSession(id: string, all: readonly Event[]): Story {
  const events = settle(all);
  const main = events.filter((event) => event.thread === undefined);
  const nodes = nodesOf(main);
  const live = livePath(nodes);
  const drafts = draftTurns(nodes, live, events);
  const turns: Turn[] = [];
  const rewound: Turn[] = [];
  for (const draft of drafts) {
    const turn = finish(draft, draft.live ? turns.length + 1 : 0);
    (draft.live ? turns : rewound).push(turn);
  }
  for (const [i, turn] of turns.entries()) {
    if (BROKEN_OFF.has(turn.ending)) turns[i] = { ...turn, ending: howBrokenOff(turn, turns[i + 1]?.started, events) };
  }
  const last = turns.at(-1);
  const openCall = last?.ending === "crashed" || last?.ending === "closed" ? last.calls.findLast((call) => call.outcome === undefined) : undefined;
  const lastSummary = events.findLast((event) => event.type === "session.summarised")?.payload.text;
  return {
    summary: summarise(id, events, turns),
    turns,
    rewound,
    tasks: tasksOf(turns),
    ...(openCall === undefined ? {} : { openCall }),
    ...(lastSummary === undefined ? {} : { lastSummary }),
  };
}

/** Endings that are only known by nothing having followed. */
const BROKEN_OFF: ReadonlySet<Ending> = new Set(["crashed", "unanswered"]);

/**
 * What came between a turn that just stops and the next tells why: the agent said that it ended, it was started anew
 * without having said so, or the user went on by themselves.
 */
function howBrokenOff(turn: Turn, next: number | undefined, events: readonly Event[]): Ending {
  // A resumed client begins by hanging words of its own on the turn that was broken off.
  const worked = turn.events.reduce((latest, event) => (CONVERSATION.has(event.type) && event.type !== "prompt" && event.thread === undefined ? Math.max(latest, event.time) : latest), turn.started);
  // A hook's time is that of its call, a record's that of its making: the two may cross by a moment.
  const said = events.filter((event) => (event.type === "session.ended" && event.time >= worked - 500) || (event.type === "session.opened" && event.payload.source !== "compact" && event.time > worked));
  const [first] = said.filter((event) => event.time <= (next ?? Infinity) + 500).sort((a, b) => a.time - b.time);
  if (first?.type === "session.ended") return "closed";
  if (next === undefined) return turn.ending;
  return first === undefined ? "interrupted" : "crashed";
}

/** Main-thread records with what they became, in the order of the log. */
function nodesOf(main: readonly Event[]): Map<string, Node> {
  const nodes = new Map<string, Node>();
  for (const event of main) {
    if (!CONVERSATION.has(event.type)) continue;
    const record = event.record ?? event.id;
    const node = nodes.get(record);
    if (node === undefined) nodes.set(record, { id: record, parent: event.parent, index: nodes.size, events: [event] });
    else node.events.push(event);
  }
  return nodes;
}

/** The record before this one in the conversation; over a torn place or a compaction that is the one before it in the log. */
function before(node: Node, nodes: Map<string, Node>, order: readonly Node[]): Node | undefined {
  const parent = node.parent === undefined ? undefined : nodes.get(node.parent);
  // A parent further on in the log would be a loop.
  if (parent !== undefined && parent.index < node.index) return parent;
  // Rescued prompts know no parents: the history is a list.
  const torn = node.parent !== undefined || node.events.some((event) => event.type === "session.compacted" || (event.type === "prompt" && event.payload.provisional === true));
  return torn ? order[node.index - 1] : undefined;
}

function livePath(nodes: Map<string, Node>): Set<string> {
  const order = [...nodes.values()];
  const live = new Set<string>();
  // From the last words or work: what the client notes later can hang on a branch that was gone back on.
  const leaf = order.findLast(({ events }) => events.some((event) => event.type !== "turn.ended" && !(event.type === "prompt" && !begins(event, true)))) ?? order.at(-1);
  for (let at = leaf; at !== undefined && !live.has(at.id); at = before(at, nodes, order)) live.add(at.id);
  return live;
}

interface Draft {
  readonly node: Node | undefined;
  readonly words: EventOf<"prompt">[];
  live: boolean;
  events: Event[];
}

function draftTurns(nodes: Map<string, Node>, live: ReadonlySet<string>, all: readonly Event[]): Draft[] {
  const order = [...nodes.values()];
  const hasTranscript = all.some((event) => event.type === "prompt" && event.payload.provisional !== true);
  const ofNode = new Map<string, Draft>();
  const drafts: Draft[] = [];
  let opening: Draft | undefined;
  const open = (draft: Draft): Draft => (drafts.push(draft), draft);
  for (const node of order) {
    const words = node.events.filter((event): event is EventOf<"prompt"> => event.type === "prompt" && begins(event, hasTranscript));
    const above = before(node, nodes, order);
    let draft: Draft | undefined;
    if (words.length > 0) draft = open({ node, words, live: live.has(node.id), events: [] });
    else draft = above === undefined ? undefined : ofNode.get(above.id);
    // Records before any words: a conversation taken up in the middle.
    draft ??= opening ??= open({ node: undefined, words: [], live: true, events: [] });
    ofNode.set(node.id, draft);
    draft.events.push(...node.events);
  }
  placeResults(drafts);
  placeRest(drafts, ofNode, all);
  return drafts.filter(worthATurn);
}

function begins(event: EventOf<"prompt">, hasTranscript: boolean): boolean {
  if (event.payload.provisional === true && hasTranscript) return false;
  return event.payload.kind === "user" || event.payload.kind === "command";
}

/** A local command (/exit, /model) that led to nothing is not a turn; neither is an opening without work. */
function worthATurn(draft: Draft): boolean {
  if (draft.words.some((word) => word.payload.kind === "user")) return true;
  return draft.events.some((event) => event.type === "answer" || event.type === "tool.called");
}

/** A result belongs to the turn of its call, wherever it hangs in the tree. */
function placeResults(drafts: readonly Draft[]): void {
  const turnOf = new Map<string, Draft>();
  for (const draft of drafts) for (const event of draft.events) if (event.type === "tool.called") turnOf.set(event.id, draft);
  for (const draft of drafts) {
    const homeOf = (event: Event): Draft => ((event.type === "tool.returned" || event.type === "tool.failed") && turnOf.get(event.payload.call)) || draft;
    const strays = draft.events.filter((event) => homeOf(event) !== draft);
    if (strays.length === 0) continue;
    draft.events = draft.events.filter((event) => homeOf(event) === draft);
    for (const event of strays) homeOf(event).events.push(event);
  }
}

/** Subagents go to the turn of the call that started them; files, tasks and usage to the turn of their call or record. */
function placeRest(drafts: readonly Draft[], ofNode: ReadonlyMap<string, Draft>, all: readonly Event[]): void {
  const ofCall = new Map<string, Draft>();
  for (const draft of drafts) for (const event of draft.events) if (event.type === "tool.called") ofCall.set(event.id, draft);
  const ofThread = new Map<string, Draft>();
  const byTime = (time: number): Draft | undefined => drafts.findLast((draft) => (draft.events[0]?.time ?? 0) <= time) ?? drafts[0];
  for (const event of all) {
    if (event.type === "subagent.started" && event.thread !== undefined) {
      const home = (event.payload.call === undefined ? undefined : ofCall.get(event.payload.call)) ?? byTime(event.time);
      if (home !== undefined) ofThread.set(event.thread, home);
    }
  }
  for (const event of all) {
    if (event.thread !== undefined) {
      let home = ofThread.get(event.thread);
      if (home === undefined && (home = byTime(event.time)) !== undefined) ofThread.set(event.thread, home);
      home?.events.push(event);
    } else if (!CONVERSATION.has(event.type)) {
      const call = event.type === "files.touched" ? event.payload.call : event.type === "task.noted" ? event.id.replace(/:tasks$/, "") : event.type === "checkpoint.sealed" ? event.payload.calls?.[0] : undefined;
      const home = (call === undefined ? undefined : ofCall.get(call)) ?? (event.record === undefined ? undefined : ofNode.get(event.record));
      home?.events.push(event);
    }
  }
}

function finish(draft: Draft, n: number): Turn {
  const calls = callsOf(draft.events);
  const answers = draft.events.filter((event): event is EventOf<"answer"> => event.type === "answer" && event.thread === undefined);
  const times = draft.events.map((event) => event.time).filter((time) => time > 0);
  const started = draft.words[0]?.time ?? times[0] ?? 0;
  const sealed = draft.events.findLast((event): event is EventOf<"checkpoint.sealed"> => event.type === "checkpoint.sealed" && event.payload.by === "agent");
  return {
    n,
    id: draft.node?.id ?? draft.events[0]?.id ?? "",
    prompt: draft.words.map((word) => (word.payload.text === "" && word.payload.images ? `[${word.payload.images} image${word.payload.images > 1 ? "s" : ""}]` : word.payload.text)).join("\n"),
    kind: draft.words.some((word) => word.payload.kind === "user") ? "user" : draft.words.length > 0 ? "command" : "none",
    started,
    ended: times.reduce((latest, time) => Math.max(latest, time), started),
    ending: n === 0 ? "rewound" : endingOf(draft),
    calls,
    files: filesOf(draft.events),
    answers,
    events: draft.events,
    compacted: draft.events.some((event) => event.type === "session.compacted"),
    ...(sealed === undefined ? {} : { checkpoint: sealed.payload.checkpoint }),
    subagents: new Set(draft.events.flatMap((event) => (event.thread === undefined ? [] : [event.thread]))).size,
  };
}

function callsOf(events: readonly Event[]): Call[] {
  const results = new Map<string, EventOf<"tool.returned"> | EventOf<"tool.failed">>();
  for (const event of events) if (event.type === "tool.returned" || event.type === "tool.failed") results.set(event.payload.call, event);
  const calls: Call[] = [];
  for (const event of events) {
    if (event.type !== "tool.called") continue;
    const result = results.get(event.id);
    const outcome = result === undefined ? undefined : result.type === "tool.returned" ? "returned" : result.payload.rejected === true ? "rejected" : "failed";
    const output = result === undefined ? "" : result.type === "tool.returned" ? result.payload.output : result.payload.error;
    calls.push({
      id: event.id,
      tool: event.payload.tool,
      input: event.payload.input,
      time: event.time,
      output: output ?? "",
      event,
      ...(event.thread === undefined ? {} : { thread: event.thread }),
      ...(outcome === undefined ? {} : { outcome }),
    });
  }
  return calls;
}

function filesOf(events: readonly Event[]): FileTouch[] {
  const files = new Map<string, FileTouch>();
  for (const event of events) {
    if (event.type !== "files.touched") continue;
    for (const touched of event.payload.files ?? []) {
      const known = files.get(touched.path);
      const rank = { read: 0, edited: 1, created: 2, deleted: 3 } as const;
      const change = known === undefined || rank[touched.change] > rank[known.change] ? touched.change : known.change;
      files.set(touched.path, {
        path: touched.path,
        change,
        added: (known?.added ?? 0) + (touched.added ?? 0),
        removed: (known?.removed ?? 0) + (touched.removed ?? 0),
        ...(event.thread === undefined ? {} : { thread: event.thread }),
      });
    }
  }
  return [...files.values()];
}

function endingOf(draft: Draft): Ending {
  if (draft.words.some((word) => word.payload.provisional === true)) return "unknown";
  const main = draft.events.filter((event) => event.thread === undefined && CONVERSATION.has(event.type));
  // What follows the end of an answer is the client's: a compaction, a command's output, a notification.
  const said = main.filter((event) => event.type !== "session.compacted" && event.type !== "session.summarised" && !(event.type === "prompt" && !begins(event, true)));
  // How long a turn took is noted after one that failed, too.
  const last = said.findLast((event, i) => !(event.type === "turn.ended" && event.payload.how === "completed" && said[i - 1]?.type === "turn.ended"));
  switch (last?.type) {
    case "turn.ended":
      return last.payload.how ?? "completed";
    case "answer":
      return "completed";
    case "tool.failed":
      return last.payload.rejected === true ? "interrupted" : "crashed";
    case "tool.called":
    case "tool.returned":
    case "thinking":
      return "crashed";
    default:
      return "unanswered";
  }
}

function tasksOf(turns: readonly Turn[]): Task[] {
  let tasks = new Map<string, Task>();
  for (const turn of turns) {
    for (const event of turn.events) {
      if (event.type !== "task.noted" || event.thread !== undefined) continue;
      const noted: Payload<"task.noted"> = event.payload;
      if (noted.whole === true) tasks = new Map();
      for (const task of noted.tasks ?? []) {
        const key = task.id ?? task.content;
        const content = task.content !== "" ? task.content : (tasks.get(key)?.content ?? "");
        if (task.status === "deleted") tasks.delete(key);
        else if (content !== "") tasks.set(key, { content, status: task.status, turn: turn.n });
      }
    }
  }
  return [...tasks.values()];
}

function summarise(id: string, events: readonly Event[], turns: readonly Turn[]): SessionSummary {
  const started = events.find((event): event is EventOf<"session.started"> => event.type === "session.started" && event.session === id);
  const times = events.filter((event) => CONVERSATION.has(event.type)).map((event) => event.time).filter((time) => time > 0);
  const begin = started?.time || times[0] || 0;
  const changed = new Set(turns.flatMap((turn) => turn.files.filter((file) => file.change !== "read").map((file) => file.path)));
  const costs = events.flatMap((event) => (event.type === "cost" ? [event.payload.usd ?? 0] : []));
  const models = new Set(events.flatMap((event) => (event.type === "model.changed" && event.thread === undefined ? [event.payload.to] : [])));
  const branch = started?.payload.branch;
  return {
    id,
    agent: events[0]?.agent ?? "unknown",
    project: started?.payload.project ?? started?.payload.cwd ?? "",
    cwd: started?.payload.cwd ?? "",
    ...(branch === undefined || branch === "" ? {} : { branch }),
    started: begin,
    ended: times.reduce((latest, time) => Math.max(latest, time), begin),
    ending: turns.at(-1)?.ending ?? "unanswered",
    turns: turns.length,
    files: changed.size,
    tokens: tokensOf(events),
    ...(costs.length === 0 ? {} : { cost_usd: Math.max(...costs) }),
    title: titleOf(events, turns),
    models: [...models],
    compactions: events.filter((event) => event.type === "session.compacted").length,
    subagents: new Set(events.flatMap((event) => (event.thread === undefined ? [] : [event.thread]))).size,
    // Without the links between sessions: which of two gets the link depends on the order of their import.
    events: events.filter((event) => event.type !== "session.forked").length,
    starts: [],
    rescued: turns.length > 0 && turns.every((turn) => turn.ending === "unknown"),
  };
}

/** Each message once, with the highest output count that was seen for it. */
function tokensOf(events: readonly Event[]): Tokens {
  const messages = new Map<string, Payload<"usage">>();
  for (const event of events) {
    if (event.type !== "usage" || event.payload.message === undefined) continue;
    const known = messages.get(event.payload.message);
    if (known === undefined || known.output < event.payload.output) messages.set(event.payload.message, event.payload);
  }
  const sum = { input: 0, output: 0, cache_read: 0, cache_write: 0 };
  for (const usage of messages.values()) for (const key of ["input", "output", "cache_read", "cache_write"] as const) sum[key] += usage[key];
  return sum;
}

function titleOf(events: readonly Event[], turns: readonly Turn[]): string {
  const named = (by: "user" | "agent"): string | undefined => events.findLast((event): event is EventOf<"session.named"> => event.type === "session.named" && event.payload.by === by)?.payload.name;
  // "hi" and "yes" name nothing: the first words that say what it is about.
  const asked = turns.filter((turn) => turn.kind === "user" && turn.prompt.trim() !== "");
  const first = asked.find((turn) => turn.prompt.trim().split(/\s+/).length >= 4) ?? asked[0] ?? turns[0];
  return clip(named("user") ?? named("agent") ?? headline(first?.prompt ?? ""), 120);
}

/** The line of a long prompt that names its subject: the heading of a pasted plan, else its beginning. */
function headline(prompt: string): string {
  const heading = /^Implement the following plan:\s*\n+#+\s*(.+)/.exec(prompt)?.[1];
  return heading === undefined ? prompt : `Implement: ${heading}`;
}
