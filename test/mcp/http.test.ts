/** What the HTTP server answers, to whom, and how it ends; with a small server of the protocol behind it. */
import { once } from "node:events";
import { connect as connectSocket, type Socket } from "node:net";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { describe, expect, onTestFinished, test } from "vitest";
import { LIMITS } from "../../src/mcp/http/app.ts";
import { isLoopback, listen, SOCKET } from "../../src/mcp/http/listen.ts";
import { serveHttp } from "../../src/mcp/http/serve.ts";
import { localToken } from "../../src/mcp/http/token.ts";
import { begin, Board, INITIALIZE, modern, send, small } from "./http.ts";
import { start } from "./started.ts";

const ANN = { ann: {} };

describe("a client", () => {
  test.each(["legacy", { pin: "2026-07-28" }] as const)("of the SDK calls tools with the token of this machine (%j)", async (mode) => {
    const server = await start();
    const token = localToken(server.home, () => "unused");
    const client = new Client({ name: "test", version: "1" }, { versionNegotiation: { mode } });
    await client.connect(new StreamableHTTPClientTransport(server.url, { requestInit: { headers: { authorization: `Bearer ${token}` } } }));
    onTestFinished(() => client.close());
    expect(await client.callTool({ name: "erase", arguments: { what: "this" } })).toMatchObject({ content: [{ type: "text", text: 'erase this for local token=""' }] });
    expect(server.trouble).toEqual([]);
  });

  test("of the older era is asked in the middle of a call, and can have the rest of a stream that broke", async () => {
    const server = await start({ tokens: ANN });
    const headers = { ...(await begin(server, "ann")), "content-type": "application/json", accept: "application/json, text/event-stream", authorization: "Bearer ann" };
    await fetch(`http://127.0.0.1:${server.port}/mcp`, { method: "POST", headers, body: JSON.stringify({ jsonrpc: "2.0", method: "notifications/initialized" }) });
    const broken = new AbortController();
    const call = await fetch(`http://127.0.0.1:${server.port}/mcp`, { method: "POST", headers, signal: broken.signal, body: JSON.stringify({ jsonrpc: "2.0", id: 7, method: "tools/call", params: { name: "ask", arguments: {} } }) });
    const { id, question } = await firstRequest(call);
    broken.abort();
    expect(question).toMatchObject({ method: "elicitation/create", params: { message: "Go on?" } });
    const answered = await server.ask({ method: "POST", headers, body: { jsonrpc: "2.0", id: question.id, result: { action: "accept", content: { yes: true } } } });
    expect(answered.status).toBe(202);
    const rest = await server.ask({ headers: { ...headers, "last-event-id": id } });
    expect(rest.message).toMatchObject({ id: 7, result: { content: [{ text: "accept" }] } });
  });

  test("of the older era without a session is served request by request", async () => {
    const server = await start({ tokens: ANN });
    expect((await server.legacy("tools/list", {}, { token: "ann" })).message.result.tools.length).toBe(8);
    expect((await server.ask({ method: "DELETE", token: "ann" })).status).toBe(405);
    expect((await server.ask({ token: "ann", headers: { accept: "text/event-stream" } })).status).toBe(405);
  });
});

