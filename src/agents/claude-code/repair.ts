/**
 * A damaged transcript to a whole one under a new session id, record by record. Pure: lines in, lines out, with a list
 * of everything that was done. Which file is read and where the result goes is operations/repair.ts.
 *
 * A record that is kept keeps its bytes; only the members named in `changed` are replaced, where they stand. What is
 * added is one thing: an answer to each tool call that has none, because the agent's API refuses a history with an
 * open call. Subagents' records in the file (sidechains) get new links where theirs are torn and are otherwise left.
 */
import { sha256Hex } from "../../base/hash.ts";
import { isRecord } from "../../base/json.ts";
import type { Line, LineProblem } from "../../base/lines.ts";
import { elementsOf, endOf, membersOf, splice } from "../../base/splice.ts";
import { plural } from "../../base/text.ts";
import { blocksOf, text, type TranscriptRecord } from "./records.ts";

export type RepairKind =
  | "torn" | "damaged" | "rescued" | "mark" | "bytes" | "duplicate" | "orphan" | "relinked" | "loop" | "moved" | "unanswered";

export interface Done {
  readonly kind: RepairKind;
  /** Of the original file, from 1. */
  readonly line: number;
  readonly what: string;
}

export interface Repaired {
  /** What to write, in order, without line feeds. */
  readonly lines: readonly string[];
  /** Empty where the transcript is sound. */
  readonly done: readonly Done[];
  /** Records of the original that are in the result, and those of them that hold a message. */
  readonly kept: number;
  readonly messages: number;
  /** Records that the original does not have. */
  readonly added: number;
  /** In how many kept records a member differs from the original, by its name. */
  readonly changed: Readonly<Record<string, number>>;
  /** The session ids that the records bear, most frequent first. */
  readonly sessions: readonly string[];
  /** Working directories in the order they were met. */
  readonly folders: readonly string[];
}

export type Input = Pick<Line, "number" | "text" | "ended" | "sound"> | { readonly number: number; readonly problem: LineProblem };

/** What the model reads in place of a result that nobody has. */
export const UNKNOWN_OUTCOME = "The result of this call is not in the transcript: the session ended before it was recorded, or its record was damaged. Whether the call ran, and with what outcome, is unknown: look before doing it again.";

interface Item {
  readonly line: number;
  text: string;
  readonly record: TranscriptRecord;
  readonly uuid: string | undefined;
  parent: string | undefined;
  readonly thread: string;
  /** Members to replace, as JSON. */
  readonly edits: Map<string, string>;
}

export function repair(input: readonly Input[], session: string): Repaired {
  const done: Done[] = [];
  const changed: Record<string, number> = {};
  const bridges: Bridges = new Map();
  const found = readItems(input, done, bridges, changed);
  const sessions = frequent(found.flatMap(({ record }) => text(record.sessionId) ?? []));
  const folders = [...new Set(found.flatMap(({ record }) => text(record["cwd"]) ?? []))];
  let items = withoutDuplicates(found, done);
  items = withoutOrphans(items, done, bridges, changed);
  relink(items, done, bridges);
  breakLoops(items, done);
  items = inOrder(items, done);
  const answers = answerOpenCalls(items, session, done);
  const lines: string[] = [];
  for (const item of items) {
    lines.push(written(item, session, changed));
    for (const answer of answers.get(item) ?? []) lines.push(answer);
  }
  const messages = items.filter(({ record, uuid }) => uuid !== undefined && (record.type === "user" || record.type === "assistant")).length;
  done.sort((a, b) => a.line - b.line);
  return { lines, done, kept: items.length, messages, added: lines.length - items.length, changed, sessions, folders };
}

