/**
 * 40 questions about decisions, reasons and dead ends in real sessions, written from reading them (questions.json), and
 * how many of them one brief or one search answers. A text answers when it holds every group of the question's `must`.
 *
 *   node scripts/run.mjs bench/continuity/questions.ts <data dir> [--list]
 *
 * Search is asked with the question as it stands, over all sessions; the brief is that of the question's session.
 */
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { importSessions } from "../../src/operations/import.ts";
import { recall } from "../../src/operations/recall.ts";
import { resume } from "../../src/operations/resume.ts";
import { searchSessions } from "../../src/operations/search.ts";
import { openSqliteStore } from "../../src/store/sqlite/store.ts";

interface Question {
  readonly id: string;
  readonly kind: string;
  readonly session: string;
  readonly turn: number;
  readonly question: string;
  readonly answer_uuids: string[];
  readonly must: string[][];
}

const [dir, ...flags] = process.argv.slice(2);
if (dir === undefined) throw new Error("usage: questions.ts <data dir> [--list]");
const { questions } = JSON.parse(await readFile(new URL("./questions.json", `file://${process.argv[1]}`), "utf8")) as { questions: Question[] };
const answers = (question: Question, text: string): boolean => {
  const lower = text.toLowerCase();
  return question.must.every((group) => group.some((word) => lower.includes(word)));
};

const folder = await mkdtemp(join(tmpdir(), "tidemark-questions-"));
const raw = join(dir, "claude-code-raw");
for (const name of await readdir(raw)) if (name.endsWith(".gz")) await writeFile(join(folder, name.slice(0, -3)), gunzipSync(await readFile(join(raw, name))));
const store = await openSqliteStore(join(folder, "home"));
await importSessions(store, { paths: [folder], scratch: folder, places: { home: folder, environment: {}, platform: process.platform }, now: 0, withinDays: 0 });

const score = new Map<string, number>();
const count = (name: string, hit: boolean): boolean => (score.set(name, (score.get(name) ?? 0) + (hit ? 1 : 0)), hit);
for (const question of questions) {
  const short = await searchSessions(store, question.question, { limit: 10, length: 480 });
  const whole = await searchSessions(store, question.question, { limit: 10, length: 1e6 });
  const place = whole.hits.findIndex(({ text }) => answers(question, text));
  const here = await searchSessions(store, question.question, { limit: 10, length: 480, session: question.session });
  // As the command answers: 10 passages and 1,500 tokens at most.
  const recalled = await recall(store, question.question, { now: Date.now(), limit: 10, tokens: 1500, length: 480 });
  const recalledHere = await recall(store, question.question, { now: Date.now(), limit: 10, tokens: 1500, length: 480, session: question.session });
  const brief1500 = (await resume(store, question.session, 1500)).text;
  const brief2000 = (await resume(store, question.session, 2000)).text;
  const byExcerpt = count("search, an excerpt of the first 10 hits", short.hits.some(({ text }) => answers(question, text)));
  const byHit = count("search, the first 10 hits whole", place >= 0);
  count("search, the first 3 hits whole", place >= 0 && place < 3);
  count("search in the session, an excerpt of the first 10 hits", here.hits.some(({ text }) => answers(question, text)));
  const byRecall = count("one recall, all its passages", answers(question, recalled.items.map(({ statement }) => statement).join("\n")));
  count("one recall within the session, all its passages", answers(question, recalledHere.items.map(({ statement }) => statement).join("\n")));
  const byBrief = count("brief of 1,500 tokens", answers(question, brief1500));
  const by2000 = count("brief of 2,000 tokens", answers(question, brief2000));
  count("brief (2,000) or one search (hits whole)", by2000 || byHit);
  count("brief (1,500) or one search (excerpts)", byBrief || byExcerpt);
  count("brief (2,000) or one recall", by2000 || byRecall);
  if (flags.includes("--list")) console.log(`${question.id} ${question.kind.padEnd(8)} hit ${place < 0 ? "–" : place + 1} excerpt ${byExcerpt ? "yes" : "–"} brief ${by2000 ? "yes" : "–"}  ${question.question}`);
}
console.log(`| ${questions.length} questions | answered |`);
console.log("|---|---|");
for (const [name, hits] of score) console.log(`| ${name} | ${hits} |`);
await store.close();
await rm(folder, { recursive: true, force: true });
