/** The handshake as recorded from the real client, and input that is none. */
import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { answerTo, serveHandshake } from "./stdio.ts";

const ask = (message: object): unknown => answerTo(JSON.stringify({ jsonrpc: "2.0", ...message }), "1.2.3");

test("answers the probe of newer clients, the handshake and a ping, and nothing to a notification", () => {
  expect(ask({ id: "server-discover-probe-1", method: "server/discover" })).toMatchObject({ id: "server-discover-probe-1", error: { code: -32601 } });
  expect(ask({ id: 0, method: "initialize", params: { protocolVersion: "2025-11-25" } })).toMatchObject({ id: 0, result: { protocolVersion: "2025-11-25", capabilities: {}, serverInfo: { name: "tidemark", version: "1.2.3" } } });
  expect(ask({ id: 1, method: "ping" })).toMatchObject({ id: 1, result: {} });
  expect(ask({ method: "notifications/initialized" })).toBeUndefined();
});

test.each(["", "{", "null", "[]", "7", '"x"', '{"id":1}', '{"method":7,"id":1}'])("is not thrown by %j", (line) => {
  expect(() => answerTo(line, "1")).not.toThrow();
});

test("answers line by line and ends when the client is gone", async () => {
  const [input, output] = [new PassThrough(), new PassThrough()];
  const ended = serveHandshake(input, output, "1");
  input.write('{"jsonrpc":"2.0","id":1,"method":"pi');
  input.write('ng"}\n');
  expect(String(output.read() ?? (await new Promise((done) => output.once("data", done))))).toBe('{"jsonrpc":"2.0","id":1,"result":{}}\n');
  input.end();
  await ended;
});
