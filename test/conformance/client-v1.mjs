// The older SDK's client, which most of today's clients are made with: connects, lists and calls. Copied beside that SDK by
// run.ts, since it is not a dependency of the product. `node client-v1.mjs URL`, through the proxy that adds the token.
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const client = new Client({ name: "older-client", version: "1" });
const transport = new StreamableHTTPClientTransport(new URL(process.argv[2]));
await client.connect(transport);
const { tools } = await client.listTools();
const { content } = await client.callTool({ name: "remember", arguments: { statement: "The older client was here." } });
const { content: recalled } = await client.callTool({ name: "recall", arguments: { query: "was the older client here" } });
await transport.terminateSession();
await client.close();
console.log(JSON.stringify({ tools: tools.map(({ name }) => name), remembered: content[0].text, recalled: recalled[0].text }));
