/**
 * Carries out a command of the memory tool: reads the files of a space from the log, decides (memory/files.ts), and records
 * what changed as one event. A lease lets one writer at a time at a space, so that no two edit the same text unseen.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { TidemarkError } from "../base/errors.ts";
import { sha256Hex } from "../base/hash.ts";
import type { EventOf } from "../event/schema.ts";
import { carryOutCommand, foldFiles, type MemoryFiles } from "../memory/files.ts";
import type { Store } from "../store/store.ts";
import { ownSession } from "./own-sessions.ts";
import { record } from "./record.ts";

export interface Space {
  /** A project, or a name. */
  readonly name: string;
  /** Made unlike any other by the caller: who holds the space while a command is carried out. */
  readonly holder: string;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
}

/** Files as they are, or as they were when the log knew what it knew at `known`, in milliseconds since 1970. */
export async function memoryFiles(store: Store, space: string, known = Infinity): Promise<MemoryFiles> {
  return foldFiles((await filed(store, space)).filter(({ time }) => time <= known));
}

/** For how long a writer that died is waited for, and how long anyone waits, in milliseconds. */
const HELD = 2000;
const PATIENCE = 5000;

/** Gives what the model is to read. Throws MEMORY_REFUSED in words that are meant for it. */
export async function commandMemoryFiles(store: Store, { name, holder, clock }: Space, command: unknown): Promise<string> {
  const lease = `memory-files:${name}`;
  for (const until = clock() + PATIENCE; (await store.lease(lease, holder, clock(), clock() + HELD)) !== holder; await sleep(20)) {
    if (clock() > until) throw new TidemarkError("STORE_BUSY", "Another program has been writing to these memory files for 5 s");
  }
  try {
    const before = await filed(store, name);
    const { answer, changes } = carryOutCommand(foldFiles(before), command);
    if (changes.length === 0) return answer;
    const now = clock();
    const id = `memory:file:${sha256Hex(JSON.stringify([now, name, before.at(-1)?.id ?? "", changes])).slice(0, 16)}`;
    await record(store, [{ id, time: now, type: "memory.filed", session: ownSession("memory", now), agent: "tidemark", payload: { space: name, files: [...changes] } }]);
    return answer;
  } finally {
    await store.release(lease, holder);
  }
}

async function filed(store: Store, space: string): Promise<EventOf<"memory.filed">[]> {
  const stored = (await store.ofTypes(["memory.filed"])) as unknown as readonly { event: EventOf<"memory.filed"> }[];
  // One that was erased says nothing any more, not even whose it was.
  return stored.map(({ event }) => event).filter(({ payload }) => payload.space === space);
}
