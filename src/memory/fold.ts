/**
 * Events folded into memories, as they stand now or stood at an instant of the log. Pure; the rules that are easy to get
 * wrong are all here, so that a pass need only say what it meant:
 *
 * - Order is that of the log. When something was recorded is the time of its pass, or of the latest pass before it where
 *   the clock went back.
 * - A pass that is taken back counts for nothing, as if it had never been recorded; taking back a revert makes it count
 *   again. What later passes did stays done: a value that was superseded by one that still counts stays superseded, and
 *   changes to a memory that is no longer there change nothing.
 * - Of one key in one scope one value holds at a time: the one that is valid from latest, and of two from the same instant
 *   the later in the log. Each ends where the next begins, also when an older one becomes known late.
 * - What says the same as the value that holds is merged into it.
 * - What was worked out never ends what the user said: it goes to the inbox, and both are kept.
 * - Only a pass of the user lets a memory out of the inbox. What came from a tool is put there whatever its pass says.
 * - A value that ended another which its writer had not seen (two writers at once) is named as a contradiction.
 */
import { isValid, slotOf, standing, type Contradiction, type Fields, type Memory, type MemoryEvent } from "./model.ts";
import { contentOf } from "./likeness.ts";

export interface MemoryState {
  /** Every memory there ever was and was not taken back, in the order of the log. */
  readonly memories: ReadonlyMap<string, Memory>;
  readonly passes: readonly Pass[];
  readonly contradictions: readonly Contradiction[];
  /** By slot and content: what was proposed before, also in passes that were taken back, with the events it was taken from. */
  readonly proposed: ReadonlyMap<string, readonly (readonly string[])[]>;
  /** The last event that was folded. */
  readonly last?: string;
}

export interface Pass {
  readonly id: string;
  /** When it was recorded: never before the pass ahead of it. */
  readonly recorded: number;
  readonly event: MemoryEvent;
  /** False where it was taken back. */
  readonly counts: boolean;
}

/** Where it stands in the log: among all memories, its pass among passes, and the last pass its writer had seen. */
interface Place {
  readonly order: number;
  readonly index: number;
  readonly after: number;
}

type Draft = { -readonly [K in keyof Memory]: Memory[K] } & { passed: string[]; readonly place: Place };

/** `known`: only what was recorded until then, in milliseconds since 1970. */
export function foldMemories(events: readonly { event: MemoryEvent; erased: boolean }[], known = Infinity): MemoryState {
  const passes = passesOf(events, known);
  const index = new Map(passes.map(({ id }, i) => [id, i]));
  const drafts = new Map<string, Draft>();
  const proposed = new Map<string, (readonly string[])[]>();
  for (const [i, { event, recorded, counts }] of passes.entries()) {
    if (event.type !== "memory.revised") continue;
    const { by, changes, after } = event.payload;
    for (const { id, was, now } of changes ?? []) {
      if (was === undefined) {
        const proposal = proposalOf(now);
        const before = proposed.get(proposal);
        if (before === undefined) proposed.set(proposal, [now.sources ?? []]);
        else before.push(now.sources ?? []);
      }
      if (!counts) continue;
      if (was !== undefined) change(drafts.get(id), now, by === "user", event.id);
      else if (!drafts.has(id)) drafts.set(id, draftOf(id, now, { order: drafts.size, index: i, after: after === undefined ? -1 : (index.get(after) ?? -1) }, recorded, event.id));
    }
  }
  const contradictions = settle([...drafts.values()]);
  const memories = new Map([...drafts].map(([id, draft]) => [id, memoryOf(draft)]));
  const last = passes.at(-1)?.id;
  return { memories, passes, contradictions, proposed, ...(last === undefined ? {} : { last }) };
}

/** Memories that are given when asked for, as valid at an instant. An episode is over and still worth telling. */
export function valid(state: MemoryState, at: number): Memory[] {
  return [...state.memories.values()].filter((memory) => (memory.status === "active" || memory.status === "superseded" || memory.status === "ended") && isValid(memory, at));
}

/** What an added memory proposes, told apart from the same words elsewhere. */
export function proposalOf({ key, scope, statement }: Fields): string {
  return key === undefined || scope === undefined || statement === undefined ? "" : `${slotOf({ key, scope })}\n${contentOf(statement)}`;
}

function passesOf(events: readonly { event: MemoryEvent; erased: boolean }[], known: number): Pass[] {
  /** What is left of a pass of which something was forgotten; where that happened again, the later one. */
  const replacements = new Map<string, MemoryEvent>();
  for (const { event, erased } of events) {
    const place = !erased && event.type === "memory.revised" ? event.payload.in_place_of : undefined;
    if (place !== undefined) replacements.set(place, event);
  }
  const passes: { id: string; recorded: number; event: MemoryEvent }[] = [];
  let recorded = -Infinity;
  for (const { event, erased } of events) {
    recorded = Math.max(recorded, event.time);
    if (recorded > known) break;
    if (event.type === "memory.revised" && event.payload.in_place_of !== undefined) continue;
    const left = replacements.get(event.id);
    // Erased, and nothing of it is left: its place in the order stays.
    if (erased && left === undefined) passes.push({ id: event.id, recorded, event: { ...event, type: "memory.revised", payload: { by: "user", what: "forgotten", changes: [] } } });
    else passes.push({ id: event.id, recorded, event: left === undefined ? event : ({ ...event, payload: left.payload } as MemoryEvent) });
  }
  const taken = new Set<string>();
  const seen = new Set(passes.map(({ id }) => id));
  // From the end: a revert that was itself taken back takes nothing back. One can only name what is before it.
  for (const { id, event } of passes.toReversed()) {
    seen.delete(id);
    if (event.type === "memory.reverted" && !taken.has(id) && seen.has(event.payload.of)) taken.add(event.payload.of);
  }
  return passes.map((pass) => ({ ...pass, counts: !taken.has(pass.id) }));
}

