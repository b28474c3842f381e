/**
 * The official conformance suite against the product's own HTTP server: `npm run test:conformance [-- --keep FOLDER]`.
 *
 * Everything is as in `tidemark serve`: guards, token, limits, both eras. The suite cannot send a token, so it speaks to a
 * proxy on this machine that adds it and leaves everything else as it is. Scenarios that call tools by name find those of
 * fixtures.ts beside the product's own; those that need none are run against the product as it is, too, and so
 * is the client of the older SDK. Fails on any check
 * of a required scenario that fails, and when other scenarios were run than the revision requires.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { createServer, request as httpRequest } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { McpServer, type McpServerFactory } from "@modelcontextprotocol/server";
import { serveHttp } from "../../src/mcp/http/serve.ts";
import { localToken } from "../../src/mcp/http/token.ts";
import { mcpServers, TOOLS } from "../../src/mcp/server.ts";
import type { Serving } from "../../src/mcp/serving.ts";
import { Board } from "../mcp/http.ts";
import { servingIn } from "../mcp/serving.ts";
import { registerFixtures, requestState } from "./fixtures.ts";
import { installSuite, runOlderClient, runSuite, type Scenario } from "./suite.ts";

/** How many scenarios each revision requires of a server: a run of fewer has left some out. */
const REQUIRED = { "2026-07-28": 37, "2025-11-25": 30 } as const;

/** Scenarios that call nothing by name, so that the product can be held to them as it is. */
const GENERIC: Readonly<Record<keyof typeof REQUIRED, readonly string[]>> = {
  "2026-07-28": [
    "tools-list", "resources-list", "prompts-list", "dns-rebinding-protection", "caching", "sep-2164-resource-not-found", "http-header-validation", "server-sse-multiple-streams",
    "input-required-result-unsupported-methods",
  ],
  "2025-11-25": ["server-initialize", "ping", "tools-list", "resources-list", "prompts-list", "dns-rebinding-protection", "server-sse-multiple-streams", "server-session-lifecycle"],
};

const { values } = parseArgs({ options: { keep: { type: "string" } } });
const folder = values.keep === undefined ? mkdtempSync(join(tmpdir(), "tidemark-conformance-")) : resolve(values.keep);
mkdirSync(folder, { recursive: true });
try {
  const suite = installSuite();
  let wrong = 0;
  for (const [revision, number] of Object.entries(REQUIRED) as [keyof typeof REQUIRED, number][]) {
    const scenarios = await against(fitted, (url) => runSuite(suite, ["--url", url, "--requirements", revision], join(folder, revision)));
    wrong += tell(`${revision}, all that is required, with fixtures`, scenarios.filter(({ unscored }) => unscored === undefined), number);
    for (const { name, failed, unscored } of scenarios) if (unscored !== undefined) console.log(`  not required (${unscored}): ${name}: ${failed.length === 0 ? "passed" : `${failed.length} failed`}`);
    const product = await against(plain, async (url) => {
      const all: Scenario[] = [];
      for (const name of GENERIC[revision]) all.push(...(await runSuite(suite, ["--url", url, "--scenario", name, "--spec-version", revision], join(folder, `${revision}-product`, name))));
      return all;
    });
    wrong += tell(`${revision}, what needs no fixtures, the product as it is`, product, GENERIC[revision].length);
  }
  const older = await against(plain, (url) => runOlderClient(suite, url));
  const holds = older.tools.join(" ") === TOOLS.map(({ name }) => name).join(" ") && older.recalled.includes("The older client was here.");
  console.log(`the client of SDK 1.32.2: ${holds ? `${older.tools.length} tools listed, remember and recall answered` : `FAILED ${JSON.stringify(older)}`}`);
  process.exitCode = wrong === 0 && holds ? 0 : 1;
} finally {
  if (values.keep === undefined) rmSync(folder, { recursive: true, force: true });
}

/** Prints what it came to; how much is wrong. */
function tell(title: string, scenarios: readonly Scenario[], expected: number): number {
  const failed = scenarios.filter((each) => each.failed.length > 0 || each.passed === 0);
  const checks = scenarios.reduce((sum, { passed }) => sum + passed, 0);
  console.log(`${title}: ${scenarios.length - failed.length}/${expected} scenarios, ${checks} checks`);
  for (const { name, failed: checksFailed } of failed) console.log(`  FAILED ${name}\n${checksFailed.map((check) => `    ${check}`).join("\n")}`);
  for (const { name, warned } of scenarios) for (const check of warned) console.log(`  warning ${name}: ${check}`);
  if (scenarios.length !== expected) console.log(`  FAILED: ${scenarios.length} scenarios were run, ${expected} are there to be run`);
  return failed.length + (scenarios.length === expected ? 0 : 1);
}

type Product = (serving: Serving, board: Board) => McpServerFactory;

function plain(serving: Serving): McpServerFactory {
  return mcpServers(serving);
}

/** The product's servers with the fixtures in them. */
function fitted(serving: Serving, board: Board): McpServerFactory {
  const servers = mcpServers(serving, undefined, { requestState });
  return async (context) => {
    const server = await servers(context);
    if (!(server instanceof McpServer)) throw new TypeError("the product's server has no tools to add to");
    registerFixtures(server, (event) => board.tell(undefined, event));
    return server;
  };
}

async function against<T>(product: Product, what: (url: string) => Promise<T>): Promise<T> {
  const trouble: unknown[] = [];
  const onTrouble = (error: unknown): void => void trouble.push(error);
  const world = await servingIn(mkdtempSync(join(folder, "world-")), onTrouble);
  const board = new Board();
  const served = await serveHttp({ host: "127.0.0.1", port: 0, home: world.serving.home, factory: product(world.serving, board), news: board.news, unique: () => crypto.randomUUID(), clock: Date.now, onTrouble });
  const proxy = await proxyTo(served.port, localToken(world.serving.home, () => ""));
  try {
    return await what(proxy.url);
  } finally {
    await proxy.close();
    await served.stop();
    await world.close();
    for (const error of trouble) console.error(error);
  }
}

/** Adds the token, and changes nothing else: Host and Origin are the server's own to judge. */
async function proxyTo(port: number, token: string): Promise<{ readonly url: string; readonly close: () => Promise<void> }> {
  const proxy = createServer((incoming, outgoing) => {
    const onward = httpRequest({ host: "127.0.0.1", port, method: incoming.method, path: incoming.url, headers: { ...incoming.headers, authorization: `Bearer ${token}` }, setHost: false }, (answer) => {
      outgoing.writeHead(answer.statusCode!, answer.headers);
      answer.pipe(outgoing);
    });
    onward.on("error", () => outgoing.destroy());
    outgoing.on("close", () => onward.destroy());
    incoming.pipe(onward);
  });
  await new Promise<void>((listening) => proxy.listen(0, "127.0.0.1", listening));
  return {
    url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}/mcp`,
    close: () =>
      new Promise((closed) => {
        proxy.close(() => closed());
        proxy.closeAllConnections();
      }),
  };
}
