/** `tidemark model`, `memory extract --model` and `memory judge`, on the built command line against a server on this machine. */
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { expect, test } from "vitest";
import { ask, inConfig, place, putTranscript, shell, tidemark, type Place } from "../helpers.ts";
import { modelServer, saying, toldTo, type Request } from "../model-server.ts";

const KEY = "the-key-of-a-test";
const SESSION = "11111111-2222-4333-8444-555555555555";

/** A machine with one session of the folder it is asked in. */
async function filled(): Promise<Place> {
  const at = place();
  mkdirSync(join(at.cwd, ".git"));
  const line = (n: number, type: string, content: unknown): object => ({ type, uuid: `00000000-0000-4000-8000-00000000000${n}`, parentUuid: n === 1 ? null : `00000000-0000-4000-8000-00000000000${n - 1}`, sessionId: SESSION, cwd: at.cwd, timestamp: `2026-11-2${n}T10:00:00Z`, version: "2.1.330", message: { role: type, content, id: `msg-${n}` } });
  putTranscript(inConfig(at.config, "197 main").replace(/[^/]+\.jsonl$/, `${SESSION}.jsonl`), [line(1, "user", "We deploy with make release here. Fix the login."), line(2, "assistant", [{ type: "text", text: "The login is fixed: its table had no index." }])]);
  await tidemark(at, ["import"]);
  return at;
}

const PROPOSAL = JSON.stringify({ memories: [{ kind: "constraint", key: "deploy", statement: "Deploy with make release.", source: 1, quote: "We deploy with make release here" }, { kind: "semantic", statement: "The moon is cheese.", source: 2, quote: "made up words of nobody" }], summary: "The login was fixed." });
const answers = saying((request) => (toldTo(request).system.startsWith("You find") ? PROPOSAL : toldTo(request).system.startsWith("You compare") ? '{"verdicts":[{"pair":1,"verdict":"contradicts"}]}' : "yes"));

test("none is named at first, and nothing is asked", async () => {
  const at = await filled();
  expect(await ask(at, ["model"])).toMatchObject({ code: 0, data: { model: null, spent: [] } });
  expect(await ask(at, ["memory", "extract", "--model"])).toMatchObject({ code: 1, error: { code: "MODEL_NONE", hint: "tidemark model --help" } });
  expect(await ask(at, ["memory", "extract"])).toMatchObject({ code: 0, data: { left: 0 } });
});

test.each(["anthropic", "openai", "ollama"] as const)("%s is named, shows what it would be asked, proposes, is accepted, and let go", async (kind) => {
  const at = await filled();
  const { url, requests } = await modelServer(answers);
  expect(await ask(at, ["model", kind, "small", "--url", `${url}/`, "--price", "3/15"])).toMatchObject({ code: 0, data: { model: { kind, model: "small", url, price: { input: 3, output: 15 } } }, warnings: [] });
  expect(requests).toHaveLength(1);
  const dry = await ask(at, ["memory", "extract", "--model", "--dry-run"]);
  expect(dry).toMatchObject({ code: 0, data: { session: SESSION, parts: 1, tokens: expect.any(Number), cost_at_most: expect.any(Number), requests: [{ system: expect.any(String), text: expect.stringContaining("make release") }] } });
  expect(requests).toHaveLength(1);
  const { data } = await ask(at, ["memory", "extract", "--model"]);
  expect(data).toMatchObject({ session: SESSION, model: `${kind} small`, spent: { asked: 1, input: 100, output: 20, cost: 0.0006 }, dropped: { no_quote: 1 } });
  expect(data.proposed.map(({ statement, status, trust }: Record<string, string>) => [statement, status, trust])).toEqual([["Deploy with make release.", "inbox", "inferred"], ["The login was fixed.", "inbox", "inferred"]]);
  // As it was said it would be sent.
  expect(toldTo(requests[1]!)).toEqual({ system: dry.data.requests[0].system, text: dry.data.requests[0].text });
  expect((await ask(at, ["memory"])).data.memories.map(({ statement }: { statement: string }) => statement)).not.toContain("Deploy with make release.");
  expect(await ask(at, ["memory", "why", data.proposed[0].id])).toMatchObject({ data: { given: false, taken_from: [{ role: "user", text: expect.stringContaining("We deploy with make release here") }] } });
  await ask(at, ["memory", "accept", data.proposed[0].id]);
  expect((await ask(at, ["memory"])).data.memories.map(({ statement }: { statement: string }) => statement)).toContain("Deploy with make release.");
  expect(await ask(at, ["memory", "extract", "--model"])).toMatchObject({ code: 0, data: { session: null }, warnings: [expect.stringContaining("read by a model")] });
  expect((await ask(at, ["model"])).data.spent).toMatchObject([{ purpose: "trial", asked: 1 }, { purpose: "extract", asked: 1, input: 100, output: 20, cost: 0.0006 }]);
  expect((await ask(at, ["status", "--cost"])).data.cost.models).toMatchObject([{ purpose: "trial" }, { model: `${kind} small`, purpose: "extract", asked: 1, cost: 0.0006 }]);
  expect((await tidemark(at, ["model"])).out).toMatch(/extract\s+1\s+0\s+100\s+20\s+0\.0006/);
  expect(await ask(at, ["model", "--off"])).toMatchObject({ code: 0, data: { model: null } });
  expect(await ask(at, ["memory", "extract", "--model", SESSION])).toMatchObject({ code: 1, error: { code: "MODEL_NONE" } });
  expect(requests).toHaveLength(2);
  expect((await ask(at, ["verify"])).data.problems).toEqual([]);
});