function draftOf(id: string, now: Fields, place: Place, recorded: number, pass: string): Draft {
  const { key, kind, statement, scope, trust, status, confidence, valid_from, valid_to, about, replaces, metadata, sources = [], passes = 0, failures = 0 } = now as { [K in keyof Fields]-?: NonNullable<Fields[K]> };
  const draft: Draft = {
    id, key, kind, statement, scope, trust, confidence, valid_from, recorded_at: recorded, sources: [...new Set(sources)], passes, failures, passed: [pass], place, accepted: false,
    status: trust === "tool" && status === "active" ? "inbox" : status,
  };
  if (typeof valid_to === "number") draft.valid_to = valid_to;
  if (about !== undefined) draft.about = about;
  if (replaces !== undefined) draft.replaces = replaces;
  if (metadata !== undefined) draft.metadata = metadata;
  return draft;
}

function change(draft: Draft | undefined, now: Fields, byUser: boolean, pass: string): void {
  if (draft === undefined) return;
  const { sources = [], passes = 0, failures = 0, status, valid_to, superseded_by, ...rest } = now;
  // What it says is the user's to change, and so is letting it out of the inbox.
  if (byUser) Object.assign(draft, rest);
  else if (rest.about !== undefined) draft.about = rest.about;
  draft.sources = [...new Set([...draft.sources, ...sources])];
  draft.passes += passes;
  draft.failures += failures;
  draft.passed.push(pass);
  if (status !== undefined && (byUser || (status !== "active" && draft.status !== "rejected"))) {
    if (status === "active") draft.accepted = true;
    draft.status = status;
  }
  if (valid_to === null) delete draft.valid_to;
  else if (valid_to !== undefined) draft.valid_to = valid_to;
  if (superseded_by === null) delete draft.superseded_by;
  else if (superseded_by !== undefined) draft.superseded_by = superseded_by;
}

/** Puts the values of each slot in a row, each ending where the next begins. */
function settle(drafts: readonly Draft[]): Contradiction[] {
  const slots = new Map<string, Draft[]>();
  for (const draft of drafts) {
    // What waits or was refused holds nothing.
    if (draft.status === "inbox" || draft.status === "rejected") continue;
    const slot = slotOf(draft);
    const values = slots.get(slot);
    if (values === undefined) slots.set(slot, [draft]);
    else values.push(draft);
  }
  const contradictions: Contradiction[] = [];
  for (const values of slots.values()) if (values.length > 1) settleSlot(values, contradictions);
  return contradictions;
}

function settleSlot(values: readonly Draft[], contradictions: Contradiction[]): void {
  let holder: Draft | undefined;
  for (const draft of [...values].sort((a, b) => a.valid_from - b.valid_from || a.place.order - b.place.order)) {
    if (holder === undefined || (holder.valid_to !== undefined && holder.valid_to <= draft.valid_from)) {
      holder = draft;
      continue;
    }
    if (contentOf(holder.statement) === contentOf(draft.statement)) {
      holder.sources = [...new Set([...holder.sources, ...draft.sources])];
      holder.passes += draft.passes;
      holder.failures += draft.failures;
      holder.accepted ||= draft.accepted;
      if (draft.trust === "user") holder.trust = "user";
      // It goes on holding as long as either says so.
      if (draft.valid_to === undefined) delete holder.valid_to;
      else if (holder.valid_to !== undefined) holder.valid_to = Math.max(holder.valid_to, draft.valid_to);
      if (draft.status === "active") holder.status = "active";
      draft.status = "merged";
      draft.superseded_by = holder.id;
      continue;
    }
    if (standing(draft) < standing(holder)) {
      if (draft.status !== "active") {
        // It is over, and meanwhile something stronger held.
        draft.valid_to = draft.valid_from;
        continue;
      }
      draft.status = "inbox";
      contradictions.push({ a: holder.id, b: draft.id, why: "weaker" });
      continue;
    }
    // Of two, the later in the log was written without knowledge of the earlier.
    const [first, second] = holder.place.order < draft.place.order ? [holder, draft] : [draft, holder];
    if (first.place.index > second.place.after && first.place.index !== second.place.index) contradictions.push({ a: holder.id, b: draft.id, why: "unseen" });
    holder.valid_to = draft.valid_from;
    holder.superseded_by = draft.id;
    if (holder.status === "active") holder.status = "superseded";
    holder = draft;
  }
}

function memoryOf(draft: Draft): Memory {
  const { place: _, ...memory } = draft;
  return memory;
}
