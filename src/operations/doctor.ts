/**
 * What the store and its surroundings are like, and mending what can be mended without losing anything: summaries and
 * the text index are built anew, objects nobody refers to are removed. The log itself is never altered.
 */
import type { Problem } from "../store/problems.ts";
import { isOwnSession } from "./own-sessions.ts";
import type { Store } from "../store/store.ts";
import { refreshSummaries } from "./sessions.ts";
import { verify } from "./verify.ts";

export interface Health {
  readonly events: number;
  readonly sessions: number;
  readonly bytes: Record<string, number>;
  readonly problems: Problem[];
  readonly mended: string[];
  /** Problems that are left: damage to the log, which nothing can be rebuilt from. */
  readonly left: Problem[];
  readonly seconds: Record<string, number>;
}

const MENDABLE = new Set(["INDEX_DIFFERS", "SUMMARY_DIFFERS", "MEMBERSHIP_DIFFERS"]);

export async function examine(store: Store, clock: () => number, progress?: (label: string, done: number, total: number) => void): Promise<Health> {
  const seconds: Record<string, number> = {};
  const timed = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
    const from = clock();
    const result = await work();
    seconds[name] = Math.round((clock() - from) / 10) / 100;
    return result;
  };
  await store.scrub();
  const { events, problems } = await timed("verify", () => verify(store, progress));
  const mended: string[] = [];
  let left = problems;
  if (problems.some(({ code }) => code === "INDEX_DIFFERS" || code === "MEMBERSHIP_DIFFERS")) {
    await timed("rebuild of the text index", () => store.rebuildIndex((done, total) => progress?.("rebuilding the text index", done, total)));
    mended.push("the text index and what forks share were built anew from the log");
  }
  // Rebuilding what forks share changes what their summaries add up to.
  if (problems.some(({ code }) => code === "SUMMARY_DIFFERS" || code === "MEMBERSHIP_DIFFERS")) {
    await timed("rebuild of the summaries", async () => {
      await store.dropSummaries();
      await refreshSummaries(store);
    });
    mended.push("the session summaries were built anew from the log");
  }
  if (problems.some(({ code }) => MENDABLE.has(code))) left = (await timed("second verify", () => verify(store, progress))).problems;
  return { events, sessions: (await store.summaries()).filter(({ summary: { id } }) => !isOwnSession(id)).length, bytes: await store.sizes(), problems, mended, left, seconds };
}
