/**
 * Files that a request will probably change, with reasons (context/likely.ts): finds the sessions that say something of
 * it and what each of them changed, and leaves out files that are gone.
 */
import { shownPath } from "../base/text.ts";
import { likelyFiles, type LikelyFile, type PastSession } from "../context/likely.ts";
import type { SessionSummary } from "../session/summary.ts";
import { understand } from "../store/question.ts";
import type { PassageFilter, Store } from "../store/store.ts";
import { checkFile, isHere } from "../worktree/check.ts";

export type { LikelyFile };

/** Passages that are looked at for a request. */
const PASSAGES = 60;
/** The newest sessions of a project that are judged by. */
const SESSIONS = 100;

export interface LikelyOptions {
  readonly project: string;
  readonly branch?: string;
  readonly now: number;
  readonly limit: number;
}

export async function likelyFor(store: Store, text: string, { project, branch, now, limit }: LikelyOptions): Promise<LikelyFile[]> {
  const past = await pastOf(store, project);
  const found = await fitOf(store, text, { project, now });
  const likely = likelyFiles({ text, found, ...(branch === undefined ? {} : { branch }) }, past, limit * 2);
  return likely.filter(({ path }) => !isHere(project) || checkFile(project, [project], { paths: [`${project}/${path}`], names: [] }, now)?.check !== "gone").slice(0, limit);
}

/** Sessions by how well what was said in them fits: their best passage whole, each further one half of the one before. */
export async function fitOf(store: Store, request: string, { now, ...filter }: PassageFilter & { readonly now: number }): Promise<Map<string, number>> {
  const { passages } = await store.recall(understand(request, now), filter, PASSAGES);
  const fit = new Map<string, { sum: number; next: number }>();
  for (const { event, score } of passages) {
    const { sum, next } = fit.get(event.session) ?? { sum: 0, next: 1 };
    fit.set(event.session, { sum: sum + score * next, next: next * 0.5 });
  }
  return new Map([...fit].map(([session, { sum }]) => [session, sum]));
}

async function pastOf(store: Store, project: string): Promise<PastSession[]> {
  const sessions = (await store.summaries()).map(({ summary }) => summary).filter((summary) => summary.project === project).slice(0, SESSIONS).reverse();
  const past = new Map(sessions.map((summary) => [summary.id, { ...about(summary), changed: new Map<string, number>(), read: new Set<string>() }]));
  for (const { event, erased } of await store.ofTypes(["files.touched"], [...past.keys()])) {
    const session = past.get(event.session);
    if (erased || event.type !== "files.touched" || session === undefined) continue;
    for (const { path: full, change } of event.payload.files) {
      const path = shownPath(full, project);
      // What lies elsewhere is no file of the project.
      if (path.startsWith("/")) continue;
      if (change === "read") session.read.add(path);
      else session.changed.set(path, (session.changed.get(path) ?? 0) + 1);
    }
  }
  return [...past.values()];
}

function about({ id, branch }: SessionSummary): Pick<PastSession, "id" | "branch"> {
  return { id, ...(branch === undefined ? {} : { branch }) };
}
