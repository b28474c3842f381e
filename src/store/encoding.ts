/**
 * How an event is written down and chained, the same for every store. Long texts leave the payload for the object
 * store, where equal ones are kept once; what remains is canonical JSON.
 *
 *   content  = sha256(salt ‖ canonical JSON of the encoded payload)
 *   link[n]  = sha256(link[n-1] ‖ canonical JSON of the envelope ‖ content[n])
 *
 * Erasing drops salt and payload and keeps `content`: without the salt nobody can test a guess against it.
 */
import { randomBytes } from "node:crypto";
import { canonicalJson, isRecord } from "../base/json.ts";
import { sha256 } from "../base/hash.ts";
import type { Envelope, Event } from "../event/schema.ts";

/** Texts longer than this (UTF-16 units) become objects. Below it a row of its own costs more than it saves. */
export const LONG_TEXT = 4096;

export const GENESIS = new Uint8Array(32);

export interface Encoded {
  readonly json: string;
  /** Texts to keep beside the payload, by the hex SHA-256 of their UTF-8 bytes. */
  readonly objects: ReadonlyMap<string, string>;
}

const REF = "$object";
/** A source record may hold a member called "$object" itself; one more "$" tells it from ours. */
const LOOKALIKE = /^\$+object$/;

export function encodePayload(payload: unknown): Encoded {
  const objects = new Map<string, string>();
  const walk = (value: unknown): unknown => {
    if (typeof value === "string") {
      if (value.length <= LONG_TEXT) return value;
      // UTF-8 cannot hold a lone surrogate half; JSON's escapes can, so such a text stays in the payload.
      if (!value.isWellFormed()) return value;
      const hash = sha256(value).toString("hex");
      objects.set(hash, value);
      return { [REF]: hash };
    }
    if (Array.isArray(value)) return value.map(walk);
    if (!isRecord(value)) return value;
    const result: Record<string, unknown> = Object.create(null);
    for (const [key, inner] of Object.entries(value)) result[LOOKALIKE.test(key) ? `$${key}` : key] = walk(inner);
    return result;
  };
  return { json: canonicalJson(walk(payload)), objects };
}

/** The payload again; `fetch` gives the text of an object, or undefined where it is gone. */
export function decodePayload(json: string, fetch: (hash: string) => string | undefined): unknown {
  const value: unknown = JSON.parse(json);
  return json.includes(REF) ? restore(value, fetch) : value;
}

function restore(value: unknown, fetch: (hash: string) => string | undefined): unknown {
  if (Array.isArray(value)) return value.map((inner) => restore(inner, fetch));
  if (!isRecord(value)) return value;
  const hash = value[REF];
  if (typeof hash === "string") return fetch(hash) ?? `[text ${hash.slice(0, 12)} is missing from the object store]`;
  const result: Record<string, unknown> = {};
  for (const [key, inner] of Object.entries(value)) {
    Object.defineProperty(result, LOOKALIKE.test(key) ? key.slice(1) : key, { value: restore(inner, fetch), enumerable: true, writable: true, configurable: true });
  }
  return result;
}

/** Hashes of the objects an encoded payload refers to. */
export function objectsOf(json: string): string[] {
  if (!json.includes(REF)) return [];
  const found: string[] = [];
  const walk = (value: unknown): void => {
    if (Array.isArray(value)) value.forEach(walk);
    else if (isRecord(value)) {
      if (typeof value[REF] === "string") found.push(value[REF]);
      else Object.values(value).forEach(walk);
    }
  };
  walk(JSON.parse(json));
  return found;
}

/** One salt for each of `count` events; asked for one by one they took a twentieth of an import. */
export function newSalts(count: number): Uint8Array[] {
  const bytes = randomBytes(16 * count);
  return Array.from({ length: count }, (_, i) => bytes.subarray(16 * i, 16 * i + 16));
}

export function contentHash(salt: Uint8Array, json: string): Buffer {
  return sha256(salt, json);
}

export function linkHash(before: Uint8Array, envelope: Envelope, content: Uint8Array): Buffer {
  return sha256(before, envelopeJson(envelope), content);
}

/** Envelope members in a fixed order, written by hand: canonicalJson here was a fifth of the time of an import. */
function envelopeJson(e: Envelope): string {
  return JSON.stringify([e.id, e.time, e.type, e.session, e.agent, e.thread ?? null, e.record ?? null, e.parent ?? null]);
}

export function envelopeOf(event: Event): Envelope {
  const { id, time, type, session, agent, thread, record, parent } = event;
  return {
    id,
    time,
    type,
    session,
    agent,
    ...(thread === undefined ? {} : { thread }),
    ...(record === undefined ? {} : { record }),
    ...(parent === undefined ? {} : { parent }),
  };
}
