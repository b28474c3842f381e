/**
 * The truth: every event type, its payload, and the envelope all of them share. `docs/events.md` is printed from
 * this file. An event is a fact that happened; it is never changed.
 *
 * The envelope stands apart from the payload: erasing a text removes the payload, and the chain still holds.
 * Not here: where events are kept (store/), what they add up to (session/), how an agent writes them (agents/).
 */
import * as z from "zod";
import { TidemarkError } from "../base/errors.ts";

const count = z.number().int().nonnegative();
const text = z.string();
const provisional = z.boolean().optional().describe("from a hook or the prompt history, until the transcript's record arrives");

const speaker = text.optional().describe("who said it, where more than one person or agent is named");

const touchedFile = z.strictObject({
  path: text.describe("as the agent named it, usually absolute"),
  change: z.enum(["read", "created", "edited", "deleted"]),
  added: count.optional().describe("lines"),
  removed: count.optional().describe("lines"),
});

const task = z.strictObject({
  id: text.optional(),
  content: text,
  status: z.enum(["pending", "in_progress", "completed", "deleted"]),
});

export const MEMORY_KINDS = ["constraint", "decision", "procedural", "semantic", "episodic", "working"] as const;
/** The most characters of a memory's statement: it is one statement, and no place for a document. */
export const STATEMENT_MOST = 4000;
/** A key names what a statement is about; it stands in a line of Markdown between other marks. */
export const KEY_SHAPE = /^[^\s;<>](?:[^\n;<>]{0,198}[^\s;<>])?$/;

const evidence = z
  .strictObject({
    files: z.array(z.strictObject({ path: text.describe("from the root of the project"), hash: text.optional().describe("SHA-256 of its bytes when it was remembered") })).optional(),
    symbols: z.array(z.strictObject({ name: text, path: text, lines: text.optional().describe("SHA-256 of the lines that declare it") })).optional(),
    commands: z.array(text).optional(),
    dependencies: z.array(z.strictObject({ name: text, path: text, version: text.optional() })).optional(),
    branch: text.optional(),
    commit: text.optional(),
  })
  .describe("what of the tree it is about, and how that was");

/** What a handoff says: finished, to be done, in the way, not checked, and what a person has to decide or do. */
export const HANDOFF_PARTS = ["done", "next", "blockers", "unverified", "waiting"] as const;

/** What a memory says. A pass that adds one gives all that is not optional there; one that changes it gives what changes. */
const memory = z.strictObject({
  key: z.string().regex(KEY_SHAPE).optional().describe("its subject: of one key and scope one value holds at a time"),
  kind: z.enum(MEMORY_KINDS).optional(),
  statement: z.string().min(1).max(STATEMENT_MOST).optional(),
  scope: z
    .strictObject({
      level: z.enum(["user", "team", "project", "branch", "path", "owner"]).describe("owner: someone a program keeps memories for, by the ids it gives"),
      project: text.optional(), branch: text.optional(), path: text.optional(),
      user: text.optional(), agent: text.optional(), run: text.optional(),
    })
    .optional(),
  status: z.enum(["active", "inbox", "rejected", "superseded", "ended"]).optional(),
  trust: z.enum(["user", "inferred", "tool"]).optional().describe("user: said by the user; inferred: worked out; tool: from the output of a tool or the web"),
  confidence: z.number().min(0).max(1).optional(),
  valid_from: z.number().int().optional().describe("milliseconds since 1970"),
  valid_to: z.number().int().nullable().optional(),
  superseded_by: text.nullable().optional(),
  sources: z.array(text).optional().describe("ids of events; in a change they are added to those it has"),
  passes: count.optional().describe("how often the command passed; in a change it is added"),
  failures: count.optional(),
  about: evidence.optional(),
  replaces: z.strictObject({ old: text, by: text }).optional().describe("it only proposes that the one memory take the other's place, which is done as the user accepts it"),
  metadata: z.record(z.string(), z.json()).optional().describe("what a program has attached to it"),
});

