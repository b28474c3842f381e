/**
 * Where opencode keeps its sessions, and how one is read: from its database, from an export (`opencode export ID`), or from the
 * files that versions before the database left. Everything is only read, the database from a copy (Means.database): opening
 * one that the client is using takes locks and can write beside it.
 */
import { readdir, readFile } from "node:fs/promises";
import { basename, isAbsolute, join, resolve } from "node:path";
import { isRecord } from "../../base/json.ts";
import type { FoundFile } from "../found.ts";
import { UnreadableSource, type Rows, type Source } from "../history.ts";
import type { Places } from "../places.ts";

/** `XDG_DATA_HOME`, on every platform; `OPENCODE_DB` names another database. */
export function dataFolders({ home, environment }: Places): string[] {
  const data = join(resolve(environment["XDG_DATA_HOME"] || join(home, ".local", "share")), "opencode");
  const named = environment["OPENCODE_DB"];
  return named === undefined || named === "" || named === ":memory:" ? [data] : [data, isAbsolute(named) ? named : join(data, named)];
}

const DATABASE = /^opencode[\w.-]*\.db$/;
const STORED = /[\\/]storage[\\/]session[\\/](?:[^\\/]+[\\/])?ses_\w+\.json$/;
const EXPORTED = /^ses_\w+\.json$/;

export function mayHoldSessions(path: string): boolean {
  return DATABASE.test(basename(path)) || STORED.test(path) || (EXPORTED.test(basename(path)) && !/[\\/]storage[\\/]/.test(path));
}

/** Of the agents that are read no other keeps a database. */
export const isSqlite = (head: Buffer): boolean => head.subarray(0, 15).toString("latin1") === "SQLite format 3";

export function startsAsSession(head: Buffer): boolean {
  return isSqlite(head) || /^\s*\{\s*(?:"info":\s*\{\s*)?"id":\s*"ses_/.test(head.toString("utf8"));
}

/** The sessions of a database. */
export function sessionsIn(rows: Rows, file: FoundFile): Source[] {
  const found = rows(
    `SELECT session.id AS id, max(session.time_updated, coalesce(max(part.time_updated), 0)) AS modified, coalesce(sum(length(part.data)), 0) AS size
     FROM session LEFT JOIN part ON part.session_id = session.id GROUP BY session.id ORDER BY session.time_created, session.id`,
  );
  return found.map(({ id, modified, size }) => ({ path: `${file.path}#${String(id)}`, size: Number(size), modified: Number(modified), part: { file: file.path, id: String(id) } }));
}

/** A session's row and its messages, in the shape of an export. */
export function* databaseRecords(rows: Rows, id: string): Generator<object> {
  const [session] = rows("SELECT * FROM session WHERE id = ?", id);
  if (session === undefined) return;
  const { parent_id: parentID, time_created: created, time_updated: updated, directory, title, version, agent, cost } = session;
  const root = parentID === null ? undefined : rootOf(rows, String(parentID));
  yield { info: { id, parentID, directory, title, version, agent, cost, time: { created, updated } }, ...(root === undefined ? {} : { root }) };
  const parts = new Map<string, object[]>();
  for (const { id: part, message_id: message, data } of rows("SELECT id, message_id, data FROM part WHERE session_id = ? ORDER BY id", id)) {
    const list = parts.get(String(message)) ?? [];
    parts.set(String(message), list);
    list.push({ id: part, ...parsed(data) });
  }
  for (const { id: message, data } of rows("SELECT id, data FROM message WHERE session_id = ? ORDER BY time_created, id", id)) yield { info: { id: message, ...parsed(data) }, parts: parts.get(String(message)) ?? [] };
}

/** What cannot be read is left as it is, and becomes `raw` further on. */
function parsed(data: unknown): object {
  try {
    const value: unknown = JSON.parse(String(data));
    return isRecord(value) ? value : { data };
  } catch {
    return { data: String(data) };
  }
}

/** A subagent may have started others; the session of them all is the one without a parent. */
function rootOf(rows: Rows, parent: string): string {
  let at = parent;
  for (let up = 0; up < 50; up++) {
    const next = rows("SELECT parent_id FROM session WHERE id = ?", at)[0]?.["parent_id"];
    if (typeof next !== "string") break;
    at = next;
  }
  return at;
}

/** One document as records: an export, or the row of a session of older versions with the folders of its messages. */
export async function documentRecords(path: string): Promise<object[]> {
  let value: unknown;
  try {
    value = JSON.parse((await readFile(path, "utf8")).replace(/^\uFEFF/, ""));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new UnreadableSource("damaged or torn: not valid JSON");
  }
  if (!isRecord(value)) throw new UnreadableSource("not a session of opencode");
  if (Array.isArray(value["messages"])) return [{ info: value["info"] }, ...value["messages"].filter(isRecord)];
  return [{ info: value }, ...(STORED.test(path) ? await storedMessages(path, String(value["id"])) : [])];
}

async function storedMessages(path: string, session: string): Promise<object[]> {
  const storage = path.slice(0, path.lastIndexOf(`${join("storage", "session")}`) + "storage".length);
  const infos = await documentsIn(join(storage, "message", session));
  const messages = await Promise.all(infos.map(async (info) => ({ info, parts: await documentsIn(join(storage, "part", String(info["id"]))) })));
  const created = ({ info }: { info: Record<string, unknown> }): number => (isRecord(info["time"]) ? Number(info["time"]["created"]) : 0);
  return messages.sort((a, b) => created(a) - created(b));
}

async function documentsIn(folder: string): Promise<Record<string, unknown>[]> {
  try {
    const names = (await readdir(folder)).filter((name) => name.endsWith(".json")).sort();
    return await Promise.all(names.map(async (name) => ({ id: basename(name, ".json"), ...parsed(await readFile(join(folder, name), "utf8")) })));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
