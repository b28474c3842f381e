/**
 * Where the work in a project stands: its latest session, what that left open, what waits on the user, and what the last
 * session here was told as it began.
 */
import { resumeCommand } from "../agents/histories.ts";
import { openQuestions } from "../context/brief.ts";
import type { EventType, Payload } from "../event/schema.ts";
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

/** The last start of a session in a project, in its four steps. */
export interface LastStart {
  readonly session: string;
  readonly time: number;
  readonly discovered: Payload<"start.discovered">;
  readonly assessed?: Payload<"start.assessed">;
  readonly recalled?: Payload<"start.recalled">;
  readonly declared?: Payload<"start.declared">;
}

export async function lastStart(store: Store, project: string): Promise<LastStart | undefined> {
  const here = (await store.ofTypes(["start.discovered"])).flatMap(({ event, erased }) => (event.type === "start.discovered" && !erased && event.payload.project === project ? [event] : []));
  const first = here.at(-1);
  if (first === undefined) return undefined;
  const id = first.id.replace(/:discovered$/, "");
  const steps = (await store.get(["assessed", "recalled", "declared"].map((step) => `${id}:${step}`))).filter(({ erased }) => !erased).map(({ event }) => event);
  const step = <T extends EventType>(type: T): Payload<T> | undefined => steps.find((event) => event.type === type)?.payload as Payload<T> | undefined;
  const [assessed, recalled, declared] = [step("start.assessed"), step("start.recalled"), step("start.declared")];
  return {
    session: first.session, time: first.time, discovered: first.payload,
    ...(assessed === undefined ? {} : { assessed }), ...(recalled === undefined ? {} : { recalled }), ...(declared === undefined ? {} : { declared }),
  };
}

const ABNORMAL = new Set(["crashed", "closed", "error", "limit", "unanswered"]);

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
  const command = resumeCommand(latest.agent, latest.id, latest.cwd || latest.project);
  return { ...base, latest, open, waiting: openQuestions(told), unfinished, ...(command === undefined ? {} : { command }) };
}
