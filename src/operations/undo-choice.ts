/**
 * What a person means by "undo": which turns or which call, what of it no undo of files takes back, and whether the
 * repository has moved on since. Leaves out doing it (undo.ts).
 */
import { TidemarkError } from "../base/errors.ts";
import { clip, plural } from "../base/text.ts";
import type { RestoreCheckpoint } from "../checkpoint/chain.ts";
import { irreversible } from "../checkpoint/commands.ts";
import type { Checkpoint } from "../checkpoint/model.ts";
import type { Call, Story } from "../session/fold.ts";
import type { Store } from "../store/store.ts";
import { treeState } from "../worktree/state.ts";
import { callId, turnsOf, type History, type TreeTurn } from "./history.ts";
import { story } from "./sessions.ts";

/** Something a tool call did that putting files back does not take back. */
export interface Lasting {
  readonly session: string;
  readonly turn?: number;
  readonly call: string;
  readonly tool: string;
  readonly what: string;
  /** The command, or what else the tool was given. */
  readonly input: string;
}

/** The last turns that are in force, oldest first; possibly none. */
export function lastTurns(all: History, n: number, session: string | undefined): TreeTurn[] {
  return turnsOf(all, session).filter(({ undone }) => !undone).slice(-n);
}

/** A call by its id or the beginning of one. */
export function callNamed({ checkpoints }: History, name: string): string {
  const ids = new Set(checkpoints.flatMap(({ actor }) => (actor.by === "agent" ? [...actor.calls.map(({ id }) => id), ...(actor.others ?? []).map(({ call }) => call)] : [])));
  const found = ids.has(name) ? [name] : [...ids].filter((id) => id.startsWith(name));
  if (found.length === 1) return found[0]!;
  throw new TidemarkError("CHECKPOINT_UNKNOWN", found.length === 0 ? `No checkpoint here is of a call ${name}` : `"${name}" begins the ids of ${plural(found.length, "call")}: ${found.slice(0, 4).join(", ")}`, { hint: "tidemark checkpoints --all" });
}

/** Turns that came after a checkpoint, of its session where it has one: those that going back to it takes back. */
export function turnsAfter({ turns }: History, { seq, actor }: Checkpoint): TreeTurn[] {
  const session = actor.by === "agent" ? actor.session : undefined;
  return turns.filter((turn) => !turn.undone && (session === undefined || turn.session === session) && turn.checkpoints.at(-1)!.seq > seq);
}

/** The turns that a restore took back. */
export function turnsUndoneBy({ turns }: Pick<History, "turns">, restore: RestoreCheckpoint): TreeTurn[] {
  const undone = new Set(restore.actor.undoes);
  return turns.filter(({ checkpoints }) => checkpoints.some(({ id }) => undone.has(id)));
}

/** What the calls of these turns did that is not files. `from`: only calls from then on. */
export async function lastingOfTurns(log: Store, turns: readonly TreeTurn[], from = 0): Promise<Lasting[]> {
  const lasting: Lasting[] = [];
  const stories = new Map<string, Story>();
  for (const { session, n, checkpoints } of turns) {
    const told = stories.get(session) ?? (await story(log, session));
    stories.set(session, told);
    const own = told.turns.find((turn) => turn.n === n);
    const sealed = new Set(checkpoints.flatMap(({ actor }) => (actor.by === "agent" ? actor.calls.map(({ id }) => id) : [])));
    const calls = own?.calls ?? told.turns.flatMap((turn) => turn.calls).filter(({ id }) => sealed.has(callId(id)));
    for (const call of calls) if (call.time >= from) lasting.push(...lastingOf(call, session, own?.n));
  }
  return lasting;
}

export async function lastingOfCall(log: Store, session: string, id: string): Promise<Lasting[]> {
  for (const { n, calls } of (await story(log, session)).turns) {
    const call = calls.find((each) => callId(each.id) === id);
    if (call !== undefined) return lastingOf(call, session, n);
  }
  return [];
}

function lastingOf({ id, tool, input }: Call, session: string, turn: number | undefined): Lasting[] {
  const what = irreversible(tool, input);
  if (what === undefined) return [];
  return [{ session, ...(turn === undefined ? {} : { turn }), call: callId(id), tool, what, input: inputInWords(input) }];
}

/** What a tool was given, in one line. */
export function inputInWords(input: unknown): string {
  const { command, file_path: path } = (typeof input === "object" && input !== null ? input : {}) as { command?: unknown; file_path?: unknown };
  return clip(typeof command === "string" ? command : typeof path === "string" ? path : JSON.stringify(input ?? ""), 300);
}

/** Where HEAD was when the first of these sessions began, where it has moved since: commits are not undone. */
export async function headMoved(log: Store, root: string, turns: readonly TreeTurn[], environment: Readonly<Record<string, string | undefined>>): Promise<{ from: string; to: string } | undefined> {
  const [first] = turns;
  if (first === undefined) return undefined;
  const began = first.checkpoints[0]!.time;
  const starts = (await log.ofTypes(["start.discovered"])).flatMap(({ event }) => (event.type === "start.discovered" && event.session === first.session && event.payload.tree === root && event.time <= began ? [event.payload.head] : []));
  const from = starts.at(-1);
  // Only HEAD is asked for, which is read from its file; what is not committed need not be waited for.
  const { head: to } = await treeState(root, environment, 1);
  return from === undefined || to === undefined || from === to ? undefined : { from, to };
}
