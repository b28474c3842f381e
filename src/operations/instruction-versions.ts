/**
 * Every version of an instruction file and who made it. In a tree with checkpoints these are the checkpoints': byte for byte,
 * by turn and call. Of files outside, and of what was there before the first checkpoint, a version is kept when a session
 * begins with it; who made it is then known as far as the log tells which session wrote the file in between.
 */
import { sha256Hex } from "../base/hash.ts";
import { countLines } from "../base/diff.ts";
import { TidemarkError } from "../base/errors.ts";
import { isVersion, type State } from "../checkpoint/model.ts";
import type { InstructionFile } from "../context/instructions.ts";
import type { Event, EventOf } from "../event/schema.ts";
import type { Store } from "../store/store.ts";
import { readInstructionFile, replaceInstructionFile } from "../worktree/instructions.ts";
import { realPlace } from "../worktree/project.ts";
import { Bytes, type Source } from "./compare.ts";
import { history } from "./history.ts";
import { inTree } from "./tree-place.ts";
import { textOf } from "./patch.ts";
import { record } from "./record.ts";
import type { UndoDeps } from "./undo.ts";

/** A longer file is known by its hash, and its text is not kept in the log, in bytes. */
const MOST_KEPT = 256 * 1024;

/** As `start.discovered` has them. */
export function seenInstructions(files: readonly InstructionFile[]): { path: string; bytes: number; hash: string }[] {
  return files.map(({ path, bytes, raw }) => ({ path, bytes, hash: sha256Hex(raw) }));
}

/** The id follows from path and text: a version that is kept already is not added again. */
export function keptVersions(files: readonly Pick<InstructionFile, "path" | "raw" | "bytes">[], of: { readonly session: string; readonly agent: string; readonly time: number }): Event[] {
  return files.filter(({ bytes }) => bytes <= MOST_KEPT).map(({ path, raw }) => ({ id: keptId(path, sha256Hex(raw)), ...of, type: "instructions.kept", payload: { path, hash: sha256Hex(raw), text: raw } }));
}

const keptId = (path: string, hash: string): string => `instructions:${sha256Hex(`${path}\n${hash}`).slice(0, 32)}`;

export interface FileVersion {
  /** From 1, the oldest. */
  readonly n: number;
  readonly time: number;
  /** agent: a session, of several all that may have; restore: an undo, redo or restore; seen: first seen, older than the record. */
  readonly by: "agent" | "outside" | "restore" | "seen";
  readonly sessions: readonly string[];
  readonly agent?: string;
  /** As in `show`. */
  readonly turn?: number;
  readonly checkpoint?: string;
  /** Undefined: the file was not there. */
  readonly bytes?: number;
  readonly added?: number;
  readonly removed?: number;
  /** Why there is no text. */
  readonly missing?: string;
}

export interface Versions {
  readonly path: string;
  readonly versions: readonly FileVersion[];
  /** By number; undefined where the file was not there. */
  readonly textOf: (n: number) => string | undefined;
}

interface Side {
  readonly text?: string;
  readonly missing?: string;
}

type Found = Omit<FileVersion, "n" | "added" | "removed" | "bytes" | "missing"> & { readonly key: string; readonly side: Side };

export type KeptTree = UndoDeps & Source;

