/**
 * The MCP server: one factory, from which a server is made for each connection over stdio and for each request over HTTP, in
 * both eras of the protocol (2026-07-28 and those that begin with `initialize`). It only puts together: what a tool does is
 * in tools/ and, below them, in operations/. Leaves out transports, who may call, and what a process is given (cli/, serving.ts).
 */
import { McpServer, type McpServerFactory } from "@modelcontextprotocol/server";
import type { Serving } from "./serving.ts";
import { answer, type Tool } from "./tool.ts";
import { resumeTool } from "./tools/resume.ts";

/** In this order for every client: a list that is the same each time is a prefix that its model's cache keeps. */
export const TOOLS: readonly Tool[] = [resumeTool];

export function mcpServers(serving: Serving): McpServerFactory {
  return () => {
    const server = new McpServer({ name: "tidemark", title: "Tidemark", version: serving.version });
    for (const each of TOOLS) {
      const { name, title, description, input: inputSchema, hints: annotations } = each;
      server.registerTool(name, { title, description, inputSchema, annotations }, (input: unknown) => answer(each, input, { serving, now: serving.clock() }));
    }
    return server;
  };
}