test("pairs are judged, what comes of it is shown with both, and is done when accepted", async () => {
  const at = await filled();
  const { url, requests } = await modelServer(answers);
  await ask(at, ["model", "openai", "small", "--url", url]);
  const first = (await ask(at, ["remember", "Deploy the service with docker push", "--key", "one"])).data.id as string;
  const second = (await ask(at, ["remember", "Deploy the service with make release", "--key", "two", "--since", "2026-11-30"])).data.id as string;
  expect(await ask(at, ["memory", "judge", "--dry-run"])).toMatchObject({ code: 0, data: { pairs: [{ a: {}, b: {} }] } });
  expect(requests).toHaveLength(1);
  const { data } = await ask(at, ["memory", "judge"]);
  expect(data).toMatchObject({ verdicts: [{ verdict: "contradicts" }], proposed: { length: 1 }, left: 0 });
  const inbox = await tidemark(at, ["memory", "inbox"]);
  expect(inbox.out).toContain("docker push");
  expect(inbox.out).toContain("make release");
  const proposal = (await ask(at, ["memory", "inbox"])).data.memories.find(({ id }: { id: string }) => id === data.proposed[0]);
  expect(await ask(at, ["memory", "accept", data.proposed[0]])).toMatchObject({ code: 0 });
  expect((await ask(at, ["memory", "show", proposal.replaces.old])).data).toMatchObject({ status: "superseded", superseded_by: proposal.replaces.by });
  expect([proposal.replaces.old, proposal.replaces.by].sort()).toEqual([first, second].sort());
  expect(await ask(at, ["memory", "judge"])).toMatchObject({ code: 0, data: { pairs: [] } });
  expect(requests).toHaveLength(2);
});

test("a model that fails leaves an error, and what it took is told", async () => {
  const at = await filled();
  let reply: (request: Request) => ReturnType<typeof answers> = answers;
  const { url } = await modelServer((request) => reply(request));
  await ask(at, ["model", "anthropic", "small", "--url", url]);
  reply = saying("I would rather not.");
  expect(await ask(at, ["memory", "extract", "--model"])).toMatchObject({ code: 1, ok: false, error: { code: "MODEL_GARBLED" }, data: { spent: { asked: 1, input: 100 }, proposed: [] } });
  reply = () => ({ status: 503, text: "" });
  expect(await ask(at, ["memory", "extract", "--model"])).toMatchObject({ code: 1, error: { code: "MODEL_DOWN" } });
  expect((await ask(at, ["model"])).data.spent).toMatchObject([{ purpose: "trial" }, { purpose: "extract", asked: 2, failed: 2, input: 100 }]);
  expect(await ask(at, ["recall", "login"])).toMatchObject({ code: 0, warnings: [] });
});

test("a key is taken from the variable that is named, is kept nowhere and told by nobody", async () => {
  const at = await filled();
  const { url, requests } = await modelServer((request) => (requests.length > 1 ? { status: 401, text: `bad key ${KEY}` } : answers(request)));
  const name = ["model", "anthropic", "small", "--url", url, "--key-env", "TEST_KEY"];
  expect(await ask(at, name)).toMatchObject({ code: 1, error: { code: "MODEL_REFUSED", hint: "export TEST_KEY=…" } });
  expect(await tidemark(at, name, { env: { TEST_KEY: KEY } })).toMatchObject({ code: 0 });
  expect(requests[0]!.headers["x-api-key"]).toBe(KEY);
  const refused = await tidemark(at, ["memory", "extract", "--model"], { env: { TEST_KEY: KEY } });
  expect(refused).toMatchObject({ code: 1, err: expect.stringContaining("401: bad key …") });
  expect((await shell(at, `grep -rl ${KEY} "$TIDEMARK_HOME" || echo nowhere`)).out).toBe("nowhere\n");
});