/** `tree`: where checkpoints are kept and the file lies in it; it has just been looked at. */
export async function versionsOf(log: Store, path: string, tree: KeptTree | undefined): Promise<Versions> {
  const own = tree === undefined ? [] : await checkpointed(log, path, tree);
  const sealed = own.find(({ checkpoint }) => checkpoint !== undefined)?.time ?? Infinity;
  const seen = (await seenVersions(log, path)).filter(({ time }) => time < sealed);
  // What the checkpoints begin with may have been seen before, under its own time.
  const all = [...seen, ...own.filter(({ key, checkpoint }) => checkpoint !== undefined || !seen.some((each) => each.key === key))];
  const now = readInstructionFile(path, Number.MAX_SAFE_INTEGER);
  const last = all.at(-1);
  if (now?.text !== undefined && last !== undefined && last.key !== sha256Hex(now.text) && tree === undefined) all.push({ key: sha256Hex(now.text), time: 0, by: "outside", sessions: [], side: { text: now.text } });
  if (all.length === 0) throw new TidemarkError("PATH_MISSING", `No version of ${path} is kept`, { hint: "Versions are kept from the first session start on that loads the file; tidemark context lists the files." });
  return {
    path,
    versions: all.map((found, i) => numbered(found, i + 1, all[i - 1]?.side)),
    textOf: (n) => {
      const found = all[n - 1];
      if (found === undefined) throw new TidemarkError("BAD_VALUE", `There is no version ${n} of ${path}, only ${all.length === 1 ? "1" : `1 to ${all.length}`}`, { hint: `tidemark context log ${path}` });
      if (found.side.missing !== undefined) throw new TidemarkError("NOT_TEXT", `Version ${n} of ${path} cannot be shown: ${found.side.missing}`, { hint: `tidemark context log ${path}` });
      return found.side.text;
    },
  };
}

function numbered(found: Found, n: number, before: Side | undefined): FileVersion {
  const { key: _, side: { text, missing }, ...version } = found;
  const counted = before === undefined || missing !== undefined || before.missing !== undefined ? undefined : countLines(before.text ?? "", text ?? "");
  return {
    n, ...version,
    ...(text === undefined ? {} : { bytes: Buffer.byteLength(text) }),
    ...(missing === undefined ? {} : { missing }),
    ...(counted === undefined ? {} : { added: counted.added, removed: counted.removed }),
  };
}

async function checkpointed(log: Store, path: string, tree: KeptTree): Promise<Found[]> {
  const at = inTree(tree.root, path);
  if (at === undefined) return [];
  const all = await history(tree.store, log, tree.root);
  const bytes = new Bytes(tree);
  const turns = new Map(all.turns.flatMap(({ n, checkpoints }) => checkpoints.map(({ id }) => [id, n] as const)));
  const sideOf = (state: State): Side => {
    const side = bytes.side(at, state);
    if (side instanceof Uint8Array) return { text: textOf(side) };
    return state === "absent" ? {} : { missing: side?.missing ?? "its bytes were not kept" };
  };
  const found: Found[] = [];
  const add = (state: State, version: Omit<Found, "key" | "side">): void => {
    const side = sideOf(state);
    const key = side.text === undefined ? `${String(isVersion(state) ? state.content : state)}` : sha256Hex(side.text);
    if (found.at(-1)?.key !== key) found.push({ ...version, key, side });
  };
  const entries = all.entries.get(at) ?? [];
  const first = entries[0]?.before ?? tree.keeper.stateOf(at);
  if (first !== "absent" && first !== "unknown") add(first, { time: 0, by: "seen", sessions: [] });
  for (const { after, checkpoint } of entries) {
    const { id, time, actor } = checkpoint;
    const turn = turns.get(id);
    const who = actor.by === "agent" ? { by: "agent" as const, sessions: [actor.session], agent: actor.agent } : { by: actor.by, sessions: actor.by === "restore" && actor.session !== undefined ? [actor.session] : [] };
    add(after, { time, checkpoint: id, ...who, ...(turn === undefined ? {} : { turn }) });
  }
  return found;
}

