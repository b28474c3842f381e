/**
 * What the definitions of tools cost a model, ours and those of servers that were installed beside: each is started over stdio and
 * its list read. Tokens of name, description and input schema, by our tokenizer and as a quarter of the characters.
 *
 *   npm run build && node scripts/run.mjs bench/mcp/definitions.ts [COMMAND...]
 *
 * COMMAND is a line such as "DIR/node_modules/.bin/mcp-server-memory" or "DIR/node_modules/.bin/memorix serve". Each runs in a folder and a
 * home of its own, a git repository, with a key that opens nothing where one is demanded; what does not answer within 30 s is named.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { loadTokenizer } from "../../src/base/tokens.ts";

const PATIENCE = 30_000;
const work = mkdtempSync(join(tmpdir(), "tidemark-definitions-"));
const count = await loadTokenizer();

async function row(name: string, command: string, args: readonly string[]): Promise<string> {
  const cwd = join(work, String(Math.abs(name.length * 31 + command.length)));
  mkdirSync(cwd, { recursive: true });
  execFileSync("git", ["init", "--quiet"], { cwd });
  const client = new Client({ name: "bench", version: "1" });
  const transport = new StdioClientTransport({ command, args: [...args], cwd, env: { PATH: process.env["PATH"] ?? "", HOME: cwd, TIDEMARK_HOME: join(cwd, "state"), MEMORY_FILE_PATH: join(cwd, "memory.json"), MEM0_API_KEY: "none" }, stderr: "ignore" });
  try {
    const late = new Promise<never>((_, failed) => setTimeout(() => failed(new Error("no answer within 30 s")), PATIENCE).unref());
    const tools = await Promise.race([client.connect(transport).then(async () => (await client.listTools()).tools), late]);
    const texts = tools.map(({ name: tool, description, inputSchema }) => JSON.stringify({ name: tool, description, input_schema: inputSchema }));
    return `| ${name} | ${tools.length} | ${texts.reduce((sum, text) => sum + count(text), 0)} | ${Math.round(texts.join("").length / 4)} |`;
  } catch (error) {
    return `| ${name} | not measured: ${(error as Error).message.split("\n")[0]!.slice(0, 120)} | | |`;
  } finally {
    await client.close().catch(() => undefined);
  }
}

console.log("| server | tools | tokens | characters / 4 |\n|---|---|---|---|");
console.log(await row("tidemark", process.execPath, [resolve("dist/tidemark.js"), "mcp"]));
for (const line of process.argv.slice(2)) {
  const [command = "", ...args] = line.split(" ");
  console.log(await row([basename(command), ...args].join(" "), resolve(command), args));
}
rmSync(work, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
process.exit(0);