describe("sessions", () => {
  test("one that nobody uses ends, one with an open stream does not", async () => {
    let now = 1_000_000;
    const server = await start({ tokens: ANN, clock: () => now, limits: { sessions: { ...LIMITS.sessions, idle: 1000 }, socket: { ...SOCKET, sweep: 20 } } });
    const [idle, held] = [await begin(server, "ann"), await begin(server, "ann")];
    const stream = await fetch(`http://127.0.0.1:${server.port}/mcp`, { headers: { ...held, authorization: "Bearer ann", accept: "text/event-stream" } });
    expect(stream.status).toBe(200);
    now += 1001;
    // Asking is using, so time goes on with each look.
    await expect.poll(async () => {
      now += 1001;
      await new Promise((done) => setTimeout(done, 40));
      return (await server.legacy("ping", {}, { token: "ann", headers: idle })).status;
    }).toBe(404);
    expect((await server.legacy("ping", {}, { token: "ann", headers: held })).status).toBe(200);
    await stream.body!.cancel();
  });

  test("of too many, the one that was not used for longest goes", async () => {
    let now = 1_000_000;
    const server = await start({ tokens: ANN, clock: () => now, limits: { sessions: { ...LIMITS.sessions, sessions: 2 } } });
    const sessions: Record<string, string>[] = [];
    for (let n = 0; n < 3; n++) {
      now += 1000;
      sessions.push(await begin(server, "ann"));
      if (n === 1) await server.legacy("ping", {}, { token: "ann", headers: sessions[0]! });
      now += 1000;
      if (n === 1) await server.legacy("ping", {}, { token: "ann", headers: sessions[0]! });
    }
    const statuses = [];
    for (const headers of sessions) statuses.push((await server.legacy("ping", {}, { token: "ann", headers })).status);
    expect(statuses).toEqual([200, 404, 200]);
  });

  test("its client can end it", async () => {
    const server = await start({ tokens: ANN });
    const headers = await begin(server, "ann");
    expect((await server.ask({ method: "DELETE", token: "ann", headers })).status).toBe(200);
    expect((await server.legacy("ping", {}, { token: "ann", headers })).status).toBe(404);
  });

  test("something that only looks like a beginning leaves none behind", async () => {
    const server = await start({ tokens: ANN });
    const { status, headers } = await server.ask({ method: "POST", token: "ann", headers: { "content-type": "application/json", accept: "application/json, text/event-stream" }, body: [{ jsonrpc: "2.0", id: 1, method: "initialize", params: INITIALIZE }, { jsonrpc: "2.0", id: 2, method: "ping" }] });
    expect(status).toBe(400);
    expect(headers["mcp-session-id"]).toBeUndefined();
  });
});

describe("limits", () => {
  test("whoever asks too often is told when to come back, others are not held up", async () => {
    let now = 0;
    const server = await start({ tokens: { ann: {}, bob: {} }, clock: () => now, limits: { rate: { burst: 2, perSecond: 0.5 } } });
    const ask = async (token: string): Promise<number> => (await server.modern("tools/list", {}, { token })).status;
    expect([await ask("ann"), await ask("ann"), await ask("bob")]).toEqual([200, 200, 200]);
    const { status, headers } = await server.modern("tools/list", {}, { token: "ann" });
    expect([status, headers["retry-after"]]).toEqual([429, "2"]);
    now += 2000;
    expect(await ask("ann")).toBe(200);
  });

  test("each message of a batch counts", async () => {
    const server = await start({ tokens: ANN, clock: () => 0, limits: { rate: { burst: 10, perSecond: 1 } } });
    const batch = Array.from({ length: 9 }, (_, id) => ({ jsonrpc: "2.0", id, method: "tools/list" }));
    const send = async (): Promise<number> => (await server.legacy("", {}, { token: "ann", body: batch })).status;
    expect([await send(), await send()]).toEqual([200, 429]);
  });

  test("whoever comes without a good token is answered ever the same, and then not at all; good tokens still are", async () => {
    const server = await start({ tokens: ANN, clock: () => 0, limits: { strangers: { burst: 3, perSecond: 1 } } });
    const statuses = [];
    for (let n = 0; n < 5; n++) statuses.push((await server.modern("tools/list", {}, { token: `guess${n}` })).status);
    expect(statuses).toEqual([401, 401, 401, 429, 429]);
    expect((await server.modern("tools/list", {}, { token: "ann" })).status).toBe(200);
  });

  test("a body that is too large is refused when it says so and when it does not", async () => {
    const server = await start({ tokens: ANN, limits: { bodyBytes: 1000 } });
    const said = await server.legacy("ping", { pad: "x".repeat(1001) }, { token: "ann" });
    expect([said.status, said.headers["connection"]]).toEqual([413, "close"]);
    const socket = await connected(server.port);
    socket.write(`POST /mcp HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer ann\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n`);
    socket.write(`3e9\r\n${"x".repeat(1001)}\r\n`);
    expect(await heard(socket)).toMatch(/^HTTP\/1\.1 413 /);
  });

  test("callers that have something going on are not put out for others", async () => {
    const server = await start({ tokens: { ann: {}, bob: {}, eve: {} }, limits: { principals: 2 } });
    const session = await begin(server, "ann");
    await server.modern("tools/list", {}, { token: "bob" });
    // Bob has nothing going on, so Eve takes the place; Ann has a session.
    expect((await server.modern("tools/list", {}, { token: "eve" })).status).toBe(200);
    await begin(server, "eve");
    expect((await server.modern("tools/list", {}, { token: "bob" })).status).toBe(503);
    expect((await server.legacy("ping", {}, { token: "ann", headers: session })).status).toBe(200);
  });

  test("no more subscriptions than the bound", async () => {
    const server = await start({ tokens: ANN, limits: { subscriptions: 1 } });
    const asked = (signal: AbortSignal) => {
      const { body, headers } = listening("small://mine");
      return fetch(`http://127.0.0.1:${server.port}/mcp`, { method: "POST", signal, headers: { ...headers, authorization: "Bearer ann" }, body: JSON.stringify(body) });
    };
    const end = new AbortController();
    const first = await asked(end.signal);
    expect(first.headers.get("content-type")).toContain("text/event-stream");
    expect(await (await asked(end.signal)).json()).toMatchObject({ error: { message: "Subscription limit reached" } });
    end.abort();
  });
});

