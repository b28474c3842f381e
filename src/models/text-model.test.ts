/** Clients of models against a server on this machine, the agent's against a stand-in for its program: what is sent, and every way in which an answer can fail. */
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { scratch } from "../../test/helpers.ts";
import { modelServer, saying, toldTo, type Reply } from "../../test/model-server.ts";
import type { ServerKind } from "./endpoint.ts";
import { modelAt } from "./text-model.ts";

const QUESTION = { system: "Answer.", text: "What is it?", most: 500 };
const KEY = "the-key-of-a-test";
const KINDS = ["anthropic", "openai", "ollama"] as const;

const failing = async (reply: Reply, kind: ServerKind = "openai"): Promise<unknown> => {
  const { url } = await modelServer(() => reply);
  return modelAt({ kind, model: "small", url, key: KEY }).ask(QUESTION, 300).catch((error: unknown) => error);
};

describe.each(KINDS)("%s", (kind) => {
  test("is asked in its own way, and says what it read and wrote", async () => {
    const { url, requests } = await modelServer(saying("It is a test."));
    const model = modelAt({ kind, model: "small", url, key: KEY });
    expect(model.name).toBe(`${kind} small`);
    expect(await model.ask(QUESTION, 1000)).toEqual({ text: "It is a test.", input: 100, output: 20, cost: undefined, cut: false });
    const { path, headers, body } = requests[0]!;
    expect(path).toBe({ anthropic: "/v1/messages", openai: "/chat/completions", ollama: "/api/chat" }[kind]);
    expect(toldTo(requests[0]!)).toEqual({ system: "Answer.", text: "What is it?" });
    expect(kind === "anthropic" ? headers["x-api-key"] : headers.authorization).toBe(kind === "anthropic" ? KEY : `Bearer ${KEY}`);
    expect(body.max_tokens ?? body.max_completion_tokens ?? body.options.num_predict).toBe(500);
    await modelAt({ kind, model: "small", url }).ask(QUESTION, 1000);
    expect(JSON.stringify(requests[1]!.headers)).not.toContain(KEY);
  });

  test("an answer that was cut off says so", async () => {
    const { url } = await modelServer(saying("{", "cut"));
    expect(await modelAt({ kind, model: "small", url }).ask(QUESTION, 1000)).toMatchObject({ cut: true });
  });

  test.each([["an array", []], ["nothing in it", {}], ["no JSON", { text: "<html>" }], ["no words", saying(" ")({ path: `/${kind === "anthropic" ? "v1/messages" : kind === "openai" ? "chat/completions" : "api/chat"}`, headers: {}, body: {} })]])("an answer with %s is garbled", async (_, reply) => {
    expect(await failing(reply, kind)).toMatchObject({ code: "MODEL_GARBLED" });
  });
});

test("of a long text Ollama is told how much room it needs", async () => {
  const { url, requests } = await modelServer(saying("yes"));
  await modelAt({ kind: "ollama", model: "small", url }).ask({ ...QUESTION, text: "word ".repeat(6000) }, 1000);
  expect(requests[0]!.body.options.num_ctx).toBeGreaterThan(10_000);
});

test("counts that are none are not known, and odd shapes do no harm", async () => {
  expect(await failing({ choices: [{ message: { content: "yes" } }], usage: { prompt_tokens: "many", completion_tokens: -1 } })).toMatchObject({ text: "yes", input: undefined, output: undefined });
  expect(await failing({ choices: [null] })).toMatchObject({ code: "MODEL_GARBLED" });
  expect(await failing({ content: [null, { type: "thinking", thinking: "hm" }, { type: "text", text: "yes" }] }, "anthropic")).toMatchObject({ text: "yes" });
});

test("down, slow, busy, refused and elsewhere are told apart, without the key", async () => {
  for (const reply of ["silence", "hang up", { status: 429, text: "slow down" }, { status: 529, text: "overloaded" }] as const) expect(await failing(reply), JSON.stringify(reply)).toMatchObject({ code: "MODEL_DOWN" });
  for (const kind of KINDS) expect(await failing({ status: 401, text: `bad ${KEY}` }, kind)).toMatchObject({ code: "MODEL_REFUSED", message: expect.stringMatching(/401: bad …$/) });
  const elsewhere = await modelServer(saying("yes"));
  expect(await failing({ status: 307, text: "", headers: { location: `${elsewhere.url}/chat/completions` } })).toMatchObject({ code: "MODEL_REFUSED" });
  expect(elsewhere.requests).toEqual([]);
});

