/** Rows of `checkpoint` and `change` to values and back, small: a checkpoint of one file should take a few hundred bytes. Pure. */
import { TidemarkError } from "../../base/errors.ts";
import { canonicalJson } from "../../base/json.ts";
import type { Actor, Checkpoint, ContentId, Coverage, Kind, State, Tier } from "../../checkpoint/model.ts";
import type { NewCheckpoint, Stamp } from "../checkpoints.ts";
import { contentIdOf, gitHash, ownHash, refused, versionOf } from "../sealing.ts";
import type { Row, SqlValue } from "./driver.ts";

/** Their places are what is stored. */
const KINDS: readonly Kind[] = ["baseline", "prompt", "call", "turn", "forced", "manual", "restore"];

export const PINNED = 1;
export const COMPACTED = 2;
/** A path of it was forgotten, so its id no longer follows from what it says. */
export const ALTERED = 4;

export const CHECKPOINT_COLUMNS = "checkpoint.seq, tree.name AS tree, checkpoint.id, previous, time, kind, flags, origin.text AS origin, body";
export const CHECKPOINT_TABLES = "checkpoint JOIN tree ON tree.id = checkpoint.tree JOIN origin ON origin.id = checkpoint.origin";
export const CHANGE_COLUMNS = "change.id >> 20 AS seq, path.name AS path, before, after, b.name AS before_name, a.name AS after_name, stamp";
export const CHANGE_TABLES = "change JOIN path ON path.id = change.path LEFT JOIN content AS b ON b.id = before_content LEFT JOIN content AS a ON a.id = after_content";

/** How many changes one checkpoint has room for in their ids. */
export const CHANGES = 2 ** 20;
/** Those of one checkpoint, whose seq is the first value of the statement. */
export const OF_CHECKPOINT = `change.id >= ?1 * ${CHANGES} AND change.id < (?1 + 1) * ${CHANGES}`;

/** A byte that no UTF-8 text has: what follows is UTF-16, since the text holds half a surrogate pair. */
const NOT_UTF8 = 0xff;

export function textToBytes(text: string): Buffer {
  return text.isWellFormed() ? Buffer.from(text, "utf8") : Buffer.concat([Buffer.of(NOT_UTF8), Buffer.from(text, "utf16le")]);
}

export function bytesToText(value: SqlValue | undefined): string {
  const bytes = bufferOf(value);
  return bytes[0] === NOT_UTF8 ? bytes.toString("utf16le", 1) : bytes.toString("utf8");
}

export function bufferOf(value: SqlValue | undefined): Buffer {
  if (!(value instanceof Uint8Array)) throw new Error("a row without its bytes");
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}

const GIT_MARK = "g".charCodeAt(0);
const HASH_BYTES = 32;

/** Undefined where it is no name of a content. A hash alone is the store's own; git's are one longer, or much shorter. */
export function contentName(id: ContentId): Buffer | undefined {
  const own = ownHash(id);
  if (own !== undefined) return Buffer.from(own, "hex");
  const git = gitHash(id);
  return git === undefined ? undefined : Buffer.concat([Buffer.of(GIT_MARK), Buffer.from(git, "hex")]);
}

export function contentIdOfName(name: Buffer): ContentId {
  return name.length === HASH_BYTES ? contentIdOf(name.toString("hex")) : `git:${name.toString("hex", 1)}`;
}

const ABSENT = 0;
const UNKNOWN = 1;
const FILE = 2;
const LINK = 3;
/** Type in 2 bits, mode in 12, the size above: one integer of four bytes for most files. */
const SIZE_UNIT = 2 ** 14;
const SIZE_LIMIT = 2 ** 39;

export function packState(state: State): number {
  const version = versionOf(state);
  if (version === undefined) return state === "absent" ? ABSENT : UNKNOWN;
  const { type, mode, size } = version;
  if (!Number.isInteger(mode) || mode < 0 || mode > 0o7777) throw refused(`a state with mode ${mode}`);
  if (!Number.isInteger(size) || size < 0 || size >= SIZE_LIMIT) throw refused(`a state of ${size} bytes`);
  return size * SIZE_UNIT + mode * 4 + (type === "link" ? LINK : FILE);
}

