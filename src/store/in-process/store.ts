/**
 * The store in memory: for tests, and as the second implementation that shows what the port says and what SQLite
 * merely does. What was appended lives in the place, not in the handle, so a place can be opened again and by several.
 *
 * Left out: durability, speed (a search reads every text), and stemming (a word is matched by its beginning, by the
 * same rule that scores it). What SQLite derives and keeps, forks and index, is derived here at every question.
 */
import { TidemarkError } from "../../base/errors.ts";
import { sha256Hex } from "../../base/hash.ts";
import type { Envelope, Event, EventType, Payload } from "../../event/schema.ts";
import { nameParts, roleOf, searchable } from "../../event/text.ts";
import type { SessionSummary } from "../../session/summary.ts";
import type { Trace } from "../../session/trace.ts";
import { contentHash, decodePayload, encodePayload, envelopeOf, GENESIS, linkHash, newSalts, objectsOf } from "../encoding.ts";
import type { Problem } from "../problems.ts";
import { holdsPhrases, matches, parseQuery, rarity, score } from "../ranking.ts";
import type { Question } from "../question.ts";
import { recall } from "../recall.ts";
import type { PassageSource, ReadPassage } from "../recall-rank.ts";
import { nearest, packed, VectorBlock } from "../vectors.ts";
import type { Appended, Hit, Passage, PassageAnswer, PassageFilter, PassagePlace, Position, SearchAnswer, SearchFilter, SourceState, Store, Stored } from "../store.ts";
import { inProcessSource } from "./passages.ts";

interface Row {
  readonly envelope: Envelope;
  readonly content: Uint8Array;
  readonly link: Uint8Array;
  /** Absent once erased. */
  kept?: { readonly salt: Uint8Array; readonly json: string };
}

export interface InProcessPlace {
  /** The event at position n stands at n - 1. */
  readonly rows: Row[];
  readonly positions: Map<string, Position>;
  readonly objects: Map<string, string>;
  readonly leases: Map<string, { holder: string; until: number }>;
  readonly summaries: Map<string, { summary: string; upTo: Position; trace: string }>;
  readonly sources: Map<string, SourceState>;
  /** How far passages were taken in. */
  taken: Position;
  vectors: { space: string; byPlace: Map<string, Int8Array> };
}

export function newPlace(): InProcessPlace {
  return { rows: [], positions: new Map(), objects: new Map(), summaries: new Map(), sources: new Map(), leases: new Map(), taken: 0, vectors: { space: "", byPlace: new Map() } };
}

export async function openInProcessStore(place: InProcessPlace = newPlace()): Promise<Store> {
  return new InProcessStore(place);
}

class InProcessStore implements Store {
  readonly #place: InProcessPlace;

  constructor(place: InProcessPlace) {
    this.#place = place;
  }

  async append(events: readonly Event[]): Promise<Appended> {
    const { rows, positions, objects } = this.#place;
    const fresh = firstOfEach(events, ({ id }) => id).filter(({ id }) => !positions.has(id));
    // Everything that can fail comes before the first change, what is only derived later included.
    const encodings = fresh.map((event) => {
      nameParts(searchable(event));
      sharedBy(event);
      return encodePayload(event.payload);
    });
    for (const [i, event] of fresh.entries()) {
      const encoded = encodings[i]!;
      const [salt] = newSalts(1) as [Uint8Array];
      const content = contentHash(salt, encoded.json);
      const envelope = envelopeOf(event);
      const link = linkHash(rows.at(-1)?.link ?? GENESIS, envelope, content);
      positions.set(event.id, rows.push({ envelope, content, link, kept: { salt, json: encoded.json } }));
      for (const [hash, text] of encoded.objects) objects.set(hash, text);
    }
    return { position: rows.length, added: fresh.length, duplicates: events.length - fresh.length };
  }

