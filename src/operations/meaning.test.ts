/** Recall with an embedder: what words miss is found, and whatever an embedder does, words answer as they did. */
import { expect, test } from "vitest";
import { answer, prompt, START, started } from "../../test/builders.ts";
import { embedding, meaningOf, modelServer, type Reply } from "../../test/model-server.ts";
import { openInProcessStore } from "../store/in-process/store.ts";
import type { Store } from "../store/store.ts";
import { embedderAt, type Embedder } from "../models/embedder.ts";
import { embedPassages, fused } from "./meaning.ts";
import { recall, type RecallResult } from "./recall.ts";
import { refreshSummaries } from "./sessions.ts";

const TEXTS = ["The automobile would not start", "A physician looked at it", "Postgres was slow yesterday", "The kitten sleeps", "Remove the flag", "We met at noon", "An invoice is missing"];

async function filled(texts = TEXTS): Promise<Store> {
  const store = await openInProcessStore();
  await store.append([started("s1", "/work/app"), ...texts.map((text, i) => (i % 2 === 0 ? prompt(text, { session: `s${i}` }) : answer(text, { session: `s${i}` })))]);
  await refreshSummaries(store);
  return store;
}

const embedderOf = (url: string, dimension = meaningOf("").length): Embedder => embedderAt({ kind: "ollama", model: "small", url }, dimension);
const ask = (store: Store, text: string, embedder?: Embedder, clock = (): number => performance.now()): Promise<RecallResult> =>
  recall(store, text, { now: START + 86_400_000, limit: 5, length: 400, tokens: 1500, ...(embedder === undefined ? {} : { meaning: { embedder, clock } }) });
const without = ({ items, path: _path, warnings: _warnings, spent: _spent, ...rest }: RecallResult): unknown => ({ ...rest, items: items.map(({ found_by: _by, ...item }) => item) });

test("a paraphrase that words alone miss is found by meaning, and it says so", async () => {
  const store = await filled();
  const { url } = await modelServer(embedding);
  expect((await ask(store, "broken car")).items).toEqual([]);
  const { items, path, warnings, spent } = await ask(store, "broken car", embedderOf(url));
  expect(items[0]).toMatchObject({ statement: TEXTS[0], found_by: "meaning" });
  expect(path).toContain("by meaning (ollama small)");
  expect(warnings).toEqual([]);
  expect(spent).toEqual({ texts: 8, tokens: 40 });
  expect((await ask(store, "broken car", embedderOf(url))).spent, "vectors are kept").toEqual({ texts: 1, tokens: 5 });
});

test("what both find comes before what one finds", async () => {
  const store = await filled(["The automobile stood in the yard", "A wagon was painted in the yard", "My automobile was painted", ...TEXTS.slice(3)]);
  const { url } = await modelServer(embedding);
  const { items } = await ask(store, "painted car", embedderOf(url));
  expect(items.slice(0, 2).map(({ statement, found_by: by }) => [statement, by])).toEqual([["My automobile was painted", "both"], expect.anything()]);
});

test("without an embedder an answer says nothing of one", async () => {
  const result = await ask(await filled(), "automobile");
  expect(result.items[0]).not.toHaveProperty("found_by");
  expect(result).not.toHaveProperty("spent");
});

test.each([
  ["is broken", { status: 500, text: "out of memory" }], ["hangs up", "hang up"], ["refuses", { status: 404, text: "no such model" }], ["answers with no JSON", { text: "hello" }],
  ["answers with another dimension", { embeddings: [[1, 2, 3]] }], ["answers with no numbers", { embeddings: [["x"]] }],
] as [string, Reply][])("an embedder that %s leaves the answer by words as it is, with one warning", async (_, reply) => {
  const store = await filled();
  const { url } = await modelServer(() => reply);
  const [plain, failed] = [await ask(store, "automobile"), await ask(store, "automobile", embedderOf(url))];
  expect(without(failed)).toEqual(without(plain));
  expect(failed.warnings).toEqual([expect.stringMatching(/^Found by words alone: /)]);
  expect(failed.path).toMatch(/; by words alone$/);
});