/** Always the same for the same parts, in the shape of an id made from a name. */
export function derivedId(...parts: string[]): string {
  const hex = sha256Hex(parts.join("\n"));
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** The folder a session was begun in: the agent names the folder of its transcripts after it. */
export function launchFolder(folders: readonly string[], slug: string): string {
  return folders.find((folder) => folder.replace(/[^a-zA-Z0-9]/g, "-") === slug) ?? folders[0] ?? "";
}

// ---- lines to records ----

/** Where the records below a lost one hang now: what it hung below itself, as far as that can be told, and its place. */
type Bridges = Map<string, { readonly parent: string | undefined; readonly line: number }>;

function readItems(input: readonly Input[], done: Done[], bridges: Bridges, changed: Record<string, number>): Item[] {
  const items: Item[] = [];
  for (const line of input) {
    if ("problem" in line) {
      done.push({ kind: "damaged", line: line.number, what: "left out: longer than 64 MiB" });
      continue;
    }
    let { text: words } = line;
    if (line.number === 1 && words.startsWith("\uFEFF")) {
      words = words.slice(1);
      done.push({ kind: "mark", line: 1, what: "byte order mark taken off" });
    }
    if (words.trim() === "") continue;
    const value = parse(words);
    if (isRecord(value) && !hasIds(value)) {
      done.push({ kind: "damaged", line: line.number, what: "left out: an id in it is none, so it is not whole" });
      continue;
    }
    if (isRecord(value)) {
      if (!line.sound) {
        done.push({ kind: "bytes", line: line.number, what: "bytes that are not UTF-8 stand as U+FFFD now" });
        changed["bytes that are not UTF-8"] = (changed["bytes that are not UTF-8"] ?? 0) + 1;
      }
      items.push(itemOf(words.trim(), value, line.number));
      continue;
    }
    const { records, lost } = rescue(words);
    for (const part of lost) noteLost(part, line.number, bridges);
    for (const record of records) items.push(itemOf(record.text, record.value, line.number));
    if (lost.length === 0) done.push({ kind: "rescued", line: line.number, what: `${plural(records.length, "record")} on one line, taken apart` });
    else if (records.length > 0) done.push({ kind: "rescued", line: line.number, what: `${plural(records.length, "whole record")} found on a damaged line; the rest of it is left out` });
    else if (line.ended) done.push({ kind: "damaged", line: line.number, what: `left out: ${value === undefined ? "not valid JSON" : "not a JSON object"}` });
    else done.push({ kind: "torn", line: line.number, what: "left out: the file ends in the middle of a record" });
  }
  return items;
}

function itemOf(words: string, record: TranscriptRecord, line: number): Item {
  const thread = record["isSidechain"] === true ? `side ${text(record.agentId) ?? ""}` : "";
  return { line, text: words, record, uuid: text(record.uuid), parent: text(record.parentUuid), thread, edits: new Map() };
}

function parse(words: string): unknown {
  try {
    return JSON.parse(words) as unknown;
  } catch {
    return undefined;
  }
}

const ID = /^[^\s"'<>\\]{1,150}$/;

/** Where two torn records meet on a line, a string of one can run on into the words of the other, and all parse. */
function hasIds(record: TranscriptRecord): boolean {
  const message = isRecord(record["message"]) ? record["message"] : {};
  const ids = [record.uuid, record.sessionId, record.agentId, message["id"], ...blocksOf(message["content"]).flatMap((block) => [block["id"], block["tool_use_id"]])];
  return ids.every((id) => text(id) === undefined || ID.test(id as string));
}

const RECORD_START = /\{\s*"(?:parentUuid|logicalParentUuid|type|uuid|sessionId|isSidechain|cwd)"\s*:/g;

/**
 * Whole records on a line that is not one: a record appended behind a torn one or behind a hole of zeros, or two
 * without a line feed between. Parts of a torn record bear no session id and are not taken for records.
 */
function rescue(words: string): { records: { text: string; value: TranscriptRecord }[]; lost: string[] } {
  const records: { text: string; value: TranscriptRecord }[] = [];
  const lost: string[] = [];
  const lose = (from: number, to: number): void => void (words.slice(from, to).trim() === "" || lost.push(words.slice(from, to)));
  let from = 0;
  // Damage can make every start look as if it went on to the end of the line.
  let budget = words.length * 16 + 1_000_000;
  RECORD_START.lastIndex = 0;
  for (let match = RECORD_START.exec(words); match !== null && budget > 0; match = RECORD_START.exec(words)) {
    const end = endOf(words, match.index);
    budget -= (end ?? words.length) - match.index;
    if (end === undefined) continue;
    const value = parse(words.slice(match.index, end));
    if (!isRecord(value) || text(value["type"]) === undefined || text(value["sessionId"]) === undefined || !hasIds(value)) continue;
    lose(from, match.index);
    records.push({ text: words.slice(match.index, end), value });
    from = RECORD_START.lastIndex = end;
  }
  lose(from, words.length);
  return { records, lost };
}

/** What a damaged line says of its own place in the tree, where it says it once. */
function noteLost(part: string, line: number, bridges: Bridges): void {
  const only = (pattern: RegExp): string | undefined => {
    const values = new Set([...part.matchAll(pattern)].map((match) => match[1]!));
    return values.size === 1 ? [...values][0] : undefined;
  };
  const uuid = only(/"uuid"\s*:\s*"([^"\\]{1,100})"/g);
  if (uuid !== undefined) bridges.set(uuid, { parent: only(/"parentUuid"\s*:\s*"([^"\\]{1,100})"/g), line });
}

// ---- which records stay ----

/**
 * Of records with one uuid the first stays; where that stands before the record it hangs below (a piece of the file
 * copied further up), the same text further on.
 */
function withoutDuplicates(items: readonly Item[], done: Done[]): Item[] {
  const uuids = new Set(items.map(({ uuid }) => uuid));
  const left = new Map<string, number>();
  for (const { uuid, text: words } of items) if (uuid !== undefined) left.set(words, (left.get(words) ?? 0) + 1);
  const kept = new Map<string, Item>();
  const awaited = new Map<string, string>();
  return items.filter((item) => {
    const { uuid, parent, line, text: words } = item;
    if (uuid === undefined) return true;
    left.set(words, left.get(words)! - 1);
    const first = kept.get(uuid);
    const early = left.get(words)! > 0 && parent !== undefined && !kept.has(parent) && uuids.has(parent);
    if (first === undefined && early) awaited.set(uuid, words);
    else if (first === undefined && (awaited.get(uuid) ?? words) === words) {
      kept.set(uuid, item);
      return true;
    }
    const same = (first?.text ?? awaited.get(uuid)) === words;
    const where = first === undefined ? "further on, in its place" : `in line ${first.line}`;
    done.push({ kind: "duplicate", line, what: `left out: ${same ? "the same record stands" : "another text under its uuid stands"} ${where}` });
    return false;
  });
}

interface Uses {
  /** Calls without a result, by the record they stand in. */
  readonly open: Map<Item, string[]>;
  /** Positions of results without a call in a record's content. */
  readonly orphans: Map<Item, number[]>;
}

/** Calls and results of the main thread, paired by id; where an id is used again, by the link first and then in order. */
function pair(items: readonly Item[]): Uses {
  const calls = new Map<string, Item[]>();
  const results = new Map<string, { item: Item; at: number }[]>();
  for (const item of items) {
    // Without a uuid a record is on no path, and what stands in it answers nothing.
    if (item.thread !== "" || item.uuid === undefined) continue;
    for (const [at, block] of contentOf(item).entries()) {
      if (item.record.type === "assistant" && block["type"] === "tool_use") append(calls, text(block["id"]), item);
      if (item.record.type === "user" && block["type"] === "tool_result") append(results, text(block["tool_use_id"]), { item, at });
    }
  }
  const open = new Map<Item, string[]>();
  const orphans = new Map<Item, number[]>();
  for (const [id, { length }] of results) if (!calls.has(id) && length > 0) for (const { item, at } of results.get(id)!) append(orphans, item, at);
  for (const [id, users] of calls) {
    const given = [...(results.get(id) ?? [])];
    const unpaired = users.filter((user) => {
      const at = given.findIndex(({ item }) => user.uuid !== undefined && (item.record["sourceToolAssistantUUID"] === user.uuid || item.parent === user.uuid));
      if (at >= 0) given.splice(at, 1);
      return at < 0;
    });
    for (const user of unpaired.slice(given.length)) append(open, user, id);
  }
  return { open, orphans };
}

function contentOf({ record }: Item): Record<string, unknown>[] {
  const content = isRecord(record["message"]) ? record["message"]["content"] : undefined;
  // Positions count: what is no block holds its place.
  return Array.isArray(content) ? content.map((block) => (isRecord(block) ? block : {})) : blocksOf(content);
}

/** A result whose call is lost is refused by the agent's API. */
function withoutOrphans(items: readonly Item[], done: Done[], bridges: Bridges, changed: Record<string, number>): Item[] {
  const { orphans } = pair(items);
  return items.filter((item) => {
    const places = orphans.get(item);
    if (places === undefined) return true;
    const blocks = contentOf(item);
    if (places.length === blocks.length) {
      if (item.uuid !== undefined) bridges.set(item.uuid, { parent: item.parent, line: item.line });
      done.push({ kind: "orphan", line: item.line, what: "left out: the result of a call that is not in the file" });
      return false;
    }
    const content = membersOf(item.text, membersOf(item.text).get("message")!.start).get("content")!;
    const left = elementsOf(item.text, content.start).filter((_, at) => !places.includes(at)).map(({ start, end }) => item.text.slice(start, end));
    item.text = splice(item.text, [{ span: content, by: `[${left.join(",")}]` }]);
    changed["message.content"] = (changed["message.content"] ?? 0) + 1;
    done.push({ kind: "orphan", line: item.line, what: `${plural(places.length, "result")} taken out of the record: the call is not in the file` });
    return true;
  });
}

// ---- the tree ----

function relink(items: readonly Item[], done: Done[], bridges: Bridges): void {
  const place = new Map(items.flatMap(({ uuid }, i) => (uuid === undefined ? [] : [[uuid, i] as const])));
  // Every record with a uuid names what it hangs below, be it null; where nothing is named, the name was damaged.
  const unnamed = ({ uuid, record }: Item): boolean => uuid !== undefined && !Object.hasOwn(record, "parentUuid");
  const torn = items.map((item, i) => [item, i] as const).filter(([item]) => unnamed(item) || (item.parent !== undefined && !place.has(item.parent)));
  if (torn.length === 0) return;
  const { first, topOf } = treesOf(items, place);
  for (const [item, i] of torn) {
    // Up over lost records as far as they say what they hung below.
    let [above, line, steps]: [string | undefined, number, number] = [item.parent, item.line, 0];
    while (above !== undefined && !place.has(above) && steps++ < bridges.size + 1) {
      const bridge: { parent: string | undefined; line: number } | undefined = bridges.get(above);
      if (bridge === undefined) break;
      above = bridge.parent;
      line = Math.min(line, bridge.line);
    }
    const before = Math.min(i, first.get(item) ?? i);
    const known = above === undefined ? undefined : place.get(above);
    const elsewhere = (other: Item): boolean => topOf.get(other) !== item;
    const target = known !== undefined && known < before && items[known]!.thread === item.thread ? items[known] : (nearest(items, before, line, item.thread) ?? nearest(items, i, line, item.thread, elsewhere));
    if (target === undefined && unnamed(item)) continue;
    setParent(item, target?.uuid);
    const why = unnamed(item) ? "it names no predecessor" : "its predecessor is not in the file";
    done.push({ kind: "relinked", line: item.line, what: `${why}: now ${target === undefined ? "a beginning" : `follows line ${target.line}`}` });
  }
}

/** The record at the top of each record's tree, and the place of the first record in the file of each tree. */
function treesOf(items: readonly Item[], place: ReadonlyMap<string, number>): { first: Map<Item, number>; topOf: Map<Item, Item> } {
  const first = new Map<Item, number>();
  const topOf = new Map<Item, Item>();
  for (const [i, item] of items.entries()) {
    const path: Item[] = [];
    let top = item;
    while (!topOf.has(top)) {
      path.push(top);
      // Its own top until a higher one is found, which also ends a walk round a loop.
      topOf.set(top, top);
      const above = top.parent === undefined ? undefined : place.get(top.parent);
      if (above !== undefined) top = items[above]!;
    }
    top = topOf.get(top)!;
    for (const each of path) topOf.set(each, top);
    if (!first.has(top)) first.set(top, i);
  }
  return { first, topOf };
}

/** The last record of the thread before place `i` that stands on or before `line`. */
function nearest(items: readonly Item[], i: number, line: number, thread: string, fits: (item: Item) => boolean = () => true): Item | undefined {
  for (let at = i - 1; at >= 0; at--) {
    const item = items[at]!;
    if (item.uuid !== undefined && item.thread === thread && item.line <= line && fits(item)) return item;
  }
  return undefined;
}

function setParent(item: Item, parent: string | undefined): void {
  item.parent = parent;
  item.edits.set("parentUuid", parent === undefined ? "null" : JSON.stringify(parent));
}

/** Links that lead round: the first record of the loop in the file hangs below what stands before it instead. */
function breakLoops(items: readonly Item[], done: Done[]): void {
  const byUuid = new Map(items.flatMap((item) => (item.uuid === undefined ? [] : [[item.uuid, item] as const])));
  const index = new Map(items.map((item, i) => [item, i] as const));
  const above = (item: Item): Item | undefined => (item.parent === undefined ? undefined : byUuid.get(item.parent));
  const safe = new Set<Item>();
  for (const start of items) {
    for (;;) {
      const path = new Set<Item>();
      let at: Item | undefined = start;
      while (at !== undefined && !safe.has(at) && !path.has(at)) {
        path.add(at);
        at = above(at);
      }
      if (at === undefined || !path.has(at)) {
        for (const item of path) safe.add(item);
        break;
      }
      const walk = [...path];
      const loop = walk.slice(walk.indexOf(at));
      const first = loop.reduce((a, b) => (index.get(a)! < index.get(b)! ? a : b));
      const target = nearest(items, index.get(first)!, first.line, first.thread);
      let up = target;
      for (let steps = 0; up !== undefined && up !== first && steps <= items.length; steps++) up = above(up);
      const whole = up === undefined ? target : undefined;
      setParent(first, whole?.uuid);
      done.push({ kind: "loop", line: first.line, what: `its predecessors led back to it: ${whole === undefined ? "now a beginning" : `now follows line ${whole.line}`}` });
    }
  }
}

const MOST_MOVED = 1000;

/**
 * Readers that go line by line take a predecessor further on for a lost one. Either it moves up or what stands before
 * it moves down, whichever moves less.
 */
function inOrder(items: readonly Item[], done: Done[]): Item[] {
  const place = new Map(items.flatMap((item, i) => (item.uuid === undefined ? [] : [[item.uuid, i] as const])));
  const result: Item[] = [];
  const put = new Set<Item>();
  const waiting = new Map<string, Item[]>();
  const add = (item: Item): void => {
    for (const queue = [item]; queue.length > 0; ) {
      const next = queue.shift()!;
      result.push(next);
      put.add(next);
      if (next.uuid === undefined) continue;
      for (const late of waiting.get(next.uuid) ?? []) {
        done.push({ kind: "moved", line: late.line, what: `stood before its predecessor: now behind line ${next.line}` });
        queue.push(late);
      }
      waiting.delete(next.uuid);
    }
  };
  for (const [i, item] of items.entries()) {
    if (put.has(item)) continue;
    const missing: Item[] = [];
    let late = false;
    for (let at = above(item); at !== undefined && !put.has(at) && !late; at = above(at)) {
      missing.push(at);
      // One that waits itself, or more than anyone would move.
      late = place.get(at.uuid!)! < i || missing.length > MOST_MOVED;
    }
    if (missing.length === 0) add(item);
    else if (late || below(missing[0]!, i) < missing.length) append(waiting, item.parent, item);
    else {
      for (const each of missing.toReversed()) {
        done.push({ kind: "moved", line: each.line, what: `stood behind what follows it: now before line ${item.line}` });
        add(each);
      }
      add(item);
    }
  }
  return result;

  function above({ parent }: Item): Item | undefined {
    const at = parent === undefined ? undefined : place.get(parent);
    return at === undefined ? undefined : items[at];
  }

  /** How many records from place `from` up to a record's own hang below it. */
  function below({ uuid }: Item, from: number): number {
    const found = new Set([uuid]);
    const before = found.size;
    for (const item of items.slice(from, place.get(uuid!))) if (item.parent !== undefined && found.has(item.parent)) found.add(item.uuid ?? String(found.size));
    return found.size - before;
  }
}

// ---- open calls ----

/** Records that answer the calls without a result, by the record they are to follow. */
function answerOpenCalls(items: readonly Item[], session: string, done: Done[]): Map<Item, string[]> {
  const answers = new Map<Item, string[]>();
  const { open } = pair(items);
  if (open.size === 0) return answers;
  const below = new Map<string, Item[]>();
  for (const item of items) append(below, item.parent, item);
  for (const [item, calls] of open) {
    if (item.uuid === undefined) continue;
    const uuid = derivedId(session, item.uuid, ...calls);
    answers.set(item, [JSON.stringify(answerTo(item, calls, uuid, session))]);
    // The call's message goes on in records of its own; everything else comes after the answer.
    const message = messageId(item);
    for (const next of below.get(item.uuid) ?? []) if (next.thread === "" && (message === undefined || messageId(next) !== message)) setParent(next, uuid);
    done.push({ kind: "unanswered", line: item.line, what: `${plural(calls.length, "call")} without a result: answered that the outcome is unknown` });
  }
  return answers;
}

/** As the agent writes a result, with what the call's record says of its surroundings. */
function answerTo({ record, uuid: above }: Item, calls: readonly string[], uuid: string, session: string): Record<string, unknown> {
  const surroundings = ["userType", "entrypoint", "cwd", "version", "gitBranch", "slug"].flatMap((name) => (record[name] === undefined ? [] : [[name, record[name]] as const]));
  return {
    parentUuid: above,
    isSidechain: false,
    type: "user",
    message: { role: "user", content: calls.map((id) => ({ type: "tool_result", content: UNKNOWN_OUTCOME, is_error: true, tool_use_id: id })) },
    uuid,
    ...(record.timestamp === undefined ? {} : { timestamp: record.timestamp }),
    toolUseResult: `Error: ${UNKNOWN_OUTCOME}`,
    sourceToolAssistantUUID: above,
    ...Object.fromEntries(surroundings),
    sessionId: session,
    // Not the agent's: so that nobody takes it for something that was said.
    repairedBy: "tidemark",
  };
}

function messageId({ record }: Item): string | undefined {
  return record.type === "assistant" && isRecord(record["message"]) ? text(record["message"]["id"]) : undefined;
}

// ---- records to lines ----

function written(item: Item, session: string, changed: Record<string, number>): string {
  const members = membersOf(item.text);
  const replacements: { span: { start: number; end: number }; by: string }[] = [];
  const replace = (name: string, by: string): void => {
    const span = members.get(name);
    if (span !== undefined && item.text.slice(span.start, span.end) === by) return;
    replacements.push(span === undefined ? { span: { start: 1, end: 1 }, by: `${JSON.stringify(name)}:${by},` } : { span, by });
    changed[name] = (changed[name] ?? 0) + 1;
  };
  for (const name of ["sessionId", "session_id"]) if (typeof item.record[name] === "string") replace(name, JSON.stringify(session));
  for (const [name, by] of item.edits) replace(name, by);
  return splice(item.text, replacements);
}

function append<K, V>(map: Map<K, V[]>, key: K | undefined, value: V): void {
  if (key === undefined) return;
  const known = map.get(key);
  if (known === undefined) map.set(key, [value]);
  else known.push(value);
}

function frequent(values: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1]).map(([value]) => value);
}
