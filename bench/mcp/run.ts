/**
 * `npm run bench:mcp -- [--modules DIR] [--rounds 7] [--calls 40] [--statements 500]`: how long a client waits for `recall` and
 * `resume` over stdio and over HTTP, in both eras, beside @modelcontextprotocol/server-memory answering the same look-ups over
 * the same statements; what their definitions cost a model; and what they take while idle.
 *
 * One client (the SDK's), one call after the other, real processes. Rounds alternate the order; each is printed. A look-up is
 * a word that stands in one statement, since the peer finds only what contains the query to the letter; an answer without that
 * statement is counted and said. DIR is a folder in which the peer was installed. Nothing is asserted here.
 */
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, loadavg, tmpdir, totalmem } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { loadTokenizer } from "../../src/base/tokens.ts";

const { values } = parseArgs({ options: { modules: { type: "string" }, rounds: { type: "string", default: "7" }, calls: { type: "string", default: "40" }, statements: { type: "string", default: "500" } } });
const [rounds, calls, number] = [Number(values.rounds), Number(values.calls), Number(values.statements)];
const work = mkdtempSync(join(tmpdir(), "tidemark-bench-mcp-"));
const [home, repo, empty] = [join(work, "state"), join(work, "repo"), join(work, "none")];
for (const folder of [repo, empty]) mkdirSync(folder);
const env = { PATH: process.env["PATH"] ?? "", HOME: work, TIDEMARK_HOME: home, CLAUDE_CONFIG_DIR: empty, TZ: "UTC" };
const CLI = resolve("dist/tidemark.js");
const count = await loadTokenizer();

/** Words that occur once each, and no sentence of ours by chance. */
const word = (n: number): string => `zq${n.toString(26).replace(/\d/g, (digit) => "ghijklmnop"[Number(digit)]!)}x`;
const statements = Array.from({ length: number }, (_, n) => ({ word: word(n), text: `The service ${word(n)} listens behind gate ${(n * 7) % 13} and is restarted by hand after a deploy.` }));

interface Served {
  readonly client: Client;
  readonly pid: number;
  readonly close: () => Promise<void>;
}

interface Contender {
  readonly name: string;
  readonly start: () => Promise<Served>;
  readonly lookUp: (client: Client, word: string) => Promise<string>;
  /** What else is measured of it. */
  readonly resume?: (client: Client) => Promise<string>;
}

const said = async (client: Client, name: string, input: Record<string, unknown>): Promise<string> => {
  const { content, isError } = await client.callTool({ name, arguments: input });
  const text = content.map((each) => (each.type === "text" ? each.text : "")).join("\n");
  if (isError === true) throw new Error(`${name}: ${text}`);
  return text;
};

type Mode = "legacy" | { pin: "2026-07-28" };
const clientOf = (mode: Mode): Client => new Client({ name: "bench", version: "1" }, { versionNegotiation: { mode } });

async function overStdio(mode: Mode, args: readonly string[], more: Record<string, string> = {}): Promise<Served> {
  const client = clientOf(mode);
  const transport = new StdioClientTransport({ command: process.execPath, args: [...args], env: { ...env, ...more }, cwd: repo, stderr: "ignore" });
  await client.connect(transport);
  return { client, pid: transport.pid!, close: () => client.close() };
}

async function overHttp(mode: Mode): Promise<Served> {
  const child: ChildProcess = spawn(process.execPath, [CLI, "serve", "--port", "0", "--json"], { cwd: repo, env, stdio: ["ignore", "pipe", "ignore"] });
  let out = "";
  for await (const part of child.stdout!.iterator({ destroyOnReturn: false })) {
    out += String(part);
    if (out.includes("\n")) break;
  }
  const { url, token_file: file } = JSON.parse(out).data;
  const client = clientOf(mode);
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers: { authorization: `Bearer ${readFileSync(file, "utf8").trim()}` } } }));
  const close = async (): Promise<void> => {
    await client.close();
    const ended = new Promise((done) => child.once("exit", done));
    child.kill();
    await ended;
  };
  return { client, pid: child.pid!, close };
}

const ours = (name: string, start: () => Promise<Served>): Contender => ({ name, start, lookUp: (client, query) => said(client, "recall", { query }), resume: (client) => said(client, "resume", {}) });
const MODERN = { pin: "2026-07-28" } as const;
const contenders: Contender[] = [
  ours("tidemark, stdio, 2026-07-28", () => overStdio(MODERN, [CLI, "mcp"])),
  ours("tidemark, stdio, initialize", () => overStdio("legacy", [CLI, "mcp"])),
  ours("tidemark, HTTP, 2026-07-28", () => overHttp(MODERN)),
  ours("tidemark, HTTP, initialize", () => overHttp("legacy")),
];
const peer = values.modules === undefined ? undefined : join(resolve(values.modules), "node_modules/@modelcontextprotocol/server-memory/dist/index.js");
const peerFile = join(work, "memory.jsonl");
if (peer !== undefined && existsSync(peer)) {
  const { version } = JSON.parse(readFileSync(join(peer, "../../package.json"), "utf8")) as { version: string };
  contenders.push({ name: `server-memory ${version}, stdio, initialize`, start: () => overStdio("legacy", [peer], { MEMORY_FILE_PATH: peerFile }), lookUp: (client, query) => said(client, "search_nodes", { query }) });
}

