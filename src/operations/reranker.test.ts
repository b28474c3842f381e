/** Recall with a re-ranker: its order holds among passages, and whatever it does, what was found is given. */
import { expect, test } from "vitest";
import { prompt, START, started } from "../../test/builders.ts";
import { modelServer, ranking, type Reply } from "../../test/model-server.ts";
import { rerankerAt, type Reranker } from "../models/reranker.ts";
import { openInProcessStore } from "../store/in-process/store.ts";
import type { Store } from "../store/store.ts";
import { recall, type RecallResult } from "./recall.ts";
import { reranked } from "./reranker.ts";

const TEXTS = ["The parser of the parser splits", "The parser reads oak oak", "The parser knows oak"];

async function filled(texts = TEXTS): Promise<Store> {
  const store = await openInProcessStore();
  await store.append([started("s1", "/work/app"), ...texts.map((text) => prompt(text))]);
  return store;
}
const at = (url: string): Reranker => rerankerAt({ kind: "tei", model: "small", url });
const ask = (store: Store, text: string, reranker?: Reranker, limit = 5): Promise<RecallResult> => recall(store, text, { now: START + 86_400_000, limit, length: 400, tokens: 1500, ...(reranker === undefined ? {} : { reranker }) });
const told = ({ items }: RecallResult): string[] => items.map(({ statement }) => statement);

test("passages come in its order, with the scores that they had among them", async () => {
  const store = await filled();
  const { url, requests } = await modelServer(ranking("oak"));
  const plain = await ask(store, "parser");
  const ranked = await ask(store, "parser", at(url));
  expect(told(ranked)).toEqual([TEXTS[1], TEXTS[2], TEXTS[0]]);
  expect(told(plain)).not.toEqual(told(ranked));
  expect(ranked.items.map(({ score }) => score)).toEqual(plain.items.map(({ score }) => score));
  expect(ranked).toMatchObject({ reranked: 3, warnings: [], path: expect.stringContaining("in the order of tei small") });
  expect(plain).not.toHaveProperty("reranked");
  expect(requests).toHaveLength(1);
});

test("it looks at more passages than are given, so that one further down can come first", async () => {
  const store = await filled([...Array.from({ length: 25 }, (_, i) => `The parser of the parser splits number ${i}`), "Somewhere a parser knows oak"]);
  const { url } = await modelServer(ranking("oak"));
  expect(told(await ask(store, "parser splits", undefined, 1))).not.toContain("Somewhere a parser knows oak");
  expect(told(await ask(store, "parser splits", at(url), 1))).toEqual(["Somewhere a parser knows oak"]);
});

test.each([["is broken", { status: 500, text: "" }], ["hangs up", "hang up"], ["refuses", { status: 404, text: "" }], ["says nothing of one", [{ index: 0, score: 1 }]]] as [string, Reply][])("one that %s leaves the order as it was, with one warning", async (_, reply) => {
  const store = await filled();
  const { url } = await modelServer(() => reply);
  const [plain, failed] = [await ask(store, "parser"), await ask(store, "parser", at(url))];
  expect(failed.items).toEqual(plain.items);
  expect(failed).toMatchObject({ reranked: 0, warnings: [expect.stringMatching(/^In the order in which they were found: /)] });
});

test("a question is redacted before it is sent, and a single passage is not asked about", async () => {
  const { url, requests } = await modelServer(ranking("oak"));
  const secret = ["ghp", "_", "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"].join("");
  await ask(await filled(), `is the parser used with ${secret}`, at(url));
  expect(JSON.stringify(requests)).not.toContain(secret);
  await ask(await filled(TEXTS.slice(0, 1)), "parser", at(url));
  expect(requests).toHaveLength(1);
});

test("what is broken is no failure of the re-ranker, and is thrown", async () => {
  await expect(reranked("x", [{ text: "a", score: 1 }, { text: "b", score: 1 }], { name: "broken", rank: () => Promise.reject(new Error("a mistake of ours")) })).rejects.toThrow("a mistake of ours");
});
