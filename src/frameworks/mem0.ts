/**
 * `tidemark/mem0`: the calls of mem0's TypeScript clients (the open-source `Memory` and the platform's `MemoryClient`, 3.x), on
 * this machine's log: no model, no embedder, no account. Written against what those calls take and give; where the two differ,
 * both forms are taken, and the open-source one is given.
 *
 * Left out, and said: nothing is inferred. `add` keeps each message word for word, as mem0 does with `infer: false`; a message
 * that is there already for the same ids is not kept twice. Searching is by words. Nothing is ever lost: `update` and `delete`
 * leave what was there in `history`, and `tidemark forget --memory` removes it for good.
 */
import { resolve } from "node:path";
import { sha256Hex } from "../base/hash.ts";
import { isRecord } from "../base/json.ts";
import { stateHome } from "../cli/environment.ts";
import { STATEMENT_MOST } from "../event/schema.ts";
import { addOwned, changeOwned, endOwned, historyOfOwned, ownedMemories, searchOwned, type Owned, type Owner } from "../operations/owned-memories.ts";
import type { Store } from "../store/store.ts";
import { openSqliteStore } from "../store/sqlite/store.ts";

export interface Message {
  role: string;
  content: string | { type: string; [more: string]: unknown } | { type: string; [more: string]: unknown }[];
}

export interface Entity {
  userId?: string;
  agentId?: string;
  runId?: string;
}

export interface AddMemoryOptions extends Entity {
  metadata?: Record<string, unknown>;
  filters?: SearchFilters;
  /** Taken and not heeded: what is said is kept word for word. */
  infer?: boolean;
  [more: string]: unknown;
}

/** `user_id`, `agent_id`, `run_id` and keys of the metadata, each with a value or operators (eq, ne, gt, gte, lt, lte, in, nin, contains, icontains); AND, OR and NOT. "*" is any value. */
export type SearchFilters = Record<string, unknown>;

export interface SearchMemoryOptions extends Entity {
  topK?: number;
  limit?: number;
  filters?: SearchFilters;
  /** Scores are from 0 to 1, the best found being near 1; what is below is left out. */
  threshold?: number;
  [more: string]: unknown;
}

export interface GetAllMemoryOptions extends Entity {
  topK?: number;
  limit?: number;
  filters?: SearchFilters;
  page?: number;
  pageSize?: number;
  [more: string]: unknown;
}

export interface UpdateMemoryOptions {
  text?: string;
  data?: string;
  /** Merged into what is there. */
  metadata?: Record<string, unknown>;
}

export interface MemoryItem {
  id: string;
  memory: string;
  hash: string;
  createdAt: string;
  updatedAt: string;
  userId?: string;
  agentId?: string;
  runId?: string;
  score?: number;
  event?: string;
  metadata: Record<string, unknown>;
}

export interface SearchResult {
  results: MemoryItem[];
}

export interface HistoryItem {
  id: string;
  memory_id: string;
  previous_value: string | null;
  new_value: string | null;
  action: "ADD" | "UPDATE" | "DELETE";
  created_at: string;
  updated_at: string;
  is_deleted: 0 | 1;
}

export interface MemoryConfig {
  /** The state folder; by default the one that the command line uses (`TIDEMARK_HOME`). */
  home?: string;
  /** Settings of mem0 are taken and not needed. */
  [more: string]: unknown;
}

/** How many are given where no number is said. */
const TOP = 20;

export class Memory {
  readonly #home: string;
  #store: Promise<Store> | undefined;

  constructor(config: MemoryConfig = {}) {
    this.#home = typeof config.home === "string" ? resolve(config.home) : stateHome(process.env);
  }

