/** The entry for each client: where it goes, how it looks there, and that putting it in and taking it out leaves the rest as it was. */
import { describe, expect, test } from "vitest";
import { parse } from "smol-toml";
import { MCP_CLIENTS, usualSnippet, type McpClientName, type ServerCommand } from "./mcp-clients.ts";
import type { Places } from "./places.ts";

const SERVER: ServerCommand = { node: "/usr/bin/node", script: "/opt/tide mark/dist/tidemark.js", home: "/home/ann/\"state\"" };
const MOVED: ServerCommand = { ...SERVER, node: "/opt/node" };
const NAMES = Object.keys(MCP_CLIENTS) as McpClientName[];
const at = (environment: Record<string, string> = {}, platform = "linux"): Places => ({ home: "/home/ann", environment, platform });
const file = (text: string | undefined) => ({ path: "settings", text });

const OTHERS: Record<McpClientName, string> = {
  codex: '# mine\nmodel = "o"\r\n\n[mcp_servers.other] # theirs\ncommand = "x"\n\n[tui]\nnotifications = true',
  gemini: '{\n  // mine\n  "theme": "x",\n  "mcpServers": { "other": { "command": "x" } },\n}\n',
  opencode: '{"$schema":"https://opencode.ai/config.json","mcp":{}}',
  cursor: '{\n\t"mcpServers": {\n\t\t"other": { "url": "https://example.org" }\n\t}\n}\n',
  vscode: '{\n  "servers": {},\n  "inputs": []\n}\n',
  windsurf: '{ "mcpServers": { } }',
};

test.each(NAMES)("%s: what was put in and is taken out again leaves the others' text", (name) => {
  const { put, takeOut, isWired, containers } = MCP_CLIENTS[name].entries(SERVER);
  const before = file(OTHERS[name]);
  expect(isWired(before)).toBe(false);
  const after = put(before);
  expect(isWired(file(after))).toBe(true);
  expect(put(file(after))).toBe(after);
  expect(takeOut(file(after), new Set(containers(before))).replace(/\{ ?\}/g, "{}").trimEnd()).toBe(OTHERS[name].replace(/\{ ?\}/g, "{}").trimEnd());
  expect(takeOut(before)).toBe(OTHERS[name]);
});

test.each(NAMES)("%s: a file that is not there becomes the snippet, and blank again", (name) => {
  const { put, takeOut, isBlank } = MCP_CLIENTS[name].entries(SERVER);
  for (const text of [undefined, "", "\n"]) {
    const after = put(file(text));
    const read = name === "codex" ? parse : JSON.parse;
    expect(read(after)).toEqual(read(MCP_CLIENTS[name].snippet(SERVER)));
    expect(isBlank(file(after))).toBe(false);
    expect(isBlank(file(takeOut(file(after))))).toBe(true);
  }
});

test.each(NAMES)("%s: an entry of ours is renewed where it stands, and another's of that name is refused", (name) => {
  const { put } = MCP_CLIENTS[name].entries(SERVER);
  const moved = MCP_CLIENTS[name].entries(MOVED).put(file(put(file(OTHERS[name]))));
  expect(moved).toContain("/opt/node");
  expect(moved.match(/tidemark\.js/g)).toHaveLength(1);
  expect(put(file(moved))).toBe(put(file(OTHERS[name])));
  const theirs = MCP_CLIENTS[name].snippet(SERVER).replaceAll("tidemark.js", "elsewhere.js");
  expect(() => put(file(theirs))).toThrow(expect.objectContaining({ code: "SERVER_NAME_TAKEN" }));
  expect(MCP_CLIENTS[name].entries(SERVER).takeOut(file(theirs))).toBe(theirs);
});