describe("slow peers", () => {
  const socket = { ...SOCKET, headers: 200, request: 400, every: 50 };

  test("headers that do not come to an end are not waited for", async () => {
    const server = await start({ limits: { socket } });
    const slow = await connected(server.port);
    const dripping = setInterval(() => slow.write("x: y\r\n"), 20);
    // What is written to a connection that the other side has closed takes its last words away.
    setTimeout(() => clearInterval(dripping), 120);
    slow.write("POST /mcp HTTP/1.1\r\nhost: 127.0.0.1\r\n");
    expect(await heard(slow)).toMatch(/^HTTP\/1\.1 408 /);
  });

  test("nor is a body, and nothing breaks inside", async () => {
    const server = await start({ tokens: ANN, limits: { socket } });
    const slow = await connected(server.port);
    const dripping = setInterval(() => slow.write("x"), 20);
    setTimeout(() => clearInterval(dripping), 250);
    slow.write("POST /mcp HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer ann\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n");
    expect(await heard(slow)).toMatch(/^HTTP\/1\.1 408 /);
    expect(server.trouble).toEqual([]);
  });

  test("nor is a connection on which nothing is said", async () => {
    const server = await start({ limits: { socket } });
    const slow = await connected(server.port);
    await once(slow.resume(), "close");
    expect((await server.ask({ path: "/healthz" })).status).toBe(200);
  });

  test("connections beyond the bound are dropped, and there is room again when one is closed", async () => {
    const server = await start({ limits: { socket: { ...SOCKET, connections: 2 } } });
    const held = [await connected(server.port), await connected(server.port)];
    await expect(server.ask({ path: "/healthz" })).rejects.toThrow();
    held[0]!.destroy();
    await expect.poll(() => server.ask({ path: "/healthz" }).then(({ status }) => status, () => 0)).toBe(200);
  });
});