  async add(messages: string | Message[] | Message, options: AddMemoryOptions = {}): Promise<SearchResult> {
    const owner = ownerOf(options, options.filters);
    if (Object.keys(owner).length === 0) throw new Error("One of the filters: userId, agentId or runId is required!");
    const said = messagesOf(messages).flatMap(({ role, content }) => pieces(textOf(content)).map((text) => ({ text, byUser: role === "user" })));
    if (said.length === 0) throw new Error("messages array cannot be empty. Provide at least one message with non-empty content.");
    const added = await addOwned(await this.#opened(), said, owner, plain(options.metadata), Date.now());
    return { results: added.map(({ fresh, ...each }) => ({ ...itemOf(each), event: fresh ? "ADD" : "NONE", metadata: { ...itemOf(each).metadata, event: fresh ? "ADD" : "NONE" } })) };
  }

  async search(query: string, options: SearchMemoryOptions = {}): Promise<SearchResult> {
    if (typeof query !== "string" || query.trim() === "") throw new Error("query is required and cannot be empty.");
    const [wanted, top, { threshold = 0 }] = [matching(options), topOf(options), options];
    if (typeof threshold !== "number" || !(threshold >= 0 && threshold <= 1)) throw new Error("threshold must be a number between 0 and 1.");
    const found = searchOwned(await ownedMemories(await this.#opened()), query, wanted, Date.now());
    return { results: found.filter(({ score }) => score >= threshold).slice(0, top).map(({ score, ...each }) => ({ ...itemOf(each), score })) };
  }

  async get(memoryId: string): Promise<MemoryItem | null> {
    const found = (await ownedMemories(await this.#opened())).find(({ id }) => id === memoryId);
    return found === undefined ? null : itemOf(found);
  }

  /** The newest first. With `page`, of the platform's client, that page. */
  async getAll(options: GetAllMemoryOptions = {}): Promise<SearchResult & { count: number }> {
    const all = (await ownedMemories(await this.#opened())).filter(matching(options)).reverse();
    const { page, pageSize = 100 } = options;
    const shown = page === undefined ? all.slice(0, topOf(options)) : all.slice((page - 1) * pageSize, page * pageSize);
    return { results: shown.map(itemOf), count: all.length };
  }

  async update(memoryId: string, change: string | UpdateMemoryOptions): Promise<{ message: string }> {
    const { text, data, metadata } = typeof change === "string" ? { text: change } : change;
    const next = text ?? data;
    if (next === undefined && metadata === undefined) throw new Error("At least one of text, metadata, or expirationDate must be provided.");
    if (next !== undefined && (next.trim() === "" || next.length > STATEMENT_MOST)) throw new Error(`A memory has 1 to ${STATEMENT_MOST} characters`);
    await changeOwned(await this.#opened(), memoryId, { ...(next === undefined ? {} : { text: next }), ...(metadata === undefined ? {} : { metadata: plain(metadata)! }) }, Date.now());
    return { message: "Memory updated successfully!" };
  }

  async delete(memoryId: string): Promise<{ message: string }> {
    await endOwned(await this.#opened(), ({ id }) => id === memoryId, Date.now(), memoryId);
    return { message: "Memory deleted successfully!" };
  }

  async deleteAll(options: Entity = {}): Promise<{ message: string }> {
    const owner = ownerOf(options as Record<string, unknown>);
    if (Object.keys(owner).length === 0) throw new Error("At least one filter is required to delete all memories. If you want to delete all memories, use the `reset()` method.");
    await endOwned(await this.#opened(), matching(options), Date.now());
    return { message: "Memories deleted successfully!" };
  }

  /** The newest first. */
  async history(memoryId: string): Promise<HistoryItem[]> {
    const all = await historyOfOwned(await this.#opened(), memoryId);
    const created = new Date(all[0]?.time ?? 0).toISOString();
    return all.map(({ pass, before, after, time }): HistoryItem => ({
      id: pass, memory_id: memoryId, previous_value: before ?? null, new_value: after ?? null,
      action: before === undefined ? "ADD" : after === undefined ? "DELETE" : "UPDATE",
      created_at: created, updated_at: new Date(time).toISOString(), is_deleted: after === undefined ? 1 : 0,
    })).reverse();
  }

  /** Ends all that programs keep for their users, and nothing of yours. */
  async reset(): Promise<void> {
    await endOwned(await this.#opened(), () => true, Date.now());
  }

  async close(): Promise<void> {
    await (await this.#store)?.close();
    this.#store = undefined;
  }

  #opened(): Promise<Store> {
    return (this.#store ??= openSqliteStore(this.#home));
  }
}

/** The platform's name of it. An API key is taken and not needed. */
export { Memory as MemoryClient };
export default Memory;

function itemOf({ id, text, owner: { user, agent, run }, metadata, created, updated }: Owned): MemoryItem {
  return {
    id, memory: text, hash: sha256Hex(text).slice(0, 32), createdAt: new Date(created).toISOString(), updatedAt: new Date(updated).toISOString(),
    ...(user === undefined ? {} : { userId: user }), ...(agent === undefined ? {} : { agentId: agent }), ...(run === undefined ? {} : { runId: run }), metadata,
  };
}

const IDS = { user: ["userId", "user_id"], agent: ["agentId", "agent_id"], run: ["runId", "run_id"] } as const;

function ownerOf(...given: readonly (Record<string, unknown> | undefined)[]): Owner {
  const owner: { user?: string; agent?: string; run?: string } = {};
  for (const [name, spellings] of Object.entries(IDS) as [keyof typeof IDS, readonly string[]][]) {
    const value = given.flatMap((each) => spellings.map((spelling) => each?.[spelling])).find((each) => each !== undefined && each !== null);
    if (value === undefined) continue;
    if (typeof value !== "string" || value.trim() === "" || /\s/.test(value.trim())) throw new Error(`Invalid ${spellings[0]}: cannot be empty or contain whitespace.`);
    owner[name] = value.trim();
  }
  return owner;
}

function topOf({ topK, limit }: { topK?: number; limit?: number }): number {
  const top = topK ?? limit ?? TOP;
  if (!Number.isInteger(top) || top < 0) throw new Error("topK must be a non-negative integer.");
  return top;
}

/** What the ids and filters of a call let through. */
function matching({ filters, ...rest }: Entity & { filters?: SearchFilters }): (memory: Owned) => boolean {
  const owner = ownerOf(rest as Record<string, unknown>);
  const own = Object.fromEntries(Object.entries(owner).map(([name, id]) => [`${name}_id`, id]));
  return (memory) => fits(memory, own) && fits(memory, filters ?? {});
}

function fits(memory: Owned, filters: SearchFilters): boolean {
  return Object.entries(filters).every(([name, wanted]) => {
    const list = (): SearchFilters[] => (Array.isArray(wanted) ? (wanted as SearchFilters[]) : [wanted as SearchFilters]);
    if (name === "AND" || name === "$and") return list().every((each) => fits(memory, each));
    if (name === "OR" || name === "$or") return list().some((each) => fits(memory, each));
    if (name === "NOT" || name === "$not") return !list().some((each) => fits(memory, each));
    return holds(valueOf(memory, name), wanted);
  });
}

function valueOf({ owner, metadata }: Owned, name: string): unknown {
  const id = (Object.entries(IDS) as [keyof typeof IDS, readonly string[]][]).find(([, spellings]) => spellings.includes(name))?.[0];
  return id === undefined ? metadata[name] : owner[id];
}

const OPERATORS: Readonly<Record<string, (value: unknown, wanted: unknown) => boolean>> = {
  eq: (a, b) => a === b, ne: (a, b) => a !== b,
  gt: (a, b) => comparable(a, b) && a! > b!, gte: (a, b) => comparable(a, b) && a! >= b!, lt: (a, b) => comparable(a, b) && a! < b!, lte: (a, b) => comparable(a, b) && a! <= b!,
  in: (a, b) => Array.isArray(b) && b.includes(a), nin: (a, b) => Array.isArray(b) && !b.includes(a),
  contains: (a, b) => (Array.isArray(a) ? a.includes(b) : typeof a === "string" && a.includes(String(b))),
  icontains: (a, b) => typeof a === "string" && a.toLowerCase().includes(String(b).toLowerCase()),
};

function comparable(a: unknown, b: unknown): boolean {
  return typeof a === typeof b && (typeof a === "number" || typeof a === "string");
}

function holds(value: unknown, wanted: unknown): boolean {
  if (wanted === "*") return value !== undefined;
  if (!isRecord(wanted)) return Array.isArray(value) && !Array.isArray(wanted) ? value.includes(wanted) : JSON.stringify(value) === JSON.stringify(wanted);
  return Object.entries(wanted).every(([name, operand]) => {
    const operator = OPERATORS[name.replace(/^\$/, "")];
    if (operator === undefined) throw new Error(`Unknown operator in filters: ${name}`);
    return operator(value, operand);
  });
}

function messagesOf(messages: unknown): Message[] {
  if (messages === undefined || messages === null) throw new Error("messages is required and cannot be undefined or null. Provide a string or array of messages.");
  const all = Array.isArray(messages) ? (messages as unknown[]) : [typeof messages === "string" ? { role: "user", content: messages } : messages];
  return all.filter((each): each is Message => isRecord(each) && each["role"] !== "system");
}

/** Of several parts those that are text: images are not looked at. */
function textOf(content: Message["content"]): string {
  if (typeof content === "string") return content.toWellFormed();
  return (Array.isArray(content) ? content : [content]).flatMap((part) => (typeof part?.["text"] === "string" ? [part["text"].toWellFormed()] : [])).join("\n");
}

/** A text that is too long for one memory, parted where a paragraph, a line or a sentence ends. */
function pieces(text: string): string[] {
  const parts: string[] = [];
  let rest = text.trim();
  while (rest.length > STATEMENT_MOST) {
    const head = rest.slice(0, STATEMENT_MOST);
    const at = ["\n\n", "\n", ". ", " "].map((mark) => head.lastIndexOf(mark) + mark.trimEnd().length).find((place) => place > STATEMENT_MOST / 4) ?? STATEMENT_MOST;
    parts.push(rest.slice(0, at).trim());
    rest = rest.slice(at).trim();
  }
  return rest === "" ? parts : [...parts, rest];
}

/** What JSON can hold of it. */
function plain(metadata: Record<string, unknown> | undefined): Record<string, never> | undefined {
  return metadata === undefined ? undefined : (JSON.parse(JSON.stringify(metadata)) as Record<string, never>);
}
