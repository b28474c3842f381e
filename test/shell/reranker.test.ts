/** `tidemark reranker` and what it does to recall, on the built command line against a server on this machine. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ask, place, tidemark, type Place } from "../helpers.ts";
import { modelServer, ranking } from "../model-server.ts";

const KEY = "the-key-of-a-test";

async function filled(): Promise<Place> {
  const at = place(["197 main"]);
  await tidemark(at, ["import"]);
  return at;
}

test("one is named, asked by recall, and let go", async () => {
  const at = await filled();
  const { url, requests } = await modelServer(ranking("o"));
  expect(await ask(at, ["reranker"])).toMatchObject({ code: 0, data: { reranker: null } });
  expect((await ask(at, ["recall", "greeting"])).data).not.toHaveProperty("reranked");
  expect(await ask(at, ["reranker", "tei", "--url", `${url}/`])).toMatchObject({ code: 0, data: { reranker: { kind: "tei", url } }, warnings: [] });
  expect(requests).toHaveLength(1);
  const { data, warnings } = await ask(at, ["recall", "greeting"]);
  expect([data.reranked > 1, warnings]).toEqual([true, []]);
  expect(data.path).toContain("in the order of tei server");
  expect((await ask(at, ["reranker"])).data.reranker).toMatchObject({ kind: "tei" });
  expect(await ask(at, ["reranker", "--off"])).toMatchObject({ code: 0, data: { reranker: null } });
  expect((await ask(at, ["recall", "greeting"])).data).not.toHaveProperty("reranked");
  expect(requests).toHaveLength(2);
});

test("a key is taken from the variable that is named, and is kept nowhere; without it recall answers", async () => {
  const at = await filled();
  const { url, requests } = await modelServer(ranking("o"));
  const name = ["reranker", "cohere", "small", "--url", url, "--key-env", "TEST_KEY"];
  expect(await ask(at, name)).toMatchObject({ code: 1, error: { code: "MODEL_REFUSED", hint: "export TEST_KEY=…" } });
  expect(await tidemark(at, name, { env: { TEST_KEY: KEY } })).toMatchObject({ code: 0 });
  expect(requests[0]!.headers.authorization).toBe(`Bearer ${KEY}`);
  expect(readFileSync(join(at.home, "settings.json"), "utf8")).not.toContain(KEY);
  expect(await ask(at, ["recall", "greeting"])).toMatchObject({ code: 0, warnings: [expect.stringContaining("TEST_KEY")] });
});

test.each([
  ["a kind that is none", ["colbert", "m"], "BAD_VALUE"], ["no model", ["cohere"], "BAD_VALUE"], ["no address", ["tei", "--url", "here"], "BAD_VALUE"], ["a key unencrypted", ["cohere", "m", "--url", "http://example.invalid", "--key-env", "HOME"], "BAD_VALUE"],
  ["two things", ["tei", "--off"], "BAD_VALUE"], ["nobody there", ["tei", "--url", "http://127.0.0.1:1"], "MODEL_DOWN"],
])("%s is refused, and nothing is named", async (_, args, code) => {
  const at = place();
  expect(await ask(at, ["reranker", ...args])).toMatchObject({ code: 1, error: { code } });
  expect((await ask(at, ["reranker"])).data).toEqual({ reranker: null });
});

test("a setting that was spoilt by hand is said, and recall answers", async () => {
  const at = await filled();
  writeFileSync(join(at.home, "settings.json"), '{"reranker": {"kind": "tei"}}');
  expect(await ask(at, ["reranker"])).toMatchObject({ code: 1, error: { code: "CONFIG_UNREADABLE" } });
  expect(await ask(at, ["recall", "greeting"])).toMatchObject({ code: 0, warnings: [expect.stringContaining("settings.json")] });
  expect(await ask(at, ["reranker", "--off"])).toMatchObject({ code: 0 });
});