  async known(ids: readonly string[]): Promise<Map<string, string>> {
    const found = ids.flatMap((id) => this.#row(id) ?? []);
    return new Map(found.map(({ envelope }) => [envelope.id, envelope.session]));
  }

  async read(session: string): Promise<Stored[]> {
    const members = this.#members(session);
    return this.#where((_, position) => members.has(position));
  }

  async get(ids: readonly string[]): Promise<Stored[]> {
    const wanted = new Set(ids);
    return this.#where(({ envelope }) => wanted.has(envelope.id));
  }

  async ofTypes(types: readonly EventType[], sessions?: readonly string[]): Promise<Stored[]> {
    return this.#where(({ envelope }) => types.includes(envelope.type) && (sessions === undefined || sessions.includes(envelope.session)));
  }

  async scan(after: Position, limit: number): Promise<Stored[]> {
    return this.#where((_, position) => position > after && position <= after + limit);
  }

  async erase(ids: readonly string[]): Promise<number> {
    const { rows, objects } = this.#place;
    const positions = new Set<Position>();
    for (const id of ids) {
      const row = this.#row(id);
      if (row?.kept === undefined) continue;
      delete row.kept;
      positions.add(this.#place.positions.get(id)!);
    }
    for (const session of this.#place.summaries.keys()) if ([...this.#members(session)].some((position) => positions.has(position))) this.#place.summaries.delete(session);
    const used = new Set(rows.flatMap(({ kept }) => (kept === undefined ? [] : objectsOf(kept.json))));
    for (const hash of objects.keys()) if (!used.has(hash)) objects.delete(hash);
    return positions.size;
  }

  async scrub(): Promise<boolean> {
    return true;
  }

  async heads(): Promise<Map<string, Position>> {
    const sessions = new Set(this.#place.rows.map(({ envelope }) => envelope.session));
    return new Map([...sessions].map((session) => [session, Math.max(...this.#members(session))]));
  }

  async head(): Promise<{ position: Position; link: string }> {
    const { rows } = this.#place;
    return { position: rows.length, link: Buffer.from(rows.at(-1)?.link ?? GENESIS).toString("hex") };
  }

  async check(): Promise<Problem[]> {
    const problems: Problem[] = [];
    let before: Uint8Array = GENESIS;
    for (const [i, { envelope, content, link, kept }] of this.#place.rows.entries()) {
      const where = `event ${i + 1} (${envelope.id}, session ${envelope.session})`;
      if (kept !== undefined && !contentHash(kept.salt, kept.json).equals(content)) problems.push({ code: "PAYLOAD_CHANGED", where, message: "The payload is not the one that was recorded" });
      if (!linkHash(before, envelope, content).equals(link)) problems.push({ code: "CHAIN_BROKEN", where, message: "The link does not follow from the event before it" });
      for (const hash of objectsOf(kept?.json ?? "")) {
        const text = this.#place.objects.get(hash);
        if (text === undefined || sha256Hex(text) !== hash) problems.push({ code: text === undefined ? "OBJECT_MISSING" : "OBJECT_CHANGED", where: `object ${hash.slice(0, 16)}`, message: `${where} refers to it` });
      }
      before = link;
    }
    return problems;
  }

  async close(): Promise<void> {}

  async putSummary(summary: SessionSummary, upTo: Position, trace: Trace): Promise<void> {
    this.#place.summaries.set(summary.id, { summary: JSON.stringify(summary), upTo, trace: JSON.stringify(trace) });
  }

  async summaries(): Promise<{ summary: SessionSummary; upTo: Position }[]> {
    const all = [...this.#place.summaries.values()].map(parseSummary);
    return all.sort((a, b) => b.summary.ended - a.summary.ended || (a.summary.id < b.summary.id ? -1 : 1));
  }

  async summary(session: string): Promise<{ summary: SessionSummary; upTo: Position } | undefined> {
    const found = this.#place.summaries.get(session);
    return found === undefined ? undefined : parseSummary(found);
  }

  async lease(name: string, holder: string, now: number, until: number): Promise<string> {
    const held = this.#place.leases.get(name);
    if (held === undefined || held.holder === holder || held.until <= now) this.#place.leases.set(name, { holder, until });
    return this.#place.leases.get(name)!.holder;
  }

  async release(name: string, holder: string): Promise<void> {
    if (this.#place.leases.get(name)?.holder === holder) this.#place.leases.delete(name);
  }

  async leases(now: number): Promise<{ name: string; holder: string }[]> {
    const held = [...this.#place.leases].filter(([, { until }]) => until > now);
    return held.map(([name, { holder }]) => ({ name, holder })).sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async newest(project: string): Promise<SessionSummary | undefined> {
    return (await this.summaries()).find(({ summary }) => summary.turns > 0 && summary.project === project)?.summary;
  }

  async traces(project: string, limit: number): Promise<Trace[]> {
    const newest = (await this.summaries()).filter(({ summary }) => summary.turns > 0 && summary.project === project).slice(0, limit);
    return newest.map(({ summary }) => JSON.parse(this.#place.summaries.get(summary.id)!.trace) as Trace);
  }

  async trace(session: string): Promise<Trace | undefined> {
    const found = this.#place.summaries.get(session);
    return found === undefined ? undefined : (JSON.parse(found.trace) as Trace);
  }

  async stale(): Promise<Map<string, Position>> {
    return new Map([...(await this.heads())].filter(([session, position]) => this.#place.summaries.get(session)?.upTo !== position));
  }

  async dropSummaries(): Promise<void> {
    this.#place.summaries.clear();
  }

  async search(text: string, filter: SearchFilter, limit: number): Promise<SearchAnswer> {
    const query = parseQuery(text);
    if (query === undefined) throw new TidemarkError("QUERY_EMPTY", `Nothing in ${JSON.stringify(text)} can be searched for`);
    const total = this.#place.rows.length;
    const passing = this.#where(({ kept }) => kept !== undefined).filter((stored) => this.#passes(stored, filter));
    const candidates = new Map<Stored, string>();
    const rarities = new Map<string, number>();
    for (const term of query.terms) {
      const found = passing.filter(({ event }) => holdsWord(searchable(event), term.text));
      rarities.set(term.text, rarity(found.length, total));
      for (const stored of found) candidates.set(stored, searchable(stored.event));
    }
    const times = this.#place.rows.map(({ envelope }) => envelope.time);
    const [first, newest] = times.reduce(([low, high], time) => [Math.min(low, time), Math.max(high, time)], [Infinity, -Infinity] as [number, number]);
    const hits: Hit[] = [...candidates]
      .filter(([, body]) => holdsPhrases(query, body))
      .map(([{ event, position }, body]) => ({ event, position, text: body, score: score(query, rarities, { text: body, role: roleOf(event, event.payload), recency: (event.time - first) / Math.max(1, newest - first) }) }))
      .sort((a, b) => b.score - a.score || b.position - a.position);
    // The same words again say nothing new.
    const once = firstOfEach(hits, (hit) => hit.text.slice(0, 2000).replace(/\s+/g, " "));
    return { hits: once.slice(0, limit), path: `${query.terms.map((term) => term.text).join(" OR ")}; ${candidates.size} candidates`, more: once.length > limit };
  }

  async takePassages(limit: number): Promise<{ position: Position; head: Position }> {
    const head = this.#place.rows.length;
    this.#place.taken = Math.min(head, this.#place.taken + limit);
    return { position: this.#place.taken, head };
  }

  async recall(question: Question, filter: PassageFilter, limit: number): Promise<PassageAnswer> {
    return recall(this.#passages(filter), question, limit);
  }

  async withoutVector(space: string, limit: number): ReturnType<Store["withoutVector"]> {
    const { vectors } = this.#place;
    const missing = readAll(this.#passages({})).filter((place) => vectors.space !== space || !vectors.byPlace.has(nameOf(place))).sort((a, b) => b.position - a.position || a.part - b.part);
    return { passages: missing.slice(0, limit).map(({ position, part, text }) => ({ position, part, text })), left: missing.length };
  }

  async putVectors(space: string, vectors: Parameters<Store["putVectors"]>[1]): Promise<void> {
    if (this.#place.vectors.space !== space) this.#place.vectors = { space, byPlace: new Map() };
    for (const { vector, ...place } of vectors) this.#place.vectors.byPlace.set(nameOf(place), packed(vector));
  }

  async near(space: string, vector: Float32Array, filter: PassageFilter, limit: number): Promise<Passage[]> {
    const { vectors } = this.#place;
    if (vectors.space !== space) return [];
    const known = readAll(this.#passages(filter)).flatMap((passage) => {
      const own = vectors.byPlace.get(nameOf(passage));
      return own === undefined ? [] : [[passage, own] as const];
    });
    return nearest(new VectorBlock(known, vector.length), vector, limit).map(({ key: { event, position, part, text, project, branch }, score }) => ({ event, position, part, text, project, branch, score }));
  }

  async dropVectors(): Promise<void> {
    this.#place.vectors = { space: "", byPlace: new Map() };
  }

  async source(path: string): Promise<SourceState | undefined> {
    return this.#place.sources.get(path);
  }

  async putSource(state: SourceState): Promise<void> {
    this.#place.sources.set(state.path, { ...state });
  }

  /** There is no index that could differ from the log. */
  async checkIndex(): Promise<Problem[]> {
    return [];
  }

  async rebuildIndex(): Promise<void> {
    this.#place.taken = this.#place.rows.length;
    await this.dropVectors();
  }

  async sizes(): Promise<Record<string, number>> {
    const bytes = (texts: Iterable<string>): number => [...texts].reduce((sum, text) => sum + Buffer.byteLength(text), 0);
    return { events: bytes(this.#place.rows.map(({ kept }) => kept?.json ?? "")), objects: bytes(this.#place.objects.values()) };
  }

  #passages(filter: PassageFilter): PassageSource {
    const starts = new Map<string, Payload<"session.started">>();
    const taken = this.#where((_, position) => position <= this.#place.taken);
    for (const { event } of taken) if (event.type === "session.started" && event.id === `${event.session}:started`) starts.set(event.session, event.payload);
    return inProcessSource(taken, filter, { starts, members: (session) => this.#members(session), holdsWord });
  }

  #row(id: string): Row | undefined {
    const position = this.#place.positions.get(id);
    return position === undefined ? undefined : this.#place.rows[position - 1];
  }

  #where(wanted: (row: Row, position: Position) => boolean): Stored[] {
    return this.#place.rows.flatMap((row, i) => (wanted(row, i + 1) ? this.#stored(row, i + 1) : []));
  }

  #stored({ envelope, kept }: Row, position: Position): Stored {
    const payload = kept === undefined ? {} : decodePayload(kept.json, (hash) => this.#place.objects.get(hash));
    return { position, event: { ...envelope, payload } as Event, erased: kept === undefined };
  }

  /** Positions of a session's own events and of those it shares. */
  #members(session: string): Set<Position> {
    const members = new Set<Position>();
    for (const [i, row] of this.#place.rows.entries()) {
      if (row.envelope.session !== session) continue;
      members.add(i + 1);
      if (row.kept !== undefined) for (const id of sharedBy(this.#stored(row, i + 1).event)) members.add(this.#place.positions.get(id) ?? i + 1);
    }
    return members;
  }

  #passes({ event, position }: Stored, filter: SearchFilter): boolean {
    if (filter.project !== undefined && this.#projectOf(event.session) !== filter.project) return false;
    if (filter.session !== undefined && !this.#members(filter.session).has(position)) return false;
    if (filter.role !== undefined && roleOf(event, event.payload) !== filter.role) return false;
    if (filter.tool !== undefined && !(event.type === "tool.called" && sameName(event.payload.tool, filter.tool))) return false;
    if (filter.agent !== undefined && !sameName(event.agent, filter.agent)) return false;
    if ((filter.since !== undefined && event.time < filter.since) || (filter.until !== undefined && event.time > filter.until)) return false;
    const also = filter.also?.match(/[\p{L}\p{N}]+/gu) ?? [];
    return also.every((word) => holdsWord(searchable(event), word.toLowerCase()));
  }

  /** The project a session began in; a session without a first event has none, which is "". */
  #projectOf(session: string): string {
    const row = this.#row(`${session}:started`);
    if (row?.kept === undefined) return "";
    return (JSON.parse(row.kept.json) as { project?: string }).project ?? "";
  }
}

function sharedBy(event: Event): string[] {
  return event.type === "session.forked" ? [...event.payload.records] : [];
}

/** A word, a part of a name or a pair of CJK characters, in any case and without accents. */
function holdsWord(body: string, word: string): boolean {
  const text = folded(`${body} ${nameParts(body)}`);
  return matches({ terms: [{ text: folded(word), weight: 1 }], phrases: [] }, text).length > 0;
}

function folded(text: string): string {
  return text.normalize("NFD").replace(/[\u0300-\u036f]/g, "").normalize("NFC");
}

function firstOfEach<T>(all: readonly T[], keyOf: (one: T) => string): T[] {
  const seen = new Set<string>();
  return all.filter((one) => !seen.has(keyOf(one)) && seen.add(keyOf(one)));
}

function sameName(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}

function parseSummary({ summary, upTo }: { summary: string; upTo: Position }): { summary: SessionSummary; upTo: Position } {
  return { summary: JSON.parse(summary) as SessionSummary, upTo };
}

function readAll(source: PassageSource): ReadPassage[] {
  return source.read(source.within(-Infinity, Infinity, Infinity));
}

function nameOf({ position, part }: PassagePlace): string {
  return `${position}:${part}`;
}
