/**
 * What the specification (2026-07-28, basic/authorization) and its page on security demand of a server of resources, line by
 * line: each test has the name of its line. With a small server of the protocol, so that what is tested is the HTTP server.
 *
 * Lines that do not apply, and why:
 * - what an authorization server must do (PKCE, redirect URIs, refresh tokens, registration, consent): none is part of this
 *   server, which takes tokens and gives none;
 * - confused deputy: nobody is sent on to log in elsewhere, and no client id of ours is used anywhere;
 * - requests made on a caller's behalf to addresses that a caller names (SSRF): the server connects to nothing
 *   (test/architecture.test.ts);
 * - HTTPS: on this machine there is nobody in between; elsewhere it is refused as long as nothing authorizes callers.
 */
import { request as httpRequest } from "node:http";
import { networkInterfaces } from "node:os";
import { describe, expect, test } from "vitest";
import { localToken } from "../../src/mcp/http/token.ts";
import { begin, INITIALIZE, legacy, modern, RESOURCE, type Answered, type Started } from "./http.ts";
import { start } from "./started.ts";

const METADATA = "http://127.0.0.1/.well-known/oauth-protected-resource/mcp";
const CALLERS = {
  ann: {},
  bob: {},
  reader: { scopes: ["tidemark:read"] },
  writer: { scopes: ["tidemark:write"] },
  restorer: { scopes: ["tidemark:restore"] },
  nobody: { scopes: [] },
  stranger: { scopes: ["other:read", "*"] },
  late: { expiresAt: Math.floor(Date.now() / 1000) - 1 },
  elsewhere: { audience: "http://127.0.0.1/other" },
  port: { audience: "http://127.0.0.1:8080/mcp" },
  garbled: { audience: "not an address" },
};

const call = (name: string, more?: object) => ["tools/call", { name, arguments: {} }, more] as const;

/** The parameters of a challenge. */
function challenge({ headers }: Answered): Record<string, string> {
  const text = String(headers["www-authenticate"]);
  expect(text).toMatch(/^Bearer /);
  return Object.fromEntries([...text.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name!, value!]));
}

