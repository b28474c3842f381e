/**
 * The body of a request: read up to a bound, and taken for JSON. What is nested deeper than anything the protocol has is
 * refused before it is parsed: what walks it afterwards calls itself for each level.
 */
import type { IncomingMessage } from "node:http";

export interface BodyLimits {
  readonly bytes: number;
  readonly depth: number;
}

export type Body = { readonly value: unknown } | { readonly status: 400 | 413; readonly code: number; readonly message: string };

/** Undefined when the client went away in the middle. */
export async function readBody(request: IncomingMessage, limits: BodyLimits): Promise<Body | undefined> {
  const tooLarge: Body = { status: 413, code: -32000, message: `The body is larger than ${limits.bytes} bytes` };
  if (Number(request.headers["content-length"] ?? 0) > limits.bytes) return tooLarge;
  const parts: Buffer[] = [];
  let size = 0;
  try {
    for await (const part of request as AsyncIterable<Buffer>) {
      size += part.length;
      if (size > limits.bytes) return tooLarge;
      parts.push(part);
    }
  } catch {
    return undefined;
  }
  return parse(Buffer.concat(parts), limits.depth);
}

export function parse(bytes: Buffer, depth: number): Body {
  const wrong = (message: string): Body => ({ status: 400, code: -32700, message: `Parse error: ${message}` });
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return wrong("the body is not UTF-8");
  }
  if (isDeeper(text, depth)) return wrong(`the body is nested deeper than ${depth} levels`);
  try {
    return { value: JSON.parse(text) };
  } catch {
    return wrong("the body is not valid JSON");
  }
}

/** Brackets outside of strings. */
export function isDeeper(text: string, most: number): boolean {
  let depth = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (quoted) {
      if (character === "\\") at++;
      else if (character === '"') quoted = false;
    } else if (character === '"') quoted = true;
    else if (character === "{" || character === "[") {
      if (++depth > most) return true;
    } else if (character === "}" || character === "]") depth--;
  }
  return false;
}
