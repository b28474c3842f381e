/** Where the work in a project stands: its latest session, what that left open, and what waits on the user. */
import { resumeCommand } from "../agents/claude-code/sources.ts";
import { openQuestions } from "../context/brief.ts";
import type { SessionSummary } from "../session/summary.ts";
import type { Store } from "../store/store.ts";
import { listSessions, story } from "./sessions.ts";

export interface Status {
  readonly project: string;
  readonly here: number;
  readonly total: number;
  readonly latest?: SessionSummary;
  readonly open: string[];
  readonly waiting: string[];
  /** Further sessions of the project that ended abnormally and were not gone on with: the newest few. */
  readonly unfinished: SessionSummary[];
  readonly command?: string;
}

const ABNORMAL = new Set(["crashed", "error", "limit", "unanswered"]);

export async function status(store: Store, project: string): Promise<Status> {
  const all = await listSessions(store);
  const here = all.filter((summary) => summary.project === project);
  const latest = here[0];
  const base = { project, here: here.length, total: all.length };
  if (latest === undefined) return { ...base, open: [], waiting: [], unfinished: [] };
  const told = await story(store, latest.id);
  const open = told.tasks.filter(({ status: state }) => state !== "completed").map(({ content, status: state }) => (state === "in_progress" ? `in progress: ${content}` : content));
  if (told.openCall !== undefined) open.unshift(`outcome unknown: ${told.openCall.tool} ${JSON.stringify(told.openCall.input)}`);
  const parents = new Set(all.map(({ parent }) => parent));
  const unfinished = here.slice(1).filter(({ id, ending }) => ABNORMAL.has(ending) && !parents.has(id)).slice(0, 3);
  const command = resumeCommand(latest.id, latest.cwd || latest.project);
  return { ...base, latest, open, waiting: openQuestions(told), unfinished, ...(command === undefined ? {} : { command }) };
}
