/** What is published beside the program says the same as the program: the entry for the MCP registry, the plugin, the package. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { VERSION } from "../src/cli/main.ts";

const read = (path: string): any => JSON.parse(readFileSync(path, "utf8"));

test("package, registry entry and plugin are of one name and version", () => {
  const [own, entry, plugin, marketplace] = ["package.json", "server.json", "plugin/.claude-plugin/plugin.json", ".claude-plugin/marketplace.json"].map(read);
  expect(own.version).toBe(VERSION);
  expect(entry).toMatchObject({ name: own.mcpName, version: VERSION, packages: [{ registryType: "npm", identifier: own.name, version: VERSION, transport: { type: "stdio" }, packageArguments: [{ value: "mcp" }] }] });
  expect(plugin).toMatchObject({ name: "tidemark", version: VERSION });
  expect(marketplace.plugins).toMatchObject([{ name: plugin.name, source: "./plugin" }]);
  expect(own.files).toEqual(expect.arrayContaining(["plugin", ".claude-plugin"]));
});

// The limits of the registry's schema (modelcontextprotocol/registry, docs/reference/server-json/draft/server.schema.json).
test("the registry's limits are kept", () => {
  const { name, title, description } = read("server.json");
  expect(name).toMatch(/^[a-zA-Z0-9.-]+\/[a-zA-Z0-9._-]+$/);
  expect(title.length).toBeLessThanOrEqual(100);
  expect(description.length).toBeLessThanOrEqual(100);
});