console.log(`# MCP\n\n${new Date().toISOString().slice(0, 10)}, ${cpus().length} cores (${cpus()[0]?.model.trim()}), ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}, load ${loadavg()[0]!.toFixed(1)}; ${number} statements, ${calls} calls a round\n`);
if (peer === undefined || !existsSync(peer)) console.log("**NOT MEASURED: @modelcontextprotocol/server-memory.** Install it in a folder and give that as --modules.\n");
try {
  await fill();
  const running = new Map<Contender, Served>();
  for (const each of contenders) running.set(each, await each.start());
  await costs(running);
  await round(running, "look-ups", (each, client, n) => each.lookUp(client, statements[(n * 37) % number]!.word), (answer, n) => answer.includes(statements[(n * 37) % number]!.text));
  await round(new Map([...running].filter(([{ resume }]) => resume !== undefined)), "resume", (each, client) => each.resume!(client), (answer) => answer.length > 0);
  await memory(running, "after the rounds");
  for (const { close } of running.values()) await close();
} finally {
  rmSync(work, { recursive: true, force: true });
}

/** The same statements in both: ours as memories, the peer's as entities with one observation each. */
async function fill(): Promise<void> {
  execFileSync("git", ["init", "-q", repo]);
  const file = join(work, "statements.md");
  const server = await overStdio(MODERN, [CLI, "mcp"]);
  for (const { text } of statements) await said(server.client, "remember", { statement: text, kind: "semantic" });
  await said(server.client, "handoff", { done: ["Wired the gates."], next: ["Restart the services."] });
  await server.close();
  writeFileSync(peerFile, `${statements.map(({ word: name, text }) => JSON.stringify({ type: "entity", name, entityType: "service", observations: [text] })).join("\n")}\n`);
  rmSync(file, { force: true });
}

async function costs(running: ReadonlyMap<Contender, Served>): Promise<void> {
  console.log("| | tools | tokens of their definitions | MB idle |\n|---|---|---|---|");
  for (const [{ name }, { client, pid }] of running) {
    const { tools } = await client.listTools();
    // What a model is given of each by today's clients; output schemas are given by some, and not counted.
    const tokens = tools.reduce((sum, { name: tool, description = "", inputSchema }) => sum + count(JSON.stringify({ name: tool, description, input_schema: inputSchema })), 0);
    console.log(`| ${name} | ${tools.length} | ${tokens} | ${resident(pid)} |`);
  }
  console.log();
}

async function round(running: ReadonlyMap<Contender, Served>, title: string, ask: (each: Contender, client: Client, n: number) => Promise<string>, right: (answer: string, n: number) => boolean): Promise<void> {
  console.log(`## ${title}\n\n| | ${Array.from({ length: rounds }, (_, n) => `round ${n + 1}`).join(" | ")} | median a second | p95 ms | wrong |\n|${"---|".repeat(rounds + 4)}`);
  const rates = new Map<Contender, number[]>([...running.keys()].map((each) => [each, []]));
  const times = new Map<Contender, number[]>([...running.keys()].map((each) => [each, []]));
  const wrong = new Map<Contender, number>();
  // The first call of each loads what it needs.
  for (const [each, { client }] of running) for (let n = 0; n < 5; n++) await ask(each, client, n);
  for (let at = 0; at < rounds; at++) {
    for (const [each, { client }] of at % 2 === 0 ? running : [...running].reverse()) {
      const began = performance.now();
      for (let n = 0; n < calls; n++) {
        const asked = performance.now();
        const answer = await ask(each, client, at * calls + n);
        times.get(each)!.push(performance.now() - asked);
        if (!right(answer, at * calls + n)) wrong.set(each, (wrong.get(each) ?? 0) + 1);
      }
      rates.get(each)!.push((calls * 1000) / (performance.now() - began));
    }
  }
  for (const [each, all] of rates) {
    const sorted = times.get(each)!.sort((a, b) => a - b);
    console.log(`| ${each.name} | ${all.map((rate) => rate.toFixed(0)).join(" | ")} | ${all.toSorted((a, b) => a - b)[Math.floor(all.length / 2)]!.toFixed(0)} | ${sorted[Math.floor(sorted.length * 0.95)]!.toFixed(1)} | ${wrong.get(each) ?? 0} of ${rounds * calls} |`);
  }
  console.log();
}

async function memory(running: ReadonlyMap<Contender, Served>, when: string): Promise<void> {
  console.log(`Resident, MB, ${when}: ${[...running].map(([{ name }, { pid }]) => `${name} ${resident(pid)}`).join("; ")}`);
}

/** MB; "?" where the system does not say. */
function resident(pid: number): string {
  try {
    return String(Math.round(Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1]) / 1024));
  } catch {
    return "?";
  }
}
