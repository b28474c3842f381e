/**
 * Other ways to find a turn for a question, each as its makers ship it and without a model: SQLite's text index (ours to
 * build), MiniSearch, `@modelcontextprotocol/server-memory` and mem0 with `infer: false`. The last three are looked for in
 * a folder given by the caller; what is not there is named. mem0 demands an embedder and gets hashed bags of words, so
 * its row shows its own ranking and no model's.
 */
import { mkdtempSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { openDatabase } from "../../src/store/sqlite/driver.ts";
import { parseQuery } from "../../src/store/ranking.ts";
import type { Conversation } from "./locomo.ts";

/** Ids of turns for a question, best first. */
export type Ask = (question: string) => Promise<readonly string[]> | readonly string[];

export interface Peer {
  readonly name: string;
  readonly open: (conversation: Conversation) => Promise<{ ask: Ask; close?: () => Promise<void> }>;
}

export const MOST = 50;

const textOf = ({ speaker, text }: Conversation["turns"][number]): string => `${speaker}: ${text}`;
const wordsOf = (text: string): string[] => (parseQuery(text, 400)?.terms ?? []).filter(({ weight }) => weight === 1).map(({ text: word }) => word);

/** The usual first step: FTS5 with porter's stemmer, words without stop words OR-ed, bm25. */
export const baseline: Peer = {
  name: "FTS5, porter, stop list",
  open: async ({ turns }) => {
    const database = openDatabase(":memory:");
    database.exec("CREATE VIRTUAL TABLE turn USING fts5(text, tokenize='porter unicode61')");
    const insert = database.prepare("INSERT INTO turn (rowid, text) VALUES (?, ?)");
    for (const [i, turn] of turns.entries()) insert.run(i + 1, textOf(turn));
    const select = database.prepare("SELECT rowid FROM turn WHERE turn MATCH ? ORDER BY bm25(turn), rowid");
    return {
      ask: (question) => {
        const words = wordsOf(question);
        return words.length === 0 ? [] : select.all(words.map((word) => `"${word}"`).join(" OR ")).map((row) => turns[Number(row["rowid"]) - 1]!.id);
      },
      close: async () => database.close(),
    };
  },
};

/** The peers that stand in `modules` (a folder with node_modules), and the names of those that do not. */
export async function installed(modules: string | undefined): Promise<{ peers: Peer[]; absent: string[] }> {
  const peers: Peer[] = [];
  const absent: string[] = [];
  const from = createRequire(join(resolve(modules ?? "."), "node_modules/none.js"));
  for (const [name, make] of [["minisearch", minisearch], ["@modelcontextprotocol/server-memory", serverMemory], ["mem0ai", mem0]] as const) {
    try {
      if (modules === undefined) throw new Error("no --modules");
      peers.push(...(await make(from, modules)));
    } catch (error) {
      absent.push(`${name} (${(error as Error).message.split("\n")[0]})`);
    }
  }
  return { peers, absent };
}

type Require = ReturnType<typeof createRequire>;

async function load<T>(from: Require, name: string): Promise<T> {
  return (await import(pathToFileURL(from.resolve(name)).href)) as T;
}

interface MiniSearch {
  addAll(all: readonly { id: string; text: string }[]): void;
  search(query: string): { id: string }[];
}

async function minisearch(from: Require): Promise<Peer[]> {
  const { default: MiniSearch } = await load<{ default: new (options: object) => MiniSearch }>(from, "minisearch");
  const peer = (name: string, options: object): Peer => ({
    name,
    open: async ({ turns }) => {
      const index = new MiniSearch({ fields: ["text"], ...options });
      index.addAll(turns.map((turn) => ({ id: turn.id, text: textOf(turn) })));
      return { ask: (question) => index.search(question).map(({ id }) => id) };
    },
  });
  const stop = (term: string): string | null => (wordsOf(`zebra ${term}`).length > 1 ? term.toLowerCase() : null);
  return [peer("MiniSearch as it comes", {}), peer("MiniSearch, stop list, fuzzy 0.2, prefixes", { processTerm: stop, searchOptions: { fuzzy: 0.2, prefix: true } })];
}

interface Client {
  connect(transport: unknown): Promise<void>;
  callTool(call: object): Promise<{ content: { text: string }[] }>;
  close(): Promise<void>;
}

async function serverMemory(from: Require, modules: string): Promise<Peer[]> {
  const { Client } = await load<{ Client: new (about: object) => Client }>(from, "@modelcontextprotocol/sdk/client/index.js");
  const { StdioClientTransport } = await load<{ StdioClientTransport: new (options: object) => unknown }>(from, "@modelcontextprotocol/sdk/client/stdio.js");
  const server = join(dirname(join(resolve(modules), "node_modules/@modelcontextprotocol/server-memory/package.json")), "dist/index.js");
  from.resolve(server);
  const open = async ({ turns }: Conversation): Promise<Client> => {
    const client = new Client({ name: "bench", version: "1" });
    const memory = join(mkdtempSync(join(tmpdir(), "tidemark-peer-")), "memory.json");
    await client.connect(new StdioClientTransport({ command: process.execPath, args: [server], env: { MEMORY_FILE_PATH: memory, PATH: process.env["PATH"] ?? "" }, stderr: "ignore" }));
    await client.callTool({ name: "create_entities", arguments: { entities: turns.map(({ id, speaker, text }) => ({ name: id, entityType: speaker, observations: [text] })) } });
    return client;
  };
  const find = async (client: Client, query: string): Promise<string[]> =>
    (JSON.parse((await client.callTool({ name: "search_nodes", arguments: { query } })).content[0]!.text) as { entities: { name: string }[] }).entities.map(({ name }) => name);
  return [
    { name: "server-memory, the question", open: async (conversation) => closing(await open(conversation), find) },
    {
      name: "server-memory, a call for each word",
      open: async (conversation) =>
        closing(await open(conversation), async (client, question) => {
          const hits = new Map<string, number>();
          for (const word of new Set(wordsOf(question))) for (const id of await find(client, word)) hits.set(id, (hits.get(id) ?? 0) + 1);
          return [...hits].sort((a, b) => b[1] - a[1]).map(([id]) => id);
        }),
    },
  ];
}

function closing(client: Client, find: (client: Client, question: string) => Promise<string[]>): { ask: Ask; close: () => Promise<void> } {
  return { ask: (question) => find(client, question), close: () => client.close() };
}

interface Memory {
  add(text: string, options: object): Promise<unknown>;
  search(query: string, options: object): Promise<{ results: { metadata: { turn: string } }[] }>;
}

const DIMENSIONS = 1024;

async function mem0(from: Require): Promise<Peer[]> {
  process.env["MEM0_TELEMETRY"] = "False";
  const { Memory } = await load<{ Memory: new (options: object) => Memory }>(from, "mem0ai/oss");
  return [
    {
      name: "mem0, infer: false, hashed words for vectors",
      open: async ({ id, turns }) => {
        const folder = mkdtempSync(join(tmpdir(), "tidemark-peer-"));
        const model = { embedQuery: async (text: string) => vector(text), embedDocuments: async (texts: string[]) => texts.map(vector) };
        const memory = new Memory({
          version: "v1.1",
          embedder: { provider: "langchain", config: { model, embeddingDims: DIMENSIONS } },
          vectorStore: { provider: "memory", config: { collectionName: id, dimension: DIMENSIONS, dbPath: join(folder, "vectors.db") } },
          llm: { provider: "openai", config: { apiKey: "none", model: "none" } },
          disableHistory: true,
        });
        for (const turn of turns) await memory.add(textOf(turn), { userId: "bench", infer: false, metadata: { turn: turn.id } });
        return { ask: async (question) => (await memory.search(question, { filters: { user_id: "bench" }, topK: MOST, threshold: 0 })).results.map(({ metadata }) => metadata.turn) };
      },
    },
  ];
}

function vector(text: string): number[] {
  const values = Array.from({ length: DIMENSIONS }, () => 0);
  for (const word of wordsOf(text)) {
    let hash = 2166136261;
    for (const character of word) hash = Math.imul(hash ^ character.codePointAt(0)!, 16777619) >>> 0;
    values[hash % DIMENSIONS]! += hash >>> 31 === 1 ? 1 : -1;
  }
  const length = Math.hypot(...values) || 1;
  return values.map((value) => value / length);
}