describe("authorization", () => {
  test("servers MUST implement protected resource metadata (RFC 9728)", async () => {
    const server = await start({ tokens: CALLERS });
    const { status, text } = await server.ask({ path: "/.well-known/oauth-protected-resource/mcp" });
    expect(status).toBe(200);
    expect(JSON.parse(text)).toEqual({ resource: RESOURCE.href, authorization_servers: ["https://issuer.example"], scopes_supported: ["tidemark:read"], bearer_methods_supported: ["header"], resource_name: "Tidemark" });
    expect((await server.ask({ path: "/.well-known/oauth-protected-resource/mcp", method: "POST", body: {} })).status).toBe(405);
    // With the token of this machine nobody issues tokens, and none is named.
    const local = await start();
    expect(JSON.parse((await local.ask({ path: "/.well-known/oauth-protected-resource/mcp" })).text)).not.toHaveProperty("authorization_servers");
  });

  test("servers MUST validate that tokens were issued for them", async () => {
    const server = await start({ tokens: CALLERS });
    for (const token of ["elsewhere", "port", "garbled"]) {
      const answer = await server.modern(...call("look", { token }));
      expect(answer.status).toBe(401);
      expect(challenge(answer)).toMatchObject({ error: "invalid_token", resource_metadata: METADATA });
    }
  });

  test("invalid or expired tokens MUST receive 401, in both eras, for every method", async () => {
    const server = await start({ tokens: CALLERS, limits: { strangers: { burst: 1000, perSecond: 1 } } });
    const asked = [modern(...call("look")), legacy("initialize", INITIALIZE), legacy("tools/list"), { method: "GET" }, { method: "DELETE" }, modern("server/discover")];
    for (const each of asked)
      for (const token of ["late", "never-issued", "ann ", "ann,bob", "Ann", "__proto__", "constructor"]) {
        const answer = await server.ask({ ...each, headers: { ...each.headers, authorization: `Bearer ${token === "ann " ? "annx" : token}` } });
        expect([token, answer.status, challenge(answer)["error"]]).toEqual([token, 401, "invalid_token"]);
      }
    for (const authorization of ["ann", "Basic YW5uOmFubg==", "Bearer", "Bearer ", "DPoP ann", "bearerann"]) expect((await server.ask({ ...modern(...call("look")), headers: { ...modern("").headers, authorization } })).status).toBe(401);
  });

  test("a request without a token is challenged with what to begin with, and blamed for nothing", async () => {
    const server = await start({ tokens: CALLERS });
    const answer = await server.modern(...call("erase"));
    expect(answer.status).toBe(401);
    expect(challenge(answer)).toEqual({ scope: "tidemark:read", resource_metadata: METADATA });
  });

  test.each(["modern", "legacy", "session"] as const)("missing scope is 403 with error, scope and resource_metadata, before the tool is called (%s)", async (how) => {
    const server = await start({ tokens: CALLERS });
    const headers = how === "session" ? await begin(server, "reader") : {};
    for (const [name, scope] of [["keep", "tidemark:write"], ["put_back", "tidemark:restore"], ["erase", "tidemark:admin"]] as const) {
      const answer = await server[how === "modern" ? "modern" : "legacy"](...call(name, { token: "reader", headers }));
      expect(answer.status).toBe(403);
      // All that the operation takes in one challenge: the scope named holds those below it.
      expect(challenge(answer)).toMatchObject({ error: "insufficient_scope", scope, resource_metadata: METADATA });
      expect(answer.text).not.toContain("for reader");
    }
    expect((await server[how === "modern" ? "modern" : "legacy"](...call("look", { token: "reader", headers }))).message.result.content[0].text).toContain("look");
  });

  test("a session that was begun with more is held to the token of each request", async () => {
    const server = await start({ tokens: { strong: { principal: "ann" }, weak: { principal: "ann", scopes: ["tidemark:read"] } } });
    const headers = await begin(server, "strong");
    expect((await server.legacy(...call("erase", { token: "weak", headers }))).status).toBe(403);
    expect((await server.legacy(...call("erase", { token: "strong", headers }))).status).toBe(200);
    // And a batch is as good as its most demanding part.
    const batch = [1, 2].map((id) => ({ jsonrpc: "2.0", id, method: "tools/call", params: { name: id === 1 ? "look" : "erase", arguments: {} } }));
    expect((await server.legacy("", {}, { token: "weak", headers, body: batch })).status).toBe(403);
  });

  test("a scope cannot be had by naming another tool in the headers than in the body", async () => {
    const server = await start({ tokens: CALLERS });
    const answer = await server.modern(...call("erase", { token: "reader", headers: { "mcp-name": "look" } }));
    expect([answer.status, answer.message.error.code]).toEqual([400, -32020]);
    const method = await server.modern(...call("erase", { token: "reader", headers: { "mcp-method": "tools/list" } }));
    expect([method.status, method.message.error.code]).toEqual([400, -32020]);
  });

  test("servers MUST account for scope hierarchies", async () => {
    const server = await start({ tokens: CALLERS });
    const can = async (token: string): Promise<string[]> => {
      const able: string[] = [];
      for (const name of ["look", "keep", "put_back", "erase"]) if ((await server.modern(...call(name, { token }))).status === 200) able.push(name);
      return able;
    };
    expect([await can("reader"), await can("writer"), await can("restorer"), await can("ann")]).toEqual([["look"], ["look", "keep"], ["look", "keep", "put_back"], ["look", "keep", "put_back", "erase"]]);
  });

  test("a token without any scope of this server gets nothing at all", async () => {
    const server = await start({ tokens: CALLERS });
    for (const token of ["nobody", "stranger"])
      for (const answer of [await server.modern("tools/list", {}, { token }), await server.legacy("initialize", INITIALIZE, { token })]) {
        expect(answer.status).toBe(403);
        expect(challenge(answer)).toMatchObject({ error: "insufficient_scope", scope: "tidemark:read" });
      }
  });

  test("tokens are never taken from the query", async () => {
    const server = await start({ tokens: CALLERS });
    for (const query of ["access_token=ann", "token=ann", "authorization=Bearer%20ann"]) expect((await server.ask({ ...modern(...call("look")), path: `/mcp?${query}` })).status).toBe(401);
    const form = await server.ask({ method: "POST", headers: { "content-type": "application/x-www-form-urlencoded" }, body: "access_token=ann" });
    expect(form.status).toBe(401);
  });

  test("tokens are never passed on: not to tools, not into answers, not into what is reported", async () => {
    const server = await start();
    const token = localToken(server.home, () => "unused");
    const answers: Answered[] = [await server.modern(...call("look", { token })), await server.modern(...call("break", { token })), await server.legacy("initialize", INITIALIZE, { token }), await server.modern("nonsense", {}, { token })];
    answers.push(await server.modern(...call("look", { token: `${token}x` })), await server.ask({ ...modern(...call("look")), path: `/mcp?access_token=${token}` }));
    expect(answers[0]!.text).toContain('token=\\"\\"');
    for (const { text, headers } of answers) expect(`${text}${JSON.stringify(headers)}`).not.toContain(token);
    expect(JSON.stringify(server.trouble.map(String))).not.toContain(token);
  });

  test("offline_access SHOULD NOT be listed, and not every scope asked for at once", async () => {
    const server = await start({ tokens: CALLERS });
    const said = (await server.ask({ path: "/.well-known/oauth-protected-resource/mcp" })).text + String((await server.modern(...call("look"))).headers["www-authenticate"]);
    for (const word of ["offline_access", "tidemark:write", "tidemark:restore", "tidemark:admin", "*"]) expect(said).not.toContain(word);
  });

  test("where it cannot be said whether a token is good, nobody is let in", async () => {
    const { serveHttp } = await import("../../src/mcp/http/serve.ts");
    const trouble: unknown[] = [];
    const settings = { host: "127.0.0.1", port: 0, home: "/nonesuch", unique: () => "u", news: () => () => {}, clock: Date.now, onTrouble: (error: unknown) => void trouble.push(error), factory: () => Promise.reject(new Error("not to be called")) };
    const server = await serveHttp({ ...settings, authorization: { resource: RESOURCE, issuers: [], verify: () => Promise.reject(new Error("the directory is down: secret-host")) } });
    const response = await fetch(`http://127.0.0.1:${server.port}/mcp`, { method: "POST", headers: { authorization: "Bearer x", "content-type": "application/json" }, body: "{}" });
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain("secret-host");
    expect(String(trouble[0])).toContain("the directory is down");
    await server.stop();
  });
});

