/**
 * Where Codex keeps its rollouts, and how one is read: plain or compressed, and with what it was forked from. Everything is only
 * read; the client's databases beside them (state, thread history) are derived from the rollouts and are left alone.
 */
import { createReadStream, existsSync } from "node:fs";
import { access, constants, readdir } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { Transform } from "node:stream";
import * as zlib from "node:zlib";
import { notText, readLines, splitLines } from "../../base/lines.ts";
import { isRecord } from "../../base/json.ts";
import type { Batch } from "../history.ts";
import type { Places } from "../places.ts";

const NAME = /^rollout-.*?([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})?\.jsonl(?:\.zst)?$/i;

/** Sessions, and those that were archived. */
export function rolloutFolders({ home, environment }: Places): string[] {
  const folder = resolve(environment["CODEX_HOME"] || join(home, ".codex"));
  return [join(folder, "sessions"), join(folder, "archived_sessions")];
}

/** While the client compresses a rollout, both stand side by side; the plain one is the one it reads. */
export function isRollout(path: string): boolean {
  return NAME.test(basename(path)) && !(path.endsWith(".zst") && existsSync(path.slice(0, -".zst".length)));
}

/** From how a file begins: a line with a record in an envelope, or the bare first line of before autumn 2025. */
export function startsAsRollout(head: Buffer, path: string): boolean {
  if (path.endsWith(".zst")) return isRollout(path);
  const text = head.toString("utf8").replace(/^\uFEFF?\s*/, "");
  return /^\{"timestamp":"[^"]*",(?:"ordinal":\d+,)?"type":"(?:session_meta|response_item|event_msg|turn_context|compacted|world_state|token_usage_record)","payload":\{/.test(text) || /^\{"id":"[0-9a-f-]{36}","timestamp":"[^"]*","instructions":/.test(text);
}

export function sessionInName(path: string): string | undefined {
  return NAME.exec(basename(path))?.[1]?.toLowerCase();
}

/** Node has it from 22.15 on. */
const decompress = (zlib as { createZstdDecompress?: () => Transform }).createZstdDecompress;

export async function refusedAs(path: string, size: number): Promise<string | undefined> {
  if (size === 0) return undefined;
  if (!path.endsWith(".zst")) return notText(path);
  return decompress === undefined ? "compressed with zstd, which takes Node 22.15 or later to read" : undefined;
}

/** The lines of a rollout up to a byte of its plain form. */
export async function* rolloutLines(path: string, progress?: (bytes: number) => void, upTo = Infinity): AsyncGenerator<Batch> {
  for await (const lines of path.endsWith(".zst") ? compressedLines(path, progress) : readLines(path, progress)) {
    if (!Array.isArray(lines)) yield lines;
    else if (lines.at(-1)!.end <= upTo) yield lines;
    else return yield lines.filter(({ end }) => end <= upTo);
  }
}

async function* compressedLines(path: string, progress?: (bytes: number) => void): AsyncGenerator<Batch> {
  const file = createReadStream(path);
  if (progress !== undefined) file.on("data", (chunk) => progress(chunk.length));
  let number = 0;
  try {
    for await (const lines of splitLines(file.pipe(decompress!()))) {
      if (Array.isArray(lines)) number = lines.at(-1)!.number;
      yield lines;
    }
  } catch (error) {
    if (!/ZSTD|Z_BUF/.test(String((error as NodeJS.ErrnoException).code))) throw error;
    yield { number: number + 1, problem: "broken off" };
  } finally {
    file.destroy();
  }
}

/** A fork in paginated history has no copy of what it goes on from: it names the other rollout and how far it shares it. */
export interface Base {
  readonly path: string;
  readonly upTo: number;
}

/** What the first line says: whose file it is, and what comes before it, the oldest first. */
export async function beginningOf(path: string): Promise<{ session?: string; bases: Base[] }> {
  const bases: Base[] = [];
  let session: string | undefined;
  // A fork of a fork goes on from a file that goes on from another; a loop of them ends.
  for (let at: string | undefined = path; at !== undefined && bases.length < 50; ) {
    const meta = await metaOf(at);
    session ??= typeof meta?.["id"] === "string" ? meta["id"] : undefined;
    const base: unknown = meta?.["history_base"];
    if (!isRecord(base) || typeof base["thread_id"] !== "string" || typeof base["end_byte_offset"] !== "number") break;
    at = await rolloutOf(base["thread_id"], path);
    if (at !== undefined) bases.unshift({ path: at, upTo: base["end_byte_offset"] });
  }
  return { ...(session === undefined ? {} : { session }), bases };
}

async function metaOf(path: string): Promise<Record<string, unknown> | undefined> {
  for await (const lines of rolloutLines(path)) {
    if (!Array.isArray(lines)) return undefined;
    try {
      const record: unknown = JSON.parse(lines[0]!.text);
      return isRecord(record) && record["type"] === "session_meta" && isRecord(record["payload"]) ? record["payload"] : undefined;
    } catch {
      return undefined;
    }
  }
  return undefined;
}

/** Below the same folder of sessions, or that of archived ones beside it. */
async function rolloutOf(thread: string, near: string): Promise<string | undefined> {
  const root = /^(.*?)[\\/](?:sessions|archived_sessions)[\\/]/.exec(near)?.[1];
  for (const folder of root === undefined ? [dirname(near)] : [join(root, "sessions"), join(root, "archived_sessions")]) {
    try {
      const name = (await readdir(folder, { recursive: true })).find((each) => sessionInName(each) === thread && isRollout(join(folder, each)));
      if (name === undefined) continue;
      await access(join(folder, name), constants.R_OK);
      return join(folder, name);
    } catch (error) {
      // What cannot be read is named when it is its own turn; the fork still holds its own.
      const { code } = error as NodeJS.ErrnoException;
      if (code !== "ENOENT" && code !== "EACCES" && code !== "EPERM") throw error;
    }
  }
  return undefined;
}
