/**
 * Whose the lines of some paths are, from everything that is kept: the checkpoints of every tree of a project, and for
 * sessions without any, what their edit tools were given to write. Leaves out commits (commits.ts).
 *
 * Each tree is a history of its own, since the same commit comes into several: into one by an agent's work, into the others by
 * a checkout.
 */
import { createHash } from "node:crypto";
import { resolve } from "node:path";
import { editTexts } from "../agents/claude-code/edit-texts.ts";
import { isEditTool } from "../checkpoint/commands.ts";
import { LineOrigins, trimmed, type Content } from "../checkpoint/line-origins.ts";
import { isVersion, type Change, type ContentId, type State, type TreePath } from "../checkpoint/model.ts";
import type { CheckpointStore } from "../store/checkpoints.ts";
import type { Store } from "../store/store.ts";
import { projectOf } from "../worktree/project.ts";
import { openRepository, readBlobs } from "../worktree/repository.ts";
import { Bytes, type Source } from "./compare.ts";
import { history, type History } from "./history.ts";
import { inTree } from "./tree-place.ts";
import { isBinary, MOST_BYTES, textOf } from "./patch.ts";
import { story } from "./sessions.ts";

/** A turn that can have written something. */
export interface Writer {
  readonly session: string;
  readonly agent: string;
  /** As in `show`; absent where the log does not know it. */
  readonly n?: number;
  /** The agent's own id of the prompt, where its hooks told one. */
  readonly turn?: string;
  readonly prompt?: string;
}

export interface Writers {
  /** By the key that `LineOrigins` knows each turn by. */
  readonly turns: ReadonlyMap<string, Writer>;
  readonly histories: readonly LineOrigins[];
}

export interface Kept {
  /** Absent where no checkpoint is kept on this machine. */
  readonly store: CheckpointStore | undefined;
  readonly log: Store;
  /** The tree in whose repository the commits are. */
  readonly root: string;
  readonly environment: Source["environment"];
}

/** Sessions of a project that are looked at for what their edit tools wrote. */
const MOST_SESSIONS = 1000;

export async function lineOrigins(kept: Kept, paths: ReadonlySet<TreePath>, blobs: ReadonlySet<string>): Promise<Writers> {
  const { store, log, root, environment } = kept;
  const project = projectOf(root);
  const turns = new Map<string, Writer>();
  const histories: LineOrigins[] = [];
  const witnessed = new Set<string>();
  for (const tree of store?.trees().filter((each) => each === root || projectOf(each) === project) ?? []) {
    const all = await history(store!, log, tree);
    for (const { session } of all.turns) witnessed.add(session);
    histories.push(ofTree({ store: store!, root: tree, environment }, all, paths, blobs, turns));
  }
  histories.push(await ofTranscripts(log, project, root, paths, witnessed, turns));
  return { turns, histories };
}

function keyOf({ session, n, turn }: { readonly session: string; readonly n?: number; readonly turn?: string }): string {
  return JSON.stringify([session, n ?? turn ?? null]);
}

function ofTree(source: Source, { checkpoints, entries, turns: told }: History, paths: ReadonlySet<TreePath>, blobs: ReadonlySet<string>, turns: Map<string, Writer>): LineOrigins {
  const origins = new LineOrigins(blobs);
  const keys = new Map<string, string>();
  for (const turn of told) {
    const key = keyOf(turn);
    const { session, agent, n, turn: id, prompt } = turn;
    for (const checkpoint of turn.checkpoints) keys.set(checkpoint.id, key);
    turns.set(key, { session, agent, ...(n === undefined ? {} : { n }), ...(id === undefined ? {} : { turn: id }), ...(prompt === undefined ? {} : { prompt }) });
  }
  const changes = new Map<number, Change[]>();
  const bySeq = new Map<number, (readonly [TreePath, Change])[]>();
  for (const [path, own] of entries) for (const entry of own) bySeq.set(entry.checkpoint.seq, [...(bySeq.get(entry.checkpoint.seq) ?? []), [path, entry]]);
  const wanted = withOldNames(paths, bySeq);
  for (const [seq, all] of bySeq) changes.set(seq, all.filter(([path]) => wanted.has(path)).map(([, change]) => change));
  const content = contents(source, [...changes.values()].flat());
  let before = -Infinity;
  for (const { seq, id, time, actor } of checkpoints) {
    const own = changes.get(seq) ?? [];
    if (own.length > 0) {
      const files = own.map((change) => ({ path: change.path, before: content(change.path, change.before), after: content(change.path, change.after) }));
      const author = actor.by === "agent" ? keys.get(id) : undefined;
      origins.take({ since: before, author, typed: actor.by === "agent" && actor.calls.length > 0 && actor.calls.every(({ tool }) => isEditTool(tool)), files });
    }
    before = time;
  }
  return origins;
}