describe("session hijacking", () => {
  test("sessions never authenticate", async () => {
    const server = await start({ tokens: CALLERS });
    const headers = await begin(server, "ann");
    expect((await server.legacy(...call("look", { headers }))).status).toBe(401);
    expect((await server.ask({ headers: { ...headers, accept: "text/event-stream" } })).status).toBe(401);
  });

  test("a session of another principal is as unknown as one that was made up, for every method", async () => {
    const server = await start({ tokens: CALLERS });
    const mine = await begin(server, "ann");
    const forged = { ...mine, "mcp-session-id": "unique-word-number-0000000000009999" };
    const events = { accept: "text/event-stream" };
    for (const ask of [(headers: Record<string, string>) => server.legacy(...call("look", { token: "bob", headers })), (headers: Record<string, string>) => server.ask({ token: "bob", headers: { ...headers, ...events } }), (headers: Record<string, string>) => server.ask({ method: "DELETE", token: "bob", headers })]) {
      const [other, made] = [await ask(mine), await ask(forged)];
      expect(other.status).toBe(404);
      expect({ ...other, headers: undefined }).toEqual({ ...made, headers: undefined });
    }
    expect((await server.legacy(...call("look", { token: "ann", headers: mine }))).status).toBe(200);
  });

  test("a stream of another principal, or of another session of one's own, cannot be taken up", async () => {
    const server = await start({ tokens: CALLERS });
    const [mine, again, other] = [await begin(server, "ann"), await begin(server, "ann"), await begin(server, "bob")];
    const id = /^id: (.*)$/m.exec((await server.legacy(...call("look", { token: "ann", headers: mine }))).text)![1]!;
    const take = (token: string, headers: Record<string, string>): Promise<Answered> => server.ask({ token, headers: { ...headers, accept: "text/event-stream", "last-event-id": id } });
    expect((await take("ann", mine)).status).toBe(200);
    for (const answer of [await take("ann", again), await take("bob", other)]) {
      expect(answer.status).toBe(400);
      expect(answer.text).not.toContain("for ann");
    }
    expect((await take("bob", mine)).status).toBe(404);
  });

  test("the answer to a question is taken only from the principal that was asked", async () => {
    const server = await start({ tokens: CALLERS });
    const [mine, other] = [await begin(server, "ann"), await begin(server, "bob")];
    const asked = server.legacy(...call("ask", { token: "ann", headers: mine }));
    await new Promise((done) => setTimeout(done, 100));
    for (const headers of [other, mine]) for (let id = 0; id < 3; id++) await server.ask({ method: "POST", token: "bob", headers: { ...legacy("").headers, ...headers }, body: { jsonrpc: "2.0", id, result: { action: "decline" } } });
    for (let id = 0; id < 3; id++) await server.ask({ method: "POST", token: "ann", headers: { ...legacy("").headers, ...mine }, body: { jsonrpc: "2.0", id, result: { action: "accept", content: {} } } });
    expect((await asked).text).toContain('"text":"accept"');
  });

  test("ids of sessions come from where nobody can guess them", async () => {
    const server = await start({ tokens: CALLERS });
    // Whatever gives them in the product (cli/commands/serve.ts: 32 random bytes), they are taken from there as they are.
    expect((await begin(server, "ann"))["mcp-session-id"]).toMatch(/^unique-word-number-\d{16}$/);
  });
});