test("an answer larger than any is not read to its end", async () => {
  expect(await modelAt({ kind: "openai", model: "small", url: (await modelServer(saying("x".repeat(3 * 1024 * 1024)))).url }).ask(QUESTION, 5000).catch((error: unknown) => error)).toMatchObject({ code: "MODEL_GARBLED", message: expect.stringContaining("2 MB") });
});

describe("the agent's command line", () => {
  /** A program of that name first on the PATH: it notes how it was called, and does as told. */
  const standIn = (script: string): { environment: Record<string, string>; folder: string; called: () => { args: string[]; input: string; env: Record<string, string>; cwd: string } } => {
    const folder = scratch();
    const note = join(folder, "called.json");
    writeFileSync(join(folder, "claude"), `#!${process.execPath}\nconst input = require("fs").readFileSync(0, "utf8");\nrequire("fs").writeFileSync(${JSON.stringify(note)}, JSON.stringify({ args: process.argv.slice(2), input, env: process.env, cwd: process.cwd() }));\n${script}\n`);
    chmodSync(join(folder, "claude"), 0o755);
    return { folder, environment: { PATH: [folder, dirname(process.execPath)].join(delimiter), CLAUDECODE: "1", CLAUDE_CONFIG_DIR: "/somewhere" }, called: () => JSON.parse(readFileSync(note, "utf8")) };
  };
  const asked = (environment: Record<string, string>, folder: string, timeout = 10_000): Promise<unknown> => modelAt({ kind: "agent", model: "haiku", folder, environment }).ask(QUESTION, timeout).catch((error: unknown) => error);
  const answer = (value: object): string => `console.log(${JSON.stringify(JSON.stringify(value))});`;

  test("runs without hooks, tools and a transcript, and says what it cost", async () => {
    const { environment, folder, called } = standIn(answer({ result: "It is.", is_error: false, total_cost_usd: 0.0012, usage: { input_tokens: 10, cache_read_input_tokens: 90, output_tokens: 20 }, stop_reason: "end_turn" }));
    expect(await asked(environment, folder)).toEqual({ text: "It is.", input: 100, output: 20, cost: 0.0012, cut: false });
    const { args, input, env, cwd } = called();
    expect([input, cwd, env["CLAUDE_CONFIG_DIR"], env["CLAUDECODE"]]).toEqual(["What is it?", folder, "/somewhere", undefined]);
    expect(args).toEqual(expect.arrayContaining(["-p", "--safe-mode", "--no-session-persistence", "--strict-mcp-config"]));
    expect([args[args.indexOf("--tools") + 1], args[args.indexOf("--model") + 1], args[args.indexOf("--system-prompt") + 1]]).toEqual(["", "haiku", "Answer."]);
  });

  test.each([
    ["no JSON", "console.log('hello')", "MODEL_GARBLED"], ["no words", answer({ result: "" }), "MODEL_GARBLED"], ["a failure it tells of", `${answer({ is_error: true, result: "Not logged in" })} process.exitCode = 1;`, "MODEL_DOWN"],
    ["a crash", "process.kill(process.pid, 'SIGKILL')", "MODEL_DOWN"], ["too much", "process.stdout.write('x'.repeat(3 * 1024 * 1024))", "MODEL_GARBLED"],
  ])("%s is told", async (_, script, code) => {
    const { environment, folder } = standIn(script);
    expect(await asked(environment, folder)).toMatchObject({ code });
  });

  test("one that hangs is ended, and one that is not there is said", async () => {
    const { environment, folder } = standIn("setInterval(() => {}, 1000)");
    expect(await asked(environment, folder, 500)).toMatchObject({ code: "MODEL_DOWN", message: expect.stringContaining("not within 0.5 s") });
    expect(await asked({ PATH: "/nowhere" }, folder)).toMatchObject({ code: "MODEL_DOWN", message: expect.stringContaining("PATH") });
  });
});
