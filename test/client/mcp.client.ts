/**
 * The MCP server in real clients: each is told of it by `init --agent` or as its documents say, finds it, and a model on loopback
 * makes it call a tool, whose answer then stands in the next request.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { world } from "./client.ts";
import { call, say, startModel, story } from "./model.ts";
import { geminiModel, responsesModel } from "./other-models.ts";
import { other, someplace, type Found, type Other, type Place } from "./others.ts";
import { presentClients } from "./present.ts";
import { CLI, tidemark, wired } from "./tidemark.ts";

const STATEMENT = "Deploys happen on Thursdays only";

/** A place where one thing is remembered, for a tool to find. */
async function remembering(): Promise<Place> {
  const place = await someplace(onTestFinished);
  await place.tidemark("remember", STATEMENT);
  return place;
}

function cases(name: Other, body: (found: Found) => void): void {
  describe(name, async () => {
    const found = await other(name);
    if (found.missing === undefined) body(found);
    else test("everything", (context) => context.skip(found.missing));
  });
}

const QUESTION = { query: "When do we deploy?" };

cases("codex", ({ binary }) => {
  test("it is told by init, and its model recalls", async () => {
    const place = await remembering();
    mkdirSync(join(place.home, ".codex"));
    await place.tidemark("init", "--agent", "codex", "--force");
    expect((await place.run(binary, ["mcp", "list"])).out).toMatch(/tidemark .*enabled/);
    const model = await responsesModel(onTestFinished, [[{ tool: "recall", namespace: "mcp__tidemark", input: QUESTION }]]);
    const provider = `model_providers.loopback={name="loopback",base_url="${model.url}/v1",wire_api="responses"}`;
    const { code, out, err } = await place.run(binary, ["exec", "--skip-git-repo-check", "--json", "-c", 'model_provider="loopback"', "-c", provider, "-c", 'model="loopback"', "When?"]);
    expect(code, out + err).toBe(0);
    expect(model.asked).toHaveLength(2);
    expect(model.asked[0]).toContain("mcp__tidemark");
    expect(model.asked[1]).toContain(STATEMENT);
  });
});

cases("gemini", ({ binary }) => {
  test("it is told by init, and its model recalls in a trusted folder", async () => {
    const place = await remembering();
    const settings = join(place.home, ".gemini/settings.json");
    mkdirSync(join(place.home, ".gemini"));
    writeFileSync(settings, JSON.stringify({ security: { auth: { selectedType: "gemini-api-key" } }, privacy: { usageStatisticsEnabled: false } }));
    writeFileSync(join(place.home, ".gemini/trustedFolders.json"), JSON.stringify({ [place.repo]: "TRUST_FOLDER" }));
    await place.tidemark("init", "--agent", "gemini", "--force");
    const listed = await place.run(binary, ["mcp", "list"]);
    expect(listed.out + listed.err).toMatch(/tidemark: .*Connected/);
    const model = await geminiModel(onTestFinished, [[{ tool: "mcp_tidemark_recall", input: QUESTION }]]);
    const { code, out, err } = await place.run(binary, ["--approval-mode", "yolo", "-m", "gemini-2.5-flash", "-o", "json", "-p", "When?"], { env: { GEMINI_API_KEY: "loopback", GOOGLE_GEMINI_BASE_URL: model.url } });
    expect(code, out + err).toBe(0);
    expect(model.asked.at(-1)).toContain(STATEMENT);
  });
});

cases("opencode", ({ binary }) => {
  test("it is told by init, and its model recalls", async () => {
    const place = await remembering();
    const file = join(place.home, ".config/opencode/opencode.json");
    const model = await startModel(story(call("tidemark_recall", QUESTION), say("On Thursdays.")));
    onTestFinished(() => model.close());
    mkdirSync(join(place.home, ".config/opencode"), { recursive: true });
    writeFileSync(file, JSON.stringify({ model: "anthropic/claude-sonnet-4-5", autoupdate: false, provider: { anthropic: { options: { baseURL: `${model.url}/v1`, apiKey: "loopback" } } } }));
    await place.tidemark("init", "--agent", "opencode", "--force");
    expect(JSON.parse(readFileSync(file, "utf8")).mcp.tidemark.type).toBe("local");
    const listed = await place.run(binary, ["mcp", "list"]);
    expect(listed.out + listed.err).toMatch(/tidemark.*connected/);
    const { code, out, err } = await place.run(binary, ["run", "When?"]);
    expect(code, out + err).toBe(0);
    expect(model.of("main").at(-1)!.text).toContain(STATEMENT);
  });
});

cases("mcp-inspector", ({ binary }) => {
  test("it lists the tools and calls one", async () => {
    const place = await remembering();
    const inspect = async (...args: string[]): Promise<any> => {
      const { code, out, err } = await place.run(binary, ["--cli", "-e", `TIDEMARK_HOME=${place.env["TIDEMARK_HOME"]}`, process.execPath, CLI, "mcp", ...args], { env: { MCP_INSPECTOR_SECRET_STORE: "memory" } });
      expect(code, out + err).toBe(0);
      return JSON.parse(out);
    };
    expect((await inspect("--method", "tools/list")).tools.map(({ name }: { name: string }) => name)).toEqual(["resume", "recall", "remember", "handoff", "checkpoint", "undo", "forget"]);
    expect(JSON.stringify(await inspect("--method", "tools/call", "--tool-name", "recall", "--tool-arg", `query=${QUESTION.query}`))).toContain(STATEMENT);
  });
});

for (const client of await presentClients()) {
  test(`Claude Code ${client.version}: the engine that init has wired offers the tools, and the model recalls`, async () => {
    const w = await world(client, onTestFinished);
    await wired(w);
    await tidemark(w, ["remember", STATEMENT]);
    w.model.script(story(call("mcp__tidemark__recall", QUESTION), say("On Thursdays.")));
    const { exit, asked } = await w.ask("When?", ["--allowedTools", "mcp__tidemark__recall"]);
    expect(exit).toBe(0);
    const results = JSON.stringify(asked.findLast(({ kind }) => kind === "main")!.body.messages).match(/"tool_result".*/)?.[0] ?? "";
    expect(results).toContain(STATEMENT);
  });
}
