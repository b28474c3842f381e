/** Rows of `event` to events and back. */
import { deflateRawSync, inflateRawSync } from "node:zlib";
import type { Event } from "../../event/schema.ts";
import type { Stored } from "../store.ts";
import { decodePayload } from "../encoding.ts";
import type { Row, SqlValue } from "./driver.ts";

/** Below this deflate rarely saves a page's worth and costs 30 µs a call. */
const DEFLATE_FROM = 300;

/** The smaller of the JSON itself and its deflated bytes. */
export function pack(json: string): string | Uint8Array {
  if (json.length < DEFLATE_FROM) return json;
  const packed = deflateRawSync(json, { level: 6 });
  return packed.length < Buffer.byteLength(json) * 0.9 ? packed : json;
}

export function unpack(payload: SqlValue): string {
  if (typeof payload === "string") return payload;
  return inflateRawSync(payload as Uint8Array).toString("utf8");
}

export const EVENT_COLUMNS = "event.position, id, time, type, event.session, agent, thread, record, parent, payload";

export function toStored(row: Row, fetch: (hash: string) => string | undefined): Stored {
  const erased = row["payload"] === null;
  const event: Record<string, unknown> = {
    id: row["id"],
    time: Number(row["time"]),
    type: row["type"],
    session: row["session"],
    agent: row["agent"],
    payload: erased ? {} : decodePayload(unpack(row["payload"]!), fetch),
  };
  for (const key of ["thread", "record", "parent"]) if (row[key] !== null && row[key] !== undefined) event[key] = row[key];
  return { position: Number(row["position"]), event: event as unknown as Event, erased };
}
