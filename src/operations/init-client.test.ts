/** Other clients on a machine: put in, put in again, taken back to the byte, and left alone where they are not ours to touch. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { NOW, scratch } from "../../test/helpers.ts";
import { MCP_CLIENTS, type McpClientName } from "../agents/mcp-clients.ts";
import { initClient, uninstallClients, type ClientMachine } from "./init-client.ts";

const NAMES = Object.keys(MCP_CLIENTS) as McpClientName[];
const NOT = { dryRun: false, force: false };

function machine(): ClientMachine & { readonly fileOf: (name: McpClientName) => string } {
  const root = scratch();
  const made: ClientMachine = { places: { home: root, environment: {}, platform: "linux" }, server: { node: process.execPath, script: "/opt/tidemark/dist/tidemark.js", home: join(root, "state") }, searchPath: "", ci: false, now: NOW };
  return { ...made, fileOf: (name) => MCP_CLIENTS[name].file(made.places) };
}

const settle = (path: string, text?: string): void => {
  mkdirSync(dirname(path), { recursive: true });
  if (text !== undefined) writeFileSync(path, text);
};

test.each(NAMES)("%s: installed, found installed, and taken back to the byte", (name) => {
  const on = machine();
  const path = on.fileOf(name);
  const before = name === "codex" ? '\nmodel = "o" # mine\n\n' : '{ "mine" : [1,2] }';
  settle(path, before);
  expect(initClient(name, on, { dryRun: true, force: false })).toMatchObject({ client: name, state: "planned", reason: "dry-run", files: [{ path, change: "changed", patch: expect.stringContaining("tidemark.js") }] });
  expect(readFileSync(path, "utf8")).toBe(before);
  expect(initClient(name, on, NOT)).toMatchObject({ state: "installed", files: [{ backup: expect.stringContaining(name) }] });
  expect(initClient(name, on, NOT).state).toBe("already");
  expect(initClient(name, { ...on, server: { ...on.server, node: "/opt/node" } }, NOT).state).toBe("updated");
  expect(uninstallClients(on, { dryRun: true })).toMatchObject({ changed: true, files: [{ path, change: "restored" }] });
  expect(uninstallClients(on, { dryRun: false }).changed).toBe(true);
  expect(readFileSync(path, "utf8")).toBe(before);
  expect(existsSync(join(on.server.home, "install"))).toBe(false);
  expect(uninstallClients(on, { dryRun: false })).toEqual({ changed: false, files: [], warnings: [] });
});

test("all of them at once, each taken back; what others wrote since stays", () => {
  const on = machine();
  for (const name of NAMES) {
    settle(on.fileOf(name));
    expect(initClient(name, on, NOT).state).toBe("installed");
  }
  const cursor = on.fileOf("cursor");
  writeFileSync(cursor, readFileSync(cursor, "utf8").replace('{ "tidemark"', '{ "later": {}, "tidemark"').replace('"mcpServers": {', '"later": 1, "mcpServers": {'));
  expect(uninstallClients(on, { dryRun: false }).files.map(({ change }) => change).sort()).toEqual(["changed", "deleted", "deleted", "deleted", "deleted", "deleted"]);
  expect(JSON.parse(readFileSync(cursor, "utf8"))).toEqual({ later: 1 });
  for (const name of NAMES) expect(readdirSync(dirname(on.fileOf(name))), name).toEqual(name === "cursor" ? ["mcp.json"] : []);
});

test("nothing is written where the client is not, nor in CI unless asked to; its program on the PATH is enough", () => {
  const on = machine();
  expect(initClient("codex", on, NOT)).toMatchObject({ state: "planned", reason: "no-agent" });
  const bin = join(on.places.home, "bin");
  settle(join(bin, "codex"), "");
  expect(initClient("codex", { ...on, searchPath: bin, ci: true }, NOT)).toMatchObject({ state: "planned", reason: "ci" });
  expect(existsSync(on.fileOf("codex"))).toBe(false);
  expect(initClient("codex", { ...on, searchPath: bin, ci: true }, { dryRun: false, force: true }).state).toBe("installed");
  uninstallClients(on, { dryRun: false });
  expect(existsSync(dirname(on.fileOf("codex")))).toBe(false);
});

test("an entry put in by hand is taken out as well, and a broken file that says nothing of us is nobody's trouble", () => {
  const on = machine();
  settle(on.fileOf("cursor"), '{ "mcpServers": { "tidemark": { "command": "node", "args": ["/elsewhere/tidemark.js", "mcp"] } } }');
  settle(on.fileOf("gemini"), "{ broken");
  expect(uninstallClients(on, { dryRun: false })).toMatchObject({ changed: true, files: [{ path: on.fileOf("cursor"), change: "changed" }] });
  expect(() => initClient("gemini", on, NOT)).toThrow(expect.objectContaining({ code: "CONFIG_UNREADABLE" }));
});
