/** `tidemark serve` on the built command line: what it prints, that it can be used as it says, and how it ends. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmodSync, readFileSync, realpathSync, statSync } from "node:fs";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { BINARY, place, tidemark, type Place } from "../helpers.ts";
import { ERAS } from "../mcp.ts";

const filled = place(["197 main"], afterAll);
beforeAll(async () => {
  const { code, err } = await tidemark(filled, ["import"]);
  if (code !== 0) throw new Error(err);
});

interface Running {
  readonly url: string;
  readonly tokenFile: string;
  readonly add: string;
  readonly child: ChildProcess;
  readonly out: () => string;
  readonly err: () => string;
}

async function serve(at: Place, args: readonly string[] = []): Promise<Running> {
  const child = spawn(process.execPath, [BINARY, "serve", "--port", "0", "--json", ...args], { env: at.env, cwd: at.cwd, stdio: ["ignore", "pipe", "pipe"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  let [out, err] = ["", ""];
  child.stderr.on("data", (part: Buffer) => (err += part.toString()));
  for await (const part of child.stdout.iterator({ destroyOnReturn: false })) {
    out += String(part);
    if (out.includes("\n")) break;
  }
  child.stdout.on("data", (part: Buffer) => (out += part.toString()));
  const { ok, data } = JSON.parse(out) as { ok: boolean; data: { url: string; token_file: string; add: Record<string, string> } };
  expect(ok).toBe(true);
  return { url: data.url, tokenFile: data.token_file, add: data.add["claude-code"]!, child, out: () => out, err: () => err };
}

/** What a stream has said when that stands in it. */
async function until(response: Response, words: string): Promise<string> {
  let text = "";
  for await (const part of response.body!.pipeThrough(new TextDecoderStream())) {
    text += part;
    if (text.includes(words)) break;
  }
  return text;
}

async function ended({ child }: Running): Promise<number | null> {
  if (child.exitCode === null) await once(child, "exit");
  return child.exitCode;
}

describe.each(ERAS)("in the %s era", (era) => {
  test("a client with the token from the file takes up work", async () => {
    const server = await serve(filled);
    const client = new Client({ name: "test", version: "1" }, { versionNegotiation: { mode: era === "legacy" ? "legacy" : { pin: "2026-07-28" } } });
    const token = readFileSync(server.tokenFile, "utf8").trim();
    await client.connect(new StreamableHTTPClientTransport(new URL(server.url), { requestInit: { headers: { authorization: `Bearer ${token}` } } }));
    onTestFinished(() => client.close());
    const { content } = await client.callTool({ name: "resume", arguments: { session: "5972f1c9" } });
    expect(JSON.stringify(content)).toContain("Add a greeting and run the check");
    expect(server.err()).toBe("");
  });
});

test("what another process remembers is told to who listens, in both eras", async () => {
  const server = await serve(filled);
  const authorization = `Bearer ${readFileSync(server.tokenFile, "utf8").trim()}`;
  const uri = `tidemark://brief/${encodeURIComponent(realpathSync(filled.cwd))}`;
  const common = { authorization, "content-type": "application/json", accept: "application/json, text/event-stream" };
  const post = (headers: Record<string, string>, method: string, params: object, id: number | undefined = 1) => fetch(server.url, { method: "POST", headers: { ...common, ...headers }, body: JSON.stringify({ jsonrpc: "2.0", ...(id === undefined ? {} : { id }), method, params }) });
  const _meta = { "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {} };
  const modern = await post({ "mcp-protocol-version": "2026-07-28", "mcp-method": "subscriptions/listen" }, "subscriptions/listen", { _meta, notifications: { resourceSubscriptions: [uri] } });
  const begun = await post({}, "initialize", { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "test", version: "1" } });
  const session = { "mcp-session-id": begun.headers.get("mcp-session-id")!, "mcp-protocol-version": "2025-11-25" };
  await begun.text();
  await (await post(session, "resources/subscribe", { uri })).text();
  const legacy = await fetch(server.url, { headers: { ...common, ...session, accept: "text/event-stream" } });
  const heard = [modern, legacy].map((response) => until(response, `"uri":"${uri}"`));
  // The first look only sees how far the log is.
  await new Promise((done) => setTimeout(done, 500));
  await tidemark(filled, ["remember", "The gate is blue."]);
  for (const text of await Promise.all(heard)) expect(text).toContain('"method":"notifications/resources/updated"');
});

test("the token is printed nowhere, and only its user can read the file", async () => {
  const server = await serve(filled);
  const token = readFileSync(server.tokenFile, "utf8").trim();
  expect(token).toMatch(/^[\w-]{43}$/);
  if (process.platform !== "win32") expect(statSync(server.tokenFile).mode & 0o777).toBe(0o600);
  expect(server.out() + server.err()).not.toContain(token);
  expect(server.add).toContain(server.tokenFile);
  // Another server of the same user has the same one.
  expect(readFileSync((await serve(filled)).tokenFile, "utf8").trim()).toBe(token);
});

test("a signal ends it with exit code 0, after what runs", async () => {
  const server = await serve(filled);
  server.child.kill("SIGTERM");
  expect(await ended(server)).toBe(0);
  expect(server.err()).toBe("");
  await expect(fetch(server.url)).rejects.toThrow();
});

test("what cannot be served is refused with the next thing to type", async () => {
  const run = async (...args: string[]) => {
    const { code, out } = await tidemark(filled, ["serve", "--json", ...args]);
    return { code, error: (JSON.parse(out) as { error: { code: string; hint: string } }).error };
  };
  expect(await run("--host", "0.0.0.0")).toMatchObject({ code: 1, error: { code: "ADDRESS_REFUSED", hint: expect.stringContaining("ssh") } });
  for (const port of ["no", "65536", "-1", "1.5", ""]) expect(await run("--port", port)).toMatchObject({ code: 1, error: { code: "BAD_VALUE" } });
  const server = await serve(filled);
  expect(await run("--port", new URL(server.url).port)).toMatchObject({ code: 1, error: { code: "ADDRESS_TAKEN" } });
});

test.skipIf(process.platform === "win32")("a token that others could have read is not used", async () => {
  const at = place(["197 main"]);
  const server = await serve(at);
  server.child.kill("SIGTERM");
  await ended(server);
  chmodSync(server.tokenFile, 0o644);
  const { code, out } = await tidemark(at, ["serve", "--port", "0", "--json"]);
  expect({ code, error: (JSON.parse(out) as { error: unknown }).error }).toMatchObject({ code: 1, error: { code: "TOKEN_EXPOSED" } });
});