describe("DNS rebinding", () => {
  const HOSTS = ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost.evil.example", "0.0.0.0", "[::]", "127.0.0.1@evil.example", "", "127.1.2.3"];
  const ORIGINS = ["http://evil.example", "https://127.0.0.1.evil.example", "null", "http://localhost.evil.example", "file://", "chrome-extension://abc", "garbage"];

  test("Host MUST be this server, whatever is asked for, with or without a token", async () => {
    const server = await start({ tokens: CALLERS });
    for (const host of HOSTS)
      for (const path of ["/mcp", "/healthz", "/.well-known/oauth-protected-resource/mcp", "/"]) {
        const answer = await withHost(server, host, path);
        expect([host, answer.status]).toEqual([host, host === "" ? expect.toBeOneOf([400, 403]) : 403]);
        expect(answer.text).not.toContain("evil");
      }
    for (const host of ["127.0.0.1", "localhost", "[::1]", `localhost:${server.port}`, "LOCALHOST"]) expect((await withHost(server, host, "/healthz")).status).toBe(200);
  });

  test("Origin MUST be this machine where there is one", async () => {
    const server = await start({ tokens: CALLERS });
    for (const origin of ORIGINS) {
      const answer = await server.modern(...call("look", { token: "ann", headers: { origin } }));
      expect([origin, answer.status]).toEqual([origin, 403]);
    }
    expect((await server.modern(...call("look", { token: "ann", headers: { origin: "http://localhost:6274" } }))).status).toBe(200);
    // A page elsewhere is given no leave to read anything either.
    expect((await server.ask({ method: "OPTIONS", headers: { origin: "http://localhost:6274", "access-control-request-method": "POST" } })).headers).not.toHaveProperty("access-control-allow-origin");
  });

  test("local servers SHOULD bind to 127.0.0.1 only", async () => {
    const server = await start({ tokens: CALLERS });
    const others = Object.values(networkInterfaces()).flat().filter((each) => each !== undefined && !each.internal && each.family === "IPv4").map((each) => each!.address);
    for (const address of others) await expect(fetch(`http://${address}:${server.port}/healthz`, { signal: AbortSignal.timeout(2000) })).rejects.toThrow();
    expect(server.url.hostname).toBe("127.0.0.1");
  });
});

