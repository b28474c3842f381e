/**
 * Other clients of MCP over HTTP, pinned, each with the means it has: MCP Inspector in both eras, mcpc, mcp-remote, opencode and
 * Gemini CLI. Those that can call a tool without a model do, and are answered from the store; the others connect. Installed on
 * demand into the cache, without install scripts; one that cannot be had is a skipped test that says why.
 */
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { expect, onTestFinished, test, type TestContext } from "vitest";
import { serve, type Served } from "./serve.ts";
import { CLI } from "./tidemark.ts";

const runFile = promisify(execFile);

const OPENCODE = `opencode-${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`;

const CLIENTS = {
  inspector: { spec: "@modelcontextprotocol/inspector@2.12.0", file: ".bin/mcp-inspector" },
  mcpc: { spec: "@apify/mcpc@0.2.6", file: ".bin/mcpc" },
  remote: { spec: "mcp-remote@0.15.1", file: ".bin/mcp-remote" },
  opencode: { spec: `${OPENCODE}@1.18.33`, file: `${OPENCODE}/bin/opencode` },
  gemini: { spec: "@google/gemini-cli@0.61.0", file: ".bin/gemini" },
} as const;

/** Its executable, or a skipped test. */
async function installed({ spec, file }: (typeof CLIENTS)[keyof typeof CLIENTS], context: TestContext): Promise<string> {
  const folder = join(process.env["TIDEMARK_CLIENT_CACHE"] ?? join(homedir(), ".cache/tidemark-client"), spec.replace(/[^\w.-]+/g, "_"));
  const executable = join(folder, "node_modules", file);
  const ready = join(folder, "ready");
  try {
    if (!existsSync(ready)) {
      mkdirSync(folder, { recursive: true });
      // --force: what they declare of Node is not what they need for this.
      await runFile("npm", ["install", "--prefix", folder, "--ignore-scripts", "--no-save", "--no-audit", "--no-fund", "--force", spec], { timeout: 300_000 });
      if (!existsSync(executable)) throw new Error(`${file} is not in it`);
      writeFileSync(ready, "");
    }
  } catch (error) {
    context.skip(`${spec} could not be installed into ${folder}: ${(error as Error).message.trim().split("\n").slice(-2).join(" ")}`);
  }
  return executable;
}

interface Place {
  readonly root: string;
  readonly repo: string;
  readonly env: Record<string, string>;
  readonly served: Served;
  /** What was said on both outputs; of a command that fails, too. */
  readonly run: (command: string, args: readonly string[], more?: Record<string, string>) => Promise<string>;
}

/** A home with nothing in it, a project, and one memory to be found. */
async function placed(): Promise<Place> {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "tidemark-clients-")));
  onTestFinished(() => rmSync(root, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }));
  const repo = join(root, "repo");
  mkdirSync(repo);
  const env = { PATH: process.env["PATH"] ?? "", HOME: root, TMPDIR: root, LANG: "C.UTF-8", NO_COLOR: "1", TIDEMARK_HOME: join(root, "state"), CLAUDE_CONFIG_DIR: join(root, "none"), GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_SYSTEM: "/dev/null" };
  await runFile("git", ["init", "-q"], { cwd: repo, env });
  await runFile(process.execPath, [CLI, "remember", "Deploys go through the blue gate."], { cwd: repo, env });
  const served = await serve({ repo, env });
  const run = async (command: string, args: readonly string[], more: Record<string, string> = {}): Promise<string> => {
    const { stdout, stderr } = await runFile(command, [...args], { cwd: repo, env: { ...env, ...more }, timeout: 90_000 }).catch((error: { stdout?: string; stderr?: string }) => ({ stdout: error.stdout ?? "", stderr: error.stderr ?? String(error) }));
    return `${stdout}\n${stderr}`;
  };
  return { root, repo, env, served, run };
}

const bearer = ({ token }: Served): string => `Bearer ${token}`;
const QUESTION = "which gate do deploys go through";

test.for(["legacy", "modern"])("MCP Inspector calls a tool (%s)", async (protocolEra, context) => {
  const inspector = await installed(CLIENTS.inspector, context);
  const { root, served, run } = await placed();
  const config = join(root, "mcp.json");
  writeFileSync(config, JSON.stringify({ mcpServers: { tidemark: { type: "http", url: served.url, headers: { Authorization: bearer(served) }, protocolEra } } }));
  const args = ["--cli", "--config", config, "--server", "tidemark", "--method", "tools/call", "--tool-name", "recall", "--tool-arg", `query=${QUESTION}`, "--format", "json"];
  expect(await run(inspector, args, { MCP_INSPECTOR_SECRET_STORE: "memory" })).toContain("blue gate");
});

test("MCP Inspector without the token says that it needs one", async (context) => {
  const inspector = await installed(CLIENTS.inspector, context);
  const { served, run } = await placed();
  expect(await run(inspector, ["--cli", served.url, "--transport", "http", "--stored-auth-only", "--method", "tools/list", "--format", "json"], { MCP_INSPECTOR_SECRET_STORE: "memory" })).toContain("auth_required");
});

test("mcpc calls a tool in a session", async (context) => {
  const mcpc = await installed(CLIENTS.mcpc, context);
  const { served, run } = await placed();
  onTestFinished(async () => void (await run(mcpc, ["@tidemark", "close"])));
  expect(await run(mcpc, ["connect", served.url, "@tidemark", "--header", `Authorization: ${bearer(served)}`])).toContain("Server: tidemark");
  expect(await run(mcpc, ["@tidemark", "tools-call", "recall", `query:=${QUESTION}`])).toContain("blue gate");
});

test("mcp-remote carries it to a client that has only stdio", async (context) => {
  const remote = await installed(CLIENTS.remote, context);
  const { repo, env, served } = await placed();
  const client = new Client({ name: "test", version: "1" }, { versionNegotiation: { mode: "legacy" } });
  await client.connect(new StdioClientTransport({ command: remote, args: [served.url, "--allow-http", "--header", `Authorization: ${bearer(served)}`], env, cwd: repo, stderr: "ignore" }));
  onTestFinished(() => client.close());
  expect(JSON.stringify((await client.callTool({ name: "recall", arguments: { query: QUESTION } })).content)).toContain("blue gate");
});

test("opencode connects", async (context) => {
  const opencode = await installed(CLIENTS.opencode, context);
  const { repo, served, run } = await placed();
  const configure = (headers: object): void => writeFileSync(join(repo, "opencode.json"), JSON.stringify({ mcp: { tidemark: { type: "remote", url: served.url, headers } } }));
  configure({ Authorization: bearer(served) });
  expect(await run(opencode, ["mcp", "list"])).toMatch(/✓ tidemark\b.*connected/);
  configure({});
  expect(await run(opencode, ["mcp", "list"])).not.toMatch(/✓ tidemark\b.*connected/);
});

test("Gemini CLI connects", async (context) => {
  const gemini = await installed(CLIENTS.gemini, context);
  const { root, repo, served, run } = await placed();
  // Servers of a folder are looked at once the folder is trusted.
  mkdirSync(join(root, ".gemini"));
  writeFileSync(join(root, ".gemini/trustedFolders.json"), JSON.stringify({ [repo]: "TRUST_FOLDER" }));
  await run(process.execPath, [gemini, "mcp", "add", "--transport", "http", "tidemark", served.url, "--header", `Authorization: ${bearer(served)}`]);
  expect(await run(process.execPath, [gemini, "mcp", "list"])).toMatch(/✓ tidemark: .*Connected/);
});
