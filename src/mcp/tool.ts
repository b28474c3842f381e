/**
 * What a tool of the MCP server is, and how its answer or refusal becomes a result of the protocol. The tools are in tools/,
 * one file each; here is what all of them have in common: who calls, asking the person, the length of an answer, and noting
 * what was handed out.
 */
import { inputRequired, inputResponse, type CallToolResult, type InputRequiredResult, type ServerContext, type StandardSchemaWithJSON } from "@modelcontextprotocol/server";
import type * as z from "zod";
import { asTidemarkError } from "../base/errors.ts";
import { printable } from "../base/text.ts";
import { loadTokenizer } from "../base/tokens.ts";
import { recordGiven } from "../operations/given.ts";
import { advertised } from "./advertised.ts";
import type { Scope } from "./scopes.ts";
import type { Caller, Serving } from "./serving.ts";

/** Every hint is given: a client takes one that is missing for the worst. */
export interface Hints {
  readonly readOnlyHint: boolean;
  readonly destructiveHint: boolean;
  readonly idempotentHint: boolean;
  readonly openWorldHint: boolean;
}

export interface Tool {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  /** Made once, when the file is loaded: a server is made anew for each request. */
  readonly input: StandardSchemaWithJSON;
  readonly hints: Hints;
  /** What a token must be good for, over HTTP. */
  readonly scope: Scope;
  readonly run: (input: unknown, call: Call) => Promise<Answer | Question>;
}

/** For the file of a tool: its input is known there, and the list of tools need not know it. */
export function tool<Input extends z.ZodType>({ input, run, ...rest }: Omit<Tool, "input" | "run"> & { readonly input: Input; readonly run: (input: z.output<Input>, call: Call) => Promise<Answer | Question> }): Tool {
  return { ...rest, input: advertised(input), run: run as Tool["run"] };
}

export interface Call extends Caller {
  readonly serving: Serving;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** What the person said to this call's question; unanswered: they left it, or nobody is there; cannot: their client has no way to ask. */
  readonly consent: "unasked" | "yes" | "no" | "unanswered" | "cannot";
}

export interface Answer {
  readonly text: string;
  /** What of the log is in it, where something is: that is noted. */
  readonly given?: { readonly events: readonly string[]; readonly memories: readonly string[] };
  readonly links?: readonly { readonly uri: string; readonly name: string }[];
}

/** To be put to the person before anything is done; the call comes again with what they said. */
export interface Question {
  readonly question: string;
}

/** Clients cut at 25,000 tokens, and what they cut off is lost; counted by ours, which finds fewer in code than theirs. */
const MOST_TOKENS = 20_000;
/** No text of so few characters has more. */
const SURELY_FEWER = 6000;

/** Characters that are counted at most: no prose has so few tokens, and counting a megabyte takes a second. */
const COUNTED = 200_000;

/** Ends where a word does, if one does. */
const PIECES = /[^]{1,2000}(?=\s|$)|[^]{1,2000}/gu;

/** Of a delimited text. */
const END = "\n</tidemark>";

const QUESTION = "confirm";

export async function answer(each: Tool, input: unknown, caller: Caller, serving: Serving, ctx: ServerContext, canAsk: boolean): Promise<CallToolResult | InputRequiredResult> {
  try {
    const now = serving.clock();
    const said = await each.run(input, { ...caller, serving, now, consent: consentIn(ctx, canAsk) });
    if ("question" in said) return inputRequired({ inputRequests: { [QUESTION]: inputRequired.elicit({ message: said.question, requestedSchema: { type: "object", properties: {} } }) } });
    const { given, links = [] } = said;
    const { text, tokens } = await fitted(said.text, given !== undefined);
    if (given !== undefined) await note(`mcp ${each.name}`, given, tokens, caller, serving, now, String(ctx.mcpReq.id));
    return { content: [{ type: "text", text }, ...links.map((link) => ({ type: "resource_link" as const, ...link }))] };
  } catch (error) {
    return { content: [{ type: "text", text: refusal(error, serving.onTrouble) }], isError: true };
  }
}

function consentIn({ mcpReq }: ServerContext, canAsk: boolean): Call["consent"] {
  const response = inputResponse(mcpReq.inputResponses, QUESTION);
  if (response.kind === "elicit") return response.action === "accept" ? "yes" : response.action === "decline" ? "no" : "unanswered";
  return canAsk ? "unasked" : "cannot";
}

/** At most what a client shows whole; `counted`: the number is wanted. */
export async function fitted(text: string, counted: boolean): Promise<{ readonly text: string; readonly tokens: number }> {
  if (!counted && text.length <= SURELY_FEWER) return { text, tokens: 0 };
  const whole = await loadTokenizer();
  // Piece by piece: of one word without an end the tokenizer takes the square of its length.
  const count = (all: string): number => (all.length <= SURELY_FEWER ? whole(all) : (all.match(PIECES) ?? []).reduce((sum, piece) => sum + whole(piece), 0));
  let kept = text.length <= COUNTED ? text : cut(text, COUNTED);
  let tokens = count(kept);
  for (let length = kept.length; tokens > MOST_TOKENS; tokens = count(kept)) {
    length = Math.floor((length * MOST_TOKENS * 0.95) / tokens);
    kept = cut(text, length);
  }
  return { text: kept, tokens };
}

/** A quotation that is begun is ended, or what stands behind it would be taken for a part of it. */
function cut(text: string, length: number): string {
  const piece = text.slice(0, length).replace(/[\ud800-\udbff]$/, "");
  return `${piece}\n[cut here: ask for less at a time]${piece.startsWith("<tidemark ") && !piece.includes(END) ? END : ""}`;
}

/** What was handed out is an event, so that its use can be learned from. A store that is busy keeps nobody from an answer. */
export async function note(through: string, { events, memories }: NonNullable<Answer["given"]>, tokens: number, { principal, client }: Caller, serving: Serving, now: number, key: string): Promise<void> {
  try {
    await recordGiven(await serving.store(), { through, tokens, events, memories, principal, ...(client === undefined ? {} : { client }) }, now, key);
  } catch (error) {
    serving.onTrouble(error);
  }
}

/** What was wrong and what to do about it. Of what broke inside nothing is told that could hold a path or a secret. */
export function refusal(error: unknown, onTrouble: (error: unknown) => void): string {
  const { kind, code, message, hint } = asTidemarkError(error);
  if (kind !== "internal") return printable(`${message}. ${hint}`);
  onTrouble(error);
  return `Something went wrong inside Tidemark (${code}). Ask the user to run: tidemark doctor`;
}
