/**
 * `node scripts/run.mjs bench/capture/hooks.ts [--rounds 5] [--calls 20] [--version 2.1.330] [--only spool,node]`: what a pair of
 * hooks around every tool call costs in the real client.
 *
 * The client reads one small file CALLS times; what is measured is the wall time from one request to the next as the
 * model on loopback sees it, the first one left out. Each kind of hook stands on PreToolUse and PostToolUse with all
 * tools. Rounds go through the kinds forwards and backwards in turn, every round's median is printed, and what a spool
 * was given is counted: a kind that loses a payload fails the bench. The target: our spool's extra is at most half of that of
 * `node -e 0`.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { cpus, loadavg, release } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { spoolLine } from "../../src/agents/claude-code/hook-lines.ts";
import { ALLOWED, clients, world, type World } from "../../test/client/client.ts";
import { call, say, story } from "../../test/client/model.ts";

const { values } = parseArgs({ options: { rounds: { type: "string", default: "5" }, calls: { type: "string", default: "20" }, version: { type: "string" }, only: { type: "string" } } });
const rounds = Number(values.rounds);
const calls = Number(values.calls);

interface Kind {
  readonly name: string;
  /** The handler, or undefined for no hook at all. */
  handler(place: { readonly spool: string; readonly url: string }): object | undefined;
  readonly server?: true;
  /** Payloads are to be found in the spool afterwards. */
  readonly spools?: true;
}

const command = (line: string): object => ({ type: "command", command: line, timeout: 10 });

const KINDS: readonly Kind[] = [
  { name: "none", handler: () => undefined },
  { name: "true", handler: () => ({ type: "command", command: "/bin/true", args: [] }) },
  // The one that is installed: a file made new by noclobber, a second name where the first is taken, exit 0 whatever happens.
  { name: "spool", spools: true, handler: ({ spool }) => command(spoolLine(spool)) },
  // The same without the second process. Not to be used: a full disk makes it exit 1.
  { name: "spool exec", spools: true, handler: ({ spool }) => command(`set -C;umask 077;S='${spool}';for n in $PPID-$$ $PPID-$$a $PPID-$$b $PPID-$$c;do { exec cat;}>"$S/$n.json";done 2>/dev/null;exec cat >|/dev/null`) },
  { name: "spool rename", spools: true, handler: ({ spool }) => command(`cd '${spool}' 2>/dev/null||exit 0;umask 077;cat >$$.part&&mv $$.part $PPID-$$.json;exit 0`) },
  { name: "mcp_tool", server: true, spools: true, handler: () => ({ type: "mcp_tool", server: "bench", tool: "spool", input: { event: "${hook_event_name}", call: "${tool_use_id}" }, timeout: 10 }) },
  { name: "http", spools: true, handler: ({ url }) => ({ type: "http", url, timeout: 10 }) },
  { name: "node", handler: () => ({ type: "command", command: "node", args: ["-e", "0"] }) },
];

const SERVER = `import { writeFileSync } from "node:fs"; let n = 0, rest = "";
process.stdin.on("data", (data) => { rest += data; for (let i; (i = rest.indexOf("\\n")) >= 0; ) { const m = JSON.parse(rest.slice(0, i)); rest = rest.slice(i + 1); if (m.id === undefined) continue;
const out = m.method === "initialize" ? { result: { protocolVersion: m.params.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: "bench", version: "1" } } } : m.method === "tools/list" ? { result: { tools: [{ name: "spool", description: "of the bench", inputSchema: { type: "object" } }] } } : m.method === "tools/call" ? (writeFileSync(process.argv[2] + "/" + n++ + ".json", JSON.stringify(m.params.arguments)), { result: { content: [] } }) : { error: { code: -32601, message: "no" } };
process.stdout.write(JSON.stringify({ jsonrpc: "2.0", id: m.id, ...out }) + "\\n"); } }); process.stdin.on("end", () => process.exit(0));`;

const median = (numbers: readonly number[]): number => {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
};

console.log(`# Hooks in the real client\n\n${new Date().toISOString().slice(0, 10)}, ${process.platform} ${release()}, ${cpus().length} cores (${cpus()[0]?.model.trim()}), Node ${process.version}, load ${loadavg()[0]!.toFixed(1)} at the start; ${calls} calls, ${rounds} rounds\n`);

