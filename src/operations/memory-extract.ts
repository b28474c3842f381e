/**
 * Extraction of what sessions have added since the last time, session by session in the order of the log: how far it has
 * come is remembered by log position, so that it can stop anywhere and nothing is done twice. Done by commands about
 * memories and not by hooks or imports, which it would slow.
 */
import { mentionsOf } from "../memory/about.ts";
import { consolidate, type Candidate } from "../memory/consolidate.ts";
import { extract } from "../memory/extract.ts";
import { foldMemories, type MemoryState } from "../memory/fold.ts";
import type { Change, MemoryEvent } from "../memory/model.ts";
import type { Story } from "../session/fold.ts";
import type { Store } from "../store/store.ts";
import { isHere } from "../worktree/check.ts";
import { treeOf } from "../worktree/project.ts";
import { witness } from "../worktree/witness.ts";
import { idsFor, memoryEvents, recordPass } from "./memories.ts";
import { isOwnSession } from "./own-sessions.ts";
import { story } from "./sessions.ts";

/** Under this name the store's notes say up to which position of the log sessions were read. */
const EXTRACTED = "memory:extracted";
/** A process that was killed while it read keeps others from it this long, in milliseconds. */
const HELD = 60_000;

export interface Extracting {
  readonly now: number;
  /** For how long, in milliseconds of `clock`. */
  readonly ms: number;
  readonly clock: () => number;
  /** Unlike that of any other process. */
  readonly holder: string;
  readonly progress?: (done: number, total: number) => void;
}

export interface Extracted {
  readonly sessions: number;
  readonly added: number;
  /** Sessions that are still to be read. */
  readonly left: number;
}

export async function extractNew(store: Store, { now, ms, clock, holder, progress }: Extracting): Promise<Extracted> {
  const from = (await store.source(EXTRACTED))?.size ?? 0;
  const fresh = [...(await store.heads())].filter(([session, head]) => head > from && !isOwnSession(session)).sort((a, b) => a[1] - b[1]);
  if (fresh.length === 0 || (await store.lease(EXTRACTED, holder, now, now + HELD)) !== holder) return { sessions: 0, added: 0, left: fresh.length };
  try {
    const until = clock() + ms;
    const read = await memoryEvents(store);
    let [sessions, added] = [0, 0];
    for (const [session, head] of fresh) {
      if (sessions > 0 && clock() > until) break;
      const changes = changesOf(await story(store, session), foldMemories(read), head);
      const { pass } = await recordPass(store, changes, { by: "extraction", what: `extract ${session}`, now, state: foldMemories(read) });
      if (pass !== undefined) read.push(...((await store.get([pass])) as unknown as { event: MemoryEvent; erased: boolean }[]));
      await store.putSource({ path: EXTRACTED, size: head, modified: now, report: "" });
      sessions += 1;
      added += changes.filter(({ was }) => was === undefined).length;
      progress?.(sessions, fresh.length);
    }
    return { sessions, added, left: fresh.length - sessions };
  } finally {
    await store.release(EXTRACTED, holder);
  }
}

function changesOf(told: Story, state: MemoryState, head: number): Change[] {
  const { id, cwd, project } = told.summary;
  if (project === "") return [];
  const root = isHere(cwd || project) ? treeOf(cwd || project) : undefined;
  const candidates = extract(told).map((candidate) => witnessed(candidate, root));
  const { changes } = consolidate(candidates, state, idsFor(`${id} ${head}`));
  return [...changes, ...overNow(id, candidates, state)];
}

/** What the statement names in the tree, where it was not written to since the statement was made. */
export function witnessed(candidate: Candidate, root: string | undefined): Candidate {
  const about = root === undefined ? undefined : witness(root, mentionsOf(candidate.statement), candidate.valid_to ?? candidate.valid_from);
  return about === undefined ? candidate : { ...candidate, about: about as NonNullable<Candidate["about"]> };
}

/** Items of the session's plan that are open no longer, and its own episode as it was told before it went on. */
function overNow(session: string, candidates: readonly Candidate[], state: MemoryState): Change[] {
  const open = new Set(candidates.map(({ key }) => key));
  const changes: Change[] = [];
  for (const { id, key, kind, status, valid_from, valid_to } of state.memories.values()) {
    if (kind === "working" && status === "active" && key.startsWith(`plan:${session.slice(0, 8)}:`) && !open.has(key)) {
      const at = Math.max(valid_from, Math.min(valid_to ?? Infinity, candidates.find((each) => each.key === `session:${session}`)?.valid_to ?? valid_from));
      changes.push({ id, was: { status }, now: { status: "ended", valid_to: at } });
    }
  }
  return changes;
}
