/** Clients of re-rankers against a server on this machine: both APIs, and every way in which an answer can fail. */
import { expect, test } from "vitest";
import { modelServer, ranking, type Reply } from "../../test/model-server.ts";
import { RERANKER_KINDS, rerankerAt } from "./reranker.ts";

const TEXTS = ["blue", "green green", "green"];
const failing = async (reply: Reply, kind: "cohere" | "tei" = "cohere"): Promise<unknown> => {
  const { url } = await modelServer(() => reply);
  return rerankerAt({ kind, model: "small", url, key: "the-key-of-a-test" }).rank("green?", TEXTS, 300).catch((error: unknown) => error);
};

test.each(RERANKER_KINDS)("%s gives a score for each text in their order", async (kind) => {
  const { url, requests } = await modelServer(ranking("green"));
  const reranker = rerankerAt({ kind, model: "small", url, key: "the-key-of-a-test" });
  expect(await reranker.rank("green?", [...TEXTS, `\ud83d${"x".repeat(9000)}`], 1000)).toEqual([0, 2 - 0.001, 1 - 0.002, -0.003]);
  expect(reranker.name).toBe(`${kind} small`);
  const { path, headers, body } = requests[0]!;
  expect([path, headers.authorization]).toEqual(["/rerank", "Bearer the-key-of-a-test"]);
  expect(body).toMatchObject(kind === "tei" ? { query: "green?", texts: expect.any(Array) } : { model: "small", query: "green?", documents: expect.any(Array) });
  expect((body.texts ?? body.documents)[3]).toMatch(/^\ufffdx{1999}$/);
});

test.each([
  ["no JSON", { text: "<html>" }], ["nothing", {}], ["words", { results: "none" }], ["too few", { results: [{ index: 0, relevance_score: 1 }] }], ["one twice", { results: [0, 1, 1].map((index) => ({ index, relevance_score: 1 })) }],
  ["no numbers", { results: TEXTS.map((_, index) => ({ index, relevance_score: "high" })) }], ["other indexes", { results: [-1, 1, 7].map((index) => ({ index, relevance_score: 1 })) }], ["nothing in them", { results: [null, null, null] }],
])("an answer with %s is garbled", async (_, reply) => {
  expect(await failing(reply)).toMatchObject({ code: "MODEL_GARBLED" });
  expect(await failing(reply, "tei")).toMatchObject({ code: "MODEL_GARBLED" });
});

test("down, slow, busy and refused are told apart, without the key", async () => {
  for (const reply of ["silence", "hang up", { status: 429, text: "" }, { status: 503, text: "" }] as const) expect(await failing(reply), JSON.stringify(reply)).toMatchObject({ code: "MODEL_DOWN" });
  expect(await failing({ status: 401, text: "wrong the-key-of-a-test" })).toMatchObject({ code: "MODEL_REFUSED", message: expect.stringMatching(/401: wrong …$/) });
});