for (const client of await clients()) {
  if ("missing" in client || (values.version !== undefined && values.version !== client.version)) continue;
  const ends: (() => Promise<void>)[] = [];
  try {
    await bench(await world(client, (end) => void ends.push(end)));
  } finally {
    for (const end of ends) await end();
  }
}

async function bench(w: World): Promise<void> {
  const spool = join(w.state, "spool");
  let received = 0;
  const http = createServer((request, response) => {
    const name = join(spool, `${received++}.json`);
    let text = "";
    request.on("data", (data) => void (text += data)).on("end", () => {
      writeFileSync(name, text);
      response.writeHead(200, { "content-type": "application/json" }).end("{}");
    });
  });
  await new Promise<void>((done) => http.listen(0, "127.0.0.1", done));
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}/`;
  const server = join(w.root, "server.mjs");
  writeFileSync(server, SERVER);
  const kinds = KINDS.filter(({ name }) => values.only === undefined || name === "none" || values.only.split(",").includes(name));
  const found = new Map<string, number[]>(kinds.map(({ name }) => [name, []]));

  const once = async (kind: Kind): Promise<number> => {
    rmSync(spool, { recursive: true, force: true });
    mkdirSync(spool, { recursive: true, mode: 0o700 });
    const handler = kind.handler({ spool, url });
    const hooks = handler === undefined ? {} : Object.fromEntries(["PreToolUse", "PostToolUse"].map((event) => [event, [{ matcher: "", hooks: [handler] }]]));
    writeFileSync(join(w.config, "settings.json"), JSON.stringify({ hooks }));
    w.account((account) => (account.mcpServers = kind.server === true ? { bench: { type: "stdio", command: process.execPath, args: [server, spool] } } : {}));
    w.model.script(story(...Array.from({ length: calls }, () => call("Read", { file_path: join(w.repo, "notes.txt") })), say("Done.")));
    const { exit, asked, err } = await w.run(["-p", "Read it again and again", "--output-format", "json", ...ALLOWED]);
    const main = asked.filter((one) => one.kind === "main");
    if (exit !== 0 || main.length !== calls + 1) throw new Error(`${kind.name}: exit ${exit}, ${main.length} requests: ${err}`);
    if (kind.spools === true) {
      const names = readdirSync(spool);
      for (const name of names) JSON.parse(readFileSync(join(spool, name), "utf8"));
      if (names.length !== 2 * calls) throw new Error(`${kind.name}: ${names.length} payloads of ${2 * calls}`);
    }
    return median(main.slice(2).map((one, i) => one.at - main[i + 1]!.at));
  };

  console.log(`## ${w.version}\n`);
  await once(kinds[0]!);
  for (let round = 1; round <= rounds; round++) {
    for (const kind of round % 2 === 1 ? kinds : [...kinds].reverse()) found.get(kind.name)!.push(await once(kind));
    console.log(`round ${round} (load ${loadavg()[0]!.toFixed(1)}): ${kinds.map(({ name }) => `${name} ${found.get(name)!.at(-1)!.toFixed(1)}`).join(", ")}`);
  }
  await new Promise((done) => http.close(done));

  const none = median(found.get("none")!);
  // A round's extra is against the same round's bare client, so that load that comes and goes weighs on both.
  const extra = (name: string): number => median(found.get(name)!.map((ms, i) => ms - found.get("none")![i]!));
  const node = found.has("node") ? extra("node") : Number.NaN;
  console.log(`\n| hooks on Pre + Post | ms per call (median of rounds) | extra | of \`node -e 0\`'s extra |\n|---|---|---|---|`);
  for (const { name } of kinds) console.log(`| ${name} | ${median(found.get(name)!).toFixed(1)} | ${name === "none" ? "" : `+${extra(name).toFixed(1)}`} | ${name === "none" ? "" : (extra(name) / node).toFixed(2)} |`);
  console.log(`\nbare client ${none.toFixed(1)} ms; target for spool ≤ 0.50: ${extra("spool") / node <= 0.5 ? "kept" : "NOT kept"}\n`);
}
