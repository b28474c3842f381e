/** Clients of embedders against a server on this machine: both APIs, and every way in which an answer can fail. */
import { expect, test } from "vitest";
import { embedding, meaningOf, modelServer, type Reply } from "../../test/model-server.ts";
import { dimensionOf, embedderAt } from "./embedder.ts";
import type { EmbedderKind } from "./endpoint.ts";

const TEXTS = ["a car", "the doctor"];
const SIZE = meaningOf("").length;

const failing = async (reply: Reply, dimension = SIZE, kind: EmbedderKind = "ollama"): Promise<unknown> => {
  const { url } = await modelServer(() => reply);
  return embedderAt({ kind, model: "small", url, key: "the-key-of-a-test" }, dimension).embed(TEXTS, 300).catch((error: unknown) => error);
};

test.each(["ollama", "openai"] as const)("%s gives a vector for each text in their order, and what it counted", async (kind) => {
  const { url, requests } = await modelServer(embedding);
  const embedder = embedderAt({ kind, model: "small", url, key: "the-key-of-a-test" }, SIZE);
  const { vectors, tokens } = await embedder.embed(TEXTS, 1000);
  expect(vectors).toEqual(TEXTS.map((text) => Float32Array.from(meaningOf(text))));
  expect(tokens).toBe(kind === "openai" ? 14 : 10);
  expect(embedder).toMatchObject({ name: `${kind} small`, dimension: SIZE });
  expect(requests[0]).toMatchObject({ path: kind === "openai" ? "/embeddings" : "/api/embed", headers: { authorization: "Bearer the-key-of-a-test" }, body: { model: "small", input: TEXTS } });
  expect(await dimensionOf({ kind, model: "small", url }, 1000)).toBe(SIZE);
  expect(requests[1]!.headers.authorization).toBeUndefined();
});

test("a text is cut before it is sent, and half a character is none", async () => {
  const { url, requests } = await modelServer(embedding);
  await embedderAt({ kind: "ollama", model: "small", url }, SIZE).embed(["x".repeat(9000), "\ud83d"], 1000);
  expect(requests[0]!.body.input.map((text: string) => text.length)).toEqual([2000, 1]);
  expect(requests[0]!.body.input[1]).toBe("\ufffd");
});

test("nobody there, no answer in time and a broken connection are said to be down", async () => {
  expect(await embedderAt({ kind: "ollama", model: "small", url: "http://127.0.0.1:1" }, 2).embed(["x"], 300).catch((error: unknown) => error)).toMatchObject({ code: "MODEL_DOWN" });
  expect(await failing("silence")).toMatchObject({ code: "MODEL_DOWN", message: expect.stringContaining("not within 0.3 s") });
  expect(await failing("hang up")).toMatchObject({ code: "MODEL_DOWN" });
  for (const status of [429, 500, 503]) expect(await failing({ status, text: "busy" }), String(status)).toMatchObject({ code: "MODEL_DOWN", message: expect.stringContaining(`${status}: busy`) });
});

test("what the server refuses is told in its words, without the key", async () => {
  expect(await failing({ status: 401, text: "wrong key the-key-of-a-test" })).toMatchObject({ code: "MODEL_REFUSED", message: expect.stringMatching(/401: wrong key …$/) });
  expect(await failing({ status: 404, text: `no such model ${"x".repeat(900)}` })).toMatchObject({ code: "MODEL_REFUSED", message: expect.stringMatching(/^.{1,300}$/) });
});

test("a redirect is not followed: texts and key stay with the address that was named", async () => {
  const elsewhere = await modelServer(embedding);
  expect(await failing({ status: 307, text: "", headers: { location: `${elsewhere.url}/api/embed` } })).toMatchObject({ code: "MODEL_REFUSED" });
  expect(elsewhere.requests).toEqual([]);
});

test.each([
  ["no JSON", { text: "<html>" }], ["an array", []], ["no vectors", {}], ["too few", { embeddings: [[1, 2]] }], ["words", { embeddings: [["a"], ["b"]] }], ["nothing in them", { embeddings: [[], []] }],
  ["no numbers", { text: '{"embeddings":[[1e999,1],[1,1]]}' }], ["zeroes", { embeddings: [[0, 0], [1, 0]] }], ["two lengths", { embeddings: [[1, 2], [1, 2, 3]] }],
])("an answer with %s is garbled", async (_, reply) => {
  expect(await failing(reply, 2)).toMatchObject({ code: "MODEL_GARBLED" });
});

test("vectors of another length than before say that the model has changed", async () => {
  expect(await failing({ embeddings: [[1, 2, 3], [1, 2, 3]] }, 2)).toMatchObject({ code: "MODEL_GARBLED", message: expect.stringContaining("3 numbers where 2"), hint: expect.stringContaining("tidemark embedder") });
});

test("an index that is none does no harm", async () => {
  expect(await failing({ data: [{ index: -1, embedding: [1, 0] }, { index: 1e9, embedding: [0, 1] }] }, 2, "openai")).toMatchObject({ vectors: [Float32Array.from([1, 0]), Float32Array.from([0, 1])] });
  expect(await failing({ data: [null, { index: 0, embedding: [0, 1] }] }, 2, "openai")).toMatchObject({ code: "MODEL_GARBLED" });
  expect(await failing({ data: [{ index: 1, embedding: [0, 1] }, { index: 1, embedding: [0, 1] }] }, 2, "openai")).toMatchObject({ code: "MODEL_GARBLED" });
});
