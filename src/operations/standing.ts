/**
 * The memories a context begins with. A hook waits for it: of a log with very many passes over memories only the newest are
 * read, and of the tree only what the chosen memories name. What is chosen is decided in context/standing.ts.
 */
import type { CountTokens } from "../base/tokens.ts";
import { isChosenByUse, standingHere, standingLines, type Standing } from "../context/standing.ts";
import { foldMemories } from "../memory/fold.ts";
import { MEMORY_EVENTS, type MemoryEvent } from "../memory/model.ts";
import type { Store } from "../store/store.ts";
import { ownDays } from "./own-sessions.ts";
import { check, type Here } from "./recall-memories.ts";
import { usefulnessHere } from "./uses.ts";

/** Passes that are read: 1,000 took 9 to 60 ms on two busy processors (bench/memories.ts). */
const PASSES = 2000;
/** Of a day whose passes were not counted yet. */
const UNCOUNTED = 100;

export async function standing(store: Store, here: Here, { now, budget, countTokens }: { readonly now: number; readonly budget: number; readonly countTokens: CountTokens }): Promise<Standing[]> {
  const days = await newestDays(store);
  if (days.length === 0) return [];
  const events = (await store.ofTypes(MEMORY_EVENTS, days)) as unknown as { event: MemoryEvent; erased: boolean }[];
  const state = foldMemories(events);
  const all = [...state.memories.values()];
  const usefulness = isChosenByUse(all, here, now) ? await usefulnessHere(store, state, here.project, now) : () => 1;
  const found = standingHere(all, here, now, usefulness).map((memory) => ({ memory, ...check(memory, here, now) }));
  return standingLines(found, budget, countTokens);
}

/**
 * Days with passes over memories, from the newest back, as long as they hold few enough together; one day that holds more
 * is not read either. Whole days from the newest back are safe: what was added is ended and taken back by what comes later.
 * What is older is not given at a start, and `recall` finds it.
 */
async function newestDays(store: Store): Promise<string[]> {
  const days = ownDays("memory", (await store.heads()).keys());
  const kept: string[] = [];
  let passes = 0;
  for (const day of days) {
    passes += (await store.summary(day))?.summary.events ?? UNCOUNTED;
    if (passes > PASSES) break;
    kept.push(day);
  }
  return kept;
}