/** Files that a checkpoint may have given these names: lines that come from there are whose they were. More than these went at once by a checkout. */
const MOST_RENAMED = 20;

function withOldNames(paths: ReadonlySet<TreePath>, bySeq: ReadonlyMap<number, readonly (readonly [TreePath, Change])[]>): Set<TreePath> {
  const wanted = new Set(paths);
  const going = [...bySeq.values()].flatMap((all) => {
    const gone = all.filter(([, { after }]) => after === "absent").map(([path]) => path);
    return gone.length === 0 || gone.length > MOST_RENAMED ? [] : [{ gone, come: all.filter(([, { before }]) => before === "absent").map(([path]) => path) }];
  });
  for (let before = -1; wanted.size > before; ) {
    before = wanted.size;
    for (const { gone, come } of going) if (come.some((path) => wanted.has(path))) for (const path of gone) wanted.add(path);
  }
  return wanted;
}

/** Contents of states, each worked out once, those that only the user's repository has read at once. */
function contents(source: Source, changes: readonly Change[]): (path: TreePath, state: State) => Content | "absent" {
  const inGit = changes.flatMap(({ before, after }) => [before, after]).flatMap((state) => (isVersion(state) && state.size <= MOST_BYTES && state.content.startsWith("git:") ? [state.content.slice("git:".length)] : []));
  const repository = inGit.length === 0 ? undefined : openRepository(source.root, source.environment);
  const blobs = repository === undefined ? new Map<string, Buffer>() : readBlobs(repository, [...new Set(inGit)], source.environment);
  const bytes = new Bytes(source, Infinity, new Map([...blobs].map(([blob, its]): [ContentId, Uint8Array] => [`git:${blob}`, its])));
  const format = (repository ?? openRepository(source.root, source.environment))?.hashLength === 32 ? "sha256" : "sha1";
  const known = new Map<ContentId, Content>();
  return (path, state) => {
    if (state === "absent") return state;
    if (!isVersion(state)) return UNKNOWN;
    const found = known.get(state.content);
    if (found !== undefined) return found;
    const blob = state.content.startsWith("git:") ? state.content.slice("git:".length) : undefined;
    const side = bytes.side(path, state);
    const own = side instanceof Uint8Array ? contentOf(side, blob ?? blobId(side, format)) : { blob, lines: undefined };
    known.set(state.content, own);
    return own;
  };
}

const UNKNOWN: Content = { blob: undefined, lines: undefined };

/** Bytes as lines, where they are text and not too many. */
export function contentOf(bytes: Uint8Array, blob: string): Content {
  return { blob, lines: isBinary(bytes) || bytes.length > MOST_BYTES ? undefined : trimmed(textOf(bytes)) };
}

/** Git's name for these bytes (gitformat-pack): a hash of its own, not for any trust of ours. */
function blobId(bytes: Uint8Array, format: "sha1" | "sha256"): string {
  return createHash(format).update(`blob ${bytes.length}\0`).update(bytes).digest("hex");
}

/** Sessions of which there are no checkpoints here: imported, or run before `init`. */
async function ofTranscripts(log: Store, project: string, root: string, paths: ReadonlySet<TreePath>, witnessed: ReadonlySet<string>, turns: Map<string, Writer>): Promise<LineOrigins> {
  const origins = new LineOrigins(new Set());
  const edits: { time: number; key: string; path: TreePath; old: string; new: string }[] = [];
  for (const { session, files } of await log.traces(project, MOST_SESSIONS)) {
    // Of a session in a linked worktree the paths are those of that tree.
    if (witnessed.has(session) || !files.some(([path]) => paths.has(pathIn(root, path) ?? path))) continue;
    const told = await story(log, session);
    for (const turn of told.turns) {
      const key = keyOf({ session, n: turn.n });
      for (const { tool, input, time, outcome } of turn.calls) {
        if (outcome !== "returned") continue;
        for (const edit of editTexts(tool, input)) {
          const path = pathIn(root, edit.path) ?? pathIn(told.summary.cwd, edit.path);
          if (path !== undefined && paths.has(path)) edits.push({ time, key, path, old: edit.old, new: edit.new });
        }
      }
      turns.set(key, { session, agent: told.summary.agent, n: turn.n, prompt: turn.prompt });
    }
  }
  for (const [i, { time, key, path, old, new: young }] of edits.sort((a, b) => a.time - b.time).entries()) {
    // No blob has these names: what stood around the text is not known.
    const files = [{ path, before: { blob: `before edit ${i}`, lines: trimmed(old) }, after: { blob: `after edit ${i}`, lines: trimmed(young) } }];
    origins.take({ since: time, author: key, typed: true, files });
  }
  return origins;
}

function pathIn(root: string, path: string): TreePath | undefined {
  return inTree(root, resolve(root, path));
}
