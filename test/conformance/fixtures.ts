/**
 * Tools, resources and prompts that the official conformance suite calls by name, put into the product's own server for its
 * run and nowhere else. What each must answer is said by the suite's scenarios; how the protocol carries it is what is tested.
 */
import {
  acceptedContent, CLIENT_CAPABILITIES_META_KEY, completable, createRequestStateCodec, inputRequired, inputResponse, ResourceTemplate,
  type CallToolResult, type InputRequests, type InputRequiredResult, type McpServer, type ServerContext, type ServerEvent,
} from "@modelcontextprotocol/server";
import * as z from "zod";

/** One red pixel, and a tenth of a second of nothing. */
const PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC";
const WAV = Buffer.concat([Buffer.from("RIFF"), word(36 + 800), Buffer.from("WAVEfmt "), word(16), Buffer.from([1, 0, 1, 0]), word(8000), word(8000), Buffer.from([1, 0, 8, 0]), Buffer.from("data"), word(800), Buffer.alloc(800, 128)]).toString("base64");

type Said = CallToolResult | InputRequiredResult;

const NOTHING = z.object({});
const text = (said: string): CallToolResult => ({ content: [{ type: "text", text: said }] });
const pause = (): Promise<void> => new Promise((done) => setTimeout(done, 50));
const question = (name: string, type: z.ZodString | z.ZodBoolean = z.string()) => z.object({ [name]: type });
const sampled = (prompt: string, maxTokens = 100) => inputRequired.createMessage({ messages: [{ role: "user", content: { type: "text", text: prompt } }], maxTokens });

/** The key holds for one run. */
const states = createRequestStateCodec<{ readonly step: number }>({ key: crypto.getRandomValues(new Uint8Array(32)), ttlSeconds: 60 });

/** What comes back from the client is held to the signature that it was given with, before any tool sees it. */
export const requestState = { verify: states.verify };

export function registerFixtures(server: McpServer, tell: (event: ServerEvent) => void): void {
  server.server.registerCapabilities({ logging: {} });
  contents(server);
  reports(server);
  questions(server);
  rounds(server);
  changes(server, tell);
  resources(server);
  prompts(server);
}

function contents(server: McpServer): void {
  const give = (name: string, content: CallToolResult["content"]): void => void server.registerTool(name, { description: `Gives ${name.slice(5)}`, inputSchema: NOTHING }, () => ({ content }));
  give("test_simple_text", [{ type: "text", text: "This is a simple text response for testing." }]);
  give("test_image_content", [{ type: "image", data: PNG, mimeType: "image/png" }]);
  give("test_audio_content", [{ type: "audio", data: WAV, mimeType: "audio/wav" }]);
  give("test_embedded_resource", [{ type: "resource", resource: { uri: "test://embedded-resource", mimeType: "text/plain", text: "This is an embedded resource content." } }]);
  give("test_multiple_content_types", [
    { type: "text", text: "Multiple content types test:" },
    { type: "image", data: PNG, mimeType: "image/png" },
    { type: "resource", resource: { uri: "test://mixed-content-resource", mimeType: "application/json", text: JSON.stringify({ test: "data", value: 123 }) } },
  ]);
  server.registerTool("test_error_handling", { description: "Fails", inputSchema: NOTHING }, () => ({ ...text("This tool intentionally returns an error for testing"), isError: true }));
}

function reports(server: McpServer): void {
  server.registerTool("test_tool_with_logging", { description: "Says what it does in the log", inputSchema: NOTHING }, async (_, { mcpReq }) => {
    for (const [i, line] of ["Tool execution started", "Tool processing data", "Tool execution completed"].entries()) {
      if (i > 0) await pause();
      await mcpReq.log("info", line);
    }
    return text("logged");
  });
  server.registerTool("test_tool_with_progress", { description: "Says how far it is", inputSchema: NOTHING }, async (_, { mcpReq }) => {
    const progressToken = mcpReq._meta?.progressToken;
    for (const progress of [0, 50, 100]) {
      if (progress > 0) await pause();
      if (progressToken !== undefined) await mcpReq.notify({ method: "notifications/progress", params: { progressToken, progress, total: 100 } });
    }
    return text("done");
  });
  server.registerTool("test_logging_tool", { description: "Logs a line where the client wants it", inputSchema: NOTHING }, async (_, { mcpReq }) => {
    await mcpReq.log("info", "a line");
    return text("logged");
  });
}

