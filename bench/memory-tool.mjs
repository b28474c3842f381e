// `npm run build && node bench/memory-tool.mjs DIR`: the memory tool through the three SDKs that have one, as a model would call it.
//
// DIR has them installed: npm i @anthropic-ai/sdk ai @ai-sdk/anthropic @langchain/anthropic @langchain/core. No network and no key
// is needed, since what a model would answer is made up here; what is missing in DIR is said. Not a part of the tests: the
// packages are large, and nothing of ours is in them.
import { mkdtempSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { openMemory } from "../dist/memory.js";

const folder = process.argv[2];
if (folder === undefined) throw new Error("usage: node bench/memory-tool.mjs DIR");
const from = createRequire(join(resolve(folder), "entry.mjs"));
const take = (name) => import(pathToFileURL(from.resolve(name)).href);
const version = (name) => `${name} ${JSON.parse(readFileSync(join(resolve(folder), "node_modules", name, "package.json"), "utf8")).version}`;

const memory = await openMemory({ home: mkdtempSync(join(tmpdir(), "tidemark-")) });
const tool = memory.memoryTool({ space: "try" });

/** Answers each request with the next call, and at last with a word; keeps what it was sent. */
function model(inputs) {
  const seen = [];
  const left = inputs.map((input, i) => ({ type: "tool_use", id: `toolu_${i}`, name: "memory", input }));
  const fetch = async (_, { body }) => {
    seen.push(JSON.parse(body).messages.at(-1).content);
    const call = left.shift();
    const answer = { id: `msg_${left.length}`, type: "message", role: "assistant", model: "none", content: [call ?? { type: "text", text: "done" }], stop_reason: call === undefined ? "end_turn" : "tool_use", usage: { input_tokens: 1, output_tokens: 1 } };
    return new Response(JSON.stringify(answer), { headers: { "content-type": "application/json" } });
  };
  return { fetch, seen };
}

const TRIES = {
  "@anthropic-ai/sdk": async () => {
    const { Anthropic } = await take("@anthropic-ai/sdk");
    const { betaMemoryTool } = await take("@anthropic-ai/sdk/helpers/beta/memory");
    const { fetch, seen } = model([{ command: "create", path: "/memories/a.md", file_text: "x\ny" }, { command: "str_replace", path: "/memories/a.md", old_str: "x\ny", new_str: "one line" }, { command: "delete", path: "/memories" }]);
    const client = new Anthropic({ apiKey: "none", fetch });
    await client.beta.messages.toolRunner({ model: "none", max_tokens: 10, messages: [{ role: "user", content: "go" }], tools: [betaMemoryTool(tool)] });
    return seen.slice(1).flat().map(({ content, is_error: isError }) => `${isError === true ? "refused: " : ""}${content}`);
  },
  "@ai-sdk/anthropic": async () => {
    const { createAnthropic } = await take("@ai-sdk/anthropic");
    const { generateText, stepCountIs } = await take("ai");
    const anthropic = createAnthropic({ apiKey: "none", fetch: model([{ command: "view", path: "/memories/a.md" }]).fetch });
    const { steps } = await generateText({ model: anthropic("claude-sonnet-4-5"), prompt: "go", tools: { memory: anthropic.tools.memory_20250818({ execute: tool.execute }) }, stopWhen: stepCountIs(3) });
    return steps[0].toolResults.map(({ output }) => output);
  },
  "@langchain/anthropic": async () => {
    const { tools } = await take("@langchain/anthropic");
    return [await tools.memory_20250818({ execute: tool.execute }).invoke({ command: "view", path: "/memories" })];
  },
};

for (const [name, attempt] of Object.entries(TRIES)) {
  try {
    console.log(`${version(name)}:\n${(await attempt()).map((text) => text.replace(/^/gm, "  ")).join("\n")}`);
  } catch (error) {
    console.log(`${name}: NOT TRIED OR FAILED: ${error.message}`);
    process.exitCode = 1;
  }
}
await memory.close();