describe("news", () => {
  test("reach the caller that they are for and nobody else, and are asked for only while somebody listens", async () => {
    const board = new Board();
    const server = await start({ tokens: { ann: {}, bob: {} }, factory: small(board), news: board.news });
    const listen = (token: string, signal?: AbortSignal) => {
      const { body, headers } = listening("small://mine");
      return fetch(`http://127.0.0.1:${server.port}/mcp`, { method: "POST", headers: { ...headers, authorization: `Bearer ${token}` }, body: JSON.stringify(body), ...(signal === undefined ? {} : { signal }) });
    };
    expect(board.listeners).toBe(0);
    const [ann, bob] = [await listen("ann"), await listen("bob")];
    await server.modern("tools/call", { name: "change", arguments: {} }, { token: "ann" });
    expect(board.listeners).toBe(2);
    await server.stop();
    expect((await ann.text()).match(/"method":"[^"]*"/g)).toEqual(['"method":"notifications/subscriptions/acknowledged"', '"method":"notifications/resources/updated"']);
    expect((await bob.text()).match(/"method":"[^"]*"/g)).toEqual(['"method":"notifications/subscriptions/acknowledged"']);
    expect([board.listeners, server.trouble]).toEqual([0, []]);
  });

  test("a client that is gone listens no more", async () => {
    const board = new Board();
    const server = await start({ tokens: ANN, factory: small(board), news: board.news });
    const gone = new AbortController();
    const { body, headers } = listening("small://mine");
    await fetch(`http://127.0.0.1:${server.port}/mcp`, { method: "POST", headers: { ...headers, authorization: "Bearer ann" }, body: JSON.stringify(body), signal: gone.signal });
    expect(board.listeners).toBe(1);
    gone.abort();
    await expect.poll(() => board.listeners).toBe(0);
  });
});

describe("the end", () => {
  test("a request that is running is answered, a stream is closed, nothing new is begun", async () => {
    const server = await start({ tokens: ANN });
    const { body, headers } = listening("small://mine");
    const stream = await fetch(`http://127.0.0.1:${server.port}/mcp`, { method: "POST", headers: { ...headers, authorization: "Bearer ann" }, body: JSON.stringify(body) });
    const running = server.modern("tools/call", { name: "wait", arguments: { ms: 300 } }, { token: "ann" });
    const session = await begin(server, "ann");
    const older = server.legacy("tools/call", { name: "wait", arguments: { ms: 300 } }, { token: "ann", headers: session });
    await new Promise((done) => setTimeout(done, 100));
    const kept = await connected(server.port);
    kept.write("GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n");
    await once(kept, "data");
    const stopping = server.stop();
    expect((await running).message).toMatchObject({ result: { content: [{ text: "waited 300" }] } });
    expect((await older).message).toMatchObject({ result: { content: [{ text: "waited 300" }] } });
    expect(await stream.text()).toContain('"resultType":"complete"');
    await stopping;
    await expect(server.ask({ path: "/healthz" })).rejects.toThrow();
  });

  test("what runs for too long is not waited for", async () => {
    const server = await start({ tokens: ANN, limits: { socket: { ...SOCKET, drain: 100 } } });
    const running = server.modern("tools/call", { name: "wait", arguments: { ms: 5000 } }, { token: "ann" }).catch(() => "cut");
    await new Promise((done) => setTimeout(done, 50));
    const began = performance.now();
    await server.stop();
    expect(performance.now() - began).toBeLessThan(2000);
    await running;
  });

  test("asked a second time it does not wait", async () => {
    const server = await start({ tokens: ANN });
    const running = server.modern("tools/call", { name: "wait", arguments: { ms: 5000 } }, { token: "ann" }).catch(() => "cut");
    await new Promise((done) => setTimeout(done, 50));
    void server.stop();
    await server.stop();
    expect(await running).toBe("cut");
  });
});

describe("where it listens", () => {
  test("what only this machine reaches is told from the rest", () => {
    expect(["127.0.0.1", "127.8.9.10", "::1", "localhost"].filter((host) => !isLoopback(host))).toEqual([]);
    expect(["0.0.0.0", "::", "192.168.1.2", "127.0.0.1.example.org", "localhost.example.org", "example.org", ""].filter(isLoopback)).toEqual([]);
  });

  test("an address that others reach is refused without authorization, before anything is opened", async () => {
    const settings = { port: 0, home: "/nonesuch", factory: small(), news: () => () => {}, unique: () => "", clock: Date.now, onTrouble: () => {} };
    for (const host of ["0.0.0.0", "::", "192.168.1.2"]) await expect(serveHttp({ ...settings, host })).rejects.toMatchObject({ code: "ADDRESS_REFUSED" });
  });

  test("with authorization it listens for others, by its own name alone", async () => {
    const resource = new URL("https://team.example/mcp");
    const verify = async (token: string) => (token === "ann" ? { principal: "ann", scopes: ["tidemark:read"], audience: resource.href, expiresAt: Infinity } : undefined);
    const server = await serveHttp({ host: "0.0.0.0", port: 0, home: "/nonesuch", factory: small(), news: () => () => {}, unique: () => "u", clock: Date.now, onTrouble: () => {}, authorization: { resource, issuers: [], verify } });
    onTestFinished(server.stop);
    const ask = (host: string) => send(server.port, modern("tools/list", {}, { token: "ann", headers: { host } }));
    expect([(await ask("team.example")).status, (await ask("127.0.0.1")).status, (await ask("localhost")).status]).toEqual([200, 403, 403]);
  });

  test("a port in use, and an address that is not of this machine, are said to be so", async () => {
    const server = await start();
    const settings = { home: server.home, factory: small(), news: () => () => {}, unique: () => "", clock: Date.now, onTrouble: () => {} };
    await expect(serveHttp({ ...settings, host: "127.0.0.1", port: server.port })).rejects.toMatchObject({ code: "ADDRESS_TAKEN", message: expect.stringContaining("another program") });
    await expect(listen({ host: "192.0.2.1", port: 0 }, () => server as never, SOCKET, () => {})).rejects.toMatchObject({ code: "ADDRESS_TAKEN" });
  });
});

test("health is told to anybody, and nothing else with it", async () => {
  const server = await start();
  expect(await server.ask({ path: "/healthz" })).toMatchObject({ status: 200, text: '{"status":"ok"}' });
  expect(await server.ask({ path: "/healthz", method: "HEAD" })).toMatchObject({ status: 200, text: "" });
  expect((await server.ask({ path: "/healthz", method: "POST" })).status).toBe(405);
});

test("a server that cannot be made is a failure without reasons for the client, and with them for the operator", async () => {
  const broken = new Error("no disk at /home/somebody");
  const server = await start({ tokens: ANN, factory: () => Promise.reject(broken) });
  for (const answer of [await server.modern("tools/list", {}, { token: "ann" }), await server.legacy("initialize", INITIALIZE, { token: "ann" }), await server.legacy("tools/list", {}, { token: "ann" })]) {
    expect(answer.status).toBe(500);
    expect(answer.text).not.toContain("somebody");
  }
  expect(server.trouble).toContain(broken);
});

function listening(uri: string): { body: object; headers: Record<string, string> } {
  const _meta = { "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {} };
  return {
    body: { jsonrpc: "2.0", id: 1, method: "subscriptions/listen", params: { _meta, notifications: { resourceSubscriptions: [uri] } } },
    headers: { "content-type": "application/json", accept: "application/json, text/event-stream", "mcp-protocol-version": "2026-07-28", "mcp-method": "subscriptions/listen" },
  };
}

async function connected(port: number): Promise<Socket> {
  const socket = connectSocket(port, "127.0.0.1");
  socket.on("error", () => {});
  onTestFinished(() => void socket.destroy());
  await once(socket, "connect");
  return socket;
}

async function heard(socket: Socket): Promise<string> {
  let text = "";
  socket.on("data", (part: Buffer) => (text += part.toString()));
  await once(socket, "close");
  return text;
}

/** Reads a stream up to the request that the server makes, and the id of that event. */
async function firstRequest(response: Response): Promise<{ id: string; question: any }> {
  let text = "";
  for await (const part of response.body!.pipeThrough(new TextDecoderStream())) {
    text += part;
    const event = text.split("\n\n").find((each) => each.includes('"elicitation/create"') && text.includes(`${each}\n\n`));
    if (event !== undefined) return { id: /^id: (.*)$/m.exec(event)![1]!, question: JSON.parse(/^data: (.*)$/m.exec(event)![1]!) };
  }
  throw new Error(`the stream ended: ${text}`);
}
