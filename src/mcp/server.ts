/**
 * The MCP server: one factory, from which a server is made for each connection over stdio and for each request over HTTP, in
 * both eras of the protocol (2026-07-28 and those that begin with `initialize`). It only puts together: what a tool does is
 * in tools/ and, below them, in operations/. Leaves out transports, who may call, and what a process is given (cli/, serving.ts).
 */
import { McpServer, type McpServerFactory, type McpServerOptions, type ServerContext } from "@modelcontextprotocol/server";
import { Changes } from "./changes.ts";
import { INSTRUCTIONS } from "./instructions.ts";
import { addPrompts } from "./prompts.ts";
import { addResources } from "./resources.ts";
import { takes } from "./scopes.ts";
import { callerOf, type Serving } from "./serving.ts";
import { answer, type Tool } from "./tool.ts";
import { checkpointTool } from "./tools/checkpoint.ts";
import { forgetTool } from "./tools/forget.ts";
import { handoffTool } from "./tools/handoff.ts";
import { recallTool } from "./tools/recall.ts";
import { rememberTool } from "./tools/remember.ts";
import { resumeTool } from "./tools/resume.ts";
import { undoTool } from "./tools/undo.ts";

/** In this order for every client: a list that is the same each time is a prefix that its model's cache keeps. */
export const TOOLS: readonly Tool[] = [resumeTool, recallTool, rememberTool, handoffTool, checkpointTool, undoTool, forgetTool];

/** How long lists may be kept by a client, in milliseconds: they are of this version of the server. */
const LISTS = 60 * 60_000;

/** And the list of resources, which grows with the work. */
const RESOURCES = 5000;

/** No call has more elements than this in all: the largest one, a handoff, has a hundred lines. */
const MOST_ELEMENTS = 1000;

/**
 * `changes`: told to those who subscribe on a connection that lasts; over HTTP the handler's own streams tell. `options`: for
 * servers to which tools of another kind are added.
 */
export function mcpServers(serving: Serving, changes = new Changes(serving), options: Pick<McpServerOptions, "requestState"> = {}): McpServerFactory {
  return () => {
    const server = new McpServer({ name: "tidemark", title: "Tidemark", version: serving.version }, {
      ...options,
      instructions: INSTRUCTIONS,
      maxToolInputElements: MOST_ELEMENTS,
      capabilities: { resources: { subscribe: true, listChanged: true } },
      cacheHints: {
        ...Object.fromEntries(["tools/list", "prompts/list", "resources/templates/list", "server/discover"].map((method) => [method, { ttlMs: LISTS, cacheScope: "public" }])),
        "resources/list": { ttlMs: RESOURCES, cacheScope: "private" },
      },
    });
    for (const each of TOOLS) {
      const { name, title, description, input: inputSchema, hints: annotations, scope } = each;
      server.registerTool(name, { title, description, inputSchema, annotations, scopeChallenge: takes(scope) }, (input: unknown, ctx) => answer(each, input, callerOf(ctx, server.server.getClientVersion()), serving, ctx, canAsk(server, ctx)));
    }
    addResources(server, serving);
    addPrompts(server, serving);
    subscribe(server, changes);
    return server;
  };
}

/** As clients of the older era ask for it: by a request for each address, on a connection that lasts. */
function subscribe({ server }: McpServer, changes: Changes): void {
  const uris = new Set<string>();
  let end: (() => void) | undefined;
  server.setRequestHandler("resources/subscribe", ({ params: { uri } }) => {
    uris.add(uri);
    end ??= changes.listen({ updated: (each) => void (uris.has(each) && server.sendResourceUpdated({ uri: each }).catch(() => undefined)), listed: () => void server.sendResourceListChanged().catch(() => undefined) });
    return {};
  });
  server.setRequestHandler("resources/unsubscribe", ({ params: { uri } }) => {
    uris.delete(uri);
    if (uris.size === 0) end = void end?.();
    return {};
  });
  const { onclose } = server;
  server.onclose = () => {
    onclose?.();
    end = void end?.();
  };
}

/** Whether the client can put a question to its user: said with each request, or by `initialize`. */
function canAsk(server: McpServer, { mcpReq }: ServerContext): boolean {
  const declared = (mcpReq.envelope as Record<string, { elicitation?: unknown } | undefined> | undefined)?.["io.modelcontextprotocol/clientCapabilities"] ?? server.server.getClientCapabilities();
  const { elicitation } = (declared ?? {}) as { elicitation?: { form?: unknown; url?: unknown } };
  // Older clients declare it without saying which kind: then it is the form.
  return elicitation !== undefined && (elicitation.form !== undefined || elicitation.url === undefined);
}
