/** Passages in memory, found anew in the log at every question, as far as they were taken in. Words are matched by their beginning. */
import type { Event } from "../../event/schema.ts";
import { passagesOf, speakerOf } from "../../event/passages.ts";
import { roleOf } from "../../event/text.ts";
import { onlyAsks, tellsTime } from "../question.ts";
import { FIRST_PLACE, SPACE, type Key, type PassageSource } from "../recall-rank.ts";
import type { PassageFilter, Position, Stored } from "../store.ts";

interface Piece {
  readonly key: Key;
  readonly position: Position;
  readonly event: Event;
  readonly part: number;
  readonly text: string;
}

export interface InProcessPassages {
  /** Sessions as they began, by id. */
  readonly starts: ReadonlyMap<string, { readonly project?: string | undefined; readonly branch?: string | undefined }>;
  /** Positions of the events that a session shares with others, its own included. */
  members(session: string): ReadonlySet<Position>;
  holdsWord(text: string, word: string): boolean;
}

export function inProcessSource(stored: readonly Stored[], filter: PassageFilter, about: InProcessPassages): PassageSource {
  const pieces = piecesOf(stored);
  const members = filter.session === undefined ? undefined : about.members(filter.session);
  const startOf = ({ session }: Event): { project: string; branch: string } => ({ project: about.starts.get(session)?.project ?? "", branch: about.starts.get(session)?.branch ?? "" });
  const passes = ({ event, position }: Piece): boolean =>
    (filter.project === undefined || startOf(event).project === filter.project) &&
    (filter.branch === undefined || startOf(event).branch === filter.branch) &&
    (filter.agent === undefined || event.agent.toLowerCase() === filter.agent.toLowerCase()) &&
    (filter.role === undefined || roleOf(event, event.payload) === filter.role) &&
    (members === undefined || members.has(position)) &&
    (filter.since === undefined || event.time >= filter.since) &&
    (filter.until === undefined || event.time <= filter.until);
  const passing = pieces.filter(passes).sort((a, b) => b.key - a.key);
  const byKey = new Map(passing.map((piece) => [piece.key, piece]));
  const of = (keys: readonly Key[]): Piece[] => keys.flatMap((key) => byKey.get(key) ?? []);
  const holding = (forms: readonly string[], limit: number): number[] => passing.filter(({ text }) => forms.some((form) => about.holdsWord(text, form))).slice(0, limit).map(({ key, text }) => key * 2 + (text.includes("?") ? 1 : 0));
  return {
    total: pieces.length,
    holding,
    filedUnder: holding,
    speakers: () => [...new Set(passing.map(({ event }) => speakerOf(event)))].filter((name) => name !== ""),
    within: (from, to, limit) => passing.filter(({ event }) => event.time >= from && event.time < to).slice(0, limit).map(({ key }) => key),
    vocabulary: (start) => [...new Set(passing.flatMap(({ text }) => text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []))].filter((word) => word.startsWith(start)),
    list: (keys) => of(keys).map(({ key, event, text }) => ({ key, time: event.time, words: text.split(/\s+/).length, speaker: speakerOf(event), tellsTime: tellsTime(text), onlyAsks: onlyAsks(text) })),
    read: (keys) => of(keys).map(({ key, position, event, part, text }) => ({ key, position, event, part, text, ...startOf(event) })),
  };
}

function piecesOf(stored: readonly Stored[]): Piece[] {
  const conversations = new Map<string, { number: number; passages: number }>();
  const pieces: Piece[] = [];
  for (const { event, position, erased } of stored) {
    if (erased) continue;
    for (const [part, text] of passagesOf(event).entries()) {
      const name = JSON.stringify([event.session, event.thread ?? ""]);
      const conversation = conversations.get(name) ?? { number: conversations.size + 1, passages: 0 };
      conversations.set(name, conversation);
      pieces.push({ key: conversation.number * SPACE + FIRST_PLACE + conversation.passages, position, event, part, text });
      conversation.passages += 1;
    }
  }
  return pieces;
}