test("an embedder that does not answer is waited for three seconds", async () => {
  const store = await filled();
  const { url } = await modelServer(() => "silence");
  const began = performance.now();
  expect(await ask(store, "automobile", embedderOf(url))).toMatchObject({ items: [{ statement: TEXTS[0], found_by: "words" }], warnings: [expect.stringContaining("not within 3 s")] });
  expect(performance.now() - began).toBeLessThan(5000);
}, 10_000);

test("one that fails at passages still answers for those that have vectors", async () => {
  const store = await filled();
  let broken = false;
  const { url } = await modelServer((request) => (broken && request.body.input.length > 1 ? { status: 500, text: "" } : embedding(request)));
  await ask(store, "car", embedderOf(url));
  await store.append([prompt("one more"), prompt("and another")]);
  broken = true;
  const { items, warnings } = await ask(store, "broken car", embedderOf(url));
  expect(items[0]).toMatchObject({ statement: TEXTS[0], found_by: "meaning" });
  expect(warnings).toEqual([expect.stringMatching(/^Passages that are new are found by words alone: /)]);
});

test("a slice ends in time, keeps what was done, and the next goes on there", async () => {
  const store = await filled(Array.from({ length: 100 }, (_, i) => `number ${i}`));
  await store.takePassages(1000);
  const { url, requests } = await modelServer(embedding);
  let now = 0;
  const slice = { ms: 2, clock: () => (now += 1), timeout: 1000 };
  expect(await embedPassages(store, embedderOf(url), slice)).toMatchObject({ texts: 32, left: 68 });
  expect(requests[0]!.body.input[0]).toBe("number 99");
  expect(await embedPassages(store, embedderOf(url), { ...slice, ms: 1e9 })).toEqual({ texts: 68, tokens: 340, left: 0 });
  expect(requests).toHaveLength(4);
});

test("passages that have no vector yet are told", async () => {
  const store = await filled(Array.from({ length: 100 }, (_, i) => `number ${i}`));
  const { url } = await modelServer(embedding);
  let now = 0;
  const { warnings } = await ask(store, "number 7", embedderOf(url), () => (now += 400));
  expect(warnings).toEqual([expect.stringMatching(/^68 passages have no vector yet .*tidemark embedder --fill/)]);
});

test("with another model vectors are made anew", async () => {
  const store = await filled();
  const { url } = await modelServer(embedding);
  await ask(store, "car", embedderOf(url));
  const other = embedderAt({ kind: "ollama", model: "other", url }, meaningOf("").length);
  expect((await ask(store, "car", other)).spent).toMatchObject({ texts: 8 });
});

test("a secret in a question is not sent", async () => {
  const { url, requests } = await modelServer(embedding);
  const secret = `ghp_${"a1B2c3D4e5".repeat(4).slice(0, 36)}`;
  await ask(await filled(), `where is ${secret} used`, embedderOf(url));
  expect(JSON.stringify(requests)).not.toContain(secret);
});

test("a failure that is not the embedder's is no warning", async () => {
  const store = await filled();
  const broken: Embedder = { name: "broken", dimension: 1, embed: () => Promise.reject(new RangeError("a fault of ours")) };
  await expect(ask(store, "automobile", broken)).rejects.toThrow("a fault of ours");
});

test("the rule of fusion is the documented one", () => {
  const passage = (text: string, score: number): Parameters<typeof fused>[0][number] => ({ text, score }) as Parameters<typeof fused>[0][number];
  const scores = (words: [string, number][], near: [string, number][]): unknown => fused(words.map((each) => passage(...each)), near.map((each) => passage(...each)), 10).map(({ text, score, by }) => [text, Math.round(score * 100) / 100, by]);
  expect(scores([["a", 2], ["b", 1]], [["b", 1], ["c", 0.5]])).toEqual([["b", 2.2, "both"], ["a", 2, "words"], ["c", 0.6, "meaning"]]);
  expect(scores([], [["c", 0.5], ["c", 0.4]])).toEqual([["c", 0.3, "meaning"]]);
});
