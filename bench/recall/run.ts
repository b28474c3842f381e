/**
 * `npm run bench:recall -- LOCOMO [--modules DIR] [--rounds 3]`: what is found of the evidence for each question of LoCoMo
 * (a folder of its .json files, or one), through our own store beside other ways to find it, in one run.
 *
 * Each conversation is a store of its own; a document is a turn, the query the question as it stands. DIR is a folder in
 * which minisearch, @modelcontextprotocol/server-memory with @modelcontextprotocol/sdk, and mem0ai were installed. Then all
 * conversations in one store, repeated to 6,000 turns, for the time a question takes. Nothing is asserted here.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, loadavg, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { loadTokenizer } from "../../src/base/tokens.ts";
import { understand } from "../../src/store/question.ts";
import { driverName } from "../../src/store/sqlite/driver.ts";
import { openSqliteStore } from "../../src/store/sqlite/store.ts";
import { loadConversations, type Conversation } from "./locomo.ts";
import { mean, measure, MEASURES, type Scores } from "./metrics.ts";
import { take } from "./ours.ts";
import { baseline, installed, MOST, type Peer } from "./peers.ts";

const { values, positionals } = parseArgs({ allowPositionals: true, options: { modules: { type: "string" }, rounds: { type: "string", default: "3" } } });
const data = positionals[0];
if (data === undefined) throw new Error("usage: npm run bench:recall -- LOCOMO [--modules DIR] [--rounds N]");
const conversations = loadConversations(data, await loadTokenizer());
if (conversations.length === 0) throw new Error(`no conversations in ${data}`);
/** The day after the last was said: what "last week" is told from. */
const now = Math.max(...conversations.flatMap(({ turns }) => turns.map(({ time }) => time))) + 86_400_000;
const work = mkdtempSync(join(tmpdir(), "tidemark-recall-"));

console.log(`# Recall\n\n${new Date().toISOString().slice(0, 10)}, ${cpus().length} cores (${cpus()[0]?.model.trim()}), ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}, ${driverName()}, load ${loadavg()[0]!.toFixed(1)}`);
console.log(`${conversations.length} conversations, ${conversations.reduce((sum, { turns }) => sum + turns.length, 0)} turns, ${conversations.reduce((sum, { questions }) => sum + questions.length, 0)} questions with evidence\n`);

const ours: Peer = {
  name: "tidemark recall",
  open: async (conversation) => {
    const store = await openSqliteStore(join(work, conversation.id));
    await take(store, conversation);
    return { ask: async (question) => turnsOf((await store.recall(understand(question, now), {}, MOST * 4)).passages.map(({ event }) => event.id)), close: () => store.close() };
  },
};
const { peers, absent } = await installed(values.modules);
for (const name of absent) console.log(`**NOT MEASURED: ${name}.** Install it in a folder and give that as --modules.\n`);

const half = Math.ceil(conversations.length / 2);
const headers = ["", "part", ...MEASURES, "ms a question"];
console.log(`| ${headers.join(" | ")} |\n|${"---|".repeat(headers.length)}`);
for (const peer of [ours, baseline, ...peers]) {
  const all: { scores: Scores[]; ms: number }[] = [];
  try {
    for (const conversation of conversations) all.push(await measureOne(peer, conversation));
  } catch (error) {
    if (peer === ours) throw error;
    console.log(`\n**NOT MEASURED: ${peer.name} failed: ${(error as Error).message.split("\n")[0]}**\n`);
    continue;
  }
  const row = (part: string, some: typeof all): void => {
    const scores = mean(some.flatMap((each) => each.scores));
    const questions = some.reduce((sum, each) => sum + each.scores.length, 0);
    console.log(`| ${peer.name} | ${part} | ${MEASURES.map((name) => (scores[name] * 100).toFixed(1)).join(" | ")} | ${(some.reduce((sum, { ms }) => sum + ms, 0) / questions).toFixed(2)} |`);
  };
  row("all", all);
  if (conversations.length < 2 || peer !== ours) continue;
  row(`first ${half}`, all.slice(0, half));
  row(`last ${conversations.length - half}`, all.slice(half));
}
await time();
rmSync(work, { recursive: true, force: true });

async function measureOne({ open }: Peer, conversation: Conversation): Promise<{ scores: Scores[]; ms: number }> {
  const { ask, close } = await open(conversation);
  const scores: Scores[] = [];
  let ms = 0;
  for (const { text, evidence } of conversation.questions) {
    const started = performance.now();
    const found = await ask(text);
    ms += performance.now() - started;
    scores.push(measure(conversation, evidence, found));
  }
  await close?.();
  return { scores, ms };
}

/** `conversation/turn` → the turn, each once: a long turn may be several passages. */
function turnsOf(ids: readonly string[]): string[] {
  return [...new Set(ids.map((id) => id.slice(id.lastIndexOf("/") + 1)))];
}

/** All in one store of 6,000 turns, ten passages a question. */
async function time(): Promise<void> {
  const store = await openSqliteStore(join(work, "together"));
  let turns = 0;
  for (let copy = 0; turns < 6000; copy++) {
    const conversation = conversations[copy % conversations.length]!;
    await take(store, { ...conversation, id: `${conversation.id}-${copy}` });
    turns += conversation.turns.length;
  }
  const questions = conversations.flatMap((conversation) => conversation.questions).filter((_, i) => i % 4 === 0);
  console.log(`\n## Time, one store of ${turns.toLocaleString("en-US")} turns, ${questions.length} questions, 10 passages each\n`);
  for (let round = 0; round < Number(values.rounds); round++) {
    const times: number[] = [];
    for (const { text } of questions) {
      const started = performance.now();
      await store.recall(understand(text, now), {}, 10);
      times.push(performance.now() - started);
    }
    times.sort((a, b) => a - b);
    console.log(`round ${round + 1}: mean ${(times.reduce((sum, each) => sum + each, 0) / times.length).toFixed(2)} ms, p50 ${times[times.length >> 1]!.toFixed(2)}, p95 ${times[Math.floor(times.length * 0.95)]!.toFixed(2)}`);
  }
  await store.close();
}
