/**
 * What a tool of the MCP server is, and how its answer or refusal becomes a result of the protocol. The tools are in tools/,
 * one file each; here is what all of them have in common.
 */
import type { CallToolResult } from "@modelcontextprotocol/server";
import type * as z from "zod";
import { asTidemarkError } from "../base/errors.ts";
import { printable } from "../base/text.ts";
import type { Serving } from "./serving.ts";

/** Every hint is given: a client takes one that is missing for the worst. */
export interface Hints {
  readonly readOnlyHint: boolean;
  readonly destructiveHint: boolean;
  readonly idempotentHint: boolean;
  readonly openWorldHint: boolean;
}

export interface Tool<Input extends z.ZodType = z.ZodType> {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  /** Made once, when the file is loaded: a server is made anew for each request. */
  readonly input: Input;
  readonly hints: Hints;
  readonly run: (input: z.output<Input>, call: Call) => Promise<Answer>;
}

/** For the file of a tool: its input is known there, and the list of tools need not know it. */
export function tool<Input extends z.ZodType>(given: Tool<Input>): Tool {
  return given as unknown as Tool;
}

export interface Call {
  readonly serving: Serving;
  /** Milliseconds since 1970. */
  readonly now: number;
}

export interface Answer {
  readonly text: string;
}

export async function answer(each: Tool, input: unknown, call: Call): Promise<CallToolResult> {
  try {
    const { text } = await each.run(input, call);
    return { content: [{ type: "text", text }] };
  } catch (error) {
    return { content: [{ type: "text", text: refusal(error, call.serving.onTrouble) }], isError: true };
  }
}

/** What was wrong and what to do about it. Of what broke inside nothing is told that could hold a path or a secret. */
function refusal(error: unknown, onTrouble: (error: unknown) => void): string {
  const { kind, code, message, hint } = asTidemarkError(error);
  if (kind !== "internal") return printable(`${message}. ${hint}`);
  onTrouble(error);
  return `Something went wrong inside Tidemark (${code}); nothing was changed by this call. Ask the user to run: tidemark doctor`;
}