test("the agent's own command line is asked only where it is named, in the state folder", async () => {
  const at = await filled();
  const bin = join(at.home, "../bin");
  mkdirSync(bin);
  writeFileSync(join(bin, "claude"), `#!${process.execPath}\nrequire("fs").appendFileSync(${JSON.stringify(join(bin, "calls"))}, process.cwd() + "\\n");\nconsole.log(JSON.stringify({ result: ${JSON.stringify(PROPOSAL)}, total_cost_usd: 0.002, usage: { input_tokens: 40, output_tokens: 9 } }));\n`);
  chmodSync(join(bin, "claude"), 0o755);
  const env = { PATH: [bin, at.env["PATH"]].join(delimiter) };
  const json = async (args: readonly string[]): Promise<any> => JSON.parse((await tidemark(at, [...args, "--json"], { env })).out);
  expect(await json(["model", "agent", "haiku", "--price", "1"])).toMatchObject({ ok: false, error: { code: "BAD_VALUE" } });
  expect(await json(["model", "agent", "haiku"])).toMatchObject({ ok: true, data: { model: { kind: "agent", model: "haiku" } }, warnings: [expect.stringContaining("vendor")] });
  expect(await json(["memory", "extract", "--model"])).toMatchObject({ data: { spent: { cost: 0.002, input: 40 }, proposed: { length: 2 } } });
  expect(readFileSync(join(bin, "calls"), "utf8")).toBe(`${at.home}\n`.repeat(2));
});

test.each([
  ["a kind that is none", ["model", "bard", "small"]], ["no model", ["model", "ollama"]], ["no address", ["model", "ollama", "m", "--url", "here"]], ["a key unencrypted", ["model", "openai", "m", "--url", "http://example.invalid", "--key-env", "HOME"]],
  ["a price that is none", ["model", "ollama", "m", "--price", "3/cheap"]], ["three prices", ["model", "ollama", "m", "--price", "1/2/3"]], ["two things", ["model", "ollama", "m", "--off"]], ["no part", ["memory", "extract", "--model", "--parts", "0"]],
])("%s is refused before anything is asked", async (_, args) => {
  expect(await ask(args[0] === "memory" ? await filled() : place(), args)).toMatchObject({ code: 1, error: { code: "BAD_VALUE" } });
});

test("a setting that was spoilt by hand is said, and the rest works", async () => {
  const at = await filled();
  writeFileSync(join(at.home, "settings.json"), '{"model": {"kind": "anthropic"}}');
  expect(await ask(at, ["model"])).toMatchObject({ code: 1, error: { code: "CONFIG_UNREADABLE" } });
  expect(await ask(at, ["memory"])).toMatchObject({ code: 0 });
  expect(await ask(at, ["model", "--off"])).toMatchObject({ code: 0 });
});

test("a session that is not there, and one in which nothing was said", async () => {
  const at = await filled();
  const { url } = await modelServer(answers);
  await ask(at, ["model", "ollama", "small", "--url", url]);
  expect(await ask(at, ["memory", "extract", "--model", "nonesuch"])).toMatchObject({ code: 1, error: { code: "SESSION_UNKNOWN" } });
  expect(await ask(at, ["memory", "extract", "one"])).toMatchObject({ code: 2, error: { code: "USAGE" } });
  expect(await ask(at, ["memory", "judge", "now"])).toMatchObject({ code: 2, error: { code: "USAGE" } });
});

test("hooks, imports, recall and a start ask no model", async () => {
  const at = await filled();
  const { url, requests } = await modelServer(answers);
  await ask(at, ["model", "ollama", "small", "--url", url]);
  for (const args of [["import"], ["drain"], ["memory"], ["memory", "extract"], ["recall", "login"], ["resume"], ["status"]]) await tidemark(at, args);
  const payload = JSON.stringify({ hook_event_name: "SessionStart", session_id: SESSION, cwd: at.cwd, source: "startup" });
  writeFileSync(join(at.cwd, "payload.json"), payload);
  const { code } = await shell(at, "$TIDEMARK hook SessionStart < payload.json");
  expect(code).toBe(0);
  expect(requests).toHaveLength(1);
});