test("files stand where each client looks for them", () => {
  const files = (places: Places): Record<string, string> => Object.fromEntries(NAMES.map((name) => [name, MCP_CLIENTS[name].file(places)]));
  expect(files(at())).toEqual({
    codex: "/home/ann/.codex/config.toml", gemini: "/home/ann/.gemini/settings.json", opencode: "/home/ann/.config/opencode/opencode.json",
    cursor: "/home/ann/.cursor/mcp.json", vscode: "/home/ann/.config/Code/User/mcp.json", windsurf: "/home/ann/.codeium/windsurf/mcp_config.json",
  });
  expect(files(at({ CODEX_HOME: "/c", GEMINI_CLI_HOME: "/g", OPENCODE_CONFIG: "/o/x.json", XDG_CONFIG_HOME: "/x" }))).toMatchObject({ codex: "/c/config.toml", gemini: "/g/.gemini/settings.json", opencode: "/o/x.json", vscode: "/x/Code/User/mcp.json" });
  expect(files(at({}, "darwin"))["vscode"]).toBe("/home/ann/Library/Application Support/Code/User/mcp.json");
});

test("what a client is told starts the server with this Node and this state folder", () => {
  expect(JSON.parse(usualSnippet(SERVER))).toEqual({ mcpServers: { tidemark: { command: SERVER.node, args: [SERVER.script, "mcp"], env: { TIDEMARK_HOME: SERVER.home } } } });
  expect(JSON.parse(MCP_CLIENTS.opencode.snippet(SERVER))).toEqual({ mcp: { tidemark: { type: "local", command: [SERVER.node, SERVER.script, "mcp"], environment: { TIDEMARK_HOME: SERVER.home }, enabled: true } } });
  expect(parse(MCP_CLIENTS.codex.snippet(SERVER))).toEqual({ mcp_servers: { tidemark: { command: SERVER.node, args: [SERVER.script, "mcp"], env: { TIDEMARK_HOME: SERVER.home } } } });
});

describe("TOML that is laid out in other ways", () => {
  const { put, takeOut, isWired } = MCP_CLIENTS.codex.entries(SERVER);

  test("ours written by hand, with a table of its own for the environment, is renewed and taken out whole", () => {
    const text = `a = 1\n\n[ mcp_servers . "tidemark" ]\ncommand = "old"\nargs = ["/x/tidemark.js", "mcp"]\n[mcp_servers.tidemark.env]\nTIDEMARK_HOME = "/old"\n\n[b]\nc = 2\n`;
    expect(isWired(file(text))).toBe(true);
    expect(parse(put(file(text)))).toEqual({ a: 1, b: { c: 2 }, ...parse(MCP_CLIENTS.codex.snippet(SERVER)) });
    expect(parse(takeOut(file(text)))).toEqual({ a: 1, b: { c: 2 } });
  });

  test.each([
    ["servers in one line", 'mcp_servers = { other = { command = "x" } }\n'],
    ["ours in one line", 'mcp_servers = { tidemark = { command = "x", args = ["/x/tidemark.js", "mcp"] } }\n'],
  ])("%s: refused, with how to go on, since a table cannot be added", (_, text) => {
    expect(() => put(file(text))).toThrow(expect.objectContaining({ code: "CONFIG_UNREADABLE", hint: expect.stringContaining("--print") }));
  });

  test("a header within a text is no header", () => {
    const text = `note = """\n[mcp_servers.tidemark]\nnot a table\n"""\n`;
    const after = put(file(text));
    expect(parse(after)).toEqual({ ...parse(text), ...parse(MCP_CLIENTS.codex.snippet(SERVER)) });
    expect(() => takeOut(file(after))).toThrow(expect.objectContaining({ code: "CONFIG_UNREADABLE" }));
  });

  test("lines end as they do in the file, and dates are no trouble", () => {
    const text = 'when = 2026-01-01T00:00:00Z\r\nmany = 9_007_199_254\r\n';
    const after = put(file(text));
    expect(after.replaceAll("\r\n", "")).not.toContain("\n");
    expect(takeOut(file(after))).toBe(text);
  });

  test("a file that is no TOML is refused with its place", () => {
    expect(() => put(file("a = 1\n[["))).toThrow(expect.objectContaining({ code: "CONFIG_UNREADABLE", message: expect.stringContaining("line 2") }));
  });
});