export const UNKNOWN_STATE = UNKNOWN;

export function unpackState(packed: SqlValue | undefined, name: SqlValue | undefined): State {
  const value = Number(packed);
  if (value === ABSENT) return "absent";
  if (value === UNKNOWN) return "unknown";
  return { type: value % 4 === LINK ? "link" : "file", mode: Math.floor(value / 4) % 4096, size: Math.floor(value / SIZE_UNIT), content: contentIdOfName(bufferOf(name)) };
}

/** mtime and inode, and ctime where it is another than mtime, as it seldom is. */
export function packStamp(stamp: Stamp | undefined): Buffer | null {
  if (stamp === undefined) return null;
  const { mtime, ctime, inode } = stamp;
  const bytes = Buffer.alloc(mtime === ctime ? 16 : 24);
  bytes.writeBigInt64LE(mtime, 0);
  bytes.writeBigUInt64LE(inode, 8);
  if (mtime !== ctime) bytes.writeBigInt64LE(ctime, 16);
  return bytes;
}

export function unpackStamp(value: SqlValue | undefined): { stamp?: Stamp } {
  if (value === null || value === undefined) return {};
  const bytes = bufferOf(value);
  const mtime = bytes.readBigInt64LE(0);
  return { stamp: { mtime, ctime: bytes.length > 16 ? bytes.readBigInt64LE(16) : mtime, inode: bytes.readBigUInt64LE(8) } };
}

/** What hundreds of checkpoints have the same of an actor, and the rest. */
export function splitActor(actor: Actor): { origin: string; rest: Record<string, unknown> } {
  const same: Record<string, unknown> = {};
  const rest: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(actor)) (typeof value === "string" ? same : rest)[key] = value;
  return { origin: canonicalJson(same), rest };
}

type Said = Partial<Pick<NewCheckpoint, "note" | "model" | "tokens" | "confidence">>;

interface Body extends Said {
  readonly coverage?: Coverage;
  /** Of the actor: calls, others, maybe, undoes. */
  readonly [key: string]: unknown;
}

export function packBody(rest: Record<string, unknown>, coverage: Coverage, { note, model, tokens, confidence }: Said): string {
  const { skipped, more, partial } = coverage;
  const bare = skipped.length === 0 && more === undefined && partial === undefined;
  return JSON.stringify({ ...rest, coverage: bare ? undefined : coverage, note, model, tokens, confidence });
}

export function packKind(kind: Kind): number {
  return KINDS.indexOf(kind);
}

export function toCheckpoint(row: Row, tierOf: (seq: number) => Tier): Checkpoint {
  const seq = Number(row["seq"]);
  const { coverage, note, model, tokens, confidence, ...rest } = parse<Body>(row["body"], seq);
  const flags = Number(row["flags"]);
  return {
    seq,
    id: bufferOf(row["id"]).toString("hex"),
    tree: bytesToText(row["tree"]),
    time: Number(row["time"]),
    kind: KINDS[Number(row["kind"])]!,
    actor: { ...parse<object>(row["origin"], seq), ...rest } as Actor,
    coverage: coverage ?? { skipped: [] },
    ...(note !== undefined && { note }),
    ...(model !== undefined && { model }),
    ...(tokens !== undefined && { tokens }),
    ...(confidence !== undefined && { confidence }),
    pinned: (flags & PINNED) !== 0,
    tier: tierOf(seq),
    ...((flags & COMPACTED) !== 0 && { compacted: true }),
  };
}

export function toChange(row: Row): { path: string; before: State; after: State; stamp?: Stamp } {
  return { path: bytesToText(row["path"]), before: unpackState(row["before"], row["before_name"]), after: unpackState(row["after"], row["after_name"]), ...unpackStamp(row["stamp"]) };
}

function parse<T>(text: SqlValue | undefined, seq: number): T {
  try {
    return JSON.parse(String(text)) as T;
  } catch (error) {
    throw new TidemarkError("STORE_DAMAGED", `Checkpoint ${seq} can no longer be read`, { cause: error });
  }
}