/** Asked of the user or the client's model: a question in the middle of the call in the older era, another round in the newer. */
function questions(server: McpServer): void {
  const elicit = (name: string, inputSchema: z.ZodObject, ask: (input: any) => Parameters<typeof inputRequired.elicit>[0], say: string): void =>
    void server.registerTool(name, { description: "Asks the user", inputSchema }, (input, { mcpReq }) => {
      const answer = inputResponse(mcpReq.inputResponses, "answer");
      if (answer.kind !== "elicit") return inputRequired({ inputRequests: { answer: inputRequired.elicit(ask(input)) } });
      return text(`${say} action=${answer.action}, content=${JSON.stringify(answer.content ?? {})}`);
    });
  elicit("test_elicitation", z.object({ message: z.string() }), ({ message }) => ({
    message,
    requestedSchema: { type: "object", properties: { username: { type: "string", description: "User's response" }, email: { type: "string", description: "User's email address" } }, required: ["username", "email"] },
  }), "User response:");
  elicit("test_elicitation_sep1034_defaults", NOTHING, () => ({
    message: "Who is it?",
    requestedSchema: {
      type: "object",
      properties: {
        name: { type: "string", default: "John Doe" },
        age: { type: "integer", default: 30 },
        score: { type: "number", default: 95.5 },
        status: { type: "string", enum: ["active", "inactive", "pending"], default: "active" },
        verified: { type: "boolean", default: true },
      },
    },
  }), "Elicitation completed:");
  const three = ["first", "second", "third"].map((word, i) => ({ const: `value${i + 1}`, title: `${word[0]!.toUpperCase()}${word.slice(1)}` }));
  elicit("test_elicitation_sep1330_enums", NOTHING, () => ({
    message: "Which ones?",
    requestedSchema: {
      type: "object",
      properties: {
        untitledSingle: { type: "string", enum: ["option1", "option2", "option3"] },
        titledSingle: { type: "string", oneOf: three.map((each) => ({ ...each, title: `${each.title} Option` })) },
        legacyEnum: { type: "string", enum: ["opt1", "opt2", "opt3"], enumNames: ["Option One", "Option Two", "Option Three"] },
        untitledMulti: { type: "array", items: { type: "string", enum: ["option1", "option2", "option3"] } },
        titledMulti: { type: "array", items: { anyOf: three.map((each) => ({ ...each, title: `${each.title} Choice` })) } },
      },
    },
  }), "Elicitation completed:");
  elicit("test_streaming_elicitation", NOTHING, () => ({ message: "Go on?", requestedSchema: question("yes", z.boolean()) }), "Answered:");
  server.registerTool("test_sampling", { description: "Asks the client's model", inputSchema: z.object({ prompt: z.string() }) }, ({ prompt }, { mcpReq }) => {
    const answer = inputResponse(mcpReq.inputResponses, "answer");
    return answer.kind === "sampling" ? text(`LLM response: ${wordsOf(answer.result.content)}`) : inputRequired({ inputRequests: { answer: sampled(prompt) } });
  });
  // Without a model behind the client there is nobody to ask, which the SDK says for the tool.
  server.registerTool("test_missing_capability", { description: "Needs a client with a model", inputSchema: NOTHING }, () => inputRequired({ inputRequests: { answer: sampled("Is anybody there?") } }));
}

function rounds(server: McpServer): void {
  const tool = (name: string, run: (mcpReq: ServerContext["mcpReq"]) => Said | Promise<Said>): void =>
    void server.registerTool(`test_input_required_result_${name}`, { description: "Needs input first", inputSchema: NOTHING }, (_, { mcpReq }) => run(mcpReq));
  const who = inputRequired.elicit({ message: "What is your name?", requestedSchema: question("name") });
  const nameIn = (mcpReq: ServerContext["mcpReq"]): string | undefined => acceptedContent(mcpReq.inputResponses, "user_name", z.object({ name: z.string() }))?.name;
  tool("elicitation", (mcpReq) => {
    const name = nameIn(mcpReq);
    return name === undefined ? inputRequired({ inputRequests: { user_name: who } }) : text(`Hello, ${name}!`);
  });
  tool("sampling", ({ inputResponses }) => {
    const answer = inputResponse(inputResponses, "capital_question");
    return answer.kind === "sampling" ? text(wordsOf(answer.result.content)) : inputRequired({ inputRequests: { capital_question: sampled("What is the capital of France?") } });
  });
  tool("list_roots", ({ inputResponses }) => {
    const answer = inputResponse(inputResponses, "client_roots");
    return answer.kind === "roots" ? text(answer.roots.map(({ uri }) => uri).join(" ")) : inputRequired({ inputRequests: { client_roots: inputRequired.listRoots() } });
  });
  tool("request_state", async (mcpReq) => {
    if (mcpReq.requestState() === undefined || inputResponse(mcpReq.inputResponses, "confirm").kind === "missing")
      return inputRequired({ inputRequests: { confirm: inputRequired.elicit({ message: "Please confirm", requestedSchema: question("ok", z.boolean()) }) }, requestState: await states.mint({ step: 1 }) });
    return text("state-ok");
  });
  tool("tampered_state", async (mcpReq) => {
    if (mcpReq.requestState() === undefined) return inputRequired({ inputRequests: { confirm: inputRequired.elicit({ message: "Please confirm", requestedSchema: question("ok", z.boolean()) }) }, requestState: await states.mint({ step: 1 }) });
    return text("as it was");
  });
  tool("multiple_inputs", async (mcpReq) => {
    const inputRequests: InputRequests = { user_name: who, greeting: sampled("Generate a greeting", 50), client_roots: inputRequired.listRoots() };
    const there = Object.keys(inputRequests).every((key) => inputResponse(mcpReq.inputResponses, key).kind !== "missing");
    return there && mcpReq.requestState() !== undefined ? text(`Hello, ${nameIn(mcpReq)}`) : inputRequired({ inputRequests, requestState: await states.mint({ step: 1 }) });
  });
  tool("multi_round", async (mcpReq) => {
    const { step } = mcpReq.requestState<{ readonly step: number }>() ?? { step: 0 };
    if (step === 2 && inputResponse(mcpReq.inputResponses, "step2").kind === "elicit") return text("Both are known.");
    if (step === 1 && inputResponse(mcpReq.inputResponses, "step1").kind === "elicit")
      return inputRequired({ inputRequests: { step2: inputRequired.elicit({ message: "Step 2: What is your favorite color?", requestedSchema: question("color") }) }, requestState: await states.mint({ step: 2 }) });
    return inputRequired({ inputRequests: { step1: inputRequired.elicit({ message: "Step 1: What is your name?", requestedSchema: question("name") }) }, requestState: await states.mint({ step: 1 }) });
  });
  tool("capabilities", (mcpReq) => {
    const { elicitation, sampling, roots } = capabilities(mcpReq);
    return inputRequired({
      inputRequests: {
        ...(elicitation === undefined ? {} : { user_name: who }),
        ...(sampling === undefined ? {} : { greeting: sampled("Generate a greeting") }),
        ...(roots === undefined ? {} : { client_roots: inputRequired.listRoots() }),
      },
    });
  });
}