/** Every event type with its payload. A key is a type; the description is its line in the event reference. */
export const PAYLOADS = {
  "session.started": z
    .strictObject({ cwd: text.optional(), project: text.optional(), branch: text.optional(), version: text.optional(), source: text.optional().describe("where it was read: transcript, hook, history, export") })
    .describe("A session was seen for the first time."),
  "session.resumed": z.strictObject({ from: text.describe("the session it goes on from") }).describe("A session took up another one's conversation under a new id."),
  "session.forked": z
    .strictObject({ from: text, shared: count, records: z.array(text).describe("ids of the events it shares") })
    .describe("Events recorded under another session belong to this one too: a fork and its parent."),
  "session.compacted": z
    .strictObject({ trigger: text.optional(), tokens_before: count.optional(), tokens_after: count.optional() })
    .describe("The agent replaced its context by a summary."),
  "session.summarised": z.strictObject({ text: text, by: z.enum(["agent"]) }).describe("The agent's own summary at a compaction."),
  "session.named": z.strictObject({ name: text, by: z.enum(["user", "agent"]) }).describe("A title for the session."),
  "session.opened": z
    .strictObject({ source: text.describe("startup, resume, clear, compact or fork, in the agent's own words"), model: text.optional() })
    .describe("The agent said that a context began: a start, a resume, or what follows a compaction."),
  "session.ended": z.strictObject({ reason: text }).describe("The agent said that the session ended."),
  "start.discovered": z
    .strictObject({ tree: text, project: text, branch: text.optional(), head: text.optional().describe("commit"), instructions: z.array(z.strictObject({ path: text, bytes: count, hash: text.optional().describe("SHA-256 of its text, as it lay there") })) })
    .describe("First step of a session start: where the work is, and which instruction files hold there."),
  "start.assessed": z
    .strictObject({
      previous: text.optional().describe("the session that was last at work here"),
      ending: text.optional().describe("how that one ended"),
      in_flight: text.optional().describe("its tool call whose outcome is unknown"),
      uncommitted: count.optional().describe("changed and untracked files; absent where there is no git"),
      branch_was: text.optional().describe("its branch, where the tree is on another now"),
      live: z.array(text).describe("other sessions that run in this tree now"),
    })
    .describe("Second step: the state in which the work was found."),
  "start.recalled": z
    .strictObject({
      from: text.optional().describe("the session that the context is about"),
      characters: count,
      tokens: count,
      lines: z.array(text).describe("hashes of the lines given, so that none is given twice in one context"),
      memories: z.array(text).optional().describe("ids of the memories among them"),
      nothing: text.optional().describe("why nothing was given"),
    })
    .describe("Third step: the context that was handed to the agent."),
  "context.given": z
    .strictObject({
      through: text.describe("mcp and the name of the tool or resource"),
      client: text.optional().describe("as it called itself: shown, and never believed"),
      principal: text.optional().describe("whose token it came with, over HTTP"),
      tokens: count,
      events: z.array(text).describe("ids of events whose words were given"),
      memories: z.array(text).describe("ids of memories that were given"),
    })
    .describe("Something that is kept was handed to a client that asked for it."),
  "handoff.written": z
    .strictObject({
      project: text,
      tree: text,
      of: text.optional().describe("the session whose work it is about, where that is known"),
      through: text.describe("mcp, or the command"),
      client: text.optional().describe("as it called itself: shown, and never believed"),
      principal: text.optional().describe("whose token it came with, over HTTP"),
      items: z.array(
        z.strictObject({
          part: z.enum(HANDOFF_PARTS),
          text: text,
          about: evidence.optional(),
          commits: z.array(text).optional().describe("commits it names that were there"),
          missing: z.array(text).optional().describe("files and commits it names that were not there"),
        }),
      ),
    })
    .describe("Whoever leaves work said what the next one needs to know."),
  "start.declared": z
    .strictObject({ hooks: z.boolean(), injection: z.boolean(), engine: z.boolean(), undo: text, without: z.array(text).describe("what this host does not let us do") })
    .describe("Fourth step: what can be done for this session, and what not."),
  "turn.ended": z
    .strictObject({ how: z.enum(["completed", "interrupted", "error", "limit"]), text: text.optional(), ms: count.optional(), provisional })
    .describe("How a turn came to its end, where the agent says so."),
  "subagent.started": z.strictObject({ kind: text.optional(), description: text.optional(), call: text.optional().describe("id of the call that started it") }).describe("A subagent began; its events carry its id as `thread`."),
  prompt: z
    .strictObject({
      text: text,
      kind: z.enum(["user", "command", "shell", "subagent", "notification", "injected"]).describe("user: typed; command: a slash command; shell: `!` line; subagent: task text given to one; notification, injected: not typed by anyone"),
      images: count.optional(),
      prompt_id: text.optional().describe("the agent's own id of a prompt that a hook told"),
      speaker,
      provisional,
    })
    .describe("Words given to the agent."),
  answer: z.strictObject({ text: text, speaker, provisional }).describe("Text the agent wrote."),
  thinking: z.strictObject({ characters: count }).describe("That the agent reasoned, and how much; never what."),
  "tool.called": z.strictObject({ tool: text, input: z.unknown(), provisional }).describe("The agent called a tool."),
  "tool.returned": z.strictObject({ call: text, output: text, ms: count.optional(), images: count.optional(), provisional }).describe("A tool gave its result."),
  "tool.failed": z.strictObject({ call: text, error: text, rejected: z.boolean().optional().describe("the user said no or stopped it"), provisional }).describe("A tool failed, or the user refused it."),
  "files.touched": z.strictObject({ call: text, files: z.array(touchedFile) }).describe("Files a tool call read or changed."),
  "model.changed": z.strictObject({ to: text }).describe("The model that answers from here on."),
  usage: z
    .strictObject({ message: text, model: text.optional(), input: count, output: count, cache_read: count, cache_write: count })
    .describe("Tokens of one model message, counted once per message."),
  cost: z.strictObject({ usd: z.number().nonnegative() }).describe("What the agent says the session has cost so far."),
  "instructions.loaded": z.strictObject({ path: text, kind: text.optional() }).describe("An instruction file entered the context."),
  "instructions.kept": z
    .strictObject({ path: text, hash: text.describe("SHA-256 of the text, as it lay there"), text: text })
    .describe("A version of an instruction file that had not been seen before."),
  "task.noted": z
    .strictObject({ whole: z.boolean().describe("true: this is the whole list; false: only these changed"), tasks: z.array(task) })
    .describe("The agent's plan, as it keeps it."),
  "checkpoint.sealed": z
    .strictObject({
      checkpoint: text.describe("its id, which follows from all it holds"),
      tree: text,
      kind: text.describe("call, turn, forced or restore: at which boundary"),
      by: z.enum(["agent", "restore"]),
      turn: text.optional().describe("the agent's own id of the prompt"),
      calls: z.array(text).describe("tool calls that may have made the changes"),
      undoes: z.array(text).optional().describe("checkpoints that a restore took back"),
      files: count.describe("how many changed"),
      skipped: count.describe("how many of them could not be kept"),
    })
    .describe("Files that changed were kept; what changed is in the store of checkpoints."),
  "memory.revised": z
    .strictObject({
      by: z.enum(["user", "extraction"]).describe("only the user lets a memory out of the inbox"),
      what: text.describe("what was done: remember, extract, accept, import …"),
      after: text.optional().describe("the last event about memories that the writer knew"),
      in_place_of: text.optional().describe("the pass whose place this one takes: what was to be forgotten is left out"),
      changes: z.array(
        z
          .strictObject({ id: text, was: memory.optional().describe("what it said before of what is changed; absent where it is added"), now: memory })
          .refine(({ was, now }) => was !== undefined || [now.key, now.kind, now.statement, now.scope, now.status, now.trust, now.confidence, now.valid_from].every((field) => field !== undefined), "an added memory lacks a field"),
      ),
    })
    .describe("One pass over what is remembered, with all it changed. It can be taken back whole."),
  "memory.filed": z
    .strictObject({
      space: text.describe("whose files these are: a project, or a name that a program gave"),
      files: z.array(z.strictObject({ path: text, text: text.optional().describe("absent where the file goes"), from: text.optional().describe("its path before, where it was renamed") })),
    })
    .describe("An agent wrote to its own memory files (the memory tool of the Anthropic API)."),
  "memory.reverted": z.strictObject({ of: text.describe("the pass that no longer counts, or another revert") }).describe("A pass was taken back."),
  "model.asked": z
    .strictObject({
      model: text.describe("kind and name"),
      purpose: z.enum(["trial", "extract", "judge"]).describe("trial: as it was named"),
      of: text.optional().describe("the session whose words it was given"),
      upto: count.optional().describe("with this the session was read up to this position of the log"),
      outcome: z.enum(["answered", "garbled", "failed"]).describe("garbled: it answered with something else than it was asked for"),
      why: text.optional().describe("code of the error"),
      input: count.optional().describe("tokens it read, as it counts them"),
      output: count.optional().describe("tokens it wrote"),
      cost: z.number().nonnegative().optional().describe("by the price that the user has named, or by the agent's own word in US dollars"),
      made: z.strictObject({ proposed: count, known: count, dropped: count }).optional().describe("what became of what it proposed; dropped: without a source that says so, or not in the shape"),
      verdicts: z.array(z.strictObject({ a: text, b: text, verdict: z.enum(["same", "contradicts", "unrelated"]) })).optional().describe("on pairs of memories"),
    })
    .describe("A model that the user has named was asked, and what that took. Its words are not kept; what came of them is in the inbox."),
  linked: z.strictObject({ kind: text, url: text }).describe("Something outside that the session made, such as a pull request."),
  raw: z.strictObject({ kind: text, record: z.unknown() }).describe("A record of an unknown shape, kept as it was."),
  forgotten: z.strictObject({ events: z.array(text), reason: text.optional() }).describe("These events were erased on request; their places in the chain remain."),
} as const;

