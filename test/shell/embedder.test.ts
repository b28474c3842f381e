/** `tidemark embedder` and what it does to recall, on the built command line against a server on this machine. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ask, place, putTranscript, inConfig, tidemark, type Place } from "../helpers.ts";
import { embedding, modelServer } from "../model-server.ts";
import { staticModel, UNIGRAM } from "../static-model.ts";

const KEY = "the-key-of-a-test";

async function filled(): Promise<Place> {
  const at = place(["197 main"]);
  await tidemark(at, ["import"]);
  return at;
}

test("none is named at first, and asking makes no request", async () => {
  const at = await filled();
  expect(await ask(at, ["embedder"])).toMatchObject({ code: 0, data: { embedder: null } });
  expect(await ask(at, ["embedder", "--fill"])).toMatchObject({ code: 1, error: { code: "MODEL_NONE" } });
  expect((await ask(at, ["recall", "greeting"])).data).not.toHaveProperty("spent");
});

test("one is named, filled, asked by recall, and let go", async () => {
  const at = await filled();
  const { url, requests } = await modelServer(embedding);
  expect(await ask(at, ["embedder", "ollama", "small", "--url", `${url}/`, "--price", "2"])).toMatchObject({ code: 0, data: { embedder: { kind: "ollama", model: "small", url, dimension: 16, price: 2 } }, warnings: [] });
  const { left } = (await ask(at, ["embedder"])).data as { left: number };
  expect(left).toBeGreaterThan(3);
  expect(await ask(at, ["embedder", "--fill"])).toMatchObject({ code: 0, data: { texts: left, tokens: 5 * left, left: 0, cost: (5 * left * 2) / 1e6 } });
  const asked = requests.length;
  const { data, warnings } = await ask(at, ["recall", "greeting"]);
  expect(data).toMatchObject({ spent: { texts: 1, tokens: 5, cost: 10 / 1e6 }, path: expect.stringContaining("by meaning (ollama small)") });
  expect(data.items[0].found_by).toMatch(/^(words|both)$/);
  expect(warnings).toEqual([]);
  expect(requests).toHaveLength(asked + 1);
  expect(await ask(at, ["embedder", "--off"])).toMatchObject({ code: 0, data: { embedder: null } });
  expect((await ask(at, ["recall", "greeting"])).data.path).not.toContain("meaning");
  expect(requests).toHaveLength(asked + 1);
  expect((await ask(at, ["verify"])).data.problems).toEqual([]);
});

test("static vectors in a folder are named, filled and asked without a server, and replaced ones are noticed", async () => {
  const at = await filled();
  const folder = staticModel(join(at.cwd, "potion"));
  expect(await ask(at, ["embedder", "static", "potion"])).toMatchObject({ code: 0, data: { embedder: { kind: "static", model: folder, dimension: 8 } }, warnings: [] });
  expect(await ask(at, ["embedder", "--fill"])).toMatchObject({ code: 0, data: { left: 0 } });
  expect((await ask(at, ["embedder"])).data).toMatchObject({ left: 0 });
  const { data, warnings } = await ask(at, ["recall", "hello"]);
  expect(data.path).toMatch(/by meaning \(static potion [0-9a-f]{8}\)/);
  expect(data.items.filter(({ found_by }: { found_by?: string }) => found_by === "meaning" || found_by === "both").length).toBeGreaterThan(0);
  expect(warnings).toEqual([]);
  staticModel(folder, { tokenizer: UNIGRAM });
  expect(await ask(at, ["recall", "greeting"])).toMatchObject({ code: 0, warnings: [expect.stringContaining("Another model lies in")] });
  expect(await ask(at, ["embedder", "static", "nowhere"])).toMatchObject({ code: 1, error: { code: "MODEL_REFUSED" } });
  expect(await ask(at, ["embedder", "static", "potion", "--price", "1"])).toMatchObject({ code: 1, error: { code: "BAD_VALUE" } });
});

test("what does not answer is not named, and one that goes away leaves recall by words with a note", async () => {
  const at = await filled();
  expect(await ask(at, ["embedder", "ollama", "small", "--url", "http://127.0.0.1:1"])).toMatchObject({ code: 1, error: { code: "MODEL_DOWN" } });
  expect((await ask(at, ["embedder"])).data).toEqual({ embedder: null });
  let down = false;
  const { url } = await modelServer((request) => (down ? { status: 503, text: "" } : embedding(request)));
  await ask(at, ["embedder", "openai", "small", "--url", url]);
  down = true;
  const answer = await ask(at, ["recall", "greeting"]);
  expect(answer).toMatchObject({ code: 0, warnings: [expect.stringMatching(/^Found by words alone: openai small at .* answered 503/)] });
  expect(answer.data.items.length).toBeGreaterThan(0);
  expect(await ask(at, ["embedder", "--fill"])).toMatchObject({ code: 1, error: { code: "MODEL_DOWN" } });
});

test("a key is taken from the variable that is named, and is kept nowhere", async () => {
  const at = await filled();
  const { url, requests } = await modelServer(embedding);
  const name = ["embedder", "openai", "small", "--url", url, "--key-env", "TEST_KEY"];
  expect(await ask(at, name)).toMatchObject({ code: 1, error: { code: "MODEL_REFUSED", hint: "export TEST_KEY=…" } });
  expect(await tidemark(at, name, { env: { TEST_KEY: KEY } })).toMatchObject({ code: 0 });
  expect(requests[0]!.headers.authorization).toBe(`Bearer ${KEY}`);
  expect(readFileSync(join(at.home, "settings.json"), "utf8")).not.toContain(KEY);
  expect((await ask(at, ["recall", "greeting"])).warnings).toEqual([expect.stringContaining("TEST_KEY")]);
});

test.each([
  ["a kind that is none", ["bert", "small"]], ["no model", ["ollama"]], ["no address", ["ollama", "m", "--url", "here"]], ["a file", ["ollama", "m", "--url", "file:///etc/passwd"]],
  ["a password in the address", ["ollama", "m", "--url", "http://a:b@127.0.0.1:1"]], ["a key unencrypted", ["openai", "m", "--url", "http://example.invalid", "--key-env", "HOME"]], ["a price that is none", ["ollama", "m", "--price", "cheap"]], ["two things", ["ollama", "m", "--off"]],
])("%s is refused before anything is asked", async (_, args) => {
  expect(await ask(place(), ["embedder", ...args])).toMatchObject({ code: 1, error: { code: "BAD_VALUE" } });
});

test("a setting that was spoilt by hand is said, and recall answers", async () => {
  const at = await filled();
  writeFileSync(join(at.home, "settings.json"), '{"embedder": {"kind": "ollama"}}');
  expect(await ask(at, ["embedder"])).toMatchObject({ code: 1, error: { code: "CONFIG_UNREADABLE" } });
  expect(await ask(at, ["recall", "greeting"])).toMatchObject({ code: 0, warnings: [expect.stringContaining("settings.json")] });
  expect(await ask(at, ["embedder", "--off"])).toMatchObject({ code: 0 });
  expect(await ask(at, ["recall", "greeting"])).toMatchObject({ warnings: [] });
});

test("taking in what was said asks no embedder", async () => {
  const at = await filled();
  const { url, requests } = await modelServer(embedding);
  await ask(at, ["embedder", "ollama", "small", "--url", url]);
  const before = requests.length;
  putTranscript(inConfig(at.config, "197 main"), [{ type: "user", uuid: "11111111-1111-4111-8111-111111111111", parentUuid: null, sessionId: "5972f1c9-0432-4f9a-8d14-606ac1ec8c3b", cwd: "/tmp/demo", timestamp: "2026-11-23T00:00:00Z", message: { role: "user", content: "another word" } }]);
  expect(await ask(at, ["import"])).toMatchObject({ code: 0 });
  expect(await tidemark(at, ["drain"])).toMatchObject({ code: 0 });
  expect(requests).toHaveLength(before);
});
