/** Proves that the log is what was recorded and that everything derived from it equals a rebuild. Finds, never mends. */
import type { Problem } from "../store/problems.ts";
import type { Store } from "../store/store.ts";
import { derived } from "./sessions.ts";

export interface Verified {
  readonly events: number;
  readonly head: string;
  readonly problems: Problem[];
}

export async function verify(store: Store, progress?: (label: string, done: number, total: number) => void): Promise<Verified> {
  const problems = await store.check((done, total) => progress?.("chain and objects", done, total));
  problems.push(...(await store.checkIndex((done, total) => progress?.("text index", done, total))), ...(await checkSummaries(store, problems.length > 0, progress)));
  const { position, link } = await store.head();
  return { events: position, head: link, problems };
}

async function checkSummaries(store: Store, damaged: boolean, progress?: (label: string, done: number, total: number) => void): Promise<Problem[]> {
  const problems: Problem[] = [];
  const heads = await store.heads();
  let done = 0;
  for (const { summary, upTo } of await store.summaries()) {
    progress?.("session summaries", (done += 1), heads.size);
    if (!heads.has(summary.id)) problems.push({ code: "SUMMARY_DIFFERS", where: `session ${summary.id}`, message: "It has a summary and no events" });
    // One that is merely older than its session is work not yet done, not damage.
    if (heads.get(summary.id) !== upTo) continue;
    const again = await foldAgain(store, summary.id, damaged);
    if (again === undefined) continue;
    if (JSON.stringify(again.trace) !== JSON.stringify(await store.trace(summary.id))) problems.push({ code: "SUMMARY_DIFFERS", where: `session ${summary.id}`, message: "What it touched and ran is not what its events say" });
    if (JSON.stringify(again.summary) !== JSON.stringify(summary)) problems.push({ code: "SUMMARY_DIFFERS", where: `session ${summary.id}`, message: "Its summary is not what its events add up to" });
  }
  return problems;
}

/** Undefined where the log is damaged so that the session cannot be read: walking the chain has named the place. */
async function foldAgain(store: Store, session: string, damaged: boolean): Promise<Awaited<ReturnType<typeof derived>> | undefined> {
  try {
    return await derived(store, session);
  } catch (error) {
    if (damaged) return undefined;
    throw error;
  }
}