export type EventType = keyof typeof PAYLOADS;
export type Payload<T extends EventType> = z.infer<(typeof PAYLOADS)[T]>;

export interface Envelope<T extends EventType = EventType> {
  /** From the source, so that recording twice is harmless: a call's id, or record uuid and block index. */
  readonly id: string;
  /** Milliseconds since 1970, by the clock of the source. */
  readonly time: number;
  readonly type: T;
  /** The session under which it was first recorded. A fork's `session.forked` adds further ones. */
  readonly session: string;
  /** The agent that wrote it: "claude-code". */
  readonly agent: string;
  /** Subagent id; absent on the main thread. */
  readonly thread?: string;
  /** Source record it came from, and the nearest kept record before that in its thread. */
  readonly record?: string;
  readonly parent?: string;
}

type Of<T extends EventType> = Envelope<T> & { readonly payload: Payload<T> };
/** A recorded fact: the envelope and a payload of the envelope's type. */
export type Event = { [T in EventType]: Of<T> }[EventType];
export type EventOf<T extends EventType> = Of<T>;

/** Ids are compared and hashed as bytes: SQLite ends a text at NUL, and UTF-8 has no half of a surrogate pair. */
const id = z.string().min(1).max(400).refine((value) => value.isWellFormed() && !value.includes("\0"), "must not hold NUL or half a surrogate pair");

const envelope = z.strictObject({
  id,
  time: z.number().int().min(-8.64e15).max(8.64e15),
  type: z.enum(Object.keys(PAYLOADS) as [EventType, ...EventType[]]),
  session: id,
  agent: z.string().min(1).max(60),
  thread: id.optional(),
  record: id.optional(),
  parent: id.optional(),
  payload: z.unknown(),
});

/** Checks envelope and payload. Throws EVENT_INVALID with the path of what is wrong. */
export function parseEvent(value: unknown): Event {
  const outer = envelope.safeParse(value);
  if (!outer.success) throw invalid(value, outer.error);
  const inner = PAYLOADS[outer.data.type].safeParse(outer.data.payload);
  if (!inner.success) throw invalid(value, inner.error);
  return value as Event;
}

function invalid(value: unknown, error: z.ZodError): TidemarkError {
  const { id, type } = (value ?? {}) as { id?: unknown; type?: unknown };
  const issue = error.issues[0];
  return new TidemarkError("EVENT_INVALID", `Event ${String(id)} (${String(type)}): ${issue?.path.join(".") || "value"}: ${issue?.message}`, { cause: error });
}
