/**
 * Who wrote each line of a file: its versions walked from the first that is known to the present, each line carried along
 * from version to version. Lines older than the record are said to be from before it. What an undo brought back is whose
 * it was. Leaves out files that are no text.
 */
import { compareLines, splitLines } from "../base/diff.ts";
import { TidemarkError } from "../base/errors.ts";
import { isRestore } from "../checkpoint/chain.ts";
import { isVersion, type Checkpoint, type State, type TreePath } from "../checkpoint/model.ts";
import type { Story } from "../session/fold.ts";
import type { Store } from "../store/store.ts";
import { Bytes, type Source } from "./compare.ts";
import { callId, history } from "./history.ts";
import { isBinary, MOST_BYTES, textOf } from "./patch.ts";
import { story } from "./sessions.ts";
import { inputInWords } from "./undo-choice.ts";

export interface BlamedLine {
  readonly line: number;
  readonly text: string;
  /** before: older than the record. unknown: while its bytes were not kept, or by changes whose record is gone. */
  readonly by: "agent" | "outside" | "restore" | "before" | "unknown";
  readonly checkpoint?: string;
  /** Where the line is committed as it stands. */
  readonly commit?: string;
  readonly time?: number;
  readonly agent?: string;
  readonly session?: string;
  readonly turn?: number;
  /** The one call that did it; where several may have, they are in `calls`. */
  readonly call?: string;
  readonly calls?: readonly string[];
  readonly tool?: string;
  /** What the tool was given: a command, a path. */
  readonly input?: string;
}

export interface Blamed {
  readonly path: TreePath;
  readonly lines: readonly BlamedLine[];
  /** False where versions differ in so much that more lines are laid at someone's door than they wrote. */
  readonly exact: boolean;
}

type Origin = Checkpoint | "before" | "unknown";

interface Lines {
  readonly texts: readonly string[];
  readonly origins: readonly Origin[];
}

/** The tree has just been looked at, so that the last version is the present one. `present`: what stands there now. */
export async function blame(source: Source, log: Store, path: TreePath, present: State): Promise<Blamed> {
  if (present === "absent") throw new TidemarkError("PATH_MISSING", `${path} is not in ${source.root}`, { hint: `tidemark checkpoints shows when it went; tidemark restore ID -- ${path} brings it back.` });
  if (!isVersion(present)) throw new TidemarkError("NOT_TEXT", `The bytes of ${path} are not kept, so nothing is known of its lines`, { hint: "tidemark checkpoints says why." });
  const bytes = new Bytes(source);
  const all = await history(source.store, log, source.root);
  const entries = all.entries.get(path) ?? [];
  let exact = true;
  const textIn = (state: State): string[] | undefined => {
    const side = bytes.side(path, state);
    return side instanceof Uint8Array && !isBinary(side) && side.length <= MOST_BYTES ? splitLines(textOf(side)) : state === "absent" ? [] : undefined;
  };
  const carried = (from: Lines, texts: readonly string[] | undefined, origin: Origin): Lines => {
    if (texts === undefined) return { texts: [], origins: [] };
    const { runs, exact: fewest } = compareLines(from.texts, texts);
    exact &&= fewest;
    const origins: Origin[] = [];
    let at = 0;
    for (const { sign, lines } of runs) {
      if (sign === "+") for (const _ of lines) origins.push(origin);
      else {
        if (sign === " ") for (let i = 0; i < lines.length; i++) origins.push(from.origins[at + i]!);
        at += lines.length;
      }
    }
    return { texts, origins };
  };
  const first = entries[0]?.before ?? present;
  let lines = carried({ texts: [], origins: [] }, textIn(first), isVersion(first) ? "before" : "unknown");
  let state = first;
  /** Whose the lines were the last time that these bytes stood there. */
  const seen = new Map<string, Lines>();
  const note = (): void => void (isVersion(state) && seen.set(state.content, lines));
  note();
  for (const { before, after, checkpoint } of entries) {
    // Something happened in between of which the record is gone.
    if (isVersion(before) && (!isVersion(state) || state.content !== before.content)) lines = carried(lines, textIn(before), "unknown");
    const again = isRestore(checkpoint) && isVersion(after) ? seen.get(after.content) : undefined;
    lines = again ?? carried(lines, textIn(after), before === "unknown" ? "unknown" : checkpoint);
    state = after;
    note();
  }
  const now = textIn(present);
  if (now === undefined) throw new TidemarkError("NOT_TEXT", `${path} is no text, or too large to go through line by line`, { hint: `tidemark checkpoints shows which turns changed it.` });
  // What the look has found last; where two names go for the same bytes, nothing changes hands.
  lines = carried(lines, now, "unknown");
  const tell = await teller(log, all.turns);
  return { path, exact, lines: now.map((text, i) => ({ line: i + 1, text: text.replace(/\r?\n$/, ""), ...tell(lines.origins[i]!) })) };
}

type Told = Omit<BlamedLine, "line" | "text">;

async function teller(log: Store, turns: readonly { readonly session: string; readonly n?: number; readonly checkpoints: readonly Checkpoint[] }[]): Promise<(origin: Origin) => Told> {
  const numbers = new Map(turns.flatMap(({ n, checkpoints }) => (n === undefined ? [] : checkpoints.map(({ id }) => [id, n] as const))));
  const stories = new Map<string, Story>();
  for (const { session } of turns) if (!stories.has(session)) stories.set(session, await story(log, session));
  const inputs = new Map([...stories.values()].flatMap((told) => told.turns.flatMap(({ calls }) => calls.map(({ id, input }) => [callId(id), inputInWords(input)] as const))));
  return (origin) => {
    if (typeof origin === "string") return { by: origin };
    const { id, time, actor } = origin;
    if (actor.by === "outside") return { by: "outside", checkpoint: id, time };
    if (actor.by === "restore") return { by: "restore", checkpoint: id, time, tool: actor.verb, ...(actor.session === undefined ? {} : { session: actor.session }) };
    const [call, ...more] = actor.calls;
    const n = numbers.get(id);
    const input = call === undefined ? undefined : inputs.get(call.id);
    return {
      by: "agent", checkpoint: id, time, agent: actor.agent, session: actor.session,
      ...(n === undefined ? {} : { turn: n }),
      ...(call === undefined ? {} : more.length === 0 ? { call: call.id } : { calls: actor.calls.map((each) => each.id) }),
      ...(call === undefined ? {} : { tool: [...new Set(actor.calls.map(({ tool }) => tool))].join(" or ") }),
      ...(input === undefined || more.length > 0 ? {} : { input }),
    };
  };
}
