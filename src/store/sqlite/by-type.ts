/**
 * Events by their type, through the index of rare types. SQLite uses a partial index only where the question repeats its
 * condition: asked for `type IN ('a')`, it does not see that this lies within `type IN ('a', 'b')` and reads the whole table.
 */
import type { EventType } from "../../event/schema.ts";
import type { SqlValue } from "./driver.ts";
import { EVENT_COLUMNS } from "./rows.ts";

/** Asked for by type alone; a few in a thousand. Another one needs the index built anew (migrate.ts). */
export const RARE: readonly EventType[] = [
  "session.forked", "session.resumed", "session.ended", "start.discovered", "start.recalled", "context.given", "instructions.kept", "memory.revised", "memory.reverted", "memory.filed",
];

/** As it stands in the schema. */
const WITHIN = `type IN (${RARE.map((type) => `'${type}'`).join(", ")})`;

/** Types are words of our own and are spelled out. Of some sessions, the index of sessions finds them. */
export function byType(types: readonly EventType[], sessions?: readonly string[]): { readonly sql: string; readonly values: SqlValue[] } {
  const list = types.map((type) => `'${type}'`).join(", ");
  const select = `SELECT ${EVENT_COLUMNS} FROM event WHERE type IN (${list})`;
  if (sessions !== undefined) return { sql: `${select} AND session IN (SELECT value FROM json_each(?)) ORDER BY position`, values: [JSON.stringify(sessions)] };
  return { sql: `${select} ${types.every((type) => RARE.includes(type)) ? `AND ${WITHIN} ` : ""}ORDER BY position`, values: [] };
}
