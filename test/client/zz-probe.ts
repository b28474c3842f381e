import { createServer } from "node:http";
import { spawn, execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
const root = mkdtempSync("/tmp/hrec/codex-");
const home = join(root, "home"), repo = join(root, "repo");
mkdirSync(home); mkdirSync(repo);
writeFileSync(join(repo, "notes.txt"), "one\ntwo\n"); writeFileSync(join(repo, "AGENTS.md"), "Answer in short.\n");
execFileSync("git", ["init", "-q", "-b", "main"], { cwd: repo });
execFileSync("git", ["add", "-A"], { cwd: repo });
execFileSync("git", ["-c", "user.name=S", "-c", "user.email=s@example.invalid", "commit", "-qm", "first"], { cwd: repo });
let steps: any[] = []; let n = 0; const asked: string[] = [];
const server = createServer((q, r) => {
  const chunks: Buffer[] = [];
  q.on("data", (c) => chunks.push(c)); q.on("end", () => {
    const text = Buffer.concat(chunks).toString();
    if (q.method !== "POST") return void r.writeHead(404).end("{}");
    asked.push(text); n++;
    const step = steps.shift() ?? { items: [{ type: "message", id: `m${n}`, role: "assistant", content: [{ type: "output_text", text: "Done." }] }] };
    if (step.hang) return; if (step.status) return void r.writeHead(step.status,{"content-type":"application/json"}).end(JSON.stringify({error:{message:"made to fail",type:"invalid_request_error"}}));
    r.writeHead(200, { "content-type": "text/event-stream" });
    const usage = { input_tokens: 100, output_tokens: 20, total_tokens: 120, input_tokens_details: { cached_tokens: 40 }, output_tokens_details: { reasoning_tokens: 5 } };
    const evs: any[] = [{ type: "response.created", response: { id: `r${n}` } }];
    step.items.forEach((item: any, i: number) => evs.push({ type: "response.output_item.done", output_index: i, item }));
    evs.push({ type: "response.completed", response: { id: `r${n}`, usage } });
    for (const e of evs) r.write(`event: ${e.type}\ndata: ${JSON.stringify(e)}\n\n`);
    r.end();
  });
});
await new Promise<void>((d) => server.listen(0, "127.0.0.1", d));
const url = `http://127.0.0.1:${(server.address() as any).port}`;
const env = { PATH: process.env.PATH!, HOME: home, LANG: "C.UTF-8", TZ: "UTC", CODEX_HOME: join(home, ".codex") };
mkdirSync(join(home, ".codex"));
const base = ["--skip-git-repo-check", "--json", "-c", 'model_provider="loopback"', "-c", `model_providers.loopback={name="loopback",base_url="${url}/v1",wire_api="responses"}`, "-c", `model="${process.env.CODEX_MODEL ?? "gpt-5.2-codex"}"`, "-c", 'sandbox_mode="danger-full-access"'];
const run = (args: string[], after?: (child: any) => void) => new Promise<void>((done) => {
  const child = spawn("/tmp/clients/node_modules/.bin/codex", args, { cwd: repo, env, stdio: ["pipe", "pipe", "pipe"] }); child.stdin.end();
  let out = ""; child.stdout.on("data", (d) => out += d); child.stderr.on("data", (d) => out += d);
  after?.(child);
  child.on("close", (c) => { console.log("---", args.slice(0, 2).join(" "), "exit", c); console.log(out.slice(0, 3000)); done(); });
});
const fc = (name: string, args: any, id: string) => ({ type: "function_call", id: `fc_${id}`, call_id: `call_${id}`, name, arguments: JSON.stringify(args) });
const msg = (text: string) => ({ type: "message", id: `msg_${n}_${text.length}`, role: "assistant", content: [{ type: "output_text", text }] });
const patch = "*** Begin Patch\n*** Update File: notes.txt\n@@\n one\n-two\n+three\n+four\n*** Add File: added.txt\n+new\n*** End Patch";

const sh = (c: string) => execFileSync("sh", ["-c", c]).toString();
const ns = (name: string, args: any, id: string) => ({ ...fc(name, args, id), namespace: "multi_agent_v1" });
steps = [
  { items: [{ type: "reasoning", id: "rs_1", summary: [{ type: "summary_text", text: "**Look first**" }], encrypted_content: "abc" }, msg("I look at the notes."), fc("exec_command", { cmd: "cat notes.txt" }, "aaa1")] },
  { items: [{ type: "custom_tool_call", id: "ctc_1", call_id: "call_bbb1", name: "apply_patch", input: patch }, fc("exec_command", { cmd: "false" }, "bbb2")] },
  { items: [fc("update_plan", { plan: [{ step: "Write the notes", status: "completed" }, { step: "Deploy", status: "pending" }] }, "ccc1"), fc("exec_command", { cmd: "apply_patch <<'EOF'\n*** Begin Patch\n*** Delete File: added.txt\n*** End Patch\nEOF" }, "ccc2")] },
  { items: [msg("The notes say three and four.")] },
];
await run(["exec", ...base, "Put three and four into the notes"]);
console.log(sh(`cat ${repo}/notes.txt`));
console.log(JSON.stringify(JSON.parse(asked[0]!).tools.map((t: any) => t.name ?? t.type)));
const id = sh(`ls ${home}/.codex/sessions/*/*/*/ | head -1`).replace(/.*(.{36})\.jsonl\n/s, "$1");
steps = [{ items: [ns("spawn_agent", { message: "Count the lines" }, "eee1")] }, { items: [msg("sub or main A")] }, { items: [msg("sub or main B")] }, { items: [msg("C")] }];
await run(["exec", "resume", ...base, id, "Go on"]);
steps = [{ status: 400 }];
await run(["exec", "resume", ...base, id, "Make it fail"]);
steps = [{ items: [msg("Compact summary or answer 1")] }, { items: [msg("answer 2")] }, { items: [msg("answer 3")] }];
await run(["exec", "resume", ...base, "-c", "model_auto_compact_token_limit=60", id, "Now compact"]);
await run(["fork", "--help"]);
console.log(root, id);
console.log(sh(`find ${home}/.codex/sessions ${home}/.codex/archived_sessions 2>/dev/null -type f; ls ${home}/.codex`));
writeFileSync(join(root, "asked.json"), JSON.stringify(asked.map((x) => JSON.parse(x)), null, 1));
server.closeAllConnections(); server.close();