function changes(server: McpServer, tell: (event: ServerEvent) => void): void {
  server.registerTool("test_trigger_tool_change", { description: "Says that the list of tools has changed", inputSchema: NOTHING }, () => {
    tell({ kind: "tools_list_changed" });
    return text("said");
  });
  server.registerTool("test_trigger_prompt_change", { description: "Says that the list of prompts has changed", inputSchema: NOTHING }, () => {
    tell({ kind: "prompts_list_changed" });
    return text("said");
  });
}

function resources(server: McpServer): void {
  const give = (name: string, mimeType: string, content: { readonly text: string } | { readonly blob: string }): void => void server.registerResource(name, `test://${name}`, { description: `The ${name}`, mimeType }, ({ href: uri }) => ({ contents: [{ uri, mimeType, ...content }] }));
  give("static-text", "text/plain", { text: "This is the content of the static text resource." });
  give("static-binary", "image/png", { blob: PNG });
  give("watched-resource", "text/plain", { text: "It may change." });
  server.registerResource("template", new ResourceTemplate("test://template/{id}/data", { list: undefined }), { description: "By its id", mimeType: "application/json" }, ({ href: uri }, { id }) => ({
    contents: [{ uri, mimeType: "application/json", text: JSON.stringify({ id, templateTest: true, data: `Data for ID: ${String(id)}` }) }],
  }));
}

function prompts(server: McpServer): void {
  const words = (said: string) => ({ role: "user" as const, content: { type: "text" as const, text: said } });
  server.registerPrompt("test_simple_prompt", { description: "Words" }, () => ({ messages: [words("This is a simple prompt for testing.")] }));
  const completed = completable(z.string().describe("The first"), (value) => ["paris", "park", "party"].filter((each) => each.startsWith(value)));
  server.registerPrompt("test_prompt_with_arguments", { description: "Words with two more", argsSchema: z.object({ arg1: completed, arg2: z.string().describe("The second") }) }, ({ arg1, arg2 }) => ({ messages: [words(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`)] }));
  server.registerPrompt("test_prompt_with_embedded_resource", { description: "Words about a resource", argsSchema: z.object({ resourceUri: z.string() }) }, ({ resourceUri: uri }) => ({
    messages: [{ role: "user", content: { type: "resource", resource: { uri, mimeType: "text/plain", text: "Embedded resource content for testing." } } }, words("Please process the embedded resource above.")],
  }));
  server.registerPrompt("test_prompt_with_image", { description: "Words about an image" }, () => ({ messages: [{ role: "user", content: { type: "image", data: PNG, mimeType: "image/png" } }, words("Please analyze the image above.")] }));
  server.registerPrompt("test_input_required_result_prompt", { description: "Words that need input first" }, ({ mcpReq }) => {
    const context = acceptedContent(mcpReq.inputResponses, "user_context", z.object({ context: z.string() }));
    if (context === undefined) return inputRequired({ inputRequests: { user_context: inputRequired.elicit({ message: "What context should the prompt use?", requestedSchema: question("context") }) } });
    return { messages: [words(`In this context: ${context.context}`)] };
  });
}

/** Of what the client said it can do, in the request itself. */
function capabilities({ envelope }: ServerContext["mcpReq"]): { readonly elicitation?: unknown; readonly sampling?: unknown; readonly roots?: unknown } {
  return (envelope as Readonly<Record<string, object>> | undefined)?.[CLIENT_CAPABILITIES_META_KEY] ?? {};
}

function wordsOf(content: unknown): string {
  return [content].flat().map((each) => (each as { text?: string }).text ?? "").join(" ");
}

function word(number: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(number);
  return bytes;
}