describe("what cannot be understood", () => {
  test.each([
    ["nothing", "", 400, -32700],
    ["no JSON", "{", 400, -32700],
    ["a number", "7", 400, undefined],
    ["null", "null", 400, undefined],
    ["an empty batch", "[]", 400, undefined],
    ["a batch of nonsense", "[1,2,3]", 400, undefined],
    ["no method", '{"jsonrpc":"2.0","id":1}', 400, undefined],
    ["another protocol", '{"jsonrpc":"1.0","id":1,"method":"ping"}', 400, undefined],
    ["a million brackets", "[".repeat(1_000_000), 400, -32700],
    ["bytes", Buffer.from([0xff, 0xfe, 0x00]), 400, -32700],
  ])("%s is a protocol error without a trace of the inside", async (_, body, status, code) => {
    const server = await start({ tokens: CALLERS });
    const answer = await server.legacy("", {}, { token: "ann", body });
    expect(answer.status).toBe(status);
    if (code !== undefined) expect(answer.message.error.code).toBe(code);
    expect(answer.text).not.toMatch(/\bat .*\.(?:ts|js|mjs|cjs)\b|node_modules|\/home\//);
    expect(server.trouble).toEqual([]);
  });

  test("unknown methods, tools, paths and kinds of body are said to be unknown", async () => {
    const server = await start({ tokens: CALLERS });
    const unknown = await server.modern("tools/destroy", {}, { token: "ann" });
    expect([unknown.status, unknown.message.error.code]).toEqual([404, -32601]);
    expect((await server.modern(...call("nonesuch", { token: "ann" }))).message.error.code).toBe(-32602);
    expect((await server.ask({ path: "/", token: "ann" })).status).toBe(404);
    expect((await server.ask({ path: "/mcp/../mcp", token: "ann" })).status).toBe(404);
    expect((await server.ask({ method: "PUT", token: "ann", body: {} })).status).toBe(405);
    expect((await server.ask({ method: "POST", token: "ann", headers: { "content-type": "text/plain" }, body: "{}" })).status).toBe(415);
  });

  test("a batch with a request of the newer era is refused as a whole", async () => {
    const server = await start({ tokens: CALLERS });
    const batch = [modern(...call("look")).body, legacy("ping").body];
    const answer = await server.ask({ ...modern("tools/call"), body: batch, token: "ann" });
    expect([answer.status, answer.text.includes("for ann")]).toEqual([400, false]);
  });
});

/** A Host header as it stands, also none. */
function withHost(server: Started, host: string, path: string): Promise<Answered> {
  return new Promise((resolve, reject) => {
    httpRequest({ host: "127.0.0.1", port: server.port, path, agent: false, setHost: false, headers: { authorization: "Bearer ann", ...(host === "" ? {} : { host }) } }, (response) => {
      let text = "";
      response.on("data", (part: Buffer) => (text += part.toString()));
      response.on("end", () => resolve({ status: response.statusCode!, headers: response.headers, text, message: undefined }));
    }).on("error", reject).end();
  });
}