/** As sessions found the file when they began. */
async function seenVersions(log: Store, path: string): Promise<Found[]> {
  const names = new Set([path, realPlace(path)]);
  const kept = (await log.ofTypes(["instructions.kept"])).flatMap(({ event, erased }) => (event.type === "instructions.kept" && !erased && names.has(event.payload.path) ? [event] : []));
  const texts = new Map(kept.map(({ payload }) => [payload.hash, sideOfKept(payload)]));
  const sightings = kept.map(({ time, payload }) => ({ time, hash: payload.hash }));
  for (const { event, erased } of await log.ofTypes(["start.discovered"])) {
    if (event.type !== "start.discovered" || erased) continue;
    const hash = event.payload.instructions.find((each) => names.has(each.path))?.hash;
    if (hash !== undefined) sightings.push({ time: event.time, hash });
  }
  const changes = sightings.sort((a, b) => a.time - b.time).filter(({ hash }, i, all) => hash !== all[i - 1]?.hash);
  if (changes.length === 0) return [];
  const written = await writtenBy(log, names);
  return changes.map(({ time, hash }, i): Found => {
    const since = changes[i - 1]?.time;
    const whose = written.filter((event) => since !== undefined && event.time > since && event.time <= time);
    const sessions = [...new Set(whose.map(({ session }) => session))];
    const agent = whose.at(-1)?.agent;
    return { key: hash, time, by: since === undefined ? "seen" : sessions.length > 0 ? "agent" : "outside", sessions, ...(agent === undefined ? {} : { agent }), side: texts.get(hash) ?? { missing: `larger than ${MOST_KEPT / 1024} KiB, or forgotten` } };
  });
}

function sideOfKept({ hash, text }: EventOf<"instructions.kept">["payload"]): Side {
  return sha256Hex(text) === hash ? { text } : { missing: "it held what looks like a secret, which is not kept" };
}

async function writtenBy(log: Store, names: ReadonlySet<string>): Promise<Event[]> {
  return (await log.ofTypes(["files.touched"])).flatMap(({ event, erased }) => (event.type === "files.touched" && !erased && event.payload.files.some((file) => names.has(file.path) && file.change !== "read") ? [event] : []));
}

/** The session under which is kept what no session has seen: a version that a restore is about to replace. */
const NO_SESSION = "tidemark";

/** Puts a version's text where the file is. What stands there is kept first; refused where it cannot be kept whole. */
export async function restoreVersion(log: Store, { path, versions, textOf: textAt }: Versions, n: number, tree: KeptTree | undefined, time: number): Promise<{ readonly written: boolean }> {
  const text = textAt(n);
  if (text === undefined) throw new TidemarkError("BAD_VALUE", `${path} was not there as version ${n}`, { hint: "Delete it by hand; what stands there now stays among the versions." });
  const now = readInstructionFile(path, MOST_KEPT);
  if (now?.text === text) return { written: false };
  // A checkpoint of just now holds it byte for byte.
  const last = versions.at(-1);
  const sealed = tree !== undefined && now?.text !== undefined && last !== undefined && last.missing === undefined && textAt(last.n) === now.text;
  if (now !== undefined && !sealed) await keepPresent(log, path, now, time);
  if (!replaceInstructionFile(path, text, now?.text)) throw new TidemarkError("NOT_KEPT", `${path} was changed by someone else at the same moment and is left as it is`, { hint: "Repeat the command." });
  tree?.keeper.look("forced");
  return { written: true };
}

async function keepPresent(log: Store, path: string, now: { readonly text?: string; readonly bytes: number; readonly why?: string }, time: number): Promise<void> {
  const refuse = (why: string): TidemarkError => new TidemarkError("NOT_KEPT", `${path} is left as it is: the present version cannot be kept (${why})`);
  if (now.text === undefined) throw refuse(now.why ?? "it cannot be read");
  if (now.text.includes("\ufffd")) throw refuse("it holds bytes that are no text");
  await record(log, keptVersions([{ path, raw: now.text, bytes: now.bytes }], { session: NO_SESSION, agent: NO_SESSION, time }));
  const [kept] = await log.get([keptId(path, sha256Hex(now.text))]);
  if (kept === undefined || kept.erased || kept.event.type !== "instructions.kept" || kept.event.payload.text !== now.text) throw refuse("it holds what looks like a secret, or was forgotten");
}
