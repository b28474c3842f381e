/** Proves that the log is what was recorded and that everything derived from it equals a rebuild. Finds, never mends. */
import type { Problem } from "../store/problems.ts";
import type { Store } from "../store/store.ts";
import { refreshSummaries, story } from "./sessions.ts";

export interface Verified {
  readonly events: number;
  readonly head: string;
  readonly problems: Problem[];
}

export async function verify(store: Store, progress?: (label: string, done: number, total: number) => void): Promise<Verified> {
  const problems = await store.check((done, total) => progress?.("chain and objects", done, total));
  // Summaries that are merely older than their session are work not yet done, not damage.
  if (problems.length === 0) await refreshSummaries(store);
  problems.push(...(await store.checkIndex((done, total) => progress?.("text index", done, total))), ...(await checkSummaries(store, progress)));
  const { position, link } = await store.head();
  return { events: position, head: link, problems };
}

async function checkSummaries(store: Store, progress?: (label: string, done: number, total: number) => void): Promise<Problem[]> {
  const problems: Problem[] = [];
  const heads = await store.heads();
  let done = 0;
  for (const { summary, upTo } of await store.summaries()) {
    progress?.("session summaries", (done += 1), heads.size);
    if (!heads.has(summary.id)) problems.push({ code: "SUMMARY_DIFFERS", where: `session ${summary.id}`, message: "It has a summary and no events" });
    if (heads.get(summary.id) !== upTo) continue;
    const again = (await story(store, summary.id)).summary;
    if (JSON.stringify(again) !== JSON.stringify(summary)) problems.push({ code: "SUMMARY_DIFFERS", where: `session ${summary.id}`, message: "Its summary is not what its events add up to" });
  }
  return problems;
}
