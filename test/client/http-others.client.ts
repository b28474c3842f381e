/**
 * Other clients of MCP over HTTP, each with the means it has: MCP Inspector in both eras, mcpc, mcp-remote, opencode and Gemini CLI.
 * Those that can call a tool without a model do, and are answered from the store; the others connect.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { expect, onTestFinished, test, type TestContext } from "vitest";
import { other, someplace, type Other } from "./others.ts";
import { serve, type Served } from "./serve.ts";

/** Its executable, or a skipped test that says why. */
async function installed(name: Other, context: TestContext): Promise<string> {
  const { binary, missing } = await other(name);
  if (missing !== undefined) context.skip(missing);
  return binary;
}

interface Placed {
  readonly home: string;
  readonly repo: string;
  readonly env: Record<string, string>;
  readonly served: Served;
  /** What was said on both outputs; of a command that fails, too. */
  readonly run: (command: string, args: readonly string[], more?: Record<string, string>) => Promise<string>;
}

/** A home with nothing in it, a project, and one memory to be found. */
async function placed(): Promise<Placed> {
  const { home, repo, env, run, tidemark } = await someplace(onTestFinished);
  await tidemark("remember", "Deploys go through the blue gate.");
  const said = async (command: string, args: readonly string[], more: Record<string, string> = {}): Promise<string> => {
    const { out, err } = await run(command, args, { env: more });
    return `${out}\n${err}`;
  };
  return { home, repo, env, served: await serve({ repo, env }), run: said };
}

const bearer = ({ token }: Served): string => `Bearer ${token}`;
const QUESTION = "which gate do deploys go through";

test.for(["legacy", "modern"])("MCP Inspector calls a tool (%s)", async (protocolEra, context) => {
  const inspector = await installed("mcp-inspector", context);
  const { home, served, run } = await placed();
  const config = join(home, "mcp.json");
  writeFileSync(config, JSON.stringify({ mcpServers: { tidemark: { type: "http", url: served.url, headers: { Authorization: bearer(served) }, protocolEra } } }));
  const args = ["--cli", "--config", config, "--server", "tidemark", "--method", "tools/call", "--tool-name", "recall", "--tool-arg", `query=${QUESTION}`, "--format", "json"];
  expect(await run(inspector, args, { MCP_INSPECTOR_SECRET_STORE: "memory" })).toContain("blue gate");
});

test("MCP Inspector without the token says that it needs one", async (context) => {
  const inspector = await installed("mcp-inspector", context);
  const { served, run } = await placed();
  expect(await run(inspector, ["--cli", served.url, "--transport", "http", "--stored-auth-only", "--method", "tools/list", "--format", "json"], { MCP_INSPECTOR_SECRET_STORE: "memory" })).toContain("auth_required");
});

test("mcpc calls a tool in a session", async (context) => {
  const mcpc = await installed("mcpc", context);
  const { served, run } = await placed();
  onTestFinished(async () => void (await run(mcpc, ["@tidemark", "close"])));
  expect(await run(mcpc, ["connect", served.url, "@tidemark", "--header", `Authorization: ${bearer(served)}`])).toContain("Server: tidemark");
  expect(await run(mcpc, ["@tidemark", "tools-call", "recall", `query:=${QUESTION}`])).toContain("blue gate");
});

test("mcp-remote carries it to a client that has only stdio", async (context) => {
  const remote = await installed("mcp-remote", context);
  const { repo, env, served } = await placed();
  const client = new Client({ name: "test", version: "1" }, { versionNegotiation: { mode: "legacy" } });
  await client.connect(new StdioClientTransport({ command: remote, args: [served.url, "--allow-http", "--header", `Authorization: ${bearer(served)}`], env, cwd: repo, stderr: "ignore" }));
  onTestFinished(() => client.close());
  expect(JSON.stringify((await client.callTool({ name: "recall", arguments: { query: QUESTION } })).content)).toContain("blue gate");
});

test("opencode connects", async (context) => {
  const opencode = await installed("opencode", context);
  const { repo, served, run } = await placed();
  const configure = (headers: object): void => writeFileSync(join(repo, "opencode.json"), JSON.stringify({ mcp: { tidemark: { type: "remote", url: served.url, headers } } }));
  configure({ Authorization: bearer(served) });
  expect(await run(opencode, ["mcp", "list"])).toMatch(/✓ tidemark\b.*connected/);
  configure({});
  expect(await run(opencode, ["mcp", "list"])).not.toMatch(/✓ tidemark\b.*connected/);
});

test("Gemini CLI connects", async (context) => {
  const gemini = await installed("gemini", context);
  const { home, repo, served, run } = await placed();
  // Servers of a folder are looked at once the folder is trusted.
  mkdirSync(join(home, ".gemini"));
  writeFileSync(join(home, ".gemini/trustedFolders.json"), JSON.stringify({ [repo]: "TRUST_FOLDER" }));
  await run(gemini, ["mcp", "add", "--transport", "http", "tidemark", served.url, "--header", `Authorization: ${bearer(served)}`]);
  expect(await run(gemini, ["mcp", "list"])).toMatch(/✓ tidemark: .*Connected/);
});
